"""The pages of segments: the list, and the editor that counts while one edits."""

from typing import Any

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_POST, require_safe

from accounts import queries, segment_editor, segments, versions
from accounts.domain import Sharing
from accounts.extend import ReadyList, SegmentField
from accounts.forms import SegmentForm, show_refusal
from accounts.models import Segment
from accounts.services import segments as services
from accounts.views.accounts import offer_again
from core.errors import Refused
from team.http import UserRequest, requires
from team.permissions import can_export, can_lead, can_view, can_work

SHOWN = 8


@requires(can_view)
@require_safe
def segment_list(request: UserRequest) -> HttpResponse:
    fields = {target: segments.fields_for(target, request.user) for target in services.TARGETS}
    rows = []
    for segment in queries.list_segments(request.user):
        row: dict[str, Any] = {"segment": segment, "may_change": services.may_change(segment, request.user)}
        try:
            row["words"] = segments.describe(segment.conditions, segment.target, fields[segment.target])
            row["count"] = segments.rows_of(segment, request.user).count()
        except Refused as refusal:
            row["trouble"] = refusal.message
        rows.append(row)
    context = {
        "rows": rows,
        "offered": [_offer(one, request, fields[one.target]) for one in queries.offered_lists(request.user)],
        "may_add": can_work(request.user),
        "may_export": can_export(request.user),
    }
    return render(request, "accounts/segment_list.html", context)


def _offer(one: ReadyList, request: UserRequest, fields: dict[str, SegmentField]) -> dict[str, Any]:
    rows: Any = (queries.list_accounts if one.target == "account" else queries.list_contacts)(request.user)
    found = segments.narrow(rows, one.conditions, target=one.target, user=request.user, fields=fields)
    return {"list": one, "count": found.count()}


@requires(can_work)
@require_POST
def segment_keep(request: UserRequest, key: str) -> HttpResponse:
    """Save a ready list as a segment of one's own, to be used, changed and shared like any other."""
    offered = queries.find_offered(key, request.user)
    if offered is None:
        raise Http404
    try:
        segment = services.create_segment(
            name=offered.name,
            target=offered.target,
            conditions=offered.conditions,
            sharing=Sharing.EVERYBODY if can_lead(request.user) else Sharing.PRIVATE,
            owner=request.user,
            actor=request.user,
        )
    except Refused as refusal:  # somebody out of sight has the name
        messages.error(request, refusal.message)
        return redirect("accounts:segment_list")
    messages.success(request, f"“{segment.name}” is saved. Its conditions can be changed here.")
    return redirect("accounts:segment_edit", pk=segment.pk)


def _preview(request: UserRequest, target: str, tree: Any, fields: dict[str, SegmentField]) -> dict[str, Any]:
    """How many rows the conditions yield for this person, and the first of them; or why they cannot be read."""
    if target == "account":
        rows: Any = queries.list_accounts(request.user)
    else:
        rows = queries.list_contacts(request.user)
    try:
        found = segments.narrow(rows, tree, target=target, user=request.user, fields=fields)
        words = segments.describe(tree, target, fields)
    except Refused as refusal:
        return {"trouble": refusal.message}
    order = ("name", "pk") if target == "account" else ("last_name", "first_name", "pk")
    return {"count": found.count(), "sample": list(found.order_by(*order)[:SHOWN]), "words": words}


def _draw(
    request: UserRequest,
    target: str,
    form: SegmentForm,
    editor: segment_editor.Editor,
    segment: Segment | None,
    *,
    fields: dict[str, SegmentField],
    tree: Any = None,
) -> HttpResponse:
    segment_editor.settle(editor, fields)
    context = {
        "form": form,
        "target": target,
        "segment": segment,
        "editor": editor,
        "groups": segment_editor.shown(editor, fields),
        "fields": segment_editor.grouped(fields),
        "modes": segment_editor.MODES,
        "preview": _preview(
            request, target, segment_editor.to_tree(editor, fields) if tree is None else tree, fields
        ),
        "may_change": segment is None or services.may_change(segment, request.user),
    }
    template = "accounts/segment_form.html"
    if request.htmx.target == "segment-editor":
        template += "#editor"
    elif request.htmx.target == "segment-preview":
        template += "#preview"
    status = 422 if form.is_bound and form.errors and not request.htmx else 200
    return render(request, template, context, status=status)


@requires(can_work)
def segment_create(request: UserRequest) -> HttpResponse:
    target = request.GET.get("target", "account")
    if target not in services.TARGETS:
        raise Http404
    fields = segments.fields_for(target, request.user)
    if request.method != "POST":
        offered = queries.find_offered(request.GET.get("from", ""), request.user)
        if offered is None or offered.target != target:
            return _draw(request, target, SegmentForm(), segment_editor.Editor(), None, fields=fields)
        editor = segment_editor.from_tree(offered.conditions) or segment_editor.Editor()
        return _draw(
            request, target, SegmentForm(initial={"name": offered.name}), editor, None, fields=fields
        )
    editor = segment_editor.from_post(request.POST)
    action = request.POST.get("do", "")
    if action != "save" or request.htmx:
        segment_editor.carry_out(editor, action)
        return _draw(request, target, SegmentForm(initial=request.POST.dict()), editor, None, fields=fields)
    form = SegmentForm(request.POST)
    if form.is_valid():
        try:
            segment = services.create_segment(
                name=form.cleaned_data["name"],
                target=target,
                conditions=segment_editor.to_tree(editor, fields),
                sharing=form.cleaned_data["sharing"],
                owner=request.user,
                actor=request.user,
            )
        except Refused as refusal:
            show_refusal(form, refusal)
        else:
            messages.success(request, f"The segment “{segment.name}” is saved.")
            return redirect("accounts:segment_list")
    return _draw(request, target, form, editor, None, fields=fields)


@requires(can_view)
def segment_edit(request: UserRequest, pk: int) -> HttpResponse:
    """A segment in its editor; whoever may not change it sees it there all the same."""
    segment = get_object_or_404(queries.list_segments(request.user), pk=pk)
    fields = segments.fields_for(segment.target, request.user)
    version = versions.version_of(segment, services.EDITABLE)
    initial = {"name": segment.name, "sharing": segment.sharing, "version": version}
    if request.method != "POST":
        editor = segment_editor.from_tree(segment.conditions)
        if editor is None:
            return _too_deep(request, segment, fields)
        form = SegmentForm(initial=initial)
        return _draw(request, segment.target, form, editor, segment, fields=fields, tree=segment.conditions)
    editor = segment_editor.from_post(request.POST)
    action = request.POST.get("do", "")
    if action != "save" or request.htmx:
        segment_editor.carry_out(editor, action)
        form = SegmentForm(initial=request.POST.dict())
        return _draw(request, segment.target, form, editor, segment, fields=fields)
    form = SegmentForm(request.POST)
    if form.is_valid():
        try:
            services.update_segment(
                segment=segment,
                name=form.cleaned_data["name"],
                conditions=segment_editor.to_tree(editor, fields),
                sharing=form.cleaned_data["sharing"],
                actor=request.user,
                version=form.cleaned_data["version"] or "missing",
            )
        except Refused as refusal:
            show_refusal(form, refusal)
            if isinstance(refusal, versions.Stale):
                offer_again(form, version)
        else:
            messages.success(request, "Segment saved.")
            return redirect("accounts:segment_list")
    return _draw(request, segment.target, form, editor, segment, fields=fields)


def _too_deep(request: UserRequest, segment: Segment, fields: dict[str, SegmentField]) -> HttpResponse:
    """A segment made through the API that rows in groups cannot show: in words, to be used but not edited here."""
    context = {
        "segment": segment,
        "target": segment.target,
        "preview": _preview(request, segment.target, segment.conditions, fields),
        "may_change": services.may_change(segment, request.user),
    }
    return render(request, "accounts/segment_words.html", context)


@requires(can_work)
@require_POST
def segment_delete(request: UserRequest, pk: int) -> HttpResponse:
    segment = get_object_or_404(queries.list_segments(request.user), pk=pk)
    try:
        services.delete_segment(segment=segment, actor=request.user)
    except Refused as refusal:
        messages.error(request, refusal.message)
        return redirect("accounts:segment_edit", pk=pk)
    messages.success(request, f"The segment “{segment.name}” was deleted.")
    return redirect("accounts:segment_list")
