"""API keys: made with their scopes, shown once, revoked."""

from typing import Any

from allauth.account.decorators import reauthentication_required
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST

from core import clock
from core.errors import Refused
from team import queries
from team.forms import KeyForm, show_refusal
from team.http import UserRequest, requires
from team.permissions import can_administer
from team.services import keys as services


@requires(can_administer)
def key_list(request: UserRequest) -> HttpResponse:
    return render(request, "team/key_list.html", {"keys": queries.list_keys(), "now": clock.now()})


@requires(can_administer)
@reauthentication_required  # type: ignore[untyped-decorator]
@never_cache
def key_create(request: UserRequest) -> HttpResponse:
    form = KeyForm(request.POST or None, initial={"user": request.user.pk})
    if request.method == "POST" and form.is_valid():
        chosen: dict[str, Any] = form.cleaned_data
        try:
            key, text = services.create_key(
                name=chosen["name"],
                user=chosen["user"],
                scopes=chosen["scopes"],
                rate_limit=chosen["rate_limit"],
                expires_at=form.expires_at(),
                actor=request.user,
            )
        except Refused as refusal:
            show_refusal(form, refusal)
        else:
            # Shown in the answer itself: after a redirect the key would have to be stored somewhere in between.
            return render(request, "team/key_created.html", {"key": key, "text": text})
    return render(request, "team/key_create.html", {"form": form}, status=422 if form.is_bound else 200)


@requires(can_administer)
@require_POST
def key_revoke(request: UserRequest, pk: int) -> HttpResponse:
    key = get_object_or_404(queries.list_keys(), pk=pk)
    services.revoke_key(key=key, actor=request.user)
    messages.success(request, f"“{key.name}” is revoked. Its next request is refused.")
    return redirect("team:key_list")
