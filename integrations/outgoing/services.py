"""What people, keys and time do to webhooks."""

import datetime as dt
import secrets as randomness
from collections.abc import Mapping, Sequence
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import Q, QuerySet
from django.db.models.functions import Now

from accounts.models import Event
from core import clock, fetch, jobs, outbox
from core.errors import Invalid, Refused
from core.outbox import State
from integrations.outgoing import catalogue, conditions, domain, hearing, payload, signing
from integrations.outgoing.domain import Cause, Reason, WebhookState
from integrations.outgoing.models import Webhook, WebhookDelivery
from team import audit
from team.authentication import has_scope
from team.domain import ApiScope
from team.models import ApiKey, User
from team.permissions import can_administer, can_work
from workflows.models import Run

CATCH_UP = "integrations.webhook_catch_up"
CATCH_UP_AFTER = dt.timedelta(seconds=5)
MAX_WEBHOOKS = 200
NAMED = ("name", "url", "kinds", "conditions", "includes_imports")


# --- Setting up ----------------------------------------------------------------------------------------------
@transaction.atomic
def create_webhook(
    *,
    name: str,
    url: str,
    kinds: Sequence[str],
    actor: User,
    conditions: Mapping[str, Any] | None = None,
    includes_imports: bool = False,
    api_key: ApiKey | None = None,
) -> tuple[Webhook, str]:
    """A webhook at work from now on, and its secret, which is never shown again. `kinds` empty: only rules use it.

    It tells what `actor`, its owner, may see. Refuses addresses inside the network and kinds that the key may not read.
    """
    _refuse_onlooker(actor)
    if Webhook.objects.count() >= MAX_WEBHOOKS:
        raise Refused(f"There are {MAX_WEBHOOKS} webhooks already. Delete one that is no longer used.")
    webhook = Webhook(
        name=_name(name, url), url=_address(url), kinds=_kinds(kinds, api_key), conditions=_filter(conditions, actor),
        includes_imports=includes_imports, owner=actor, created_by=actor, api_key=api_key, state_since=clock.now(),
    )  # fmt: skip
    webhook.save()
    secret = signing.new_secret()
    signing.seal(webhook, [secret])
    webhook.save(update_fields=["secrets"])
    audit.record(action="webhook.created", actor=actor, obj=webhook, kinds=webhook.kinds)
    _begin(webhook)
    return webhook, secret


@transaction.atomic
def update_webhook(*, webhook: Webhook, actor: User, **changes: Any) -> Webhook:
    """Change name, url, kinds, conditions or includes_imports. Another host gets a new secret only by `rotate_secret`: what
    is sent there is signed, and a signature gives no secret away."""
    webhook = _held(webhook, actor)
    if unknown := set(changes) - set(NAMED):
        raise TypeError(f"A webhook has no {', '.join(sorted(unknown))} to change")
    url = str(changes.get("url", webhook.url))
    checked: dict[str, Any] = {}
    if "url" in changes:
        checked["url"] = _address(url)
    if "name" in changes:
        checked["name"] = _name(changes["name"], url)
    if "kinds" in changes:
        checked["kinds"] = _kinds(changes["kinds"], webhook.api_key)
    if "conditions" in changes:
        checked["conditions"] = _filter(changes["conditions"], actor)
    if "includes_imports" in changes:
        checked["includes_imports"] = bool(changes["includes_imports"])
    differing = {name: value for name, value in checked.items() if getattr(webhook, name) != value}
    if not differing:
        return webhook
    for name, value in differing.items():
        setattr(webhook, name, value)
    if "url" in differing:
        webhook.failures, webhook.failing_since, webhook.hold_until = 0, None, None
    webhook.save()
    audit.record(action="webhook.updated", actor=actor, obj=webhook, fields=sorted(differing))
    _begin(webhook)
    return webhook


@transaction.atomic
def rotate_secret(*, webhook: Webhook, actor: User) -> str:
    """A new secret, returned once. For ROTATION_HOURS messages carry signatures of both, so that a receiver can change over
    without losing any."""
    webhook = _held(webhook, actor)
    secret = signing.new_secret()
    try:
        before = signing.open_secrets(webhook)[:1]
    except Refused:
        before = []
    signing.seal(webhook, [secret, *before])
    webhook.previous_until = clock.now() + dt.timedelta(hours=domain.ROTATION_HOURS) if before else None
    webhook.save(update_fields=["secrets", "previous_until"])
    audit.record(action="webhook.rotated", actor=actor, obj=webhook)
    return secret


@transaction.atomic
def take_over(*, webhook: Webhook, actor: User) -> None:
    """Make it the actor's: from now on it tells what they may see, without the limits of the key that made it."""
    webhook = _held(webhook, actor)
    if webhook.owner_id == actor.pk and webhook.api_key_id is None:
        raise Refused("This webhook is yours already.")
    audit.record(action="webhook.taken_over", actor=actor, obj=webhook, owner=webhook.owner_id)
    webhook.owner, webhook.api_key = actor, None
    webhook.save(update_fields=["owner", "api_key"])
    hearing.look_again()


@transaction.atomic
def delete_webhook(*, webhook: Webhook, actor: User) -> None:
    """Delete it with its log. What waits is not sent any more."""
    webhook = _held(webhook, actor, only_ends=True)
    audit.record(action="webhook.deleted", actor=actor, obj=webhook)
    webhook.delete()
    hearing.look_again()


# --- On and off ----------------------------------------------------------------------------------------------
@transaction.atomic
def pause(*, webhook: Webhook, actor: User) -> None:
    """Stop sending. What happens meanwhile is collected and sent when it is resumed."""
    webhook = _held(webhook, actor, only_ends=True)
    if webhook.state != WebhookState.ACTIVE:
        raise Refused("Only a webhook at work can be paused.")
    _set(webhook, WebhookState.PAUSED, Reason.BY_HAND)
    audit.record(action="webhook.paused", actor=actor, obj=webhook)


@transaction.atomic
def resume(*, webhook: Webhook, actor: User) -> None:
    """Send again, at once and also what waited. After it was disabled, what happened meanwhile is fetched by a replay."""
    webhook = _held(webhook, actor)
    if webhook.state == WebhookState.ACTIVE:
        raise Refused("This webhook is at work already.")
    if webhook.owner is None or not can_work(webhook.owner):
        raise Refused("Its owner left or may only look. Take the webhook over first.", code="no_owner")
    if webhook.api_key is not None and _has_ended(webhook.api_key):
        raise Refused(
            "The API key that made it was revoked or has expired. Take the webhook over first.",
            code="key_ended",
        )
    _filter(webhook.conditions, actor)
    webhook.failures, webhook.failing_since, webhook.hold_until = 0, None, None
    _set(webhook, WebhookState.ACTIVE, Reason.NONE)
    audit.record(action="webhook.resumed", actor=actor, obj=webhook)
    _begin(webhook)


def _set(webhook: Webhook, state: WebhookState, reason: Reason) -> None:
    webhook.state, webhook.reason, webhook.state_since = state, reason, clock.now()
    webhook.save(
        update_fields=[
            "state",
            "reason",
            "state_since",
            "failures",
            "failing_since",
            "hold_until",
            "updated_at",
        ]
    )
    hearing.look_again()


def _has_ended(key: ApiKey) -> bool:
    return key.revoked_at is not None or (key.expires_at is not None and key.expires_at <= clock.now())


def _begin(webhook: Webhook) -> None:
    """It asks for events from now on. Workers remember for a second who asks for what, so what happens in that second is
    looked up once more a little later."""
    hearing.look_again()
    if not webhook.kinds:
        return
    jobs.submit(
        CATCH_UP,
        webhook.pk,
        payload={"since": clock.now().isoformat(), "not_before": CATCH_UP_AFTER.total_seconds()},
    )


# --- Trying out and sending again ----------------------------------------------------------------------------
@transaction.atomic
def send_test(*, webhook: Webhook, kind: str, actor: User) -> WebhookDelivery:
    """Send the newest event of the kind that its owner may see, or an invented one, marked as a test. One try, no repeats."""
    webhook = _held(webhook, actor)
    if catalogue.find(kind) is None:
        raise Invalid("Choose one of the events in the list.", field="kind")
    if webhook.owner is None or not can_work(webhook.owner):
        raise Refused("Its owner left or may only look. Take the webhook over first.", code="no_owner")
    token = randomness.token_hex(8)
    event = newest_event(webhook, kind)
    row = WebhookDelivery(
        key=f"webhook:{webhook.pk}:test:{token}", webhook=webhook, event=event, kind=kind, cause=Cause.TEST,
        message_id=f"test_{token}", occurred_at=event.occurred_at if event else clock.now(),
    )  # fmt: skip
    outbox.add([row])
    jobs.wake(hearing.KIND)
    audit.record(action="webhook.tested", actor=actor, obj=webhook, kind=kind)
    return WebhookDelivery.objects.get(key=row.key)


def newest_event(webhook: Webhook, kind: str) -> Event | None:
    if webhook.owner is None or not payload.may_read(webhook, _scope(kind)):
        return None
    return Event.objects.visible_to(webhook.owner).filter(kind=kind).order_by("-occurred_at", "-pk").first()


def queue_for_rule(*, webhook: Webhook, run: Run, step_key: str) -> WebhookDelivery:
    """Have a step of a rule tell the webhook of what started the run, once for each step, whatever it subscribes to."""
    if webhook.state == WebhookState.DISABLED:
        raise Refused(
            f"The webhook “{webhook.name}” is switched off. Switch it on, then try this step again."
        )
    event = run.event
    row = WebhookDelivery(
        key=f"webhook:{webhook.pk}:{step_key}", webhook=webhook, event=event, run=run,
        kind=event.kind if event else "rule.run", cause=Cause.RULE,
        message_id=f"{payload.message_id_of(event) if event else 'run'}_{step_key.replace(':', '_')}"[:80],
        occurred_at=event.occurred_at if event else run.started_at,
    )  # fmt: skip
    outbox.add([row])
    jobs.wake(hearing.KIND)
    return WebhookDelivery.objects.get(key=row.key)


ENDED = (State.DONE, State.DEAD, State.FAILED, State.CANCELLED, State.IN_DOUBT)
UNDELIVERED = (State.DEAD, State.FAILED, State.IN_DOUBT)


@transaction.atomic
def replay_delivery(*, delivery: WebhookDelivery, actor: User) -> None:
    """Send one message again, under the same id and with all tries ahead."""
    webhook = _held(delivery.webhook, actor)
    if delivery.cause == Cause.TEST:
        raise Refused("A test is not sent again. Send another test.")
    again = WebhookDelivery.objects.filter(pk=delivery.pk, state__in=ENDED)
    if not _put_back(again):
        raise Refused("This message is waiting to be sent already.", code="is_waiting")
    audit.record(action="webhook.replayed", actor=actor, obj=webhook, deliveries=1)


@transaction.atomic
def replay_range(
    *,
    webhook: Webhook,
    actor: User,
    since: dt.datetime,
    until: dt.datetime | None = None,
    only_failed: bool = True,
) -> int:
    """Send again what was due for the webhook between two moments (of the events), under the same ids; returns how many.

    With `only_failed` what was taken already is left out. Events of that time that were never queued, because the webhook
    was off or asked for less, are looked up by a job and sent too.
    """
    webhook = _held(webhook, actor)
    until = until or clock.now()
    if since >= until:
        raise Invalid("The beginning must lie before the end.", field="since")
    if webhook.state == WebhookState.DISABLED:
        raise Refused("This webhook is switched off. Switch it on first.", code="disabled")
    rows = webhook.deliveries.filter(
        occurred_at__gte=since, occurred_at__lte=until, state__in=UNDELIVERED if only_failed else ENDED
    ).exclude(cause=Cause.TEST)
    count = _put_back(rows)
    audit.record(
        action="webhook.replayed", actor=actor, obj=webhook, deliveries=count, since=since.isoformat(),
        until=until.isoformat(), only_failed=only_failed,
    )  # fmt: skip
    jobs.submit(
        CATCH_UP, webhook.pk, payload={"since": since.isoformat(), "until": until.isoformat(), "is_replay": True},
        requested_by=actor.pk,
    )  # fmt: skip
    return count


def _put_back(rows: "QuerySet[WebhookDelivery]") -> int:
    count = rows.update(
        state=State.PENDING, attempts=0, owner="", error="", lease_until=None, finished_at=None, next_at=Now(),
        replayed_at=clock.now(),
    )  # fmt: skip
    jobs.wake(hearing.KIND)
    return count


@jobs.handler(CATCH_UP, long=True)
def catch_up(job: jobs.JobContext) -> None:
    """Queue the events of a time that the webhook asks for and was never told of. What it was told of stays as it is."""
    webhook = Webhook.objects.select_related("owner", "api_key").filter(pk=job.subject_id or 0).first()
    if webhook is None or webhook.state == WebhookState.DISABLED:
        return
    if (wait := job.payload.get("not_before")) is not None:
        job.save(not_before=None)
        raise jobs.Paused(float(wait))
    since = dt.datetime.fromisoformat(job.payload["since"])
    is_replay = bool(job.payload.get("is_replay"))
    column = "occurred_at" if is_replay else "recorded_at"
    events = Event.objects.filter(kind__in=webhook.kinds, **{f"{column}__gte": since}).order_by("pk")
    if until := job.payload.get("until"):
        events = events.filter(**{f"{column}__lte": dt.datetime.fromisoformat(until)})
    position = int(job.payload.get("position", 0))
    while page := list(events.filter(pk__gt=position)[:200]):
        with transaction.atomic():
            for event in page:
                hearing.queue(event, [webhook], is_replay=is_replay)
            position = page[-1].pk
            job.save(position=position)
        job.report(position)


# --- By itself -----------------------------------------------------------------------------------------------
def forget_old() -> int:
    """Once an hour: forget messages that ended longer ago than they are kept, with their tries. What waits stays."""
    edge = clock.now() - dt.timedelta(days=settings.WEBHOOK_KEEP_DAYS)
    old = WebhookDelivery.objects.filter(state__in=ENDED, finished_at__lt=edge)
    gone, _ = WebhookDelivery.objects.filter(pk__in=list(old.values_list("pk", flat=True)[:10_000])).delete()
    return gone


@transaction.atomic
def clear_log(*, webhook: Webhook, actor: User, before: dt.datetime) -> int:
    """Forget, by hand, messages that ended before a moment; returns how many."""
    webhook = _held(webhook, actor)
    rows = webhook.deliveries.filter(state__in=ENDED, finished_at__lt=before)
    count = rows.count()
    rows.delete()
    audit.record(action="webhook.log_cleared", actor=actor, obj=webhook, deliveries=count)
    return count


# --- Checking what was given ---------------------------------------------------------------------------------
def _refuse_onlooker(actor: User) -> None:
    if not can_work(actor):
        raise Refused("Your role may look but not set up webhooks. Ask a colleague who may.", status=403)


# What a key must be allowed to read before it may change a webhook that another key or a person made.
ALL_IT_MAY_TELL = (ApiScope.ACCOUNTS_READ, ApiScope.RESPONSES_READ, ApiScope.SURVEYS_READ, ApiScope.WORK_READ)


def _held(webhook: Webhook, actor: User, *, only_ends: bool = False) -> Webhook:
    """The webhook, locked, if it is the actor's or the actor administers. A key that may read little cannot turn a webhook
    that tells more towards itself; ending one is always possible (`only_ends`)."""
    _refuse_onlooker(actor)
    held = (
        Webhook.objects.select_for_update(of=("self",)).select_related("owner", "api_key").get(pk=webhook.pk)
    )
    if held.owner_id != actor.pk and not can_administer(actor):
        raise Refused("This webhook belongs to somebody else.", status=403)
    key = audit.calling_key.get()
    if key is None or held.api_key_id == key.pk or only_ends:
        return held
    if missing := [scope.value for scope in ALL_IT_MAY_TELL if not has_scope(key, scope)]:
        raise Refused(
            f"This webhook was not made by this API key, which may not read all it tells. It needs {', '.join(missing)}.",
            code="missing_scope", status=403,
        )  # fmt: skip
    return held


def _name(name: str, url: str) -> str:
    name = " ".join(name.split())
    if len(name) > 120:
        raise Invalid("The name is longer than 120 characters.", field="name")
    return name or url.split("//", 1)[-1].split("/", 1)[0][:120]


def _address(url: str) -> str:
    url = url.strip()
    if len(url) > 2_000:
        raise Invalid("The address is longer than 2,000 characters.", field="url")
    try:
        fetch.check(url)
    except fetch.Forbidden as refusal:
        raise Invalid(refusal.message, field="url", code=refusal.code) from None
    return url


def _kinds(kinds: Sequence[str], api_key: ApiKey | None) -> list[str]:
    chosen = list(dict.fromkeys(kinds))
    for kind in chosen:
        if (known := catalogue.find(kind)) is None:
            shown = " ".join(str(kind).split())[:60]
            raise Invalid(
                f"There is no event “{shown}”. The list is under /api/v1/webhook-events/.", field="kinds"
            )
        if api_key is not None and not has_scope(api_key, known.scope):
            raise Refused(
                f"This API key may not read what “{kind}” tells. It needs the scope {known.scope}.",
                field="kinds", code="missing_scope", status=403,
            )  # fmt: skip
    return [kind for kind in catalogue.all_types() if kind in chosen]


def _scope(kind: str) -> str:
    known = catalogue.find(kind)
    return known.scope if known else ""


def _filter(tree: Mapping[str, Any] | None, actor: User) -> dict[str, Any]:
    conditions.read(tree or {}, actor)
    return dict(tree or {})


def waiting() -> Q:
    return Q(state__in=[State.PENDING, State.CLAIMED, State.SENDING])
