"""Hostile callers of the widget's endpoints: what is ignored, what is refused, and that nothing of ours is harmed.

The ids are those of the list of hostile inputs; what only a browser can show is in tests/browser/test_widget.py.
"""

import json
from typing import Any

import pytest
from django.db import DatabaseError
from django.test import Client

from accounts.models import Contact
from core.errors import Invalid, Refused
from surveys import content as contents
from surveys.choices import CampaignState
from surveys.models import Campaign, Invitation, Response, Survey, Visitor
from surveys.widget import config, limits, manage, queries
from team.models import User
from tests.surveys import asking
from tests.surveys.in_app import ORIGIN, Browser, Shop, person

pytestmark = pytest.mark.django_db


@pytest.fixture
def shop(lead: User) -> Shop:
    made = Shop(lead)
    made.place(asks_strangers=True)
    return made


@pytest.fixture
def browser(shop: Shop) -> Browser:
    return Browser(shop)


@pytest.fixture
def ida(shop: Shop) -> Contact:
    return person()


def code_of(answer: Any) -> str:
    return str(answer.json()["errors"][0]["code"])


# --- Keys and origins: G01–G07 -------------------------------------------------------------------------------------
def test_g01_an_unknown_or_disabled_key_is_not_there(shop: Shop, browser: Browser) -> None:
    assert Client().post("/w/wk_0000000000/decide", "{}", content_type="text/plain").status_code == 404
    manage.update_widget(
        widget=shop.widget, name="Shop", origins=[ORIGIN], theme="auto", creates_contacts=False, is_active=False,
        actor=shop.actor,
    )  # fmt: skip
    answer = browser.send("decide")
    assert (answer.status_code, code_of(answer)) == (404, "unknown_widget")


@pytest.mark.parametrize(
    "origin",
    [
        "https://other.example",  # G02
        "null",  # G03
        f"{ORIGIN}.evil.io",
        "https://evil-app.shop.example",
        "http://app.shop.example",
        f"{ORIGIN}:8443",
        f"{ORIGIN}.",
        f"{ORIGIN}/",
        "https://APP.shop.example",
        "https://аpp.shop.example",  # a Cyrillic а
        "https://xn--pp-7lc.shop.example",
        "",
    ],
)
def test_g02_g03_g04_only_the_listed_origins_are_answered(browser: Browser, origin: str) -> None:
    browser.origin = origin
    answer = browser.send("decide")

    assert (answer.status_code, code_of(answer)) == (403, "origin_not_allowed")
    assert "Access-Control-Allow-Origin" not in answer
    preflight = browser.client.options(f"/w/{browser.shop.widget.key}/decide", HTTP_ORIGIN=origin)
    assert preflight.status_code == 403
    assert "Access-Control-Allow-Origin" not in preflight
    assert not Visitor.objects.exists()


def test_the_listed_origin_is_answered_by_name(browser: Browser) -> None:
    answer = browser.send("decide")
    assert answer["Access-Control-Allow-Origin"] == ORIGIN
    assert "Origin" in answer["Vary"]


def test_g05_without_an_origin_signatures_decide_alone(shop: Shop, ida: Contact) -> None:
    curl = Browser(shop, origin=None)
    curl.identity = {"id": "u-1", "signature": "0" * 64}
    told = curl.decide()
    assert told["identity"]["code"] == "forged"
    curl.view(told)
    assert not Invitation.objects.exists(), "as a stranger"

    assert curl.sign_in().decide()["reason"] == "seen_this_session"


@pytest.mark.parametrize("wanted", ["authorization", "x-requested-with", "content-type, x-admin"])
def test_g06_a_preflight_offers_the_content_type_and_nothing_else(browser: Browser, wanted: str) -> None:
    answer = browser.client.options(
        f"/w/{browser.shop.widget.key}/decide", HTTP_ORIGIN=ORIGIN, HTTP_ACCESS_CONTROL_REQUEST_METHOD="POST",
        HTTP_ACCESS_CONTROL_REQUEST_HEADERS=wanted,
    )  # fmt: skip
    assert answer.status_code == 204
    assert answer["Access-Control-Allow-Headers"] == "content-type"
    assert answer["Access-Control-Allow-Methods"] == "POST"


def test_g07_credentials_are_never_welcome(browser: Browser, as_lead: Client) -> None:
    browser.client = as_lead
    answer = browser.send("decide")
    assert answer.status_code == 200
    assert "Access-Control-Allow-Credentials" not in answer
    assert not answer.cookies
    assert "sessionid" not in str(answer.headers)


@pytest.mark.parametrize("method", ["get", "put", "delete", "head"])
def test_only_posts_do_anything(browser: Browser, method: str) -> None:
    answer = getattr(browser.client, method)(f"/w/{browser.shop.widget.key}/decide", HTTP_ORIGIN=ORIGIN)
    assert answer.status_code == 405


# --- Identity: G08–G16 -------------------------------------------------------------------------------------------
def test_g08_g09_g10_unproven_people_are_strangers_with_a_reason(
    shop: Shop, browser: Browser, ida: Contact
) -> None:
    old = shop.secret
    browser.identity = {"id": "u-1"}
    assert browser.decide()["identity"]["code"] == "unsigned"
    browser.sign_in("u-1")
    browser.identity["id"] = "u-2"
    assert browser.decide()["identity"]["code"] == "forged"

    shop.secret = manage.rotate_secret(widget=shop.widget, actor=shop.actor, days=1)
    assert browser.sign_in(secret=old).decide()["identity"] == {"ok": True}
    assert browser.sign_in().decide()["identity"] == {"ok": True}
    manage.rotate_secret(widget=shop.widget, actor=shop.actor, days=0)
    told = browser.sign_in(secret=old).decide()

    assert told["identity"]["code"] == "forged"
    assert told["survey"], "a stranger, not an error"
    browser.view(told)
    assert not Invitation.objects.exists()


def test_g11_a_signature_says_nothing_of_accounts(shop: Shop, browser: Browser, ida: Contact) -> None:
    other = asking.make_account("Other", external_id="A-2")
    browser.sign_in()
    browser.identity |= {"account": "A-2", "account_id": other.pk}
    browser.more = {"account": "A-2"}
    browser.shown()
    assert Invitation.objects.get().account == ida.account


def test_another_widgets_secret_proves_nothing_here(shop: Shop, browser: Browser, ida: Contact) -> None:
    second = Shop(shop.actor, name="Second")
    assert browser.sign_in(secret=second.secret).decide()["identity"]["code"] == "forged"
    assert browser.token(aud=second.widget.key).decide()["identity"]["code"] == "other_widget"


@pytest.mark.parametrize(
    "traits",
    [
        {"is_admin": True, "account_id": 7, "role": "administrator", "external_id": "u-2"},  # G12
        {"email": "new@evil.example"},  # G15
        {"__proto__": {"is_admin": True}, "constructor.prototype": {"x": 1}},  # G13
    ],
)
def test_g12_g13_g15_traits_allow_and_change_nothing(
    shop: Shop, browser: Browser, ida: Contact, traits: dict[str, Any]
) -> None:
    before = Contact.objects.values().get(pk=ida.pk)
    browser.sign_in()
    browser.more = {"traits": traits}
    assert browser.send("identify").status_code == 200
    browser.shown()

    assert Contact.objects.values().get(pk=ida.pk) == before
    assert Invitation.objects.get().contact == ida
    for row in Visitor.objects.all():
        assert not {"__proto__", "constructor.prototype"} & set(row.traits)


@pytest.mark.parametrize(
    ("raw", "status"),
    [
        (json.dumps({"traits": {"x": "y" * 1_000_000}}), 413),
        (json.dumps({"traits": {f"key{n}": n for n in range(10_000)}}), 413),
        ('{"traits":' + "[" * 500 + "]" * 500 + "}", 400),
        ('{"traits":' + '{"a":' * 500 + "1" + "}" * 501, 400),
    ],
    ids=["1-MB", "10k-keys", "deep-lists", "deep-objects"],
)
def test_g14_oversized_bodies_are_refused_before_they_are_read(
    browser: Browser, raw: str, status: int
) -> None:
    answer = browser.send("decide", raw=raw)
    assert answer.status_code == status
    assert not Visitor.objects.exists()


def test_g16_a_suppressed_address_stays_suppressed(shop: Shop, browser: Browser, ida: Contact) -> None:
    asking.suppress("ida@fjord.example")
    browser.more = {"traits": {"email": "ida@fjord.example"}}
    assert browser.sign_in().decide()["reason"] == "unsubscribed"


# --- Floods and repetitions: G17–G20, G46 ----------------------------------------------------------------------------
def test_g17_one_visitor_is_shown_one_survey(shop: Shop, browser: Browser, ida: Contact) -> None:
    browser.sign_in().shown()
    shown = 0
    for number in range(50):
        browser.session = f"session-9{number:015d}"
        offered = browser.decide()
        shown += offered["survey"] is not None
    assert shown == 0
    assert Invitation.objects.count() == 1


def test_a_hundred_requests_a_second_from_one_visitor_are_cut_off(
    shop: Shop, browser: Browser, settings: Any
) -> None:
    settings.WIDGET_VISITOR_RATE = 20
    answers = [browser.send("decide").status_code for _ in range(100)]

    assert answers.count(200) in range(20, 24)
    assert set(answers) == {200, 429}
    refused = browser.send("decide")
    assert int(refused["Retry-After"]) >= 1
    assert refused["Access-Control-Allow-Origin"] == ORIGIN, "so that the script can tell it from a fault"


def test_a_flood_costs_no_statements(
    shop: Shop, browser: Browser, settings: Any, django_assert_num_queries: Any
) -> None:
    settings.WIDGET_VISITOR_RATE = 5
    while browser.send("decide").status_code == 200:
        pass
    with django_assert_num_queries(0):
        browser.send("decide")


def test_g46_limits_are_per_widget_and_per_address(shop: Shop, settings: Any) -> None:
    second = Shop(shop.actor, name="Second")
    second.place(name="Elsewhere", survey=asking.make_survey("Elsewhere"), asks_strangers=True)
    settings.WIDGET_RATE = 10
    answers = [
        Browser(shop, visitor=f"visitor-00000000{n:02d}").send("decide").status_code for n in range(15)
    ]
    assert 429 in answers
    assert Browser(second).send("decide").status_code == 200, "others are served"

    settings.WIDGET_ADDRESS_RATE = 10
    limits.forget()
    by_address = [
        Browser(second, visitor=f"visitor-00000001{n:02d}").send("decide").status_code for n in range(15)
    ]
    assert 429 in by_address


def test_g19_two_tabs_give_one_answer(shop: Shop, browser: Browser, ida: Contact) -> None:
    ticket = browser.sign_in().shown()
    browser.answer(ticket, 9)
    browser.answer(ticket, 4)
    assert Response.objects.count() == 1


# --- What surveys say: G35–G41 ----------------------------------------------------------------------------------------
def test_g35_markup_in_a_survey_is_text(lead: User) -> None:
    shop = Shop(lead)
    nasty = "<img src=x onerror=alert(1)>{subject}"
    survey = asking.make_survey("Nasty", languages={"en": contents.Words(question=nasty)})
    shop.place(survey=survey, asks_strangers=True)

    answer = Browser(shop).send("decide")

    assert answer["Content-Type"] == "application/json"
    assert answer["X-Content-Type-Options"] == "nosniff"
    assert answer.json()["survey"]["question"].startswith("<img src=x"), "for textContent alone"


@pytest.mark.parametrize("url", ["javascript:alert(1)", "data:text/html,x", "JaVaScRiPt:x", "//evil.example"])
def test_g36_a_thank_you_link_is_a_web_address_or_no_link(lead: User, url: str) -> None:
    words = contents.Words(thanks={"promoter": contents.Thanks(text="Hi", link_label="Go", link_url=url)})
    survey = asking.make_survey("Linked", languages={"en": words})
    version = survey.current
    assert version is not None
    assert contents.Content.from_json(version.content).problems(), "refused when it is saved"
    shop = Shop(lead)
    shop.place(survey=survey, asks_strangers=True)

    told = Browser(shop).decide()

    assert told["survey"]["thanks"]["promoter"]["link"] is None
    assert url not in json.dumps(told)


@pytest.mark.parametrize(
    "colour", ["red;}*{display:none", "url(//evil)", "</style>", "expression(1)", "#ffffff"]
)
def test_g37_colours_are_six_digits_whatever_was_stored(lead: User, colour: str) -> None:
    shop = Shop(lead)
    shop.place(survey=asking.make_survey("Coloured", brand_colour=colour), asks_strangers=True)

    colours = Browser(shop).decide()["survey"]["colours"]

    assert all(len(value) == 7 and int(value[1:], 16) >= 0 for value in colours.values())
    assert colours["light"] != "#ffffff", "white on white cannot be read"


@pytest.mark.parametrize("language", ["../../etc/passwd", "", None, 7, "x" * 5000, "zz-ZZ", {"a": 1}])
def test_g38_an_odd_language_means_the_surveys_own(browser: Browser, language: Any) -> None:
    assert browser.decide(language=language)["survey"]["language"] == "en"


def test_g39_g40_nobody_chooses_the_survey_but_the_server(shop: Shop, browser: Browser) -> None:
    closed = asking.make_campaign(asking.make_survey("Closed"), name="Closed", state=CampaignState.STOPPED)
    told = browser.decide(survey=closed.survey_id, campaign=closed.pk, survey_id=999)
    ticket = browser.view(told)["ticket"]

    browser.answer(ticket, 9, survey_id=closed.survey_id, version_id=999, invitation_id=1)

    assert Response.objects.get().survey == Survey.objects.get(campaigns__placement__widget=shop.widget)


def test_an_archived_surveys_running_campaign_answers_as_before(shop: Shop, browser: Browser) -> None:
    Campaign.objects.update(state=CampaignState.STOPPED)
    config.forget()
    assert browser.decide()["survey"] is None


@pytest.mark.parametrize("score", [99, -1, 11, "9", "nine", 9.5, True, None, [9], {"a": 9}, "9" * 400])
def test_g41_only_whole_numbers_on_the_scale_are_scores(browser: Browser, score: Any) -> None:
    ticket = browser.shown()
    answer = browser.answer(ticket, score)
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["attr"] == "score"
    assert not Response.objects.exists()


def test_g41_not_a_number_is_not_json(browser: Browser) -> None:
    ticket = browser.shown()
    raw = json.dumps(
        {"visitor": browser.visitor, "session": browser.session, "kind": "answer", "ticket": ticket}
    )
    assert browser.send("answer", raw=raw[:-1] + ', "score": NaN, "gesture": "key"}').status_code == 400
    assert not Response.objects.exists()


def test_a_score_without_a_gesture_is_nobodys(browser: Browser) -> None:
    ticket = browser.shown()
    assert browser.answer(ticket, 9, gesture="").status_code == 400
    assert browser.answer(ticket, 9, gesture="script").status_code == 400
    assert not Response.objects.exists()


# --- What visitors say: G42–G45 -----------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    "comment",
    ["<script>alert(1)</script>", "<img src=x onerror=alert(1)>", "{{7*7}}", "=cmd|' /C calc'!A0", "\u202egnp.exe"],
)  # fmt: skip
def test_g42_a_comment_is_text_on_our_pages(browser: Browser, as_administrator: Client, comment: str) -> None:
    ticket = browser.shown()
    browser.answer(ticket, 3, comment=comment, completed=True)
    kept = Response.objects.get()
    assert kept.comment == comment

    page = as_administrator.get(f"/feedback/{kept.pk}/").content.decode()

    assert "<script>alert(1)" not in page
    assert "<img src=x" not in page


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("comment", 7), ("comment", "x" * 6000), ("comment", ["x"]), ("answers", "x"), ("may_contact", "yes"),
        ("completed", 1), ("answers", {"no_such": "x"}),
    ],
)  # fmt: skip
def test_answers_of_the_wrong_kind_are_refused_by_name(browser: Browser, name: str, value: Any) -> None:
    ticket = browser.shown()
    answer = browser.answer(ticket, 9, **{name: value})
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["attr"].startswith(name)


def test_g43_g44_g45_pages_lose_their_query_and_titles_and_agents_are_not_kept(
    shop: Shop, browser: Browser, ida: Contact
) -> None:
    browser.more = {
        "url": f"{ORIGIN}/reset?reset=TOKEN&email=ida@fjord.example#secret", "title": "<b>x</b>", "agent": "<i>y</i>",
    }  # fmt: skip
    ticket = browser.sign_in().shown()
    browser.send(
        "answer",
        {"kind": "answer", "ticket": ticket, "score": 9, "gesture": "key"},
        HTTP_USER_AGENT="<u>z</u>",
    )

    ask, answer = Invitation.objects.get(), Response.objects.get()
    assert ask.context == {"page": f"{ORIGIN}/reset"}
    everything = json.dumps(
        [ask.context, answer.attributes, list(Visitor.objects.values_list("traits", flat=True))]
    )
    for left_out in ("TOKEN", "secret", "<b>", "<i>", "<u>"):
        assert left_out not in everything


# --- Wire: G47–G49 ------------------------------------------------------------------------------------------------------
def test_g47_beacons_are_read_and_judged_like_the_rest(browser: Browser) -> None:
    ticket = browser.shown()
    assert browser.answer(ticket, 9).status_code == 200  # Browser sends text/plain
    assert browser.answer(ticket, 99).status_code == 400


@pytest.mark.parametrize(
    "kind", ["multipart/form-data; boundary=x", "application/x-www-form-urlencoded", "text/html", ""]
)
def test_g48_forms_are_no_json(browser: Browser, kind: str) -> None:
    answer = browser.send("decide", raw="x=1", content_type=kind)
    assert answer.status_code == 415


@pytest.mark.parametrize(
    "raw", ["[]", "null", "7", '"x"', "{", "\xff", '{"visitor": 1}', '{"visitor": "short"}', "{}"]
)
def test_bodies_that_are_none_of_ours_are_refused(browser: Browser, raw: str) -> None:
    assert browser.send("decide", raw=raw).status_code == 400


@pytest.mark.parametrize("ticket", ["", "x", None, 7, "a:b", "x" * 700, {"a": 1}])
def test_made_up_tickets_are_refused(browser: Browser, ticket: Any) -> None:
    for kind in ("view", "answer", "decline", "dismiss"):
        answer = browser.send("answer", {"kind": kind, "ticket": ticket, "score": 9, "gesture": "key"})
        assert (answer.status_code, code_of(answer)) == (410, "unknown_ticket")


def test_an_offer_is_no_ask_and_an_ask_is_no_offer(browser: Browser) -> None:
    offered = browser.decide()
    ask = browser.view(offered)["ticket"]
    assert browser.answer(offered["survey"]["ticket"], 9).status_code == 410
    assert browser.send("answer", {"kind": "view", "ticket": ask}).status_code == 410


def test_another_widgets_ask_is_refused(shop: Shop, browser: Browser) -> None:
    ticket = browser.shown()
    second = Shop(shop.actor, name="Second")
    assert Browser(second).answer(ticket, 9).status_code == 410


def test_g49_trouble_with_the_database_is_a_quiet_later(
    browser: Browser, monkeypatch: pytest.MonkeyPatch, caplog: Any
) -> None:
    def broken(**_: Any) -> Any:
        raise DatabaseError("down")

    browser.decide()
    monkeypatch.setattr(queries, "look_at", broken)

    answer = browser.send("decide")

    assert (answer.status_code, code_of(answer)) == (503, "unavailable")
    assert answer["Access-Control-Allow-Origin"] == ORIGIN
    assert "down" not in answer.content.decode()


@pytest.mark.parametrize(
    "events",
    [
        "x", [1], [{}], [{"id": "x", "name": "y"}], [{"id": "event-00000000001", "name": ""}],
        [{"id": "event-00000000001", "name": "x\x00y\n"}], [{"id": "event-00000000001", "name": "x" * 81}],
        [{"id": "event-00000000001", "name": "x", "data": [1]}], [{"id": "event-00000000001", "name": "x"}] * 21,
    ],
)  # fmt: skip
def test_events_that_are_none_are_refused_whole(browser: Browser, events: Any) -> None:
    assert browser.send("track", {"events": events}).status_code == 400


# --- Settings -------------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    "origin",
    [
        "app.example.com", "https://app.example.com/path", "https://*.example.com", "*", "null", "ftp://x.example",
        "https://a@b.example", "https://", "https://x.example?y", "javascript:alert(1)", "https://-x.example",
        "https://x..example", "https://x.example:99999",
    ],
)  # fmt: skip
def test_origins_that_no_browser_sends_are_refused(lead: User, origin: str) -> None:
    with pytest.raises(Invalid) as refusal:
        manage.create_widget(name="X", origins=[origin], actor=lead)
    assert refusal.value.field == "origins"


@pytest.mark.parametrize(
    ("written", "kept"),
    [
        ("https://App.Example.com/", "https://app.example.com"),
        ("https://app.example.com:443", "https://app.example.com"),
        ("http://localhost:3000", "http://localhost:3000"),
        ("https://büro.example", "https://xn--bro-hoa.example"),
        ("https://[::1]:8443", "https://[::1]:8443"),
    ],
)
def test_origins_are_kept_as_browsers_send_them(lead: User, written: str, kept: str) -> None:
    widget, _ = manage.create_widget(name="X", origins=[written, kept], actor=lead)
    assert widget.origins == [kept]


def test_a_secret_is_sealed_and_each_widget_has_its_own(shop: Shop) -> None:
    second = Shop(shop.actor, name="Second")
    stored = shop.reread()
    assert shop.secret not in stored.secret
    assert shop.secret != second.secret
    assert "secret" not in json.dumps(list(stored.history.values("name", "origins", "key")))


def test_a_name_is_taken_once(shop: Shop) -> None:
    with pytest.raises(Refused) as refusal:
        manage.create_widget(name="Shop", origins=[], actor=shop.actor)
    assert refusal.value.field == "name"
