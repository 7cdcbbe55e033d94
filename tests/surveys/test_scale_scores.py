"""Satisfaction (CSAT) and effort (CES): their intervals, their pages and API, their export, and what acts on them."""

import csv
import datetime as dt
import math
import re
from typing import Any

import pytest
from django.test import Client

from core import clock
from surveys import domain
from surveys.models import Response, Survey
from team.models import User
from tests import factories
from tests.surveys import hosted
from workflows.models import Alert, Run, Task


def text_of(page: Any) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", page.content.decode()).replace("\xa0", " ").split())


# --- Intervals, against published values -----------------------------------------------------------------------
@pytest.mark.parametrize(
    ("part", "n", "low", "high"),
    [
        # Newcombe, Statistics in Medicine 17 (1998) 857–872, table I, method 3 (score, no continuity correction).
        (81, 263, 25.53, 36.62),
        (15, 148, 6.24, 16.05),
        (0, 20, 0.0, 16.11),
        (1, 29, 0.61, 17.18),
    ],
)
def test_the_interval_of_a_share_is_wilsons(part: int, n: int, low: float, high: float) -> None:
    found = domain.wilson(part, n)

    assert found is not None
    assert (round(found.low, 2), round(found.high, 2)) == (low, high)
    turned = domain.wilson(n - part, n)
    assert turned is not None
    assert math.isclose(turned.high, 100 - found.low, abs_tol=1e-9)


@pytest.mark.parametrize(
    ("freedom", "quantile"),
    # The 97.5 % points as every table of Student's t has them.
    [(1, 12.706), (2, 4.303), (3, 3.182), (4, 2.776), (5, 2.571), (10, 2.228), (30, 2.042), (120, 1.980)],
)
def test_the_quantile_of_students_t_is_that_of_the_tables(freedom: int, quantile: float) -> None:
    assert domain.student_t(freedom) == pytest.approx(quantile, rel=0.002)


def test_the_interval_of_a_mean_is_students() -> None:
    # 2, 4, 4, 6 and 7: mean 4.6, s² = 3.8, half width 2.776 · √(3.8/5) = 2.420.
    found = domain.summary("ces", {2: 1, 4: 2, 6: 1, 7: 1}).mean_interval

    assert found is not None
    assert (found.low, found.high) == pytest.approx((2.18, 7.0), abs=0.01)
    assert found.margin == pytest.approx(2.420, abs=0.006)


@pytest.mark.parametrize("histogram", [{}, {5: 1}, {5: 9}])
def test_without_a_spread_a_mean_has_no_interval(histogram: dict[int, int]) -> None:
    assert domain.summary("csat", histogram).mean_interval is None


@pytest.mark.parametrize(
    ("metric", "levels"),
    [
        ("nps", ["detractor"] * 7 + ["passive"] * 2 + ["promoter"] * 2),
        ("csat", ["dissatisfied"] * 2 + ["neutral"] + ["satisfied"] * 2),
        ("ces", ["difficult"] * 3 + ["neutral"] + ["easy"] * 3),
    ],
)
def test_every_score_has_the_level_of_its_own_scale(metric: str, levels: list[str]) -> None:
    scale = domain.scale(metric)

    assert [domain.category_of(metric, score) for score in scale.scores] == levels
    for beside in (scale.low - 1, scale.high + 1):
        with pytest.raises(ValueError, match="lies between"):
            domain.category_of(metric, beside)


# --- Pages and API -----------------------------------------------------------------------------------------------
def a_survey(metric: str, name: str = "After support", **content: Any) -> Survey:
    made = hosted.survey(name, metric=metric, **content)
    Survey.objects.filter(pk=made.pk).update(metric=metric, kind="transactional")
    made.refresh_from_db()
    return made


@pytest.fixture
def asked(csm: User) -> Survey:
    """A CSAT answered by one person of the CSM with 5, 4 and 2, by somebody else's with 1; and the same person's NPS of 0."""
    survey = a_survey("csat")
    ann = factories.a_contact(account=factories.an_account("Acme", owner=csm))
    bob = factories.a_contact("bob@other.example", account=factories.an_account("Other"))
    for number, (score, who) in enumerate(((5, ann), (4, ann), (2, ann), (1, bob))):
        factories.respond(
            survey,
            score,
            contact_id=who.pk,
            external_id=f"csat-{number}",
            responded_at=clock.now() - dt.timedelta(days=number + 1),
        )
    factories.respond(hosted.survey("NPS"), 0, contact_id=ann.pk)
    return survey


@pytest.mark.django_db
def test_the_page_shows_share_interval_and_rows(asked: Survey, as_lead: Client) -> None:
    page = as_lead.get("/scores/csat/")

    text = text_of(page)
    assert "50 % satisfied (4 or 5)" in text
    # Wilson for 2 of 4: 15.0 to 85.0.
    assert "15 to 85 %" in text
    assert "mean 3.00 of 5" in text
    assert page.context["page"].now.histogram == (0, 1, 1, 0, 1, 1)
    for score, number, _, url in page.context["page"].distribution:
        rows = list(as_lead.get(url).context["page"])
        assert [row.score for row in rows] == [score] * number
        assert all(row.metric == "csat" for row in rows)
    assert len(list(as_lead.get(page.context["page"].url).context["page"])) == 4


@pytest.mark.django_db
def test_a_csm_sees_figures_of_their_rows_alone(asked: Survey, as_csm: Client, as_stranger: Client) -> None:
    assert as_csm.get("/scores/csat/").context["page"].now.n == 3
    assert "67 % satisfied" in text_of(as_csm.get("/scores/csat/"))
    assert as_stranger.get("/scores/csat/").context["page"].now.n == 0


@pytest.mark.django_db
def test_the_trend_begins_with_the_first_answers(asked: Survey, as_lead: Client) -> None:
    trend = as_lead.get("/scores/csat/").context["page"].trend

    assert trend[0].n > 0
    assert trend[-1].n == 4


@pytest.mark.django_db
def test_the_trend_is_drawn_with_its_interval_and_leads_to_the_rows(asked: Survey, as_lead: Client) -> None:
    page = as_lead.get("/scores/csat/").content.decode()

    assert "CSAT at the end of each month" in page
    assert 'class="n-bar"' in page
    assert re.search(r"<title>\w+: \d+ % (± \d+|\(\d+ to \d+ %\)), 4 answers</title>", page)
    assert "metric=csat" in page


@pytest.mark.django_db
def test_another_survey_narrows_and_nonsense_does_not(asked: Survey, as_lead: Client) -> None:
    other = a_survey("csat", "Onboarding")

    def n(**query: Any) -> int:
        return int(as_lead.get("/scores/csat/", query).context["page"].now.n)

    assert (n(survey=asked.pk), n(survey=other.pk), n(survey="x"), n(window="-1")) == (4, 0, 4, 4)
    assert as_lead.get("/scores/nps/").status_code == 404
    assert Client().get("/scores/csat/").status_code == 302


@pytest.mark.django_db
def test_a_company_that_asks_nothing_of_the_kind_is_told_how_to_begin(as_lead: Client) -> None:
    assert "Not measured yet" in text_of(as_lead.get("/scores/ces/"))


@pytest.mark.django_db
def test_ces_shows_its_mean(as_lead: Client) -> None:
    survey = a_survey("ces")
    for number, score in enumerate((2, 4, 4, 6, 7)):
        factories.respond(survey, score, email=f"p{number}@acme.example", external_id=f"ces-{number}")
        factories.a_contact(f"p{number}@acme.example", account=factories.an_account(f"A{number}"))
    # Nobody is known for these yet: what waits in the inbox counts nowhere.
    assert as_lead.get("/scores/ces/").context["page"].now.n == 0

    person = factories.a_contact("known@acme.example", account=factories.an_account("Known"))
    for number, score in enumerate((2, 4, 4, 6, 7)):
        factories.respond(survey, score, contact_id=person.pk, external_id=f"known-{number}")

    text = text_of(as_lead.get("/scores/ces/"))
    assert "4.60" in text
    assert "2.18 to 7.00" in text


def read(user: User, url: str, **query: Any) -> Any:
    key = factories.an_api_key(user, "responses:read")
    return Client(headers={"Authorization": key}).get(url, query)


@pytest.mark.django_db
def test_the_api_says_the_same_within_the_keys_scope(
    asked: Survey, lead: User, csm: User, stranger: User
) -> None:
    whole = read(lead, "/api/v1/scores/csat").json()

    assert whole["figure"]["n"] == 4
    assert whole["figure"]["share"] == 50
    assert whole["figure"]["mean"] == 3
    assert whole["figure"]["levels"] == {"satisfied": 2, "neutral": 0, "dissatisfied": 2}
    assert whole["distribution"] == {"1": 1, "2": 1, "3": 0, "4": 1, "5": 1}
    assert (whole["metric"], whole["previous"]["n"], whole["previous"]["share"]) == ("csat", 0, None)
    assert read(csm, "/api/v1/scores/csat").json()["figure"]["n"] == 3
    assert read(stranger, "/api/v1/scores/csat").json()["figure"]["n"] == 0
    assert read(lead, "/api/v1/scores/csat", counts="latest").json()["figure"]["n"] == 2
    assert read(lead, "/api/v1/scores/csat", window="0").status_code == 400
    assert read(lead, "/api/v1/scores/nps").status_code == 404


@pytest.mark.django_db
def test_a_satisfaction_is_no_nps(asked: Survey, as_lead: Client, lead: User) -> None:
    figure = read(lead, "/api/v1/nps").json()["figure"]

    assert (figure["n"], figure["nps"]) == (1, -100)


# --- Export ------------------------------------------------------------------------------------------------------
@pytest.mark.django_db
def test_each_further_question_is_a_column_of_the_export(as_lead: Client) -> None:
    survey = a_survey(
        "csat",
        questions=[
            {"key": "solved", "kind": "choice", "options": ["yes", "no"]},
            {"key": "reason", "kind": "multi", "options": ["slow", "tone"]},
            {"key": "wish", "kind": "text"},
            {"key": "pace", "kind": "rating"},
        ],
        languages={"en": {}},
    )
    person = hosted.contact()
    said = {"solved": "no", "reason": ["tone", "slow"], "wish": "=1+1", "pace": 4}
    factories.respond(
        survey,
        2,
        contact_id=person.pk,
        version_id=survey.current_id,
        answers=said,
        may_quote=True,
        external_id="a",
    )
    factories.respond(hosted.survey("NPS"), 9, contact_id=person.pk, external_id="b")

    export = as_lead.get("/feedback/export/")
    rows = {
        row["metric"]: row
        for row in csv.DictReader(b"".join(export.streaming_content).decode("utf-8-sig").splitlines())  # type: ignore[attr-defined]
    }

    assert [name for name in rows["csat"] if name.startswith("answer_")] == [
        "answer_solved", "answer_reason", "answer_wish", "answer_pace",
    ]  # fmt: skip
    csat = rows["csat"]
    assert (csat["answer_solved"], csat["answer_reason"], csat["answer_pace"]) == ("no", "slow, tone", "4")
    assert csat["answer_wish"].lstrip("'\t ") == "=1+1"
    assert not csat["answer_wish"].startswith("=")  # no formula for a spreadsheet to run
    assert csat["may_quote"] in {"yes", "True", "true", "1"}
    assert rows["nps"]["answer_solved"] == rows["nps"]["answer_pace"] == ""


# --- Acting ------------------------------------------------------------------------------------------------------
@pytest.mark.django_db
@pytest.mark.parametrize(("metric", "scores"), [("csat", range(1, 6)), ("ces", range(1, 8))])
def test_no_score_of_another_scale_is_taken_for_a_detractor_or_a_promoter(
    metric: str, scores: range, csm: User, drain: Any
) -> None:
    survey = a_survey(metric)
    ann = factories.a_contact(account=factories.an_account(owner=csm))
    for score in scores:
        factories.respond(survey, score, contact_id=ann.pk, external_id=f"{metric}-{score}")

    drain()

    assert Response.objects.filter(metric=metric, contact=ann).count() == len(scores)
    assert [Alert.objects.count(), Task.objects.count(), Run.objects.count()] == [0, 0, 0]


@pytest.mark.django_db
def test_an_nps_of_the_same_number_alerts(csm: User, drain: Any) -> None:
    ann = factories.a_contact(account=factories.an_account(owner=csm))
    factories.respond(a_survey("csat"), 4, contact_id=ann.pk, external_id="csat")
    factories.respond(hosted.survey("NPS"), 4, contact_id=ann.pk, external_id="nps")

    drain()

    assert Alert.objects.get().contact == ann
