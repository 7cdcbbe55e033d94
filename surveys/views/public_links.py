"""What opens behind a public link: the hosted page for nobody in particular, on a kiosk, or inside another web site.

The question, its form and its checks are those of surveys/views/respond.py; here is only what differs: whose page it
is, where the answer goes, and who may frame it. A GET records nothing.
"""

import datetime as dt
import re
from collections.abc import Callable
from functools import wraps
from typing import Any, cast

from django.core.exceptions import RequestDataTooBig, SuspiciousOperation
from django.http import HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect
from django.template.loader import render_to_string
from django.utils.translation import get_language_from_request

from core import clock
from surveys import rendering
from surveys.link_texts import link_texts
from surveys.queries import links as queries
from surveys.queries.links import LinkPage
from surveys.queries.respond import HostedPage
from surveys.services import links as services
from surveys.services.respond import Result, Submission
from surveys.views import respond
from surveys.views.respond import hosted
from team.http import public
from team.receivers import ip_of

REASON = "a public link is meant for anybody; its token is signed"
EMAIL_LENGTH = 254
FIELD = re.compile(r"[a-zA-Z0-9_.:-]{1,80}")


def link_page(*, embedded: bool) -> Callable[..., Any]:
    """Finds the page that a token is for, and lets exactly the link's own web sites frame it where it is embedded."""

    def decorate(view: Callable[..., HttpResponseBase]) -> Callable[..., HttpResponseBase]:
        @wraps(view)
        def wrapped(request: HttpRequest, token: str, **kwargs: Any) -> HttpResponseBase:
            page = queries.find_page(
                token,
                now=clock.now(),
                language=posted(request, "lang")[:20]
                or request.GET.get("lang", "")[:20]
                or get_language_from_request(request),
                nonce=posted(request, "nonce"),
                email=posted(request, "email")[:EMAIL_LENGTH],
                embedded=embedded,
            )
            # A link without web sites is not there to be embedded: it is as unknown as a forged one.
            if page is None or (embedded and not page.link.origins):
                return respond.forged(request)
            response = view(request, page, **kwargs)
            if embedded:
                framed_by(response, page.link.origins)
            return response

        return wrapped

    return decorate


def posted(request: HttpRequest, name: str) -> str:
    """A field of the form, or nothing; what cannot be read is dealt with where the form is."""
    try:
        return str(request.POST.get(name, ""))
    except (RequestDataTooBig, SuspiciousOperation):
        return ""


def framed_by(response: HttpResponseBase, origins: list[str]) -> None:
    """Exactly these may show the page; X-Frame-Options knows no list, and browsers that read the policy ignore it."""
    kept = cast(Any, response)
    kept.xframe_options_exempt = True
    kept._csp_replace = {"frame-ancestors": list(origins)}


@public(REASON)
@hosted("GET", "HEAD", "POST")
@link_page(embedded=False)
def link(request: HttpRequest, page: LinkPage) -> HttpResponseBase:
    """The question, and where its form is sent."""
    return asked(request, page)


@public(REASON)
@hosted("GET", "HEAD")
@link_page(embedded=False)
def link_score(request: HttpRequest, page: LinkPage, score: int) -> HttpResponseBase:
    """A number clicked somewhere: the page with that number chosen. Records nothing."""
    return shown(request, page, score=score)


@public(REASON)
@hosted("GET", "HEAD", "POST")
@link_page(embedded=True)
def link_embed(request: HttpRequest, page: LinkPage) -> HttpResponseBase:
    """The same inside a frame of one of the link's web sites."""
    return asked(request, page)


@public(REASON)
@hosted("GET", "HEAD")
@link_page(embedded=False)
def link_thanks(request: HttpRequest, page: LinkPage) -> HttpResponseBase:
    return thanked(request, page)


@public(REASON)
@hosted("GET", "HEAD")
@link_page(embedded=True)
def link_embed_thanks(request: HttpRequest, page: LinkPage) -> HttpResponseBase:
    return thanked(request, page)


def asked(request: HttpRequest, page: LinkPage) -> HttpResponseBase:
    if request.method != "POST":
        return shown(request, page)
    language = posted(request, "lang")[:20]

    def save(*, page: HostedPage, submission: Submission, now: dt.datetime) -> Result | HttpResponseBase:
        given = services.answer(
            page=cast(LinkPage, page),
            submission=submission,
            nonce=posted(request, "nonce"),
            network=ip_of(request),
            now=now,
        )
        if given.is_capped:
            return too_many(request, cast(LinkPage, page), given.wait_seconds)
        if given.result is Result.HELD:
            return given.result
        if given.result is not Result.SAVED:
            kind = "used" if given.result is Result.LOCKED else "closed"
            return respond.message(page, kind, status=409, language=language)
        query = "&".join(
            f"{name}={value}"
            for name, value in (
                ("a", "" if page.extras["is_kiosk"] else given.receipt),
                ("lang", submission.language),
            )
            if value
        )
        return HttpResponseRedirect(f"{page.addresses.thanks}?{query}", status=303)

    if not page.takes_answers:
        return respond.message(page, "closed", status=410, language=language)
    return respond.submitted(request, page, save=save)


def shown(request: HttpRequest, page: LinkPage, score: int | None = None) -> HttpResponseBase:
    language = request.GET.get("lang", "")[:20]
    if not page.takes_answers:
        return respond.message(page, "closed", status=410, language=language)
    if score is not None and score not in page.content.scale.scores:
        return respond.forged(request)
    services.note_shown(page, now=clock.now())
    return respond.question(page, language=language, score=score)


def too_many(request: HttpRequest, page: LinkPage, seconds: float) -> HttpResponse:
    """429 in the survey's brand, with everything that was sent, so that one more press sends it again."""
    wording = page.wording(posted(request, "lang")[:20])
    words = link_texts(wording.tag)
    context = rendering.page_context(page.content, wording, logo=page.invitation.version.logo.name or "")
    context |= {
        "title": words.too_many_title,
        "body": words.too_many_body,
        "kept": [
            (name, value)
            for name, values in request.POST.lists()
            for value in values
            if FIELD.fullmatch(name)
        ],
        "retry_url": page.addresses.action,
    }
    response = HttpResponse(render_to_string("surveys/respond_message.html", context), status=429)
    response["Retry-After"] = str(int(seconds) + 1)
    return response


def thanked(request: HttpRequest, page: LinkPage) -> HttpResponseBase:
    """Thanks: with the score given to who just gave it; on a kiosk without, and back to the start."""
    language = request.GET.get("lang", "")[:20]
    if page.extras["is_kiosk"]:
        wording = page.wording(language)
        context = rendering.page_context(page.content, wording, logo=page.invitation.version.logo.name or "")
        context |= page.extras
        return HttpResponse(render_to_string("surveys/kiosk_thanks.html", context))
    score = queries.answered_score(page, request.GET.get("a", "")[:60])
    if score is None:
        return HttpResponseRedirect(page.addresses.action)
    return respond.thanked(page, score=score, language=language)
