"""Public links: the page behind one as its respondent meets it, and what the team sees of them."""

import datetime as dt
import secrets
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

from django.conf import settings
from django.db.models import Count, Max, Q, QuerySet
from django.urls import reverse

from surveys import domain, tokens
from surveys.choices import SurveyState
from surveys.content import Content
from surveys.link_texts import link_texts
from surveys.models import Invitation, PublicLink, Response, Survey, SurveyVersion
from surveys.queries.respond import Addresses, HostedPage, PageState
from surveys.rendering import Company
from team import queries as team_queries
from team.models import User

# A page left open longer than this is asked to be sent once more.
NONCE_LIFE = dt.timedelta(hours=24)
# After so long without a touch a kiosk forgets what was begun.
IDLE_SECONDS = 60
NO_TAG = "link"


# --- What a respondent meets ---------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True, kw_only=True)
class LinkPage(HostedPage):
    """A public link's page. It is nobody's: no name, no earlier answer, nothing is known of who opens it.

    Its nonce names the version that was shown and a random word. The word makes one page one answer: sent twice, the
    second changes the first, and a page taken back out of the history makes no other.
    """

    link: PublicLink
    is_embedded: bool = False
    email: str = field(default="", repr=False)

    @property
    def addresses(self) -> Addresses:
        route = "surveys:link_embed" if self.is_embedded else "surveys:link"
        return Addresses(
            action=reverse(route, args=[self.token]), thanks=reverse(f"{route}_thanks", args=[self.token])
        )

    @property
    def extras(self) -> Mapping[str, Any]:
        say = link_texts(self.invitation.language)
        return {
            "link": self.link,
            "say": say,
            "restarts_in": say.restarts_in.replace("{seconds}", str(self.link.kiosk_seconds)),
            "email": self.email,
            "is_kiosk": self.link.is_kiosk and not self.is_embedded,
            "is_embedded": self.is_embedded,
            "idle_seconds": IDLE_SECONDS,
            "start_url": self.addresses.action,
            "origins": " ".join(self.link.origins),
            # Nobody can be contacted who is not asked for an address.
            **({} if self.link.asks_email else {"consent_contact": ""}),
        }

    def make_nonce(self, now: dt.datetime) -> str:
        word = f"{self.invitation.version_id}.{secrets.token_urlsafe(9)}"
        return f"{word}.{tokens.make_nonce(f'{self.token}|{word}', now)}"

    def read_nonce(self, nonce: str) -> dt.datetime | None:
        read = read_nonce(self.token, nonce)
        return None if read is None else read.rendered_at


@dataclass(frozen=True, slots=True)
class Nonce:
    """What a link's page said of itself: which version it showed, which page it was, and when."""

    version_id: int
    word: str
    rendered_at: dt.datetime


def read_nonce(token: str, nonce: str) -> Nonce | None:
    word, _, proof = nonce.rpartition(".")
    version, _, _ = word.partition(".")
    if len(word) > 60 or not version.isascii() or not version.isdigit():
        return None
    rendered_at = tokens.read_nonce(f"{token}|{word}", proof)
    return None if rendered_at is None else Nonce(int(version), word, rendered_at)


def find_page(
    token: str,
    *,
    now: dt.datetime,
    language: str = "",
    nonce: str = "",
    email: str = "",
    embedded: bool = False,
) -> LinkPage | None:
    """The page of a link's token; None for every token that is not exactly one of ours.

    With the `nonce` of a page shown within a day, its content is the version that was shown; else the current one.
    """
    ident = tokens.read(tokens.Purpose.LINK, token)
    if ident is None:
        return None
    link = PublicLink.objects.select_related("survey__current").filter(pk=ident).first()
    if link is None or link.survey.current is None:
        return None
    version = link.survey.current
    shown = read_nonce(token, nonce) if nonce else None
    if shown is not None and shown.version_id != version.pk and now - shown.rendered_at < NONCE_LIFE:
        earlier = SurveyVersion.objects.filter(pk=shown.version_id, survey=link.survey_id).first()
        version = earlier or version
    content = Content.from_json(version.content)
    version.survey = link.survey
    workspace = team_queries.workspace()
    is_open = link.is_active and link.survey.state == SurveyState.ACTIVE
    return LinkPage(
        token=token,
        # Nobody's, and never saved: it only carries the version and the reader's language to the shared page.
        invitation=Invitation(version=version, language=content.language_for(language)),
        response=None,
        content=content,
        state=PageState.OPEN if is_open else PageState.CLOSED,
        company=Company(name=workspace.name, postal_address=workspace.postal_address),
        edit_hours=0,
        link=link,
        is_embedded=embedded,
        email=email,
    )


def answered_score(page: LinkPage, receipt: str) -> int | None:
    """The score of the answer that a receipt is for, if it was given through this link's survey."""
    ident = tokens.read(tokens.Purpose.RECEIPT, receipt)
    if ident is None:
        return None
    return (
        Response.objects.filter(pk=ident, survey=page.link.survey_id).values_list("score", flat=True).first()
    )


# --- What the team sees --------------------------------------------------------------------------------------
def address_of(link: PublicLink, *, embedded: bool = False) -> str:
    """The absolute address to give out."""
    return settings.BASE_URL + reverse(
        "surveys:link_embed" if embedded else "surveys:link", args=[token_of(link)]
    )


def token_of(link: PublicLink) -> str:
    return tokens.make(tokens.Purpose.LINK, link.pk)


def source_of(link: PublicLink) -> str:
    """What the answers of a link carry as their source: "link", or "link:" and its tag."""
    return f"{NO_TAG}:{link.source_tag}" if link.source_tag else NO_TAG


def list_links(user: User, *, survey: Survey | None = None) -> QuerySet[PublicLink]:
    """All links, those in use first. A link is nobody's in particular, as a survey is."""
    found = PublicLink.objects.select_related("survey__current", "created_by")
    if survey is not None:
        found = found.filter(survey=survey)
    return found.order_by("-is_active", "name", "pk")


def get_link(user: User, link_id: int) -> PublicLink | None:
    return list_links(user).filter(pk=link_id).first()


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceRow:
    """What came in under one source, of the counted answers the reader may see."""

    source: str
    metric: str
    histogram: Mapping[int, int]
    last_at: dt.datetime | None
    url: str

    @property
    def tag(self) -> str:
        return self.source.partition(":")[2]

    @property
    def n(self) -> int:
        return sum(self.histogram.values())

    @property
    def counts(self) -> domain.Counts:
        """Promoters, passives and detractors; only where the survey asks for them."""
        return domain.counts(self.histogram)

    @property
    def interval(self) -> domain.Interval | None:
        return self.counts.interval

    @property
    def summary(self) -> domain.Summary:
        """The figures of any other scale."""
        return domain.summary(self.metric, self.histogram)


def sources(user: User, survey: Survey) -> dict[str, SourceRow]:
    """The figures of a survey's public links by source tag, also of tags no link has any more."""
    rows = (
        Response.objects.visible_to(user)
        .counted()
        .filter(survey=survey)
        .filter(Q(source=NO_TAG) | Q(source__startswith=f"{NO_TAG}:"))
        .order_by()
        .values("source", "score")
        .annotate(n=Count("pk"), last_at=Max("responded_at"))
    )
    histograms: dict[str, dict[int, int]] = defaultdict(dict)
    last: dict[str, dt.datetime] = {}
    for row in rows:
        source = row["source"]
        histograms[source][row["score"]] = row["n"]
        last[source] = max(row["last_at"], last.get(source, row["last_at"]))
    answers = reverse("surveys:response_list")
    return {
        source: SourceRow(
            source=source,
            metric=survey.metric,
            histogram=histogram,
            last_at=last[source],
            url=f"{answers}?{urlencode({'survey': survey.pk, 'source': source, 'counted': 'true'})}",
        )
        for source, histogram in histograms.items()
    }


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkRow:
    link: PublicLink
    address: str
    source: SourceRow | None


def list_rows(user: User, survey: Survey) -> list[LinkRow]:
    found = sources(user, survey)
    return [
        LinkRow(link=link, address=address_of(link), source=found.get(source_of(link)))
        for link in list_links(user, survey=survey)
    ]
