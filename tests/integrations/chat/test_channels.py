"""Channels against a server that stands for Slack or Teams."""

import datetime as dt
import json
import logging
import socket
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from django.core import mail
from django.test import Client
from django.urls import reverse
from pytest_django import Settings as SettingsWrapper

from accounts.models import Account
from core import clock, outbox
from core.errors import Refused
from integrations.models import ChatChannel, ChatMessage
from integrations.services import chat
from team.models import AuditEntry, User
from tests import factories
from tests.integrations.vendor import Vendor, reply
from workflows.models import Alert, Rule, Run, RunStep
from workflows.rules.catalogue import step_types
from workflows.services import alerts

pytestmark = pytest.mark.django_db
SECRET = "T0/B0/very-secret"


@pytest.fixture
def slack(vendor: Vendor, settings: SettingsWrapper) -> Vendor:
    settings.CHAT_HOSTS = [vendor.url.removeprefix("http://")]
    vendor.on("POST", "/services/.*", lambda call: reply("ok", kind="text/plain"))
    vendor.on("POST", "/workflows/.*", lambda call: reply("", 202))
    return vendor


def a_channel(vendor: Vendor, lead: User, **options: Any) -> ChatChannel:
    values: dict[str, Any] = {
        "name": "#alerts", "kind": "slack", "url": f"{vendor.url}/services/{SECRET}", "topics": ["alert.detractor"],
    }  # fmt: skip
    return chat.create_channel(actor=lead, **{**values, **options})


@pytest.fixture
def channel(slack: Vendor, lead: User) -> ChatChannel:
    return a_channel(slack, lead)


def raise_one(name: str = "Acme", kind: str = "detractor") -> Alert:
    return alerts.raise_alert(
        kind=kind, account=Account.objects.filter(name=name).first() or factories.an_account(name)
    )


def sent(vendor: Vendor) -> list[Any]:
    return [call.json() for call in vendor.calls]


# --- Telling -----------------------------------------------------------------------------------------------------
def test_an_alert_is_written_into_the_channel_once(
    slack: Vendor, channel: ChatChannel, csm: User, drain: Any
) -> None:
    acme = factories.an_account("Acme", owner=csm)
    ann = factories.a_contact(account=acme, first_name="Ann", last_name="Vogt")
    factories.respond(factories.a_survey(), 2, email=ann.email, comment="Slow <!channel>")
    drain()

    (said,) = sent(slack)
    assert said["text"] == "Ann Vogt at Acme answered 2"
    assert "&lt;!channel&gt;" in json.dumps(said)
    assert f"/alerts/{Alert.objects.get().pk}/" in json.dumps(said)
    channel.refresh_from_db()
    assert channel.last_sent_at is not None


def test_teams_gets_a_card(slack: Vendor, lead: User, drain: Any) -> None:
    a_channel(slack, lead, kind="teams", url=f"{slack.url}/workflows/x?sig=y")
    raise_one()
    drain()

    assert sent(slack)[0]["attachments"][0]["content"]["type"] == "AdaptiveCard"
    assert ChatMessage.objects.get().state == "done"


def test_only_the_chosen_kinds_and_only_where_it_came_up(
    slack: Vendor, channel: ChatChannel, drain: Any
) -> None:
    raise_one(kind="reply")
    raise_one()
    raise_one()  # fires again: the channel was told
    drain()

    assert len(slack.calls) == 1


def test_a_channel_can_do_without_the_customers_words(slack: Vendor, lead: User, drain: Any) -> None:
    a_channel(slack, lead, shows_words=False)
    ann = factories.a_contact(account=factories.an_account())
    factories.respond(factories.a_survey(), 2, email=ann.email, comment="Private matter")
    drain()

    assert "Private" not in slack.calls[0].body.decode()


def test_what_comes_too_fast_goes_as_one_message(slack: Vendor, lead: User, drain: Any, frozen: Any) -> None:
    channel = a_channel(slack, lead, per_hour=3)
    for number in range(26):
        raise_one(f"Account {number}")
    drain()
    assert len(slack.calls) == 3

    frozen.shift(dt.timedelta(hours=1))
    drain()

    assert len(slack.calls) == 4
    assert sent(slack)[3]["text"] == "23 more alerts"
    assert "Account 25" in slack.calls[3].body.decode()
    assert set(channel.messages.values_list("state", flat=True)) == {"done"}


def a_step(channel: ChatChannel, text: str, key: str = "s") -> RunStep:
    rule, _ = Rule.objects.get_or_create(name="Tell", trigger="response.scored", is_active=False)
    run = Run.objects.create(rule=rule, rule_version=1, cause_key=key, started_at=clock.now())
    return RunStep.objects.create(
        key=key, run=run, kind="chat_message", state="done", path="0",
        settings={"channel": str(channel.pk), "text": text},
    )  # fmt: skip


def test_what_rules_write_too_fast_is_in_the_gathered_message(
    slack: Vendor, lead: User, drain: Any, frozen: Any
) -> None:
    channel = a_channel(slack, lead, per_hour=1)
    for number in range(3):
        chat.say(
            channel=channel, key=str(number), step=a_step(channel, f"Order {number}\nShip it", str(number))
        )
    raise_one("Acme")
    drain()
    frozen.shift(dt.timedelta(hours=1))
    drain()

    assert sent(slack)[1]["text"] == "3 more messages"
    body = slack.calls[1].body.decode()
    for said in ("Order 1 Ship it", "Order 2 Ship it", "Acme"):
        assert said in body
    assert "All stand in the app" not in body


def test_what_is_gathered_shares_the_fate_of_its_message(
    slack: Vendor, lead: User, drain: Any, frozen: Any
) -> None:
    channel = a_channel(slack, lead, per_hour=1)
    for number in range(3):
        raise_one(f"Account {number}")
    drain()
    slack.fail(reply("invalid_payload", 400, kind="text/plain"))
    frozen.shift(dt.timedelta(hours=1))
    drain()

    states = channel.messages.order_by("pk").values_list("state", flat=True)
    assert sorted(states) == ["done", "failed", "failed", "failed"]


# --- When the other side does not take it ------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("status", "body"), [(404, "no_service"), (410, "channel_is_archived"), (403, "action_prohibited")]
)
def test_a_channel_that_is_gone_is_taken_out_of_service_with_an_alert_and_a_mail(
    slack: Vendor, channel: ChatChannel, lead: User, drain: Any, status: int, body: str
) -> None:
    slack.fail(reply(body, status, kind="text/plain"))
    raise_one()
    raise_one("Other")
    drain()

    channel.refresh_from_db()
    assert channel.state == "broken"
    assert len(slack.calls) == 1
    alert = Alert.objects.get(kind="chat_broken")
    assert alert.assignee == lead
    assert "#alerts takes no messages any more" in [m.subject for m in mail.outbox]
    assert set(channel.messages.values_list("state", flat=True)) == {"pending"}

    chat.change_channel(channel=channel, actor=lead, url=f"{slack.url}/services/new")
    channel.messages.update(next_at=clock.now() - dt.timedelta(seconds=1))
    drain()

    assert len(slack.calls) == 3
    assert set(channel.messages.values_list("state", flat=True)) == {"done"}


def test_what_waited_for_more_than_a_day_is_left_out(
    slack: Vendor, channel: ChatChannel, lead: User, drain: Any, frozen: Any
) -> None:
    chat.pause_channel(channel=channel, actor=lead)
    raise_one("Old")
    drain()
    frozen.shift(dt.timedelta(hours=25))
    raise_one("Young")
    drain()
    assert slack.calls == []

    chat.resume_channel(channel=channel, actor=lead)
    drain()

    assert [said["text"] for said in sent(slack)] == ["A detractor answered at Young"]
    assert sorted(channel.messages.values_list("state", flat=True)) == ["cancelled", "done"]


def test_a_rate_limit_rests_the_channel_and_costs_no_try(
    slack: Vendor, channel: ChatChannel, drain: Any, frozen: Any
) -> None:
    slack.fail(reply("", 429, Retry_After="120"))
    raise_one()
    raise_one("Other")
    drain()

    channel.refresh_from_db()
    assert len(slack.calls) == 1
    assert channel.resume_at == clock.now() + dt.timedelta(seconds=120)
    assert set(channel.messages.values_list("attempts", flat=True)) == {0}

    frozen.shift(dt.timedelta(seconds=121))
    channel.messages.update(next_at=clock.now() - dt.timedelta(seconds=1))
    drain()

    assert len(slack.calls) == 3


def test_trouble_of_theirs_is_tried_again(slack: Vendor, channel: ChatChannel, drain: Any) -> None:
    slack.fail(reply("", 503))
    raise_one()
    drain()
    message = ChatMessage.objects.get()
    assert (message.state, message.attempts) == ("pending", 1)

    ChatMessage.objects.update(next_at=clock.now() - dt.timedelta(seconds=1))
    drain()

    assert ChatMessage.objects.get().state == "done"


def test_a_channel_that_fails_every_try_counts_as_broken(
    slack: Vendor, channel: ChatChannel, drain: Any
) -> None:
    slack.fail(*[reply("", 500)] * 20)
    raise_one()
    drain()
    for _ in range(8):
        ChatMessage.objects.filter(state="pending").update(next_at=clock.now() - dt.timedelta(seconds=1))
        outbox.work(outbox.kind_named("chat_message"))

    channel.refresh_from_db()
    assert (channel.state, ChatMessage.objects.get().state) == ("broken", "dead")
    assert Alert.objects.filter(kind="chat_broken").count() == 1


@pytest.fixture
def silent() -> Iterator[str]:
    """A server that takes the call and says nothing."""
    held: list[socket.socket] = []
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve() -> None:
            while True:
                try:
                    line, _ = listening.accept()
                except OSError:
                    return
                held.append(line)

        threading.Thread(target=serve, daemon=True).start()
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        listening.shutdown(socket.SHUT_RDWR)
    for line in held:
        line.close()


def test_a_message_of_unknown_fate_is_sent_once_more_and_then_left(
    silent: str, lead: User, settings: SettingsWrapper, drain: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.FETCH_ALLOW, settings.CHAT_HOSTS = ["127.0.0.1"], [silent.removeprefix("http://")]
    monkeypatch.setattr(chat, "DEADLINE", 0.3)
    channel = chat.create_channel(
        actor=lead, name="#x", kind="slack", url=f"{silent}/services/x", topics=["alert.detractor"]
    )
    raise_one()
    drain()
    message = ChatMessage.objects.get()
    assert (message.state, message.doubts) == ("pending", 1)

    ChatMessage.objects.update(next_at=clock.now() - dt.timedelta(seconds=1))
    drain()

    message.refresh_from_db()
    channel.refresh_from_db()
    assert message.state == "in_doubt"
    assert channel.state == "active"


def test_a_redirect_into_the_network_is_not_followed(slack: Vendor, channel: ChatChannel, drain: Any) -> None:
    slack.fail(reply("", 302, Location=f"{slack.url}/inside"))
    raise_one()
    drain()

    assert len(slack.calls) == 1
    channel.refresh_from_db()
    assert "not followed" in channel.last_error


# --- The address is a secret -------------------------------------------------------------------------------------
def test_the_address_is_sealed_and_shown_to_nobody(
    slack: Vendor, channel: ChatChannel, as_lead: Client, as_administrator: Client, drain: Any, caplog: Any
) -> None:
    caplog.set_level(logging.DEBUG)
    slack.fail(reply("", 500), reply("gone", 404))
    raise_one()
    drain()

    assert SECRET not in channel.url
    for client, path in (
        (as_lead, reverse("integrations:chat_detail", args=[channel.pk])),
        (as_lead, reverse("integrations:chat_list")),
        (as_administrator, f"/admin/integrations/chatchannel/{channel.pk}/change/"),
        (as_administrator, "/settings/audit/"),
    ):
        page = client.get(path)
        assert page.status_code == 200
        assert SECRET not in page.content.decode()
        assert channel.url not in page.content.decode()
    assert SECRET not in caplog.text
    assert SECRET not in str(list(AuditEntry.objects.values()))
    channel.refresh_from_db()
    assert SECRET not in channel.last_error


@pytest.mark.parametrize(
    ("kind", "url", "said"),
    [
        ("slack", "https://hooks.example.com/services/x", "not an address of Slack"),
        ("slack", "http://169.254.169.254/latest", "not an address of Slack"),
        ("teams", "https://acme.webhook.office.com/webhookb2/x", "retired"),
        ("teams", "https://hooks.slack.com/services/x", "not an address of Microsoft Teams"),
        ("irc", "https://hooks.slack.com/services/x", "Choose Slack"),
        ("slack", "", "not an address of Slack"),
    ],
)
def test_an_address_of_somebody_else_is_refused(lead: User, kind: str, url: str, said: str) -> None:
    with pytest.raises(Refused, match=said):
        chat.create_channel(actor=lead, name="x", kind=kind, url=url)
    assert not ChatChannel.objects.exists()


def test_an_own_host_inside_is_refused_unless_the_operator_opens_it(
    lead: User, settings: SettingsWrapper
) -> None:
    settings.CHAT_HOSTS = ["10.1.2.3:8065"]

    with pytest.raises(Refused, match="NPS_FETCH_ALLOW"):
        chat.create_channel(actor=lead, name="x", kind="slack", url="http://10.1.2.3:8065/hooks/x")


# --- Pages -------------------------------------------------------------------------------------------------------
def test_a_lead_sets_a_channel_up_tries_it_and_forgets_it(slack: Vendor, as_lead: Client, drain: Any) -> None:
    fields = {
        "kind": "slack", "name": "#team", "url": f"{slack.url}/services/{SECRET}", "per_hour": "20",
        "topics": ["alert.detractor"], "shows_words": "on",
    }  # fmt: skip
    as_lead.post(reverse("integrations:chat_new"), fields)
    channel = ChatChannel.objects.get()
    as_lead.post(reverse("integrations:chat_test", args=[channel.pk]))
    drain()
    assert sent(slack)[0]["text"] == "NPS CRM can write here"

    as_lead.post(
        reverse("integrations:chat_detail", args=[channel.pk]),
        {"name": "#renamed", "url": "", "per_hour": "5", "topics": ["alert.reply"]},
    )
    channel.refresh_from_db()
    assert (channel.name, channel.per_hour, channel.topics, channel.shows_words) == (
        "#renamed", 5, ["alert.reply"], False,
    )  # fmt: skip
    raise_one(kind="reply")
    drain()
    assert len(slack.calls) == 2

    as_lead.post(reverse("integrations:chat_delete", args=[channel.pk]))
    assert not ChatChannel.objects.exists()


def test_a_test_that_arrives_takes_a_broken_channel_back(
    slack: Vendor, channel: ChatChannel, lead: User, drain: Any
) -> None:
    slack.fail(reply("no_service", 404))
    raise_one()
    drain()

    chat.send_test(channel=channel, actor=lead)
    drain()

    channel.refresh_from_db()
    assert channel.state == "active"


def test_chat_is_for_those_who_lead(channel: ChatChannel, as_csm: Client) -> None:
    for name, args in (("chat_list", []), ("chat_new", []), ("chat_detail", [channel.pk])):
        assert as_csm.get(reverse(f"integrations:{name}", args=args)).status_code == 403
    assert as_csm.post(reverse("integrations:chat_delete", args=[channel.pk])).status_code == 403


# --- The step ----------------------------------------------------------------------------------------------------
def test_a_rule_writes_into_a_channel_once(
    slack: Vendor, channel: ChatChannel, csm: User, drain: Any
) -> None:
    acme = factories.an_account("Acme", owner=csm)
    ann = factories.a_contact(account=acme, first_name="Ann", last_name="<Vogt>")
    rule = Rule.objects.create(name="Tell", trigger="response.scored", is_active=False)
    run = Run.objects.create(
        rule=rule, rule_version=1, cause_key="c", account=acme, contact=ann, started_at=clock.now()
    )
    step = RunStep.objects.create(
        key="s", run=run, kind="chat_message", state="done",
        settings={"channel": str(channel.pk), "text": "Look at {{ account_name }}\n{{ full_name }} needs {{ owner_name }}, {{ survey }}"},
        **({"path": "0"} if any(f.name == "path" for f in RunStep._meta.fields) else {"position": 0}),
    )  # fmt: skip
    kind = step_types["chat_message"]
    assert kind.do is not None

    results = [kind.do(step) for _ in range(2)]
    drain()

    assert results[0] == results[1]
    assert len(slack.calls) == 1
    said = json.dumps(sent(slack)[0])
    assert "Look at Acme" in said
    assert "Ann &lt;Vogt&gt; needs Carla Csm, (unknown)" in said
    assert "#alerts" in kind.words(step.settings)


def test_a_step_whose_channel_is_gone_says_so(db: None) -> None:
    kind = step_types["chat_message"]
    assert kind.do is not None
    with pytest.raises(Refused, match="was removed"):
        kind.do(RunStep(settings={"channel": "99", "text": "x"}))


# --- API ---------------------------------------------------------------------------------------------------------
def test_channels_are_set_up_over_the_api_and_give_no_address_away(
    slack: Vendor, lead: User, csm: User, drain: Any
) -> None:
    from tests.workflows.test_api import Api

    api = Api(lead, "connections:write")
    body = {
        "name": "#api",
        "kind": "slack",
        "url": f"{slack.url}/services/{SECRET}",
        "topics": ["alert.reply"],
    }

    made = api("post", "/chat-channels/", body)

    assert made.status_code == 201
    assert SECRET not in made.content.decode()
    address = f"/chat-channels/{made.json()['id']}/"
    assert api("patch", address, {"per_hour": 500}).status_code == 400
    assert api("patch", address, {"topics": ["alert.nonsense"]}).status_code == 400
    assert api("patch", address, {"per_hour": 5}).json()["per_hour"] == 5
    assert api("post", f"{address}pause/", {}).json()["state"] == "paused"
    assert api("post", f"{address}pause/", {}).status_code == 409
    assert api("post", f"{address}resume/", {}).json()["state"] == "active"
    assert api("post", f"{address}test/", {}).status_code == 202
    assert Api(csm, "connections:read")("get", "/chat-channels/").status_code == 403
    assert api("delete", address).status_code == 204
