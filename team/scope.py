"""Row scope: how far a role sees. The filter it turns into is accounts.querysets.accounts_visible_to."""

from typing import TYPE_CHECKING

from django.apps import apps

from team.domain import DEFAULT_SCOPES, Role, RowScope

if TYPE_CHECKING:
    from team.models import User


def scope_of(user: "User") -> RowScope:
    """The row scope of `user`'s role, read once per user object."""
    cached: RowScope | None = getattr(user, "_row_scope", None)
    if cached is None:
        stored = (
            apps.get_model("team", "RoleScope")
            ._default_manager.filter(role=user.role)
            .values_list("scope", flat=True)
            .first()
        )
        cached = RowScope(stored) if stored else DEFAULT_SCOPES[Role(user.role)]
        user._row_scope = cached  # type: ignore[attr-defined]
    return cached
