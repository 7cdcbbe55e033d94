"""Who may be asked. The statement is compared with a plain reference that walks over the same histories in Python."""

import datetime as dt
import hashlib
from collections import Counter
from dataclasses import dataclass, field

import pytest
from django.db import transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from accounts.models import Contact
from surveys import eligibility
from surveys.ask_rules import COSTS, Asking, Rules, Scope, sampling_key
from surveys.choices import AskScope, CampaignState, Channel, Reason, SurveyKind, WaveState
from surveys.eligibility import REASONS, Verdict
from surveys.models import (
    AskRule,
    Exclusion,
    ExternalAsk,
    Invitation,
    Preference,
    Response,
    Suppression,
    Survey,
    Visitor,
    Widget,
)
from team.models import Workspace
from tests.surveys.asking import (
    key_of,
    make_account,
    make_answer,
    make_campaign,
    make_contact,
    make_invitation,
    make_survey,
    make_wave,
    suppress,
)

NOW = dt.datetime(2026, 3, 17, 10, 0, tzinfo=dt.UTC)
DAY = dt.timedelta(days=1)
pytestmark = pytest.mark.django_db


def verdict_on(contact: Contact) -> Verdict:
    return eligibility.judge_contact(contact, now=NOW)


def test_every_reason_has_a_text_for_people() -> None:
    assert set(REASONS) == set(Reason)
    assert all(text.label and text.sentence for text in REASONS.values())


def test_somebody_never_asked_may_be_asked() -> None:
    assert verdict_on(make_contact(make_account())).allowed


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"email": ""}, Reason.NO_ADDRESS),
        ({"email": "not an address", "email_key": None, "address_key": None}, Reason.INVALID_ADDRESS),
        ({"erased_at": NOW}, Reason.CONTACT_GONE),
    ],
)
def test_somebody_without_a_mailbox_is_not_asked(fields: dict, reason: Reason) -> None:
    assert verdict_on(make_contact(make_account(), **fields)).reason == reason


@pytest.mark.parametrize(
    ("why", "reason"),
    [
        ("unsubscribed", Reason.UNSUBSCRIBED),
        ("bounced", Reason.BOUNCED),
        ("complained", Reason.COMPLAINED),
        ("manual", Reason.SUPPRESSED),
    ],
)
def test_a_suppressed_address_is_not_asked_until_it_is_lifted(why: str, reason: Reason) -> None:
    contact = make_contact(make_account())
    entry = suppress(contact.email, why)

    assert verdict_on(contact).reason == reason

    Suppression.objects.filter(pk=entry.pk).update(lifted_at=NOW)
    assert verdict_on(contact).allowed


def test_people_of_an_account_that_left_are_not_asked() -> None:
    assert verdict_on(make_contact(make_account(churned_on=NOW.date()))).reason == Reason.ACCOUNT_CHURNED
    later = make_account("Leaves next week", churned_on=NOW.date() + 7 * DAY)
    assert verdict_on(make_contact(later, "b@fjord.example")).allowed


@pytest.mark.parametrize(
    ("column", "days", "reason"),
    [
        ("scored_at", 90, Reason.RECENTLY_ANSWERED),
        ("declined_at", 30, Reason.RECENTLY_DECLINED),
        ("asked_at", 30, Reason.RECENTLY_ASKED),
    ],
)
def test_each_outcome_has_its_own_quiet_time(column: str, days: int, reason: Reason) -> None:
    make_survey()
    contact = make_contact(make_account())
    ask = make_invitation(contact, state="sent", asked_at=NOW - 100 * DAY)
    ask.asked_at = NOW - 100 * DAY
    setattr(ask, column, NOW - days * DAY + dt.timedelta(seconds=1))
    ask.save()

    found = verdict_on(contact)
    assert (found.reason, found.next_eligible_at) == (reason, NOW + dt.timedelta(seconds=1))

    setattr(ask, column, NOW - days * DAY)
    ask.save()
    assert verdict_on(contact).allowed


def test_an_answer_that_came_another_way_counts_too() -> None:
    contact = make_contact(make_account())
    make_answer(contact, NOW - 10 * DAY)

    found = verdict_on(contact)

    assert (found.reason, found.next_eligible_at) == (Reason.RECENTLY_ANSWERED, NOW + 80 * DAY)


def test_the_ledger_follows_the_address_and_the_person() -> None:
    make_survey()
    first = make_contact(make_account(), "shared@fjord.example")
    make_invitation(first, state="sent", asked_at=NOW - DAY)
    Contact.objects.filter(pk=first.pk).update(
        email="new@fjord.example", email_key="new@fjord.example", address_key=key_of("new@fjord.example")
    )
    second = make_contact(make_account("Other"), "shared@fjord.example")

    assert verdict_on(first).reason == Reason.RECENTLY_ASKED
    assert verdict_on(second).reason == Reason.RECENTLY_ASKED


def test_a_planned_ask_reserves_the_person() -> None:
    wave = make_wave()
    contact = make_contact(make_account())
    make_invitation(contact, wave)

    assert verdict_on(contact).reason == Reason.ALREADY_PLANNED


def test_a_test_mail_is_not_an_ask() -> None:
    make_survey()
    contact = make_contact(make_account())
    make_invitation(contact, is_test=True, state="sent", asked_at=NOW - DAY)

    assert verdict_on(contact).allowed


def test_an_account_is_asked_no_more_than_its_limit_and_frees_up_in_order() -> None:
    make_survey()
    account = make_account()
    for number in range(5):
        asked = make_contact(account, f"p{number}@fjord.example")
        make_invitation(asked, state="sent", asked_at=NOW - (6 - number) * DAY)
    fresh = make_contact(account, "fresh@fjord.example")

    found = verdict_on(fresh)

    assert (found.reason, found.next_eligible_at) == (Reason.ACCOUNT_LIMIT, NOW + DAY)


def test_of_a_big_account_those_left_alone_longest_are_asked() -> None:
    make_survey()
    account = make_account()
    people = [make_contact(account, f"p{n}@fjord.example") for n in range(7)]
    for contact in people[:3]:
        make_invitation(contact, state="expired", asked_at=NOW - 200 * DAY)

    shown = eligibility.list_judged(Contact.objects.all(), reason=None, now=NOW)

    assert {v.contact_id for v in shown} == {c.pk for c in [*people[3:], people[0]]}


def test_a_minimum_time_as_customer_is_kept() -> None:
    Workspace.objects.update_or_create(pk=1, defaults={"minimum_tenure_days": 60})
    contact = make_contact(make_account(customer_since=dt.date(2026, 2, 1)))

    found = verdict_on(contact)

    assert (found.reason, found.next_eligible_at) == (Reason.TENURE, dt.datetime(2026, 4, 2, tzinfo=dt.UTC))


def test_before_sending_its_own_ask_does_not_stand_in_the_way() -> None:
    wave = make_wave()
    account = make_account()
    asks = [make_invitation(make_contact(account, f"p{n}@fjord.example"), wave) for n in range(5)]
    ids = [ask.pk for ask in asks]

    assert all(v.allowed for v in eligibility.judge_invitations(ids, now=NOW).values())

    Workspace.objects.update_or_create(pk=1, defaults={"account_ask_limit": 3})
    found = eligibility.judge_invitations(ids, now=NOW)
    assert [found[pk].reason for pk in ids] == [None] * 3 + [Reason.ACCOUNT_LIMIT] * 2


def test_before_sending_what_happened_meanwhile_counts() -> None:
    wave = make_wave()
    contact = make_contact(make_account())
    ask = make_invitation(contact, wave)
    make_answer(contact, NOW - DAY)

    assert eligibility.judge_invitations([ask.pk], now=NOW)[ask.pk].reason == Reason.RECENTLY_ANSWERED


# --- Scopes, budget, reserve ---------------------------------------------------------------------------------
CSAT = Asking(kind=SurveyKind.TRANSACTIONAL)


def about(kind: str, name: str) -> Survey:
    survey = make_survey(name)
    survey.kind = kind
    survey.save(update_fields=["kind"])
    return survey


def asked(contact: Contact, survey: Survey, days_ago: float, **fields: object) -> Invitation:
    fields.setdefault("state", "expired")
    fields.setdefault("cost", 10)
    return Invitation.objects.create(
        version=survey.current, contact=contact, account_id=contact.account_id,
        recipient_key=contact.address_key, asked_at=NOW - days_ago * DAY, **fields,
    )  # fmt: skip


def test_a_support_survey_does_not_start_the_quarter_of_the_relationship_survey() -> None:
    contact = make_contact(make_account())
    asked(contact, about("transactional", "Support"), 8, scored_at=NOW - 8 * DAY)

    assert verdict_on(contact).allowed
    assert eligibility.judge_contact(contact, CSAT, now=NOW).reason == Reason.RECENTLY_ANSWERED


def test_a_week_lies_between_any_two_asks() -> None:
    contact = make_contact(make_account())
    asked(contact, about("transactional", "Support"), 2)

    found = verdict_on(contact)
    assert (found.reason, found.next_eligible_at) == (Reason.RECENTLY_ASKED, NOW + 5 * DAY)


def test_the_budget_of_the_window_is_spent_and_frees_up_in_order() -> None:
    AskRule.objects.create(scope="all", budget=20, budget_days=90)
    AskRule.objects.create(scope="relationship")
    contact = make_contact(make_account())
    survey = make_survey()
    for days in (80, 60, 40):
        asked(contact, survey, days)

    found = verdict_on(contact)

    # Two of the three must have left the window.
    assert (found.reason, found.next_eligible_at) == (Reason.BUDGET_SPENT, NOW + 30 * DAY)


def test_room_for_the_relationship_survey_is_kept_from_others() -> None:
    contact = make_contact(make_account())
    support = about("transactional", "Support")
    for days in (80, 60, 40):
        asked(contact, support, days)

    found = eligibility.judge_contact(contact, CSAT, now=NOW)

    assert (found.reason, found.next_eligible_at) == (Reason.RESERVED, NOW + 10 * DAY)
    assert verdict_on(contact).allowed


def test_somebody_a_relationship_survey_waits_for_is_left_to_it() -> None:
    about("transactional", "Support")
    wave = make_wave(state=WaveState.SENDING)
    account = make_account()
    contact, colleague = make_contact(account), make_contact(account, "b@fjord.example")
    Exclusion.objects.create(
        wave=wave, contact=contact, reason="recently_asked", next_eligible_at=NOW + 3 * DAY
    )

    assert eligibility.judge_contact(contact, CSAT, now=NOW).reason == Reason.RESERVED
    assert eligibility.judge_contact(colleague, CSAT, now=NOW).allowed
    assert verdict_on(contact).allowed

    # So far off that an ask now would be forgotten by then.
    Exclusion.objects.update(next_eligible_at=NOW + 8 * DAY)
    assert eligibility.judge_contact(contact, CSAT, now=NOW).allowed


def test_asks_by_other_tools_count() -> None:
    contact = make_contact(make_account())
    ExternalAsk.objects.create(
        source="helpdesk", external_id="1", contact=contact, recipient_key=contact.address_key,
        kind="relationship", asked_at=NOW - 10 * DAY,
    )  # fmt: skip

    found = verdict_on(contact)

    assert (found.reason, found.next_eligible_at) == (Reason.RECENTLY_ASKED, NOW + 20 * DAY)


def test_what_people_chose_is_kept() -> None:
    contact = make_contact(make_account())
    chosen = Preference.objects.create(address_key=contact.address_key, unwanted=["transactional"])

    assert verdict_on(contact).allowed
    assert eligibility.judge_contact(contact, CSAT, now=NOW).reason == Reason.UNWANTED_KIND

    chosen.paused_until = NOW + 60 * DAY
    chosen.save()
    found = verdict_on(contact)
    assert (found.reason, found.next_eligible_at) == (Reason.PAUSED, NOW + 60 * DAY)


def test_the_first_channel_that_reaches_somebody_is_taken() -> None:
    both = Asking(channels=(Channel.SMS, Channel.EMAIL))
    account = make_account()
    with_phone = make_contact(account, phone_key="p" * 64)
    without = make_contact(account, "b@fjord.example")
    phone_only = make_contact(account, "", phone_key="q" * 64)

    assert eligibility.judge_contact(with_phone, both, now=NOW).channel is Channel.SMS
    assert eligibility.judge_contact(without, both, now=NOW).channel is Channel.EMAIL
    assert eligibility.judge_contact(phone_only, both, now=NOW).channel is Channel.SMS

    Suppression.objects.create(address_key="p" * 64, channel="sms", reason="unsubscribed")
    assert eligibility.judge_contact(with_phone, both, now=NOW).channel is Channel.EMAIL


def test_a_bounce_bars_the_mailbox_only_and_an_unsubscription_everything() -> None:
    both = Asking(channels=(Channel.EMAIL, Channel.SMS))
    contact = make_contact(make_account(), phone_key="p" * 64)
    entry = suppress(contact.email, "bounced")

    assert eligibility.judge_contact(contact, both, now=NOW).channel is Channel.SMS
    assert verdict_on(contact).reason == Reason.BOUNCED

    entry.reason = "unsubscribed"
    entry.save()
    assert eligibility.judge_contact(contact, both, now=NOW).reason == Reason.UNSUBSCRIBED


def test_a_greater_sample_only_adds_people_and_surveys_draw_apart() -> None:
    account = make_account()
    for n in range(60):
        make_contact(account, f"p{n}@fjord.example")
    Workspace.objects.update_or_create(pk=1, defaults={"account_ask_limit": 1000})

    def drawn(percent: int, survey_id: int = 1, period: str = "2026Q1") -> set[int | None]:
        asking = Asking(survey_id=survey_id, sample_percent=percent, period=period)
        listed = eligibility.list_judged(Contact.objects.all(), asking, reason=None, limit=100, now=NOW)
        return {v.contact_id for v in listed}

    assert drawn(20) == drawn(20) < drawn(60) < drawn(100)
    assert drawn(50) != drawn(50, survey_id=2)
    assert drawn(50) != drawn(50, period="2026Q2")


def test_a_reminder_is_spared_the_quiet_times_but_not_the_budget() -> None:
    survey = make_survey()
    contact = make_contact(make_account())
    ask = asked(contact, survey, 5, state="sent", cost=15)
    asked(contact, survey, 3)

    assert eligibility.judge_invitations([ask.pk], now=NOW)[ask.pk].allowed

    AskRule.objects.create(scope="all", budget=20)
    assert eligibility.judge_invitations([ask.pk], now=NOW)[ask.pk].reason == Reason.BUDGET_SPENT


# --- The reference -------------------------------------------------------------------------------------------
@dataclass
class Ask:
    state: str
    asked: int | None
    scored: int | None
    declined: int | None
    is_test: bool
    address: int | None
    kind: str
    cost: int


@dataclass
class Person:
    account: int | None
    mail: str
    phone: int | None
    created: int
    suppression: str | None
    stopped: bool
    seen: int | None
    paused: int | None
    unwanted: list[str]
    waits: int | None
    answers: list[tuple[int, str]] = field(default_factory=list)
    asks: list[Ask] = field(default_factory=list)
    others: list[tuple[int, str, int | None]] = field(default_factory=list)


@dataclass
class Company:
    churned: int | None
    since: int | None


hours = st.integers(-24 * 120, -1)
kinds = st.sampled_from(["relationship", "transactional"])
asks = st.builds(
    Ask,
    state=st.sampled_from(
        ["planned", "sending", "sent", "answered", "declined", "expired", "expired", "expired", "failed"]
    ),
    asked=st.none() | hours | hours | hours,
    scored=st.none() | hours,
    declined=st.none() | st.none() | hours,
    is_test=st.sampled_from([False, False, False, True]),
    address=st.none() | st.none() | st.integers(0, 5),
    kind=kinds,
    cost=st.sampled_from([10, 10, 15, 3]),
)
people = st.lists(
    st.builds(
        Person,
        account=st.none() | st.integers(0, 2),
        mail=st.sampled_from(["yes", "yes", "yes", "yes", "no", "bad"]),
        phone=st.none() | st.integers(0, 3),
        created=hours,
        suppression=st.sampled_from(
            [None] * 8 + ["unsubscribed", "bounced", "bounced", "complained", "manual", "erased"]
        ),
        stopped=st.sampled_from([False, False, False, True]),
        seen=st.none() | st.none() | st.integers(-24 * 60, -1),
        paused=st.none() | st.none() | st.integers(-48, 480),
        unwanted=st.sampled_from([[], [], [], ["relationship"], ["transactional"]]),
        waits=st.none() | st.none() | st.integers(-24 * 10, 24 * 20),
        answers=st.lists(st.tuples(hours, kinds), max_size=1),
        asks=st.lists(asks, max_size=4),
        others=st.lists(st.tuples(hours, kinds, st.none() | st.integers(0, 5)), max_size=1),
    ),
    min_size=1,
    max_size=8,
)
companies = st.lists(
    st.builds(Company, churned=st.none() | st.integers(-40, 40), since=st.none() | st.integers(-60, 0)),
    min_size=3,
    max_size=3,
)


def scope_of(scope: AskScope) -> st.SearchStrategy[Scope]:
    return st.builds(
        Scope,
        scope=st.just(scope),
        quiet_days_answered=st.sampled_from([0, 7, 90]),
        quiet_days_declined=st.sampled_from([0, 30]),
        quiet_days_ignored=st.sampled_from([0, 7, 30]),
        budget=st.sampled_from([0, 0, 5, 20, 40]),
        budget_days=st.sampled_from([30, 90, 120]),
    )


rule_sets = st.builds(
    lambda scopes, **other: Rules(scopes={scope.scope: scope for scope in scopes}, **other),
    st.tuples(*(scope_of(scope) for scope in AskScope)),
    account_ask_limit=st.integers(0, 3),
    account_ask_days=st.sampled_from([1, 7]),
    minimum_tenure_days=st.sampled_from([0, 0, 30]),
)
askings = st.builds(
    Asking,
    kind=st.sampled_from(list(SurveyKind)),
    channels=st.sampled_from([(c,) for c in (Channel.EMAIL, Channel.EMAIL, Channel.SMS, Channel.IN_APP)] + [
        (Channel.SMS, Channel.EMAIL), (Channel.EMAIL, Channel.SMS), (Channel.IN_APP, Channel.EMAIL, Channel.SMS),
        (Channel.LINK, Channel.EMAIL),
    ]),
    survey_id=st.integers(1, 3),
    sample_percent=st.sampled_from([100, 100, 100, 50]),
    period=st.just("2026Q1"),
)  # fmt: skip


def at(hour: int | None) -> dt.datetime | None:
    return None if hour is None else NOW + dt.timedelta(hours=hour)


def phone_key(number: int | None) -> str | None:
    return None if number is None else f"phone{number}".ljust(64, "0")


@dataclass
class Told:
    """An ask of whatever origin, as the reference reads it."""

    contact: int | None
    account: int | None
    key: str
    kind: str
    cost: int
    asked: dt.datetime | None
    scored: dt.datetime | None = None
    declined: dt.datetime | None = None
    planned: bool = False
    pk: int = 0


@dataclass
class World:
    rules: Rules
    contacts: list[Contact]
    people: dict[int, Person]
    told: list[Told]
    answers: list[tuple[int, dt.datetime, str]]
    suppressed: dict[str, str]


def build(rules: Rules, firms: list[Company], crowd: list[Person]) -> World:
    """The random history as rows. E-mail addresses are people's own; telephones are shared."""
    Workspace.objects.update_or_create(
        pk=1,
        defaults={
            f: getattr(rules, f) for f in ("account_ask_limit", "account_ask_days", "minimum_tenure_days")
        },
    )
    for scope in rules.scopes.values():
        AskRule.objects.create(
            scope=scope.scope, quiet_days_answered=scope.quiet_days_answered, budget=scope.budget,
            quiet_days_declined=scope.quiet_days_declined, quiet_days_ignored=scope.quiet_days_ignored,
            budget_days=scope.budget_days,
        )  # fmt: skip
    surveys = {kind: about(kind, kind) for kind in ("relationship", "transactional")}
    wave = make_wave(make_campaign(surveys["relationship"], state=CampaignState.RUNNING))
    widget = Widget.objects.create(name="App", key="app")
    accounts = [
        make_account(
            f"Company {n}",
            churned_on=None if c.churned is None else (NOW + c.churned * DAY).date(),
            customer_since=None if c.since is None else (NOW + c.since * DAY).date(),
        )
        for n, c in enumerate(firms)
    ]
    world = World(rules, [], {}, [], [], {})
    for number, person in enumerate(crowd):
        key = key_of(f"a{number}@example.com")
        contact = make_contact(
            None if person.account is None else accounts[person.account],
            {"yes": f"a{number}@example.com", "no": "", "bad": "nonsense"}[person.mail],
            email_key=f"a{number}@example.com" if person.mail == "yes" else None,
            address_key=key if person.mail == "yes" else None,
            phone_key=phone_key(person.phone),
            created_at=at(person.created),
        )
        world.contacts.append(contact)
        world.people[contact.pk] = person
        if person.suppression:
            world.suppressed[key] = person.suppression
            Suppression.objects.create(address_key=key, reason=person.suppression)
        number_key = phone_key(person.phone)
        if person.stopped and number_key and number_key not in world.suppressed:
            world.suppressed[number_key] = "unsubscribed"
            Suppression.objects.create(address_key=number_key, reason="unsubscribed", channel="sms")
        if person.seen is not None:
            Visitor.objects.create(
                widget=widget, key=str(number), contact=contact, last_seen_at=at(person.seen)
            )
        if (person.paused is not None or person.unwanted) and person.mail == "yes":
            Preference.objects.create(
                address_key=key, paused_until=at(person.paused), unwanted=person.unwanted
            )
        if person.waits is not None:
            Exclusion.objects.create(
                wave=wave, contact=contact, reason="recently_asked", next_eligible_at=at(person.waits)
            )
        for ask in person.asks:
            sent_to = contact.address_key if ask.address is None else key_of(f"a{ask.address}@example.com")
            sent_to = sent_to or contact.phone_key or "nobody"
            row = Invitation.objects.create(
                version=surveys[ask.kind].current, contact=contact, account_id=contact.account_id,
                recipient_key=sent_to, state=ask.state, is_test=ask.is_test, asked_at=at(ask.asked),
                scored_at=at(ask.scored), declined_at=at(ask.declined), cost=ask.cost,
            )  # fmt: skip
            if not ask.is_test:
                planned = ask.asked is None and ask.state in {"planned", "sending"}
                world.told.append(
                    Told(contact.pk, contact.account_id, sent_to, ask.kind, ask.cost, at(ask.asked), at(ask.scored),
                         at(ask.declined), planned, row.pk)
                )  # fmt: skip
        for n, (hour, kind, address) in enumerate(person.others):
            sent_to = contact.address_key if address is None else key_of(f"a{address}@example.com")
            sent_to = sent_to or "nobody"
            ExternalAsk.objects.create(
                source="other", external_id=f"{number}.{n}", contact=contact, account_id=contact.account_id,
                recipient_key=sent_to, kind=kind, asked_at=at(hour),
            )  # fmt: skip
            world.told.append(Told(contact.pk, contact.account_id, sent_to, kind, 10, at(hour)))
        for hour, kind in person.answers:
            answer = make_answer(contact, NOW + dt.timedelta(hours=hour))
            Response.objects.filter(pk=answer.pk).update(survey=surveys[kind])
            world.answers.append((contact.pk, answer.responded_at, kind))
    return world


def named(suppression: str) -> str:
    return suppression if suppression in {"unsubscribed", "bounced", "complained"} else "suppressed"


def reached(
    world: World, contact: Contact, channels: tuple[Channel, ...], *, here: bool = False
) -> tuple[Channel | None, str | None]:
    """The channel that reaches somebody, or why none does."""
    mail = world.suppressed.get(contact.address_key or "")
    sms = world.suppressed.get(contact.phone_key or "")
    seen = world.people[contact.pk].seen
    barred = named(mail) if mail and mail != "bounced" else None
    why: dict[Channel, str | None] = {
        Channel.EMAIL: (
            "no_address" if not contact.email
            else "invalid_address" if contact.address_key is None
            else named(mail) if mail
            else None
        ),
        Channel.SMS: barred or ("no_address" if contact.phone_key is None else named(sms) if sms else None),
        Channel.LINK: barred,
        Channel.IN_APP: barred or (None if here or (seen is not None and seen > -24 * 30) else "no_address"),
    }  # fmt: skip
    usable = [channel for channel in channels if channel in why]
    for channel in usable:
        if why[channel] is None:
            return channel, None
    return None, why[usable[0]]


def until_of(
    world: World, asking: Asking, outcome: str, moments: list[tuple[dt.datetime, str]]
) -> dt.datetime | None:
    """Until when these moments ask for quiet: by the rule of all, and by its own kind's where they were of it."""
    name = f"quiet_days_{outcome}"
    found = []
    for moment, kind in moments:
        days = [getattr(world.rules.scopes[AskScope.ALL], name)]
        if kind == asking.kind:
            days.append(getattr(world.rules.scopes[AskScope(kind)], name))
        found.append(moment + max(days) * DAY)
    return max(found, default=None)


def budget_of(
    world: World, asking: Asking, own: list[Told], cost: int
) -> tuple[str, dt.datetime | None] | None:
    """The first budget that an ask would overdraw, and from when on none is overdrawn."""
    scopes = world.rules.scopes
    common, kind = scopes[AskScope.ALL], scopes[AskScope(asking.kind)]
    quarters = -(-common.budget_days // 90)
    budgets = []
    if common.budget:
        budgets.append(("budget_spent", common.budget, common.budget_days, None))
    if kind.budget:
        budgets.append(("budget_spent", kind.budget, kind.budget_days, asking.kind))
    if common.budget and asking.kind == "transactional":
        budgets.append(("reserved", common.budget - 10 * quarters, common.budget_days, "transactional"))
    failed: list[tuple[str, dt.datetime | None]] = []
    for reason, limit, days, counted in budgets:
        spent = sorted(
            (a.asked, a.cost)
            for a in own
            if a.asked and a.asked > NOW - days * DAY and (counted is None or a.kind == counted)
        )
        total = sum(c for _, c in spent)
        if total + cost <= limit:
            continue
        freed = None
        if cost <= limit:
            for when, c in spent:
                total -= c
                freed = when + days * DAY
                if total + cost <= limit:
                    break
        failed.append((reason, freed))
    if not failed:
        return None
    moments = [moment for _, moment in failed]
    return failed[0][0], None if None in moments else max(m for m in moments if m)


def reference(
    world: World, asking: Asking, *, alone: Contact | None = None
) -> dict[int, tuple[str | None, dt.datetime | None, Channel | None]]:
    """The rules as one would explain them, one person after the other."""
    rules = world.rules
    personal: dict[int, tuple[str | None, dt.datetime | None, dt.datetime | None]] = {}
    channels: dict[int, Channel | None] = {}
    keys: dict[int, str | None] = {}
    gap = max(
        getattr(rules.scopes[AskScope.ALL], f"quiet_days_{o}") for o in ("answered", "declined", "ignored")
    )
    waiting = {
        c.pk
        for c in world.contacts
        if (w := at(world.people[c.pk].waits)) and NOW - 7 * DAY < w <= NOW + gap * DAY
    }
    for contact in [alone] if alone else world.contacts:
        by_phone = asking.here or Channel.SMS in asking.channels
        keys[contact.pk] = key = contact.address_key or (contact.phone_key if by_phone else None)
        own = [a for a in world.told if a.contact == contact.pk or (key and a.key == key)]
        answered = [(a.scored, a.kind) for a in own if a.scored]
        answered += [(moment, kind) for who, moment, kind in world.answers if who == contact.pk]
        declined = [(a.declined, a.kind) for a in own if a.declined]
        ignored = [(a.asked, a.kind) for a in own if a.asked and not a.scored and not a.declined]
        since = contact.account.customer_since if contact.account else None
        start = dt.datetime.combine(since, dt.time(), dt.UTC) if since else contact.created_at
        chosen = Preference.objects.filter(address_key=key or "").first()
        clocks = {
            "paused": chosen.paused_until if chosen else None,
            "tenure": start + rules.minimum_tenure_days * DAY if rules.minimum_tenure_days else None,
            "recently_answered": until_of(world, asking, "answered", answered),
            "recently_declined": until_of(world, asking, "declined", declined),
            "recently_asked": until_of(world, asking, "ignored", ignored),
        }
        running = {name: until for name, until in clocks.items() if until and until > NOW}
        last = max((a.asked for a in own if a.asked), default=None)
        channel, unreached = reached(world, contact, asking.channels, here=asking.here)
        channels[contact.pk] = channel
        overdrawn = budget_of(world, asking, own, COSTS[channel]) if channel else None
        lot = hashlib.sha256(
            f"{sampling_key()}|{asking.survey_id}|{contact.pk}|{asking.period}".encode()
        ).hexdigest()[:8]
        planned = {a.kind for a in own if a.planned}
        transactional = asking.kind == "transactional"
        reason: str | None = None
        until = None
        if unreached:
            reason = unreached
        elif chosen and asking.kind in chosen.unwanted:
            reason = "unwanted_kind"
        elif contact.account and contact.account.churned_on and contact.account.churned_on <= NOW.date():
            reason = "account_churned"
        elif int(lot, 16) >= asking.sample_percent / 100 * 2**32:
            reason = "not_sampled"
        elif transactional and "relationship" in planned:
            reason = "reserved"
        elif planned:
            reason = "already_planned"
        elif running or overdrawn:
            moments = list(running.values())
            if overdrawn:
                moments.append(overdrawn[1])
            reason = next(iter(running)) if running else overdrawn and overdrawn[0]
            until = None if None in moments else max(moments)
            if reason == "reserved" and contact.pk in waiting:
                until = None
        elif transactional and contact.pk in waiting:
            reason = "reserved"
        personal[contact.pk] = (reason, until, last)

    verdicts: dict[int, tuple[str | None, dt.datetime | None]] = {}
    seen: set[str] = set()
    askable: dict[int, list[Contact]] = {}
    judged = [alone] if alone else world.contacts
    for contact in sorted(judged, key=lambda c: (c.account_id is None, c.account_id or 0, c.pk)):
        reason, until, _ = personal[contact.pk]
        key = keys[contact.pk]
        if reason is None and key in seen:
            reason = "duplicate_address"
        elif reason is None:
            if key:
                seen.add(key)
            if contact.account_id is not None:
                askable.setdefault(contact.account_id, []).append(contact)
        verdicts[contact.pk] = (reason, until)

    if rules.account_ask_limit:
        never = dt.datetime.min.replace(tzinfo=dt.UTC)
        window = NOW - rules.account_ask_days * DAY
        for account_id, chosen_people in askable.items():
            of_account = [a for a in world.told if a.account == account_id]
            recent = sorted((a.asked for a in of_account if a.asked and a.asked > window), reverse=True)
            held = sum(a.planned for a in of_account)
            if asking.kind == "transactional":
                held += sum(c.account_id == account_id and c.pk in waiting for c in world.contacts)
            room = rules.account_ask_limit - len(recent) - held
            chosen_people.sort(key=lambda c: (personal[c.pk][2] or never, c.pk))
            newest_first = [None] * held + recent
            nth = newest_first[rules.account_ask_limit - 1] if room <= 0 else None
            for contact in chosen_people[max(room, 0) :]:
                verdicts[contact.pk] = ("account_limit", nth + rules.account_ask_days * DAY if nth else None)
    return {pk: (*verdict, None if verdict[0] else channels[pk]) for pk, verdict in verdicts.items()}


@settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))
@given(rules=rule_sets, asking=askings, firms=companies, crowd=people)
def test_the_statement_agrees_with_the_reference(
    rules: Rules, asking: Asking, firms: list[Company], crowd: list[Person]
) -> None:
    with transaction.atomic():
        world = build(rules, firms, crowd)
        everyone = Contact.objects.filter(pk__in=[c.pk for c in world.contacts])

        expected = reference(world, asking)
        found = {
            v.contact_id: (v.reason and v.reason.value, v.next_eligible_at, v.channel)
            for v in eligibility.judge_all(everyone, asking, now=NOW)
        }
        counts = eligibility.preview(everyone, asking, now=NOW)
        transaction.set_rollback(True)

    assert found == expected
    assert {c.reason.value: c.count for c in counts.excluded} == Counter(
        r for r, *_ in expected.values() if r
    )
    assert counts.asked == sum(r is None for r, *_ in expected.values())


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(rules=rule_sets, kind=st.sampled_from(SurveyKind), firms=companies, crowd=people)
def test_the_short_form_for_somebody_who_is_here_agrees_with_the_reference(
    rules: Rules, kind: SurveyKind, firms: list[Company], crowd: list[Person]
) -> None:
    asking = Asking(kind=kind, channels=(Channel.IN_APP,), here=True)
    with transaction.atomic():
        world = build(rules, firms, crowd)
        expected = {c.pk: reference(world, asking, alone=c)[c.pk][0] for c in world.contacts}
        found = {
            c.pk: verdict.reason and verdict.reason.value
            for c in world.contacts
            for verdict in eligibility.judge_all(Contact.objects.filter(pk=c.pk), asking, now=NOW)
        }
        transaction.set_rollback(True)

    assert found == expected
