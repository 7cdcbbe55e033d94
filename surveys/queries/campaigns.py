"""What the campaign pages and endpoints show. Numbers and lists behind them come from the same filters."""

import datetime as dt
from collections.abc import Mapping, Sequence
from copy import copy
from dataclasses import dataclass
from typing import cast

from django.db.models import Count, Exists, Max, OuterRef, Q, QuerySet
from django.db.models.functions import TruncDate
from django.urls import reverse

from accounts import segments
from accounts.domain import FieldType
from accounts.models import Account, Contact, CustomField, Segment
from core import charts, clock
from surveys import cadence, campaign_words, eligibility
from surveys.campaign_plan import ANCHORS, CUSTOM, Plan
from surveys.choices import InvitationState, Reason
from surveys.eligibility import PRIORITY, Preview, ReasonCount, Verdict
from surveys.models import Campaign, Delivery, Exclusion, Invitation, Survey, Wave
from surveys.queries import empty_fields
from surveys.queries.audience import audience
from team import queries as team_queries
from team.models import User

NOT_ASKED_YET = Q(state=InvitationState.PLANNED) | Q(state=InvitationState.SENDING, asked_at__isnull=True)
REACTED = Q(opened_at__isnull=False) | Q(scored_at__isnull=False)
IN_DOUBT = Q(deliveries__state="in_doubt")
# The stages of the funnel and what became of the others: key, label, what it counts, and its filter.
STAGES: Mapping[str, tuple[str, str, Q]] = {
    "planned": ("Planned", "Everybody this campaign set out to ask", Q()),
    "waiting": ("Waiting", "Planned and not sent yet", NOT_ASKED_YET),
    "sent": (
        "Sent",
        "The message was handed over for delivery, or shown in your product",
        Q(asked_at__isnull=False),
    ),
    "delivered": (
        "Delivered",
        "Sent, and no bounce came back",
        Q(delivered_at__isnull=False) | REACTED,
    ),
    "opened": (
        "Opened",
        "Pictures were loaded or a score was given; many people open without either",
        REACTED,
    ),
    "scored": ("Scored", "Gave a score", Q(scored_at__isnull=False)),
    "commented": ("Commented", "Wrote why", Q(commented_at__isnull=False)),
    "declined": ("Declined", "Unsubscribed or asked to be left alone", Q(state=InvitationState.DECLINED)),
    "failed": ("Failed", "The message could not be delivered", Q(state=InvitationState.FAILED)),
    "withdrawn": ("Withdrawn", "Planned, and then not asked after all", Q(state=InvitationState.WITHDRAWN)),
    "expired": ("No answer", "The time to answer is over", Q(state=InvitationState.EXPIRED)),
}
SHOWN_DAYS = 7
FUNNEL = ("sent", "delivered", "opened", "scored", "commented")
# Words for `Invitation.outcome_reason` beyond the reasons of eligibility.
OUTCOMES: Mapping[str, str] = {
    "refused": "Refused by the mail server",
    "bounced": "Address does not exist",
    "complained": "Marked as spam",
    "gave_up": "Given up after repeated temporary errors",
    "called_off": "Called off by an administrator",
    "not_built": "The message could not be built",
    "stopped": "The campaign was stopped",
    "not_needed": "Not needed: the time to reach the target was over",
    "suppressed": "On the suppression list",
    "unsubscribed": "Unsubscribed",
}


@dataclass(frozen=True, slots=True)
class CampaignRow:
    """A line of the list of campaigns."""

    campaign: Campaign
    counts: Mapping[str, int]
    audience: str

    @property
    def how_often(self) -> str:
        return campaign_words.how_often(Plan.of(self.campaign))

    @property
    def channels(self) -> str:
        return campaign_words.channel_names(Plan.of(self.campaign))

    @property
    def share_sent(self) -> float:
        return self.counts["sent"] / self.counts["planned"] if self.counts["planned"] else 0


@dataclass(frozen=True, slots=True)
class OutcomeCount:
    code: str
    label: str
    count: int


@dataclass(frozen=True, slots=True)
class Day:
    """What was sent on a local date."""

    date: dt.date
    sent: int
    scored: int


@dataclass(frozen=True, slots=True)
class Progress:
    """A campaign under way, as far as `user` may see."""

    counts: Mapping[str, int]
    in_doubt: int
    troubled: int
    waiting_error: str
    days: Sequence[Day]
    withdrawn: Sequence[OutcomeCount]
    failed: Sequence[OutcomeCount]
    excluded: Sequence[ReasonCount]
    chart: Sequence[charts.Stage]

    @property
    def recent_days(self) -> Sequence[Day]:
        return self.days[:SHOWN_DAYS]

    @property
    def earlier_days(self) -> Sequence[Day]:
        return self.days[SHOWN_DAYS:]


def list_campaigns() -> QuerySet[Campaign]:
    """Everybody may see which campaigns there are; the people in them are cut by row scope."""
    return Campaign.objects.select_related("survey", "segment", "created_by").order_by("-created_at", "-pk")


def list_surveys() -> QuerySet[Survey]:
    """Surveys a campaign can ask."""
    return Survey.objects.filter(current__isnull=False).exclude(state="archived").order_by("name", "pk")


def list_segments(user: User) -> QuerySet[Segment]:
    return Segment.objects.visible_to(user).order_by("name", "pk")


def anchors() -> list[tuple[str, str]]:
    """The account dates a campaign can follow: key and label."""
    own = CustomField.objects.filter(target="account", type=FieldType.DATE).order_by("position", "label")
    return [*ANCHORS.items(), *((f"{CUSTOM}{field.key}", field.label) for field in own)]


def rows(campaigns: Sequence[Campaign], user: User) -> list[CampaignRow]:
    """The campaigns with their counts, in two statements."""
    wanted = ("planned", "sent", "scored")
    found = (
        Invitation.objects.visible_to(user)
        .filter(wave__campaign__in=campaigns)
        .values("wave__campaign")
        .annotate(
            **{key: Count("pk", filter=STAGES[key][2]) if STAGES[key][2] else Count("pk") for key in wanted}
        )
    )
    by_campaign = {row["wave__campaign"]: cast(Mapping[str, int], row) for row in found}
    nothing = dict.fromkeys(wanted, 0)
    return [
        CampaignRow(campaign, by_campaign.get(campaign.pk, nothing), audience_name(campaign, user))
        for campaign in campaigns
    ]


def audience_name(campaign: Campaign, user: User) -> str:
    """Whom the campaign asks, in words. The name of somebody else's private segment stays theirs."""
    segment = campaign.segment
    if segment is None:
        return "Every contact"
    return segment.name if segments.is_visible(segment, user) else "A private segment"


def invitations(campaign: Campaign, user: User) -> QuerySet[Invitation]:
    return Invitation.objects.visible_to(user).filter(wave__campaign=campaign)


def list_invitations(
    campaign: Campaign, user: User, *, stage: str = "planned", reason: str = "", arm: str = ""
) -> QuerySet[Invitation]:
    """The people behind a number: of a stage, of one outcome in it, of one arm of an experiment."""
    found = invitations(campaign, user).filter(STAGES[stage][2])
    if arm:
        found = found.filter(variant__key=arm)
    if reason:
        found = found.filter(outcome_reason=reason)
    return found.select_related("contact", "account", "response").order_by("-asked_at", "pk")


def all_invitations(user: User) -> QuerySet[Invitation]:
    """What the API lists: real asks of visible accounts."""
    return Invitation.objects.visible_to(user).real().select_related("wave", "version").order_by("pk")


def deliveries(user: User) -> QuerySet[Delivery]:
    """Deliveries of visible people, with what a decision about one needs."""
    visible = Invitation.objects.visible_to(user).filter(pk=OuterRef("invitation_id"))
    return Delivery.objects.filter(Exists(visible)).select_related(
        "invitation__contact", "invitation__account", "invitation__wave__campaign"
    )


def list_doubtful(campaign: Campaign, user: User) -> QuerySet[Delivery]:
    """Messages of which nobody knows whether they arrived."""
    return deliveries(user).filter(invitation__wave__campaign=campaign, state="in_doubt").order_by("pk")


def list_failed(campaign: Campaign, user: User) -> QuerySet[Delivery]:
    """Messages that were refused or given up."""
    return (
        deliveries(user)
        .filter(invitation__wave__campaign=campaign, state__in=["failed", "dead"])
        .order_by("pk")
    )


def progress(campaign: Campaign, user: User) -> Progress:
    seen = invitations(campaign, user)
    counts = seen.aggregate(
        **{key: Count("pk", filter=where) if where else Count("pk") for key, (_, _, where) in STAGES.items()}
    )
    zone = team_queries.zone()
    days = (
        seen.filter(asked_at__isnull=False)
        .annotate(date=TruncDate("asked_at", tzinfo=zone))
        .values("date")
        .annotate(sent=Count("pk"), scored=Count("pk", filter=Q(scored_at__isnull=False)))
        .order_by("-date")
    )
    troubled = deliveries(user).filter(invitation__wave__campaign=campaign)
    reasons = dict(
        _exclusions(campaign, user).values("reason").annotate(n=Count("pk")).values_list("reason", "n")
    )
    return Progress(
        counts=counts,
        in_doubt=troubled.filter(state="in_doubt").count(),
        troubled=troubled.filter(state__in=["failed", "dead"]).count(),
        waiting_error=troubled.filter(state="pending").exclude(error="").aggregate(e=Max("error"))["e"] or "",
        days=[Day(row["date"], row["sent"], row["scored"]) for row in days],
        withdrawn=_outcomes(seen.filter(state=InvitationState.WITHDRAWN)),
        failed=_outcomes(seen.filter(state=InvitationState.FAILED)),
        excluded=[
            ReasonCount(reason, reasons[reason.value]) for reason in PRIORITY if reason.value in reasons
        ],
        chart=_chart(campaign, counts),
    )


def _chart(campaign: Campaign, counts: Mapping[str, int]) -> list[charts.Stage]:
    url = reverse("surveys:campaign_invitations", args=[campaign.pk])
    return [
        charts.Stage(STAGES[key][0], counts[key], f"{url}?stage={key}" if counts[key] else "")
        for key in FUNNEL
    ]


def _outcomes(seen: QuerySet[Invitation]) -> list[OutcomeCount]:
    found = seen.values_list("outcome_reason").annotate(n=Count("pk")).order_by("-n", "outcome_reason")
    return [OutcomeCount(code, outcome_label(code), count) for code, count in found]


def outcome_label(code: str) -> str:
    """What an invitation's outcome code says in words."""
    if code in OUTCOMES:
        return OUTCOMES[code]
    return (
        eligibility.REASONS[Reason(code)].label
        if code in set(Reason)
        else code.replace("_", " ").capitalize()
    )


def _exclusions(campaign: Campaign, user: User) -> QuerySet[Exclusion]:
    visible = Contact.objects.visible_to(user).filter(pk=OuterRef("contact_id"))
    return Exclusion.objects.filter(Exists(visible), wave__campaign=campaign)


def list_exclusions(campaign: Campaign, user: User, *, reason: Reason | None = None) -> QuerySet[Exclusion]:
    """Who was not asked when the campaign was planned, and why."""
    found = _exclusions(campaign, user)
    if reason is not None:
        found = found.filter(reason=reason)
    return found.select_related("contact__account").order_by(
        "contact__last_name", "contact__first_name", "pk"
    )


# --- Before the launch ---------------------------------------------------------------------------------------
def review(campaign: Campaign, user: User, *, due: bool = False) -> Preview:
    """The same for a campaign before its launch, those set apart whose message could not be made.

    `due`: of those alone whose turn it is today, for a campaign that asks a few every day.
    """
    asking = eligibility.asking_of(campaign)
    people = _due_today(campaign, user) if due else audience(segment=campaign.segment, user=user)
    lacking = empty_fields.lacking(campaign, people)
    return eligibility.preview_lacking(eligibility.preview(people, asking), people, asking, lacking)


def _due_today(campaign: Campaign, user: User) -> QuerySet[Contact]:
    zone, now, draft = team_queries.zone(), clock.now(), copy(campaign)
    # Of what fell due before the launch nobody is asked.
    draft.launched_at = draft.launched_at or now
    people = audience(segment=campaign.segment, user=user)
    return cadence.due(people, draft, day=cadence.local_date(now, zone), zone=zone)


@dataclass(frozen=True, slots=True)
class Judged:
    contact: Contact
    verdict: Verdict


def list_judged(
    campaign: Campaign, user: User, *, reason: Reason | None, offset: int, limit: int, due: bool = False
) -> list[Judged]:
    """A page of the people behind one number of `review`."""
    asked = _due_today(campaign, user) if due else audience(segment=campaign.segment, user=user)
    found = eligibility.list_judged(
        asked,
        eligibility.asking_of(campaign),
        reason=reason,
        lacking=empty_fields.lacking(campaign, asked),
        offset=offset,
        limit=limit,
    )
    people = {
        c.pk: c
        for c in Contact.objects.filter(pk__in=[v.contact_id for v in found]).select_related("account")
    }
    return [Judged(people[v.contact_id], v) for v in found if v.contact_id in people]


def days_needed(campaign: Campaign, people: int) -> int:
    """On how many days a campaign with a daily limit sends."""
    return -(-people // campaign.daily_limit) if campaign.daily_limit else 1


# --- One person ----------------------------------------------------------------------------------------------
def asks_of(contact: Contact) -> QuerySet[Invitation]:
    """The ledger of one person: every ask, newest first."""
    return (
        Invitation.objects.filter(contact=contact, is_test=False)
        .select_related(
            "wave__campaign__survey", "wave__campaign__launched_by", "response", "version__survey"
        )
        .order_by("-planned_at", "-pk")
    )


def waves_being_planned(campaign: Campaign) -> QuerySet[Wave]:
    return campaign.waves.filter(state="planning")


def by_ids(ids: Sequence[int]) -> dict[int, Invitation]:
    """Invitations with what the timeline says of them."""
    return Invitation.objects.select_related("wave__campaign", "version__survey").in_bulk(list(ids))


def asked_since(account: Account, since: dt.datetime) -> int:
    return Invitation.objects.filter(account=account, is_test=False, asked_at__gt=since).count()


def planned_at(account: Account) -> int:
    return Invitation.objects.filter(NOT_ASKED_YET, account=account, is_test=False).count()


def campaigns_of_segment(segment_id: int) -> list[str]:
    """Names of the campaigns that are or were addressed to a segment."""
    found = Campaign.objects.filter(segment=segment_id).order_by("name")
    return [f"campaign “{name}”" for name in found.values_list("name", flat=True)]
