"""What the steps that write to people and change customers do, and when they will not."""

from typing import Any

import pytest
from django.core import mail

from accounts.models import Event, Interaction, LifecycleStage
from core import clock, secrets
from core.errors import Refused
from surveys.choices import Channel, SuppressionReason
from surveys.models import Response
from surveys.services import suppressions
from team.models import User
from tests import factories
from workflows.models import Notification, RewardCode, Rule, Run, RunStep
from workflows.rules import catalogue, merge_fields
from workflows.services import rewards

pytestmark = pytest.mark.django_db


@pytest.fixture
def ann(csm: User) -> Any:
    account = factories.an_account(owner=csm)
    contact = factories.a_contact("ann@example.com", account=account, first_name="Ann", last_name="Vogt")
    contact.address_key = secrets.address_key(contact.email_key)
    contact.save(update_fields=["address_key"])
    return contact


@pytest.fixture
def do(ann: Any) -> Any:
    """Does one step for Ann, as the engine does: `do("add_tag", tag="vip")`."""
    rule = Rule.objects.create(name="A rule", trigger="response.scored")
    runs: list[Run] = []

    def one(kind: str, **settings: Any) -> Any:
        run = Run.objects.create(
            rule=rule, rule_version=1, cause_key=f"test:{len(runs)}", account=ann.account, contact=ann,
            started_at=clock.now(),
        )  # fmt: skip
        runs.append(run)
        row = RunStep.objects.create(
            key=f"run:{run.pk}:0", run=run, path="0", kind=kind, settings=settings, state="done"
        )
        work = catalogue.step_types[kind].do
        assert work is not None
        return work(row)

    return one


MAIL = {"subject": "Thank you, {{ first_name }}", "body": "We will call you.\n{{ owner_name }}"}


def test_a_mail_goes_out_in_the_owners_name_and_answers_go_to_them(
    do: Any, ann: Any, csm: User, drain: Any
) -> None:
    do("email_contact", **MAIL)
    drain()

    (sent,) = mail.outbox
    assert sent.subject == "Thank you, Ann"
    assert csm.name in sent.from_email
    assert csm.email in sent.reply_to[0]
    assert sent.extra_headers["Auto-Submitted"] == "auto-generated"
    assert Interaction.objects.get().is_automatic


def test_who_unsubscribed_is_not_written_to(do: Any, ann: Any) -> None:
    suppressions.suppress(address_key=ann.address_key, reason=SuppressionReason.UNSUBSCRIBED)

    with pytest.raises(Refused, match="suppression list"):
        do("email_contact", **MAIL)
    assert not Interaction.objects.exists()


def test_who_only_stopped_texts_is_still_written_to(do: Any, ann: Any) -> None:
    suppressions.suppress(
        address_key=ann.address_key, reason=SuppressionReason.UNSUBSCRIBED, channel=Channel.SMS
    )

    do("email_contact", **MAIL)

    assert Interaction.objects.count() == 1


def test_a_field_nobody_knows_stops_the_mail_and_is_named(do: Any) -> None:
    with pytest.raises(Refused, match="score"):
        do("email_contact", subject="Your {{ score }}", body="Hello")


def test_a_field_without_a_value_stops_the_mail_with_the_remedy(do: Any, ann: Any) -> None:
    ann.first_name = ""
    ann.save(update_fields=["first_name"])

    with pytest.raises(Refused, match=r"first_name\|there") as refused:
        do("email_contact", subject="Hello {{ first_name }}", body="Hello")

    assert refused.value.code == "missing_field"
    assert not Interaction.objects.exists()


def test_nobody_writes_in_the_name_of_an_owner_who_left(do: Any, csm: User, lead: User) -> None:
    csm.is_active = False
    csm.save(update_fields=["is_active"])

    do("email_contact", **MAIL)

    assert Interaction.objects.get().user == lead


def test_a_colleague_is_told_with_the_name_filled_in(do: Any, csm: User) -> None:
    do("notify", text="{{ full_name }} needs a call\nToday, please.", who="owner")

    assert Notification.objects.get().user == csm


def test_a_field_of_the_account_is_set(do: Any, ann: Any) -> None:
    do("set_field", field="account.plan", value="Gold")

    ann.account.refresh_from_db()
    assert ann.account.plan == "Gold"


def test_a_value_that_the_field_cannot_have_is_refused(do: Any) -> None:
    with pytest.raises(Refused, match="Role"):
        do("set_field", field="contact.role", value="wizard")


def test_the_stage_changes_with_its_date(do: Any, ann: Any) -> None:
    stage = LifecycleStage.objects.create(name="At risk", position=9)

    do("set_stage", stage=str(stage.pk))

    ann.account.refresh_from_db()
    assert ann.account.stage == stage
    assert ann.account.stage_since is not None


def test_a_tag_is_put_on_once_and_taken_off(do: Any, ann: Any) -> None:
    do("add_tag", tag="Reference")
    ann.account.refresh_from_db()
    do("add_tag", tag="reference")
    ann.account.refresh_from_db()
    assert ann.account.tags == ["Reference"]

    do("remove_tag", tag="REFERENCE")
    ann.account.refresh_from_db()
    assert ann.account.tags == []


def test_an_owner_who_left_is_refused(do: Any, stranger: User) -> None:
    stranger.is_active = False
    stranger.save(update_fields=["is_active"])

    with pytest.raises(Refused, match="no longer works here"):
        do("set_owner", user=str(stranger.pk))


@pytest.fixture
def vouchers(lead: User) -> Any:
    made = rewards.create_list(name="Vouchers", description="", actor=lead)
    rewards.add_codes(list=made, codes=["AAA-1", "BBB-2", "AAA-1", " "], actor=lead)
    return made


REWARD = {"subject": "A thank-you", "body": "Your code: {code}"}


def test_a_person_gets_one_code_of_a_list_and_one_mail(do: Any, vouchers: Any, ann: Any, drain: Any) -> None:
    do("give_reward_code", list=str(vouchers.pk), **REWARD)
    do("give_reward_code", list=str(vouchers.pk), **REWARD)
    drain()

    assert RewardCode.objects.filter(contact=ann).count() == 1
    assert [message.body for message in mail.outbox] == ["Your code: AAA-1"]


def test_an_empty_list_says_so(do: Any, vouchers: Any, ann: Any) -> None:
    for name in ("one@example.com", "two@example.com"):
        rewards.give(list=vouchers, contact=factories.a_contact(name, account=ann.account), run=None)

    with pytest.raises(Refused, match="no codes left"):
        do("give_reward_code", list=str(vouchers.pk), **REWARD)


def test_codes_are_not_kept_in_the_clear(vouchers: Any) -> None:
    assert not any("AAA-1" in sealed for sealed in RewardCode.objects.values_list("sealed", flat=True))
    assert rewards.read(RewardCode.objects.order_by("pk")[0]) == "AAA-1"


def test_texts_for_customers_and_for_colleagues_are_filled_alike(ann: Any) -> None:
    answer = factories.respond(factories.a_survey(), 4, email=ann.email)
    event = Event.objects.get(kind="response.scored", subject_id=answer.pk)
    rule = Rule.objects.create(name="A rule", trigger="response.scored")
    run = Run.objects.create(
        rule=rule, rule_version=1, cause_key="fill", account=ann.account, contact=ann, event=event, started_at=clock.now()
    )  # fmt: skip
    text = "{{ score }} in {{ survey }}, {{ owner_first_name }}, {{ last_name }}"

    assert merge_fields.filled(text, run) == merge_fields.shown(text, run)
    assert merge_fields.filled("{{ score }}", run) == "4"


def test_a_satisfaction_is_said_with_the_end_of_its_scale(ann: Any) -> None:
    answer = factories.respond(factories.a_survey(), 4, email=ann.email)
    Response.objects.filter(pk=answer.pk).update(metric="csat", scale_max=5)
    answer.refresh_from_db()

    assert merge_fields.score_words(answer) == "4 of 5"


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("Call {{ full_name|them }}", "Call [the contact's name, or ‘them’]"),
        ("Thank you{{ first_name| }}", "Thank you[the contact's first name, if known]"),
        ("{{ account_name }} gave {{ score }}", "[the account's name] gave [the score]"),
        ("{{ nonsense }} stays", "{{ nonsense }} stays"),
        ("Ask {contact} of {account}", "Ask [the contact] of [the account]"),
        ("Nothing to fill", "Nothing to fill"),
    ],
)
def test_a_text_with_fields_is_read_out_in_words(written: str, read: str) -> None:
    assert merge_fields.spoken(written) == read


def test_every_field_can_be_read_out() -> None:
    text = " ".join(as_written for as_written, _ in merge_fields.offered())
    assert "{{" not in merge_fields.spoken(text)
