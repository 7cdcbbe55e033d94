"""The page of what customers wrote back: who sees what, and that somebody has seen to it."""

import datetime as dt

import pytest
from django.test import Client
from django.urls import reverse

from accounts.models import Account
from surveys.choices import Channel, MessageKind
from surveys.models import InboundMessage
from surveys.services import messages
from team.models import Team, User
from tests.surveys.asking import make_account, make_contact

pytestmark = pytest.mark.django_db
NOW = dt.datetime(2026, 3, 17, 10, tzinfo=dt.UTC)


def receive(
    body: str, *, account: Account | None = None, kind: MessageKind = MessageKind.REPLY
) -> InboundMessage:
    contact = make_contact(account, f"{body.split(maxsplit=1)[0].lower()}@fjord.example") if account else None
    return messages.receive(
        channel=Channel.SMS, provider="twilio", provider_id=f"SM{body}", kind=kind, from_address="+491701234567",
        from_key="k", received_at=NOW, body=body, contact=contact,
    ).message  # fmt: skip


def page(client: Client, query: str = "") -> str:
    return client.get(reverse("surveys:message_list") + query).content.decode()


def test_replies_wait_to_be_read_and_all_else_is_under_all(as_lead: Client) -> None:
    receive("Please call <b>me</b>")
    receive("STOP", kind=MessageKind.STOP)

    waiting, everything, stops = (
        page(as_lead),
        page(as_lead, "?show=all"),
        page(as_lead, "?show=all&kind=stop"),
    )

    assert "Please call &lt;b&gt;me&lt;/b&gt;" in waiting
    assert ">STOP<" not in waiting
    assert ">STOP<" in everything
    assert "Please call" not in stops


def test_messages_of_nobody_are_for_those_who_see_all(as_lead: Client, as_csm: Client, csm: User) -> None:
    receive("Nobody knows me")
    receive("Mine please", account=make_account("Own", owner=csm))

    assert "Nobody knows me" in page(as_lead)
    assert "Nobody knows me" not in page(as_csm)
    assert "Mine please" in page(as_csm)


def test_somebody_else_s_customers_are_out_of_sight(as_stranger: Client, csm: User, north: Team) -> None:
    message = receive("Mine please", account=make_account("Own", owner=csm))

    assert "Mine please" not in page(as_stranger, "?show=all")
    assert as_stranger.post(reverse("surveys:message_handle", args=[message.pk])).status_code == 404


def test_a_message_seen_to_waits_no_more(as_lead: Client) -> None:
    message = receive("Please call me")

    for _ in range(2):
        assert as_lead.post(reverse("surveys:message_handle", args=[message.pk])).status_code == 302

    assert "Please call me" not in page(as_lead)
    assert "seen to by Lea Lead" in page(as_lead, "?show=all")


def test_a_viewer_reads_and_changes_nothing(as_viewer: Client) -> None:
    message = receive("Please call me")

    assert as_viewer.post(reverse("surveys:message_handle", args=[message.pk])).status_code == 403


def test_a_reply_is_on_the_customers_page(as_lead: Client) -> None:
    message = receive("Please call me", account=make_account())

    shown = as_lead.get(reverse("accounts:contact_detail", args=[message.contact_id])).content.decode()

    assert "Wrote back by SMS" in shown
    assert "Please call me" in shown
