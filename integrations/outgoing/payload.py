"""What a receiver gets: `{"id", "type", "timestamp", "data"}`, the whole state of things in each.

Built anew for each try from today's rows, and from no others than the webhook's owner may see through the API, in the API's
own shapes. What an API key made tells no more than the key may read.
"""

import datetime as dt
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from django.db.models import Model, QuerySet
from django.utils import timezone
from rest_framework.utils.encoders import JSONEncoder

from accounts.api.serializers import (
    AccountSerializer,
    ContactSerializer,
    ContractSerializer,
    InteractionSerializer,
)
from accounts.models import Account, Contact, Contract, Event, Interaction
from accounts.querysets import accounts_visible_to
from core import clock
from core.errors import Refused
from integrations.outgoing import catalogue
from integrations.outgoing.domain import MAX_BYTES, Cause
from integrations.outgoing.models import Webhook, WebhookDelivery
from surveys.api.campaigns import InvitationSerializer
from surveys.api.in_app import InAppMessageSerializer
from surveys.api.serializers import ResponseSerializer
from surveys.models import InAppMessage, InboundMessage, Invitation, Response, Survey
from team.authentication import has_scope
from team.domain import ApiScope
from team.models import User
from workflows.api.alert_serializers import AlertSerializer
from workflows.api.work_serializers import LoopSerializer, PlaybookRunSerializer, TaskSerializer
from workflows.models import Alert, Loop, Run, Task
from workflows.queries import playbooks


class OutOfSight(Refused):
    """The owner of the webhook may not see (any more) what it is about."""


@dataclass(frozen=True, slots=True)
class Subject:
    """How a thing is read for its owner's eyes: what they may see, and its shape in the API."""

    rows: Callable[[User], QuerySet[Any]]
    shape: Callable[[Any], Mapping[str, Any]]
    scope: ApiScope


_subjects: dict[str, Subject] = {}


def subject(name: str, new: Subject) -> None:
    """Say how things of a `subject_type` of events are told."""
    _subjects[name] = new


def _serialized(serializer: Any) -> Callable[[Model], Mapping[str, Any]]:
    return lambda row: dict(serializer(row).data)


def _message(row: InboundMessage) -> Mapping[str, Any]:
    return {
        "id": row.pk, "channel": row.channel, "kind": row.kind, "from": row.from_address, "subject": row.subject,
        "body": row.body, "received_at": row.received_at, "contact": row.contact_id, "account": row.account_id,
        "invitation": row.invitation_id,
    }  # fmt: skip


def _of_account(model: Any) -> Callable[[User], QuerySet[Any]]:
    return lambda user: model.objects.filter(accounts_visible_to(user, "account__"))


for _name, _subject in {
    "response": Subject(Response.objects.visible_to, _serialized(ResponseSerializer), ApiScope.RESPONSES_READ),
    "invitation": Subject(
        lambda user: Invitation.objects.visible_to(user).select_related("wave", "version"),
        _serialized(InvitationSerializer), ApiScope.SURVEYS_READ,
    ),
    "message": Subject(_of_account(InboundMessage), _message, ApiScope.RESPONSES_READ),
    "in_app_message": Subject(
        InAppMessage.objects.visible_to, _serialized(InAppMessageSerializer), ApiScope.SURVEYS_READ,
    ),
    "contract": Subject(_of_account(Contract), _serialized(ContractSerializer), ApiScope.ACCOUNTS_READ),
    "interaction": Subject(_of_account(Interaction), _serialized(InteractionSerializer), ApiScope.ACCOUNTS_READ),
    "alert": Subject(
        lambda user: Alert.objects.visible_to(user).select_related("run"), _serialized(AlertSerializer), ApiScope.WORK_READ,
    ),
    "task": Subject(
        lambda user: Task.objects.visible_to(user).select_related("run", "series").prefetch_related("checklist"),
        _serialized(TaskSerializer), ApiScope.WORK_READ,
    ),
    "loop": Subject(
        lambda user: Loop.objects.visible_to(user).select_related("response"), _serialized(LoopSerializer),
        ApiScope.WORK_READ,
    ),
    "playbook_run": Subject(
        lambda user: playbooks.list_runs(user=user), _serialized(PlaybookRunSerializer), ApiScope.WORK_READ,
    ),
}.items():  # fmt: skip
    subject(_name, _subject)


# --- Who may be told what ------------------------------------------------------------------------------------
def may_read(webhook: Webhook, scope: str) -> bool:
    """Whether the webhook may tell things of this scope: all its owner may see, or what the key that made it may read."""
    return webhook.api_key is None or has_scope(webhook.api_key, scope)


def is_visible(event: Event, user: User) -> bool:
    """Whether this person may see the event: events without an account are for those who see everything."""
    return Event.objects.visible_to(user).filter(pk=event.pk).exists()


# --- Building ------------------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class Message:
    envelope: Mapping[str, Any]
    body: bytes


def build(delivery: WebhookDelivery, webhook: Webhook) -> Message:
    """What this delivery says now. Raises `OutOfSight` where the owner may not see what it is about."""
    # Times are in UTC, whoever's page or worker builds it.
    with timezone.override(dt.UTC):
        return _build(delivery, webhook)


def _build(delivery: WebhookDelivery, webhook: Webhook) -> Message:
    owner = webhook.owner
    if owner is None:
        raise OutOfSight("The webhook has no owner.")
    event = delivery.event
    if event is None and delivery.cause == Cause.TEST:
        return _encode(example(delivery.kind, message_id=delivery.message_id))
    if event is not None and not is_visible(event, owner):
        raise OutOfSight("The owner of this webhook may not see what this is about.")
    run = delivery.run
    if event is None and run is None:
        raise OutOfSight("What this was about no longer exists.")
    if event is None and run is not None and not _sees_run(run, owner):
        raise OutOfSight("The owner of this webhook may not see what this is about.")
    data = _of_event(event, webhook, owner) if event is not None else _of_run(run, webhook, owner)
    if run is not None:
        data["rule"] = {"id": run.rule_id, "name": run.rule.name, "run": run.pk}
    if delivery.cause == Cause.TEST:
        data["is_test"] = True
    return _encode(
        {"id": delivery.message_id, "type": delivery.kind, "timestamp": delivery.occurred_at, "data": data}
    )


def _sees_run(run: Run, owner: User) -> bool:
    return Run.objects.visible_to(owner).filter(pk=run.pk).exists()


def _of_event(event: Event, webhook: Webhook, owner: User) -> dict[str, Any]:
    # Facts are of the account and the contact (ARR, plan, role), whatever the event is about.
    facts = dict(event.facts) if may_read(webhook, ApiScope.ACCOUNTS_READ) else {}
    data: dict[str, Any] = {"change": dict(event.data), "facts": facts, "origin": event.origin}
    known = _subjects.get(event.subject_type)
    if known is not None:
        row = None
        if may_read(webhook, known.scope):
            row = known.rows(owner).filter(pk=event.subject_id or 0).first()
        data[event.subject_type] = known.shape(row) if row is not None else None
        if isinstance(row, Response):
            data["survey"] = Survey.objects.filter(pk=row.survey_id).values("id", "name", "metric").first()
    return data | _customer(webhook, owner, event.account_id, event.contact_id)


def _of_run(run: Run | None, webhook: Webhook, owner: User) -> dict[str, Any]:
    data: dict[str, Any] = {"change": {}, "facts": {}, "origin": "live"}
    if run is None:
        return data
    return data | _customer(webhook, owner, run.account_id, run.contact_id)


def _customer(
    webhook: Webhook, owner: User, account_id: int | None, contact_id: int | None
) -> dict[str, Any]:
    found: dict[str, Any] = {"contact": None, "account": None}
    if not may_read(webhook, ApiScope.ACCOUNTS_READ):
        return {
            "contact": {"id": contact_id} if contact_id else None,
            "account": {"id": account_id} if account_id else None,
        }
    contact = Contact.objects.visible_to(owner).filter(pk=contact_id or 0).first()
    if contact is not None:
        erased = contact.erased_at is not None
        found["contact"] = (
            {"id": contact.pk, "is_erased": True} if erased else dict(ContactSerializer(contact).data)
        )
    account = Account.objects.visible_to(owner).filter(pk=account_id or 0).first()
    if account is not None:
        found["account"] = dict(AccountSerializer(account).data)
    return found


# What goes first when a message would be too long; each is named under `data.left_out`.
_LEFT_OUT_FIRST = (
    ("response", "answers"),
    ("response", "attributes"),
    ("contact", "custom"),
    ("account", "custom"),
    ("interaction", "body"),
    ("message", "body"),
    ("task", "description"),
    ("facts", ""),
)
LONGEST_TEXT = 4_000


def _encode(envelope: dict[str, Any]) -> Message:
    """The message as bytes, less than MAX_BYTES of them: what makes it too long is left out, and named."""
    body = _bytes(envelope)
    left_out: list[str] = []
    data = envelope["data"]
    for name, key in _LEFT_OUT_FIRST:
        if len(body) < MAX_BYTES:
            break
        holder = data.get(name)
        if not holder or (key and not (isinstance(holder, dict) and holder.get(key))):
            continue
        left_out.append(f"{name}.{key}" if key else name)
        data = {**data, name: {**holder, key: None} if key else {}, "left_out": left_out}
        body = _bytes({**envelope, "data": data})
    if len(body) >= MAX_BYTES:
        data = {**_shortened(data), "left_out": [*left_out, "long texts"]}
        body = _bytes({**envelope, "data": data})
    if len(body) >= MAX_BYTES:  # nothing of ours is so long; ids still tell what it is about
        kept = {
            name: {"id": value.get("id")}
            for name, value in data.items()
            if isinstance(value, dict) and "id" in value
        }
        data = {**kept, "left_out": ["everything but ids"]}
        body = _bytes({**envelope, "data": data})
    return Message({**envelope, "data": data}, body)


def _shortened(value: Any) -> Any:
    if isinstance(value, str):
        return value if len(value) <= LONGEST_TEXT // 4 else value[: LONGEST_TEXT // 4] + "…"
    if isinstance(value, Mapping):
        return {key: _shortened(inner) for key, inner in value.items()}
    return [_shortened(inner) for inner in value] if isinstance(value, list | tuple) else value


def _bytes(envelope: Mapping[str, Any]) -> bytes:
    return json.dumps(
        envelope, cls=JSONEncoder, separators=(",", ":"), ensure_ascii=False, allow_nan=False
    ).encode()


# --- Examples ------------------------------------------------------------------------------------------------
def of_event(event: Event, webhook: Webhook) -> Mapping[str, Any]:
    """What the webhook would say of an event of the past, as plain JSON."""
    made = WebhookDelivery(
        webhook=webhook, event=event, kind=event.kind, message_id=message_id_of(event), occurred_at=event.occurred_at,
    )  # fmt: skip
    found: Mapping[str, Any] = json.loads(build(made, webhook).body)
    return found


def message_id_of(event: Event) -> str:
    """The same for each try and each replay. The moment is in it because a restored database counts from an earlier number."""
    return f"evt_{event.pk}_{int(event.recorded_at.timestamp())}"


def example(kind: str, *, message_id: str = "evt_1_1767225600") -> dict[str, Any]:
    """An invented message of this kind, in the shape of true ones."""
    known = catalogue.find(kind)
    change = {name: one.example for name, one in known.change.items()} if known else {}
    data: dict[str, Any] = {
        "change": change,
        "facts": {"owner": 7, "plan": "Scale", "segment": "Mid-market", "country": "DE", "arr": "12000.00", "role": "champion"},
        "origin": "live",
        "is_test": True,
    }  # fmt: skip
    name = known.subject if known else ""
    if name in _subjects:
        data[name] = _EXAMPLES[name]
    if name == "response":
        data["survey"] = {"id": 3, "name": "Relationship", "metric": "nps"}
    data |= {"contact": _EXAMPLES["contact"], "account": _EXAMPLES["account"]}
    return {"id": message_id, "type": kind, "timestamp": clock.now(), "data": data}


_EXAMPLES: dict[str, dict[str, Any]] = {
    "in_app_message": {
        "id": 5001, "key": "run:12:0", "contact_id": 311, "account_id": 42, "title": "Route planning got faster",
        "text": "Hello Ann. You asked for it in your last answer.", "button_label": "See how",
        "button_url": "https://app.example.com/news", "state": "clicked", "queued_at": "2026-01-01T08:00:00Z",
        "expires_at": "2026-01-15T08:00:00Z", "shown_at": "2026-01-01T09:00:00Z", "clicked_at": "2026-01-01T09:00:20Z",
        "dismissed_at": None, "withdrawn_at": None,
    },
    "account": {
        "id": 42, "external_id": "C-1042", "name": "Acme GmbH", "domain": "acme.example", "parent": None, "stage": 4,
        "stage_since": "2026-01-01", "owner": 7, "plan": "Scale", "segment": "Mid-market", "industry": "Logistics",
        "country": "DE", "city": "Hamburg", "seats": 80, "currency": "EUR", "arr": "12000.00", "lifetime_value": "30000.00",
        "customer_since": "2024-04-01", "renewal_on": "2026-04-01", "churned_on": None, "custom": {},
        "created_at": "2024-04-01T08:00:00Z", "updated_at": "2026-01-01T08:00:00Z",
    },
    "contact": {
        "id": 311, "external_id": "P-311", "account": 42, "first_name": "Ann", "last_name": "Berg",
        "email": "ann.berg@acme.example", "phone": "", "job_title": "Head of IT", "role": "champion", "language": "en",
        "time_zone": "Europe/Berlin", "custom": {}, "created_at": "2024-04-02T08:00:00Z", "updated_at": "2026-01-01T08:00:00Z",
    },
    "response": {
        "id": 9001, "survey": 3, "version": 5, "invitation": 7001, "contact": 311, "account": 42, "source": "email",
        "external_id": "", "channel": "email", "metric": "nps", "scale_min": 0, "scale_max": 10, "score": 4,
        "category": "detractor", "comment": "Support takes days to answer.", "answers": {}, "language": "en",
        "state": "scored", "may_contact": True, "may_quote": None, "responded_at": "2026-01-01T08:00:00Z",
        "received_at": "2026-01-01T08:00:01Z", "source_updated_at": None, "finalised_at": None, "locked_at": None,
        "is_excluded": False, "excluded_reason": "", "deleted_upstream_at": None, "superseded_at": None,
        "identity": "matched", "attributes": {}, "origin": "live", "loop_status": "open", "assignee": 7,
    },
    "invitation": {
        "id": 7001, "campaign_id": 2, "survey_id": 3, "contact_id": 311, "account_id": 42, "channel": "email",
        "language": "en", "state": "sent", "outcome_reason": "", "reminders": 0, "context": {},
        "planned_at": "2025-12-31T08:00:00Z", "asked_at": "2025-12-31T08:00:05Z", "delivered_at": None, "opened_at": None,
        "scored_at": None, "commented_at": None, "declined_at": None, "expires_at": "2026-01-30T08:00:00Z",
    },
    "message": {
        "id": 55, "channel": "email", "kind": "reply", "from": "ann.berg@acme.example", "subject": "Re: One question",
        "body": "Please call me.", "received_at": "2026-01-01T09:00:00Z", "contact": 311, "account": 42, "invitation": 7001,
    },
    "contract": {
        "id": 12, "external_id": "V-12", "account": 42, "starts_on": "2025-04-01", "ends_on": "2026-03-31",
        "arr": "12000.00", "currency": "EUR", "outcome": "", "outcome_on": None, "note": "",
    },
    "interaction": {
        "id": 77, "account": 42, "contact": 311, "user": 7, "kind": "call", "subject": "Quarterly review", "body": "",
        "outcome": "", "happened_at": "2026-01-01T08:00:00Z", "created_at": "2026-01-01T08:30:00Z",
    },
    "alert": {
        "id": 21, "kind": "detractor", "reason": "", "severity": "high", "account": 42, "contact": 311, "response": 9001,
        "assignee": 7, "rule": 1, "state": "open", "count": 1, "opened_at": "2026-01-01T08:00:02Z",
        "last_at": "2026-01-01T08:00:02Z", "seen_at": None, "snoozed_until": None, "snooze_reason": "", "muted_count": 0,
        "woken_at": None, "woken_why": "", "closed_at": None, "outcome": "", "data": {},
    },
    "loop": {
        "id": 61, "response": 9001, "account": 42, "contact": 311, "owner": 7, "category": "detractor", "status": "open",
        "started_at": "2026-01-01T08:00:00Z", "contact_due_at": "2026-01-02T08:00:00Z", "contacted_at": None,
        "contacted_by": None, "contact_by": "", "resolution_due_at": "2026-01-08T08:00:00Z", "resolved_at": None,
        "resolved_by": None, "outcome": None, "contact_breached_at": None, "resolution_breached_at": None, "escalations": 0,
        "pause": None,
    },
    "task": {
        "id": 31, "title": "Call Ann Berg", "description": "", "account": 42, "contact": 311, "response": 9001,
        "assignee": 7, "rule": 1, "playbook_run": None, "priority": "high", "due_at": "2026-01-02T16:00:00Z",
        "overdue_at": None, "state": "open", "outcome": "", "checklist": [], "series": None,
        "created_at": "2026-01-01T08:00:02Z", "completed_at": None,
    },
}  # fmt: skip
