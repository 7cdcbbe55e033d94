"""The settings page about the sending domain: it asks nobody by itself, shows what was found, and never makes one wait."""

import pytest
from django.core.cache import cache
from django.test import Client
from pytest_django import Settings as SettingsWrapper

from surveys.services import sending_domain, sns
from tests.surveys.dns_server import name_server
from tests.surveys.test_domain_health import DOMAIN, GOOD

pytestmark = pytest.mark.django_db
PAGE = "/settings/sending-domain/"


@pytest.fixture(autouse=True)
def domain(settings: SettingsWrapper) -> SettingsWrapper:
    cache.clear()
    settings.DEFAULT_FROM_EMAIL = f"Nordlicht <ask@{DOMAIN}>"
    settings.EMAIL_BACKEND = "anymail.backends.brevo.EmailBackend"
    settings.DNS_SERVERS = ["127.0.0.1"]
    settings.DNS_PORT = 9
    return settings


def check(
    client: Client, settings: SettingsWrapper, zone: dict[tuple[str, str], object], selectors: str = ""
) -> str:
    with name_server(zone) as (port, _):  # type: ignore[arg-type]
        settings.DNS_PORT = port
        answer = client.post(f"{PAGE}check/", {"selectors": selectors}, follow=True)
    assert answer.status_code == 200
    return answer.content.decode()


def test_opening_the_page_looks_nothing_up(as_administrator: Client, domain: SettingsWrapper) -> None:
    with name_server({}) as (port, asked):
        domain.DNS_PORT = port
        page = as_administrator.get(PAGE).content.decode()

    assert "Not looked up yet" in page
    assert f"ask@{DOMAIN}" in page
    assert asked == []


def test_a_check_is_shown_with_its_time_until_the_next(
    as_administrator: Client, domain: SettingsWrapper
) -> None:
    shown = check(as_administrator, domain, dict(GOOD))

    assert "Mail that only pretends to come from you is refused." in shown
    again = as_administrator.get(PAGE).content.decode()
    assert "Looked up" in again
    assert "Check again" in again


def test_what_is_missing_comes_with_the_record_to_add(
    as_administrator: Client, domain: SettingsWrapper
) -> None:
    shown = check(as_administrator, domain, {})

    assert "v=spf1 include:spf.brevo.com ~all" in shown
    assert f"_dmarc.{DOMAIN}" in shown
    assert "v=DMARC1; p=none" in shown


def test_what_strangers_wrote_into_the_dns_is_only_shown(
    as_administrator: Client, domain: SettingsWrapper
) -> None:
    evil = "v=spf1 <script>alert(1)</script> \u202e -all"
    shown = check(as_administrator, domain, {(DOMAIN, "TXT"): [evil]})

    assert "<script>alert(1)" not in shown
    assert "&lt;script&gt;" in shown
    assert "\u202e" not in shown


def test_name_servers_that_are_away_are_said_to_be(as_administrator: Client) -> None:
    answer = as_administrator.post(f"{PAGE}check/", follow=True).content.decode()

    assert "no usable answer" in answer
    assert "Not known" in answer


@pytest.mark.parametrize(
    "typed", ["a b c d e f", "x!", "../etc", "s1._domainkey.example.org.very.long.name.of.all"]
)
def test_what_is_no_selector_is_refused_and_kept(as_administrator: Client, typed: str) -> None:
    answer = as_administrator.post(f"{PAGE}check/", {"selectors": typed})

    assert answer.status_code == 422
    assert typed in answer.content.decode()
    assert sending_domain.last_seen() is None


def test_another_domain_is_not_judged_by_the_old_answers(
    as_administrator: Client, domain: SettingsWrapper
) -> None:
    check(as_administrator, domain, dict(GOOD))
    domain.DEFAULT_FROM_EMAIL = "ask@other.org"

    assert "Not looked up yet" in as_administrator.get(PAGE).content.decode()


def test_only_administrators_see_it(as_lead: Client, as_viewer: Client) -> None:
    for client in (as_lead, as_viewer):
        assert client.get(PAGE).status_code == 403
        assert client.post(f"{PAGE}check/").status_code == 403


def test_a_look_needs_a_post(as_administrator: Client) -> None:
    assert as_administrator.get(f"{PAGE}check/").status_code == 405


def test_the_page_names_the_address_for_reports(as_administrator: Client, domain: SettingsWrapper) -> None:
    assert "cannot be told from forged ones" in as_administrator.get(PAGE).content.decode()
    domain.ANYMAIL = {"WEBHOOK_SECRET": "a:very-secret"}
    domain.BASE_URL = "https://crm.nordlicht.org"

    page = as_administrator.get(PAGE).content.decode()

    assert "https://crm.nordlicht.org/hooks/mail/brevo/tracking/" in page
    assert "very-secret" not in page


def test_a_subscription_of_amazon_is_confirmed_by_a_person(as_administrator: Client) -> None:
    url = "https://sns.eu-west-1.amazonaws.com/?Action=ConfirmSubscription&Token=t"
    assert sns.note_confirmation(topic="arn:aws:sns:eu-west-1:123456789012:ses", url=url)

    assert (
        'href="https://sns.eu-west-1.amazonaws.com/?Action=ConfirmSubscription&amp;Token=t"'
        in as_administrator.get(PAGE).content.decode()
    )
    as_administrator.post(f"{PAGE}amazon/")
    assert sns.waiting() is None
