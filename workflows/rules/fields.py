"""What conditions of a rule may ask, with the headings and values that the editor offers.

Which fields there are follows from the trigger (workflows/rules/conditions.py, the trigger's own `fields`). What an
account's field is called and which values it can take is what segments say of it.
"""

from collections.abc import Callable, Mapping

from accounts import segments, timeline
from accounts.conditions import Kind, Known
from accounts.domain import ContactRole
from accounts.extend import SegmentField
from accounts.models import CustomField
from surveys.models import Survey
from team import queries as team_queries
from team.models import User
from workflows.domain import Priority
from workflows.rules import catalogue, conditions

EVENT = "event."
_OTHER = {
    "role": "contact",
}


def known(trigger: str) -> dict[str, Known]:
    """The fields that conditions of a rule with this trigger may ask: recorded facts, and the event's own data."""
    described = catalogue.triggers.get(trigger)
    own = {one.key: one for one in described.fields} if described else {}
    facts = {key: one for key, one in conditions.FIELDS.items() if not key.startswith(EVENT)}
    return {**own, **facts, **_custom()}


def _custom() -> dict[str, Known]:
    """The custom fields that events remember: those declared as not personal."""
    found = {}
    for field in CustomField.objects.filter(is_personal=False).order_by("position", "label", "pk"):
        key = f"{timeline.CUSTOM_FACTS[field.target]}{field.key}"
        found[key] = Known(key, field.label, Kind(field.type))
    return found


def offered(trigger: str, user: User | None = None) -> dict[str, SegmentField]:
    """The same fields as the editor shows them: what is new in the event first, then the customer.

    With `user` the values offered are those of customers this person may see.
    """
    of_account = segments.fields_for("account", user)
    found = {}
    for key, one in known(trigger).items():
        stands = of_account.get(key)
        found[key] = SegmentField(
            key,
            _capital(one.label),
            _OTHER.get(key, "account"),
            "",
            one.kind,
            choices=_choices(one, stands),
            group=_group(key),
        )
    return found


def _group(key: str) -> str:
    if key.startswith(EVENT):
        return "What happened"
    return "Contact" if key == "role" or key.startswith("contact.") else "Account"


def _capital(text: str) -> str:
    text = text.removeprefix("the ")
    return text[:1].upper() + text[1:]


def _choices(one: Known, stands: SegmentField | None) -> Callable[[], list[tuple[str, str]]] | None:
    if one.kind not in {Kind.CHOICE, Kind.USER}:
        return None
    if stands is not None and stands.choices is not None and stands.type == one.kind:
        return stands.choices
    listed = _LISTED.get(one.key.rpartition(".")[2])
    return (lambda: list(listed.items())) if isinstance(listed, Mapping) else listed


def _surveys() -> list[tuple[str, str]]:
    return [(str(survey.pk), survey.name) for survey in Survey.objects.order_by("name", "pk")[:200]]


def _people() -> list[tuple[str, str]]:
    return [(str(user.pk), str(user)) for user in team_queries.list_assignable()]


_CATEGORIES = {
    "detractor": "Detractor (0–6)", "passive": "Passive (7–8)", "promoter": "Promoter (9–10)",
    "dissatisfied": "Dissatisfied (CSAT 1–2)", "satisfied": "Satisfied (CSAT 4–5)",
    "difficult": "Difficult (CES 1–3)", "easy": "Easy (CES 5–7)", "neutral": "Neutral (CSAT 3, CES 4)",
}  # fmt: skip
_BANDS = {"red": "Red", "yellow": "Yellow", "green": "Green", "grey": "Grey (too little data)"}
_LISTED: dict[str, Mapping[str, str] | Callable[[], list[tuple[str, str]]]] = {
    "category": _CATEGORIES,
    "contact_category_before": _CATEGORIES,
    "previous_category": _CATEGORIES,
    "metric": {"nps": "NPS", "csat": "Satisfaction (CSAT)", "ces": "Effort (CES)"},
    "channel": {"email": "E-mail", "sms": "SMS", "widget": "In-app widget", "link": "Link", "api": "API"},
    "direction": {"fall": "Fall", "rise": "Rise"},
    "from": _BANDS,
    "to": _BANDS,
    "role": {role.value: role.value.replace("_", " ").capitalize() for role in ContactRole},
    "survey": _surveys,
    "task_priority": {priority.value: priority.value.capitalize() for priority in Priority},
    "clock": {"contact": "First contact", "resolution": "Resolution"},
    "assignee": _people,
}
