"""The triggers of this app: what can start a rule, in words, with its settings and what conditions may ask of it."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from accounts import metric_values
from accounts.conditions import Kind, Known, fold
from accounts.domain import Sharing
from accounts.models import CustomField, Event, LifecycleStage, Metric, Segment, TrackedEvent
from accounts.services import metric_events
from accounts.services.tracked import KIND as TRACKED
from core.errors import Invalid
from surveys.models import Response
from workflows import alert_kinds
from workflows.rules import catalogue, conditions
from workflows.rules.catalogue import Setting, SettingKind, Trigger

Settings = Mapping[str, Any]
ANSWERS, CUSTOMERS, WORK, TIME, LISTS = "Answers", "Customers", "Work", "Time", "Lists"
SCORED, COMPLETED, UPDATED = "response.scored", "response.completed", "response.updated"
CROSSED = metric_events.KIND
MOST_DAYS = 730

_ANSWER = tuple(known for key, known in conditions.FIELDS.items() if key.startswith("event."))


def _always(words: str) -> Callable[[Settings], str]:
    return lambda settings: words


def _chosen(settings: Settings, key: str, offered: Callable[[], Sequence[tuple[str, str]]]) -> str:
    """The label of what was chosen; empty where nothing was, the value itself where it is gone."""
    value = str(settings.get(key) or "")
    return dict(offered()).get(value, value) if value else ""


def _is(settings: Settings, key: str, value: object) -> bool:
    """Whether the setting asks for this value; empty asks for nothing."""
    wanted = str(settings.get(key) or "")
    return not wanted or wanted == str(value if value is not None else "")


# --- Answers -------------------------------------------------------------------------------------------------
def is_rescored(event: Event) -> bool:
    """Whether an edit moved the answer to another category."""
    now = event.data.get("category")
    return bool(event.data.get("previous_category", now) != now)


def _is_score(_settings: Settings, event: Event) -> bool:
    # A score that moves to another category is, for rules, the same transition as the first score.
    return event.kind == SCORED or is_rescored(event)


def _of_answer(transition: str) -> Callable[[Event], str]:
    return lambda event: f"response:{event.subject_id}:{transition}"


def _own(event: Event) -> str:
    return f"event:{event.pk}"


def _is_complete(_settings: Settings, event: Event) -> bool:
    return event.kind == COMPLETED or event.data.get("state") == "completed"


def words_of(settings: Settings) -> list[str]:
    """What a comment has to contain, one of them: "price, invoice"."""
    return [fold(word.strip()) for word in str(settings.get("words") or "").split(",") if word.strip()]


def _contains(settings: Settings, event: Event) -> bool | None:
    """Reads the text as it is now: texts are in no event. Where it was erased, nobody knows what it said."""
    if not event.data.get("has_comment"):
        return False
    text = Response.objects.filter(pk=event.subject_id or 0).values_list("comment", flat=True).first()
    if not text:
        return None
    found = fold(text)
    return any(word in found for word in words_of(settings))


def _in_a_row(settings: Settings, event: Event) -> bool:
    return bool(event.data.get("in_a_row") == settings.get("times", 3))


def _words_of_comment(settings: Settings) -> str:
    listed = " or ".join(
        f"“{word.strip()}”" for word in str(settings.get("words") or "").split(",") if word.strip()
    )
    return f"When a comment contains {listed or 'certain words'}"


# --- Customers -----------------------------------------------------------------------------------------------
def _stages() -> list[tuple[str, str]]:
    return [
        (str(stage.pk), stage.name) for stage in LifecycleStage.objects.order_by("position", "name", "pk")
    ]


def _stage_words(settings: Settings) -> str:
    before, after = _chosen(settings, "from", _stages), _chosen(settings, "to", _stages)
    words = "When an account changes its stage"
    return f"{words}{f' from “{before}”' if before else ''}{f' to “{after}”' if after else ''}"


def _from_to(settings: Settings, event: Event) -> bool:
    return _is(settings, "from", event.data.get("from")) and _is(settings, "to", event.data.get("to"))


BANDS = (("red", "Red"), ("yellow", "Yellow"), ("green", "Green"), ("grey", "Grey (too little data)"))


def _bands() -> Sequence[tuple[str, str]]:
    return BANDS


def _band_words(settings: Settings) -> str:
    before, after = _chosen(settings, "from", _bands).lower(), _chosen(settings, "to", _bands).lower()
    if not after:
        return f"When the health of an account changes{f' from {before}' if before else ''} to another band"
    return f"When the health of an account changes{f' from {before}' if before else ''} to {after}"


def _metrics() -> list[tuple[str, str]]:
    return list(Metric.objects.order_by("label").values_list("key", "label"))


def _sides() -> Sequence[tuple[str, str]]:
    return ((metric_values.Side.BELOW.value, "Below"), (metric_values.Side.ABOVE.value, "Above"))


def _metric_words(settings: Settings) -> str:
    label = _chosen(settings, "metric", _metrics) or "a metric"
    side = "rises above" if settings.get("direction") == metric_values.Side.ABOVE else "falls below"
    return f"When {label} of an account {side} {settings.get('threshold', 'a threshold')}"


def threshold_of(settings: Settings) -> metric_values.Threshold | None:
    """The threshold a rule asks for; None where what is stored cannot be read."""
    try:
        side, value = metric_values.Side(str(settings.get("direction"))), settings.get("threshold")
        return metric_values.Threshold(side, metric_values.number(value, field="threshold"))
    except (ValueError, Invalid):
        return None


def _crossed(settings: Settings, event: Event) -> bool:
    wanted = threshold_of(settings)
    return (
        wanted is not None
        and event.data.get("metric") == settings.get("metric")
        and event.data.get("direction") == wanted.side.value
        and event.data.get("threshold") == metric_values.plain(wanted.value)
    )


def _names_told() -> list[tuple[str, str]]:
    names = TrackedEvent.objects.order_by("name").values_list("name", flat=True).distinct()
    return [(name, name) for name in names[:200]]


def _is_named(settings: Settings, event: Event) -> bool:
    return bool(event.data.get("name") == settings.get("name"))


# --- Work ----------------------------------------------------------------------------------------------------
def _alert_kinds() -> list[tuple[str, str]]:
    return [(kind.key, kind.label) for kind in alert_kinds.all_kinds()]


def _alert_words(settings: Settings) -> str:
    label = _chosen(settings, "alert", _alert_kinds)
    return f"When an alert “{label}” is raised" if label else "When an alert is raised"


# --- Time ----------------------------------------------------------------------------------------------------
RENEWAL, DATE = "renewal.in_days", "date.reached"
FIXED_DATES = (("renewal_on", "Renewal"), ("customer_since", "Customer since"))


def date_fields() -> list[tuple[str, str]]:
    """The dates of accounts that a rule can wait for: their own, and custom fields that hold dates."""
    own = CustomField.objects.filter(target="account", type=Kind.DATE.value).order_by(
        "position", "label", "pk"
    )
    return [*FIXED_DATES, *((f"custom.{field.key}", field.label) for field in own)]


def _date_words(settings: Settings) -> str:
    label = _chosen(settings, "field", date_fields) or "a date"
    days = settings.get("offset") or 0
    if not days:
        return f"On the day of “{label}” of an account"
    return f"{abs(days)} day{'' if abs(days) == 1 else 's'} {'before' if days < 0 else 'after'} “{label}” of an account"


def _renewal_words(settings: Settings) -> str:
    return f"When an account renews in {settings.get('days', 90)} days"


def _days_left(settings: Settings, event: Event) -> bool:
    return bool(event.data.get("days") == settings.get("days"))


def _date_of(settings: Settings, event: Event) -> bool:
    return bool(
        event.data.get("field") == settings.get("field")
        and event.data.get("offset") == (settings.get("offset") or 0)
    )


# --- Lists ---------------------------------------------------------------------------------------------------
ENTERED, LEFT = "segment.entered", "segment.left"


def _segments() -> list[tuple[str, str]]:
    """Rules are everybody's to read, so they name only lists that are shared with everybody."""
    shared = Segment.objects.filter(sharing=Sharing.EVERYBODY)
    return [(str(segment.pk), segment.name) for segment in shared.order_by("name", "pk")]


def _segment_words(verb: str) -> Callable[[Settings], str]:
    return lambda settings: (
        f"When somebody {verb} the list “{_chosen(settings, 'segment', _segments) or '…'}”"
    )


def _of_segment(settings: Settings, event: Event) -> bool:
    return str(event.data.get("segment")) == str(settings.get("segment"))


_SEGMENT = (Setting("segment", "List", SettingKind.CHOICE, choices=_segments),)

TRIGGERS: tuple[Trigger, ...] = (
    Trigger(
        SCORED, "Somebody answers", ANSWERS, (SCORED, UPDATED), _always("When somebody answers"),
        fields=_ANSWER, subject="contact", holds=_is_score, cause=_of_answer("scored"),
        help="Once for each answer. A score that is corrected to another category counts as this answer.",
    ),
    Trigger(
        COMPLETED, "Somebody completes an answer", ANSWERS, (COMPLETED, SCORED),
        _always("When somebody completes an answer"), fields=_ANSWER, subject="contact", holds=_is_complete,
        cause=_of_answer("completed"), help="All questions were seen, or a comment was left.",
    ),
    Trigger(
        UPDATED, "An answer is changed", ANSWERS, (UPDATED,), _always("When an answer is changed"),
        fields=_ANSWER, subject="contact", cause=_own,
    ),
    Trigger(
        "response.category_changed", "An answer moves to another category", ANSWERS, (UPDATED,),
        _always("When an answer is changed to another category"),
        fields=(*_ANSWER, Known("event.previous_category", "the category before the change", Kind.CHOICE)),
        subject="contact", holds=lambda settings, event: is_rescored(event), cause=_own,
    ),
    Trigger(
        "comment.contains", "A comment contains words", ANSWERS, (SCORED, COMPLETED, UPDATED), _words_of_comment,
        settings=(
            Setting("words", "Words, separated by commas", SettingKind.TEXT, maximum=200,
                    help="One of them is enough. Capitals do not matter."),
        ),
        fields=_ANSWER, subject="contact", holds=_contains, cause=_of_answer("comment"),
        help="Once for each answer. What an erased comment said is unknown: such an answer starts nothing.",
    ),
    Trigger(
        "message.received", "A customer writes back", ANSWERS, ("message.received",),
        _always("When a customer writes back"),
        fields=(Known("event.channel", "the channel", Kind.CHOICE),),
        subject="contact",
    ),
    Trigger(
        "in_app_message.clicked", "The button of a message is followed", ANSWERS, ("in_app_message.clicked",),
        _always("When somebody follows the button of a message in the product"), subject="contact",
    ),
    Trigger(
        "in_app_message.dismissed", "A message is closed", ANSWERS, ("in_app_message.dismissed",),
        _always("When somebody closes a message in the product"), subject="contact",
        help="Closed without following its button.",
    ),
    Trigger(
        "invitation.ignored", "Invitations are ignored", ANSWERS, ("invitation.ignored",),
        lambda settings: f"When somebody has ignored {settings.get('times', 3)} invitations in a row",
        settings=(Setting("times", "In a row", SettingKind.NUMBER, default=3, minimum=1, maximum=20),),
        fields=(Known("event.channel", "the channel", Kind.CHOICE),), subject="contact", holds=_in_a_row,
    ),
    Trigger(
        "account.stage_changed", "The stage of an account changes", CUSTOMERS, ("account.stage_changed",), _stage_words,
        settings=(
            Setting("from", "From", SettingKind.CHOICE, choices=_stages, is_required=False),
            Setting("to", "To", SettingKind.CHOICE, choices=_stages, is_required=False),
        ),
        holds=_from_to,
    ),
    Trigger(
        "health.band_changed", "The health of an account changes its band", CUSTOMERS, ("health.band_changed",),
        _band_words,
        settings=(
            Setting("from", "From", SettingKind.CHOICE, choices=_bands, is_required=False),
            Setting("to", "To", SettingKind.CHOICE, choices=_bands, is_required=False),
        ),
        fields=(
            Known("event.from", "the band before", Kind.CHOICE), Known("event.to", "the band now", Kind.CHOICE),
            Known("event.score_before", "the health score before", Kind.NUMBER),
            Known("event.score", "the health score now", Kind.NUMBER),
        ),
        holds=_from_to,
    ),
    Trigger(
        CROSSED, "A metric crosses a threshold", CUSTOMERS, (CROSSED,), _metric_words,
        settings=(
            Setting("metric", "Metric", SettingKind.CHOICE, choices=_metrics),
            Setting("direction", "Goes", SettingKind.CHOICE, choices=_sides, default="below"),
            Setting("threshold", "Threshold", SettingKind.NUMBER),
        ),
        fields=(Known("event.value", "the value", Kind.NUMBER), Known("event.before", "the value before", Kind.NUMBER)),
        holds=_crossed,
    ),
    Trigger(
        "event.received", "Another system tells an event", CUSTOMERS, (TRACKED,),
        lambda settings: f"When “{settings.get('name') or 'an event'}” is told by the API or a connection",
        settings=(Setting("name", "Name of the event", SettingKind.TEXT, maximum=80),),
        subject="contact", holds=_is_named,
    ),
    Trigger(
        "alert.raised", "An alert is raised", WORK, ("alert.raised",), _alert_words,
        settings=(Setting("alert", "Kind", SettingKind.CHOICE, choices=_alert_kinds, is_required=False),),
        holds=lambda settings, event: _is(settings, "alert", event.data.get("alert")),
    ),
    Trigger(
        "task.overdue", "A task is overdue", WORK, ("task.overdue",), _always("When a task is overdue"),
        fields=(Known("event.task_priority", "the priority", Kind.CHOICE), Known("event.assignee", "the assignee", Kind.USER)),
    ),
    Trigger(
        RENEWAL, "A renewal comes near", TIME, (RENEWAL,), _renewal_words,
        settings=(Setting("days", "Days before", SettingKind.NUMBER, default=90, minimum=0, maximum=MOST_DAYS),),
        holds=_days_left,
    ),
    Trigger(
        DATE, "A date is reached", TIME, (DATE,), _date_words,
        settings=(
            Setting("field", "Date", SettingKind.CHOICE, choices=date_fields),
            Setting("offset", "Days after it (before it: negative)", SettingKind.NUMBER, default=0,
                    minimum=-MOST_DAYS, maximum=MOST_DAYS),
        ),
        holds=_date_of,
    ),
    Trigger(
        ENTERED, "Somebody enters a list", LISTS, (ENTERED,), _segment_words("enters"), settings=_SEGMENT,
        holds=_of_segment, help="Looked at every ten minutes. Who is in the list when the rule is switched on starts nothing.",
    ),
    Trigger(
        LEFT, "Somebody leaves a list", LISTS, (LEFT,), _segment_words("leaves"), settings=_SEGMENT,
        holds=_of_segment, help="Looked at every ten minutes.",
    ),
)  # fmt: skip


def register() -> None:
    for one in TRIGGERS:
        catalogue.trigger(one)
