"""Which events a webhook wants: the segment language over what the event recorded, never over today's rows."""

from collections.abc import Mapping
from typing import Any

from accounts import conditions as language
from accounts import segments, timeline
from accounts.conditions import Group, Kind, Known, Now
from accounts.extend import SegmentField
from accounts.models import Event
from surveys.choices import Channel, MetricFamily
from surveys.models import Survey
from team import queries as team_queries
from team.models import User
from workflows.rules.conditions import values_of

_EVENT = "What happened"
_CATEGORIES = (
    "promoter", "passive", "detractor", "satisfied", "neutral", "dissatisfied", "easy", "difficult",
)  # fmt: skip


def _surveys() -> list[tuple[str, str]]:
    return [(str(pk), name) for pk, name in Survey.objects.order_by("name", "pk").values_list("pk", "name")]


def _categories() -> list[tuple[str, str]]:
    return [(name, name.capitalize()) for name in _CATEGORIES]


def _own() -> list[SegmentField]:
    def field(name: str, label: str, kind: Kind, **more: Any) -> SegmentField:
        return SegmentField(f"event.{name}", label, "account", "", kind, group=_EVENT, **more)

    return [
        field("score", "NPS score", Kind.NUMBER),
        field("csat_score", "CSAT score", Kind.NUMBER),
        field("ces_score", "CES score", Kind.NUMBER),
        field("category", "Category", Kind.CHOICE, choices=_categories),
        field("contact_category_before", "Category before", Kind.CHOICE, choices=_categories),
        field("metric", "Kind of score", Kind.CHOICE, choices=lambda: [(m.value, m.upper()) for m in MetricFamily]),
        field("survey", "Survey", Kind.CHOICE, choices=_surveys),
        field("channel", "Channel", Kind.CHOICE,
              choices=lambda: [(c.value, c.replace("_", " ").capitalize()) for c in Channel]),
        field("has_comment", "Has a comment", Kind.BOOLEAN),
        field("alert", "Kind of alert", Kind.TEXT),
        field("outcome", "Outcome of the contract", Kind.TEXT),
        field("to", "New value (band)", Kind.TEXT),
    ]  # fmt: skip


def fields_for(user: User | None) -> dict[str, SegmentField]:
    """What can be asked: the event's own values, and what it remembers of account and contact."""
    remembered = set(timeline.ACCOUNT_FACTS) | {f"custom.{key}" for _, key in timeline.public_fields()}
    found = _own()
    found += [one for key, one in segments.fields_for("account", user).items() if key in remembered]
    roles = segments.fields_for("contact", user)["role"]
    return {one.key: one for one in [*found, roles]}


def read(tree: object, user: User | None = None) -> Group:
    """The conditions as checked nodes. Raises `Invalid` naming what is wrong."""
    known = {key: Known(key, one.label, Kind(one.type)) for key, one in fields_for(user).items()}
    return language.parse(tree, known)


def hold(tree: Mapping[str, Any], event: Event, owner: User | None) -> bool:
    """Whether the event fulfils the conditions, seen on its own day. "me" is the webhook's owner."""
    if not tree:
        return True
    zone = team_queries.zone()
    now = Now(today=event.occurred_at.astimezone(zone).date(), zone=zone, me=owner.pk if owner else None)
    return language.matches(read(tree), values_of(event), now)


def words(tree: Mapping[str, Any], user: User | None) -> str:
    """The conditions as a sentence; empty where there are none."""
    if not tree or tree == {"all": []}:
        return ""
    return segments.describe(tree, "account", fields_for(user))
