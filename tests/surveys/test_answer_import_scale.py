"""Scales of imported scores: what is asked about, what each rule makes of a cell."""

from fractions import Fraction

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from accounts.imports import services, targets
from core.errors import Invalid
from surveys import answer_import_scale as scales
from surveys import domain
from surveys.models import Response, Survey
from team.models import User
from tests import factories
from tests.accounts import importing
from tests.accounts.importing import counts, reasons
from tests.surveys.answer_files import bring_in, check, upload


@pytest.mark.parametrize(
    ("cell", "value"),
    [
        ("9", 9), ("9.0", 9), ("9,0", 9), ("８", 8), (" 7 ", 7), ("'6", 6), ("9/10", 9), ("9 of 10", 9), ("9 von 10", 9), ("90 %", 90),
        ("9 - Extremely likely", 9), ("0 = not at all", 0), ("10 (sehr wahrscheinlich)", 10), ("Extremely likely - 10", 10),
        ("−100", -100), ("★★★☆☆", 3), ("8,5", Fraction(17, 2)),
    ],
)  # fmt: skip
def test_numbers_are_read_however_they_are_written(cell: str, value: Fraction) -> None:
    assert scales.read(cell).value == value


@pytest.mark.parametrize("cell", ["ten", "Promoter", "", "=1+8", "9-10", "1,000,000", "nan", "9e1", "true"])
def test_what_is_no_number_is_a_word(cell: str) -> None:
    assert scales.read(cell).value is None


@pytest.mark.parametrize(
    ("metric", "cells"),
    [("nps", ["0", "10", "7"]), ("nps", ["0"] * 3 + ["6"]), ("csat", ["1", "5", "4"]), ("ces", ["1", "7"])],
)
def test_scores_on_the_scale_of_the_survey_are_not_asked_about(metric: str, cells: list[str]) -> None:
    assert scales.doubts(scales.Seen(cells).finding(), domain.scale(metric)) == []


@pytest.mark.parametrize(
    ("metric", "cells", "said", "offered"),
    [
        ("nps", ["1", "10", "7"], "none is 0", "stretch:1:10"),
        ("nps", ["95", "100", "0"], "run from 0 to 100", "tenths"),
        ("nps", ["1", "4", "5"], "none is 0", "metric:csat"),
        ("nps", ["0", "1", "2", "5"] * 5, "upper half", "stretch:0:5"),
        ("nps", ["-100", "0", "100"], "run from -100 to 100", "groups"),
        ("nps", ["Promoter", "Passive", "Detraktor"], "are words", "groups"),
        ("nps", ["0", "9 - Extremely likely"], "more than a number", "as_is"),
        ("nps", ["0", "9/10"], "out of how many", "as_is"),
        ("nps", ["0", "8,5"], "whole number", "round"),
        ("nps", ["0", "4/5"], "out of how many", "stretch:0:5"),
        ("csat", ["0", "10"], "run from 0 to 10", "metric:nps"),
        ("csat", ["Very satisfied", "unzufrieden"], "are words", "words"),
        ("csat", ["1", "2"] * 10, "upper half", "reverse"),
        ("ces", ["1", "5"] * 10, "1–5", "stretch:1:5"),
    ],
)
def test_scores_that_suggest_another_scale_are_asked_about(
    metric: str, cells: list[str], said: str, offered: str
) -> None:
    found = scales.Seen(cells).finding()

    assert any(said in doubt for doubt in scales.doubts(found, domain.scale(metric)))
    assert offered in [rule.key for rule in scales.rules(found, domain.scale(metric))]


def test_a_scale_that_the_file_itself_names_is_not_asked_about_for_want_of_a_zero() -> None:
    found = scales.Seen(["9", "10", "7"]).finding()

    assert scales.doubts(found, domain.NPS, is_known=True) == []
    assert scales.doubts(scales.Seen(["9", "11"]).finding(), domain.NPS, is_known=True)


@pytest.mark.parametrize(
    ("rule", "metric", "cells", "scores"),
    [
        ("stretch:1:5", "nps", ["1", "2", "3", "4", "5"], [0, 3, 5, 8, 10]),
        ("stretch:1:10", "nps", ["1", "5", "10"], [0, 4, 10]),
        ("stretch:0:100", "nps", ["0", "84", "85", "100"], [0, 8, 9, 10]),
        ("tenths", "nps", ["90", "0", "90%"], [9, 0, 9]),
        ("groups", "nps", ["Promoter", "0", "-100", "detractors"], [9, 7, 3, 3]),
        ("words", "csat", ["Sehr zufrieden", "neutral"], [5, 3]),
        ("reverse", "csat", ["1", "5"], [5, 1]),
        ("round", "nps", ["8,5", "8.4"], [9, 8]),
        ("as_is", "nps", ["10.0", "9/10", "9 - Extremely likely"], [10, 9, 9]),
    ],
)
def test_rules_do_what_they_say(rule: str, metric: str, cells: list[str], scores: list[int]) -> None:
    assert [scales.convert(cell, rule, domain.scale(metric)) for cell in cells] == scores


@pytest.mark.parametrize(
    ("rule", "cell"),
    [("as_is", "11"), ("as_is", "8.5"), ("as_is", "4/5"), ("as_is", "-1"), ("tenths", "95"), ("groups", "9"), ("groups", "maybe"),
     ("stretch:1:5", "6"), ("stretch:1:5", "9/10"), ("words", "meh"), ("round", "10.6")],
)  # fmt: skip
def test_cells_a_rule_does_not_cover_are_refused(rule: str, cell: str) -> None:
    with pytest.raises(ValueError, match="is"):
        scales.convert(cell, rule, domain.NPS)


@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(
    st.sampled_from([(0, 5), (1, 5), (1, 7), (1, 10), (0, 100), (0, 10)]),
    st.sampled_from(sorted(domain.SCALES)),
    st.lists(st.integers(0, 100), min_size=1),
)
def test_stretching_stays_on_the_scale_and_keeps_the_order(
    span: tuple[int, int], metric: str, values: list[int]
) -> None:
    low, high = span
    scale = domain.scale(metric)
    inside = sorted(low + value % (high - low + 1) for value in values)

    made = [scales.convert(str(value), f"stretch:{low}:{high}", scale) for value in inside]

    assert made == sorted(made)
    assert set(made) <= set(scale.scores)
    assert scales.convert(str(low), f"stretch:{low}:{high}", scale) == scale.low
    assert scales.convert(str(high), f"stretch:{low}:{high}", scale) == scale.high


# --- As a person meets them ----------------------------------------------------------------------------------
def rows(scores: list[str]) -> str:
    return "Email,Score,Date\n" + "".join(
        f'p{n}@x.example,"{score}",2025-03-01\n' for n, score in enumerate(scores)
    )


@pytest.fixture
def survey(db: None) -> Survey:
    return factories.a_survey("Relationship")


def test_check_does_not_begin_before_the_scale_is_chosen(lead: User, survey: Survey) -> None:
    run = upload(rows(["1", "10"]), actor=lead)

    with pytest.raises(Invalid, match="none is 0") as refused:
        check(run, actor=lead, survey=survey)

    assert refused.value.field == "option_scale"
    run.refresh_from_db()
    assert run.state == "uploaded"


def test_every_row_is_looked_at_not_only_the_first(lead: User, survey: Survey) -> None:
    run = upload(rows(["0", "9"] * 200 + ["87"]), actor=lead)

    run = check(run, actor=lead, survey=survey)
    assert (run.state, run.rows_done) == ("uploaded", 0)
    assert "run from 0 to 87" in run.error

    # Chosen now, it goes on: one row is beyond the scale and refused.
    run = check(run, actor=lead, survey=survey, scale="as_is")
    assert (run.state, run.checked["counts"]["refused"]) == ("checked", 1)


def test_choice_stands_in_the_record_and_the_original_with_the_answer(lead: User, survey: Survey) -> None:
    run = bring_in(rows(["1", "5"]), actor=lead, survey=survey, scale="stretch:1:5")

    assert counts(run) == (2, 0, 0, 0), reasons(run)
    assert sorted(Response.objects.values_list("score", flat=True)) == [0, 10]
    assert sorted(a["file_score"] for a in Response.objects.values_list("attributes", flat=True)) == [
        "1",
        "5",
    ]
    said = " ".join(targets.named("answer").choices(run))
    assert "“They are on a scale of 1–5”" in said
    assert "3 becomes 5" in said


def test_treated_as_satisfaction_the_answers_go_into_a_survey_of_their_own(
    lead: User, survey: Survey
) -> None:
    run = bring_in(rows(["1", "5"]), actor=lead, survey=survey, scale="metric:csat", name="stars.csv")

    assert run.state == "done", run.error
    made = Survey.objects.exclude(pk=survey.pk).get()
    assert (made.metric, made.name) == ("csat", "stars")
    assert sorted(Response.objects.values_list("survey", "metric", "score")) == [
        (made.pk, "csat", 1),
        (made.pk, "csat", 5),
    ]


def test_choice_for_one_column_is_none_for_another(lead: User, survey: Survey) -> None:
    content = "Email,Score,Effort,Date\na@x.example,1,70,2025-03-01\nb@x.example,5,90,2025-03-01\n"
    run = upload(content, actor=lead)
    columns = importing.Columns.of(run.mapping)
    columns.options |= {"survey": str(survey.pk), "scale": "stretch:1:5", "scale_for": f"1|{survey.pk}"}
    columns.columns = {0: "email", 2: "score", 3: "answered_at"}

    with pytest.raises(Invalid, match="run from 70 to 90"):
        services.start_check(run=run, dialect=importing.Dialect.of(run.dialect), columns=columns, actor=lead)


def test_words_that_are_no_scores_leave_only_another_column(lead: User, survey: Survey) -> None:
    with pytest.raises(Invalid, match="Choose another column"):
        check(upload(rows(["maybe", "perhaps"]), actor=lead), actor=lead, survey=survey)
