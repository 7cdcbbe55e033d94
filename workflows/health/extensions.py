"""What health adds to customers: filters, facts that events remember, a column of the account list, timeline entries."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from django.db.models import Case, F, FloatField, OuterRef, QuerySet, Subquery, Value, When
from django.db.models.functions import Coalesce

from accounts import extend
from accounts.extend import Column, Relation, SegmentField
from accounts.models import Event
from surveys.insight import restated
from workflows.health import compute, queries, versions
from workflows.health.domain import UNCLEAR, Config
from workflows.models import AccountHealth, HealthOverride, HealthSentiment


# --- Filters -------------------------------------------------------------------------------------------------
def _of_health(name: str, expression: Any) -> Any:
    """A value of the account's health under `name`, as a subquery."""

    def annotate(rows: QuerySet[Any]) -> QuerySet[Any]:
        health = AccountHealth.objects.filter(account=OuterRef("pk")).annotate(wanted=expression())
        found: QuerySet[Any] = rows.annotate(**{name: Subquery(health.values("wanted")[:1])})
        return found

    return annotate


def _change(rows: QuerySet[Any]) -> QuerySet[Any]:
    health = AccountHealth.objects.filter(account=OuterRef("pk")).annotate(wanted=queries.effective_score())
    found: QuerySet[Any] = rows.annotate(
        _f_health_change=Subquery(health.values("wanted")[:1], output_field=FloatField())
        - queries.score_before("pk")
    )
    return found


def bands() -> list[tuple[str, str]]:
    """The bands one can filter by, in the order of their scores, then grey."""
    config = _config()
    known = [(band.key, band.label) for band in config.bands] if config else []
    return [*known, (UNCLEAR, "Unclear")]


def _config() -> Config | None:
    version = versions.in_force()
    return versions.config_of(version) if version else None


# --- Facts ---------------------------------------------------------------------------------------------------
def _facts(keys: Sequence[tuple[int | None, int | None]]) -> Iterable[Mapping[str, Any]]:
    """The band and score that counted when an event was recorded; of an account without health nothing."""
    rows = queries.counted({account for account, _ in keys if account is not None})
    known: dict[int | None, Mapping[str, Any]] = {
        account: {"health.band": band, "health.score": shown} for account, band, shown in rows
    }
    return [known.get(account, {}) for account, _ in keys]


# --- Lists and timeline --------------------------------------------------------------------------------------
def _column(rows: QuerySet[Any]) -> QuerySet[Any]:
    config = _config()
    bands = [*(band.key for band in config.bands), UNCLEAR] if config else []

    def by_band(say: Callable[[str], str]) -> Case:
        return Case(*(When(effective=band, then=Value(say(band))) for band in bands), default=Value(""))

    health = AccountHealth.objects.filter(account=OuterRef("pk")).annotate(
        effective=queries.effective_band(),
        counted=queries.effective_score(),
        number=Coalesce("override__score", "shown"),
        label=by_band(config.label_of if config else str),
        tone=by_band(config.tone_of if config else str),
        has_override=Case(When(override__isnull=False, then=Value(1)), default=Value(0)),
    )
    found: QuerySet[Any] = rows.annotate(
        health_score=Subquery(health.values("counted")[:1]),
        health_shown=Subquery(health.values("number")[:1]),
        health_label=Subquery(health.values("label")[:1]),
        health_tone=Subquery(health.values("tone")[:1]),
        health_is_overridden=Subquery(health.values("has_override")[:1]),
    )
    return found


def _bands_of(events: Sequence[Event]) -> Mapping[int, Any]:
    """The bands of changes by the labels and colours of today."""
    config = _config()
    if config is None:
        return {}
    return {
        event.pk: {
            "before": config.label_of(event.data.get("from", "")),
            "after": config.label_of(event.data.get("to", "")),
            "tone": config.tone_of(event.data.get("to", "")),
        }
        for event in events
    }


def _overrides_of(events: Sequence[Event]) -> Mapping[int, Any]:
    found = HealthOverride.objects.in_bulk([event.subject_id for event in events])
    return {event.pk: found.get(event.subject_id) for event in events}


def _sentiments_of(events: Sequence[Event]) -> Mapping[int, Any]:
    found = HealthSentiment.objects.in_bulk([event.subject_id for event in events])
    return {event.pk: found.get(event.subject_id) for event in events}


def register() -> None:
    for field in (
        SegmentField("health.score", "Health score", "account", "_f_health_score", "number",
                     annotate=_of_health("_f_health_score", queries.effective_score), group="Health"),
        SegmentField("health.band", "Health band", "account", "_f_health_band", "choice", choices=bands,
                     annotate=_of_health("_f_health_band", queries.effective_band), group="Health"),
        SegmentField("health.change_30d", "Change of health in 30 days", "account", "_f_health_change", "number",
                     annotate=_change, group="Health"),
        SegmentField("health.confidence", "Confidence of health (0 to 1)", "account", "_f_health_confidence", "number",
                     annotate=_of_health("_f_health_confidence", lambda: F("confidence")), group="Health"),
    ):  # fmt: skip
        extend.segment_field(field)
    extend.facts("health", _facts)
    extend.on_points("health", compute.mark)
    restated.register("health", compute.on_restated)
    extend.column(
        Column(
            "health", "account", "Health", "workflows/_health_cell.html", lambda row: row.health_shown, _column,
            sort="health_score", position=5,
        )
    )  # fmt: skip
    extend.event_renderer("health.band_changed", "workflows/_event_health.html", _bands_of)
    extend.event_renderer("health.overridden", "workflows/_event_health.html", _overrides_of)
    extend.event_renderer("health.override_ended", "workflows/_event_health.html", _overrides_of)
    extend.event_renderer(
        "health.sentiment_set", "workflows/_event_health.html", _sentiments_of, group="people"
    )
    for model, merge, reason in (
        ("workflows.AccountHealth", "stay", "Computed anew for the survivor."),
        ("workflows.HealthSnapshot", "stay", "What was known of an account on a day stays with it."),
        ("workflows.HealthOverride", "stay", "A judgement of one account is not one of another."),
        ("workflows.HealthSentiment", "move", "How people feel about a customer follows the customer."),
    ):
        extend.relation(Relation(model, merge=merge, reason=reason))  # type: ignore[arg-type]
