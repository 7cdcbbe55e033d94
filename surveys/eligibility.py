"""Who may be asked, and if not, why not and from when on. The rules themselves are surveys/ask_rules.py and
surveys/sql_eligibility.py.

Asked three times with the same statement: before a launch (how many, by reason, with the people behind each number),
when a wave is planned (surveys/planning.py), and once more right before each mail is handed over
(surveys/services/delivery.py).
"""

import datetime as dt
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any
from zoneinfo import ZoneInfo

from django.db import connection, transaction
from django.db.models import QuerySet

from accounts.models import Contact
from core import clock
from surveys import sql_delivery
from surveys import sql_eligibility as sql
from surveys.ask_rules import DEFAULTS, Asking, Rules, Scope, period_of
from surveys.choices import AskScope, CampaignState, Channel, Reason, SuppressionReason, SurveyKind, WaveState
from surveys.models import AskRule, Campaign, Wave
from team import queries as team_queries
from team.models import Workspace


@dataclass(frozen=True, slots=True)
class ReasonText:
    """How a reason is said to people: a label for lists, one sentence, and what can be done about it."""

    label: str
    sentence: str
    remedy: str = ""


REASONS: Mapping[Reason, ReasonText] = {
    Reason.CONTACT_GONE: ReasonText(
        "No longer in the system", "The contact was erased or merged into another one.", ""
    ),
    Reason.NO_ADDRESS: ReasonText(
        "No e-mail address", "The contact has no e-mail address.", "Add an address to the contact."
    ),
    Reason.INVALID_ADDRESS: ReasonText(
        "Address is not valid",
        "What stands as e-mail address is no address.",
        "Correct the contact's address.",
    ),
    Reason.UNSUBSCRIBED: ReasonText(
        "Unsubscribed",
        "The person asked not to receive surveys any more.",
        "Only if the person asks for it: lift the entry under Suppressions.",
    ),
    Reason.BOUNCED: ReasonText(
        "Address bounced",
        "A mail server said that this address does not exist.",
        "Correct the address, or lift the entry under Suppressions when the mailbox works again.",
    ),
    Reason.COMPLAINED: ReasonText(
        "Marked as spam", "The person reported an earlier mail as spam.", "Write personally instead."
    ),
    Reason.SUPPRESSED: ReasonText(
        "On the suppression list",
        "Somebody here put the address on the list.",
        "Lift the entry under Suppressions.",
    ),
    Reason.UNWANTED_KIND: ReasonText(
        "Does not want this kind",
        "The person chose not to receive this kind of survey.",
        "They can change it themselves, by the link in every survey mail.",
    ),
    Reason.ACCOUNT_CHURNED: ReasonText(
        "Account has left",
        "The account is marked as churned.",
        "Correct the date on the account if it stayed.",
    ),
    Reason.NOT_SAMPLED: ReasonText(
        "Not in the sample",
        "The campaign asks only a part of its audience, drawn by lot for each quarter.",
        "",
    ),
    Reason.DUPLICATE_ADDRESS: ReasonText(
        "Same address twice",
        "Another contact of this campaign has the same address.",
        "Correct the address of one of them.",
    ),
    Reason.ALREADY_PLANNED: ReasonText(
        "Planned elsewhere",
        "Another campaign is about to ask this person.",
        "It goes first; ask again afterwards.",
    ),
    Reason.PAUSED: ReasonText(
        "Paused by the person", "The person asked not to be asked for a while.", "It passes by itself."
    ),
    Reason.TENURE: ReasonText(
        "Customer for too short a time",
        "The minimum time as a customer is not reached.",
        "It passes by itself.",
    ),
    Reason.RECENTLY_ANSWERED: ReasonText(
        "Answered recently", "The person answered a survey within the quiet time.", "It passes by itself."
    ),
    Reason.RECENTLY_DECLINED: ReasonText(
        "Declined recently", "The person declined a survey within the quiet time.", "It passes by itself."
    ),
    Reason.RECENTLY_ASKED: ReasonText(
        "Asked recently",
        "The person was asked within the quiet time and has not answered.",
        "It passes by itself.",
    ),
    Reason.BUDGET_SPENT: ReasonText(
        "Budget used up",
        "This person has been asked as often as the budget of a rolling window allows.",
        "It passes by itself; the budget is in the settings.",
    ),
    Reason.RESERVED: ReasonText(
        "Kept for a relationship survey",
        "What is left of the budget, or the days ahead, belong to a relationship survey.",
        "It goes first; ask again afterwards.",
    ),
    Reason.ACCOUNT_LIMIT: ReasonText(
        "Account limit",
        "Enough people of this account are being asked at the moment.",
        "It passes by itself; the limit is in the settings.",
    ),
    # Not a rule of asking: found out for a review (surveys/queries/empty_fields.py), else when the message is made.
    Reason.EMPTY_FIELD: ReasonText(
        "A name in the text is empty",
        "The text names something that is not known of this person, and has no words to use instead.",
        "Give the tag words to stand in, such as {{ first_name|there }}, or complete the contact.",
    ),
}
# The order in which the rules are tried: the first that applies names the reason. sql_eligibility.verdicts keeps it.
PRIORITY: Sequence[Reason] = tuple(REASONS)
SUPPRESSION_REASONS: Mapping[SuppressionReason, Reason] = {
    SuppressionReason.UNSUBSCRIBED: Reason.UNSUBSCRIBED,
    SuppressionReason.BOUNCED: Reason.BOUNCED,
    SuppressionReason.COMPLAINED: Reason.COMPLAINED,
    SuppressionReason.MANUAL: Reason.SUPPRESSED,
    SuppressionReason.ERASED: Reason.SUPPRESSED,
}


@dataclass(frozen=True, slots=True)
class Verdict:
    """`reason` None: may be asked, on `channel`. `next_eligible_at` is known where only time stands in the way."""

    contact_id: int | None
    reason: Reason | None
    next_eligible_at: dt.datetime | None = None
    channel: Channel | None = None

    @property
    def allowed(self) -> bool:
        return self.reason is None

    @property
    def text(self) -> ReasonText | None:
        return REASONS[self.reason] if self.reason else None


@dataclass(frozen=True, slots=True)
class ReasonCount:
    reason: Reason
    count: int

    @property
    def text(self) -> ReasonText:
        return REASONS[self.reason]


@dataclass(frozen=True, slots=True)
class Preview:
    """How many of an audience would be asked now, and how many not, by reason in the order of the rules."""

    audience: int
    asked: int
    excluded: tuple[ReasonCount, ...]

    @property
    def not_asked(self) -> int:
        return self.audience - self.asked


# Whom nothing can be sent by a channel, although the rules let them be asked.
Lacking = Mapping[Channel, QuerySet[Contact]]


# --- What holds ----------------------------------------------------------------------------------------------
def rules() -> Rules:
    """The rules as they are now."""
    return rules_of(team_queries.workspace())


def rules_of(workspace: Workspace) -> Rules:
    with connection.cursor() as cursor:
        cursor.execute(_RULES)
        rows = cursor.fetchall()
    mixed, has_external, has_preferences = map(bool, rows[0][:3])
    return Rules(
        scopes=_scopes(row[3:] for row in rows if row[3] is not None),
        account_ask_limit=workspace.account_ask_limit,
        account_ask_days=workspace.account_ask_days,
        minimum_tenure_days=workspace.minimum_tenure_days,
        mixed=mixed,
        has_external=has_external,
        has_preferences=has_preferences,
        # Nobody has to make room as long as all surveys are relationship surveys.
        waiting_waves=_open_relationship_waves() if mixed else (),
    )


_SCOPE_FIELDS = (
    "scope", "quiet_days_answered", "quiet_days_declined", "quiet_days_ignored", "budget", "budget_days"
)  # fmt: skip
_TRANSACTIONAL = f"kind = '{SurveyKind.TRANSACTIONAL}'"
# What there is to be judged, and the rule of each scope that is set: read for every twenty mails, so in one statement.
_RULES = (
    f"SELECT EXISTS (SELECT 1 FROM surveys_survey WHERE {_TRANSACTIONAL})"
    f" OR EXISTS (SELECT 1 FROM surveys_externalask WHERE {_TRANSACTIONAL}),"
    " EXISTS (SELECT 1 FROM surveys_externalask),"
    " EXISTS (SELECT 1 FROM surveys_preference WHERE paused_until IS NOT NULL OR unwanted <> '[]'), "
    + ", ".join(f"r.{name}" for name in _SCOPE_FIELDS)
    + " FROM (SELECT 1 AS one) here LEFT JOIN surveys_askrule r ON 1 = 1"
)


def scopes() -> dict[AskScope, Scope]:
    """The rule of each scope: as set, or as every deployment begins."""
    return _scopes(AskRule.objects.values_list(*_SCOPE_FIELDS))


def _scopes(rows: Iterable[Sequence[Any]]) -> dict[AskScope, Scope]:
    set_here = [Scope(**dict(zip(_SCOPE_FIELDS, row, strict=True))) for row in rows]
    return {
        **DEFAULTS,
        **{AskScope(scope.scope): replace(scope, scope=AskScope(scope.scope)) for scope in set_here},
    }


def _open_relationship_waves() -> tuple[int, ...]:
    waves = Wave.objects.filter(
        state__in=[WaveState.PLANNING, WaveState.SENDING],
        campaign__state=CampaignState.RUNNING,
        campaign__survey__kind=SurveyKind.RELATIONSHIP,
    )
    return tuple(waves.order_by("pk").values_list("pk", flat=True))


def asking_of(campaign: Campaign, *, now: dt.datetime | None = None) -> Asking:
    """What a campaign asks, as the rules see it."""
    return Asking(
        kind=SurveyKind(campaign.survey.kind),
        channels=tuple(Channel(channel) for channel in campaign.channels),
        survey_id=campaign.survey_id,
        sample_percent=campaign.sample_percent,
        period=_period(now or clock.now()) if campaign.sample_percent < 100 else "",
    )


def _period(now: dt.datetime) -> str:
    return period_of(now, ZoneInfo(team_queries.workspace().time_zone))


# --- Verdicts ------------------------------------------------------------------------------------------------
def preview(
    contacts: QuerySet[Contact], asking: Asking | None = None, *, now: dt.datetime | None = None
) -> Preview:
    """Counts over a whole audience, as a wave planned now would come out."""
    text = sql.counts(sql.contacts_text(contacts), rules(), asking or Asking(), now=now or clock.now())
    found: dict[str | None, int] = {}
    with _many(counting=True), connection.cursor() as cursor:
        cursor.execute(text.sql, text.params)
        for reason, number in cursor.fetchall():
            found[reason] = found.get(reason, 0) + int(number)
    excluded = tuple(ReasonCount(r, found[r.value]) for r in PRIORITY if found.get(r.value))
    return Preview(audience=sum(found.values()), asked=found.get(None, 0), excluded=excluded)


def list_judged(
    contacts: QuerySet[Contact],
    asking: Asking | None = None,
    *,
    reason: Reason | None,
    lacking: Lacking | None = None,
    offset: int = 0,
    limit: int = 50,
    now: dt.datetime | None = None,
) -> list[Verdict]:
    """A page of those who would be asked (`reason` None) or of those left out for one reason, by contact id.

    Who is `lacking` on the channel of their message is not among the first, but under `Reason.EMPTY_FIELD`.
    """
    text = sql.verdicts(sql.contacts_text(contacts), rules(), asking or Asking(), now=now or clock.now())
    lacks, values = _lacks(lacking or {})
    if reason is None:
        which, params = f"reason IS NULL AND NOT ({lacks})", values
    elif reason is Reason.EMPTY_FIELD:
        which, params = f"reason IS NULL AND ({lacks})", values
    else:
        which, params = "reason = %s", (reason.value,)
    with _many():
        found = _read(
            f"{text.sql} SELECT {_VERDICT} FROM verdict WHERE {which} ORDER BY contact_id LIMIT %s OFFSET %s",
            (*text.params, *params, limit, offset),
        )
    if reason is Reason.EMPTY_FIELD:
        return [replace(verdict, reason=Reason.EMPTY_FIELD) for verdict in found]
    return found


def preview_lacking(
    preview: Preview, contacts: QuerySet[Contact], asking: Asking, lacking: Lacking
) -> Preview:
    """The preview with those set apart who may be asked, but whose message on their channel lacks something."""
    if not lacking:
        return preview
    text = sql.verdicts(sql.contacts_text(contacts), rules(), asking, now=clock.now())
    lacks, values = _lacks(lacking)
    with _many(), connection.cursor() as cursor:
        cursor.execute(
            f"{text.sql} SELECT COUNT(*) FROM verdict WHERE reason IS NULL AND ({lacks})",
            (*text.params, *values),
        )
        number = int(cursor.fetchone()[0])
    if not number:
        return preview
    return replace(
        preview,
        asked=preview.asked - number,
        excluded=(*preview.excluded, ReasonCount(Reason.EMPTY_FIELD, number)),
    )


def _lacks(lacking: Lacking) -> tuple[str, tuple[Any, ...]]:
    """The condition on a row of `verdict` that its person is lacking on the channel of their message."""
    parts, params = [], []
    for channel, contacts in lacking.items():
        text, values = contacts.order_by().values("pk").query.sql_with_params()
        parts.append(f"channel = %s AND contact_id IN ({text})")
        params += [channel.value, *values]
    return " OR ".join(parts) or "1 = 0", tuple(params)


def judge_all(
    contacts: QuerySet[Contact], asking: Asking | None = None, *, now: dt.datetime | None = None
) -> list[Verdict]:
    """The verdict on everybody of an audience, judged together: who of an account is asked is decided among them."""
    text = sql.verdicts(sql.contacts_text(contacts), rules(), asking or Asking(), now=now or clock.now())
    with _many():
        return _read(f"{text.sql} SELECT {_VERDICT} FROM verdict", text.params)


@contextmanager
def _many(*, counting: bool = False) -> Iterator[None]:
    """Around a statement over a whole audience. On SQLite reading opens no transaction, which would lock out writers."""
    if connection.vendor != "postgresql":
        yield
        return
    with transaction.atomic():
        sql.settle_in(counting=counting)
        yield


def judge(
    contact_ids: Iterable[int], asking: Asking | None = None, *, now: dt.datetime | None = None
) -> dict[int, Verdict]:
    """The verdict on each contact by itself. One that does not exist any more is reported as gone."""
    found: dict[int, Verdict] = {}
    held = rules()
    for contact_id in contact_ids:
        contacts = Contact.objects.filter(pk=contact_id)
        text = sql.verdicts(sql.contacts_text(contacts), held, asking or Asking(), now=now or clock.now())
        read = _read(f"{text.sql} SELECT {_VERDICT} FROM verdict", text.params)
        found[contact_id] = read[0] if read else Verdict(contact_id, Reason.CONTACT_GONE)
    return found


def judge_contact(
    contact: Contact, asking: Asking | None = None, *, now: dt.datetime | None = None
) -> Verdict:
    """Whether this person may be asked now; if not, why not and from when on. Without `asking`: a relationship survey
    by e-mail."""
    return judge([contact.pk], asking, now=now)[contact.pk]


def judge_invitations(invitation_ids: Sequence[int], *, now: dt.datetime | None = None) -> dict[int, Verdict]:
    """Verdicts right before sending, by invitation: as planning, except that its own ask does not count against it."""
    if not invitation_ids:
        return {}
    text = sql.verdicts(sql_delivery.audience(invitation_ids), rules(), None, now=now or clock.now())
    rows: dict[int, Verdict] = {}
    with connection.cursor() as cursor:
        cursor.execute(f"{text.sql} SELECT own_id, {_VERDICT} FROM verdict", text.params)
        for own_id, *rest in cursor.fetchall():
            rows[own_id] = _verdict(rest)
    return rows


_VERDICT = "contact_id, reason, next_eligible_at, channel"


def _read(statement: str, params: Sequence[Any]) -> list[Verdict]:
    with connection.cursor() as cursor:
        cursor.execute(statement, params)
        return [_verdict(row) for row in cursor.fetchall()]


def _verdict(row: Sequence[Any]) -> Verdict:
    contact_id, reason, next_at, channel = row
    return Verdict(
        contact_id,
        Reason(reason) if reason else None,
        _moment(next_at),
        Channel(channel) if channel and not reason else None,
    )


def _moment(value: Any) -> dt.datetime | None:
    """SQLite gives moments as text."""
    if isinstance(value, str):
        value = dt.datetime.fromisoformat(value)
    if isinstance(value, dt.datetime) and value.tzinfo is None:
        value = value.replace(tzinfo=dt.UTC)
    found: dt.datetime | None = value
    return found
