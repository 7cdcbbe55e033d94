"""What the hosted page and the unsubscribe page know of an invitation, found by its token."""

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from django.urls import reverse

from surveys import tokens
from surveys.choices import CampaignState, InvitationState, SuppressionReason, SurveyState, WaveState
from surveys.content import Content, Wording
from surveys.intent_rules import Opened, Trail
from surveys.models import Invitation, PageVisit, Response, Suppression
from surveys.rendering import Company
from team import queries as team_queries


class PageState(StrEnum):
    OPEN = "open"
    EDITABLE = "editable"
    LOCKED = "locked"
    EXPIRED = "expired"
    CLOSED = "closed"
    TEST = "test"


class Visit(StrEnum):
    """Kinds of PageVisit."""

    PAGE = "page"
    SCORE = "score"
    HEAD = "head"
    HIDDEN = "hidden"
    OPENED = "opened"
    MACHINE = "machine"  # a program fetched the mail's pictures; nobody looked
    GESTURE = "gesture"
    SUBMIT = "submit"


@dataclass(frozen=True, slots=True, kw_only=True)
class Addresses:
    """Where the form and the links of a hosted page go; an empty one is not offered."""

    action: str
    thanks: str
    confirm: str = ""
    hidden: str = ""
    unsubscribe: str = ""
    change: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class HostedPage:
    """An invitation as its respondent meets it. (A public link's page, in queries/links.py, is one too: its invitation
    is nobody's and never saved.)"""

    token: str
    invitation: Invitation
    response: Response | None
    content: Content = field(repr=False)
    state: PageState
    company: Company
    edit_hours: int

    @property
    def addresses(self) -> Addresses:
        respond = reverse("surveys:respond", args=[self.token])
        unsubscribe = tokens.unsubscribe_token(self.invitation)
        return Addresses(
            action=respond,
            thanks=reverse("surveys:respond_thanks", args=[self.token]),
            confirm=reverse("surveys:respond_confirm", args=[self.token])
            if self.state is PageState.OPEN
            else "",
            hidden=reverse("surveys:respond_hidden", args=[self.token]),
            unsubscribe=reverse("surveys:unsubscribe", args=[unsubscribe]),
            change=respond if self.takes_answers else "",
        )

    @property
    def extras(self) -> Mapping[str, Any]:
        """What the templates are told beyond what every page tells them."""
        return {}

    def make_nonce(self, now: dt.datetime) -> str:
        return tokens.make_nonce(self.token, now)

    def read_nonce(self, nonce: str) -> dt.datetime | None:
        """When the page that carried `nonce` was rendered, or None when it was not this one."""
        return tokens.read_nonce(self.token, nonce)

    @property
    def takes_answers(self) -> bool:
        return self.state in {PageState.OPEN, PageState.EDITABLE, PageState.TEST}

    @property
    def first_name(self) -> str:
        contact = self.invitation.contact
        return contact.first_name if contact is not None else ""

    @property
    def reader(self) -> str:
        """The first name of the person who will read the answer."""
        account = self.invitation.account
        owner = account.owner if account is not None else None
        if owner is None or not owner.is_active or "@" in owner.get_short_name():
            return ""
        return owner.get_short_name()

    def wording(self, language: str = "") -> Wording:
        """The words of the language asked for, if the survey speaks it, else of the one the mail was in."""
        chosen = language if language in self.content.languages else self.invitation.language
        return self.content.wording(chosen, company=self.company.name)


def find_page(token: str, *, now: dt.datetime) -> HostedPage | None:
    """The page of an answer or test token; None for every token that is not exactly one of ours."""
    read = tokens.read_answer(token)
    return None if read is None else _page(token, read[0], now=now, is_test=read[1])


def find_unsubscribe(token: str, *, now: dt.datetime) -> HostedPage | None:
    ident = tokens.read(tokens.Purpose.UNSUBSCRIBE, token)
    return None if ident is None else _page(token, ident, now=now)


def page_of(invitation_id: int, *, now: dt.datetime) -> HostedPage | None:
    """The same knowledge for an invitation found otherwise."""
    return _page("", invitation_id, now=now)


def _page(token: str, ident: int, *, now: dt.datetime, is_test: bool | None = None) -> HostedPage | None:
    invitation = (
        Invitation.objects.filter(pk=ident)
        .select_related("version__survey", "wave__campaign", "contact", "account__owner", "response")
        .first()
    )
    if invitation is None or (is_test is not None and invitation.is_test != is_test):
        return None
    workspace = team_queries.workspace()
    response = getattr(invitation, "response", None)
    return HostedPage(
        token=token,
        invitation=invitation,
        response=response,
        content=Content.from_json(invitation.version.content),
        state=state_of(invitation, response, now=now),
        company=Company(name=workspace.name, postal_address=workspace.postal_address),
        edit_hours=workspace.edit_hours,
    )


def state_of(invitation: Invitation, response: Response | None, *, now: dt.datetime) -> PageState:
    """What a respondent may do now."""
    if invitation.is_test:
        return PageState.TEST
    contact = invitation.contact
    if contact is None or contact.erased_at is not None:
        return PageState.CLOSED
    if response is not None:
        is_over = response.locked_at is not None and now >= response.locked_at
        return PageState.LOCKED if is_over or response.deleted_upstream_at else PageState.EDITABLE
    wave = invitation.wave
    is_stopped = wave is not None and (
        wave.state == WaveState.STOPPED or wave.campaign.state == CampaignState.STOPPED
    )
    is_archived = invitation.version.survey.state == SurveyState.ARCHIVED
    if is_stopped or is_archived or invitation.state == InvitationState.WITHDRAWN:
        return PageState.CLOSED
    is_over = invitation.expires_at is not None and now >= invitation.expires_at
    if is_over or invitation.state == InvitationState.EXPIRED:
        return PageState.EXPIRED
    return PageState.OPEN


def is_unsubscribed(invitation: Invitation) -> bool:
    """Whether the address of an invitation has been unsubscribed."""
    return Suppression.objects.filter(
        address_key=invitation.recipient_key, reason=SuppressionReason.UNSUBSCRIBED, lifted_at__isnull=True
    ).exists()


def trail_of(invitation: Invitation) -> Trail:
    """What was seen of an invitation so far, for surveys.intent_rules."""
    seen = list(
        PageVisit.objects.filter(invitation=invitation, kind__in=[Visit.SCORE, Visit.HEAD, Visit.HIDDEN])
        .order_by("at", "pk")
        .values_list("kind", "at", "score")
    )
    return Trail(
        opened=[Opened(at, score) for kind, at, score in seen if kind != Visit.HIDDEN and score is not None],
        hidden_links=[at for kind, at, _ in seen if kind == Visit.HIDDEN],
        handed_over_at=invitation.asked_at,
    )
