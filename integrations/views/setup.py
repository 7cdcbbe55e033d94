"""The steps of a connection: what the system needs, which surveys, which fields, how far back, and the start.

The same pages change a connection that is at work. A call to the other side is made while the page is asked for, so that what
is refused there is said at once.
"""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from django.contrib import messages
from django.core.paginator import Page, Paginator
from django.http import HttpResponse, HttpResponseBase, QueryDict
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from core.errors import Refused
from integrations import queries, registry, vault
from integrations.contract import Hook, RemoteField, RemoteSurvey, Role, System
from integrations.domain import ConnectionState
from integrations.forms import CredentialsForm, RhythmForm
from integrations.models import Connection
from integrations.services import connections as services
from integrations.services import remote_surveys
from integrations.services.connections import SurveyChoice
from surveys.choices import MetricFamily
from team.http import UserRequest, requires
from team.permissions import can_administer

SURVEYS_PER_PAGE = 100
ANY_SURVEY = RemoteSurvey(id="", name="Everything that is sent")


@requires(can_administer)
@require_safe
def system_list(request: UserRequest) -> HttpResponse:
    systems = registry.all_systems().values()
    return render(request, "integrations/system_list.html", {"systems": systems})


@requires(can_administer)
@require_POST
def connection_create(request: UserRequest) -> HttpResponseBase:
    try:
        connection = services.create_connection(system=request.POST.get("system", ""), actor=request.user)
    except Refused as refusal:
        messages.error(request, refusal.message)
        return redirect("integrations:system_list")
    return redirect("integrations:setup_access", pk=connection.pk)


# --- Access --------------------------------------------------------------------------------------------------
@requires(can_administer)
@never_cache
def setup_access(request: UserRequest, pk: int) -> HttpResponseBase:
    connection, system = _opened(request, pk)
    stored = vault.known_secrets(connection)
    form = CredentialsForm(request.POST or None, system=system, connection=connection, stored=stored)
    if request.method == "POST" and form.is_valid():
        try:
            services.change_connection(
                connection=connection, actor=request.user, name=form.cleaned_data["name"], options=form.options,
                new_secrets=form.secrets,
            )  # fmt: skip
            if services.asks_consent(connection) and request.POST.get("do") != "check":
                return redirect(services.start_consent(connection=connection, actor=request.user))
            found = services.check_connection(connection=connection)
        except Refused as refusal:
            form.add_error(refusal.field if refusal.field in form.fields else None, refusal.message)
        else:
            messages.info(request, f"Connected to {found}." if found else "The connection works.")
            return _onward(connection, "integrations:setup_surveys")
    context = {
        **_frame(connection, system, 2),
        "form": form,
        "redirect": services.consent_redirect() if system.needs_consent else "",
        "asks_consent": services.asks_consent(connection),
        "hook_url": services.hook_url(connection) if system.hook is Hook.BY_HAND else "",
        "has_consent": bool(stored - {"hook", "hook_previous", *(s.key for s in system.settings)}),
    }
    return render(request, "integrations/setup_access.html", context, status=422 if form.is_bound else 200)


@requires(can_administer)
@require_safe
@never_cache
def consent(request: UserRequest) -> HttpResponseBase:
    """Where the other side sends the browser back to."""
    given = request.GET
    try:
        connection = services.finish_consent(
            state=given.get("state", ""), code=given.get("code", ""), actor=request.user
        )
        found = services.check_connection(connection=connection)
    except Refused as refusal:
        messages.error(request, refusal.message)
        return redirect("integrations:connection_list")
    messages.info(request, f"Connected to {found}." if found else "The connection works.")
    return redirect("integrations:setup_surveys", pk=connection.pk)


# --- Surveys -------------------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class SurveyRow:
    """One survey over there, with what was chosen for it."""

    place: int
    remote: RemoteSurvey
    is_read: bool
    metric: str
    survey_id: str


@requires(can_administer)
@never_cache
def setup_surveys(request: UserRequest, pk: int) -> HttpResponseBase:
    connection, system = _opened(request, pk)
    trouble = ""
    found: Sequence[RemoteSurvey] = ()
    try:
        found = services.list_remote_surveys(connection=connection) or [ANY_SURVEY]
    except Refused as refusal:
        trouble = refusal.message
    shown = _digest([remote.id for remote in found])
    is_answered = request.method == "POST" and request.POST.get("shown", shown) == shown
    if request.method == "POST" and not is_answered and not trouble:
        trouble = "The list of surveys has changed over there since it was shown. Look at it again."
    given = request.POST if request.method == "POST" else request.GET
    query = given.get("q", "").strip()[:200]
    page = _survey_page(_stored_rows(connection, found), query, given.get("page"))
    if is_answered:
        page.object_list = [_typed(row, request.POST) for row in page.object_list]
    if is_answered and not trouble:
        onward = request.POST.get("to", "")
        typed = {row.place: row for row in page.object_list}
        rows = [typed.get(row.place, row) for row in _stored_rows(connection, found)]
        try:
            choices = [_choice(row, connection, request) for row in rows if row.is_read]
            services.choose_surveys(connection=connection, choices=choices, actor=request.user)
            if not choices and not onward:
                raise Refused("Choose at least one survey to read.", field="surveys")
        except Refused as refusal:
            trouble = refusal.message
        else:
            if onward:
                return redirect(f"{request.path}?{urlencode({'q': query, 'page': onward[:6]})}")
            return _onward(connection, "integrations:setup_fields")
    context = {
        **_frame(connection, system, 3),
        "rows": page.object_list,
        "page": page,
        "query": query,
        "is_long": len(found) > SURVEYS_PER_PAGE,
        "shown": shown,
        "trouble": trouble,
        "is_reached": bool(found),
        "ours": queries.surveys_to_choose(),
        "metrics": [(m.value, m.value.upper()) for m in MetricFamily],
        "is_single": len(found) == 1 and not found[0].id,
    }
    return render(request, "integrations/setup_surveys.html", context, status=422 if trouble else 200)


def _digest(keys: Sequence[str]) -> str:
    """Tells whether a form, whose fields are numbered, answers the list it was shown with: the other side may have changed
    it meanwhile, and each choice would count for the neighbour."""
    return hashlib.sha256(json.dumps(keys).encode()).hexdigest()[:16]


def _stored_rows(connection: Connection, found: Sequence[RemoteSurvey]) -> list[SurveyRow]:
    """Each survey over there as it was chosen last. `place` is where it stands in the list of the other side."""
    known = {row.remote_id: row for row in connection.surveys.all()}
    rows = []
    for place, remote in enumerate(found):
        before = known.get(remote.id)
        is_read = before.is_enabled if before else not remote.id
        metric, survey_id = (before.metric, str(before.survey_id)) if before else ("", "")
        rows.append(SurveyRow(place, remote, is_read, metric, survey_id))
    return rows


def _survey_page(rows: Sequence[SurveyRow], query: str, number: str | None) -> Page[SurveyRow]:
    """The rows of one page: a form has room for so many. In a short list what is read comes first; in a long one the order
    stays while one goes through it."""
    is_long = len(rows) > SURVEYS_PER_PAGE
    wanted = query.casefold()
    listed = [row for row in rows if wanted in row.remote.name.casefold()]
    listed.sort(key=lambda row: (not row.is_read and not is_long, row.remote.name.casefold(), row.place))
    return Paginator(listed, SURVEYS_PER_PAGE).get_page(number)


def _typed(row: SurveyRow, post: QueryDict) -> SurveyRow:
    """The row as it was sent."""
    return SurveyRow(
        row.place,
        row.remote,
        post.get(f"read_{row.place}") == "on" or not row.remote.id,
        post.get(f"metric_{row.place}", ""),
        post.get(f"survey_{row.place}", ""),
    )


def _choice(row: SurveyRow, connection: Connection, request: UserRequest) -> SurveyChoice:
    metric = row.remote.metric.value if row.remote.metric else row.metric
    survey = remote_surveys.survey_for(
        choice=row.survey_id,
        metric=metric or MetricFamily.NPS,
        name=row.remote.name if row.remote.id else connection.name,
        actor=request.user,
    )
    return SurveyChoice(
        remote_id=row.remote.id, remote_name=row.remote.name, survey=survey, metric=metric or survey.metric
    )


# --- Fields --------------------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class FieldRow:
    place: int
    field: RemoteField
    role: str


@requires(can_administer)
@never_cache
def setup_fields(request: UserRequest, pk: int) -> HttpResponseBase:
    """Which field of the answers is what, with values really seen; one survey at a time."""
    connection, system = _opened(request, pk)
    chosen = list(connection.surveys.filter(is_enabled=True).order_by("remote_name", "pk"))
    if not chosen:
        return redirect("integrations:setup_surveys", pk=pk)
    wanted = request.POST.get("survey") or request.GET.get("survey") or ""
    place = int(wanted) if wanted.isdecimal() and int(wanted) < len(chosen) else 0
    at = chosen[place]
    trouble = ""
    fields: Sequence[RemoteField] = ()
    example = request.POST.get("example", "")[: services.MAX_SHOWN]
    try:
        fields = services.list_remote_fields(connection=connection, remote_id=at.remote_id, example=example)
    except Refused as refusal:
        trouble = refusal.message
    mapping = at.mapping or connection.mapping
    roles = {key: role for role, keys in mapping.items() for key in keys}
    if fields:
        # What was chosen stays to be seen, and chosen, also where none of the answers at hand has it.
        seen = {field.key for field in fields}
        fields = [*fields, *(RemoteField(key=key, label=key) for key in roles if key not in seen)]
    shown = _digest([field.key for field in fields])
    is_answered = request.method == "POST" and request.POST.get("do") != "read"
    if is_answered and request.POST.get("shown", shown) != shown:
        is_answered = False
        trouble = trouble or "Other fields have come in since these were shown. Look at them again."
    rows = [
        FieldRow(
            number,
            field,
            request.POST.get(f"role_{number}", "")
            if is_answered
            else roles.get(
                field.key,
                "" if mapping else field.role.value if field.role in system.roles and field.role else "",
            ),
        )
        for number, field in enumerate(fields)
    ]
    if is_answered and not trouble:
        given: dict[str, list[str]] = {}
        for row in rows:
            if row.role:
                given.setdefault(row.role, []).append(row.field.key)
        try:
            if rows:
                services.set_mapping(
                    connection=connection, mapping=given, actor=request.user, remote_id=at.remote_id
                )
        except Refused as refusal:
            trouble = refusal.message
        else:
            if place + 1 < len(chosen) and request.POST.get("do") != "done":
                return redirect(f"{request.path}?survey={place + 1}")
            return _onward(connection, "integrations:setup_history")
    context = {
        **_frame(connection, system, 4),
        "rows": rows,
        "shown": shown,
        "chosen": chosen,
        "place": place,
        "at": at,
        "is_last": place + 1 >= len(chosen),
        "trouble": trouble,
        "roles": [(role.value, queries.ROLE_LABELS[role]) for role in Role if role in system.roles],
        "hook_url": services.hook_url(connection) if system.hook is Hook.BY_HAND else "",
        "example": example,
        "sample": services.sample_delivery(connection=connection)
        if not system.can_pull and not fields
        else "",
    }
    return render(request, "integrations/setup_fields.html", context, status=422 if trouble else 200)


# --- History -------------------------------------------------------------------------------------------------
@requires(can_administer)
def setup_history(request: UserRequest, pk: int) -> HttpResponseBase:
    connection, system = _opened(request, pk)
    if not system.can_pull:
        return redirect("integrations:setup_start", pk=pk)
    form = RhythmForm(request.POST or None, initial=RhythmForm.of(connection))
    if request.method == "POST" and form.is_valid():
        given = form.cleaned_data
        try:
            services.change_connection(
                connection=connection, actor=request.user, every_minutes=given["every_minutes"], zone=given["zone"],
                history_since=form.history_since,
            )  # fmt: skip
        except Refused as refusal:
            form.add_error(refusal.field if refusal.field in form.fields else None, refusal.message)
        else:
            return _onward(connection, "integrations:setup_start")
    context = {**_frame(connection, system, 5), "form": form}
    return render(request, "integrations/setup_history.html", context, status=422 if form.is_bound else 200)


# --- Start ---------------------------------------------------------------------------------------------------
@requires(can_administer)
def setup_start(request: UserRequest, pk: int) -> HttpResponseBase:
    """Everything that was chosen, and the start."""
    connection, system = _opened(request, pk)
    trouble = ""
    if request.method == "POST":
        try:
            services.activate(connection=connection, actor=request.user)
        except Refused as refusal:
            trouble = refusal.message
        else:
            messages.info(request, "Started. You can leave this page; it goes on by itself.")
            return redirect("integrations:connection_detail", pk=pk)
    missing = services.missing_settings(connection)
    context = {
        **_frame(connection, system, 6),
        "missing": missing,
        "trouble": trouble,
        "surveys": connection.surveys.filter(is_enabled=True)
        .select_related("survey")
        .order_by("remote_name", "pk"),
        "rhythm": dict(RhythmForm.base_fields["every_minutes"].choices).get(  # type: ignore[attr-defined]
            connection.every_minutes, f"every {connection.every_minutes} minutes"
        ),
        "hook_url": services.hook_url(connection) if system.hook is Hook.BY_HAND else "",
    }
    return render(request, "integrations/setup_start.html", context, status=422 if trouble else 200)


# --- What the steps share ------------------------------------------------------------------------------------
def _opened(request: UserRequest, pk: int) -> tuple[Connection, System]:
    connection = get_object_or_404(queries.list_changeable(request.user), pk=pk)
    return connection, registry.get(connection.system)


def _frame(connection: Connection, system: System, step: int) -> dict[str, Any]:
    return {
        "connection": connection,
        "system": system,
        "step": step,
        "is_draft": connection.state == ConnectionState.DRAFT,
    }


def _onward(connection: Connection, url_name: str) -> HttpResponse:
    """The next step of a draft; a connection at work is changed one page at a time."""
    if connection.state == ConnectionState.DRAFT:
        return redirect(url_name, pk=connection.pk)
    return redirect("integrations:connection_detail", pk=connection.pk)
