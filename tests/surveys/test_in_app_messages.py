"""Messages to one person in the product: who is shown one, when, and what is recorded. Over the widget's own endpoints."""

import datetime as dt
import re
from typing import Any

import pytest
import time_machine
from django.test import Client
from django.urls import reverse

from accounts.models import Contact, Event
from accounts.services import erase, merge
from core import clock
from core.errors import Invalid, Refused
from surveys.choices import InAppState
from surveys.models import InAppMessage, Invitation
from surveys.services import in_app_messages as services
from surveys.widget import config
from team.models import User
from tests.surveys import asking
from tests.surveys.in_app import Browser, Shop, milliseconds, person

pytestmark = pytest.mark.django_db
LINK = "https://app.shop.example/billing"


@pytest.fixture
def shop(lead: User) -> Shop:
    return Shop(lead)


@pytest.fixture
def browser(shop: Shop) -> Browser:
    return Browser(shop)


@pytest.fixture
def ida(shop: Shop) -> Contact:
    return person()


def write(contact: Contact, *, key: str = "test:1", **values: Any) -> InAppMessage:
    defaults: dict[str, Any] = {
        "title": "Your trial is longer", "text": "We added two weeks.\nNo need to do anything.", "days": 14,
        "button_label": "See your plan", "button_url": LINK,
    }  # fmt: skip
    made = services.queue_message(contact=contact, key=key, **{**defaults, **values})
    config.forget()
    return made


def see(browser: Browser) -> dict[str, Any]:
    """Be shown the message that waits; returns it."""
    told = browser.decide()
    assert told["survey"] is None
    message: dict[str, Any] = told["message"]
    answer = browser.send("answer", {"kind": "view", "ticket": message["ticket"]})
    assert answer.json()["shown"], answer.content
    assert answer.json()["ticket"] == message["ticket"]
    return message


def end(browser: Browser, message: dict[str, Any], kind: str, **body: Any) -> Any:
    return browser.send("answer", {"kind": kind, "ticket": message["ticket"]} | body)


def kinds() -> list[str]:
    found = Event.objects.filter(kind__startswith="in_app_message.").order_by("pk")
    return [kind.partition(".")[2] for kind in found.values_list("kind", flat=True)]


# --- Who is shown it ---------------------------------------------------------------------------------------------
def test_the_person_is_shown_it_and_the_timeline_says_so(browser: Browser, ida: Contact) -> None:
    written = write(ida)

    message = see(browser.sign_in())

    assert (message["title"], message["button"]) == (written.title, {"label": "See your plan", "url": LINK})
    assert message["text"] == "We added two weeks.\nNo need to do anything."
    written.refresh_from_db()
    assert (written.state, written.widget) == (InAppState.SHOWN, browser.shop.widget)
    assert kinds() == ["queued", "shown"]
    assert {e.contact for e in Event.objects.filter(kind__startswith="in_app_message.")} == {ida}
    assert not Invitation.objects.exists(), "a message asks nobody"


@pytest.mark.parametrize(
    "who", ["stranger", "forged", "unsigned", "another", "other_widget", "expired_token"]
)
def test_nobody_else_ever_reads_it(browser: Browser, ida: Contact, lead: User, who: str) -> None:
    person("u-2", "bo@fjord.example")
    write(ida)
    if who == "forged":
        browser.identity = {"id": "u-1", "signature": "0" * 64}
    elif who == "unsigned":
        browser.identity = {"id": "u-1"}
    elif who == "another":
        browser.sign_in("u-2")
    elif who == "other_widget":
        browser.sign_in("u-1", secret=Shop(lead, name="Another").secret)
    elif who == "expired_token":
        browser.token(exp=int(clock.now().timestamp()) - 3_600, email="ida@fjord.example")

    told = browser.send("decide").content.decode()

    assert "trial" not in told
    assert "message" not in browser.decide()


def test_an_address_counts_only_where_the_host_signed_it(browser: Browser) -> None:
    write(person("", "ida@fjord.example"))
    assert "message" not in browser.sign_in("u-7").decide(email="ida@fjord.example")
    assert browser.token(sub="u-7", email="Ida@Fjord.example").decide()["message"]


def test_what_was_offered_to_one_person_cannot_be_seen_as_another(browser: Browser, ida: Contact) -> None:
    person("u-2", "bo@fjord.example")
    write(ida)
    ticket = browser.sign_in().decide()["message"]["ticket"]

    for identity in (browser.identity, None):
        browser.sign_in("u-2")
        browser.identity = browser.identity if identity else None
        answer = browser.send("answer", {"kind": "view", "ticket": ticket})
        assert (answer.status_code, answer.json()["errors"][0]["code"]) == (410, "unknown_ticket")
    assert InAppMessage.objects.get().state == InAppState.WAITING


def test_a_forged_or_foreign_ticket_changes_nothing(browser: Browser, ida: Contact, lead: User) -> None:
    write(ida)
    message = see(browser.sign_in())
    other = Browser(Shop(lead, name="Another"))

    assert other.send("answer", {"kind": "click", "ticket": message["ticket"]}).status_code == 400
    assert other.send("answer", {"kind": "dismiss", "ticket": message["ticket"]}).status_code == 410
    assert end(browser, {"ticket": message["ticket"][:-2]}, "dismiss").status_code == 410
    assert end(browser, message, "answer", score=9, gesture="pointer").status_code == 400
    assert InAppMessage.objects.get().state == InAppState.SHOWN


def test_another_origin_is_refused(shop: Shop, ida: Contact) -> None:
    write(ida)
    answer = Browser(shop, origin="https://evil.example").sign_in().send("decide")
    assert (answer.status_code, b"trial" in answer.content) == (403, False)


# --- Until it is over --------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("kind", "state"), [("dismiss", InAppState.DISMISSED), ("click", InAppState.CLICKED)]
)
def test_closed_or_followed_it_never_comes_again_however_often_that_is_told(
    browser: Browser, ida: Contact, kind: str, state: InAppState
) -> None:
    write(ida)
    message = see(browser.sign_in())

    for _ in range(3):
        assert end(browser, message, kind).json() == {"saved": True}

    assert InAppMessage.objects.get().state == state
    assert kinds() == ["queued", "shown", "dismissed" if kind == "dismiss" else "clicked"]
    browser.session = "session-0000000002"
    assert "message" not in browser.decide()
    again = browser.send("answer", {"kind": "view", "ticket": message["ticket"]}).json()
    assert (again["shown"], again["reason"]) == (False, "over")


def test_of_two_tabs_the_click_counts_whichever_comes_first(browser: Browser, ida: Contact) -> None:
    write(ida)
    message = see(browser.sign_in())
    end(browser, message, "dismiss")
    end(browser, message, "click")
    end(browser, message, "dismiss")
    assert InAppMessage.objects.get().state == InAppState.CLICKED
    assert kinds() == ["queued", "shown", "dismissed", "clicked"]


def test_it_stays_in_sight_from_page_to_page_and_comes_back_with_the_next_visit(
    browser: Browser, ida: Contact
) -> None:
    write(ida)
    browser.sign_in()
    see(browser)
    see(browser)
    browser.session = "session-0000000002"
    see(browser)
    assert kinds() == ["queued", "shown"]


def test_a_report_that_was_kept_offline_counts_with_its_own_time(browser: Browser, ida: Contact) -> None:
    written = write(ida, days=1)
    message = see(browser.sign_in())
    at = clock.now() + dt.timedelta(hours=2)
    with time_machine.travel(clock.now() + dt.timedelta(days=3), tick=False):
        services.expire_due()
        browser.identity = None
        assert end(browser, message, "click", at=milliseconds(at)).json() == {"saved": True}
    written.refresh_from_db()
    assert written.state == InAppState.CLICKED
    assert written.clicked_at is not None
    assert abs((written.clicked_at - at).total_seconds()) < 1


def test_after_its_last_day_it_is_shown_no_more(browser: Browser, ida: Contact) -> None:
    write(ida, days=3)
    later = clock.now() + dt.timedelta(days=3, minutes=1)
    with time_machine.travel(later, tick=False):
        assert "message" not in browser.sign_in().decide(), "at once, not when the tick has come round"
        assert services.expire_due() == 1
        assert services.expire_due() == 0
    assert InAppMessage.objects.get().state == InAppState.EXPIRED


def test_withdrawn_between_the_offer_and_the_view_it_is_not_shown(
    browser: Browser, ida: Contact, lead: User
) -> None:
    written = write(ida)
    ticket = browser.sign_in().decide()["message"]["ticket"]

    services.withdraw(message=written, actor=lead)

    assert browser.send("answer", {"kind": "view", "ticket": ticket}).json() == {
        "shown": False,
        "reason": "over",
    }
    with pytest.raises(Refused, match="is over"):
        services.withdraw(message=written, actor=lead)


# --- Taking turns with surveys -----------------------------------------------------------------------------------
def test_a_survey_goes_first_and_the_message_waits_for_the_next_visit(
    shop: Shop, browser: Browser, ida: Contact
) -> None:
    shop.place()
    write(ida)
    offered = browser.sign_in().decide()
    assert offered["survey"]
    assert "message" not in offered
    browser.view(offered)

    assert "message" not in browser.decide(), "not in the visit in which something was asked"

    browser.session = "session-0000000002"
    see(browser)


def test_where_a_message_was_shown_nothing_is_asked_in_the_same_visit(
    shop: Shop, browser: Browser, ida: Contact
) -> None:
    write(ida)
    message = see(browser.sign_in())
    shop.place()
    end(browser, message, "dismiss")
    assert browser.decide()["reason"] == "seen_this_session"
    browser.session = "session-0000000002"
    assert browser.decide()["survey"]


def test_one_message_a_visit_the_oldest_first(browser: Browser, ida: Contact) -> None:
    write(ida, title="First")
    write(ida, key="test:2", title="Second")
    first = see(browser.sign_in())
    end(browser, first, "dismiss")
    assert (first["title"], "message" in browser.decide()) == ("First", False)
    browser.session = "session-0000000002"
    assert see(browser)["title"] == "Second"


def test_nothing_for_you_does_not_hide_a_message_written_since(
    shop: Shop, browser: Browser, ida: Contact, django_assert_num_queries: Any
) -> None:
    shop.place()
    asking.suppress("ida@fjord.example", "bounced")
    wave = asking.make_wave(asking.make_campaign(name="By mail"))
    asking.make_invitation(ida, wave, state="sent", asked_at=clock.now() - dt.timedelta(days=3))
    told = browser.sign_in().decide()
    assert told["reason"] == "recently_asked"
    with django_assert_num_queries(0):
        browser.decide(nothing=told["nothing"])

    write(ida)
    browser.decide()  # the process now knows the widget
    with django_assert_num_queries(2):  # the count of the limits, and whether something waits
        assert browser.decide(nothing=told["nothing"])["message"]


def test_looks_for_messages_are_limited_like_everything_else(
    browser: Browser, ida: Contact, settings: Any
) -> None:
    settings.WIDGET_VISITOR_RATE = 3
    write(ida)
    answers = [browser.sign_in().send("decide").status_code for _ in range(5)]
    assert answers == [200, 200, 200, 429, 429]


# --- Writing one -------------------------------------------------------------------------------------------------
def test_the_same_key_is_the_same_message(ida: Contact) -> None:
    assert write(ida) == write(ida, title="Something else")
    assert InAppMessage.objects.get().title == "Your trial is longer"
    assert kinds() == ["queued"]


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"title": " "}, "title"),
        ({"title": "x" * 201}, "title"),
        ({"text": "x" * 2_001}, "text"),
        ({"days": 0}, "days"),
        ({"days": 366}, "days"),
        ({"button_label": ""}, "button_label"),
        ({"button_url": ""}, "button_url"),
        ({"button_url": "http://app.shop.example/"}, "button_url"),
        ({"button_url": "javascript:alert(1)"}, "button_url"),
        ({"button_url": "https://a@evil.example/"}, "button_url"),
        ({"button_url": "https://app.shop.example/\nx"}, "button_url"),
        ({"button_url": "https://[app"}, "button_url"),
    ],
)
def test_what_cannot_be_shown_is_refused_by_name(ida: Contact, values: dict[str, Any], field: str) -> None:
    with pytest.raises(Invalid) as refused:
        write(ida, **values)
    assert refused.value.field == field
    assert not InAppMessage.objects.exists()


def test_who_cannot_be_reached_is_refused_with_the_reason(shop: Shop, ida: Contact, lead: User) -> None:
    nameless = person("", "")
    unwilling = person("u-3", "stop@fjord.example")
    asking.suppress("stop@fjord.example", "unsubscribed")
    bounced = person("u-4", "gone@fjord.example")
    asking.suppress("gone@fjord.example", "bounced")
    assert write(bounced), "a mailbox that is gone keeps nobody from the product"
    for contact, code in ((nameless, "not_recognisable"), (unwilling, "suppressed")):
        with pytest.raises(Refused) as refused:
            write(contact, key=f"test:{contact.pk}")
        assert refused.value.code == code
    for number in range(services.MAX_WAITING):
        write(ida, key=f"pile:{number}")
    with pytest.raises(Refused) as refused:
        write(ida, key="pile:more")
    assert refused.value.code == "too_many"


def test_without_a_widget_there_is_nothing_to_show_it(lead: User) -> None:
    with pytest.raises(Refused, match="no active widget"):
        write(person())


# --- The person --------------------------------------------------------------------------------------------------
def test_erased_the_words_are_gone_and_nothing_is_shown(
    browser: Browser, ida: Contact, administrator: User
) -> None:
    written = write(ida)
    assert "Your trial is longer" in str(list(services.export(ida)))

    erase.erase_contact(contact=ida, actor=administrator)

    written.refresh_from_db()
    assert (written.title, written.text, written.state) == ("", "", InAppState.WITHDRAWN)
    assert "message" not in browser.sign_in().decide()


def test_merged_it_is_shown_to_the_one_who_stays(browser: Browser, ida: Contact, lead: User) -> None:
    twin = person("u-9", "ida.twin@fjord.example", account=ida.account)
    write(twin)
    merge.merge_contacts(survivor=ida, loser=twin, actor=lead)
    assert see(browser.sign_in())["title"] == "Your trial is longer"


def test_kept_for_as_long_as_configured(ida: Contact, settings: Any) -> None:
    settings.IN_APP_KEEP_DAYS = 30
    write(ida, days=1)
    today = clock.now().date()
    with time_machine.travel(clock.now() + dt.timedelta(days=30), tick=False):
        services.expire_due()
        assert services.prune(today) == 0
    with time_machine.travel(clock.now() + dt.timedelta(days=32), tick=False):
        assert services.prune(today) == 1


def test_the_list_stands_below_the_rules_that_write_the_messages(as_lead: Client) -> None:
    page = as_lead.get(reverse("surveys:in_app_message_list")).content.decode()

    assert re.search(r'<a[^>]*href="/rules/"[^>]*aria-current', page)
