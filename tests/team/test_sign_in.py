"""The one door: password, second step, limits, sessions, new passwords."""

import re
from http import HTTPStatus

import pytest
import time_machine
from allauth.mfa.models import Authenticator
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from allauth.mfa.totp.internal import auth as totp
from django.core import mail
from django.test import Client

from core.models import RateBucket
from team.domain import Role
from team.models import ApiKey, AuditEntry, User
from team.services import people, workspace
from tests import factories
from tests.conftest import Browser, Drain

PASSWORD = "a password long enough"
SIGN_IN = "/auth/login/"


def sign_in(
    client: Client, email: str, password: str = PASSWORD, *, ip: str = "203.0.113.7", next_url: str = ""
):
    data = {"login": email, "password": password}
    if next_url:
        data["next"] = next_url
    return client.post(SIGN_IN, data, REMOTE_ADDR=ip)


def is_signed_in(client: Client) -> bool:
    return client.get("/settings/profile/").status_code == HTTPStatus.OK


# --- Password ------------------------------------------------------------------------------------------------
def test_the_right_password_opens_the_door(client: Client, csm: User):
    response = sign_in(client, "CSM@example.com")

    assert response.status_code == HTTPStatus.FOUND
    assert is_signed_in(client)
    assert AuditEntry.objects.get(action="signed_in").ip == "203.0.113.7"


def test_wrong_password_and_unknown_address_read_the_same(client: Client, csm: User):
    wrong = sign_in(client, csm.email, "not the right password")
    unknown = sign_in(client, "nobody@example.com", "not the right password")

    def text(response) -> str:
        html = response.content.decode()
        return re.sub(r'value="[^"]*"', "", html[html.index("<main") :])

    assert text(wrong) == text(unknown)
    assert "not correct" in text(wrong)


def test_a_deactivated_person_cannot_sign_in(client: Client, csm: User):
    User.objects.filter(pk=csm.pk).update(is_active=False)

    sign_in(client, csm.email)

    assert not is_signed_in(client)


def test_a_password_typed_on_another_keyboard_is_the_same(client: Client, csm: User):
    csm.set_password("Großes Ä und Café 1")
    csm.save()

    sign_in(client, csm.email, "Großes A\u0308 und Cafe\u0301 1")

    assert is_signed_in(client)


def test_a_huge_password_is_refused_without_being_hashed(
    client: Client, csm: User, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(User, "check_password", lambda *_: pytest.fail("hashed"))

    response = sign_in(client, csm.email, "x" * 1_000_000)

    assert response.status_code == HTTPStatus.OK
    assert not is_signed_in(client)


@pytest.mark.parametrize(
    "target", ["//evil.example", "https://evil.example/", "javascript:alert(1)", "/\\evil.example"]
)
def test_next_leads_nowhere_else(client: Client, csm: User, target: str):
    assert sign_in(client, csm.email, next_url=target)["Location"] == "/"


def test_next_leads_back_to_our_pages(client: Client, csm: User):
    assert sign_in(client, csm.email, next_url="/settings/profile/")["Location"] == "/settings/profile/"


def test_nobody_can_sign_up(client: Client, db: None):
    data = {"email": "new@example.com", "password1": PASSWORD, "password2": PASSWORD}

    client.post("/auth/signup/", data)

    assert not User.objects.exists()


def test_signing_out_ends_the_session_for_copies_of_the_cookie(csm: User, browser_of: Browser):
    client, copy = browser_of(csm), Client()
    copy.cookies = client.cookies.copy()
    assert is_signed_in(copy)

    client.post("/auth/logout/")

    assert not is_signed_in(copy)


def test_the_session_of_before_signing_in_is_not_kept(client: Client, csm: User):
    client.get(SIGN_IN)
    session = client.session
    session["planted"] = "1"
    session.save()
    planted = session.session_key

    sign_in(client, csm.email)

    assert client.session.session_key != planted


# --- Limits --------------------------------------------------------------------------------------------------
def test_ten_tries_an_hour_for_an_address(client: Client, csm: User):
    for number in range(10):
        sign_in(client, csm.email, "wrong", ip=f"198.51.100.{number}")

    response = sign_in(client, csm.email, ip="198.51.100.99")

    assert "Too many tries. Wait 6 minutes" in response.content.decode()
    assert not is_signed_in(client)


def test_the_limit_of_one_address_leaves_others_alone(client: Client, csm: User, lead: User):
    for number in range(11):
        sign_in(client, csm.email, "wrong", ip=f"198.51.100.{number}")

    sign_in(client, lead.email, ip="198.51.100.1")

    assert is_signed_in(client)


def test_twenty_tries_an_hour_from_one_place_whatever_it_claims(client: Client, csm: User):
    for number in range(20):
        data = {"login": f"someone{number}@example.com", "password": "wrong"}
        client.post(SIGN_IN, data, REMOTE_ADDR="203.0.113.9", headers={"X-Forwarded-For": f"10.0.0.{number}"})

    response = sign_in(client, csm.email, ip="203.0.113.9")

    assert "Too many tries" in response.content.decode()
    assert not is_signed_in(client)


def test_addresses_of_one_ipv6_network_count_as_one(client: Client, csm: User):
    for number in range(20):
        sign_in(client, f"someone{number}@example.com", "wrong", ip=f"2001:db8:1:2::{number + 1:x}")

    sign_in(client, csm.email, ip="2001:db8:1:2:ffff::1")

    assert not is_signed_in(client)


def test_tries_are_counted_without_keeping_addresses(client: Client, csm: User):
    sign_in(client, csm.email, "wrong")

    keys = " ".join(RateBucket.objects.values_list("key", flat=True))

    assert "tries:email:" in keys
    assert "example.com" not in keys
    assert "203.0.113" not in keys


# --- Second step ---------------------------------------------------------------------------------------------
SECRET = "JBSWY3DPEHPK3PXP"


def code_now() -> str:
    counter = next(iter(totp.yield_hotp_counters_from_time()))
    return totp.format_hotp_value(totp.hotp_value(SECRET, counter))


@pytest.fixture
def protected(csm: User) -> User:
    totp.TOTP.activate(csm, SECRET)
    return csm


def test_the_password_alone_is_not_enough_with_a_second_step(client: Client, protected: User):
    response = sign_in(client, protected.email)

    assert response["Location"].startswith("/auth/2fa/authenticate/")
    assert not is_signed_in(client)


def test_the_code_of_the_app_completes_the_sign_in(client: Client, protected: User):
    sign_in(client, protected.email)

    client.post("/auth/2fa/authenticate/", {"code": code_now()})

    assert is_signed_in(client)


def test_a_code_works_once(client: Client, protected: User):
    with time_machine.travel("2026-03-17 10:00:05+00:00", tick=False):
        first, code = Client(), code_now()
        for browser in (first, client):
            sign_in(browser, protected.email)
            browser.post("/auth/2fa/authenticate/", {"code": code})

        assert is_signed_in(first)
        assert not is_signed_in(client)


def test_codes_cannot_be_guessed_at_leisure(client: Client, protected: User):
    sign_in(client, protected.email)
    for _ in range(10):
        client.post("/auth/2fa/authenticate/", {"code": "000000"})

    response = client.post("/auth/2fa/authenticate/", {"code": code_now()})

    assert "Too many tries" in response.content.decode()
    assert not is_signed_in(client)


def test_a_recovery_code_works_once(client: Client, protected: User):
    code = RecoveryCodes.activate(protected).get_unused_codes()[0]
    first = Client()
    for browser in (first, client):
        sign_in(browser, protected.email)
        browser.post("/auth/2fa/authenticate/", {"code": code})

    assert is_signed_in(first)
    assert not is_signed_in(client)


def test_the_secret_of_an_app_is_sealed_in_the_database(protected: User):
    stored = Authenticator.objects.get(user=protected).data["secret"]

    assert SECRET not in stored


def test_a_second_step_can_be_demanded_of_those_who_lead(
    as_lead: Client, as_csm: Client, administrator: User
):
    workspace.update_workspace(actor=administrator, require_mfa=True)

    led = as_lead.get("/settings/profile/")

    assert led["Location"] == "/auth/2fa/totp/activate/"
    assert as_lead.get("/admin/")["Location"] == "/auth/2fa/totp/activate/"
    assert is_signed_in(as_csm)


def test_once_set_up_the_demand_is_met(as_lead: Client, lead: User, administrator: User):
    workspace.update_workspace(actor=administrator, require_mfa=True)
    totp.TOTP.activate(lead, SECRET)

    assert is_signed_in(as_lead)


def test_the_door_offers_passkeys(client: Client, db: None):
    assert "passkey" in client.get(SIGN_IN).content.decode()


# --- Sessions ------------------------------------------------------------------------------------------------
def test_a_session_ends_after_three_idle_hours(as_csm: Client, frozen: time_machine.Traveller):
    assert is_signed_in(as_csm)
    frozen.shift(2 * 3600 + 59 * 60)
    assert is_signed_in(as_csm)

    frozen.shift(3 * 3600 + 60)

    assert not is_signed_in(as_csm)


def test_a_session_in_use_ends_after_twelve_hours(as_csm: Client, frozen: time_machine.Traveller):
    for _ in range(12):
        assert is_signed_in(as_csm)
        frozen.shift(3600)

    frozen.shift(60)

    assert not is_signed_in(as_csm)


@pytest.mark.parametrize("change", ["deactivate", "role", "address"])
def test_a_change_of_rights_ends_sessions_and_keys_at_once(
    as_csm: Client, csm: User, administrator: User, change: str
):
    factories.an_api_key(csm, "accounts:read")
    assert is_signed_in(as_csm)

    if change == "deactivate":
        people.deactivate_person(person=csm, actor=administrator)
        people.activate_person(person=csm, actor=administrator)
    elif change == "role":
        people.update_person(person=csm, actor=administrator, role=Role.VIEWER)
    else:
        people.update_person(person=csm, actor=administrator, email="other@example.com")

    assert not is_signed_in(as_csm)
    assert ApiKey.objects.get(user=csm).revoked_at is not None


def test_a_new_password_ends_other_sessions_and_the_keys(
    client: Client, csm: User, browser_of: Browser, drain: Drain
):
    other = browser_of(csm)
    factories.an_api_key(csm, "accounts:read")
    sign_in(client, csm.email)
    new = "another password long enough"

    client.post("/auth/password/change/", {"oldpassword": PASSWORD, "password1": new, "password2": new})
    drain()

    assert is_signed_in(client)
    assert not is_signed_in(other)
    assert ApiKey.objects.get(user=csm).revoked_at is not None
    assert "was changed" in mail.outbox[-1].subject


@pytest.mark.parametrize("password", ["short", "x" * 129, " " * 20, "csm@example.com"])
def test_a_weak_or_endless_password_is_refused(client: Client, csm: User, password: str):
    sign_in(client, csm.email)

    client.post(
        "/auth/password/change/", {"oldpassword": PASSWORD, "password1": password, "password2": password}
    )

    csm.refresh_from_db()
    assert csm.check_password(PASSWORD)


# --- New passwords by mail -----------------------------------------------------------------------------------
def link_in(message) -> str:
    found = re.search(r"https?://[^/\s]+(/auth/\S+)", message.body)
    assert found is not None
    return found.group(1)


def set_password(client: Client, link: str, password: str):
    form = client.get(link, follow=True)
    return client.post(form.redirect_chain[-1][0] if form.redirect_chain else link, {
        "password1": password, "password2": password,
    })  # fmt: skip


def test_a_forgotten_password_is_set_anew_by_mail(client: Client, csm: User, drain: Drain):
    client.post("/auth/password/reset/", {"email": csm.email}, headers={"Host": "localhost"})
    drain()

    (message,) = mail.outbox
    assert message.to == [csm.email]
    assert "http://127.0.0.1:8000/auth/" in message.body
    set_password(client, link_in(message), "a wholly new password")

    csm.refresh_from_db()
    assert csm.check_password("a wholly new password")


def test_an_unknown_address_gets_the_same_page_and_no_mail(client: Client, csm: User, drain: Drain):
    known = client.post("/auth/password/reset/", {"email": csm.email})
    unknown = client.post("/auth/password/reset/", {"email": "nobody@example.com"})
    drain()

    assert known["Location"] == unknown["Location"]
    assert [message.to for message in mail.outbox] == [[csm.email]]


def test_a_link_works_once(client: Client, csm: User, drain: Drain):
    client.post("/auth/password/reset/", {"email": csm.email})
    drain()
    link = link_in(mail.outbox[0])
    set_password(Client(), link, "a wholly new password")

    set_password(Client(), link, "a password of a thief")

    csm.refresh_from_db()
    assert csm.check_password("a wholly new password")


def test_a_link_is_void_after_the_address_changed(
    client: Client, csm: User, administrator: User, drain: Drain
):
    client.post("/auth/password/reset/", {"email": csm.email})
    drain()
    people.update_person(person=csm, actor=administrator, email="moved@example.com")

    set_password(Client(), link_in(mail.outbox[0]), "a wholly new password")

    csm.refresh_from_db()
    assert csm.check_password(PASSWORD)


@pytest.mark.parametrize("email", ["csm@example.com", "nobody@example.com"])
def test_five_reset_mails_an_hour_for_an_address_known_or_not(
    client: Client, csm: User, drain: Drain, email: str
):
    for number in range(5):
        client.post("/auth/password/reset/", {"email": email}, REMOTE_ADDR=f"198.51.100.{number}")

    response = client.post("/auth/password/reset/", {"email": email.upper()}, REMOTE_ADDR="198.51.100.99")
    drain()

    assert "Too many tries. Wait 12 minutes" in response.content.decode()
    assert len(mail.outbox) == (5 if email == csm.email else 0)


def test_twenty_reset_requests_an_hour_from_one_place(client: Client, csm: User, drain: Drain):
    for number in range(20):
        client.post("/auth/password/reset/", {"email": f"someone{number}@example.com"})

    response = client.post("/auth/password/reset/", {"email": csm.email})
    drain()

    assert "Too many tries" in response.content.decode()
    assert mail.outbox == []


# --- The door of the back office -----------------------------------------------------------------------------
def test_the_back_office_is_behind_the_same_door(client: Client, administrator: User):
    response = client.get("/admin/accounts/account/", follow=True)

    assert response.redirect_chain[-1][0] == "/auth/login/?next=/admin/accounts/account/"


def test_the_back_office_has_no_sign_in_form_of_its_own(client: Client, administrator: User):
    client.post("/admin/login/", {"username": administrator.email, "password": PASSWORD})

    assert not is_signed_in(client)


@pytest.mark.parametrize(("role", "status"), [
    (Role.ADMINISTRATOR, HTTPStatus.OK), (Role.LEAD, HTTPStatus.FORBIDDEN), (Role.CSM, HTTPStatus.FORBIDDEN),
    (Role.VIEWER, HTTPStatus.FORBIDDEN),
])  # fmt: skip
def test_only_administrators_enter_the_back_office(
    db: None, browser_of: Browser, role: Role, status: HTTPStatus
):
    person = factories.user(role=role)

    response = browser_of(person).get("/admin/", follow=True)

    assert response.status_code == status


def test_leaving_the_back_office_goes_through_the_door_too(as_administrator: Client):
    assert as_administrator.get("/admin/logout/")["Location"] == "/auth/logout/"
    assert as_administrator.get("/admin/password_change/")["Location"] == "/auth/password/change/"
