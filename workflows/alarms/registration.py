"""What alarms make known: the trigger rules wait for, what their alerts are about, and who uses a segment."""

from collections.abc import Mapping
from typing import Any

from django.urls import reverse

from accounts import extend
from accounts.conditions import Kind, Known
from workflows import alert_kinds
from workflows.alert_kinds import Matter
from workflows.models import Alarm, AlarmLook, Alert
from workflows.queries import alarms as queries
from workflows.rules import catalogue
from workflows.rules.catalogue import Setting, SettingKind, Trigger
from workflows.services import alarms as services


def _alarm_choices() -> list[tuple[str, str]]:
    return [(str(pk), name) for pk, name in Alarm.objects.order_by("name").values_list("pk", "name")]


def _words(settings: Mapping[str, Any]) -> str:
    chosen = str(settings.get("alarm") or "")
    name = dict(_alarm_choices()).get(chosen, "") if chosen else ""
    return (
        f"When the alarm “{name}” finds that an NPS moved"
        if name
        else "When any alarm finds that an NPS moved"
    )


TRIGGER = Trigger(
    key="nps.moved",
    label="An NPS moved by more than noise",
    group="Scores",
    kinds=("nps.moved",),
    words=_words,
    settings=(Setting("alarm", "Alarm", SettingKind.CHOICE, choices=_alarm_choices, is_required=False),),
    fields=(
        Known("event.alarm", "the alarm", Kind.NUMBER),
        Known("event.direction", "the direction (fall or rise)", Kind.CHOICE),
        Known("event.change", "the change in points", Kind.NUMBER),
        Known("event.n_after", "the answers now", Kind.NUMBER),
    ),
    holds=lambda settings, event: (
        str(settings.get("alarm") or event.data.get("alarm")) == str(event.data.get("alarm"))
    ),
    help="It is about no single customer: steps that need one refuse; notices, webhooks and chat messages work.",
)


def _matter(alert: Alert) -> Matter:
    """ "Enterprise: the NPS fell 14", with the page of the alarm; the alarm may be gone."""
    found = (
        AlarmLook.objects.filter(alarm=alert.data.get("alarm"), day=alert.data.get("day"))
        .select_related("alarm")
        .first()
    )
    if found is None:
        return Matter("An NPS moved by more than noise", reverse("workflows:alarm_list"))
    return Matter(
        f"{found.alarm.name}: the NPS {found.moved_words}",
        reverse("workflows:alarm_detail", args=[found.alarm_id]),
    )


def register() -> None:
    catalogue.trigger(TRIGGER)
    alert_kinds.register(services.ALERT, _matter, label="An NPS moved by more than noise")
    extend.segment_user("workflows.alarms", queries.alarms_of_segment)
    services.register()
