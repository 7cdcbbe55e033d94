"""The hosted page over HTTP: who is believed, what is kept, and what late or strange requests meet."""

import datetime as dt
import threading
from typing import Any

import pytest
from django.db import OperationalError, connections
from django.test import Client
from django.urls import reverse

from accounts.models import Event
from core import clock
from core.errors import Refused
from surveys import ingest, tokens
from surveys.models import Invitation, PageVisit, Response, ScoreIntent
from tests.surveys import hosted
from tests.surveys.hosted import Respondent, chosen, nonce_in

pytestmark = pytest.mark.django_db


@pytest.fixture
def jonas() -> Respondent:
    return Respondent(hosted.invitation())


def responses() -> list[Response]:
    return list(Response.objects.order_by("pk"))


# --- Looking ---------------------------------------------------------------------------------------------------
def test_a_click_on_a_number_shows_it_chosen_and_records_no_answer(jonas: Respondent) -> None:
    page = jonas.look(7)

    assert page.status_code == 200
    assert chosen(page) == "7"
    assert "What would have made it a 9 or 10?" in page.content.decode()
    assert responses() == []
    intent = ScoreIntent.objects.get()
    assert (intent.score, intent.state, intent.suspicion) == (7, "waiting", "")


def test_looking_without_a_number_leaves_no_intent(jonas: Respondent) -> None:
    jonas.look()

    assert ScoreIntent.objects.count() == 0
    assert [visit.kind for visit in PageVisit.objects.all()] == ["page"]


def test_a_scanner_that_opens_everything_is_listed_and_counted_nowhere(jonas: Respondent) -> None:
    for score in range(11):
        jonas.client.head(jonas.url("score_link", score))
    for score in range(11):
        jonas.look(score)
    jonas.client.get(jonas.url("respond_hidden"))

    assert responses() == []
    assert Event.objects.count() == 0
    intent = ScoreIntent.objects.get()
    assert set(intent.suspicion.split(",")) == {"many_links", "hidden_link"}
    assert intent.evidence["scores"] == list(range(11))


def test_the_page_says_no_more_of_a_person_than_the_first_name() -> None:
    person = hosted.contact(
        "jonas.weber@example.com", first_name="Jonas", last_name="Weber", job_title="Buyer"
    )
    asked = hosted.survey(
        languages={"en": {"question": "{{ first_name|Friend }}, would you recommend {subject}?"}}
    )
    page = Respondent(hosted.invitation(person=person, asked=asked)).look().content.decode()

    assert "Jonas, would you recommend Fleetdesk?" in page
    for secret in ("Weber", "jonas.weber", "Buyer", "Nordwind"):
        assert secret not in page


def test_the_page_is_not_indexed_not_kept_and_tells_nobody_where_one_came_from(jonas: Respondent) -> None:
    page = jonas.look(9)

    assert page["Referrer-Policy"] == "no-referrer"
    assert "noindex" in page["X-Robots-Tag"]
    assert page["Cache-Control"] == "no-store"
    assert "frame-ancestors 'none'" in page["Content-Security-Policy"]
    assert "unsafe-inline" not in page["Content-Security-Policy"]
    assert not page.cookies


def test_the_page_speaks_the_language_of_the_contact_and_can_be_switched() -> None:
    jonas = Respondent(hosted.invitation(person=hosted.contact(language="de-AT")))

    assert "Absenden" in jonas.look().content.decode()
    assert 'lang="de"' in jonas.look().content.decode()
    assert ">Send<" in jonas.look(lang="en").content.decode()
    assert "Absenden" in jonas.look(lang="../../zz").content.decode()


def test_the_page_costs_few_queries(jonas: Respondent, django_assert_max_num_queries: Any) -> None:
    jonas.look()

    with django_assert_max_num_queries(8):  # find, workspace, transaction, lock, count, note
        jonas.look()


# --- Answering -------------------------------------------------------------------------------------------------
def test_a_person_without_script_answers_with_the_button(jonas: Respondent) -> None:
    page = jonas.look(9)
    sent = jonas.client.post(
        jonas.url(),
        {
            "score": "9",
            "comment": "Routes plan themselves.",
            "nonce": jonas.nonce(),
            "via": "button",
            "script": "",
        },
    )

    assert nonce_in(page)
    assert sent.status_code == 303
    thanks = jonas.client.get(sent["Location"])
    assert "We are glad that Fleetdesk works so well" in thanks.content.decode()
    (answer,) = responses()
    assert (answer.score, answer.comment, answer.state) == (9, "Routes plan themselves.", "completed")
    assert answer.contact_id == jonas.invitation.contact_id
    assert (answer.source, answer.channel, answer.version_id) == (
        "hosted",
        "email",
        jonas.invitation.version_id,
    )
    assert ScoreIntent.objects.get().state == "confirmed"
    asked = Invitation.objects.get()
    assert asked.state == "answered"
    assert asked.opened_at is not None


def test_the_first_gesture_commits_the_score_and_the_comment_may_come_later(jonas: Respondent) -> None:
    jonas.look(3)

    assert jonas.gesture(3).status_code == 204
    (answer,) = responses()
    assert (answer.score, answer.state, answer.comment) == (3, "scored", "")

    jonas.send(3, "Too slow.", script="1", gesture="pointer")
    (answer,) = responses()
    assert (answer.state, answer.comment) == ("completed", "Too slow.")
    assert sorted(Event.objects.values_list("kind", flat=True)) == ["response.completed", "response.scored"]


def test_a_gesture_told_twice_changes_nothing(jonas: Respondent) -> None:
    jonas.gesture(8)
    before = responses()[0].source_updated_at

    assert jonas.gesture(8).status_code == 204
    assert responses()[0].source_updated_at == before


@pytest.mark.parametrize("kind", ["", "scroll", "script", "mouseover"])
def test_what_is_no_gesture_commits_nothing(jonas: Respondent, kind: str) -> None:
    assert jonas.gesture(8, kind=kind).status_code == 400
    assert responses() == []


@pytest.mark.parametrize(
    ("how", "signal"),
    [
        ({"age": 0.2}, "too_fast"),
        ({"script": "1", "via": ""}, "scripted"),
        ({"script": "1"}, "scripted"),
        ({"via": ""}, "scripted"),
        ({"website": "https://spam.example"}, "hidden_field"),
    ],
    ids=["too-fast", "form-submit-by-script", "button-clicked-by-script", "without-button", "hidden-field"],
)
def test_a_suspicious_form_is_held_back_with_its_comment(
    jonas: Respondent, how: dict[str, Any], signal: str
) -> None:
    page = jonas.send(2, "Kept for a human to read.", **how)

    assert page.status_code == 200
    assert "One more click, please" in page.content.decode()
    assert "Kept for a human to read." in page.content.decode()
    assert responses() == []
    assert Event.objects.count() == 0
    intent = ScoreIntent.objects.get()
    assert (intent.score, intent.comment, intent.suspicion) == (2, "Kept for a human to read.", signal)


def test_an_answer_right_after_delivery_needs_a_gesture() -> None:
    asked = hosted.invitation(asked_at=clock.now() - dt.timedelta(seconds=10))
    jonas = Respondent(asked)

    jonas.send(9, age=5)
    assert (responses(), ScoreIntent.objects.get().suspicion) == ([], "too_soon")

    jonas.send(9, age=5, script="1", gesture="key")
    assert len(responses()) == 1


def test_a_person_who_was_held_back_presses_once_more(jonas: Respondent) -> None:
    jonas.send(9, "Fine", age=0.3)

    assert jonas.send(9, "Fine", age=4).status_code == 303
    assert [(answer.score, answer.comment) for answer in responses()] == [(9, "Fine")]
    intent = ScoreIntent.objects.get()
    assert (intent.state, intent.comment) == ("confirmed", "")


def test_a_person_answers_after_a_scanner_was_there(jonas: Respondent) -> None:
    with_scanner = clock.now() - dt.timedelta(minutes=50)
    for score in range(11):
        PageVisit.objects.create(invitation=jonas.invitation, kind="score", score=score, at=with_scanner)
    jonas.look(6)

    assert jonas.gesture(6).status_code == 204
    assert [answer.score for answer in responses()] == [6]


@pytest.mark.parametrize(
    "score",
    ["-1", "11", "10.5", "1e1", "０", "", "seven", "null", "true", " 9", "09"],
    ids=lambda s: s or "empty",
)
def test_a_score_that_is_none_is_refused_and_the_text_kept(jonas: Respondent, score: str) -> None:
    page = jonas.send(score, "My words stay.")

    assert page.status_code == 400
    assert "Please choose a number from 0 to 10." in page.content.decode()
    assert "My words stay." in page.content.decode()
    assert (responses(), ScoreIntent.objects.count()) == ([], 0)


def test_two_scores_or_none_are_no_score(jonas: Respondent) -> None:
    for score in (["0", "10"], []):
        assert jonas.send(score).status_code == 400
    assert (
        jonas.client.post(jonas.url(), {"score[]": "9", "nonce": jonas.nonce(), "via": "button"}).status_code
        == 400
    )
    assert responses() == []


def test_zero_is_a_score(jonas: Respondent) -> None:
    jonas.send(0)

    assert [answer.score for answer in responses()] == [0]


@pytest.mark.parametrize("nonce", ["", "x", "foreign", "future"])
def test_a_form_that_no_page_of_this_link_carried_is_shown_again(jonas: Respondent, nonce: str) -> None:
    made = {
        "foreign": tokens.make_nonce("another", clock.now()),
        "future": tokens.make_nonce(jonas.token, clock.now() + dt.timedelta(hours=1)),
    }.get(nonce, nonce)
    page = jonas.send(9, "Still here", nonce=made)

    assert page.status_code == 400
    assert "Still here" in page.content.decode()
    assert (responses(), ScoreIntent.objects.count()) == ([], 0)


def test_fields_that_are_not_asked_for_are_ignored(jonas: Respondent) -> None:
    other = hosted.contact("other@example.com")
    jonas.send(
        9, contact_id=other.pk, account=other.account_id, created_at="1999-01-01", responded_at="2099-01-01"
    )

    (answer,) = responses()
    assert answer.contact_id == jonas.invitation.contact_id
    assert answer.responded_at <= clock.now()


@pytest.mark.parametrize(
    "text",
    [
        "<script>alert(1)</script>",
        "</textarea><script>alert(1)</script>",
        "{{ 7|add:7 }}{% debug %}{0.__class__}%(x)s%n",
        "'||pg_sleep(5)--",
        "=cmd|' /C calc'!A0",
        "👩‍👩‍👧‍👦🏳️‍🌈 sehr gut 🚀",
        "שלום עולם \u202eevil\u202c",
        "Z\u0300\u0301" * 50,
        "first\nsecond\n\nthird",
    ],
)
def test_a_comment_is_kept_letter_for_letter_and_shown_inert(jonas: Respondent, text: str) -> None:
    jonas.send(9, text)

    assert responses()[0].comment == text
    page = jonas.look().content.decode()
    assert "<script>alert" not in page


def test_null_bytes_and_line_ends_are_made_plain(jonas: Respondent) -> None:
    jonas.send(9, "a\x00b\r\nc\x1b[2J")

    assert responses()[0].comment == "ab\nc[2J"


def test_a_comment_of_20000_characters_is_kept_whole(jonas: Respondent) -> None:
    jonas.send(9, "ä" * 20_000)

    assert len(responses()[0].comment) == 20_000


def test_a_longer_comment_is_refused_with_the_limit_and_not_lost(jonas: Respondent) -> None:
    page = jonas.send(9, "ä" * 20_001)

    assert page.status_code == 400
    assert "shorten your comment to 20,000 characters" in page.content.decode()
    assert page.content.decode().count("ä" * 20_001) == 1
    assert responses() == []


def test_a_body_beyond_all_reason_is_refused(jonas: Respondent) -> None:
    assert jonas.send(9, "x" * 3_000_000).status_code == 413
    assert responses() == []


# --- Again, and at once ----------------------------------------------------------------------------------------
def test_a_second_visit_shows_the_answer_and_changes_it(jonas: Respondent) -> None:
    jonas.send(4, "Slow", may_contact="1")

    page = jonas.look().content.decode()
    assert chosen(jonas.look()) == "4"
    assert "Slow" in page
    assert "Save the change" in page

    jonas.send(8, "Better now")
    (answer,) = responses()
    assert (answer.score, answer.comment) == (8, "Better now")


def test_a_click_on_another_number_after_answering_changes_nothing_by_itself(jonas: Respondent) -> None:
    jonas.send(4)
    jonas.look(10)

    assert responses()[0].score == 4


def test_pressing_twice_makes_one_answer(jonas: Respondent) -> None:
    nonce = jonas.nonce()

    assert [jonas.send(9, "Yes", nonce=nonce).status_code for _ in range(2)] == [303, 303]
    assert len(responses()) == 1


def test_after_the_edit_window_the_answer_is_kindly_closed(frozen: Any, jonas: Respondent) -> None:
    jonas.send(4, "Slow")
    frozen.shift(dt.timedelta(hours=23, minutes=59))
    assert jonas.look().status_code == 200
    assert "Save the change" in jonas.look().content.decode()

    frozen.shift(dt.timedelta(minutes=2))
    seen, sent, told = jonas.look(9), jonas.send(9), jonas.gesture(9)

    assert "You have already answered" in seen.content.decode()
    assert (seen.status_code, sent.status_code, told.status_code) == (200, 409, 409)
    assert "It can no longer be changed here" in sent.content.decode()
    assert jonas.client.get(jonas.url("respond_thanks")).status_code == 200
    assert [(answer.score, answer.comment) for answer in responses()] == [(4, "Slow")]


@pytest.mark.django_db(transaction=True)
def test_fifty_at_once_make_one_answer() -> None:
    jonas = Respondent(hosted.invitation())
    nonce, start, codes = jonas.nonce(), threading.Barrier(10), []

    def press(number: int) -> None:
        try:
            start.wait()
            for _ in range(5):
                codes.append(jonas.send(number, f"Tab {number}", nonce=nonce).status_code)
        finally:
            connections.close_all()

    tabs = [threading.Thread(target=press, args=(number,)) for number in range(10)]
    for tab in tabs:
        tab.start()
    for tab in tabs:
        tab.join()

    assert codes == [303] * 50
    assert Response.objects.count() == 1
    assert Event.objects.filter(cause_key__endswith=":scored", kind="response.scored").count() == 1


# --- Too late, forged, closed ----------------------------------------------------------------------------------
def test_an_expired_link_is_gone(frozen: Any, jonas: Respondent) -> None:
    Invitation.objects.update(expires_at=clock.now() + dt.timedelta(days=1))
    frozen.shift(dt.timedelta(days=1))

    seen, sent = jonas.look(9), jonas.send(9)

    assert (seen.status_code, sent.status_code, jonas.gesture(9).status_code) == (410, 410, 410)
    assert "This link has expired" in seen.content.decode()
    assert (responses(), ScoreIntent.objects.count()) == ([], 0)


def stop_wave(asked: Invitation) -> None:
    asked.wave.state = "stopped"
    asked.wave.save(update_fields=["state"])


def erase_contact(asked: Invitation) -> None:
    asked.contact.erased_at = clock.now()
    asked.contact.save(update_fields=["erased_at"])


def forget_contact(asked: Invitation) -> None:
    Invitation.objects.filter(pk=asked.pk).update(contact=None)


def archive_survey(asked: Invitation) -> None:
    asked.version.survey.state = "archived"
    asked.version.survey.save(update_fields=["state"])


@pytest.mark.parametrize("close", [stop_wave, erase_contact, forget_contact, archive_survey])
def test_a_closed_survey_takes_no_answer(jonas: Respondent, close: Any) -> None:
    close(jonas.invitation)

    seen, sent = jonas.look(9), jonas.send(9)

    assert (seen.status_code, sent.status_code) == (410, 410)
    assert "This survey is closed" in seen.content.decode()
    assert (responses(), ScoreIntent.objects.count()) == ([], 0)


def test_forged_links_all_meet_the_same_page(jonas: Respondent) -> None:
    strange = [
        "x",
        "1" * 300,
        "%2e%2e",
        jonas.token.swapcase(),
        jonas.token[:-1],
        tokens.make(tokens.Purpose.UNSUBSCRIBE, jonas.invitation.pk),
        tokens.make(tokens.Purpose.TEST, jonas.invitation.pk),
        tokens.make(tokens.Purpose.ANSWER, 10**9),
    ]
    pages = [jonas.client.get(f"/r/{token}/") for token in strange]
    pages += [jonas.client.get(f"/r/{jonas.token.swapcase()}/9/"), jonas.client.get(f"/r/{jonas.token}/11/")]
    pages += [jonas.client.post(f"/r/{strange[3]}/", {"score": 9}), jonas.client.get(f"/u/{jonas.token}/")]

    assert {page.status_code for page in pages} == {404}
    assert len({page.content for page in pages}) == 1
    assert "We do not know this link" in pages[0].content.decode()
    german = jonas.client.get("/r/x/", headers={"Accept-Language": "de"}).content.decode()
    assert "Diesen Link kennen wir nicht" in german


def test_who_tries_many_links_has_to_wait_and_disturbs_nobody(jonas: Respondent) -> None:
    guesses = [Client(REMOTE_ADDR="203.0.113.7").get(f"/r/guess{number}/") for number in range(70)]

    assert guesses[0].status_code == 404
    assert guesses[-1].status_code == 429
    assert int(guesses[-1]["Retry-After"]) >= 1
    assert Client(REMOTE_ADDR="203.0.113.7").get(jonas.url()).status_code == 200
    assert Client(REMOTE_ADDR="203.0.113.8").get("/r/guess/").status_code == 404


def test_other_methods_are_refused(jonas: Respondent) -> None:
    assert jonas.client.put(jonas.url()).status_code == 405
    assert jonas.client.get(jonas.url("respond_confirm")).status_code == 405
    assert jonas.client.post(jonas.url("score_link", 9)).status_code == 405


def test_links_are_keys_and_stay_out_of_the_log(jonas: Respondent, caplog: pytest.LogCaptureFixture) -> None:
    stop_wave(jonas.invitation)
    for answer in (jonas.look(9), jonas.send(9), jonas.client.put(jonas.url())):
        assert answer.status_code >= 400

    assert jonas.token not in caplog.text


def test_a_failing_database_keeps_what_was_typed(jonas: Respondent, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise OperationalError("server closed the connection unexpectedly")

    with monkeypatch.context() as broken:
        broken.setattr(ingest, "ingest", fail)
        page = jonas.send(5, "Typed for ten minutes")

    assert page.status_code == 503
    words = page.content.decode()
    assert "That did not work" in words
    assert "Typed for ten minutes" in words
    assert "Thank you" not in words
    assert responses() == []
    again = jonas.client.post(
        jonas.url(),
        {"score": "5", "comment": "Typed for ten minutes", "nonce": nonce_in(page), "via": "button"},
    )
    assert again.status_code in {200, 303}


# --- Tests of the author ---------------------------------------------------------------------------------------
def test_a_test_answer_is_shown_and_counted_nowhere(lead: Any) -> None:
    asked = hosted.survey(languages={"en": {"thanks": {"default": {"text": "Thanks for {subject}."}}}})
    test = Invitation.objects.create(version=asked.current, is_test=True, tester=lead, recipient_key="k" * 64)
    me = Respondent(test)

    page, sent = me.look(9), me.send(9, "Just trying")
    me.client.get(me.url("respond_opened"))

    assert "Test. Your answer is shown to you but not counted anywhere." in page.content.decode()
    assert sent.status_code == 200
    assert "Thanks for Fleetdesk." in sent.content.decode()
    assert "not counted anywhere" in sent.content.decode()
    assert me.gesture(9).status_code == 204
    for model in (Response, ScoreIntent, PageVisit, Event):
        assert model.objects.count() == 0


# --- Opens and brand -------------------------------------------------------------------------------------------
def test_the_picture_in_the_mail_says_once_that_it_was_opened(jonas: Respondent) -> None:
    for _ in range(2):
        answer = jonas.client.get(jonas.url("respond_opened"))

    assert (answer["Content-Type"], answer.content[:6]) == ("image/gif", b"GIF89a")
    assert Invitation.objects.get().opened_at is not None
    assert list(Event.objects.values_list("kind", flat=True)) == ["survey.opened"]
    assert (responses(), ScoreIntent.objects.count()) == ([], 0)


def test_opens_are_not_counted_where_the_survey_says_so() -> None:
    jonas = Respondent(hosted.invitation(asked=hosted.survey(track_opens=False)))
    jonas.client.get(jonas.url("respond_opened"))

    assert Invitation.objects.get().opened_at is None


def test_an_unknown_picture_looks_like_a_known_one() -> None:
    assert Client().get("/r/nonsense/o.gif").content[:6] == b"GIF89a"


def test_the_brand_is_a_stylesheet_that_is_kept_for_ever() -> None:
    jonas = Respondent(hosted.invitation(asked=hosted.survey(brand_colour="#ffcc00")))
    page = jonas.look().content.decode()

    css = jonas.client.get(reverse("surveys:brand_css", args=["ffcc00"]))

    assert "/b/ffcc00.css" in page
    assert "immutable" in css["Cache-Control"]
    assert css.content.decode() == ":root{--brand:#ffcc00;--on-brand:#111314}\n"
    assert "<style" not in page
    assert "style=" not in page


@pytest.mark.parametrize("way", ["refused", "too_big"])
def test_what_goes_wrong_on_the_gesture_keeps_the_link_out_of_the_log(
    jonas: Respondent,
    way: str,
    monkeypatch: pytest.MonkeyPatch,
    settings: Any,
    caplog: pytest.LogCaptureFixture,
) -> None:
    def refuse(**_: Any) -> None:
        raise Refused("Closed meanwhile.")

    if way == "refused":
        monkeypatch.setattr("surveys.services.respond.answer", refuse)
    else:
        settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 10
    page = jonas.gesture(9)

    assert page.status_code == {"refused": 409, "too_big": 413}[way]
    assert jonas.token not in caplog.text
