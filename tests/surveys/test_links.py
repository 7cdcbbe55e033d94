"""Public links: whoever opens one may answer, nobody is recorded by looking, and nobody can flood it."""

import datetime as dt
import re
from typing import Any

import pytest
import time_machine
from django.http import HttpResponse
from django.test import Client
from django.urls import reverse

from core import clock
from core.errors import Invalid, Refused
from surveys import tokens
from surveys.models import PublicLink, Response, Survey
from surveys.queries import links as queries
from surveys.services import links as services
from surveys.services.links import LinkPlan
from surveys.tokens import Purpose
from team.models import User
from tests.conftest import Browser
from tests.surveys import hosted
from tests.surveys.hosted import nonce_in

pytestmark = pytest.mark.django_db


def a_link(lead: User, survey: Survey | None = None, **plan: Any) -> PublicLink:
    return services.create_link(
        survey=survey or hosted.survey(), plan=LinkPlan(**{"name": "Booth", **plan}), actor=lead
    )


class Passer:
    """Somebody without cookies who opens a link, from a network address."""

    def __init__(self, link: PublicLink, network: str = "192.0.2.7", *, embedded: bool = False) -> None:
        self.client = Client(enforce_csrf_checks=True, REMOTE_ADDR=network)
        self.token = queries.token_of(link)
        self.route = "surveys:link_embed" if embedded else "surveys:link"

    @property
    def url(self) -> str:
        return reverse(self.route, args=[self.token])

    def look(self, **query: Any) -> HttpResponse:
        return self.client.get(self.url, query)

    def nonce(self, age: float = 10) -> str:
        page = queries.find_page(self.token, now=clock.now())
        assert page is not None
        return page.make_nonce(clock.now() - dt.timedelta(seconds=age))

    def send(
        self, score: Any = 9, comment: str = "", *, nonce: str = "", age: float = 10, **more: Any
    ) -> HttpResponse:
        data = {
            "score": score,
            "comment": comment,
            "nonce": nonce or self.nonce(age),
            "via": "button",
            "script": "",
        }
        return self.client.post(self.url, data | more)


def answers() -> list[tuple[int, str, str]]:
    return list(Response.objects.order_by("pk").values_list("score", "source", "identity"))


@pytest.fixture
def link(lead: User) -> PublicLink:
    return a_link(lead, source_tag="booth-hamburg")


# --- Answering -----------------------------------------------------------------------------------------------
def test_looking_records_nothing_and_sending_records_an_anonymous_answer(link: PublicLink) -> None:
    passer = Passer(link)
    assert passer.look().status_code == 200
    chosen = passer.client.get(reverse("surveys:link_score", args=[passer.token, 7]))
    assert hosted.chosen(chosen) == "7"
    assert answers() == []

    sent = passer.send(3, "Too slow", lang="de")

    assert sent.status_code == 303
    assert answers() == [(3, "link:booth-hamburg", "anonymous")]
    answer = Response.objects.get()
    assert (answer.channel, answer.comment, answer.language) == ("link", "Too slow", "de")
    assert answer.attributes["source_tag"] == "booth-hamburg"
    assert answer.contact_id is None
    assert answer.version_id == link.survey.current_id
    thanks = passer.client.get(sent["Location"])
    assert thanks.status_code == 200
    assert "<b>3</b>" in thanks.content.decode()


def test_the_page_speaks_the_browsers_language_and_the_one_asked_for(link: PublicLink) -> None:
    passer = Passer(link)

    german = passer.client.get(passer.url, headers={"accept-language": "de-AT,de;q=0.9"})
    english = passer.client.get(passer.url, {"lang": "en"}, headers={"accept-language": "de"})

    assert 'lang="de"' in german.content.decode()
    assert "Wie wahrscheinlich" in german.content.decode()
    assert "How likely" in english.content.decode()


def test_one_page_is_one_answer_however_often_it_is_sent(link: PublicLink) -> None:
    passer = Passer(link)
    nonce = nonce_in(passer.look())
    later = clock.now() + dt.timedelta(seconds=20)

    with time_machine.travel(later):
        passer.send(4, nonce=nonce)
        passer.send(4, nonce=nonce)
        passer.send(6, "On second thought", nonce=nonce)

    assert answers() == [(6, "link:booth-hamburg", "anonymous")]
    assert Response.objects.get().comment == "On second thought"


def test_two_people_who_open_the_page_at_once_are_two_answers(link: PublicLink, frozen: Any) -> None:
    one, other = Passer(link), Passer(link)
    first, second = nonce_in(one.look()), nonce_in(other.look())
    frozen.shift(30)
    one.send(9, nonce=first)
    other.send(2, nonce=second)

    assert [score for score, _, _ in answers()] == [9, 2]


def test_an_answer_keeps_the_wording_it_saw(link: PublicLink, lead: User, frozen: Any) -> None:
    from surveys.content import Content, Words
    from surveys.services import surveys as survey_services

    passer = Passer(link)
    nonce = nonce_in(passer.look())
    seen = link.survey.current_id
    survey_services.update_survey(
        survey=link.survey, name="Product NPS", actor=lead,
        content=Content(subject_name="Fleetdesk", languages={"en": Words(question="And now?")}),
    )  # fmt: skip
    frozen.shift(60)
    passer.send(8, nonce=nonce)

    link.survey.refresh_from_db()
    assert Response.objects.get().version_id == seen != link.survey.current_id
    assert "And now?" in passer.look().content.decode()


@pytest.mark.parametrize(
    "sent",
    [
        {"nonce": "1.x.y"},
        {"nonce": "no"},
        {"age": 60 * 60 * 25},
        {"age": -60},
        {"age": 0.2},
        {"website": "http://spam.example"},
        {"script": "1"},
        {"via": ""},
    ],
    ids=["forged", "short", "old", "of-the-future", "too-fast", "honeypot", "scripted", "without-button"],
)
def test_what_no_person_sent_is_shown_again_and_not_recorded(link: PublicLink, sent: dict[str, Any]) -> None:
    shown = Passer(link).send(9, "Please keep this", **sent)

    assert shown.status_code in {200, 400}
    assert "Please keep this" in shown.content.decode()
    assert answers() == []


def test_further_questions_and_other_scales_come_through_a_link_too(lead: User) -> None:
    survey = hosted.survey("Support", questions=[{"key": "why", "kind": "text"}])
    passer = Passer(a_link(lead, survey))
    assert 'name="q-why"' in passer.look().content.decode()
    sent = passer.send(4, **{"q-why": "Slow", "asked": "why"})

    assert sent.status_code == 303
    assert Response.objects.get().answers == {"why": "Slow"}


def test_what_came_in_is_read_on_the_scale_of_the_survey(lead: User, as_lead: Client) -> None:
    survey = hosted.survey("Support", metric="csat")
    Survey.objects.filter(pk=survey.pk).update(metric="csat")
    survey.refresh_from_db()
    link = a_link(lead, survey, source_tag="receipt")
    for score in (5, 4, 4, 2):
        Passer(link).send(score)

    row = queries.sources(lead, survey)["link:receipt"]
    assert (row.n, row.summary.good, row.summary.share) == (4, 3, 75)
    for route, pk in (("link_list", survey.pk), ("link_detail", link.pk)):
        page = as_lead.get(reverse(f"surveys:{route}", args=[pk])).content.decode()
        assert "75 %" in page
        assert "promoters" not in page


def test_a_nonce_of_another_link_is_worth_nothing(link: PublicLink, lead: User) -> None:
    other = a_link(lead, link.survey, name="Other")
    Passer(link).send(9, nonce=Passer(other).nonce())

    assert answers() == []


@pytest.mark.parametrize("score", ["11", "-1", "9.5", "", "９", "abc"])
def test_what_is_no_score_is_refused(link: PublicLink, score: str) -> None:
    assert Passer(link).send(score).status_code == 400
    assert answers() == []


def test_tokens_of_other_purposes_open_nothing(link: PublicLink) -> None:
    client = Client()
    for purpose in (Purpose.ANSWER, Purpose.UNSUBSCRIBE, Purpose.RECEIPT):
        assert client.get(reverse("surveys:link", args=[tokens.make(purpose, link.pk)])).status_code == 404
    token = queries.token_of(link)
    assert client.get(reverse("surveys:link", args=[token[:-1] + "x"])).status_code == 404
    assert client.get(reverse("surveys:respond", args=[token])).status_code == 404


def test_a_receipt_of_another_survey_shows_nothing(link: PublicLink, lead: User) -> None:
    other = a_link(lead, hosted.survey("Another"))
    Passer(other).send(2)
    foreign = tokens.make(Purpose.RECEIPT, Response.objects.get().pk)

    page = Client().get(reverse("surveys:link_thanks", args=[queries.token_of(link)]), {"a": foreign})

    assert page.status_code == 302


@pytest.mark.parametrize("state", ["off", "draft", "archived"])
def test_a_closed_link_says_so_and_takes_nothing(link: PublicLink, lead: User, state: str) -> None:
    passer = Passer(link)
    nonce = passer.nonce()
    if state == "off":
        services.switch(link=link, on=False, actor=lead)
    else:
        Survey.objects.update(state=state)

    assert passer.look().status_code == 410
    assert passer.send(9, nonce=nonce).status_code == 410
    assert answers() == []
    if state == "off":
        services.switch(link=link, on=True, actor=lead)
        assert passer.look().status_code == 200


# --- Who it is -----------------------------------------------------------------------------------------------
def test_only_who_may_give_an_address_is_asked_whether_they_may_be_contacted(
    link: PublicLink, lead: User
) -> None:
    asking = a_link(lead, link.survey, name="Asks for it", asks_email=True)

    assert "You may contact me" not in Passer(link).look().content.decode()
    assert "You may contact me" in Passer(asking).look().content.decode()


def test_an_address_is_asked_for_only_where_it_is_wanted(link: PublicLink, lead: User) -> None:
    person = hosted.contact("jonas@example.com")
    asking = a_link(lead, link.survey, name="With address", asks_email=True)
    assert 'name="email"' not in Passer(link).look().content.decode()
    assert 'name="email"' in Passer(asking).look().content.decode()

    Passer(link).send(1, email="jonas@example.com")
    Passer(asking).send(9, email=" Jonas@Example.com ")
    Passer(asking).send(8, email="nobody@example.org")
    Passer(asking).send(7)

    assert [identity for _, _, identity in answers()] == ["anonymous", "matched", "inbox", "anonymous"]
    assert Response.objects.get(score=9).contact_id == person.pk


def test_a_mistyped_address_loses_no_answer(lead: User) -> None:
    Passer(a_link(lead, asks_email=True)).send(5, email="jonas at example")

    assert answers() == [(5, "link", "inbox")]


# --- Floods --------------------------------------------------------------------------------------------------
def test_ten_thousand_votes_of_one_address_are_capped_and_shown_apart(lead: User, as_lead: Client) -> None:
    link = a_link(lead, address_hourly_limit=5, hourly_limit=8)
    flood = Passer(link, "203.0.113.9")
    for _ in range(12):
        refused = flood.send(0, "down with it", lang="de")

    assert len(answers()) == 5
    assert refused.status_code == 429
    assert int(refused["Retry-After"]) > 0
    assert "down with it" in refused.content.decode()
    assert "Einen Moment" in refused.content.decode()
    link.refresh_from_db()
    assert (link.refused_count, link.last_refused_at is not None) == (7, True)

    # Others go on, until the link as a whole has had enough.
    for n in range(4):
        Passer(link, f"198.51.100.{n}").send(10)
    assert len(answers()) == 8

    page = as_lead.get(reverse("surveys:link_detail", args=[link.pk])).content.decode()
    assert "8 answers came after a limit was reached" in page


def test_a_refused_answer_can_be_sent_again_later(lead: User, frozen: Any) -> None:
    link = a_link(lead, address_hourly_limit=1)
    passer = Passer(link)
    passer.send(9)
    kept = passer.send(4, "Still here")
    nonce = nonce_in(kept)

    assert len(answers()) == 1
    assert re.search(r'<textarea name="comment"[^>]*>\s*Still here</textarea>', kept.content.decode())
    from core.models import RateBucket

    RateBucket.objects.all().delete()
    passer.send(4, "Still here", nonce=nonce)
    assert len(answers()) == 2


# --- Kiosk ---------------------------------------------------------------------------------------------------
def test_a_kiosk_thanks_without_the_score_and_goes_back_to_the_start(lead: User) -> None:
    link = a_link(lead, is_kiosk=True, kiosk_seconds=12)
    passer = Passer(link)

    sent = passer.send(2, "Secret of the person before")
    thanks = passer.client.get(sent["Location"])

    html = thanks.content.decode()
    assert f'http-equiv="refresh" content="12;url={passer.url}"' in html
    assert "<b>2</b>" not in html
    assert "a=" not in sent["Location"]
    assert thanks["Cache-Control"] == "no-store"
    assert "Secret" not in passer.look().content.decode()


def test_the_next_person_at_a_kiosk_cannot_change_the_answer_before(lead: User) -> None:
    passer = Passer(a_link(lead, is_kiosk=True))
    nonce = passer.nonce()
    passer.send(9, "Lovely", nonce=nonce)
    again = passer.send(0, "Changed by the next", nonce=nonce)

    assert again.status_code == 303
    assert answers() == [(9, "link", "anonymous")]
    assert Response.objects.get().comment == "Lovely"


# --- Inside another web site ---------------------------------------------------------------------------------
def test_exactly_the_links_own_web_sites_may_frame_it(lead: User) -> None:
    link = a_link(lead, origins=("https://www.example.com", "http://localhost:8123"))
    inside = Passer(link, embedded=True).look()

    policy = inside["Content-Security-Policy"]
    assert re.search(r"frame-ancestors https://www\.example\.com http://localhost:8123(;|$)", policy)
    assert "X-Frame-Options" not in inside
    assert "script-src 'self'" in policy
    assert "form-action 'self'" in policy
    sent = Passer(link, embedded=True).send(9)
    thanks = Client().get(sent["Location"])
    assert "frame-ancestors https://www.example.com" in thanks["Content-Security-Policy"]

    outside = Passer(link).look()
    assert outside["X-Frame-Options"] == "DENY"
    assert "frame-ancestors 'none'" in outside["Content-Security-Policy"]


def test_without_web_sites_there_is_nothing_to_embed(link: PublicLink) -> None:
    shown = Passer(link, embedded=True).look()

    assert shown.status_code == 404
    assert shown["X-Frame-Options"] == "DENY"
    assert "frame-ancestors 'none'" in shown["Content-Security-Policy"]


@pytest.mark.parametrize(
    ("typed", "origin"),
    [
        ("https://www.example.com", "https://www.example.com"),
        ("https://WWW.Example.com/", "https://www.example.com"),
        ("https://example.com:443", "https://example.com"),
        ("https://example.com:8443", "https://example.com:8443"),
        ("http://localhost:3000", "http://localhost:3000"),
    ],
)
def test_origins_are_kept_as_browsers_name_them(typed: str, origin: str) -> None:
    assert services.read_origins(typed) == (origin,)


@pytest.mark.parametrize(
    "typed",
    [
        "*", "https://*", "https://*.example.com", "example.com", "http://example.com", "https://example.com/path",
        "https://user@example.com", "javascript:alert(1)", "data:text/html,x", "null", "https://a;script-src *",
        "https://a,https://b", "https://example.com:99999", "https://", "https://exa mple.com'", "'self'", "https://..",
    ],
)  # fmt: skip
def test_what_is_no_origin_never_reaches_a_header(lead: User, typed: str) -> None:
    with pytest.raises(Invalid):
        a_link(lead, origins=(typed,))
    assert not PublicLink.objects.exists()


# --- The team's side -----------------------------------------------------------------------------------------
def test_a_lead_makes_changes_and_switches_a_link(as_lead: Client, lead: User) -> None:
    survey = hosted.survey()
    made = as_lead.post(
        reverse("surveys:link_new", args=[survey.pk]),
        {"name": "Receipt", "source_tag": "Receipt", "kiosk_seconds": 10, "origins": "https://shop.example",
         "address_hourly_limit": 60, "hourly_limit": 1000},
    )  # fmt: skip
    link = PublicLink.objects.get()
    assert made["Location"] == reverse("surveys:link_detail", args=[link.pk])
    assert (link.source_tag, link.origins, link.created_by) == ("receipt", ["https://shop.example"], lead)
    page = as_lead.get(made["Location"]).content.decode()
    assert queries.address_of(link) in page
    assert "&lt;iframe src=" in page
    assert "sandbox=" in page

    address = queries.address_of(link)
    as_lead.post(
        reverse("surveys:link_edit", args=[link.pk]),
        {"name": "Receipts", "kiosk_seconds": 10, "address_hourly_limit": 5, "hourly_limit": 9},
    )
    link.refresh_from_db()
    assert (link.name, link.source_tag, link.origins, queries.address_of(link)) == (
        "Receipts",
        "",
        [],
        address,
    )
    as_lead.post(reverse("surveys:link_switch", args=[link.pk]))
    link.refresh_from_db()
    assert not link.is_active


@pytest.mark.parametrize(
    ("field", "value"),
    [("name", ""), ("source_tag", "a b"), ("source_tag", "ä"), ("kiosk_seconds", "2"), ("hourly_limit", "0"),
     ("origins", "https://*")],
)  # fmt: skip
def test_a_wrong_field_is_named(as_lead: Client, field: str, value: str) -> None:
    survey = hosted.survey()
    data = {
        "name": "Receipt",
        "kiosk_seconds": 10,
        "address_hourly_limit": 60,
        "hourly_limit": 1000,
        field: value,
    }
    refused = as_lead.post(reverse("surveys:link_new", args=[survey.pk]), data)

    assert refused.status_code == 422
    assert field in refused.context["form"].errors
    assert not PublicLink.objects.exists()


def test_two_links_of_a_survey_have_two_names(lead: User, link: PublicLink) -> None:
    with pytest.raises(Refused) as refusal:
        a_link(lead, link.survey)
    assert refusal.value.field == "name"
    a_link(lead, hosted.survey("Another"))


def test_whoever_may_look_sees_the_link_and_only_leads_change_it(
    link: PublicLink, as_viewer: Client, as_csm: Client
) -> None:
    assert as_viewer.get(reverse("surveys:link_list", args=[link.survey_id])).status_code == 200
    assert as_csm.get(reverse("surveys:link_detail", args=[link.pk])).status_code == 200
    for name in ("link_edit", "link_switch"):
        assert as_csm.post(reverse(f"surveys:{name}", args=[link.pk])).status_code == 403
    assert as_csm.get(reverse("surveys:link_new", args=[link.survey_id])).status_code == 403
    assert as_viewer.get(reverse("surveys:link_detail", args=[link.pk + 1])).status_code == 404


def test_figures_are_told_apart_by_source_and_lead_to_their_rows(
    link: PublicLink, lead: User, as_lead: Client, browser_of: Browser, csm: User
) -> None:
    other = a_link(lead, link.survey, name="Mailing", source_tag="mailing")
    for score in (10, 9, 3):
        Passer(link).send(score)
    Passer(other).send(6)

    found = queries.sources(lead, link.survey)
    assert {source: (row.counts.n, row.counts.score) for source, row in found.items()} == {
        "link:booth-hamburg": (3, 33),
        "link:mailing": (1, -100),
    }
    listed = as_lead.get(found["link:booth-hamburg"].url)
    assert listed.context["page"].paginator.count == 3
    # Nobody's answers are for those who see everything.
    assert queries.sources(csm, link.survey) == {}


# --- QR ------------------------------------------------------------------------------------------------------
def test_the_code_comes_as_svg_and_png(link: PublicLink, as_lead: Client) -> None:
    svg = as_lead.get(reverse("surveys:link_qr", args=[link.pk, "svg"]), {"download": ""})
    png = as_lead.get(reverse("surveys:link_qr", args=[link.pk, "png"]))

    assert svg["Content-Type"] == "image/svg+xml"
    assert b"style" not in svg.content
    assert svg["Content-Disposition"] == 'attachment; filename="qr-product-nps-booth.svg"'
    assert png["Content-Type"] == "image/png"
    assert png.content.startswith(b"\x89PNG")
    sheet = as_lead.get(reverse("surveys:link_print", args=[link.pk]), {"lang": "de"}).content.decode()
    assert "Wie wahrscheinlich" in sheet
    assert queries.address_of(link) in sheet


def test_the_frames_script_is_there_for_every_web_site() -> None:
    script = Client().get(reverse("surveys:link_frame_js"))

    assert script["Content-Type"].startswith("text/javascript")
    assert script["Access-Control-Allow-Origin"] == "*"
    assert "event.origin !== home" in script.content.decode()
