"""When campaigns ask again: rounds, who is due on a date, passes that are killed, doubled, or meet odd clocks."""

import datetime as dt
import threading
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import time_machine
from dateutil.relativedelta import relativedelta
from django.db import connections
from hypothesis import given
from hypothesis import strategies as st

from accounts.models import Account, Contact, CustomField
from core import jobs
from surveys import cadence, planning
from surveys.campaign_plan import Plan, parse_offset
from surveys.choices import CampaignState, Reason
from surveys.models import Campaign, Exclusion, Invitation, Wave
from surveys.services import campaigns
from team.models import User, Workspace
from tests.surveys.asking import make_account, make_answer, make_contact, make_survey

BERLIN = ZoneInfo("Europe/Berlin")
MONDAY = dt.datetime(2026, 3, 2, 9, 0, tzinfo=BERLIN)


@pytest.fixture(autouse=True)
def workspace(request: pytest.FixtureRequest) -> None:
    if request.node.get_closest_marker("django_db"):
        Workspace.objects.update_or_create(
            pk=1,
            defaults={"time_zone": "Europe/Berlin", "day_start": dt.time(9), "minimum_tenure_days": 0},
        )


def launch(lead: User, **fields: Any) -> Campaign:
    plan = Plan(
        name=f"Campaign {Campaign.objects.count()}",
        survey=make_survey(f"S{Campaign.objects.count()}"),
        **fields,
    )
    return campaigns.launch(campaign=campaigns.create_campaign(plan=plan, actor=lead), actor=lead)


def work() -> None:
    """What a minute of the workers does, without sending."""
    jobs.tick()
    for kind in (jobs.LONG_JOB, jobs.JOB):
        jobs.drain(kind)


def invited(campaign: Campaign) -> list[str]:
    found = Invitation.objects.filter(wave__campaign=campaign).order_by("pk")
    return list(found.values_list("contact__email", flat=True))


def asked(campaign: Campaign, at: dt.datetime) -> None:
    Invitation.objects.filter(wave__campaign=campaign, asked_at__isnull=True).update(
        state="sent", asked_at=at
    )


# --- Arithmetic ----------------------------------------------------------------------------------------------
@given(
    first=st.dates(dt.date(2020, 1, 1), dt.date(2030, 12, 31)),
    months=st.sampled_from([1, 2, 3, 4, 6, 12]),
    days=st.integers(0, 4000),
)
def test_rounds_by_calendar_begin_on_the_same_day_of_the_month(
    first: dt.date, months: int, days: int
) -> None:
    day = first + dt.timedelta(days=days)
    starts = [first + relativedelta(months=n * months) for n in range(140 // months + 2)]

    assert cadence.calendar_round(first, months, day) == max(start for start in starts if start <= day)
    assert cadence.calendar_round(first, months, first - dt.timedelta(days=1)) is None


@given(
    anchor=st.dates(dt.date(2019, 1, 1), dt.date(2031, 12, 31)),
    offset=st.one_of(st.integers(-400, 400).map("{}d".format), st.integers(-24, 24).map("{}m".format)),
    back=st.integers(0, 40),
)
def test_an_account_date_is_due_on_exactly_one_day(anchor: dt.date, offset: str, back: int) -> None:
    distance = parse_offset(offset)
    due_on = anchor + distance
    days = [due_on + dt.timedelta(days=n) for n in range(-back, back + 1)]

    hits = [row.day for row in cadence.occurrences(distance, days) if row.low <= anchor <= row.high]

    assert hits == [due_on]


# --- Recurring -----------------------------------------------------------------------------------------------
@pytest.mark.django_db
def test_recurring_asks_each_person_so_long_after_their_own_last_ask(lead: User) -> None:
    account = make_account()
    with time_machine.travel(MONDAY, tick=False) as clock:
        make_contact(account, "a@x.example")
        campaign = launch(lead, cadence="recurring", every_days=100)
        work()
        assert invited(campaign) == ["a@x.example"]
        asked(campaign, MONDAY)

        clock.move_to(MONDAY + dt.timedelta(days=40))
        make_contact(account, "b@x.example")
        work()
        assert invited(campaign) == ["a@x.example", "b@x.example"]
        asked(campaign, MONDAY + dt.timedelta(days=40))

        clock.move_to(MONDAY + dt.timedelta(days=99))
        work()
        assert len(invited(campaign)) == 2
        clock.move_to(MONDAY + dt.timedelta(days=100, hours=1))
        work()
        assert invited(campaign)[2:] == ["a@x.example"]

        clock.move_to(MONDAY + dt.timedelta(days=141))
        work()
        assert invited(campaign)[3:] == ["b@x.example"]

    assert list(campaign.waves.order_by("number").values_list("starts_on", flat=True)) == [
        dt.date(2026, 3, 1), dt.date(2026, 4, 1), dt.date(2026, 6, 1), dt.date(2026, 7, 1),
    ]  # fmt: skip
    campaign.refresh_from_db()
    assert campaign.state == CampaignState.RUNNING


@pytest.mark.django_db
def test_the_last_ask_of_another_campaign_with_the_same_survey_counts(lead: User) -> None:
    account = make_account()
    make_contact(account, "a@x.example")
    with time_machine.travel(MONDAY, tick=False) as clock:
        first = launch(lead)
        work()
        asked(first, MONDAY)
        clock.move_to(MONDAY + dt.timedelta(days=95))
        plan = Plan(name="Again", survey=first.survey, cadence="recurring", every_days=120)
        second = campaigns.launch(campaign=campaigns.create_campaign(plan=plan, actor=lead), actor=lead)
        work()
        assert invited(second) == []
        clock.move_to(MONDAY + dt.timedelta(days=121))
        work()
        assert invited(second) == ["a@x.example"]


@pytest.mark.django_db
def test_whoever_was_left_out_is_judged_again_when_their_time_has_come(lead: User) -> None:
    """The line that says why is kept and changed, never doubled, and goes when the person is asked."""
    account = make_account()
    with time_machine.travel(MONDAY, tick=False) as clock:
        waiting = make_contact(account, "a@x.example")
        blank = make_contact(account, "")
        alone = make_contact(None, "")
        make_answer(waiting, MONDAY - dt.timedelta(days=80))
        campaign = launch(lead, cadence="recurring", every_days=365)
        work()
        first = {x.contact_id: x for x in Exclusion.objects.filter(wave__campaign=campaign)}
        assert {pk: x.reason for pk, x in first.items()} == {
            waiting.pk: Reason.RECENTLY_ANSWERED, blank.pk: Reason.NO_ADDRESS, alone.pk: Reason.NO_ADDRESS,
        }  # fmt: skip

        clock.move_to(MONDAY + dt.timedelta(days=1))
        for person, email in ((blank, "b@x.example"), (alone, "c@x.example")):
            made = make_contact(None, f"copy-{email}")
            Contact.objects.filter(pk=person.pk).update(
                email=email, email_key=email, address_key=made.address_key
            )
            Contact.objects.filter(pk=made.pk).delete()
        work()
        assert sorted(invited(campaign)) == ["b@x.example", "c@x.example"]
        assert list(Exclusion.objects.values_list("pk", "contact_id")) == [(first[waiting.pk].pk, waiting.pk)]

        clock.move_to(MONDAY + dt.timedelta(days=11))
        work()
        assert sorted(invited(campaign)) == ["a@x.example", "b@x.example", "c@x.example"]
        wave = Wave.objects.get(campaign=campaign)
        assert (wave.planned_count, wave.excluded_count) == (3, 0)


# --- Calendar ------------------------------------------------------------------------------------------------
@pytest.mark.django_db
def test_a_round_by_calendar_every_quarter_spread_over_it(lead: User) -> None:
    make_contact(make_account(), "a@x.example")
    start = dt.datetime(2026, 1, 31, 10, 0, tzinfo=BERLIN)
    with time_machine.travel(start, tick=False) as clock:
        campaign = launch(lead, cadence="calendar", period_months=3)
        for day in (0, 1, 88, 89, 90, 180, 181, 182, 199):
            clock.move_to(start + dt.timedelta(days=day))
            work()
            asked(campaign, start + dt.timedelta(days=day))

    waves = list(campaign.waves.order_by("number"))
    assert [wave.starts_on for wave in waves] == [
        dt.date(2026, 1, 31),
        dt.date(2026, 4, 30),
        dt.date(2026, 7, 31),
    ]
    assert waves[0].spread_until == dt.datetime(2026, 4, 30, tzinfo=BERLIN)
    assert invited(campaign) == ["a@x.example"] * 3


# --- Account dates -------------------------------------------------------------------------------------------
@pytest.mark.django_db
@pytest.mark.parametrize("anchor", ["renewal_on", "custom.go_live"])
def test_an_account_date_asks_on_its_day_once(lead: User, anchor: str) -> None:
    CustomField.objects.create(target="account", key="go_live", label="Go live", type="date")

    def company(name: str, date: str | None) -> Account:
        value = dt.date.fromisoformat(date) if date else None
        return (
            make_account(name, renewal_on=value)
            if anchor == "renewal_on"
            else make_account(name, custom={"go_live": date} if date else {})
        )

    for name, date in (
        ("due", "2026-06-02"),
        ("later", "2026-06-05"),
        ("past", "2026-03-01"),
        ("none", None),
    ):
        make_contact(company(name, date), f"{name}@x.example")
    with time_machine.travel(MONDAY, tick=False) as clock:
        campaign = launch(lead, cadence="account_date", anchor=anchor, offsets=("-3m", "-30d"))
        work()
        assert invited(campaign) == ["due@x.example"]
        asked(campaign, MONDAY)
        for days in (1, 2, 3, 4):
            clock.move_to(MONDAY + dt.timedelta(days=days))
            work()
        assert invited(campaign) == ["due@x.example", "later@x.example"]


@pytest.mark.django_db
def test_somebody_only_time_keeps_out_is_tried_again_for_the_days_of_grace(lead: User) -> None:
    account = make_account("A", customer_since=dt.date(2026, 2, 3))
    late = make_account("B", customer_since=dt.date(2026, 2, 3))
    soon, never = make_contact(account, "soon@x.example"), make_contact(late, "never@x.example")
    with time_machine.travel(dt.datetime(2026, 3, 4, 9, tzinfo=BERLIN), tick=False) as clock:
        make_answer(soon, dt.datetime(2025, 12, 10, tzinfo=dt.UTC))  # quiet until 10 March
        make_answer(never, dt.datetime(2025, 12, 25, tzinfo=dt.UTC))  # quiet until 25 March
        campaign = launch(
            lead, cadence="account_date", anchor="customer_since", offsets=("30d",), grace_days=10
        )
        for days in range(30):
            clock.move_to(dt.datetime(2026, 3, 4, 9, tzinfo=BERLIN) + dt.timedelta(days=days))
            work()

    assert invited(campaign) == ["soon@x.example"]
    assert Exclusion.objects.get(contact=never).reason == Reason.RECENTLY_ANSWERED


@pytest.mark.django_db
def test_dates_before_the_launch_ask_nobody(lead: User) -> None:
    make_contact(make_account(renewal_on=dt.date(2026, 3, 1)), "a@x.example")
    with time_machine.travel(MONDAY, tick=False):
        campaign = launch(lead, cadence="account_date", anchor="renewal_on", offsets=("0d",))
        work()
        assert invited(campaign) == []


# --- Clocks, kills and rivals --------------------------------------------------------------------------------
@pytest.mark.django_db
def test_a_clock_that_jumps_a_day_back_and_forth_asks_nobody_twice(lead: User) -> None:
    account = make_account(renewal_on=dt.date(2026, 3, 4))
    make_contact(account, "a@x.example")
    with time_machine.travel(MONDAY, tick=False) as clock:
        campaign = launch(lead, cadence="account_date", anchor="renewal_on", offsets=("0d",), grace_days=3)
        for days in (2, 1, 3, 0, 2, 4):
            clock.move_to(MONDAY + dt.timedelta(days=days))
            work()

    assert invited(campaign) == ["a@x.example"]
    assert campaign.waves.count() == 1


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("before", "after"),
    [
        (dt.datetime(2026, 3, 28, 9, tzinfo=BERLIN), dt.datetime(2026, 3, 29, 8, 59, tzinfo=BERLIN)),
        (dt.datetime(2026, 10, 24, 9, tzinfo=BERLIN), dt.datetime(2026, 10, 25, 8, 59, tzinfo=BERLIN)),
    ],
)
def test_a_day_is_planned_from_the_working_morning_on_also_when_the_clocks_change(
    lead: User, before: dt.datetime, after: dt.datetime
) -> None:
    account = make_account(renewal_on=after.date())
    make_contact(account, "a@x.example")
    with time_machine.travel(before, tick=False) as clock:
        campaign = launch(lead, cadence="account_date", anchor="renewal_on", offsets=("0d",))
        work()
        clock.move_to(after)
        work()
        assert invited(campaign) == []
        clock.move_to(after + dt.timedelta(minutes=1))
        work()
        assert invited(campaign) == ["a@x.example"]


@pytest.mark.django_db
def test_a_pass_killed_in_the_middle_goes_on(lead: User, monkeypatch: pytest.MonkeyPatch) -> None:
    for n in range(4):
        account = make_account(f"A{n}")
        make_contact(account, f"{n}@x.example")
    with time_machine.travel(MONDAY, tick=False):
        campaign = launch(lead, cadence="recurring", every_days=90)
        wave = Wave.objects.get()
        planning.plan_slice(wave.pk, size=1)
        planning.plan_slice(wave.pk, size=1)  # killed here
        assert Invitation.objects.count() == 2
        work()
        assert sorted(invited(campaign)) == [f"{n}@x.example" for n in range(4)]


@pytest.mark.django_db
def test_an_archived_survey_pauses_what_would_ask_it(lead: User) -> None:
    make_contact(make_account(), "a@x.example")
    with time_machine.travel(MONDAY, tick=False) as clock:
        campaign = launch(lead, cadence="recurring", every_days=90)
        work()
        campaign.survey.state = "archived"
        campaign.survey.save()
        clock.move_to(MONDAY + dt.timedelta(days=1))
        work()

    campaign.refresh_from_db()
    assert campaign.state == CampaignState.PAUSED
    assert "archived" in campaign.pause_reason


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
def test_two_schedulers_plan_a_day_once() -> None:
    lead = User.objects.create(email="lead@x.example", name="Lead", role="lead")
    for n in range(20):
        make_contact(make_account(f"A{n}"), f"{n}@x.example")
    with time_machine.travel(MONDAY, tick=False) as clock:
        campaign = launch(lead, cadence="recurring", every_days=90)
        Invitation.objects.all().delete()
        clock.move_to(MONDAY + dt.timedelta(days=1))
        barrier = threading.Barrier(4)

        def run() -> None:
            barrier.wait()
            try:
                campaigns.plan_due()
                jobs.drain(jobs.LONG_JOB)
            finally:
                connections.close_all()

        threads = [threading.Thread(target=run) for _ in range(4)]
        [thread.start() for thread in threads]
        [thread.join() for thread in threads]
        jobs.drain(jobs.LONG_JOB)

    assert campaign.waves.count() == 1
    assert sorted(invited(campaign)) == sorted(f"{n}@x.example" for n in range(20))
