"""The preference page: what somebody may be asked about and in which language, and a pause. Looking at it changes nothing."""

import datetime as dt
from typing import Any
from zoneinfo import ZoneInfo

from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import translation
from django.utils.formats import date_format

from core import clock
from surveys import rendering, texts, tokens
from surveys.choices import SurveyKind
from surveys.content import Wording
from surveys.queries import preferences as queries
from surveys.queries import respond
from surveys.queries.respond import HostedPage
from surveys.services import preferences as services
from surveys.views.respond import REASON, forged, hosted
from team import queries as team_queries
from team.http import public


@public(REASON)
@hosted("GET", "HEAD", "POST")
def preferences(request: HttpRequest, token: str) -> HttpResponseBase:
    """GET shows what is chosen, POST changes it: `act` is "save", "pause" or "resume"."""
    now = clock.now()
    page = queries.find_page(token, now=now)
    if page is None:
        return forged(request)
    if request.method != "POST":
        return _render(request, page, now=now)
    match request.POST.get("act", ""):
        case "resume":
            services.resume(invitation=page.invitation, now=now)
        case "save":
            chosen = set(request.POST.getlist("topic"))
            language = request.POST.get("language", "")
            services.choose(
                invitation=page.invitation,
                wanted=[k for k in SurveyKind if k.value in chosen],
                is_paused=bool(request.POST.get("pause")),
                language=language if language in dict(texts.choices()) else "",
                now=now,
            )
        case _:
            return _render(request, page, now=now, status=400)
    return _render(request, page, now=now, is_saved=True)


def _render(
    request: HttpRequest, page: HostedPage, *, now: dt.datetime, is_saved: bool = False, status: int = 200
) -> HttpResponse:
    wording = page.wording(request.GET.get("lang", "")[:20])
    words = wording.texts
    chosen = queries.choices_of(page.invitation, now=now)
    topics = {
        SurveyKind.RELATIONSHIP: words.pref_topic_relationship,
        SurveyKind.TRANSACTIONAL: words.pref_topic_transactional,
    }
    unsubscribe = reverse("surveys:unsubscribe", args=[tokens.unsubscribe_token(page.invitation)])
    context: dict[str, Any] = rendering.page_context(
        page.content, wording, logo=page.invitation.version.logo.name or ""
    )
    context |= {
        "title": texts.fill(words.pref_title, brand=wording.brand),
        "intro": texts.fill(words.pref_intro, brand=wording.brand),
        "legend": texts.fill(words.pref_topics, brand=wording.brand),
        "saved": texts.fill(words.pref_saved.body, brand=wording.brand) if is_saved else "",
        "topics": [
            (kind.value, texts.fill(said, brand=wording.brand), kind in chosen.wanted)
            for kind, said in topics.items()
        ],
        "spoken": [(tag, texts.language_for(tag).name, tag == chosen.language) for tag, _ in texts.choices()],
        "paused": texts.fill(words.pref_paused_until, date=_day(chosen.paused_until, wording))
        if chosen.paused_until
        else "",
        "is_test": page.invitation.is_test,
        "is_unsubscribed": respond.is_unsubscribed(page.invitation),
        "action_url": f"{request.path}?lang={wording.tag}",
        "unsubscribe_url": f"{unsubscribe}?lang={wording.tag}",
    }
    return HttpResponse(render_to_string("surveys/preferences.html", context), status=status)


def _day(moment: dt.datetime, wording: Wording) -> str:
    """The day of a moment in the company's zone, as the page's language writes it."""
    with translation.override(wording.tag):
        return date_format(moment.astimezone(ZoneInfo(team_queries.workspace().time_zone)), "DATE_FORMAT")
