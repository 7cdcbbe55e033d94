"""The editor's further questions without script, the library it begins with, and the page of missing texts."""

import dataclasses
import re
from collections.abc import Mapping
from html import unescape
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from surveys import link_texts, starters, texts
from surveys.channels.mail.lint import lint_compiled
from surveys.channels.mail.template import compile_mail
from surveys.content import Content
from surveys.models import Survey
from surveys.rendering import Company, survey_mail
from tests.surveys import hosted
from tests.surveys.test_questions import CONTENT
from tests.surveys.test_survey_pages import form

TAGS = [tag for tag, _ in texts.choices()]
PERSON = {
    "first_name": "Jonas",
    "answer_url": "https://ask.example/r/abc/",
    "unsubscribe_url": "https://ask.example/u/abc/",
    "ask_less_url": "https://ask.example/p/abc/",
    "open_url": "https://ask.example/r/abc/o.gif",
    "trap_url": "https://ask.example/r/abc/all/",
}
COMPANY = Company(name="Fleetdesk", postal_address="Fleetdesk GmbH, Hafenstr. 4, Hamburg")


def fields_in(page: Any) -> dict[str, list[str]]:
    """What a browser would send of the editor's form, with nothing pressed."""
    html = page.content.decode()
    found: dict[str, list[str]] = {}
    start = html.index('id="survey-form"')
    body = html[start : html.index("</form>", start)]
    for match in re.finditer(r"<input\b[^>]*>", body):
        tag = match[0]
        name, kind = _attr(tag, "name"), _attr(tag, "type")
        if (
            not name
            or kind in {"file", "submit"}
            or (kind in {"checkbox", "radio"} and " checked" not in tag)
        ):
            continue
        found.setdefault(name, []).append(_attr(tag, "value") or ("on" if kind == "checkbox" else ""))
    for match in re.finditer(r"<textarea\b([^>]*)>(.*?)</textarea>", body, re.DOTALL):
        found.setdefault(_attr(match[1], "name"), []).append(unescape(match[2]).removeprefix("\n"))
    for match in re.finditer(r"<select\b([^>]*)>(.*?)</select>", body, re.DOTALL):
        chosen = [
            _attr(option, "value") for option in re.findall(r"<option\b[^>]*\bselected[^>]*>", match[2])
        ]
        first = re.findall(r"<option\b[^>]*>", match[2])
        found.setdefault(_attr(match[1], "name"), []).extend(chosen or [_attr(first[0], "value")])
    found.pop("csrfmiddlewaretoken", None)
    return found


def _attr(tag: str, name: str) -> str:
    match = re.search(rf'\b{name}="([^"]*)"', tag)
    return unescape(match[1]) if match else ""


class Author:
    """A lead in the editor, with a browser without script."""

    def __init__(self, client: Client, url: str) -> None:
        self.client, self.url = client, url
        self.show(client.get(url))

    def show(self, page: Any) -> None:
        self.page = page
        self.fields = fields_in(page)

    def press(self, do: str, **typed: Any) -> Any:
        """A button of the questions: the page comes again, nothing is saved."""
        self.show(self.client.post(self.url, self.fields | typed | {"do": do}))
        assert self.page.status_code == 200
        return self.page

    def save(self, **typed: Any) -> Any:
        return self.client.post(self.url, self.fields | typed)

    @property
    def titles(self) -> list[str]:
        return [section.title for section in self.page.context["questions"]]


@pytest.fixture
def made(db: None) -> Survey:
    return hosted.survey(**CONTENT)


@pytest.fixture
def author(as_lead: Client, made: Survey) -> Author:
    return Author(as_lead, reverse("surveys:survey_edit", args=[made.pk]))


def stored(made: Survey) -> Content:
    made.refresh_from_db()
    assert made.current is not None
    return Content.from_json(made.current.content)


# --- Questions -------------------------------------------------------------------------------------------------
def test_saving_an_editor_that_nobody_touched_changes_nothing(author: Author, made: Survey) -> None:
    before = stored(made)

    assert author.save().status_code == 302

    assert stored(made) == before


def test_a_question_is_added_filled_and_saved(author: Author, made: Survey) -> None:
    author.press("add:choice")
    assert author.titles[-1] == "New question"
    assert len(stored(made).questions) == 4  # nothing is saved by a button

    author.press(
        "show:here", **{"q4-t-en-text": "Which plan?", "q4-o0-en": "Small plan", "q4-o1-en": "Großer Plan"}
    )
    assert "q4-o2-en" in author.fields  # more empty lines for options
    assert "q4-o0-de" in author.fields  # and a place for their translation
    assert author.save(**{"q4-o0-de": "Kleiner Tarif"}).status_code == 302

    content = stored(made)
    added = content.questions[-1]
    assert (added.key, added.kind, added.options) == ("question_1", "choice", ("small_plan", "grosser_plan")) or (
        added.key, added.kind, added.options,
    ) == ("question_1", "choice", ("small_plan", "groer_plan"))  # fmt: skip
    assert content.wording("de").questions["question_1"].options["small_plan"] == "Kleiner Tarif"


def test_a_new_option_can_be_a_condition_at_once(author: Author, made: Survey) -> None:
    author.press("add:choice")
    author.press("add:text", **{"q4-t-en-text": "Which plan?", "q4-o0-en": "Small", "q4-o1-en": "Large"})

    sent = author.save(
        **{"q5-t-en-text": "Why so small?", "q5-show": "answer", "q5-answers": ["question_1=small"]}
    )

    assert sent.status_code == 302
    last = stored(made).questions[-1]
    assert (last.when.show, last.when.question, last.when.values) == ("answer", "question_1", ("small",))


def test_questions_move_with_all_their_words(author: Author, made: Survey) -> None:
    before = stored(made)
    author.press("down:2")
    assert [question.key for question in stored(made).questions] == ["reason", "how_slow", "wish", "teams"]
    author.save()

    after = stored(made)
    assert [question.key for question in after.questions] == ["reason", "how_slow", "teams", "wish"]
    assert {question.key: question for question in after.questions} == {
        question.key: question for question in before.questions
    }
    assert after.languages == before.languages


def test_a_question_that_others_hang_on_cannot_go_behind_them(author: Author, made: Survey) -> None:
    author.press("down:0")

    refused = author.save()

    assert refused.status_code == 422
    assert "Choose a question that comes before this one." in refused.content.decode()
    assert stored(made).questions[0].key == "reason"


def test_a_removed_question_takes_its_words_along(author: Author, made: Survey) -> None:
    author.press("remove:3")
    assert len(author.titles) == 3
    author.save()

    content = stored(made)
    assert "teams" not in {question.key for question in content.questions}
    assert all("teams" not in words.questions for words in content.languages.values())


def test_an_emptied_option_is_removed_and_the_others_keep_their_keys(author: Author, made: Survey) -> None:
    author.press("add:text")
    author.press("remove:4", **{"q0-o0-en": "Far too slow"})
    author.fields["q3-o0-en"] = [""]

    refused = author.save()
    assert refused.status_code == 422
    assert "A question to choose from needs at least two options." in refused.content.decode()

    author.save(**{"q3-o2-en": "Finance"})
    content = stored(made)
    assert content.questions[0].options == ("slow", "dear")
    assert content.wording("en").questions["reason"].options["slow"] == "Far too slow"
    assert content.questions[3].options == ("ops", "finance")


@pytest.mark.parametrize(
    "do", ["up:0", "down:3", "up:99", "remove:99", "add:essay", "remove:x", "down:-1", "up:１", "up:²"]
)
def test_a_button_that_leads_nowhere_leaves_everything_as_it_is(author: Author, do: str) -> None:
    before = author.titles
    shown = author.client.post(author.url, author.fields | {"do": do})

    if shown.status_code == 200:
        assert [section.title for section in shown.context["questions"]] == before
    else:
        assert shown.status_code == 302  # not one of our buttons: the form was saved as it stood


def test_at_most_twenty_questions_are_possible(author: Author) -> None:
    for _ in range(20):
        author.press("add:text")

    assert len(author.titles) == 20


def test_a_question_without_words_is_told_so_beside_it(author: Author, made: Survey) -> None:
    author.press("add:rating")

    refused = author.save()

    assert refused.status_code == 422
    assert refused.context["form"]["q4-t-en-text"].errors == ["Write what is asked."]
    assert len(stored(made).questions) == 4


def test_a_refused_translation_opens_its_language(author: Author) -> None:
    refused = author.save(**{"q0-t-de-text": "{{ nonsense }}"})

    assert refused.status_code == 422
    opened = {section.tag for section in refused.context["sections"] if section.is_open}
    assert opened == {"en", "de"}


# --- The library -----------------------------------------------------------------------------------------------
@pytest.mark.parametrize("tag", TAGS)
@pytest.mark.parametrize("starter", starters.STARTERS, ids=lambda one: one.key)
def test_every_survey_of_the_library_is_fit_in_every_language(starter: starters.Starter, tag: str) -> None:
    content = starter.build(
        tags=TAGS, default=tag, brand_colour="#0b6e6e", reply_to="mara@example.com", subject_name="Fleetdesk"
    )

    assert content.problems() == []
    assert content.language_for(tag) == tag
    said = content.wording(tag, company="Fleetdesk")
    assert said.question
    for question in content.questions:
        words = said.questions[question.key]
        assert words.text
        assert all(words.options[option] for option in question.options)


def shape(words: Any) -> Any:
    """What a mapping of words says something about, without saying what."""
    return {key: shape(value) for key, value in words.items()} if isinstance(words, Mapping) else "{" in words


@pytest.mark.parametrize("starter", [s for s in starters.STARTERS if s.words], ids=lambda one: one.key)
def test_the_library_speaks_every_language_in_full(starter: starters.Starter) -> None:
    assert starter.languages(TAGS) == TAGS
    for tag in TAGS:
        assert shape(starter.words[tag]) == shape(starter.words["en"]), tag
    content = starter.build(tags=TAGS, default="en", subject_name="Fleetdesk", reply_to="m@example.com")
    assert content.untranslated() == []


@pytest.mark.parametrize("tag", TAGS)
def test_pages_of_public_links_speak_every_language(tag: str) -> None:
    said, english = link_texts.WORDS[tag], link_texts.WORDS["en"]

    for field in dataclasses.fields(said):
        words, model = getattr(said, field.name), getattr(english, field.name)
        assert words
        assert ("{seconds}" in words) == ("{seconds}" in model)
        assert tag == "en" or words != model


def findings(content: Content, tag: str) -> list[Any]:
    """What the lint says of one person's copy of the mail in a language."""
    return lint_compiled(
        compile_mail(survey_mail(content, tag, company=COMPANY)),
        PERSON,
        score_link="{url}{n}/",
        metric=content.metric,
        look=content.shown_look,
    )


@pytest.mark.parametrize("tag", TAGS)
@pytest.mark.parametrize("starter", starters.STARTERS, ids=lambda one: one.key)
def test_every_mail_of_the_library_passes_the_lint(starter: starters.Starter, tag: str) -> None:
    content = starter.build(
        tags=TAGS, default="en", brand_colour="#0b6e6e", reply_to="m@example.com", subject_name="Fleetdesk"
    )

    assert findings(content, tag) == []


@pytest.mark.parametrize("look", ["smileys", "stars", "numbers"])
@pytest.mark.parametrize("tag", TAGS)
def test_every_look_of_a_satisfaction_passes_the_lint(look: str, tag: str) -> None:
    content = Content(
        metric="csat", look=look, brand_name="Fleetdesk", languages={tag: Content().languages["en"]}
    )

    assert findings(content, tag) == []


@pytest.mark.django_db
@pytest.mark.parametrize("starter", starters.STARTERS, ids=lambda one: one.key)
def test_a_survey_is_begun_from_the_library_and_saved_as_it_is(
    starter: starters.Starter, as_lead: Client
) -> None:
    new = reverse("surveys:survey_new")
    assert f"?from={starter.key}" in as_lead.get(new).content.decode()

    author = Author(as_lead, f"{new}?from={starter.key}")
    assert author.save(subject_name="Fleetdesk").status_code == 302

    made = Survey.objects.get()
    content = stored(made)
    assert (made.name, made.metric, made.kind) == (starter.name, starter.metric, starter.kind)
    assert [question.key for question in content.questions] == [
        question["key"] for question in starter.content.get("questions", [])
    ]
    # Nobody reads one question in two languages: it begins in those it has words for.
    assert content.untranslated() == []
    assert set(content.languages) == (set(starter.words) or set(TAGS))
    as_lead.post(reverse("surveys:survey_activate", args=[made.pk]))
    made.refresh_from_db()
    assert made.state == "active"


@pytest.mark.django_db
def test_what_a_survey_measures_cannot_be_changed_by_a_form(as_lead: Client) -> None:
    made = hosted.survey(metric="csat", look="stars")
    Survey.objects.filter(pk=made.pk).update(metric="csat")
    author = Author(as_lead, reverse("surveys:survey_edit", args=[made.pk]))

    author.save(metric="nps", look="numbers")

    assert (stored(made).metric, stored(made).look) == ("csat", "numbers")


@pytest.mark.django_db
def test_the_preview_offers_scores_of_the_surveys_own_scale(as_lead: Client) -> None:
    page = as_lead.get(reverse("surveys:survey_new"), {"from": "support_ces"}).content.decode()

    assert "Easy, 5" in page
    assert "Difficult, 3" in page
    assert "Promoter" not in page


# --- Missing texts ---------------------------------------------------------------------------------------------
def test_missing_texts_lead_to_their_fields(as_lead: Client, made: Survey) -> None:
    page = as_lead.get(reverse("surveys:survey_gaps", args=[made.pk]))
    editor = as_lead.get(reverse("surveys:survey_edit", args=[made.pk])).content.decode()

    links = re.findall(r'href="[^"]*#(f-[^"]+)"', page.content.decode())
    assert len(links) == len(stored(made).untranslated()) > 0
    assert "f-q0-o0-de" in links  # the option "Too slow"
    assert "f-q1-t-de-low" in links  # an end of the rating
    assert "f-q0-t-de-text" not in links  # that question is translated
    for target in links:
        assert f'id="{target}"' in editor


def test_a_text_missing_in_many_languages_is_listed_once(as_lead: Client) -> None:
    made = hosted.survey(
        languages={"en": {"question": "Would you come again?"}, **{tag: {} for tag in TAGS if tag != "en"}}
    )

    (row,) = as_lead.get(reverse("surveys:survey_gaps", args=[made.pk])).context["rows"]

    assert row[0].original == "Would you come again?"
    assert {tag for tag, _, _ in row[1]} == set(TAGS) - {"en"}


def test_readers_see_what_is_missing_without_a_way_to_edit(as_viewer: Client, made: Survey) -> None:
    page = as_viewer.get(reverse("surveys:survey_gaps", args=[made.pk])).content.decode()

    assert "What was wrong?" not in page
    assert "Too slow" in page
    assert "/edit/" not in page


def test_a_translated_survey_says_that_nothing_is_missing(
    author: Author, as_lead: Client, made: Survey
) -> None:
    empty = {name: "Übersetzt" for name in author.fields if re.fullmatch(r"q\d-(t-de-.*|o\d-de)", name)}
    assert author.save(**empty).status_code == 302

    page = as_lead.get(reverse("surveys:survey_gaps", args=[made.pk])).content.decode()

    assert "Nothing is missing" in page
    assert as_lead.get(reverse("surveys:survey_gaps", args=[10**6])).status_code == 404


def test_the_ordinary_form_of_a_survey_without_questions_still_saves(as_lead: Client, db: None) -> None:
    assert as_lead.post(reverse("surveys:survey_new"), form()).status_code == 302
    assert stored(Survey.objects.get()).questions == ()
