"""Further questions: branches, what is kept of answers, on the page with and without script, at the door, in the editor."""

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import Invalid
from surveys import ingest
from surveys.content import Content
from surveys.models import ContactScore, Response
from surveys.questions import check, faults, shown
from tests.surveys import hosted
from tests.surveys.hosted import Respondent

WORDS: dict[str, Any] = {
    "reason": {"text": "What was wrong?", "options": {"slow": "Too slow", "dear": "Too dear"}},
    "how_slow": {"text": "How slow?", "low": "a bit", "high": "very"},
    "wish": {"text": "One wish, {{ first_name|please }}?"},
    "teams": {"text": "Who uses it?", "options": {"sales": "Sales", "ops": "Operations"}},
}
QUESTIONS: list[dict[str, Any]] = [
    {
        "key": "reason", "kind": "choice", "required": True, "options": ["slow", "dear"],
        "when": {"show": "level", "levels": ["detractor"]},
    },
    {"key": "how_slow", "kind": "rating", "when": {"show": "answer", "question": "reason", "values": ["slow"]}},
    {"key": "wish", "kind": "text", "when": {"show": "score", "low": 0, "high": 8}},
    {"key": "teams", "kind": "multi", "options": ["sales", "ops"], "when": {"show": "score", "low": 9, "high": 10}},
]  # fmt: skip
CONTENT: dict[str, Any] = {
    "questions": QUESTIONS,
    "languages": {"en": {"questions": WORDS}, "de": {"questions": {"reason": {"text": "Was war falsch?"}}}},
}


def content(**more: Any) -> Content:
    return Content.from_json({**CONTENT, **more})


def keys(score: int | None, **answers: Any) -> list[str]:
    return [one.key for one in content().questions_for(score, answers)]


@pytest.mark.parametrize(
    ("score", "answers", "wanted"),
    [
        (None, {}, []),
        (10, {}, ["teams"]),
        (8, {}, ["wish"]),
        (3, {}, ["reason", "wish"]),
        (3, {"reason": "slow"}, ["reason", "how_slow", "wish"]),
        (3, {"reason": "dear"}, ["reason", "wish"]),
        (8, {"reason": "slow"}, ["wish"]),  # what hangs on a hidden question is hidden
    ],
)
def test_a_branch_shows_what_its_condition_says(
    score: int | None, answers: dict[str, Any], wanted: list[str]
) -> None:
    assert keys(score, **answers) == wanted


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ({"reason": "cheap"}, "unknown_option"),
        ({"reason": ["slow"]}, "unknown_option"),
        ({"reason": "slow", "how_slow": 6}, "off_scale"),
        ({"reason": "slow", "how_slow": "3.5"}, "off_scale"),
        ({"reason": "slow", "how_slow": True}, "off_scale"),
        ({"reason": "slow", "how_slow": "３"}, "off_scale"),
        ({"nonsense": "x"}, "unknown_question"),
        ({"wish": 7}, "not_text"),
        ({"wish": "x" * 5001}, "too_long"),
    ],
)
def test_what_is_not_on_offer_is_refused(given: dict[str, Any], code: str) -> None:
    found = content().check_answers(3, given)

    assert [problem.code for problem in found.problems] == [code]
    assert not set(found.answers) & {problem.key for problem in found.problems}


def test_what_a_branch_hides_is_left_away_and_what_is_required_is_missed_at_the_end() -> None:
    assert content().check_answers(9, {"reason": "slow", "teams": ["ops", "sales"]}).answers == {
        "teams": ["sales", "ops"]
    }
    assert content().check_answers(9, {"reason": "slow"}).dropped == ("reason",)
    assert [p.key for p in content().check_answers(3, {}, is_complete=True).problems] == ["reason"]
    assert not content().check_answers(3, {}).problems


def test_control_characters_and_blanks_are_no_answer() -> None:
    assert content().check_answers(3, {"wish": " \x00\x07 "}).answers == {}
    assert content().check_answers(3, {"wish": "a\x00b\r\nc"}).answers == {"wish": "ab\nc"}


@given(
    score=st.integers(0, 10),
    given_answers=st.dictionaries(
        st.sampled_from(["reason", "how_slow", "wish", "teams", "odd"]),
        st.one_of(st.none(), st.text(max_size=5), st.integers(), st.lists(st.sampled_from(["sales", "x"])),
                  st.sampled_from(["slow", "dear"])),
    ),
)  # fmt: skip
def test_what_is_kept_is_always_shown_and_stays_the_same_when_checked_again(
    score: int, given_answers: dict[str, Any]
) -> None:
    questions = content().questions
    kept = check(questions, metric="nps", score=score, given=given_answers)

    visible = [one.key for one in shown(questions, metric="nps", score=score, answers=kept.answers)]
    assert set(kept.answers) <= set(visible)
    again = check(questions, metric="nps", score=score, given=kept.answers)
    assert (again.answers, again.problems, again.dropped) == (kept.answers, (), ())


@pytest.mark.parametrize(
    ("change", "path"),
    [
        ({"key": "Bad Key"}, "questions.0.key"),
        ({"options": ["only"]}, "questions.0.options"),
        ({"when": {"show": "level", "levels": ["satisfied"]}}, "questions.0.when.levels"),
        ({"when": {"show": "score", "low": 5, "high": 3}}, "questions.0.when.low"),
        ({"when": {"show": "answer", "question": "wish", "values": ["x"]}}, "questions.0.when.question"),
        ({"kind": "essay"}, "questions.0.kind"),
    ],
)
def test_an_author_is_told_which_field_to_mend(change: dict[str, Any], path: str) -> None:
    made = content(questions=[{**QUESTIONS[0], **change}, *QUESTIONS[1:]])

    assert path in [where for where, _ in faults(made.questions, "nps")]
    assert path in [issue.field for issue in made.problems()]


def test_words_fall_back_to_the_default_language_and_gaps_are_listed() -> None:
    said = content().wording("de").questions["reason"]

    assert (said.text, said.options["slow"]) == ("Was war falsch?", "Too slow")
    missing = {gap.field for gap in content().untranslated()}
    assert "languages.de.questions.reason.options.slow" in missing
    assert "languages.de.questions.reason.text" not in missing


def test_content_survives_its_json_and_refuses_what_it_does_not_know() -> None:
    assert Content.from_json(content().to_json()) == content()
    with pytest.raises(Invalid) as refusal:
        Content.from_json({"questions": [{"key": "a", "colour": "red"}]})
    assert refusal.value.field == "questions.0.colour"


# --- On the page and at the door -----------------------------------------------------------------------------
@pytest.fixture
def asked(db: None) -> Respondent:
    survey = hosted.survey(**CONTENT)
    return Respondent(hosted.invitation(asked=survey))


def visible_in(page: Any) -> list[str]:
    found = re.findall(r'<fieldset class="question"(.*?)>', page.content.decode(), re.DOTALL)
    return [re.search(r'data-question="(\w+)"', one)[1] for one in found if "hidden disabled" not in one]  # type: ignore[index]


def test_without_script_each_step_shows_what_the_one_before_opened(asked: Respondent) -> None:
    assert visible_in(asked.look()) == []

    first = asked.send(3, "Hm")
    assert first.status_code == 200
    assert visible_in(first) == ["reason", "wish"]
    response = Response.objects.get()
    assert (response.score, response.comment) == (3, "Hm")  # what was said counts, whatever comes next

    second = asked.send(3, "Hm", asked=["reason", "wish"], **{"q-reason": "slow", "q-wish": "Speed"})
    assert visible_in(second) == ["how_slow"]
    last = asked.send(
        3,
        "Hm",
        asked=["reason", "wish", "how_slow"],
        **{"q-reason": "slow", "q-wish": "Speed", "q-how_slow": "4"},
    )
    assert last.status_code == 303
    response.refresh_from_db()
    assert response.answers == {"reason": "slow", "wish": "Speed", "how_slow": 4}
    assert Response.objects.count() == 1


def test_a_required_question_that_is_skipped_by_crafting_is_asked_again(asked: Respondent) -> None:
    page = asked.send(3, "Hm", asked=["reason", "wish"])

    assert page.status_code == 400
    assert visible_in(page) == ["reason"]
    assert "Please answer this question." in page.content.decode()
    assert Response.objects.get().comment == "Hm"


def test_an_option_of_another_question_is_not_taken(asked: Respondent) -> None:
    page = asked.send(3, asked=["reason", "wish"], **{"q-reason": "sales"})

    assert page.status_code == 400
    assert Response.objects.get().answers == {}


def test_an_answer_hidden_by_the_branch_is_left_away(asked: Respondent) -> None:
    page = asked.send(10, asked=["teams"], **{"q-teams": ["ops"], "q-reason": "slow", "contact_id": "1"})

    assert page.status_code == 303
    assert Response.objects.get().answers == {"teams": ["ops"]}


def test_changing_the_score_takes_back_what_its_branch_hides(asked: Respondent) -> None:
    asked.send(3, asked=["reason", "wish"], **{"q-reason": "dear", "q-wish": "Price"})
    asked.send(9, asked=["teams"])

    assert Response.objects.get().answers == {}


def test_the_door_refuses_foreign_options_and_scores_off_the_scale(db: None) -> None:
    survey = hosted.survey(metric="csat", languages={"en": {}})
    survey.metric = "csat"
    survey.save()
    person = hosted.contact()

    def send(**values: Any) -> ingest.Outcome:
        from core import clock

        (outcome,) = ingest.ingest(
            [ingest.Answer(survey_id=survey.pk, source="api", channel="api", responded_at=clock.now(),
                           contact_id=person.pk, **values)]
        )  # fmt: skip
        return outcome

    assert [send(score=score).code for score in (0, 6, 10)] == ["off_scale"] * 3
    refused = send(score=4, answers={"nothing": "x"})
    assert (refused.result, refused.field) == ("refused", "answers.nothing")
    assert not Response.objects.exists()
    assert send(score=4, may_quote=True).result == "created"
    kept = Response.objects.get()
    assert (kept.metric, kept.scale_min, kept.scale_max, kept.may_quote) == ("csat", 1, 5, True)
    assert list(ContactScore.objects.values_list("metric", "latest_score")) == [("csat", 4)]
