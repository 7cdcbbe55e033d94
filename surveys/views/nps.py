"""The NPS page: where we are, whether it is real, and what moves it; every number leads to its rows."""

import datetime as dt
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from django.core.paginator import Paginator
from django.http import HttpResponse, HttpResponseBase
from django.shortcuts import render
from django.views.decorators.http import require_safe

from accounts import queries as account_queries
from accounts.exports import csv_response
from core.errors import Refused
from surveys.choices import Channel, Unit
from surveys.insight import known, rollups
from surveys.insight.figures import ATTRIBUTES, Question
from surveys.quarters import last_quarters, read_quarter
from surveys.queries import feedback
from surveys.queries import figures as queries
from surveys.queries.campaigns import FUNNEL, STAGES
from team import audit
from team.http import UserRequest, requires
from team.permissions import can_export, can_view

PER_PAGE = 50
SHOWN = 20
QUARTERS = 9
_UNITS = {"latest": Unit.LATEST_PER_CONTACT, "all": Unit.ALL_RESPONSES}


def _question(request: UserRequest) -> tuple[Question, dict[str, Any]]:
    """What the address asks for, and how it is shown; what cannot be read falls back to the company's definition."""
    chosen = queries.definition("company")
    base = queries.question_of(chosen, request.user)
    window = request.GET.get("window", "")
    days = int(window) if window in {str(days) for days in queries.WINDOWS} else base.days
    unit = _UNITS.get(request.GET.get("counts", ""), base.unit)
    surveys = list(queries.list_surveys())
    survey = next((s for s in surveys if str(s.pk) == request.GET.get("survey")), None)
    segments = list(account_queries.list_segments(request.user))
    saved = next((s for s in segments if str(s.pk) == request.GET.get("saved")), None)
    where = {}
    for key in (*ATTRIBUTES, "channel"):
        value = request.GET.get(key, "")[:60]
        if value:
            where[key] = "" if value == "none" else value
    question = Question(
        request.user,
        days=days,
        unit=unit,
        surveys=(survey.pk,) if survey else base.surveys,
        where=where,
        saved=saved,
    )
    shown = {
        "surveys": surveys,
        "survey": survey,
        "segments": segments,
        "saved": saved,
        "channels": [c.value for c in Channel],
        "units": {"latest": "Latest answer per contact", "all": "All answers"},
        "counts": "all" if unit == Unit.ALL_RESPONSES else "latest",
        "unit_label": queries.UNITS[Unit(unit)],
        "is_other_window": days != base.days,
        "is_other_unit": unit != base.unit,
        "where": [
            (key, queries.BY[key], _shown(key, value), value or "none") for key, value in where.items()
        ],
    }
    return question, shown


def _shown(key: str, value: str) -> str:
    if key == "owner":
        return queries.owner_name(value)
    return value or "not known"


def _by(request: UserRequest) -> str:
    by = request.GET.get("by", "plan")
    return by if by in queries.BY else "plan"


def _narrowed(request: UserRequest, key: str, value: str) -> str:
    """This page under one filter more."""
    params = request.GET.copy()
    params[key] = value or "none"
    return f"?{params.urlencode()}"


def _kept(request: UserRequest) -> str:
    """The filters of this page for the pages behind it."""
    params = request.GET.copy()
    for name in ("by", "page"):
        params.pop(name, None)
    return params.urlencode()


@requires(can_view)
@require_safe
def nps(request: UserRequest) -> HttpResponse:
    question, shown = _question(request)
    trouble = ""
    try:
        page = queries.nps_page(question, by=_by(request))
    except Refused as refusal:  # a saved segment whose field was taken away
        trouble = refusal.message
        question = Question(request.user, days=question.days, unit=question.unit, surveys=question.surveys)
        page = queries.nps_page(question, by=_by(request))
    context = {
        **shown,
        "page": page,
        "parts": [(part, _narrowed(request, page.by, part.value)) for part in page.parts],
        "funnel_note": f"last {question.days} days",
        "trouble": trouble,
        "moving": rollups.moving(),
        "windows": queries.WINDOWS,
        "by_choices": queries.BY,
        "by_label": queries.BY[page.by],
        "may_export": can_export(request.user),
        "kept": _kept(request),
        "min_people": queries.MIN_PEOPLE,
    }
    return render(request, "surveys/nps.html", context)


@requires(can_export)
@require_safe
def nps_export(request: UserRequest) -> HttpResponseBase:
    """The figures of the page as CSV: now, before, the trend and the breakdown, each with its counts and interval."""
    question, _ = _question(request)
    by = _by(request)
    numbers = queries.nps_numbers(question, key="company", as_of=rollups.today(), by=by)
    audit.record(action="nps.exported", actor=request.user, days=question.days, by=by)
    header = [
        "figure",
        "value",
        "as of",
        "NPS",
        "low",
        "high",
        "n",
        "promoters",
        "passives",
        "detractors",
        "counted",
    ]
    return csv_response("nps", header, _lines(numbers, by, queries.described(question)))


def _lines(numbers: dict[str, Any], by: str, counted: str) -> Iterator[list[Any]]:
    def line(name: str, value: str, day: Any, figure: dict[str, Any]) -> list[Any]:
        interval = figure["interval"] or {"low": None, "high": None}
        return [
            name, value, day, figure["nps"], interval["low"], interval["high"], figure["n"], figure["promoters"],
            figure["passives"], figure["detractors"], counted,
        ]  # fmt: skip

    yield line("now", "", numbers["as_of"], numbers["figure"])
    yield line("previous window", "", "", numbers["previous"])
    for point in numbers["trend"]:
        yield line("trend", "", point["as_of"], point)
    for part in numbers["breakdown"]:
        value = queries.owner_name(part["value"]) if by == "owner" else part["value"]
        yield line(by, value, numbers["as_of"], part)


@requires(can_view)
@require_safe
def nps_accounts(request: UserRequest) -> HttpResponse:
    """The customers behind coverage and ranking: all with a score, or those not heard from."""
    heard = request.GET.get("heard", "")
    question, shown = _question(request)
    sort = request.GET.get("sort", "mean")
    rows: Any
    if heard in {"yes", "no"}:
        rows = queries.list_customers(question, heard=heard == "yes")
    else:
        order = sort if sort.removeprefix("-") in {"mean", "people", "latest_at"} else "mean"
        rows = queries.list_scored_accounts(question).order_by(order, "account_id")
    page = Paginator(rows, PER_PAGE).get_page(request.GET.get("page"))
    context = {**shown, "page": page, "heard": heard, "days": question.days, "min_people": queries.MIN_PEOPLE}
    return render(request, "surveys/nps_accounts.html", context)


@requires(can_view)
@require_safe
def nps_asked(request: UserRequest) -> HttpResponse:
    """The asks behind a stage of the funnel."""
    question, shown = _question(request)
    stage = request.GET.get("stage", "sent")
    stage = stage if stage in FUNNEL else "sent"
    rows = queries.asked(question, rollups.today()).filter(STAGES[stage][2])
    rows = rows.select_related("contact", "account", "wave__campaign", "response").order_by(
        "-asked_at", "-pk"
    )
    page = Paginator(rows, PER_PAGE).get_page(request.GET.get("page"))
    stages = [(key, STAGES[key][0]) for key in FUNNEL]
    context = {
        **shown,
        "page": page,
        "stage": stage,
        "stages": stages,
        "about": STAGES[stage][1],
        "days": question.days,
    }
    return render(request, "surveys/nps_asked.html", context)


@requires(can_view)
@require_safe
def nps_known(request: UserRequest) -> HttpResponse:
    """A figure as it was known on a date, as it is now, and what lies between: of a quarter, or of days to a date."""
    question, shown = _question(request)
    today = rollups.today()
    as_of = _date_of(request, "as_of", today, today)
    quarter = read_quarter(request.GET.get("quarter", ""), today)
    if quarter is not None:
        as_of = min(quarter.last, today)
        question = replace(question, days=(as_of - quarter.first).days + 1)
    known_on = _date_of(request, "known_on", as_of, today)
    trouble = ""
    try:
        found = known.restatement(question, as_of, known_on)
    except Refused as refusal:  # a saved segment whose field was taken away
        trouble = refusal.message
        question = Question(request.user, days=question.days, unit=question.unit, surveys=question.surveys)
        found = known.restatement(question, as_of, known_on)
    answers = feedback.by_ids([pk for part in found.parts for pk in part.answers[:SHOWN]], request.user)
    context = {
        **shown,
        "found": found,
        "question": question,
        "definition": queries.described(question),
        "parts": [
            (part, [answers[pk] for pk in part.answers[:SHOWN] if pk in answers]) for part in found.parts
        ],
        "windows": queries.WINDOWS,
        "quarter": quarter,
        "quarters": last_quarters(today, QUARTERS),
        "today": today,
        "trouble": trouble,
        "kept": _kept(request),
    }
    return render(request, "surveys/nps_known.html", context)


def _date_of(request: UserRequest, name: str, default: dt.date, latest: dt.date) -> dt.date:
    """A day of the address; one that cannot be read or lies in the future falls back to `default`."""
    try:
        found = dt.date.fromisoformat(request.GET.get(name, ""))
    except ValueError:
        return default
    return found if dt.date(2000, 1, 1) <= found <= latest else default
