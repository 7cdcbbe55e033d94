"""The feedback pages and the inbox: who sees which answers, what filters find, and what actions do to them."""

import datetime as dt

import pytest
from django.urls import reverse

from core import clock
from surveys.models import Response
from team.models import AuditEntry
from tests import factories

URL = "/feedback/"


@pytest.fixture
def survey(db):
    return factories.a_survey()


@pytest.fixture
def ann(csm):
    account = factories.an_account("Acme", owner=csm, plan="Gold", domain="acme.example")
    return factories.a_contact(account=account, first_name="Ann", last_name="Lee")


@pytest.fixture
def answers(survey, ann, frozen):
    made = {
        score: factories.respond(
            survey,
            score,
            email=ann.email,
            comment=comment,
            responded_at=clock.now() - dt.timedelta(days=score),
        )
        for score, comment in ((9, "Great export"), (7, ""), (2, "Zu langsam, <b>wirklich</b>"))
    }
    made["inbox"] = factories.respond(survey, 1, email="who@acme.example", name="Who Else")
    return made


def scores(client, **params):
    return sorted(r.score for r in client.get(URL, params).context["page"])


@pytest.mark.parametrize(
    ("params", "found"),
    [
        ({}, [2, 7, 9]),
        ({"category": "detractor"}, [2]),
        ({"category": ["promoter", "passive"]}, [7, 9]),
        ({"score": "7"}, [7]),
        ({"q": "LANGSAM"}, [2]),
        ({"q": "ann acme"}, [2, 7, 9]),
        ({"q": "%"}, []),
        ({"commented": "true"}, [2, 9]),
        ({"since": "2026-03-10"}, [2, 7]),
        ({"until": "2026-03-09"}, [9]),
        ({"owner": "none"}, []),
        ({"channel": "email"}, []),
        ({"loop_status": "open"}, [2, 7, 9]),
        ({"plan": "Gold"}, [2, 7, 9]),
        ({"plan": "none"}, []),
        ({"latest": "90"}, [2]),
        ({"latest": "90", "as_of": "2026-03-12"}, [7]),
        ({"excluded": "true"}, []),
    ],
)
def test_filters_find_what_they_say(answers, as_lead, params, found):
    assert scores(as_lead, **params) == found


@pytest.mark.parametrize(
    "params",
    [{"score": "77"}, {"since": "2026-02-30"}, {"saved": "999"}, {"owner": "1 or 1=1"}, {"latest": "9e9"}],
)
def test_filters_that_make_no_sense_find_nothing_and_break_nothing(answers, as_lead, params):
    page = as_lead.get(URL, params)

    assert page.status_code == 200
    assert list(page.context["page"]) == []


def test_strangers_neither_list_nor_open_nor_change_answers(answers, as_stranger):
    response = answers[2]

    assert list(as_stranger.get(URL).context["page"]) == []
    assert as_stranger.get(f"{URL}{response.pk}/").status_code == 404
    for action in ("status", "assign"):
        assert as_stranger.post(f"{URL}{response.pk}/{action}/", {"status": "closed"}).status_code == 404
    as_stranger.post(f"{URL}bulk/", {"ids": [response.pk], "action": "closed"})
    response.refresh_from_db()
    assert response.loop_status == "open"


def test_an_answer_is_shown_in_its_context(answers, as_csm):
    content = as_csm.get(f"{URL}{answers[2].pk}/").content.decode()

    assert "&lt;b&gt;wirklich&lt;/b&gt;" in content
    assert "<b>wirklich</b>" not in content
    assert "Ann Lee" in content
    assert "Acme" in content
    assert f"{URL}{answers[9].pk}/" in content


def test_the_ticked_answers_change(answers, as_csm, csm):
    as_csm.post(f"{URL}bulk/", {"ids": [answers[2].pk, answers[7].pk], "action": "contacted"})
    as_csm.post(f"{URL}bulk/", {"ids": [answers[2].pk], "action": "assign", "assignee": csm.pk})

    assert sorted(Response.objects.filter(loop_status="contacted").values_list("score", flat=True)) == [2, 7]
    assert [r.score for r in Response.objects.filter(assignee=csm)] == [2]


def test_everything_that_matches_changes(answers, as_csm):
    as_csm.post(f"{URL}bulk/?category=detractor", {"all_matching": "1", "action": "closed"})

    assert [r.score for r in Response.objects.filter(loop_status="closed")] == [2]


def test_excluding_needs_a_lead_and_a_reason(answers, as_csm, as_lead):
    url = f"{URL}{answers[2].pk}/exclude/"

    assert as_csm.post(url, {"reason": "x"}).status_code == 403
    assert as_lead.post(url, {"reason": " "}).status_code == 422
    assert as_lead.post(url, {"reason": "Wrong button"}).status_code == 302
    assert "Wrong button" in as_lead.get(f"{URL}{answers[2].pk}/").content.decode()
    as_lead.post(f"{URL}{answers[2].pk}/restore/")
    assert not Response.objects.exclude(excluded_reason="").exists()


def test_the_export_is_what_the_filter_shows_and_runs_no_formula(answers, survey, ann, as_csm):
    factories.respond(survey, 0, email=ann.email, comment="=cmd|' /C calc'!A0")

    export = as_csm.get(f"{URL}export/", {"category": "detractor"})

    lines = b"".join(export.streaming_content).decode("utf-8-sig").splitlines()
    assert len(lines) == 3
    assert "'=cmd|" in "".join(lines)
    assert AuditEntry.objects.filter(action="response.exported").count() == 1


def test_a_viewer_looks_and_changes_nothing(answers, as_viewer):
    assert as_viewer.get(URL).status_code == 200
    assert as_viewer.post(f"{URL}{answers[2].pk}/status/", {"status": "closed"}).status_code == 403
    assert as_viewer.get(f"{URL}export/").status_code == 403


# --- The inbox -----------------------------------------------------------------------------------------------
@pytest.fixture
def inbox():
    return reverse("surveys:inbox_list")


def test_the_inbox_lists_what_nobody_is_known_for(answers, ann, inbox, as_lead, as_csm):
    page = as_lead.get(inbox)

    assert [row[0].pk for row in page.context["rows"]] == [answers["inbox"].pk]
    assert "works at acme.example" in page.content.decode()
    assert as_csm.get(inbox).context["rows"] == []


@pytest.mark.parametrize("by", ["contact", "email"])
def test_a_waiting_answer_is_linked(answers, ann, inbox, as_lead, by):
    waiting = answers["inbox"]

    as_lead.post(
        f"{inbox}{waiting.pk}/link/", {"contact": ann.pk} if by == "contact" else {"email": ann.email}
    )

    waiting.refresh_from_db()
    assert (waiting.contact, waiting.identity) == (ann, "matched")


def test_a_waiting_answer_becomes_a_contact(answers, ann, inbox, as_lead):
    waiting = answers["inbox"]

    as_lead.post(f"{inbox}{waiting.pk}/create/", {"account": ann.account_id, "name": ""})

    waiting.refresh_from_db()
    assert (waiting.contact.full_name, waiting.contact.email) == ("Who Else", "who@acme.example")


def test_a_waiting_answer_is_set_aside_and_taken_back(answers, inbox, as_lead):
    waiting = answers["inbox"]

    as_lead.post(f"{inbox}{waiting.pk}/ignore/")
    assert as_lead.get(inbox).context["rows"] == []
    assert len(as_lead.get(inbox, {"show": "ignored"}).context["rows"]) == 1
    as_lead.post(f"{inbox}{waiting.pk}/ignore/")

    assert len(as_lead.get(inbox).context["rows"]) == 1


def test_only_leads_decide_about_the_inbox(answers, ann, inbox, as_csm, as_viewer):
    for client in (as_csm, as_viewer):
        for action in ("link", "create", "ignore"):
            url = f"{inbox}{answers['inbox'].pk}/{action}/"
            assert client.post(url, {"contact": ann.pk}).status_code == 403
