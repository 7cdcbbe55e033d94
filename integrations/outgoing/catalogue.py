"""The events that webhooks can ask for: what each means, what it tells beside the state of things, and an example.

Kinds are those of the timeline. `scope` is what an API key must be allowed to read before it may ask for the kind. Another
app adds its kinds with `register`, in `AppConfig.ready`.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from team.domain import ApiScope


@dataclass(frozen=True, slots=True)
class Field:
    """One value under `data.change`: what it says, and an example."""

    about: str
    example: Any

    @property
    def shown(self) -> str:
        """The example as JSON."""
        return json.dumps(self.example)


@dataclass(frozen=True, slots=True)
class EventType:
    """`subject` names the thing under `data` that the event is about ("response": `data.response`), beside
    `data.contact` and `data.account`; empty where it is those themselves."""

    kind: str
    label: str
    group: str
    about: str
    scope: ApiScope
    subject: str = ""
    change: Mapping[str, Field] = field(default_factory=dict)


_types: dict[str, EventType] = {}


def register(*types: EventType) -> None:
    """Make events known to webhooks, in the order they are listed in."""
    for one in types:
        _types[one.kind] = one


def all_types() -> Mapping[str, EventType]:
    return _types


def find(kind: str) -> EventType | None:
    return _types.get(kind)


def label_of(kind: str) -> str:
    """The words for a kind, also for one that is sent by a rule alone."""
    found = _types.get(kind)
    return found.label if found else kind.replace(".", ": ").replace("_", " ").capitalize()


def grouped() -> list[tuple[str, list[EventType]]]:
    groups: dict[str, list[EventType]] = {}
    for one in _types.values():
        groups.setdefault(one.group, []).append(one)
    return list(groups.items())


# --- What there is -------------------------------------------------------------------------------------------
_SCORE = {
    "metric": Field("nps, csat or ces", "nps"),
    "score": Field("the score, on the metric's own scale", 4),
    "category": Field("promoter, passive, detractor and their like of the other scales", "detractor"),
    "survey": Field("id of the survey", 3),
    "channel": Field("where it was given", "email"),
    "state": Field("scored or completed", "scored"),
    "has_comment": Field("whether there are words with it", True),
    "contact_score_before": Field("the contact's score before; left out for the first", 9),
    "contact_category_before": Field("its category", "promoter"),
}
_RESCORED = {
    **_SCORE,
    "previous_score": Field("of this answer before, where the score changed", 7),
    "previous_category": Field("its category", "passive"),
}
_MOVE = {"from": Field("before; null for none", 4), "to": Field("now; null for none", 7)}
_ASKED = {"wave": Field("id of the wave", 12), "channel": Field("where the person is asked", "email")}
_TASK = {
    "assignee": Field("id of the person who has it", 7),
    "rule": Field("id of the rule that made it; null for a person", 1),
}
_ALERT = {
    "alert": Field("kind of the alert", "detractor"),
    "reason": Field("what sets it apart from others of the kind; left out for most", "webhook:7"),
    **_TASK,
}
_SEVERITY = Field("low, normal or high", "high")
_BAND = {
    "from": Field("band before", "healthy"),
    "to": Field("band now", "at_risk"),
    "score_before": Field("health before, 0 to 100", 72),
    "score": Field("health now", 38),
    "profile": Field("id of the health profile", 1),
    "version": Field("its version", 4),
}


def _answers(kind: str, label: str, about: str, change: Mapping[str, Field]) -> EventType:
    return EventType(kind, label, "Answers", about, ApiScope.RESPONSES_READ, "response", change)


def _asks(kind: str, label: str, about: str, change: Mapping[str, Field]) -> EventType:
    return EventType(kind, label, "Asking", about, ApiScope.SURVEYS_READ, "invitation", change)


def _shown(kind: str, label: str, about: str) -> EventType:
    change = {"has_button": Field("whether it had a button", True)}
    return EventType(kind, label, "Asking", about, ApiScope.SURVEYS_READ, "in_app_message", change)


def _accounts(
    kind: str, label: str, about: str, change: Mapping[str, Field] | None = None, *, group: str = "Accounts",
    subject: str = "",
) -> EventType:  # fmt: skip
    return EventType(kind, label, group, about, ApiScope.ACCOUNTS_READ, subject, change or {})


def _work(kind: str, label: str, about: str, subject: str, change: Mapping[str, Field]) -> EventType:
    return EventType(kind, label, "Work", about, ApiScope.WORK_READ, subject, change)


register(
    _answers("response.scored", "New answer", "A score came in, on any channel. Once for each answer.", _SCORE),
    _answers("response.completed", "Answer completed", "The comment or further answers came after the score.", _SCORE),
    _answers("response.updated", "Answer changed", "The score or the comment was changed.", _RESCORED),
    _answers("response.finalised", "Answer final", "Nothing came for 12 hours: what is there is taken as all.", _SCORE),
    _answers("response.linked", "Answer matched", "An answer that waited in the inbox was given to a contact.", {}),
    _answers("response.excluded", "Answer left out", "An answer no longer counts in figures.", {}),
    EventType(
        "message.received", "Customer wrote back", "Answers", "A reply to a survey mail or SMS.",
        ApiScope.RESPONSES_READ, "message",
        {"channel": Field("email or sms", "email"), "kind": Field("reply, out of office…", "reply")},
    ),
    EventType(
        "loop.closed", "Loop closed", "Answers", "Somebody noted what became of an answer.", ApiScope.RESPONSES_READ,
        "response",
    ),
    _asks("survey.sent", "Asked", "A person was asked for the first time in a wave.", _ASKED),
    _asks("survey.reminded", "Reminded", "A person was reminded.", _ASKED),
    _asks("survey.opened", "Survey opened", "A person opened the survey page.", {}),
    _asks("survey.declined", "Declined", "A person declined, or asked not to be asked again.",
          {"reason": Field("declined or unsubscribed", "unsubscribed")}),
    _asks("survey.bounced", "Not delivered", "A survey could not be delivered.",
          {"reason": Field("why", "hard_bounce")}),
    _shown("in_app_message.shown", "Message seen", "A person saw a message in the product for the first time."),
    _shown("in_app_message.clicked", "Message followed", "A person followed the button of a message in the product."),
    _shown("in_app_message.dismissed", "Message closed", "A person closed a message in the product."),
    _accounts("account.created", "Account created", "A customer company was added."),
    _accounts("account.updated", "Account changed", "Fields of an account changed.",
              {"fields": Field("names of the fields that changed", ["plan", "seats"])}),
    _accounts("account.owner_changed", "Owner changed", "An account went to another owner; ids of people.", _MOVE),
    _accounts("account.stage_changed", "Stage changed", "An account entered another stage; ids of stages.", _MOVE),
    _accounts("contract.created", "Contract created", "A contract was entered.",
              {"arr": Field("yearly value", "12000.00"), "currency": Field("its currency", "EUR"),
               "ends_on": Field("last day", "2027-03-31")}, subject="contract"),
    _accounts("contract.updated", "Contract changed", "The value, the dates or the note of a contract changed.",
              {"fields": Field("names of the fields that changed", ["arr", "ends_on"]),
               "arr_before": Field("yearly value before", "9600.00"), "arr": Field("yearly value", "12000.00"),
               "currency_before": Field("its currency before", "EUR"), "currency": Field("its currency", "EUR"),
               "ends_on_before": Field("last day before", "2026-03-31"), "ends_on": Field("last day", "2027-03-31")}, subject="contract"),
    _accounts("contract.outcome_set", "Contract decided", "A contract was renewed, downgraded or ended.",
              {"outcome": Field("renewed, downgraded or churned", "renewed"),
               "arr": Field("yearly value", "12000.00"), "currency": Field("its currency", "EUR")}, subject="contract"),
    _accounts("interaction.logged", "Contact logged", "A call, meeting, mail or note was logged.",
              {"kind": Field("call, meeting, mail or note", "call"),
               "has_outcome": Field("whether something came of it", True)}, subject="interaction"),
    _accounts("health.band_changed", "Health band changed", "The health of an account crossed into another band.", _BAND),
    _accounts("metric.crossed", "Metric crossed a threshold", "A number about an account went over or under its mark.",
              {"metric": Field("key of the metric", "active_seats"), "direction": Field("up or down", "down"),
               "threshold": Field("the mark", 40), "value": Field("the number now", 31)}),
    _accounts("contact.created", "Contact created", "A person was added.", group="Contacts"),
    _accounts("contact.updated", "Contact changed", "Fields of a contact changed.",
              {"fields": Field("names of the fields that changed", ["job_title"])}, group="Contacts"),
    _accounts("contact.erased", "Contact erased", "A person was erased: forget them too. Only the id is told.",
              group="Contacts"),
    _work("alert.raised", "Alert raised", "Somebody should look at something.", "alert", _ALERT),
    _work("alert.updated", "Alert again", "The same happened again while its alert was open.", "alert",
          {"alert": _ALERT["alert"], "reason": _ALERT["reason"], "count": Field("how often by now", 3), "severity": _SEVERITY,
           "is_asleep": Field("whether it is counted silently", False), "rule": _ALERT["rule"]}),
    _work("alert.snoozed", "Alert put to sleep", "Somebody wants to hear of it later.", "alert",
          {"alert": _ALERT["alert"], "reason": _ALERT["reason"],
           "until": Field("until when", "2026-01-08T08:00:00+00:00")}),
    _work("alert.closed", "Alert closed", "Somebody dealt with it.", "alert",
          {"alert": _ALERT["alert"], "reason": _ALERT["reason"]}),
    _work("task.created", "Task created", "Work was given to a person.", "task", _TASK),
    _work("task.completed", "Task completed", "It was done.", "task", {}),
    _work("task.cancelled", "Task cancelled", "It is no longer needed.", "task", {}),
    _work("task.overdue", "Task overdue", "It was due and is not done.", "task",
          {"task_priority": Field("priority", "high"), "days": Field("days since it was due", 1)}),
    _work("loop.breached", "Reaction too late", "The time to react to an answer ran out.", "loop",
          {"clock": Field("contact or resolution", "contact"), "hours": Field("the time that was given", 24),
           "owner": Field("id of the person who should have", 7)}),
    _work("loop.resolved", "Loop resolved", "What came of an answer was settled.", "loop",
          {"outcome": Field("key of the outcome", "solved"), "hours": Field("working hours it took", 30),
           "in_time": Field("whether within the promise", True),
           "contacted": Field("whether somebody had talked to the customer", True)}),
    EventType(
        "nps.moved", "NPS moved", "Figures", "The NPS of a segment moved by more than chance.", ApiScope.RESPONSES_READ, "",
        {"alarm": Field("id of the alarm", 2), "segment": Field("id of the segment; null for all", 5),
         "survey": Field("id of the survey; null for all", None), "channel": Field("the channel; empty for all", ""),
         "direction": Field("fall or rise", "fall"), "change": Field("points", -12), "low": Field("end of its interval", -20), "high": Field("end of it", -4),
         "n_before": Field("answers before", 210), "n_after": Field("answers after", 190)},
    ),
)  # fmt: skip
