"""Surveys: the list, one survey with its versions, and the editor with its preview."""

from typing import Any, cast

from csp.constants import NONE, SELF, UNSAFE_INLINE
from csp.decorators import csp
from django.conf import settings
from django.contrib import messages
from django.http import Http404, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.html import format_html
from django.views.decorators.clickjacking import xframe_options_sameorigin
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from core.errors import Refused
from surveys import previews, question_form, questions, scales, starters, texts
from surveys.channels import sms
from surveys.channels.sms import text as sms_text
from surveys.choices import Channel, SurveyState
from surveys.content import Content, Gap
from surveys.models import Survey
from surveys.previews import Asked
from surveys.queries import surveys as queries
from surveys.rendering import Company
from surveys.services import surveys as services
from surveys.services.surveys import Stale, Unfit
from surveys.survey_form import SurveyForm, field_of
from team import queries as team_queries
from team.http import P, UserRequest, View, requires
from team.permissions import can_lead, can_view

# A preview is a page of its own inside ours: it may be styled inline as mails are, but it runs and sends nothing.
PREVIEW_POLICY = {
    "default-src": [NONE],
    "style-src": [SELF, UNSAFE_INLINE],
    "img-src": [SELF, settings.BASE_URL, "data:"],
    "font-src": [SELF],
    "frame-ancestors": [SELF],
    "form-action": [NONE],
    "base-uri": [NONE],
    "sandbox": ["allow-same-origin"],
}


def framed(view: View[P]) -> View[P]:
    """A document that our own pages, and nobody else's, show in a frame."""
    return cast(View[P], xframe_options_sameorigin(cast(Any, csp(PREVIEW_POLICY))(view)))


@requires(can_view)
@require_safe
def survey_list(request: UserRequest) -> HttpResponseBase:
    """All surveys with their last wave and their figures."""
    state = request.GET.get("state", "")
    state = state if state in set(SurveyState) else ""
    context = {
        "rows": queries.list_rows(request.user, state=state),
        "state": state,
        "states": [(value.value, value.value.capitalize()) for value in SurveyState],
        "may_edit": can_lead(request.user),
    }
    return render(request, "surveys/survey_list.html", context)


@requires(can_view)
@require_safe
def survey_detail(request: UserRequest, pk: int) -> HttpResponseBase:
    """One survey: how it does, its versions, its preview, and what can be done with it."""
    survey = _survey(request, pk)
    assert survey.current is not None
    content = Content.from_json(survey.current.content)
    counts = queries.counts_by_survey(request.user, survey_id=survey.pk).get(survey.pk)
    context = {
        "survey": survey,
        "content": content,
        "counts": counts,
        "answers_url": f"{reverse('surveys:response_list')}?survey={survey.pk}",
        "versions": queries.list_versions(request.user, survey),
        "languages": [(tag, texts.language_for(tag).name) for tag in content.languages],
        "warnings": content.warnings(),
        "gaps": len(content.untranslated()),
        "figures": queries.figures_of(request.user, survey),
        "option_counts": queries.count_options(request.user, survey, content),
        "waiting_clicks": queries.count_waiting_clicks(request.user, survey),
        "may_edit": can_lead(request.user),
        "has_sms": sms.is_configured(),
    }
    return render(request, "surveys/survey_detail.html", context)


@requires(can_view)
@require_safe
def survey_version(request: UserRequest, pk: int, number: int) -> HttpResponseBase:
    """What an earlier version said."""
    survey = _survey(request, pk)
    version = queries.get_version(survey, number)
    if version is None:
        raise Http404
    content = Content.from_json(version.content)
    context = {
        "survey": survey,
        "version": version,
        "content": content,
        "languages": [(tag, texts.language_for(tag).name) for tag in content.languages],
        "is_current": version.pk == survey.current_id,
    }
    return render(request, "surveys/survey_version.html", context)


@requires(can_lead)
@require_http_methods(["GET", "HEAD", "POST"])
def survey_new(request: UserRequest) -> HttpResponseBase:
    workspace = team_queries.workspace()
    chosen = starters.starter(request.GET.get("from", ""))
    if chosen is None and request.method != "POST":
        return render(request, "surveys/survey_library.html", {"starters": _starters(workspace.name)})
    chosen = chosen or starters.STARTERS[0]
    start = chosen.build(
        tags=chosen.languages([tag for tag, _ in texts.choices()]),
        default=workspace.language if workspace.language in dict(texts.choices()) else "en",
        brand_colour=workspace.colour,
        reply_to=request.user.email,
    )
    form = SurveyForm(
        *_posted(request), content=start, company=workspace.name, kind=chosen.kind, name=chosen.name
    )
    if _is_rearranging(request):
        return _editor(request, form, None)
    if request.method == "POST" and form.is_valid():
        try:
            survey = services.create_survey(
                name=form.cleaned_data["name"],
                content=form.content,
                picture=form.chosen_picture,
                kind=form.cleaned_data["kind"] or chosen.kind,
                actor=request.user,
            )
        except Refused as refusal:
            _refuse(form, refusal)
        else:
            messages.success(
                request, "The survey is saved as a draft. Activate it when a campaign may ask it."
            )
            return redirect("surveys:survey_edit", pk=survey.pk)
    return _editor(request, form, None)


@requires(can_lead)
@require_http_methods(["GET", "HEAD", "POST"])
def survey_edit(request: UserRequest, pk: int) -> HttpResponseBase:
    survey = _survey(request, pk)
    assert survey.current is not None
    form = SurveyForm(
        *_posted(request),
        content=Content.from_json(survey.current.content),
        name=survey.name,
        seen=services.revision_of(survey),
        company=team_queries.workspace().name,
        kind=survey.kind,
    )
    if _is_rearranging(request):
        return _editor(request, form, survey)
    if request.method == "POST" and form.is_valid():
        number = survey.current.number
        try:
            saved = services.update_survey(
                survey=survey,
                name=form.cleaned_data["name"],
                content=form.content,
                picture=form.chosen_picture,
                keep_logo=not form.cleaned_data["remove_logo"],
                kind=form.cleaned_data["kind"] or survey.kind,
                seen=form.cleaned_data["seen"],
                actor=request.user,
            )
        except Stale as refusal:
            # The next press is an informed one: it carries what is stored now.
            data = request.POST.copy()
            data["seen"] = services.revision_of(survey)
            form.data = data
            _refuse(form, refusal)
        except Refused as refusal:
            _refuse(form, refusal)
        else:
            _say_saved(request, saved, number)
            return redirect("surveys:survey_edit", pk=pk)
    return _editor(request, form, survey)


@requires(can_lead)
@require_POST
@framed
def survey_preview(request: UserRequest, pk: int | None = None) -> HttpResponseBase:
    """The document of the preview frame for what is in the form now. Saves nothing."""
    survey, form = _typed(request, pk)
    workspace = team_queries.workspace()
    has_logo = survey is not None and survey.current is not None and not form.cleaned_data.get("remove_logo")
    document = previews.render(
        form.content,
        Asked.of(request.POST),
        company=Company(name=workspace.name, postal_address=workspace.postal_address),
        logo=(survey.current.logo.name or "")
        if has_logo and survey is not None and survey.current is not None
        else "",
        user=request.user,
    )
    return HttpResponse(document, headers={"Cache-Control": "no-store"})


@requires(can_lead)
@require_POST
def sms_count(request: UserRequest, pk: int | None = None) -> HttpResponseBase:
    """How the SMS of one language counts, for what is in the form now. Saves nothing."""
    _, form = _typed(request, pk)
    language = form.content.language_for(request.GET.get("language", "")[:20])
    sample = sms_text.sample(form.content, language, company=team_queries.workspace().name)
    return render(request, "surveys/_sms_count.html", {"sample": sample})


@requires(can_view)
@require_safe
@framed
def survey_version_preview(request: UserRequest, pk: int, number: int) -> HttpResponseBase:
    """The document of the preview frame for a stored version."""
    survey = _survey(request, pk)
    version = queries.get_version(survey, number)
    if version is None:
        raise Http404
    workspace = team_queries.workspace()
    document = previews.render(
        Content.from_json(version.content),
        Asked.of(request.GET),
        company=Company(name=workspace.name, postal_address=workspace.postal_address),
        logo=version.logo.name or "",
        user=request.user,
    )
    return HttpResponse(document, headers={"Cache-Control": "no-store"})


@requires(can_lead)
@require_POST
def survey_activate(request: UserRequest, pk: int) -> HttpResponseBase:
    return _act(request, pk, services.activate, "The survey is active: campaigns can ask it.")


@requires(can_lead)
@require_POST
def survey_archive(request: UserRequest, pk: int) -> HttpResponseBase:
    return _act(request, pk, services.archive, "The survey is archived. Its answers stay in every figure.")


@requires(can_lead)
@require_POST
def survey_copy(request: UserRequest, pk: int) -> HttpResponseBase:
    try:
        made = services.copy_survey(survey=_survey(request, pk), actor=request.user)
    except Refused as refusal:
        messages.error(request, refusal.message)
        return redirect("surveys:survey_detail", pk=pk)
    messages.success(request, f"This is the copy, “{made.name}”. Give it a name of its own.")
    return redirect("surveys:survey_edit", pk=made.pk)


@requires(can_lead)
@require_POST
def survey_test(request: UserRequest, pk: int) -> HttpResponseBase:
    """Send the saved version to the reader's own address, or as SMS to the number they give as theirs."""
    language = request.POST.get("language", "")[:20]
    survey = _survey(request, pk)
    try:
        if request.POST.get("channel") == Channel.SMS:
            number = request.POST.get("phone", "")[:40]
            services.send_test_sms(survey=survey, language=language, number=number, actor=request.user)
        else:
            services.send_test(survey=survey, language=language, actor=request.user)
    except Refused as refusal:
        messages.error(request, refusal.message)
    else:
        by_sms = request.POST.get("channel") == Channel.SMS
        to = request.user.phone if by_sms else request.user.email
        messages.success(request, f"A test is on its way to {to}. Its answer is counted nowhere.")
    back = request.POST.get("back", "")
    return redirect("surveys:survey_edit" if back == "edit" else "surveys:survey_detail", pk=pk)


def _typed(request: UserRequest, pk: int | None) -> tuple[Survey | None, SurveyForm]:
    """The survey that is being edited, and the form as it was typed so far."""
    survey = _survey(request, pk) if pk is not None else None
    chosen = starters.starter(request.GET.get("from", ""))
    old = (
        Content.from_json(survey.current.content)
        if survey is not None and survey.current is not None
        else Content(metric=chosen.metric if chosen is not None else "nps")
    )
    form = SurveyForm(request.POST, content=old, company=team_queries.workspace().name)
    form.is_valid()
    return survey, form


def _survey(request: UserRequest, pk: int) -> Survey:
    found = queries.get_survey(request.user, pk)
    if found is None:
        raise Http404
    return found


def _posted(request: UserRequest) -> tuple[Any, Any]:
    return (request.POST, request.FILES) if request.method == "POST" else (None, None)


def _refuse(form: SurveyForm, refusal: Refused) -> None:
    if isinstance(refusal, Unfit):
        for issue in refusal.issues:
            form.note(issue)
        return
    field = "picture" if refusal.field == "logo" else refusal.field
    form.add_error(field if field in form.fields else None, refusal.message)


def _say_saved(request: UserRequest, saved: Survey, number: int) -> None:
    current = saved.current
    if current is not None and current.number != number:
        messages.success(
            request,
            f"Saved as version {current.number}. Waves already under way go on with the version they began with.",
        )
    else:
        messages.success(request, "Saved.")


def _act(request: UserRequest, pk: int, service: Any, said: str) -> HttpResponseBase:
    survey = _survey(request, pk)
    try:
        service(survey=survey, actor=request.user)
    except Unfit as refusal:
        messages.error(request, format_html("{} Mend it in the editor first.", refusal.message))
    except Refused as refusal:
        messages.error(request, refusal.message)
    else:
        messages.success(request, said)
    return redirect("surveys:survey_detail", pk=pk)


def _is_rearranging(request: UserRequest) -> bool:
    """Whether a button of the questions was pressed: the page is shown again, nothing is saved."""
    return request.method == "POST" and question_form.is_rearranging(request.POST)


def _starters(company: str) -> list[tuple[starters.Starter, str, str, list[str]]]:
    """The library with each survey's question, look and signs, for its cards."""
    rows = []
    for one in starters.STARTERS:
        content = one.build(tags=[], default="en")
        wording = content.wording("en", company=company)
        signs = [scales.sign(content.shown_look, score) for score in content.scale.scores]
        rows.append((one, wording.question, content.scale.label, signs))
    return rows


@requires(can_view)
@require_safe
def survey_gaps(request: UserRequest, pk: int) -> HttpResponseBase:
    """What an author wrote in the default language and not in others, text by text, with the way to each field."""
    survey = _survey(request, pk)
    assert survey.current is not None
    content = Content.from_json(survey.current.content)
    drafts = question_form.drafts_of(content)
    gaps = content.untranslated()
    rows: dict[str, tuple[Gap, list[tuple[str, str, str]]]] = {}
    for gap in gaps:
        field = gap.field if ".questions." in gap.field else field_of(gap.field)
        field = question_form.field_of(field, drafts, content.default_language)
        path = gap.field.removeprefix(f"languages.{gap.language}.")
        _, missing = rows.setdefault(path, (gap, []))
        missing.append((gap.language, texts.language_for(gap.language).name, field))
    context = {
        "survey": survey,
        "content": content,
        "default_name": texts.language_for(content.default_language).name,
        "rows": list(rows.values()),
        "others": len(content.languages) - 1,
        "total": len(gaps),
        "may_edit": can_lead(request.user),
    }
    return render(request, "surveys/survey_gaps.html", context)


@requires(can_view)
@require_safe
def brand_contrast(request: UserRequest) -> HttpResponseBase:
    """What a brand colour comes to, as the editor says it while one is chosen."""
    content = Content.from_json(
        {"brand_colour": request.GET.get("brand_colour", "")[:20], "reply_to": "x@example.com"}
    )
    issues = [issue for issue in (*content.problems(), *content.warnings()) if issue.field == "brand_colour"]
    return render(request, "surveys/_brand_contrast.html", {"issues": issues, "content": content})


def _editor(request: UserRequest, form: SurveyForm, survey: Survey | None) -> HttpResponseBase:
    context = {
        "form": form,
        "survey": survey,
        "sections": form.sections(),
        "questions": form.question_sections(),
        "question_kinds": questions.KIND_LABELS.items(),
        "scale": form.old.scale,
        "starter": starters.starter(request.GET.get("from", "")) or starters.STARTERS[0],
        "languages": [(tag, texts.language_for(tag).name) for tag, _ in texts.choices()],
        "has_sms": sms.is_configured(),
        "sms_count_url": reverse("surveys:sms_count", args=[survey.pk])
        if survey is not None
        else reverse("surveys:survey_new_sms_count"),
        "saved_languages": [(tag, texts.language_for(tag).name) for tag in form.old.languages],
        "warnings": form.content.warnings() if not form.is_bound or form.is_valid() else [],
        "has_logo": bool(survey is not None and survey.current is not None and survey.current.logo),
        "is_frozen": survey is not None and survey.current is not None and services.is_frozen(survey.current),
    }
    is_refused = request.method == "POST" and not _is_rearranging(request) and bool(form.errors)
    return render(request, "surveys/survey_edit.html", context, status=422 if is_refused else 200)
