"""What is known of one visitor, read in one statement; and the lists of the pages."""

import datetime as dt
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from django.db.models import Count, Q, QuerySet, Subquery
from django.db.models.expressions import RawSQL
from django.db.models.functions import Coalesce

from accounts.domain import normalise_email
from accounts.models import Account, Contact
from core import roundtrip
from core.outbox import State
from surveys import sql_eligibility as sql
from surveys.ask_rules import Asking, cost_of
from surveys.choices import CampaignState, Channel, InvitationState, Reason, SurveyKind, SurveyState
from surveys.models import Campaign, Placement, Survey, Widget
from surveys.sql_dialect import Slot, bound
from surveys.widget.config import Config, Placed
from surveys.widget.identity import Person

_WAITING = f"('{InvitationState.PLANNED}', '{InvitationState.SENDING}', '{InvitationState.SENT}')"


@dataclass(frozen=True, slots=True, kw_only=True)
class Planned:
    """An invitation that waits for its contact to come by."""

    invitation_id: int
    campaign_id: int
    version_id: int
    language: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """How things stand with a visitor.

    `reasons` say, by kind of survey, why the contact may not be asked about it now; None: may be. `audiences` are the
    placed campaigns whose audience the contact is in.
    """

    contact_id: int | None = None
    language: str = ""
    first_name: str = ""
    reasons: Mapping[str, Reason | None] = field(default_factory=dict)
    planned: Planned | None = None
    audiences: frozenset[int] = frozenset()
    sessions: frozenset[str] = frozenset()
    last_shown_at: dt.datetime | None = None
    answered_at: dt.datetime | None = None
    declined_at: dt.datetime | None = None


def standing(*, config: Config, keys: Sequence[str], person: Person | None, now: dt.datetime) -> Standing:
    """What one decision needs to know, in one statement. `keys` are the visitor's own, the browser's last."""
    look = look_at(config=config, keys=keys, person=person, now=now)
    (rows,) = roundtrip.run(look.statement)
    return look.read(rows)


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """The statement about one visitor, to be run by itself or together with another, and what its rows say."""

    statement: tuple[str, Sequence[Any]]
    placed: Sequence[Placed]
    kinds: Sequence[str]
    is_person: bool

    def read(self, rows: Sequence[Sequence[Any]]) -> Standing:
        if not self.is_person:
            return _of_visitor(rows, Standing())
        contact_id, _, _, language, first_name, ask, version, ask_language, campaign = rows[0][:9]
        found = Standing(
            contact_id=contact_id,
            language=language or "",
            first_name=first_name or "",
            reasons={}
            if contact_id is None
            else {self.kinds[row[1] or 0]: Reason(row[2]) if row[2] else None for row in rows},
            planned=None
            if ask is None
            else Planned(invitation_id=ask, campaign_id=campaign, version_id=version, language=ask_language),
            audiences=frozenset(
                p.campaign_id for p, is_in in zip(self.placed, rows[0][13:], strict=True) if is_in
            ),
        )
        return _of_visitor([row[9:13] for row in rows], found)


def look_at(*, config: Config, keys: Sequence[str], person: Person | None, now: dt.datetime) -> Look:
    if person is None:
        text = _VISITS.format(marks=_marks(keys))
        return Look(statement=(text, [config.widget_id, *keys]), placed=[], kinds=[], is_person=False)
    email_key = _email_key(person)
    kept = config.texts.get(name := (len(keys), bool(email_key)))
    if kept is None:
        kept = config.texts[name] = _text_of(config, len(keys), has_email=bool(email_key))
    values: dict[str, Any] = {_ID: person.external_id, _EMAIL: email_key}
    params = [*bound(kept.params, now, values), *keys]
    return Look(
        statement=(kept.sql, params), placed=_with_audience(config), kinds=_kinds(config), is_person=True
    )


# So many visitors are looked up by one statement at most. Its plan is for so many, whatever comes.
GROUP = 8


def is_grouped(config: Config) -> bool:
    """Whether visitors of this widget can be looked up together: where the short form of the rules is used."""
    return len(_kinds(config)) == 1


def look_at_many(*, config: Config, people: Sequence[tuple[Person, Sequence[str]]], now: dt.datetime) -> Look:
    """As `look_at`, for up to GROUP people; each row begins with the number of whom it is about. PostgreSQL only."""
    kept = config.texts.get(_MANY)
    if kept is None:
        kept = config.texts[_MANY] = _text_of_many(config)
    asked = [
        {"n": n, "external_id": person.external_id, "email_key": _email_key(person), "own": keys[0], "browser": keys[-1]}
        for n, (person, keys) in enumerate(people)
    ]  # fmt: skip
    params = bound(kept.params, now, {_PEOPLE: json.dumps(asked)})
    return Look(
        statement=(kept.sql, params), placed=_with_audience(config), kinds=_kinds(config), is_person=True
    )


_MANY = (0, False)
_PEOPLE = Slot("people")
_LIVE = "x.erased_at IS NULL AND x.merged_into_id IS NULL"
# LIMIT tells the planner how few they are.
_VISIT = (
    "visit AS MATERIALIZED (SELECT g.n, g.own, g.browser, COALESCE("
    f"(SELECT x.id FROM accounts_contact x WHERE x.external_id = g.external_id AND {_LIVE}),"
    f" (SELECT x.id FROM accounts_contact x WHERE x.email_key = g.email_key AND {_LIVE})) AS contact_id"
    " FROM jsonb_to_recordset(%s::jsonb) AS g(n int, external_id text, email_key text, own text, browser text)"
    f" LIMIT {GROUP})"
)


def _text_of_many(config: Config) -> sql.Text:
    contacts = Contact.objects.filter(pk__in=RawSQL("SELECT contact_id FROM visit", ()))
    rules = sql.text_of(sql.contacts_text(contacts), config.rules, _asking_here(config))
    known = _known(
        config,
        "visit t LEFT JOIN verdict v ON v.contact_id = t.contact_id",
        number="0",
        visitor="s.key IN (t.own, t.browser)",
    )
    return sql.Text(
        f"WITH {_VISIT}, {rules.sql.removeprefix('WITH ')} SELECT t.n, {known.sql}",
        (_PEOPLE, *rules.params, *known.params),
    )


def _asking_here(config: Config) -> Asking:
    return Asking(kind=SurveyKind(_kinds(config)[0]), channels=(Channel.IN_APP,), here=True)


def _known(config: Config, source: str, *, number: str, visitor: str) -> sql.Text:
    """What is selected of each visitor, from a source that has their verdict as `v`; then the campaigns whose audience
    they are in."""
    membership, params = _membership(_with_audience(config))
    planned = _PLANNED.format(campaigns=", ".join(map(str, sorted(config.planned)))) if config.planned else ""
    ask = "i.id, i.version_id, i.language, w.campaign_id" if planned else "NULL, NULL, NULL, NULL"
    return sql.Text(
        f"v.contact_id, {number}, v.reason, c.language, c.first_name, {ask}, s.session, s.last_shown_at,"
        f" s.answered_at, s.declined_at{membership} FROM {source}"
        f" LEFT JOIN accounts_contact c ON c.id = v.contact_id{planned}"
        f" LEFT JOIN surveys_visitor s ON s.widget_id = {config.widget_id} AND {visitor}",
        tuple(params),
    )


# Everything about a known visitor but their names is the same for all of a widget, so the text is kept with it.
_ID, _EMAIL = Slot("external_id"), Slot("email_key")


def _text_of(config: Config, keys: int, *, has_email: bool) -> sql.Text:
    kinds = _kinds(config)
    contact = _contact(_ID, _EMAIL if has_email else None)
    if len(kinds) == 1:
        # One ask of one person: the short form of the rules.
        text = sql.text_of(sql.contacts_text(contact), config.rules, _asking_here(config))
    else:
        text = sql.text_of(_asks(contact, kinds), config.rules, None)
    known = _known(
        config,
        "(SELECT 1 AS one) here LEFT JOIN verdict v ON TRUE",
        number=f"{_JUDGED} - v.own_id" if len(kinds) > 1 else "0",
        visitor=f"s.key IN ({_marks(range(keys))})",
    )  # the keys of the visitor come last
    return sql.Text(f"{text.sql} SELECT {known.sql}", (*text.params, *known.params))


def _kinds(config: Config) -> list[str]:
    """The kinds of survey that are placed; one where none is."""
    kinds = {placed.kind for placed in config.placements} or {SurveyKind.RELATIONSHIP}
    return [kind.value for kind in SurveyKind if kind in kinds]


def _with_audience(config: Config) -> list[Placed]:
    return [placed for placed in config.placements if placed.audience is not None]


# Asks that do not exist yet are judged as if they were the last ones made: all that is planned goes before them.
_JUDGED = 2**63 - 1


def _asks(contact: QuerySet[Contact], kinds: Sequence[str]) -> sql.Text:
    """An ask in the product for each kind of survey, as `verdicts` judges what is about to be sent.

    In that form nobody is taken for out of reach because the widget has not seen them lately: they are here.
    """
    people = sql.contacts_text(contact)
    kind = " UNION ALL ".join(
        f"SELECT CAST({_JUDGED - n} AS bigint) AS own_id, '{name}' AS kind" for n, name in enumerate(kinds)
    )
    return sql.Text(
        f"SELECT p.*, k.own_id, k.kind, '{Channel.IN_APP}', {cost_of(Channel.IN_APP)}, 0"
        f" FROM ({people.sql}) p CROSS JOIN ({kind}) k",
        people.params,
        own=True,
    )


_VISITS = (
    "SELECT s.session, s.last_shown_at, s.answered_at, s.declined_at FROM surveys_visitor s"
    " WHERE s.widget_id = %s AND s.key IN ({marks})"
)
# The oldest that waits to be shown: its delivery is due, its campaign runs.
_PLANNED = (
    " LEFT JOIN surveys_invitation i ON i.id = (SELECT i.id FROM surveys_invitation i"
    " JOIN surveys_delivery d ON d.invitation_id = i.id JOIN surveys_wave w ON w.id = i.wave_id"
    f" WHERE i.contact_id = v.contact_id AND d.channel = '{Channel.IN_APP}' AND d.state = '{State.PENDING}'"
    f" AND i.state IN {_WAITING} AND NOT i.is_test AND i.scored_at IS NULL AND i.declined_at IS NULL"
    " AND w.campaign_id IN ({campaigns}) ORDER BY i.id LIMIT 1) LEFT JOIN surveys_wave w ON w.id = i.wave_id"
)


def _contact(external_id: str, email_key: str | None) -> QuerySet[Contact]:
    """The live contact of a signed identity: by external id, else by the signed address."""
    live = Contact.objects.live().order_by()
    by_id = live.filter(external_id=external_id).values("pk")
    if not email_key:
        return Contact.objects.filter(pk__in=by_id)
    by_address = live.filter(email_key=email_key).values("pk")
    return Contact.objects.filter(pk=Coalesce(Subquery(by_id[:1]), Subquery(by_address[:1])))


def _email_key(person: Person) -> str | None:
    try:
        return (normalise_email(person.email) if person.email else "") or None
    except ValueError:
        return None


def contact_of(person: Person) -> QuerySet[Contact]:
    """The live contact that a signed identity means, as a query of one row or none."""
    return _contact(person.external_id, _email_key(person))


def find_contact(person: Person) -> Contact | None:
    return contact_of(person).select_related("account").first()


def find_account(person: Person) -> Account | None:
    """The account that the signed identity names, if we know it."""
    return Account.objects.filter(external_id=person.account).first() if person.account else None


def _membership(placed: Sequence[Placed]) -> tuple[str, list[Any]]:
    texts: list[str] = []
    params: list[Any] = []
    for one in placed:
        assert one.audience is not None
        texts.append(f", {one.audience.sql}")
        params += one.audience.params
    return "".join(texts), params


def _marks(values: Sequence[object]) -> str:
    return ", ".join(["%s"] * len(values))


def _of_visitor(rows: Sequence[Sequence[Any]], known: Standing) -> Standing:
    """`known` with what the visitor's rows say. A browser may be shared: its row binds strangers, and its session all."""

    def latest(column: int) -> dt.datetime | None:
        return max((at for row in rows if (at := _moment(row[column])) is not None), default=None)

    return replace(
        known,
        sessions=frozenset(row[0] for row in rows if row[0]),
        last_shown_at=latest(1),
        answered_at=latest(2),
        declined_at=latest(3),
    )


def _moment(value: Any) -> dt.datetime | None:
    """SQLite gives moments as text."""
    if isinstance(value, str):
        value = dt.datetime.fromisoformat(value)
    if isinstance(value, dt.datetime) and value.tzinfo is None:
        value = value.replace(tzinfo=dt.UTC)
    found: dt.datetime | None = value
    return found


# --- Pages -----------------------------------------------------------------------------------------------------
def list_widgets() -> QuerySet[Widget]:
    """All widgets, active first; `running` is how many of their campaigns run."""
    return Widget.objects.annotate(
        running=Count("placements", filter=Q(placements__campaign__state=CampaignState.RUNNING))
    ).order_by("-is_active", "name")


def get_placement(campaign: Campaign) -> Placement | None:
    return Placement.objects.select_related("widget").filter(campaign=campaign).first()


def placements_of(widget: Widget) -> QuerySet[Placement]:
    return (
        Placement.objects.filter(widget=widget)
        .select_related("campaign__survey")
        .order_by("-campaign__launched_at", "-pk")
    )


def list_campaigns() -> QuerySet[Campaign]:
    return Campaign.objects.select_related("survey", "segment")


@dataclass(frozen=True, slots=True, kw_only=True)
class Tryable:
    """What the test page can show: a campaign of the widget, or a survey that is not placed yet."""

    value: str
    label: str
    version_id: int
    campaign_id: int = 0
    mode: str = "corner"


def tryable(widget: Widget) -> list[Tryable]:
    """The widget's campaigns, running ones first, then every published survey."""
    placed = [
        Tryable(
            value=f"c{placement.campaign_id}", label=f"Campaign: {placement.campaign.name}",
            version_id=placement.campaign.survey.current_id, campaign_id=placement.campaign_id, mode=placement.mode,
        )
        for placement in placements_of(widget)
        if placement.campaign.survey.current_id is not None
    ]  # fmt: skip
    running = set(
        Campaign.objects.filter(state=CampaignState.RUNNING, placement__widget=widget).values_list(
            "pk", flat=True
        )
    )
    placed.sort(key=lambda one: one.campaign_id not in running)
    surveys = Survey.objects.filter(state=SurveyState.ACTIVE, current__isnull=False).order_by("name")
    return placed + [
        Tryable(value=f"s{survey.pk}", label=f"Survey: {survey.name}", version_id=survey.current_id or 0)
        for survey in surveys
    ]
