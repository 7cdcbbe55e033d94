"""Mail that appears from the account's owner: their name and mailbox, our own address, and nothing a name can break."""

from email import message_from_bytes
from email.header import decode_header, make_header
from email.message import Message
from email.utils import getaddresses, parseaddr

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pytest_django import Settings as SettingsWrapper

from core import outbox
from core.mail.address import Address
from core.mail.message import Mailbox
from surveys import pacing, planning, tokens
from surveys.channels import email
from surveys.models import Invitation
from surveys.services import delivery
from team.models import User
from tests.core.smtp_server import MailServer
from tests.surveys.asking import make_account, make_campaign, make_contact, make_survey, make_wave

OURS = Mailbox(Address.parse("ask@nordlicht.example"), "Nordlicht")


@pytest.fixture
def smtp(settings: SettingsWrapper, monkeypatch: pytest.MonkeyPatch) -> SettingsWrapper:
    settings.EMAIL_BACKEND = "core.mail.smtp.EmailBackend"
    settings.EMAIL_HOST = "127.0.0.1"
    settings.DEFAULT_FROM_EMAIL = "Nordlicht <ask@nordlicht.example>"
    settings.BASE_URL = "https://ask.nordlicht.example"
    settings.INBOUND_ADDRESS = ""
    monkeypatch.setattr(delivery, "_away_until", {})
    monkeypatch.setattr(email, "_mails", {})  # keyed by the version, whose number another test may have had
    return settings


def sent(settings: SettingsWrapper) -> list[Message]:
    """The mails of everybody in the database, as a mail server gets them."""
    wave = make_wave(make_campaign(make_survey(reply_to="team@nordlicht.example"), send_as_owner=True))
    planning.plan_wave(wave.pk)
    pacing.release(wave.pk)
    kind = outbox.kind_named(pacing.MAIL)
    assert kind is not None
    with MailServer() as server:
        settings.EMAIL_PORT = server.port
        while outbox.work(kind):
            pass
        assert {envelope.split()[0] for envelope, _ in server.messages}
        return [message_from_bytes(body) for _, body in server.messages]


def name_and_address(value: str) -> tuple[str, str]:
    name, address = parseaddr(str(make_header(decode_header(value.replace("\r\n", "")))))
    return name, address


@pytest.mark.django_db
def test_the_owner_is_in_the_name_and_gets_the_replies(smtp: SettingsWrapper, csm: User) -> None:
    User.objects.filter(pk=csm.pk).update(name="Anna Berg", email="anna@fjord-partners.example")
    make_contact(make_account(owner=csm))

    (mail,) = sent(smtp)

    assert mail["From"] == '"Anna Berg (Nordlicht)" <ask@nordlicht.example>'
    assert mail["Reply-To"] == '"Anna Berg" <anna@fjord-partners.example>'


@pytest.mark.django_db
@pytest.mark.parametrize("why", ["nobody", "left", "no name", "no mailbox"])
def test_without_an_owner_who_can_be_written_to_it_is_the_surveys_sender(
    smtp: SettingsWrapper, csm: User, why: str
) -> None:
    if why == "left":
        User.objects.filter(pk=csm.pk).update(is_active=False)
    if why == "no name":
        User.objects.filter(pk=csm.pk).update(name=" ")
    if why == "no mailbox":
        User.objects.filter(pk=csm.pk).update(email="no address")
    make_contact(make_account(owner=None if why == "nobody" else csm))

    (mail,) = sent(smtp)

    assert mail["From"] == '"Nordlicht" <ask@nordlicht.example>'
    assert mail["Reply-To"] == "team@nordlicht.example"


@pytest.mark.django_db
def test_each_account_has_its_own_owner_in_one_batch(smtp: SettingsWrapper, csm: User, lead: User) -> None:
    for number, owner in enumerate((csm, lead, None, csm)):
        make_contact(make_account(f"Company {number}", owner=owner), f"p{number}@fjord.example")

    mails = {name_and_address(mail["To"])[1]: mail for mail in sent(smtp)}

    replies = [mails[f"p{number}@fjord.example"]["Reply-To"] for number in range(4)]
    assert [name_and_address(reply)[1] for reply in replies] == [
        csm.email, lead.email, "team@nordlicht.example", csm.email,
    ]  # fmt: skip
    assert {parseaddr(mail["From"])[1] for mail in mails.values()} == {"ask@nordlicht.example"}


@pytest.mark.django_db
@pytest.mark.parametrize(
    "name",
    [
        'Anna "Boss" Berg',
        "Berg, Anna; and <others>",
        "Åsa Ødegård-Çelik",
        "李小龍",
        "Anna\r\nBcc: everybody\r\n\r\nbody",
        "Anna\u202egreB\u2028X",
        "A" * 80,
        "=?utf-8?b?QmNjOg==?=",
        "Anna\\",
    ],
)
def test_no_name_breaks_the_head_of_a_mail(smtp: SettingsWrapper, csm: User, name: str) -> None:
    User.objects.filter(pk=csm.pk).update(name=name, email="anna@owner.example")
    make_contact(make_account(owner=csm))

    (mail,) = sent(smtp)

    assert len(mail.get_all("From")) == len(mail.get_all("Reply-To")) == 1
    assert mail["Bcc"] is None
    assert mail["To"] == '"Ida" <ida@fjord.example>'
    name_shown = str(make_header(decode_header(mail["From"])))
    assert getaddresses([mail["From"].replace("\r\n", "")])[0][1] == "ask@nordlicht.example"
    assert mail["Reply-To"].rstrip().endswith("anna@owner.example>")
    assert name_shown.rstrip().endswith("(Nordlicht) <ask@nordlicht.example>") or "(Nordlicht)" in name_shown
    assert "\u202e" not in name_shown


def test_a_name_with_an_address_in_it_is_not_shown() -> None:
    assert email.owner_mailboxes(sender=OURS, name="ceo@bank.example", email="a@b.example") is None


def test_the_company_stays_visible_behind_a_long_name() -> None:
    boxes = email.owner_mailboxes(sender=OURS, name="N" * 300, email="a@b.example")
    assert boxes is not None
    assert boxes[0].name.endswith("… (Nordlicht)") or boxes[0].name.endswith("N (Nordlicht)")
    assert len(boxes[0].name) <= 120


def test_a_company_of_the_owners_name_is_not_said_twice() -> None:
    boxes = email.owner_mailboxes(sender=OURS, name="NORDLICHT", email="a@b.example")
    assert boxes is not None
    assert boxes[0].name == "NORDLICHT"


@given(name=st.text(max_size=200), address=st.sampled_from(["a@b.example", "ö@b.example", "x", ""]))
def test_whatever_the_name_the_address_in_from_is_ours(name: str, address: str) -> None:
    boxes = email.owner_mailboxes(sender=OURS, name=name, email=address)

    if boxes is not None:
        sender, reply_to = boxes
        assert sender.address == OURS.address
        assert str(reply_to.address) == "a@b.example"
        head = str(sender)
        assert "\r\n" not in head.replace("\r\n ", "")
        assert getaddresses([head.replace("\r\n ", " ")])[0][1] == "ask@nordlicht.example"


# --- Replies that come to us -----------------------------------------------------------------------------------
@pytest.mark.django_db
def test_replies_come_to_our_own_mailbox_where_a_survey_names_none(smtp: SettingsWrapper) -> None:
    smtp.INBOUND_ADDRESS = "replies@in.nordlicht.example"
    make_contact(make_account())
    wave = make_wave(make_campaign(make_survey()))
    planning.plan_wave(wave.pk)
    pacing.release(wave.pk)
    kind = outbox.kind_named(pacing.MAIL)
    assert kind is not None
    with MailServer() as server:
        smtp.EMAIL_PORT = server.port
        while outbox.work(kind):
            pass
        (mail,) = [message_from_bytes(body) for _, body in server.messages]

    local, _, domain = mail["Reply-To"].partition("@")
    assert domain == "in.nordlicht.example"
    assert tokens.read_reply(local.removeprefix("replies+").upper()) == Invitation.objects.get().pk


@pytest.mark.parametrize("token", ["", "-", "1-", "1-" + "0" * 20, "ü-1", "1" * 20 + "-0", "01-x"])
def test_a_made_up_reply_address_is_nobodys(token: str) -> None:
    assert tokens.read_reply(token) is None


def test_a_reply_token_is_for_one_invitation_only() -> None:
    made = tokens.make_reply(35)
    assert tokens.read_reply(made) == 35
    assert tokens.read_reply("y" + made[1:]) is None or made[0] == "y"
    assert tokens.read_reply(tokens.make_reply(36).partition("-")[0] + "-" + made.partition("-")[2]) is None
