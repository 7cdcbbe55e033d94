"""The unsubscribe page. Looking at it does nothing: mail scanners look at every link."""

from typing import Any

from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.template.loader import render_to_string
from django.urls import reverse

from core import clock
from surveys import rendering, texts
from surveys.queries import respond as queries
from surveys.queries.respond import HostedPage
from surveys.services import unsubscribe as services
from surveys.views.respond import REASON, forged, hosted
from team.http import public


@public(REASON)
@hosted("GET", "HEAD", "POST")
def unsubscribe(request: HttpRequest, token: str) -> HttpResponseBase:
    """GET asks, POST acts. Mail clients post `List-Unsubscribe=One-Click` here without a cookie (RFC 8058)."""
    now = clock.now()
    page = queries.find_unsubscribe(token, now=now)
    if page is None:
        return forged(request)
    if request.method == "POST":
        services.unsubscribe(page=page, now=now)
        return render(
            request, page, "unsubscribe_done", undo_url=reverse("surveys:unsubscribe_undo", args=[token])
        )
    if queries.is_unsubscribed(page.invitation):
        return render(
            request, page, "unsubscribe_already", undo_url=reverse("surveys:unsubscribe_undo", args=[token])
        )
    return render(
        request, page, "unsubscribe_confirm", action_url=reverse("surveys:unsubscribe", args=[token])
    )


@public(REASON)
@hosted("POST")
def unsubscribe_undo(request: HttpRequest, token: str) -> HttpResponseBase:
    """ "That was a mistake": the address may be asked again."""
    page = queries.find_unsubscribe(token, now=clock.now())
    if page is None:
        return forged(request)
    services.undo(page=page)
    return render(request, page, "unsubscribe_undone")


def render(request: HttpRequest, page: HostedPage, kind: str, **urls: str) -> HttpResponse:
    wording = page.wording(request.GET.get("lang", "")[:20])
    said: texts.Page = getattr(wording.texts, kind)
    context: dict[str, Any] = rendering.page_context(
        page.content, wording, logo=page.invitation.version.logo.name or ""
    )
    context |= {
        "title": texts.fill(said.title, brand=wording.brand),
        "body": texts.fill(said.body, brand=wording.brand),
        "is_test": page.invitation.is_test,
        **urls,
    }
    return HttpResponse(render_to_string("surveys/unsubscribe.html", context))
