"""How a question about the NPS is read from an address: strictly, so that a misspelt filter is no silent total."""

import datetime as dt
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from typing import Any

from accounts import queries as account_queries
from core.errors import Invalid
from surveys.choices import MetricFamily, Unit
from surveys.filters import MAX_DAYS
from surveys.insight import rollups
from surveys.insight.figures import ATTRIBUTES, Question
from surveys.queries import figures as queries
from team.models import User

_UNITS = {"latest": Unit.LATEST_PER_CONTACT, "all": Unit.ALL_RESPONSES}
PARAMETERS = {"definition", "window", "counts", "survey", "saved", "as_of", "by", "channel", *ATTRIBUTES}


@dataclass(frozen=True, slots=True)
class FigureRequest:
    question: Question
    key: str
    as_of: dt.date
    by: str | None


def read_figure_request(
    params: Any, user: User, *, metric: str = MetricFamily.NPS, more: Collection[str] = ()
) -> FigureRequest:
    """What the parameters ask for; raises `Invalid` naming the one at fault. `more` are parameters the caller reads."""
    for name in params:
        if name not in PARAMETERS and name not in more:
            known = ", ".join(sorted({*PARAMETERS, *more}))
            raise Invalid(
                f'There is no filter "{name[:60]}". Known are: {known}.',
                code="unknown_parameter",
                field=name[:60],
            )
    key = params.get("definition", "company")
    definition = queries.find_definition(key)
    if definition is None:
        raise Invalid("There is no metric definition with this key.", field="definition")
    question = queries.question_of(definition, user)
    if metric != question.metric:
        # Each of these answers is about an occasion of its own, so all of them count unless asked otherwise.
        question = replace(question, metric=metric, unit=Unit.ALL_RESPONSES, surveys=())
    if "window" in params:
        question = replace(question, days=_number(params, "window", MAX_DAYS))
    if "counts" in params:
        if params["counts"] not in _UNITS:
            raise Invalid("This must be latest or all.", field="counts")
        question = replace(question, unit=_UNITS[params["counts"]])
    if "survey" in params:
        surveys = tuple(_id(value, "survey") for value in params.getlist("survey"))
        if queries.list_surveys(metric).filter(pk__in=surveys).count() != len(set(surveys)):
            raise Invalid(f"There is no {metric.upper()} survey with this id.", field="survey")
        question = replace(question, surveys=surveys)
    if "saved" in params:
        saved = account_queries.list_segments(user).filter(pk=_id(params["saved"], "saved")).first()
        if saved is None:
            raise Invalid("There is no segment with this id that the key may see.", field="saved")
        question = replace(question, saved=saved)
    where: Mapping[str, str] = {
        name: "" if params[name] == "none" else params[name][:60]
        for name in (*ATTRIBUTES, "channel")
        if name in params
    }
    by = params.get("by")
    if by is not None and by not in queries.BY:
        raise Invalid(f"This must be one of: {', '.join(sorted(queries.BY))}.", field="by")
    return FigureRequest(replace(question, where=where), key, _day(params), by)


def _number(params: Mapping[str, str], name: str, largest: int) -> int:
    text = params[name]
    if not (text.isascii() and text.isdigit() and len(text) <= 6 and 1 <= int(text) <= largest):
        raise Invalid(f"This must be a whole number from 1 to {largest}.", field=name)
    return int(text)


def _id(text: str, name: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= 18):
        raise Invalid("This must be an id.", field=name)
    return int(text)


def _day(params: Mapping[str, str]) -> dt.date:
    return read_day(params, "as_of") or rollups.today()


def read_day(params: Mapping[str, str], name: str) -> dt.date | None:
    """A day of the parameters; None where it is left out."""
    if name not in params:
        return None
    try:
        found = dt.date.fromisoformat(params[name])
    except ValueError:
        raise Invalid("Give the day as YYYY-MM-DD.", field=name) from None
    if not 2000 <= found.year <= rollups.today().year + 1:
        raise Invalid("The day must lie between 2000 and today.", field=name)
    return found
