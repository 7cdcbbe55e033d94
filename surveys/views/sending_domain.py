"""The health of the domain that mail comes from, as it was last looked up. Opening the page asks nobody."""

from typing import Any

from django.conf import settings
from django.contrib import messages
from django.http import HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_POST, require_safe

from core.errors import Refused
from surveys import provider_events
from surveys.channels.mail.domain_health import Tone
from surveys.services import sending_domain as services
from surveys.services import sns
from team.http import UserRequest, requires
from team.permissions import can_administer

TONES = {
    Tone.GOOD: ("good", "Fine"), Tone.WATCH: ("watch", "Could be better"), Tone.BAD: ("bad", "Needs a change"),
    Tone.UNKNOWN: ("", "Not known"),
}  # fmt: skip


@requires(can_administer)
@require_safe
def sending_domain(request: UserRequest) -> HttpResponseBase:
    return _page(request)


@requires(can_administer)
@require_POST
def sending_domain_check(request: UserRequest) -> HttpResponseBase:
    """Look the domain up now: some seconds at most, whatever the name servers do."""
    typed = request.POST.get("selectors", "")[:500]
    try:
        services.look(selectors=services.read_selectors(typed))
    except Refused as refusal:
        return _page(request, typed=typed, problem=refusal.message, status=422)
    messages.info(request, "The domain was looked up just now.")
    return redirect("surveys:sending_domain")


@requires(can_administer)
@require_POST
def sns_dismiss(request: UserRequest) -> HttpResponseBase:
    """The subscription was confirmed, or is not wanted."""
    sns.forget()
    return redirect("surveys:sending_domain")


def _page(
    request: UserRequest, *, typed: str | None = None, problem: str = "", status: int = 200
) -> HttpResponseBase:
    seen = services.last_seen()
    checks = [(check, *TONES[check.tone]) for check in seen.health.checks] if seen else []
    selectors = seen.selectors if seen else tuple(settings.DKIM_SELECTORS)
    provider = services.provider_name()
    context: dict[str, Any] = {
        "sender": services.sender(),
        "domain": services.domain(),
        "provider": services.provider().name,
        "seen": seen,
        "checks": checks,
        "overall": TONES[seen.health.tone] if seen else None,
        "selectors": " ".join(selectors) if typed is None else typed,
        "problem": problem,
        "hooks_are_on": provider_events.is_configured(),
        "hook": _hook(provider),
        "inbound_address": settings.INBOUND_ADDRESS,
        "sns": sns.waiting(),
    }
    return render(request, "surveys/sending_domain.html", context, status=status)


def _hook(provider: str) -> str:
    if not provider:
        return ""
    path = "mandrill/" if provider == "mandrill" else f"{provider}/tracking/"
    return settings.BASE_URL + reverse("surveys:mail_hook", args=[path])
