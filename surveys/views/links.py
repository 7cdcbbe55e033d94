"""The team's side of public links: the list of a survey, one link with its code, and what it brought in."""

from html import escape
from pathlib import Path

from django.conf import settings
from django.contrib import messages
from django.contrib.staticfiles import finders
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.text import slugify
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from core import clock
from core.errors import Refused
from surveys import qr, rendering, texts
from surveys.link_forms import LinkForm
from surveys.models import PublicLink, Survey
from surveys.queries import links as queries
from surveys.queries import surveys as survey_queries
from surveys.services import links as services
from surveys.services.links import LinkPlan
from team.http import UserRequest, public, requires
from team.permissions import can_lead, can_view

FRAME_HEIGHT = 640
# With scripts and its own origin the frame stays what it is: a page of another site, which may open its links.
SANDBOX = "allow-forms allow-scripts allow-same-origin allow-popups allow-popups-to-escape-sandbox"


@requires(can_view)
@require_safe
def link_list(request: UserRequest, pk: int) -> HttpResponseBase:
    """The links of a survey, and what came in by source."""
    survey = _survey(request, pk)
    context = {
        "survey": survey,
        "rows": queries.list_rows(request.user, survey),
        "sources": sorted(queries.sources(request.user, survey).values(), key=lambda row: row.source),
        "may_lead": can_lead(request.user),
    }
    return render(request, "surveys/link_list.html", context)


@requires(can_lead)
@require_http_methods(["GET", "HEAD", "POST"])
def link_new(request: UserRequest, pk: int) -> HttpResponseBase:
    survey = _survey(request, pk)
    form = LinkForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            link = services.create_link(survey=survey, plan=form.plan, actor=request.user)
        except Refused as refusal:
            form.add_error(refusal.field if refusal.field in form.fields else None, refusal.message)
        else:
            return redirect("surveys:link_detail", pk=link.pk)
    return _form(request, form, survey, None)


@requires(can_lead)
@require_http_methods(["GET", "HEAD", "POST"])
def link_edit(request: UserRequest, pk: int) -> HttpResponseBase:
    link = _link(request, pk)
    form = LinkForm(request.POST or None, initial=LinkForm.initial_of(LinkPlan.of(link)))
    if request.method == "POST" and form.is_valid():
        try:
            services.update_link(link=link, plan=form.plan, actor=request.user)
        except Refused as refusal:
            form.add_error(refusal.field if refusal.field in form.fields else None, refusal.message)
        else:
            messages.success(request, "Saved. The address is the same.")
            return redirect("surveys:link_detail", pk=pk)
    return _form(request, form, link.survey, link)


@requires(can_view)
@require_safe
def link_detail(request: UserRequest, pk: int) -> HttpResponseBase:
    """One link: its address to copy, its code, how to embed it, and what it brought in."""
    link = _link(request, pk)
    embed_url = queries.address_of(link, embedded=True)
    context = {
        "link": link,
        "survey": link.survey,
        "address": queries.address_of(link),
        "row": queries.sources(request.user, link.survey).get(queries.source_of(link)),
        "snippet": snippet(link, embed_url) if link.origins else "",
        "script": f'<script type="module" src="{settings.BASE_URL}{reverse("surveys:link_frame_js")}"></script>',
        "may_lead": can_lead(request.user),
    }
    return render(request, "surveys/link_detail.html", context)


@requires(can_lead)
@require_POST
def link_switch(request: UserRequest, pk: int) -> HttpResponseBase:
    link = _link(request, pk)
    on = request.POST.get("on") == "1"
    services.switch(link=link, on=on, actor=request.user)
    messages.success(
        request,
        "The link works again."
        if on
        else "The link is off. Whoever opens it reads that the survey is closed.",
    )
    return redirect("surveys:link_detail", pk=pk)


@requires(can_view)
@require_safe
def link_qr(request: UserRequest, pk: int, form: str) -> HttpResponseBase:
    """The code as a picture; `?download` names it as a file."""
    link = _link(request, pk)
    address = queries.address_of(link)
    if form == "png":
        response = HttpResponse(qr.png(address), content_type="image/png")
    else:
        response = HttpResponse(qr.svg(address, title=f"QR code: {link.name}"), content_type="image/svg+xml")
    response["Cache-Control"] = "private, max-age=3600"
    if "download" in request.GET:
        name = slugify(f"qr-{link.survey.name}-{link.name}")[:80] or "qr"
        response["Content-Disposition"] = f'attachment; filename="{name}.{form}"'
    return response


@requires(can_view)
@require_safe
def link_print(request: UserRequest, pk: int) -> HttpResponseBase:
    """A sheet to hang up: the question, the code and the address, in the survey's words and the language asked for."""
    link = _link(request, pk)
    page = queries.find_page(
        queries.token_of(link), now=clock.now(), language=request.GET.get("lang", "")[:20]
    )
    if page is None:
        raise Http404
    context = {
        "link": link,
        "wording": page.wording(),
        "question": rendering.page_context(page.content, page.wording())["question"],
        "logo_url": rendering.logo_path(page.invitation.version.logo.name or ""),
        "address": queries.address_of(link),
        "languages": [(tag, texts.language_for(tag).name) for tag in page.content.languages],
    }
    return render(request, "surveys/link_print.html", context)


@public("a script for the web sites that embed a survey, the same for everybody")
@require_safe
def link_frame_js(request: HttpRequest) -> HttpResponseBase:
    """The module that fits the frame's height, at an address that outlives releases."""
    path = finders.find("js/survey-frame.js")
    assert isinstance(path, str), "It is part of the product."
    response = HttpResponse(Path(path).read_bytes(), content_type="text/javascript; charset=utf-8")
    response["Cache-Control"] = "public, max-age=3600"
    response["Access-Control-Allow-Origin"] = (
        "*"  # modules are fetched with CORS; there is nothing of anybody in it
    )
    response["Cross-Origin-Resource-Policy"] = "cross-origin"
    return response


def snippet(link: PublicLink, embed_url: str) -> str:
    """The frame as text to copy: escaped once as HTML, and once more when a page shows it."""
    return (
        f'<iframe src="{escape(embed_url)}" title="{escape(link.survey.name)}" width="100%" height="{FRAME_HEIGHT}"'
        f' sandbox="{SANDBOX}" referrerpolicy="no-referrer" loading="lazy" frameborder="0"></iframe>'
    )


def _form(request: UserRequest, form: LinkForm, survey: Survey, link: PublicLink | None) -> HttpResponseBase:
    context = {"form": form, "survey": survey, "link": link}
    return render(request, "surveys/link_form.html", context, status=422 if form.errors else 200)


def _survey(request: UserRequest, pk: int) -> Survey:
    found = survey_queries.get_survey(request.user, pk)
    if found is None:
        raise Http404
    return found


def _link(request: UserRequest, pk: int) -> PublicLink:
    found = queries.get_link(request.user, pk)
    if found is None:
        raise Http404
    return found
