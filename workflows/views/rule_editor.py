"""Writing rules: the editor, the library, versions, copies and files."""

from typing import Any

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.http import require_POST, require_safe

from accounts import segment_editor
from core.errors import Refused
from team.http import UserRequest, requires
from team.permissions import can_lead, can_lead_everywhere, can_view
from workflows.models import Rule
from workflows.queries import rules as queries
from workflows.rules import catalogue, checking, definition, editor, fields, files, library, merge_fields
from workflows.rules.checking import Problem
from workflows.rules.sentences import Speaker
from workflows.services import authoring, reach

SAVING = {"save", "draft"}


@requires(can_lead)
@require_safe
def rule_library(request: UserRequest) -> HttpResponse:
    """Ready rules, each as the sentence it is."""
    speaker = Speaker(request.user)
    ready = [(one, speaker.values(one.values)) for one in library.READY if library.is_possible(one)]
    return render(request, "workflows/rule_library.html", {"ready": ready})


@requires(can_lead)
def rule_new(request: UserRequest) -> HttpResponse:
    """A rule to be written: empty, or one of the library."""
    start: dict[str, Any] = {"reentry": "always", "one_run_per": "cause", "reply_suppresses": True}
    if key := request.GET.get("from"):
        found = library.find(key)
        if found is None:
            raise Http404
        start = found.values
    return _edit(request, None, start)


@requires(can_lead)
def rule_edit(request: UserRequest, pk: int) -> HttpResponse:
    rule = get_object_or_404(queries.list_rules(request.user), pk=pk)
    if rule.is_active and not can_lead_everywhere(request.user):
        messages.info(
            request,
            "This rule is on and acts on every customer, and you see a part of them. Copy it to write one of your own.",
        )
        return redirect("workflows:rule_detail", pk=pk)
    return _edit(request, rule, None)


def _edit(request: UserRequest, rule: Rule | None, start: dict[str, Any] | None) -> HttpResponse:
    if request.method != "POST":
        form = editor.from_values((start or {}) if rule is None else definition.values_of(rule))
        if form is None:
            assert rule is not None
            messages.info(
                request,
                "This rule was written outside the editor and nests its conditions deeper than it can show."
                " Change it where it was written.",
            )
            return redirect("workflows:rule_detail", pk=rule.pk)
        return _draw(request, form, rule)
    form = editor.from_post(request.POST, rule.steps if rule else ())
    before = request.POST.get("trigger_was", "")
    if before != form.trigger:
        editor.change_trigger(form, before)
    action = request.POST.get("do", "")
    if action not in SAVING or request.htmx:
        editor.carry_out(form, action)
        return _draw(request, form, rule)
    values = editor.to_values(form, fields.offered(form.trigger, request.user))
    note, is_draft = request.POST.get("note", ""), action == "draft"
    try:
        if rule is None:
            rule = authoring.create_rule(values=values, actor=request.user, note=note, is_draft=is_draft)
        else:
            authoring.try_change(rule=rule, values=values, actor=request.user)
            rule = authoring.save_rule(
                rule=rule,
                values=values,
                actor=request.user,
                note=note,
                version=_number(request.POST.get("version", "")),
                is_draft=is_draft,
                confirmed_reach=_confirmed(request),
            )
    except authoring.Stale as refusal:
        assert rule is not None
        rule.refresh_from_db()
        return _draw(request, form, rule, stale=refusal.message, status=412)
    except checking.NotReady as refusal:
        return _draw(request, form, rule, problems=refusal.problems, status=422)
    except reach.Unconfirmed as refusal:
        return _draw(request, form, rule, unconfirmed=refusal, status=422)
    except Refused as refusal:
        messages.error(request, refusal.message)
        return _draw(request, form, rule, status=refusal.status)
    messages.info(request, f"“{rule.name}” is saved as version {rule.version}.")
    return redirect("workflows:rule_detail", pk=rule.pk)


def _confirmed(request: UserRequest) -> int | None:
    """How many people somebody agreed to, with a tick beside the number."""
    number = _number(request.POST.get("confirm", ""))
    return number if number >= 0 else None


def _number(text: str) -> int:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else -1


def _draw(
    request: UserRequest,
    form: editor.Form,
    rule: Rule | None,
    *,
    problems: list[Problem] | None = None,
    stale: str = "",
    unconfirmed: reach.Unconfirmed | None = None,
    status: int = 200,
) -> HttpResponse:
    asked = fields.offered(form.trigger, request.user)
    drawing = editor.Drawing(asked, problems or [])
    conditions, steps, trigger_fields = (
        drawing.conditions(form),
        drawing.steps(form),
        drawing.trigger_fields(form),
    )
    values = editor.to_values(form, asked)
    checked = checking.check(values)
    seen = _number(request.POST.get("version", "")) if stale else 0
    context = {
        "rule": rule,
        "form": form,
        "version": rule.version if rule else 0,
        "seen_version": seen,
        "stale": stale,
        "unconfirmed": unconfirmed,
        "note": request.POST.get("note", ""),
        "is_sent": problems is not None,
        "problems": [_anchored(one) for one in (checked.problems if problems is None else problems)],
        "marks": {one.place: one.message for one in reversed(problems or []) if one.place in _MARKED},
        "starts": editor.starts(),
        "trigger": catalogue.triggers.get(form.trigger),
        "trigger_fields": trigger_fields,
        "conditions": conditions,
        "condition_fields": segment_editor.grouped(asked),
        "modes": segment_editor.MODES,
        "steps": steps,
        "kinds": editor.kinds(may_branch=True),
        "merge_fields": merge_fields.offered(),
        "reentry": list(checking.REENTRY.items()),
        "one_run_per": list(checking.ONE_RUN_PER.items()),
        "exits": list(checking.EXITS.items()),
        "sentence": Speaker(request.user).values({**checked.values, "steps": values["steps"]}),
        "oob": request.htmx.target == "rule-editor",
    }
    template = "workflows/rule_form.html"
    if request.htmx.target == "rule-editor":
        template += "#editor"
    elif request.htmx.target == "rule-preview":
        template += "#preview"
    return render(request, template, context, status=200 if request.htmx else status)


_MARKED = {"name", "trigger", "conditions", "steps", "reentry_days", "max_runs_per_day"}


def _anchored(problem: Problem) -> dict[str, str]:
    """A problem and the part of the form it stands at."""
    place, _, path = problem.place.partition(".")
    if place == "steps" and path:
        return {
            "message": problem.message,
            "anchor": f"{editor.ROOT}-{path.replace('.', '-')}" if path[-1].isdigit() else "steps",
        }
    return {"message": problem.message, "anchor": place if place in _ANCHORS else "journey"}


_ANCHORS = {"name", "description", "trigger", "conditions", "steps"}


# --- Versions ------------------------------------------------------------------------------------------------
@requires(can_view)
@require_safe
def rule_versions(request: UserRequest, pk: int) -> HttpResponse:
    """Every version with who saved it and why, and two of them beside each other."""
    rule = get_object_or_404(queries.list_rules(request.user), pk=pk)
    return _versions(request, rule)


def _versions(
    request: UserRequest, rule: Rule, *, unconfirmed: reach.Unconfirmed | None = None, wanted: int = 0
) -> HttpResponse:
    versions = queries.versions_of(rule)
    known = {one.version: one for one in versions}
    newest = versions[0].version if versions else rule.version
    after = known.get(_number(request.GET.get("to", "")), known.get(newest))
    before = known.get(_number(request.GET.get("from", "")))
    if before is None and after is not None:
        before = known.get(max((v for v in known if v < after.version), default=-1))
    changes = queries.compare(before, after, Speaker(request.user)) if before and after else []
    context = {
        "rule": rule,
        "versions": versions,
        "before": before,
        "after": after,
        "changes": changes,
        "is_same": not any(change.sign != "same" for change in changes),
        "may_lead": can_lead_everywhere(request.user) if rule.is_active else can_lead(request.user),
        "unconfirmed": unconfirmed,
        "wanted": wanted,
    }
    return render(request, "workflows/rule_versions.html", context, status=422 if unconfirmed else 200)


@requires(can_lead)
@require_POST
def rule_take_back(request: UserRequest, pk: int) -> HttpResponse:
    rule = get_object_or_404(queries.list_rules(request.user), pk=pk)
    version = _number(request.POST.get("version", ""))
    try:
        authoring.try_change(rule=rule, values=authoring.past_values(rule, version), actor=request.user)
        rule = authoring.take_back(
            rule=rule, version=version, actor=request.user, confirmed_reach=_confirmed(request)
        )
    except reach.Unconfirmed as refusal:
        return _versions(request, rule, unconfirmed=refusal, wanted=version)
    except Refused as refusal:
        messages.error(request, refusal.message)
    else:
        messages.info(request, f"Version {version} stands again, as version {rule.version}.")
    return redirect("workflows:rule_versions", pk=pk)


@requires(can_lead)
@require_POST
def rule_copy(request: UserRequest, pk: int) -> HttpResponse:
    rule = get_object_or_404(queries.list_rules(request.user), pk=pk)
    try:
        made = authoring.copy_rule(rule=rule, actor=request.user)
    except Refused as refusal:
        messages.error(request, refusal.message)
        return redirect("workflows:rule_detail", pk=pk)
    messages.info(request, f"“{made.name}” is a copy, switched off.")
    return redirect("workflows:rule_edit", pk=made.pk)


@requires(can_lead)
@require_POST
def rule_delete(request: UserRequest, pk: int) -> HttpResponse:
    rule = get_object_or_404(queries.list_rules(request.user), pk=pk)
    try:
        authoring.delete_rule(rule=rule, actor=request.user)
    except Refused as refusal:
        messages.error(request, refusal.message)
        return redirect("workflows:rule_detail", pk=pk)
    messages.info(request, f"The rule “{rule.name}” was deleted. What its runs made stays.")
    return redirect("workflows:rule_list")


# --- Files ---------------------------------------------------------------------------------------------------
@requires(can_lead)
@require_safe
def rule_export(request: UserRequest, pk: int) -> HttpResponse:
    rule = get_object_or_404(queries.list_rules(request.user), pk=pk)
    response = HttpResponse(files.write([rule]), content_type="application/json")
    response["Content-Disposition"] = f'attachment; filename="{files.file_name(rule)}"'
    return response


@requires(can_lead)
def rule_import(request: UserRequest) -> HttpResponse:
    """Bring rules in from a file; each comes in switched off, with what could not be found."""
    context: dict[str, Any] = {"refused": "", "brought": [], "back": reverse("workflows:rule_list")}
    status = 200
    if request.method == "POST":
        sent = request.FILES.get("file")
        try:
            if sent is None:
                raise Refused("Choose a file first.", field="file", status=400)
            body = sent.read(files.MAX_BYTES + 1)
            context["brought"] = authoring.bring_in(read=files.read(body), actor=request.user)
        except Refused as refusal:
            context["refused"], status = refusal.message, 422
    return render(request, "workflows/rule_import.html", context, status=status)
