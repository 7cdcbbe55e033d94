"""How a webhook stands: good and bad tries, being left alone for a while, and being switched off with a notice."""

import datetime as dt

from django.db import transaction
from django.db.models import F, Q
from django.db.models.functions import Coalesce, Now

from core import clock
from integrations.outgoing import domain, notices
from integrations.outgoing.domain import Reason, WebhookState
from integrations.outgoing.models import Webhook
from team.domain import Role


def succeeded(webhook: Webhook) -> None:
    """At least one delivery of this batch was taken."""
    Webhook.objects.filter(pk=webhook.pk).update(
        last_success_at=clock.now(), failing_since=None, failures=0, hold_until=None, last_error=""
    )


def failed(webhook: Webhook, error: str, *, hold: bool, asked: float | None = None) -> None:
    """A try failed. With `hold` the target is left alone for a while; after days of nothing but failures it is disabled."""
    now = clock.now()
    rows = Webhook.objects.filter(pk=webhook.pk)
    rows.update(
        failures=F("failures") + 1, failing_since=Coalesce("failing_since", now), last_error=error[:300]
    )
    fresh = rows.first()
    if fresh is None:
        return
    if hold:
        rest = domain.hold_after(fresh.failures, asked=asked)
        rows.update(hold_until=Now() + dt.timedelta(seconds=rest))
    since = fresh.failing_since
    if (
        since is not None
        and now - since >= dt.timedelta(days=domain.DISABLE_AFTER_DAYS)
        and fresh.failures >= domain.DISABLE_AFTER_FAILURES
    ):
        disable(fresh, Reason.FAILING, error)


@transaction.atomic
def disable(webhook: Webhook, reason: Reason, error: str) -> bool:
    """Switch a webhook off and tell its owner; False where it was off already. What waits is kept for a replay."""
    changed = Webhook.objects.filter(
        pk=webhook.pk, state__in=[WebhookState.ACTIVE, WebhookState.PAUSED]
    ).update(state=WebhookState.DISABLED, reason=reason, state_since=clock.now(), last_error=error[:300])
    if changed:
        webhook.refresh_from_db()
        notices.tell_disabled(webhook)
    return bool(changed)


def pause_orphans() -> int:
    """With every tick: pause what nobody stands for any more (the owner left or may only look, the key was ended)."""
    now = clock.now()
    active = Webhook.objects.filter(state=WebhookState.ACTIVE)
    working = Q(owner__is_active=True, owner__role__in=[Role.ADMINISTRATOR, Role.LEAD, Role.CSM])
    ended = Q(api_key__revoked_at__isnull=False) | Q(api_key__expires_at__lte=now)
    paused = active.filter(~working | Q(owner__isnull=True)).update(
        state=WebhookState.PAUSED, reason=Reason.OWNER, state_since=now
    )
    return paused + active.filter(ended).update(state=WebhookState.PAUSED, reason=Reason.KEY, state_since=now)


def may_send() -> Q:
    """Which webhooks send now, to be reached from a delivery."""
    working = Q(
        webhook__owner__is_active=True,
        webhook__owner__role__in=[Role.ADMINISTRATOR, Role.LEAD, Role.CSM],
    )
    key = Q(webhook__api_key__isnull=True) | (
        Q(webhook__api_key__revoked_at__isnull=True)
        & (Q(webhook__api_key__expires_at__isnull=True) | Q(webhook__api_key__expires_at__gt=clock.now()))
    )
    return working & key
