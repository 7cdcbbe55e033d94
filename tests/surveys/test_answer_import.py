"""Importing past answers: what a row becomes, and why it stays out."""

import datetime as dt

import pytest
from django.test import Client
from django.urls import reverse

from accounts.models import Contact, Event, Import
from core.errors import Invalid
from surveys.models import ImportedAnswer, Response, Survey
from team.models import User
from tests import factories
from tests.accounts import importing
from tests.accounts.importing import counts, reasons
from tests.accounts.test_import_workbooks import workbook
from tests.surveys.answer_files import PLAIN, QUALTRICS, bring_in, check, upload


@pytest.fixture
def survey(db: None) -> Survey:
    return factories.a_survey("Relationship")


@pytest.fixture
def ann(db: None) -> Contact:
    return factories.a_contact("ann@acme.example", account=factories.an_account("Acme"), external_id="u-1")


def test_check_says_what_would_happen_and_leaves_nothing_behind(
    lead: User, survey: Survey, ann: Contact
) -> None:
    content = PLAIN + (
        "ann@acme.example,9,Fine,2025-03-01 10:00,r1\n"
        "who@else.example,0,Bad,2025-03-02 10:00,r2\n"
        "ann@acme.example,eleven,,2025-03-03 10:00,r3\n"
    )

    run = check(upload(content, actor=lead), actor=lead, survey=survey, scale="as_is")

    assert run.state == "checked", run.error
    assert run.checked["counts"] == {
        "rows": 3, "created": 2, "updated": 0, "unchanged": 0, "refused": 1, "accounts_created": 0, "unmatched": 1,
    }  # fmt: skip
    assert run.checked["samples"]["created"][0]["changes"] == [
        ["Score", "", "9"], ["Answered", "", "2025-03-01 10:00"], ["Whose", "", "a contact here"], ["Comment", "", "Fine"],
    ]  # fmt: skip
    assert "“Score”" in run.checked["samples"]["refused"][0]["reason"]
    assert not Response.objects.exists()
    assert not Event.objects.exists()


def test_import_does_what_the_check_said_and_alerts_nobody(lead: User, survey: Survey, ann: Contact) -> None:
    content = (
        PLAIN
        + "ann@acme.example,9,Fine,2025-03-01 10:00,r1\nwho@else.example,0,Bad,2025-03-02T10:00:00Z,r2\n"
    )

    run = bring_in(content, actor=lead, survey=survey)

    assert (run.state, counts(run), run.unmatched_count) == ("done", (2, 0, 0, 0), 1)
    mine, other = Response.objects.order_by("responded_at")
    assert (mine.contact, mine.score, mine.comment, mine.origin, mine.channel, mine.state) == (
        ann, 9, "Fine", "import", "import", "completed",
    )  # fmt: skip
    # The workspace is in Berlin; a time with an offset needs no zone.
    assert mine.responded_at == dt.datetime(2025, 3, 1, 9, 0, tzinfo=dt.UTC)
    assert other.responded_at == dt.datetime(2025, 3, 2, 10, 0, tzinfo=dt.UTC)
    assert (other.identity, other.identity_hint) == ("inbox", {"email": "who@else.example"})
    assert {event.origin for event in Event.objects.all()} == {"import"}
    assert ImportedAnswer.objects.filter(run=run).count() == 2


@pytest.mark.parametrize("header", [PLAIN, PLAIN.replace(",Response ID", ",Note")])
def test_same_file_again_changes_nothing(lead: User, survey: Survey, ann: Contact, header: str) -> None:
    content = header + (
        "ann@acme.example,9,Fine,2025-03-01 10:00,r1\n,8,Same,2025-03-01,r2\n,8,Same,2025-03-01,r3\n,0,Bad,2025-03-02,r4\n"
    )

    first = bring_in(content, actor=lead, survey=survey)
    again = bring_in(content, actor=lead)

    assert counts(first) == (4, 0, 0, 0), reasons(first)
    assert counts(again) == (0, 0, 4, 0), reasons(again)
    assert Response.objects.count() == 4


def test_comment_that_came_later_updates_the_answer(lead: User, survey: Survey, ann: Contact) -> None:
    header = "Email,Score,Comment,Date\n"
    bring_in(header + "ann@acme.example,9,,2025-03-01 10:00\n,0,x,2025-03-01\n", actor=lead, survey=survey)

    run = check(
        upload(header + "ann@acme.example,9,Now I say why,2025-03-01 10:00\n,0,x,2025-03-01\n", actor=lead),
        actor=lead,
        survey=survey,
    )

    assert run.checked["samples"]["updated"][0]["changes"] == [["Comment", "", "Now I say why"]]
    importing.start(run, actor=lead)
    assert Response.objects.get(contact=ann).comment == "Now I say why"
    assert ImportedAnswer.objects.filter(run=run).count() == 0


def test_answers_come_from_a_workbook_with_real_dates_and_numbers(lead: User) -> None:
    survey = factories.a_survey("Relationship")
    rows = [
        ["Email", "Score", "Comment", "Date", "Response ID"],
        ["ann@acme.example", 9, "Fine", dt.datetime(2025, 3, 3, 10, 30), "r1"],
        ["bob@acme.example", 0, None, dt.date(2025, 3, 4), "r2"],
        ["cy@acme.example", 7.5, "Half", dt.datetime(2025, 3, 5), "r3"],
        ["dee@acme.example", None, "None", dt.datetime(2025, 3, 5), "r4"],
    ]
    content = workbook({"Notes": [["Read me"]], "Answers": rows})

    run = bring_in(
        content, actor=lead, name="answers.xlsx", survey=survey, scale="as_is", zone="Europe/Berlin"
    )

    assert counts(run) == (2, 0, 0, 2)
    first, second = Response.objects.order_by("responded_at")
    assert (first.score, first.comment) == (9, "Fine")
    assert first.responded_at == dt.datetime(2025, 3, 3, 9, 30, tzinfo=dt.UTC)
    assert (second.score, second.responded_at.date()) == (0, dt.date(2025, 3, 4))
    again = bring_in(
        content, actor=lead, name="answers.xlsx", survey=survey, scale="as_is", zone="Europe/Berlin"
    )
    assert counts(again) == (0, 0, 2, 2)


def test_same_id_twice_in_a_file_counts_once(lead: User, survey: Survey) -> None:
    run = bring_in(
        PLAIN + "a@x.example,9,,2025-03-01,r1\nb@x.example,0,,2025-03-01,r1\n",
        actor=lead,
        survey=survey,
        scale="as_is",
    )

    assert counts(run) == (1, 0, 0, 1)
    assert reasons(run)[3] == "The same id stands in line 2. The first row counts; remove one of them."


def test_ids_of_a_plain_list_belong_to_its_survey(lead: User, survey: Survey) -> None:
    bring_in(PLAIN + "a@x.example,9,,2025-03-01,1\nb@x.example,0,,2025-03-01,2\n", actor=lead, survey=survey)

    run = bring_in(
        PLAIN + "c@x.example,8,,2025-04-01,1\nd@x.example,0,,2025-04-01,2\n",
        actor=lead,
        survey=factories.a_survey("Other"),
    )

    assert counts(run) == (2, 0, 0, 0)
    assert sorted(Response.objects.values_list("survey__name", "external_id")) == [
        ("Other", f"{Survey.objects.get(name='Other').pk}:1"), ("Other", f"{Survey.objects.get(name='Other').pk}:2"),
        ("Relationship", f"{survey.pk}:1"), ("Relationship", f"{survey.pk}:2"),
    ]  # fmt: skip


def test_new_survey_is_made_when_the_import_begins(lead: User) -> None:
    run = check(
        upload(
            PLAIN + "a@x.example,0,,2025-03-01,1\nb@x.example,9,,2025-03-01,2\n",
            actor=lead,
            name="NPS_2024.csv",
        ),
        actor=lead,
    )
    assert not Survey.objects.exists()

    run = importing.start(run, actor=lead)

    made = Survey.objects.get()
    assert (made.name, made.metric, made.state, made.responses.count()) == ("NPS 2024", "nps", "draft", 2)
    assert f"survey “{made.name}”" in " ".join(importing_choices(run))


def importing_choices(run: Import) -> list[str]:
    from accounts.imports import targets

    return targets.named("answer").choices(run)


@pytest.mark.parametrize(
    ("date", "reason"),
    [
        ("1999-12-31", "before the year 2000"),
        ("2099-01-01", "lies in the future"),
        ("44927", "day number"),
        ("2025-02-30", "not a day of the calendar"),
        ("2025-03-30 02:30", "skipped"),
        ("", "does not say when"),
        ("2025-03-01 10:00 PST", "letters"),
    ],
)
def test_dates_that_cannot_be_are_refused(lead: User, survey: Survey, date: str, reason: str) -> None:
    run = bring_in(
        PLAIN + f"a@x.example,0,,{date},1\nb@x.example,0,,2025-03-01,2\n", actor=lead, survey=survey
    )

    assert counts(run) == (1, 0, 0, 1)
    assert reason in reasons(run)[2]


def test_order_of_day_and_month_is_asked_and_then_kept_to(lead: User, survey: Survey) -> None:
    content = PLAIN + "a@x.example,0,,04/05/2025,1\n"
    with pytest.raises(Invalid, match="day or the month") as refused:
        check(upload(content, actor=lead), actor=lead, survey=survey)
    assert refused.value.field == "dates"

    bring_in(content, actor=lead, survey=survey, dialect={"dates": "mdy"})

    assert Response.objects.get().responded_at.date() == dt.date(2025, 4, 5)


def test_hostile_cells_are_text_and_nothing_else(lead: User, survey: Survey, ann: Contact) -> None:
    texts = [
        "=cmd|' /C calc'!A0",
        "\u202eevil\u2066",
        "😀 שלום",
        "line one\nline two",
        "nul\x00inside",
        "<script>alert(1)</script>",
    ]
    rows = "".join(
        f'ann@acme.example,0,"{text}",2025-03-0{n} 10:00,r{n}\n' for n, text in enumerate(texts, start=1)
    )

    run = bring_in(PLAIN + rows, actor=lead, survey=survey)

    assert counts(run) == (len(texts), 0, 0, 0), reasons(run)
    kept = list(Response.objects.order_by("responded_at").values_list("comment", flat=True))
    assert kept == [*texts[:4], "nulinside", texts[5]]


def test_formula_in_the_score_is_refused(lead: User, survey: Survey) -> None:
    run = bring_in(
        PLAIN + "a@x.example,=1+8,,2025-03-01,1\nb@x.example,0,,2025-03-01,2\n",
        actor=lead,
        survey=survey,
        scale="as_is",
    )

    assert reasons(run) == {2: "Column “Score”: the cell is not a number."}


def test_german_latin_1_with_semicolons_is_understood(lead: User, survey: Survey) -> None:
    content = "E-Mail-Adresse;Bewertung;Kommentar;Beantwortet am\nj\xfcrgen@x.example;0;Gr\xfc\xdfe;31.12.2025 14:05\n".encode(
        "latin-1"
    )

    run = bring_in(content, actor=lead, survey=survey)

    assert counts(run) == (1, 0, 0, 0), reasons(run)
    answer = Response.objects.get()
    assert (answer.comment, answer.responded_at) == ("Grüße", dt.datetime(2025, 12, 31, 13, 5, tzinfo=dt.UTC))


def test_further_columns_stay_with_the_answer(lead: User, survey: Survey, ann: Contact) -> None:
    content = (
        "Email,Score,Date,Tags,Channel,Language,Plan,Device Type\n"
        'ann@acme.example,0,2025-03-01,"speed; price, speed",E-Mail,Deutsch,Old plan,Phone\n'
    )

    bring_in(content, actor=lead, survey=survey, columns={6: "attribute", 7: "attribute"})

    answer = Response.objects.get()
    assert (answer.channel, answer.language) == ("email", "de")
    assert answer.attributes["tags"] == ["speed", "price"]
    assert (answer.attributes["file_plan"], answer.attributes["device_type"]) == ("Old plan", "Phone")


def test_rows_that_name_nobody_can_be_refused(lead: User, survey: Survey) -> None:
    content = PLAIN.replace("Response ID", "Note") + ",0,x,2025-03-01,\n"

    kept = bring_in(content, actor=lead, survey=survey)
    refused = bring_in(content.replace("x", "y"), actor=lead, survey=survey, nobody="refuse")

    assert counts(kept) == (1, 0, 0, 0)
    assert Response.objects.get().identity == "anonymous"
    assert reasons(refused) == {2: "The row names nobody: no address, no id, no name."}


def test_contact_outside_sight_is_treated_as_unknown(lead: User, survey: Survey, ann: Contact) -> None:
    from team.models import RoleScope

    RoleScope.objects.update_or_create(role="lead", defaults={"scope": "own"})

    run = bring_in(PLAIN + "ann@acme.example,0,,2025-03-01,1\n", actor=lead, survey=survey)

    assert run.unmatched_count == 1
    assert Response.objects.get().contact is None


def test_answers_can_be_taken_back_and_stay_listed(lead: User, survey: Survey, ann: Contact) -> None:
    from accounts.imports import services, targets

    run = bring_in(
        PLAIN + "ann@acme.example,0,,2025-03-01,1\nann@acme.example,9,,2025-04-01,2\n",
        actor=lead,
        survey=survey,
    )

    services.take_back(run=run, actor=lead)
    importing.work()

    assert Response.objects.exclude(excluded_reason="").count() == 2
    taken = targets.named("answer").taken_back(run, lead)
    assert taken is not None
    assert (taken.standing, taken.gone, taken.is_running) == (0, 2, False)


# --- Exports of other tools ----------------------------------------------------------------------------------
def test_qualtrics_is_read_by_its_third_header_row(lead: User, survey: Survey, ann: Contact) -> None:
    content = QUALTRICS + (
        '2025-01-02 03:04:05,2025-01-02 03:05:06,0,1,2025-01-02 03:05:07,R_1,ann@acme.example,u-1,3,9,"Fast,\nfriendly",pro\n'
        "2025-01-02 03:04:05,2025-01-02 03:05:06,1,1,2025-01-02 03:05:07,R_2,,,3,9,preview,\n"
        "2025-01-02 03:04:05,2025-01-02 03:05:06,2,1,2025-01-02 03:05:07,R_3,,,3,9,test,\n"
        "2025-01-02 03:04:05,2025-01-02 03:05:06,0,0,2025-01-02 03:05:07,R_4,,,1,2,half,\n"
        "2025-01-02 03:04:05,2025-01-02 03:05:06,0,1,2025-01-02 03:05:07,R_5,,,,,only a comment,\n"
    )

    run = bring_in("\ufeff" + content, actor=lead, survey=survey)

    assert (run.rows_total, counts(run)) == (5, (1, 0, 0, 4)), run.error
    answer = Response.objects.get()
    assert (answer.source, answer.external_id, answer.score, answer.comment, answer.contact) == (
        "qualtrics", "R_1", 9, "Fast,\nfriendly", ann,
    )  # fmt: skip
    assert answer.responded_at == dt.datetime(2025, 1, 2, 10, 5, 7, tzinfo=dt.UTC)  # Denver, winter
    assert answer.attributes["file_plan"] == "pro"
    assert [reason[:25] for reason in reasons(run).values()] == [
        "The answer is a preview (", "The answer is a test (“2”", "The answer is not finishe", "The row has no score, so ",
    ]  # fmt: skip


def test_old_qualtrics_files_have_two_header_rows(lead: User, survey: Survey) -> None:
    content = (
        "\ufeffV1,V2,V3,V5,V7,V8,V9,V10,Q1,Q2,\n"
        "ResponseID,ResponseSet,Name,EmailAddress,Status,StartDate,EndDate,Finished,How likely are you to recommend us?,Why?,\n"
        "R_1,Default,Ann Doe,ann@acme.example,0,2017-01-02 03:04:05,2017-01-02 03:05:06,1,9,Good,\n"
        "R_2,Default,Bob Doe,bob@acme.example,0,2017-01-02 03:04:05,2017-01-02 03:05:06,1,0,Bad,\n"
    )

    run = bring_in(content, actor=lead, survey=survey)

    assert counts(run) == (2, 0, 0, 0), (run.error, reasons(run))
    assert sorted(Response.objects.values_list("external_id", "score", "comment")) == [
        ("R_1", 9, "Good"),
        ("R_2", 0, "Bad"),
    ]


def test_surveymonkey_has_questions_above_and_parts_below(lead: User, survey: Survey) -> None:
    content = (
        "Respondent ID,Collector ID,Date Created,Date Modified,IP Address,Email Address,First Name,Last Name,"
        "How likely is it that you would recommend us?,What could we do better?,Which do you use?,\n"
        ",,,,,,,,Response,Open-Ended Response,Phone,Web\n"
        "1001,5,03/14/2025 02:05:00 PM,03/14/2025 02:06:00 PM,10.0.0.1,ann@acme.example,Ann,Doe,9,Nothing,Phone,Web\n"
        "1002,5,03/15/2025 02:05:00 PM,03/15/2025 02:06:00 PM,10.0.0.1,,,,0 - Not at all likely,Everything,,\n"
    )
    run = upload(content, actor=lead)
    assert run.headers[-2:] == ["Which do you use?: Phone", "Which do you use?: Web"]

    run = importing.start(
        check(run, actor=lead, survey=survey, scale="as_is", zone="America/New_York"), actor=lead
    )

    assert counts(run) == (2, 0, 0, 0), (run.error, reasons(run))
    first = Response.objects.get(external_id="1001")
    assert (first.source, first.score, first.comment) == ("surveymonkey", 9, "Nothing")
    assert first.responded_at == dt.datetime(2025, 3, 14, 18, 5, tzinfo=dt.UTC)


def test_typeform_is_recognised_and_partial_rows_stay_out(lead: User, survey: Survey) -> None:
    content = (
        "#,How likely are you to recommend us to a friend?,Why?,email,Response Type,Start Date (UTC),Stage Date (UTC),"
        "Submit Date (UTC),Network ID,Tags\n"
        "tok1,0,Slow,a@x.example,completed,2025-03-01 10:00:00,,2025-03-01 10:01:00,abc,\n"
        "tok2,9,,b@x.example,partial,2025-03-01 10:00:00,2025-03-01 10:01:00,,abc,\n"
    )

    run = bring_in(content, actor=lead, survey=survey)

    assert counts(run) == (1, 0, 0, 1), (run.error, reasons(run))
    answer = Response.objects.get()
    assert (answer.source, answer.external_id, answer.comment) == ("typeform", "tok1", "Slow")
    assert answer.responded_at == dt.datetime(2025, 3, 1, 10, 1, tzinfo=dt.UTC)


def test_delighted_rows_of_another_kind_stay_out(lead: User, survey: Survey) -> None:
    content = (
        "ID,Person Email,Survey Type,Score,Comment,Permalink,Created At,Tags,Delighted Source\n"
        "901,a@x.example,nps,0,Slow,https://d.example/r/1,1741000000,speed,Email\n"
        "902,a@x.example,csat,5,Fine,https://d.example/r/2,1741000001,,Email\n"
    )

    run = bring_in(content, actor=lead, survey=survey)

    assert counts(run) == (1, 0, 0, 1), (run.error, reasons(run))
    answer = Response.objects.get()
    assert (answer.source, answer.external_id, answer.channel) == ("delighted", "901", "email")
    assert answer.responded_at == dt.datetime.fromtimestamp(1741000000, tz=dt.UTC)
    assert "another kind" in reasons(run)[3]


def test_satismeter_score_column_is_not_the_rating(lead: User, survey: Survey) -> None:
    content = (
        "ID,User ID,Email,Rating,Score,Category,Feedback,Created\n"
        "s1,u-1,a@x.example,3,-100,detractor,Slow,2025-03-01T10:00:00.000Z\n"
        "s2,u-2,b@x.example,0,-100,detractor,,2025-03-01T11:00:00.000Z\n"
    )

    run = bring_in(content, actor=lead, survey=survey)

    assert counts(run) == (2, 0, 0, 0), (run.error, reasons(run))
    assert set(Response.objects.values_list("score", "source")) == {(3, "satismeter"), (0, "satismeter")}


def test_answer_of_a_tool_stays_in_the_survey_it_is_in(lead: User, survey: Survey) -> None:
    content = "ID,Rating,Feedback,Category,Created\ns1,0,Slow,detractor,2025-03-01T10:00:00.000Z\n"
    bring_in(content, actor=lead, survey=survey)

    run = bring_in(content, actor=lead, survey=factories.a_survey("Other"))

    assert counts(run) == (0, 0, 0, 1)
    assert (
        run.checked["samples"]["refused"][0]["reason"]
        == "This answer is in the survey “Relationship” already."
    )


# --- Which column is which -----------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("headers", "cells", "fields"),
    [
        ("Respondent e-mail,How likely are you to recommend us?,Why?,Answered at", "a@x.example,0,So slow,2025-03-01",
         ["email", "score", "comment", "answered_at"]),
        ("Kundennummer;Wie wahrscheinlich ist es, dass Sie uns weiterempfehlen?;Grund;Datum", "4711;0;Zu langsam;2025-03-01",
         ["contact_external_id", "score", "comment", "answered_at"]),
        ("who,npsScore,text,createdAt", "a@x.example,0,Slow,2025-03-01", ["email", "score", "comment", "answered_at"]),
        ("Vorname,Nachname,Bewertung,Anmerkung,Antwortdatum", "Ann,Doe,0,Langsam,2025-03-01",
         ["first_name", "last_name", "score", "comment", "answered_at"]),
    ],
)  # fmt: skip
def test_columns_are_proposed_from_headers_questions_and_contents(
    lead: User, headers: str, cells: str, fields: list[str]
) -> None:
    from accounts.imports.mapping import Columns

    run = upload(f"{headers}\n{cells}\n", actor=lead)

    columns = Columns.of(run.mapping).columns
    assert [columns.get(number) for number in range(len(fields))] == fields


def test_whole_import_is_listed_with_what_waits_in_the_inbox(
    as_lead: Client, lead: User, survey: Survey
) -> None:
    run = bring_in(PLAIN + "who@else.example,0,A stranger,2025-03-02,r2\n", actor=lead, survey=survey)
    url = reverse("surveys:response_list")

    assert "A stranger" in as_lead.get(f"{url}?imported={run.pk}").content.decode()
    assert "A stranger" not in as_lead.get(url).content.decode()
