"""Chainable filters of the customer tables; row scope (`visible_to`) lives here and nowhere else."""

from typing import TYPE_CHECKING, Self, TypeVar

from django.apps import apps
from django.db import models
from django.db.models import Q

from accounts.domain import Sharing
from team.domain import RowScope
from team.scope import scope_of

if TYPE_CHECKING:
    from accounts.models import Account, Contact, Import, Segment  # noqa: F401 - named in QuerySet[...]
    from team.models import User

M = TypeVar("M", bound=models.Model)


def accounts_visible_to(user: "User", prefix: str = "") -> Q:
    """A filter for rows whose account (reached by `prefix`, e.g. "account__") `user` may see.

    Own: accounts the person owns, as primary owner or in any role. Team: those of anybody in the same team. All:
    everything, rows without an account included. An inactive person sees nothing.
    """
    if not user.is_active:
        return Q(pk__in=[])
    scope = scope_of(user)
    if scope is RowScope.ALL:
        return Q()
    roles = apps.get_model("accounts", "AccountOwner")._default_manager.values("account_id")
    if scope is RowScope.OWN or user.team_id is None:
        return Q(**{f"{prefix}owner": user.pk}) | Q(**{f"{prefix}pk__in": roles.filter(user=user.pk)})
    return Q(**{f"{prefix}owner__team": user.team_id}) | Q(
        **{f"{prefix}pk__in": roles.filter(user__team=user.team_id)}
    )


class OfAccountQuerySet(models.QuerySet[M]):
    """Rows that belong to an account through their field `account`."""

    def visible_to(self, user: "User") -> Self:
        """The rows of accounts `user` may see; rows without an account are for scope *all* only."""
        return self.filter(accounts_visible_to(user, "account__"))


class AccountQuerySet(models.QuerySet["Account"]):
    def visible_to(self, user: "User") -> Self:
        """The accounts a person may see, without those that were merged into another."""
        return self.filter(accounts_visible_to(user)).live()

    def live(self) -> Self:
        return self.filter(merged_into__isnull=True)


class ContactQuerySet(models.QuerySet["Contact"]):
    def visible_to(self, user: "User") -> Self:
        return self.filter(accounts_visible_to(user, "account__"))

    def live(self) -> Self:
        """Contacts that are neither merged away nor erased."""
        return self.filter(merged_into__isnull=True, erased_at__isnull=True)


class SegmentQuerySet(models.QuerySet["Segment"]):
    def visible_to(self, user: "User") -> Self:
        """Segments shared with everybody or with one's team, and one's own; the rows one yields are always those of the
        person looking."""
        seen = Q(sharing=Sharing.EVERYBODY) | Q(owner=user)
        if user.team_id is not None:
            seen |= Q(sharing=Sharing.TEAM, owner__team=user.team_id)
        return self.filter(seen)


class ImportQuerySet(models.QuerySet["Import"]):
    def visible_to(self, user: "User") -> Self:
        """A file holds rows of anybody's accounts: it is for scope *all*, and for whoever uploaded it."""
        if not user.is_active:
            return self.none()
        return self if scope_of(user) is RowScope.ALL else self.filter(created_by=user)
