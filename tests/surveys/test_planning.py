"""Planning a wave: everybody once, with a reason for everybody left out, whoever plans and however often."""

import threading

import pytest
from django.db import connection, connections
from django.db.models import Count

from accounts.models import Account, Contact
from core import clock
from surveys import eligibility, planning, sql_eligibility
from surveys.choices import CampaignState, WaveState
from surveys.content import Words
from surveys.models import Campaign, Exclusion, Invitation, Suppression, Wave
from tests.surveys.asking import key_of, make_account, make_campaign, make_contact, make_survey, make_wave


def fill(accounts: int, people: int) -> None:
    """Accounts with people each; every tenth person is unsubscribed."""
    firms = Account.objects.bulk_create([Account(name=f"Company {n}") for n in range(accounts)])
    mails = [(firm, f"p{n}.{firm.pk}@example.com") for firm in firms for n in range(people)]
    Contact.objects.bulk_create(
        [Contact(account=firm, email=m, email_key=m, address_key=key_of(m)) for firm, m in mails]
    )
    Suppression.objects.bulk_create(
        [Suppression(address_key=key_of(m), reason="unsubscribed") for _, m in mails[::10]]
    )


def judged(wave: Wave) -> tuple[int, int]:
    wave.refresh_from_db()
    assert wave.planned_count == wave.invitations.count()
    assert wave.excluded_count == wave.exclusions.count()
    return wave.planned_count, wave.excluded_count


@pytest.mark.django_db
def test_everybody_is_planned_or_listed_with_the_reason() -> None:
    fill(accounts=8, people=4)
    make_contact(None, "alone@example.com")
    make_contact(make_account("Gone", churned_on="2026-01-01"), "left@example.com")
    preview = eligibility.preview(Contact.objects.live())
    wave = make_wave()

    planning.plan_wave(wave.pk, size=10)

    assert judged(wave) == (preview.asked, preview.not_asked)
    assert wave.state == WaveState.SENDING
    by_reason = dict(wave.exclusions.values_list("reason").annotate(n=Count("pk")))
    assert (
        by_reason
        == {c.reason.value: c.count for c in preview.excluded}
        == {"unsubscribed": 4, "account_churned": 1}
    )


@pytest.mark.django_db
def test_planning_again_changes_nothing() -> None:
    fill(accounts=3, people=3)
    wave = make_wave()
    planning.plan_wave(wave.pk)
    before = judged(wave)
    Wave.objects.filter(pk=wave.pk).update(state=WaveState.PLANNING, planned_through=0)

    planning.plan_wave(wave.pk)

    assert judged(wave) == before


@pytest.mark.django_db
def test_an_account_is_never_split_between_slices() -> None:
    fill(accounts=6, people=7)
    wave = make_wave()
    sizes = []
    while not (result := planning.plan_slice(wave.pk, size=10)).done:
        sizes.append(result.planned + result.excluded)

    assert sizes == [7] * 6
    most = wave.invitations.values("account").annotate(n=Count("pk")).order_by("-n").first()
    assert most is not None
    assert most["n"] == 5


@pytest.mark.django_db
def test_the_first_of_each_account_come_before_any_second() -> None:
    fill(accounts=4, people=3)
    wave = make_wave()

    planning.plan_wave(wave.pk)

    first_four = wave.invitations.order_by("pk").values_list("account_id", flat=True)[:4]
    assert len(set(first_four)) == 4


@pytest.mark.django_db
def test_a_person_who_changes_accounts_meanwhile_is_planned_once() -> None:
    fill(accounts=4, people=2)
    wave = make_wave()
    accounts = list(Account.objects.order_by("pk"))
    late = Contact.objects.filter(account=accounts[3]).first()
    early = Contact.objects.filter(account=accounts[0]).last()
    assert late
    assert early
    planning.plan_slice(wave.pk, size=4)
    Contact.objects.filter(pk=late.pk).update(account=accounts[0])
    Contact.objects.filter(pk=early.pk).update(account=accounts[3])

    planning.plan_wave(wave.pk, size=4)

    assert sum(judged(wave)) == 8


@pytest.mark.django_db
def test_of_two_campaigns_planned_the_second_leaves_people_alone() -> None:
    fill(accounts=2, people=2)
    first = make_wave(make_campaign(name="One"))
    second = make_wave(make_campaign(name="Two"))

    planning.plan_wave(first.pk)
    planning.plan_wave(second.pk)

    assert second.invitations.count() == 0
    assert set(second.exclusions.values_list("reason", flat=True)) == {"already_planned", "unsubscribed"}


@pytest.mark.django_db
def test_each_is_asked_in_the_nearest_language_the_survey_speaks() -> None:
    survey = make_survey(languages={"en": Words(), "de": Words()})
    for n, tag in enumerate(["de", "de-AT", "DE_ch", "fr", "", "deu"]):
        make_contact(make_account(f"Company {n}"), f"p{n}@example.com", language=tag)
    wave = make_wave(make_campaign(survey))

    planning.plan_wave(wave.pk)

    spoken = dict(wave.invitations.values_list("contact__language", "language"))
    assert spoken == {"de": "de", "de-AT": "de", "DE_ch": "de", "fr": "en", "": "en", "deu": "en"}


@pytest.mark.django_db
def test_a_stopped_wave_is_not_planned_further() -> None:
    fill(accounts=4, people=2)
    wave = make_wave()
    planning.plan_slice(wave.pk, size=2)
    Campaign.objects.filter(pk=wave.campaign_id).update(state=CampaignState.STOPPED)

    assert planning.plan_slice(wave.pk, size=2).done
    assert judged(wave)[0] + judged(wave)[1] == 2


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
def test_four_planners_at_once_plan_everybody_exactly_once() -> None:
    fill(accounts=150, people=4)
    wave = make_wave()
    barrier = threading.Barrier(4)
    errors: list[BaseException] = []

    def plan() -> None:
        try:
            barrier.wait()
            planning.plan_wave(wave.pk, size=40)
        except BaseException as error:
            errors.append(error)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=plan) for _ in range(4)]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]

    assert not errors
    assert judged(wave) == (540, 60)
    assert Invitation.objects.values("contact").distinct().count() == 540


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
def test_two_campaigns_planned_at_once_ask_nobody_twice() -> None:
    fill(accounts=100, people=2)
    waves = [make_wave(make_campaign(name=name)) for name in ("One", "Two")]
    barrier = threading.Barrier(2)

    def plan(pk: int) -> None:
        barrier.wait()
        planning.plan_wave(pk, size=20)
        connections.close_all()

    threads = [threading.Thread(target=plan, args=(wave.pk,)) for wave in waves]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]

    assert Invitation.objects.count() == 180
    assert Invitation.objects.values("recipient_key").distinct().count() == 180
    assert Exclusion.objects.count() == 220
    assert connection.vendor == "postgresql"


@pytest.mark.postgres
@pytest.mark.django_db
def test_no_slice_is_planned_by_the_plan_of_an_empty_wave() -> None:
    """A kept plan made a slice of 20,000 people take a minute and a half once something was planned before it."""
    fill(accounts=30, people=2)
    wave = make_wave()
    planning.plan_wave(wave.pk, size=4)

    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT custom_plans, generic_plans FROM pg_prepared_statements"
            " WHERE statement LIKE 'WITH who%' AND statement LIKE '%left_out%'"
        )
        kept = cursor.fetchall()
    assert kept  # it is prepared
    assert [generic for custom, generic in kept] == [0]


@pytest.mark.postgres
@pytest.mark.django_db
def test_whom_a_wave_has_already_is_looked_up_for_each_person() -> None:
    """Statistics are older than the wave, so to the planner it is empty. Read as a whole for each person, a million took
    more than seven minutes instead of one."""
    wave = make_wave()
    text = sql_eligibility.verdicts(
        sql_eligibility.contacts_text(Contact.objects.all()),
        eligibility.rules(),
        eligibility.asking_of(wave.campaign, now=clock.now()),
        now=clock.now(),
        wave_id=wave.pk,
    )

    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")
        cursor.execute(f"EXPLAIN {text.sql} SELECT COUNT(*) FROM verdict", text.params)
        plan = [line.strip() for (line,) in cursor.fetchall()]

    assert not [line for line in plan if line.startswith("Index Cond: (wave_id")]
