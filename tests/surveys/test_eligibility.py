"""Who may be asked. The statement is compared with a plain reference that walks over the same histories in Python."""

import datetime as dt
from collections import Counter
from dataclasses import dataclass, field

import pytest
from django.db import transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from accounts.models import Account, Contact
from surveys import eligibility
from surveys.choices import Reason
from surveys.eligibility import PRIORITY, REASONS, Rules, Verdict
from surveys.models import Invitation, Response, Suppression
from team.models import Workspace
from tests.surveys.asking import (
    key_of,
    make_account,
    make_answer,
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


# --- The reference -------------------------------------------------------------------------------------------


@dataclass
class Ask:
    state: str
    asked: int | None
    scored: int | None
    declined: int | None
    is_test: bool
    address: int | None


@dataclass
class Person:
    account: int | None
    address: int | None
    mail: str
    created: int
    suppression: str | None
    answers: list[int] = field(default_factory=list)
    asks: list[Ask] = field(default_factory=list)


@dataclass
class Company:
    churned: int | None
    since: int | None


hours = st.integers(-24 * 120, -1)
asks = st.builds(
    Ask,
    state=st.sampled_from(
        ["planned", "sending", "sent", "answered", "declined", "expired", "withdrawn", "failed"]
    ),
    asked=st.none() | hours,
    scored=st.none() | hours,
    declined=st.none() | hours,
    is_test=st.sampled_from([False, False, False, True]),
    address=st.none() | st.integers(0, 5),
)
people = st.lists(
    st.builds(
        Person,
        account=st.none() | st.integers(0, 2),
        address=st.none() | st.integers(0, 5),
        mail=st.sampled_from(["yes", "yes", "yes", "yes", "no", "bad"]),
        created=hours,
        suppression=st.sampled_from(
            [None] * 6 + ["unsubscribed", "bounced", "complained", "manual", "erased"]
        ),
        answers=st.lists(hours, max_size=1),
        asks=st.lists(asks, max_size=3),
    ),
    min_size=1,
    max_size=9,
)
companies = st.lists(
    st.builds(Company, churned=st.none() | st.integers(-40, 40), since=st.none() | st.integers(-60, 0)),
    min_size=3,
    max_size=3,
)
rule_sets = st.builds(
    Rules,
    quiet_days_answered=st.sampled_from([0, 30, 90]),
    quiet_days_declined=st.sampled_from([0, 30]),
    quiet_days_ignored=st.sampled_from([0, 14, 30]),
    account_ask_limit=st.integers(0, 3),
    account_ask_days=st.sampled_from([1, 7]),
    minimum_tenure_days=st.sampled_from([0, 0, 30]),
)


def at(hour: int | None) -> dt.datetime | None:
    return None if hour is None else NOW + dt.timedelta(hours=hour)


@dataclass
class World:
    rules: Rules
    accounts: list[Account]
    contacts: list[Contact]
    invitations: list[Invitation]
    responses: list[Response]
    suppressed: dict[str, str]


def build(rules: Rules, firms: list[Company], crowd: list[Person]) -> World:
    """The random history as rows. Two people may share an address only by mistake, which is the point."""
    Workspace.objects.update_or_create(
        pk=1, defaults={f: getattr(rules, f) for f in rules.__slots__ if f != "channel"}
    )
    survey = make_survey(f"Survey {Account.objects.count()}")
    accounts = [
        make_account(
            f"Company {n}",
            churned_on=None if c.churned is None else (NOW + c.churned * DAY).date(),
            customer_since=None if c.since is None else (NOW + c.since * DAY).date(),
        )
        for n, c in enumerate(firms)
    ]
    contacts, suppressed = [], {}
    for number, person in enumerate(crowd):
        account = None if person.account is None else accounts[person.account]
        address = number + 100 if person.address is None else person.address
        key = key_of(f"a{address}@example.com")
        contact = make_contact(
            account,
            {"yes": f"a{address}@example.com", "no": "", "bad": "nonsense"}[person.mail],
            email_key=f"{number}@key.example" if person.mail == "yes" else None,
            address_key=key if person.mail == "yes" else None,
            created_at=at(person.created),
        )
        contacts.append(contact)
        if person.suppression:
            suppressed.setdefault(key, person.suppression)
    for key, reason in suppressed.items():
        Suppression.objects.create(address_key=key, reason=reason)
    invitations, responses = [], []
    for contact, person in zip(contacts, crowd, strict=True):
        for ask in person.asks:
            key = contact.address_key if ask.address is None else key_of(f"a{ask.address}@example.com")
            invitations.append(
                Invitation.objects.create(
                    version=survey.current,
                    contact=contact,
                    account_id=contact.account_id,
                    recipient_key=key or "nobody",
                    state=ask.state,
                    is_test=ask.is_test,
                    asked_at=at(ask.asked),
                    scored_at=at(ask.scored),
                    declined_at=at(ask.declined),
                )
            )
        responses += [make_answer(contact, NOW + dt.timedelta(hours=hour)) for hour in person.answers]
    return World(rules, accounts, contacts, invitations, responses, suppressed)


def is_reserved(ask: Invitation) -> bool:
    return ask.asked_at is None and ask.state in {"planned", "sending"}


def reference(world: World) -> dict[int, tuple[str | None, dt.datetime | None]]:
    """The rules as one would explain them, one person after the other."""
    rules = world.rules
    real = [ask for ask in world.invitations if not ask.is_test]
    personal: dict[int, tuple[str | None, dt.datetime | None, dt.datetime | None]] = {}
    for contact in world.contacts:
        own = [
            ask
            for ask in real
            if ask.contact_id == contact.pk
            or (contact.address_key and ask.recipient_key == contact.address_key)
        ]
        answered = [a.scored_at for a in own if a.scored_at]
        answered += [r.responded_at for r in world.responses if r.contact_id == contact.pk]
        declined = [a.declined_at for a in own if a.declined_at]
        ignored = [a.asked_at for a in own if a.asked_at and not a.scored_at and not a.declined_at]
        since = contact.account.customer_since if contact.account else None
        start = dt.datetime.combine(since, dt.time(), dt.UTC) if since else contact.created_at
        clocks = {
            "tenure": start + rules.minimum_tenure_days * DAY if rules.minimum_tenure_days else None,
            "recently_answered": max(answered) + rules.quiet_days_answered * DAY if answered else None,
            "recently_declined": max(declined) + rules.quiet_days_declined * DAY if declined else None,
            "recently_asked": max(ignored) + rules.quiet_days_ignored * DAY if ignored else None,
        }
        running = {name: until for name, until in clocks.items() if until and until > NOW}
        last = max((a.asked_at for a in own if a.asked_at), default=None)
        reason: str | None = None
        until = None
        suppression = world.suppressed.get(contact.address_key or "")
        if not contact.email:
            reason = "no_address"
        elif contact.address_key is None:
            reason = "invalid_address"
        elif suppression:
            reason = suppression if suppression in {"unsubscribed", "bounced", "complained"} else "suppressed"
        elif contact.account and contact.account.churned_on and contact.account.churned_on <= NOW.date():
            reason = "account_churned"
        elif any(is_reserved(a) for a in own):
            reason = "already_planned"
        elif running:
            reason, until = next(iter(running)), max(running.values())
        personal[contact.pk] = (reason, until, last)

    verdicts: dict[int, tuple[str | None, dt.datetime | None]] = {}
    seen: set[str] = set()
    askable: dict[int, list[Contact]] = {}
    for contact in sorted(world.contacts, key=lambda c: (c.account_id is None, c.account_id or 0, c.pk)):
        reason, until, _ = personal[contact.pk]
        if reason is None and contact.address_key in seen:
            reason = "duplicate_address"
        elif reason is None:
            seen.add(str(contact.address_key))
            if contact.account_id is not None:
                askable.setdefault(contact.account_id, []).append(contact)
        verdicts[contact.pk] = (reason, until)

    if not rules.account_ask_limit:
        return verdicts
    never = dt.datetime.min.replace(tzinfo=dt.UTC)
    window = NOW - rules.account_ask_days * DAY
    for account_id, chosen in askable.items():
        of_account = [a for a in real if a.account_id == account_id]
        recent = sorted((a.asked_at for a in of_account if a.asked_at and a.asked_at > window), reverse=True)
        reserved = sum(is_reserved(a) for a in of_account)
        room = rules.account_ask_limit - len(recent) - reserved
        chosen.sort(key=lambda c: (personal[c.pk][2] or never, c.pk))
        newest_first = [None] * reserved + recent
        nth = newest_first[rules.account_ask_limit - 1] if room <= 0 else None
        for contact in chosen[max(room, 0) :]:
            verdicts[contact.pk] = ("account_limit", nth + rules.account_ask_days * DAY if nth else None)
    return verdicts


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rules=rule_sets, firms=companies, crowd=people)
def test_the_statement_agrees_with_the_reference(
    rules: Rules, firms: list[Company], crowd: list[Person]
) -> None:
    with transaction.atomic():
        world = build(rules, firms, crowd)
        everyone = Contact.objects.filter(pk__in=[c.pk for c in world.contacts])

        expected = reference(world)
        found = {
            v.contact_id: (v.reason and v.reason.value, v.next_eligible_at)
            for reason in (None, *PRIORITY)
            for v in eligibility.list_judged(everyone, reason=reason, now=NOW)
        }
        counts = eligibility.preview(everyone, now=NOW)
        transaction.set_rollback(True)

    assert found == expected
    assert {c.reason.value: c.count for c in counts.excluded} == Counter(r for r, _ in expected.values() if r)
    assert counts.asked == sum(r is None for r, _ in expected.values())
