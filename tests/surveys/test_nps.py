"""The NPS page: where we are, whether it is real, what moves it; every number leads to exactly its rows."""

import datetime as dt
import re
from html import unescape
from urllib.parse import parse_qs, urlsplit

import pytest
from django.urls import reverse

from core import clock
from surveys.insight import rollups
from surveys.models import Invitation, Response, SurveyVersion
from team.models import AuditEntry, RoleScope
from tests import factories

URL = "/nps/"


@pytest.fixture
def answers(db, csm, frozen):
    """46 promoters, 24 passives and 5 detractors in the last 90 days; before, the same with more detractors."""
    survey = factories.a_survey()
    accounts = [
        factories.an_account(f"Account {k}", plan="Gold" if k < 3 else "Free", owner=csm, arr="1000.00")
        for k in range(5)
    ]
    scores = [10] * 46 + [8] * 24 + [2] * 5
    people = [factories.a_contact(f"p{k}@example.com", account=accounts[k % 5]) for k in range(len(scores))]
    made = [
        factories.answer_to(
            survey,
            3 if k < 20 else score,
            contact_id=person.pk,
            responded_at=clock.now() - dt.timedelta(days=120),
        )
        for k, (person, score) in enumerate(zip(people, scores, strict=True))
    ]
    made += [
        factories.answer_to(
            survey, score, contact_id=person.pk, responded_at=clock.now() - dt.timedelta(days=k % 60)
        )
        for k, (person, score) in enumerate(zip(people, scores, strict=True))
    ]
    from surveys.ingest import ingest

    ingest(made)
    rollups.fold()
    return survey


def text_of(response) -> str:
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", response.content.decode())).replace("\xa0", " ").split())


def test_the_page_shows_the_score_with_its_doubt_and_definition(answers, as_lead):
    page = as_lead.get(URL)

    text = text_of(page)
    assert "+55" in text
    assert "± 14" in text
    assert "75 answers" in text
    assert "latest answer per contact, 90 days" in text
    assert "more than chance" in text
    assert "Heard from 5 of 5 customer accounts" in text


def test_every_link_to_answers_leads_to_as_many_rows_as_it_counts(answers, as_lead, lead):
    content = unescape(as_lead.get(URL).content.decode())

    # The categories of the bar, each with its count in the link's text or title.
    for name, number in (("promoter", 46), ("passive", 24), ("detractor", 5)):
        links = [u for u in re.findall(r'href="(/feedback/\?[^"]+)"', content) if f"category={name}" in u]
        assert links
        assert _rows(as_lead, links[0]) == number
    for score, number in ((10, 46), (8, 24), (2, 5)):
        (link,) = {u for u in re.findall(r'href="(/feedback/\?[^"]+)"', content) if f"score={score}" in parse_qs(
            urlsplit(u).query, keep_blank_values=True).get("score", [""])[0:1] or f"&score={score}" in u}  # fmt: skip
        assert _rows(as_lead, link) == number


def _rows(client, url) -> int:
    return client.get(url).context["page"].paginator.count


def test_breakdown_shows_each_value_with_its_answers_and_the_arr_behind_detractors(answers, as_lead):
    page = as_lead.get(URL, {"by": "plan"})

    parts = {part.label: part for part in page.context["page"].parts}
    assert {label: part.figure.n for label, part in parts.items()} == {"Gold": 45, "Free": 30}
    assert sum(part.arr or 0 for part in parts.values()) > 0
    for part in parts.values():
        assert _rows(as_lead, part.url) == part.figure.n


def test_narrowing_to_a_plan_narrows_all_of_it(answers, as_lead):
    page = as_lead.get(URL, {"plan": "Gold"})

    assert page.context["page"].now.n == 45
    assert _rows(as_lead, page.context["page"].urls["all"]) == 45


@pytest.mark.parametrize(
    "query", [{"window": "30"}, {"counts": "all", "window": "365"}, {"by": "owner"}, {"by": "channel"}]
)
def test_other_windows_units_and_breakdowns_agree_with_their_rows(answers, as_lead, query):
    page = as_lead.get(URL, query).context["page"]

    assert _rows(as_lead, page.urls["all"]) == page.now.n
    for part in page.parts:
        assert _rows(as_lead, part.url) == part.figure.n


def test_nonsense_in_the_address_falls_back_to_the_definition(answers, as_lead):
    page = as_lead.get(URL, {"window": "7e9", "counts": "x", "survey": "-1", "saved": "999", "by": "'; DROP"})

    assert page.status_code == 200
    assert page.context["page"].now.n == 75


def test_without_answers_the_page_says_so(db, as_lead):
    page = as_lead.get(URL)

    assert "no data" in text_of(page)
    assert "Nobody answered in the last 90 days" in text_of(page)


def test_a_stranger_sees_no_figure_of_foreign_accounts(answers, as_stranger):
    page = as_stranger.get(URL)

    assert page.context["page"].now.n == 0
    assert "Account 1" not in page.content.decode()


def test_own_scope_counts_own_accounts(answers, as_csm):
    RoleScope.objects.create(role="csm", scope="own")

    page = as_csm.get(URL).context["page"]

    assert page.now.n == 75
    assert _rows(as_csm, page.urls["all"]) == 75


def test_the_page_takes_the_same_statements_for_few_and_many_answers(
    answers, as_lead, django_assert_max_num_queries
):
    as_lead.get(URL)

    with django_assert_max_num_queries(21):
        as_lead.get(URL)


def test_accounts_behind_the_ranking_and_the_coverage(answers, as_lead):
    factories.an_account("Silent")

    ranked = as_lead.get(reverse("surveys:nps_accounts"))
    silent = as_lead.get(reverse("surveys:nps_accounts"), {"heard": "no"})

    assert ranked.context["page"].paginator.count == 5
    assert [account.name for account in silent.context["page"]] == ["Silent"]


def test_the_funnel_counts_real_asks_and_leads_to_them(db, as_lead, csm):
    survey = factories.a_survey()
    version = SurveyVersion.objects.create(survey=survey, number=1)
    ann = factories.a_contact(account=factories.an_account())
    for key, delivered in (("a", clock.now()), ("b", None)):
        Invitation.objects.create(
            version=version, contact=ann, account=ann.account, recipient_key=key * 64, state="sent",
            asked_at=clock.now(), delivered_at=delivered,
        )  # fmt: skip
    Invitation.objects.create(
        version=version,
        contact=ann,
        recipient_key="c" * 64,
        state="sent",
        asked_at=clock.now(),
        is_test=True,
        tester=csm,
    )

    page = as_lead.get(URL).context["page"]

    assert [stage.count for stage in page.funnel] == [2, 1, 0, 0, 0]
    assert as_lead.get(page.funnel[1].url).context["page"].paginator.count == 1


def test_the_export_holds_the_figures_and_is_audited(answers, as_lead):
    response = as_lead.get(reverse("surveys:nps_export"))

    lines = b"".join(response.streaming_content).decode("utf-8-sig").splitlines()
    assert lines[1].startswith("now,,2026-03-17,55,38.5851,66.5431,75,46,24,5")
    assert any(line.startswith("plan,Gold,") for line in lines)
    assert AuditEntry.objects.filter(action="nps.exported").count() == 1


def test_a_viewer_may_look_and_not_take_away(answers, as_viewer):
    assert as_viewer.get(URL).status_code == 200
    assert as_viewer.get(reverse("surveys:nps_export")).status_code == 403


def test_signed_out_people_are_sent_to_the_door(client, db):
    assert client.get(URL).status_code == 302


def test_excluding_an_answer_changes_the_page_at_once(answers, as_lead, lead):
    from surveys.services import responses

    one = Response.objects.filter(score=2, superseded_at__isnull=True)[:1]
    responses.exclude_responses(
        responses=Response.objects.filter(pk__in=[r.pk for r in one]), reason="Typo", actor=lead
    )

    page = as_lead.get(URL).context["page"]

    # The person's earlier answer is older than the window, so one answer less counts.
    assert page.now.counts.detractors == 4
