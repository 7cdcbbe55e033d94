"""Feedback: every answer, in a list that filters like the API, and one by one in context."""

from collections.abc import Iterator
from typing import Any

from django.contrib import messages
from django.core.paginator import Paginator
from django.db.models import QuerySet
from django.http import HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_POST

from accounts.exports import csv_response
from accounts.filters import chosen_filters
from core.errors import Refused
from surveys import answer_marks, sources
from surveys.choices import LoopStatus
from surveys.filters import ResponseFilter
from surveys.forms import AssigneeForm, ExcludeForm
from surveys.models import Response
from surveys.queries import feedback as queries
from surveys.services import responses as services
from team import audit
from team.http import UserRequest, requires
from team.permissions import can_export, can_lead, can_view, can_work

PER_PAGE = 50
FILTERS = ("category", "survey", "channel", "owner", "assignee", "loop_status")
MAX_BULK = 10_000
CHUNK = 500


def _filtered(request: UserRequest) -> ResponseFilter:
    """What the address asks for; answers that wait in the inbox have a page of their own."""
    rows = queries.list_responses(request.user)
    if not request.GET.get("imported"):  # what an import made is shown whole, also what waits in the inbox
        rows = rows.exclude(identity__in=["inbox", "ignored"])
    return ResponseFilter(request.GET, rows, request=request)


@requires(can_view)
def response_list(request: UserRequest) -> HttpResponse:
    found = _filtered(request)
    troubles = (
        [] if found.is_valid() else [f"{name}: {' '.join(map(str, e))}" for name, e in found.errors.items()]
    )
    rows = found.qs if found.is_valid() else found.queryset.none()
    page = Paginator(rows, PER_PAGE).get_page(request.GET.get("page"))
    page.object_list = list(page.object_list)
    answer_marks.put(page.object_list, request.user)
    context = {
        "page": page,
        "form": found.form,
        "chosen": chosen_filters(found, FILTERS),
        "is_filtered": any(value for key, value in request.GET.items() if key not in {"page", "sort"}),
        "troubles": troubles,
        "inbox": queries.count_inbox(request.user),
        "assign_form": AssigneeForm(),
        "may_work": can_work(request.user),
        "may_export": can_export(request.user),
    }
    template = "surveys/response_list.html"
    return render(request, f"{template}#rows" if request.htmx.target == "answers" else template, context)


@requires(can_work)
@require_POST
def response_bulk(request: UserRequest) -> HttpResponse:
    """One change to the ticked answers, or to everything the filter finds."""
    rows = queries.list_responses(request.user)
    if request.POST.get("all_matching"):
        found = _filtered(request)
        rows = found.qs if found.is_valid() else rows.none()
    else:
        rows = rows.filter(
            pk__in=[int(pk) for pk in request.POST.getlist("ids") if pk.isdigit() and len(pk) < 19]
        )
    # Sliced rows cannot be changed, so the keys of at most MAX_BULK are taken first.
    chosen = list(rows.values_list("pk", flat=True)[:MAX_BULK])
    rows = queries.list_responses(request.user).filter(pk__in=chosen)
    back = redirect(f"{request.path.removesuffix('bulk/')}?{request.GET.urlencode()}")
    action = request.POST.get("action", "")
    try:
        if action == "assign":
            form = AssigneeForm(request.POST)
            if not form.is_valid():
                raise Refused("Choose an active colleague.", field="assignee")
            number = services.assign_responses(
                responses=rows, assignee=form.cleaned_data["assignee"], actor=request.user
            )
        elif action in set(LoopStatus):
            number = services.set_loop_status(responses=rows, status=action, actor=request.user)
        else:
            raise Refused("Choose what is to be done with the answers.")
    except Refused as refusal:
        messages.error(request, refusal.message)
    else:
        messages.info(request, f"{number} answer{'' if number == 1 else 's'} changed.")
    return back


EXPORT: list[tuple[str, Any]] = [
    ("id", lambda r: r.pk),
    ("responded_at", lambda r: r.responded_at),
    ("metric", lambda r: r.metric),
    ("score", lambda r: r.score),
    ("comment", lambda r: r.comment),
    ("survey", lambda r: r.survey.name),
    ("channel", lambda r: r.channel),
    ("contact", lambda r: r.contact.display_name if r.contact else ""),
    ("email", lambda r: r.contact.email if r.contact else ""),
    ("account", lambda r: r.account.name if r.account else ""),
    ("account_external_id", lambda r: r.account.external_id if r.account else ""),
    ("owner", lambda r: r.account.owner.email if r.account and r.account.owner else ""),
    ("status", lambda r: r.loop_status),
    ("assignee", lambda r: r.assignee.email if r.assignee else ""),
    ("excluded_reason", lambda r: r.excluded_reason),
    ("may_contact", lambda r: r.may_contact),
    ("may_quote", lambda r: r.may_quote),
]


def _flat(value: Any) -> Any:
    """An answer to a further question in one cell: option keys side by side."""
    return ", ".join(value) if isinstance(value, list) else "" if value is None else value


@requires(can_export)
def response_export(request: UserRequest) -> HttpResponseBase:
    """Exactly what the filter shows, as CSV; each further question is a column of its own, named after its key."""
    found = _filtered(request)
    rows = found.qs if found.is_valid() else found.queryset.none()
    audit.record(action="response.exported", actor=request.user, filters=sorted(request.GET.keys()))

    more = queries.question_columns(rows)

    def lines() -> Iterator[list[Any]]:
        for row in rows.iterator(chunk_size=CHUNK):
            yield [*(read(row) for _, read in EXPORT), *(_flat(row.answers.get(key)) for key in more)]

    return csv_response(
        "feedback", [*(name for name, _ in EXPORT), *(f"answer_{key}" for key in more)], lines()
    )


def _response(request: UserRequest, pk: int) -> Response:
    return get_object_or_404(
        queries.list_responses(request.user).select_related("version", "invitation__wave"), pk=pk
    )


def _only(request: UserRequest, pk: int) -> QuerySet[Response]:
    return queries.list_responses(request.user).filter(pk=pk)


def _page(request: UserRequest, response: Response, *, status: int = 200, **forms: Any) -> HttpResponse:
    answer_marks.put([response], request.user)
    context = {
        "response": response,
        "source": sources.names([response.source])[response.source],
        "asked": queries.wording_of(response),
        "previous": queries.previous_answers(response, request.user),
        "changes": queries.changes_of(response),
        "then": queries.customer_then(response),
        "exclude_form": ExcludeForm(),
        "assign_form": AssigneeForm(initial={"assignee": response.assignee_id}),
        "statuses": [(s.value, s.value.capitalize()) for s in LoopStatus],
        "may_work": can_work(request.user),
        "may_lead": can_lead(request.user),
        **forms,
    }
    return render(request, "surveys/response_detail.html", context, status=status)


@requires(can_view)
def response_detail(request: UserRequest, pk: int) -> HttpResponse:
    return _page(request, _response(request, pk))


@requires(can_work)
@require_POST
def response_status(request: UserRequest, pk: int) -> HttpResponse:
    _response(request, pk)
    try:
        services.set_loop_status(
            responses=_only(request, pk),
            status=request.POST.get("status", ""),
            actor=request.user,
        )
    except Refused as refusal:
        messages.error(request, refusal.message)
    return redirect("surveys:response_detail", pk=pk)


@requires(can_work)
@require_POST
def response_assign(request: UserRequest, pk: int) -> HttpResponse:
    response = _response(request, pk)
    form = AssigneeForm(request.POST)
    if not form.is_valid():
        return _page(request, response, status=422, assign_form=form)
    try:
        services.assign_responses(
            responses=_only(request, pk),
            assignee=form.cleaned_data["assignee"],
            actor=request.user,
        )
    except Refused as refusal:
        messages.error(request, refusal.message)
    return redirect("surveys:response_detail", pk=pk)


@requires(can_lead)
@require_POST
def response_exclude(request: UserRequest, pk: int) -> HttpResponse:
    """Take an answer out of all figures, with a reason."""
    response = _response(request, pk)
    form = ExcludeForm(request.POST)
    if form.is_valid():
        try:
            services.exclude_responses(
                responses=_only(request, pk),
                reason=form.cleaned_data["reason"],
                actor=request.user,
            )
        except Refused as refusal:
            form.add_error("reason", refusal.message)
        else:
            messages.info(request, "The answer counts in no figure any more.")
            return redirect("surveys:response_detail", pk=pk)
    return _page(request, response, status=422, exclude_form=form)


@requires(can_lead)
@require_POST
def response_restore(request: UserRequest, pk: int) -> HttpResponse:
    _response(request, pk)
    services.restore_responses(responses=_only(request, pk), actor=request.user)
    messages.info(request, "The answer counts again.")
    return redirect("surveys:response_detail", pk=pk)
