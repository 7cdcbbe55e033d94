"""The text of an SMS and the parts it takes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from surveys.channels.sms import text, words
from surveys.content import Content, Words

TAGS = {"first_name": "Ida", "account_name": "Fjord"}
LINK = "https://ask.nordlicht.example/s/2s" + "x" * 22


def composed(question: str = "", *, tags: dict[str, str] | None = None, **options: object) -> str:
    content = Content(brand_name="Nordlicht", languages={"en": Words(question=question)})
    given = {
        "company": "Nordlicht",
        "link": LINK,
        "tags": TAGS if tags is None else tags,
        "limit": 3,
        **options,
    }
    return text.compose(content, "en", **given)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("body", "encoding", "units", "segments"),
    [
        ("", "GSM-7", 0, 1),
        ("a" * 160, "GSM-7", 160, 1),
        ("a" * 161, "GSM-7", 161, 2),
        ("a" * 306, "GSM-7", 306, 2),
        ("a" * 307, "GSM-7", 307, 3),
        ("€" * 80, "GSM-7", 160, 1),
        ("€" * 81, "GSM-7", 162, 2),
        ("a" * 152 + "€" + "a" * 152, "GSM-7", 306, 3),
        ("äöüß@£", "GSM-7", 7 - 1, 1),
        ("ç", "UCS-2", 1, 1),
        ("я" * 70, "UCS-2", 70, 1),
        ("я" * 71, "UCS-2", 71, 2),
        ("я" * 134, "UCS-2", 134, 2),
        ("я" * 135, "UCS-2", 135, 3),
        ("🙂" * 35, "UCS-2", 70, 1),
        ("🙂" * 36, "UCS-2", 72, 2),
        ("я" * 66 + "🙂" + "я" * 66, "UCS-2", 134, 3),
        ("a" * 1600, "GSM-7", 1600, 11),
    ],
)
def test_parts_are_counted_as_they_go_over_the_air(
    body: str, encoding: str, units: int, segments: int
) -> None:
    assert text.count(body) == text.Count(encoding, units, segments)


@given(st.text(alphabet=st.characters(codec="utf-8"), max_size=700))
def test_parts_hold_the_text_and_none_is_left_empty(body: str) -> None:
    counted = text.count(body)
    alone, part, slack = (160, 153, 1) if counted.encoding == "GSM-7" else (70, 67, 1)

    if counted.units <= alone:
        assert counted.segments == 1
    else:
        # Each part but the last is full, or one unit short where a pair would have been cut.
        assert (counted.segments - 1) * (part - slack) < counted.units <= counted.segments * part


@given(st.text(max_size=200), st.text(max_size=50))
def test_a_longer_text_never_takes_fewer_parts(body: str, more: str) -> None:
    assert text.count(body + more).segments >= text.count(body).segments


def test_an_sms_holds_question_link_and_the_way_out() -> None:
    body = composed()

    assert body.startswith("Nordlicht: How likely are you to recommend Nordlicht")
    assert LINK in body
    assert "0-10" in body
    assert body.endswith("STOP to opt out")
    assert text.count(body).encoding == "GSM-7"


def test_typography_does_not_double_the_price() -> None:
    body = composed("How’s it going – “well”… or not?")

    assert 'How\'s it going - "well"... or not?' in body
    assert text.count(body).encoding == "GSM-7"


def test_names_are_filled_in_and_their_defaults() -> None:
    assert "Ida, how" in composed("{{ first_name }}, how are we doing?")
    assert "Friend, how" in composed("{{ first_name|Friend }}, how are we doing?", tags={})


def test_an_empty_name_without_default_stops_this_sms() -> None:
    with pytest.raises(text.Unsendable, match="first_name"):
        composed("{{ first_name }}, how are we doing?", tags={})


def test_a_name_is_text_whatever_it_holds() -> None:
    body = composed("{{ first_name }}, well?", tags={"first_name": "{{ account_name }}\nSTOP\x00 <b>{brand}"})

    assert "{{ account_name }} STOP <b>{brand}, well?" in body
    assert "\n" not in body


@pytest.mark.parametrize("question", ["x" * 300, "Оцените нас от нуля до десяти? " * 3])
def test_an_sms_of_too_many_parts_is_refused_with_the_remedy(question: str) -> None:
    with pytest.raises(text.Unsendable, match="Shorten the question"):
        composed(question, limit=2)


def test_editors_learn_in_which_language_an_sms_is_too_long() -> None:
    content = Content(
        brand_name="Nordlicht", languages={"en": Words(), "de": Words(question="Wie zufrieden? " * 18)}
    )

    assert text.problems(Content(), company="Nordlicht") == []
    (issue,) = text.problems(content, company="Nordlicht", limit=2)
    assert (issue.language, issue.field) == ("de", "languages.de.question")


@pytest.mark.parametrize("tag", words.languages())
def test_each_language_says_all_it_has_to(tag: str) -> None:
    said = words.words_for(tag)

    for pattern in (said.ask, said.remind):
        assert "{link}" in pattern
        assert "{question}" in pattern
        assert "{brand}" in pattern
        assert "STOP" in pattern
        assert "{low}-{high} ({high} = {best})" in pattern
    assert len(said.numbers.split()) == 11
    assert "STOP" in said.help


def test_the_scale_is_the_surveys_own() -> None:
    csat = Content(brand_name="Nordlicht", metric="csat")

    body = text.compose(csat, "en", company="", link=LINK, tags=TAGS, limit=3)

    assert "Reply 1-5 (5 = " in body


def test_a_link_is_short_and_opens_the_page(settings: object) -> None:
    assert text.link(10_000_000).endswith("/s/" + text.link(10_000_000).rpartition("/")[2])
    assert len(text.link(10_000_000).rpartition("/s/")[2]) < 30


# --- In the author's own words -------------------------------------------------------------------------------
def own(sms: str, *, tag: str = "en", tags: dict[str, str] | None = None, limit: int = 3) -> str:
    content = Content(brand_name="Nordlicht", default_language=tag, languages={tag: Words(sms=sms)})
    return text.compose(
        content, tag, company="Nordlicht", link=LINK, tags=TAGS if tags is None else tags, limit=limit
    )


def test_own_words_are_sent_as_they_stand_when_nothing_is_missing() -> None:
    written = "Hi {{ first_name|there }}, how is {brand}? {link} Reply STOP to end."

    assert own(written) == f"Hi Ida, how is Nordlicht? {LINK} Reply STOP to end."


def test_who_asks_the_link_and_the_way_out_are_added_where_they_are_missing() -> None:
    assert own("How are we doing?") == f"Nordlicht: How are we doing? {LINK} STOP to opt out"
    assert own("Wie läuft es bei {brand}?", tag="de") == (
        f"Wie läuft es bei Nordlicht? {LINK} STOPP = keine SMS mehr"
    )
    # To stop by is no way out: it is obeyed when it is written in capitals.
    assert own("Stop by at {brand}").endswith("STOP to opt out")


def test_own_words_of_a_parent_language_serve_its_regions() -> None:
    content = Content(
        brand_name="Nordlicht",
        languages={"en": Words(), "de": Words(sms="Na, wie war {brand}?"), "de-AT": Words()},
    )

    body = text.compose(content, "de-AT", company="", link=LINK, tags=TAGS, limit=3)

    assert body.startswith("Na, wie war Nordlicht?")


def test_own_words_with_an_empty_name_and_no_default_stop_this_sms() -> None:
    with pytest.raises(text.Unsendable, match="SMS text names first_name"):
        own("Hi {{ first_name }}", tags={})

    assert own("Hi{{ first_name| }}, well?", tags={}).startswith("Nordlicht: Hi, well?")


def test_a_name_that_looks_like_the_place_of_the_link_is_a_name() -> None:
    body = own("{{ first_name }}: {link}", tags={"first_name": "{link} STOP"})

    assert body.count(LINK) == 1
    assert "{link} STOP: " in body
    assert body.endswith("STOP to opt out")


def test_data_of_the_event_stands_in_own_words() -> None:
    assert "Mia helped you" in own("{{ event.agent|We }} helped you", tags={"event.agent": "Mia"})
    assert "We helped you" in own("{{ event.agent|We }} helped you")


def test_editors_see_the_sms_its_parts_and_what_stands_against_it() -> None:
    content = Content(brand_name="Nordlicht", languages={"en": Words(sms="{{ event.agent }} ç " + "x" * 200)})

    shown = text.sample(content, "en", company="", limit=2)

    assert shown.body.startswith("Nordlicht: Alexandra ç ")
    assert (shown.count.encoding, shown.count.segments, shown.room) == ("UCS-2", 5, 335)
    assert "takes 5 parts, because it holds a character outside the SMS alphabet" in shown.problem
    (issue,) = text.problems(content, company="", limit=2)
    assert (issue.field, issue.label) == ("languages.en.sms", "SMS text (English)")


def test_an_sms_text_with_an_unknown_tag_cannot_be_saved() -> None:
    (issue,) = Content(reply_to="a@b.example", languages={"en": Words(sms="Hi {{ frist_name }}")}).problems()

    assert issue.field == "languages.en.sms"
    assert "frist_name" in issue.message
