"""What a survey says: fallbacks, what an author is told, and what is refused."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import Invalid
from surveys.content import Content, Thanks, Words, is_web_link, say


def content(**data: Any) -> Content:
    return Content.from_json({"subject_name": "Fleetdesk", **data})


def messages(made: Content) -> dict[str, str]:
    return {issue.field: issue.message for issue in made.problems()}


def test_an_empty_survey_is_complete_in_every_language() -> None:
    made = content(languages={"en": {}, "de": {}})

    english, german = made.wording("en", company="Acme"), made.wording("de", company="Acme")

    assert english.question == "How likely are you to recommend Fleetdesk to a friend or colleague?"
    assert german.question.startswith("Wie wahrscheinlich ist es, dass Sie Fleetdesk")
    assert german.follow_up("promoter") == "Was schätzen Sie an Fleetdesk am meisten?"
    assert "Acme" in english.subject
    assert made.problems() == []


@pytest.mark.parametrize(
    ("asked", "spoken"),
    [("de", "de"), ("de-AT", "de"), ("DE_at", "de"), ("fr", "en"), ("", "en"), (None, "en"), ("../..", "en")],
)
def test_a_reader_gets_the_nearest_language(asked: str | None, spoken: str) -> None:
    assert content(languages={"en": {}, "de": {}}).wording(asked).tag == spoken


def test_what_the_author_left_empty_is_said_in_built_in_words_of_that_language() -> None:
    made = content(languages={"en": {"question": "Would you recommend {subject}?"}, "de": {}})

    assert made.wording("en").question == "Would you recommend Fleetdesk?"
    assert made.wording("de").question.startswith("Wie wahrscheinlich")


def test_a_follow_up_falls_back_to_the_one_for_all() -> None:
    made = content(
        languages={"en": {"follow_up": {"default": "Why?", "detractor": "What hurts at {subject}?"}}}
    )
    wording = made.wording("en")

    assert wording.follow_up("promoter") == wording.follow_up("passive") == wording.follow_up() == "Why?"
    assert wording.follow_up("detractor") == "What hurts at Fleetdesk?"


def test_a_thank_you_link_is_shared_by_languages_and_chosen_by_category() -> None:
    link = {"link_label": "Review us", "link_url": "https://reviews.example.com/x"}
    made = content(languages={"en": {"thanks": {"promoter": {"text": "Great.", **link}}}, "de": {}})

    english, german = made.wording("en").farewell("promoter"), made.wording("de").farewell("promoter")

    assert (english.text, english.link.label) == ("Great.", "Review us")
    assert german.link.url == english.link.url
    assert german.link.label == "Teilen Sie Ihre Erfahrung"
    assert made.wording("en").farewell("detractor").link is None


def test_an_unknown_tag_is_refused_with_place_and_the_names_allowed() -> None:
    found = messages(
        content(languages={"de": {"intro": "Guten Tag\n{{ user.password }}"}}, default_language="de")
    )

    message = found["languages.de.intro"]
    assert "Line 2, column 1" in message
    assert "{{ first_name }}" in message


def test_page_texts_take_no_tag_that_would_tell_a_stranger_more() -> None:
    found = messages(
        content(languages={"en": {"question": "How is {{ account_name }}?", "intro": "{{ account_name }}"}})
    )

    assert list(found) == ["languages.en.question"]
    assert "{{ account_name }} is not known" in found["languages.en.question"]


@pytest.mark.parametrize(
    ("data", "field"),
    [
        ({"brand_colour": "red"}, "brand_colour"),
        ({"reply_to": "nobody"}, "reply_to"),
        ({"sender_name": "Eve <eve@example.com>"}, "sender_name"),
        ({"subject_name": "{{ brand }}"}, "subject_name"),
        ({"subject_name": "x" * 81}, "subject_name"),
        ({"languages": {"tlh": {}}, "default_language": "tlh"}, "languages"),
        ({"languages": {"de": {}}, "default_language": "en"}, "default_language"),
        ({"languages": {"en": {"subject": "two\nlines"}}}, "languages.en.subject"),
        ({"languages": {"en": {"intro": "x" * 5001}}}, "languages.en.intro"),
        ({"languages": {"en": {"intro": "{% debug %}"}}}, "languages.en.intro"),
        ({"languages": {"en": {"intro": "{{ first_name"}}}, "languages.en.intro"),
        (
            {"languages": {"en": {"thanks": {"promoter": {"link_url": "javascript:alert(1)"}}}}},
            "languages.en.thanks.promoter.link_url",
        ),
        (
            {"languages": {"en": {"thanks": {"default": {"link_label": "Read"}}}}},
            "languages.en.thanks.default.link_url",
        ),
    ],
)
def test_a_problem_names_its_field(data: dict[str, Any], field: str) -> None:
    assert field in messages(content(**data))


@pytest.mark.parametrize(
    ("data", "field"),
    [
        ({"sender": "x"}, "sender"),
        ({"subject_name": 5}, "subject_name"),
        ({"track_opens": "yes"}, "track_opens"),
        ({"languages": []}, "languages"),
        ({"languages": {"en": {"headline": "x"}}}, "languages.en.headline"),
        ({"languages": {"en": {"follow_up": {"neutral": "x"}}}}, "languages.en.follow_up.neutral"),
        ({"languages": {"en": {"thanks": {"promoter": "x"}}}}, "languages.en.thanks.promoter"),
        ({"logo": {"width": True}}, "logo.width"),
    ],
)
def test_json_of_another_shape_is_refused_by_name(data: dict[str, Any], field: str) -> None:
    with pytest.raises(Invalid) as refusal:
        Content.from_json(data)

    assert refusal.value.field == field


def test_a_pale_brand_is_warned_of_with_the_nearest_colour_that_works() -> None:
    pale, dark = content(brand_colour="#ffcc00"), content(brand_colour="#0b6e6e")

    (warning,) = [issue for issue in pale.warnings() if issue.field == "brand_colour"]
    assert "#8c7000" in warning.message
    assert pale.on_brand == "#111314"
    assert [issue for issue in dark.warnings() if issue.field == "brand_colour"] == []
    assert dark.on_brand == "#ffffff"


@pytest.mark.parametrize("written", ["#0B6E6E", "0b6e6e", " #0b6e6e "])
def test_colours_are_kept_in_one_form(written: str) -> None:
    assert content(brand_colour=written).brand_colour == "#0b6e6e"


@pytest.mark.parametrize(
    ("url", "is_fine"),
    [
        ("https://example.com/a?b=c#d", True),
        ("http://example.com", True),
        ("javascript:alert(1)", False),
        ("data:text/html,x", False),
        ("//example.com", False),
        ("https:example.com", False),
        ("https:///path", False),
        ("https://good@evil.example", False),
        ("https://exa mple.com", False),
        ('https://example.com/"onclick=', False),
        ("https://example.com:99999/", False),
        ("java\nscript:alert(1)", False),
    ],
)
def test_links_lead_to_the_web_and_nowhere_else(url: str, is_fine: bool) -> None:
    assert is_web_link(url) is is_fine


def test_a_bad_link_that_got_into_the_database_is_not_shown() -> None:
    made = Content(languages={"en": Words(thanks={"default": Thanks(link_url="javascript:alert(1)")})})

    assert made.wording("en").farewell("promoter").link is None


def test_a_name_with_template_syntax_stays_text() -> None:
    assert say("Hello {{ first_name|there }}", {"first_name": "{{ brand }}<b>"}) == "Hello {{ brand }}<b>"
    assert say("Broken {{ tag", {}) == "Broken {{ tag"
    assert content().wording("en", company="A{{x}}|B").brand == "A((x))/B"


TEXTS = st.text(max_size=40)


@given(
    st.fixed_dictionaries({}, optional=dict.fromkeys(("subject", "intro", "question", "signature"), TEXTS))
)
def test_stored_content_reads_back_as_it_was(words: dict[str, str]) -> None:
    made = content(languages={"en": words, "de": {"follow_up": {"promoter": "x"}}})

    assert Content.from_json(json.loads(json.dumps(made.to_json()))) == made
