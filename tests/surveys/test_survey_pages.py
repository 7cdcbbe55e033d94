"""Surveys in the browser: writing them, seeing them, freezing what was asked."""

import struct
import zlib
from typing import Any

import pytest
from django.core import mail
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from accounts.models import Event
from surveys.models import Invitation, Response, Survey, SurveyVersion
from tests.surveys import hosted

pytestmark = pytest.mark.django_db


def png(width: int = 40, height: int = 20) -> bytes:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0))
    return (
        b"\x89PNG\r\n\x1a\n" + head + chunk(b"IDAT", zlib.compress(b"\0" * 6 * height)) + chunk(b"IEND", b"")
    )


def form(**fields: Any) -> dict[str, Any]:
    return {
        "name": "Product NPS",
        "subject_name": "Fleetdesk",
        "brand_colour": "#0b6e6e",
        "reply_to": "mara@example.com",
        "languages": ["en", "de"],
        "default_language": "en",
        "track_opens": "on",
    } | fields


def edit(client: Client, made: Survey, **fields: Any) -> Any:
    page = client.get(reverse("surveys:survey_edit", args=[made.pk]))
    seen = page.context["form"].initial["seen"]
    return client.post(reverse("surveys:survey_edit", args=[made.pk]), form(seen=seen, **fields))


def words(page: Any) -> str:
    return str(page.content.decode())


# --- Writing ---------------------------------------------------------------------------------------------------
def test_a_lead_writes_a_survey_and_activates_it(as_lead: Client) -> None:
    page = as_lead.get(reverse("surveys:survey_new"), {"from": "relationship_nps"})
    assert "How likely are you to recommend" in words(page)  # the built-in words stand in the empty fields
    assert "Was schätzen Sie" in words(page)

    sent = as_lead.post(
        reverse("surveys:survey_new"),
        form(**{"en-question": "Would you recommend {subject}?", "en-follow_up-detractor": "What hurts?"}),
    )

    made = Survey.objects.get()
    assert sent.status_code == 302
    assert made.state == "draft"
    assert made.current.content["languages"]["en"]["question"] == "Would you recommend {subject}?"
    as_lead.post(reverse("surveys:survey_activate", args=[made.pk]))
    made.refresh_from_db()
    assert made.state == "active"


def test_every_mistake_is_shown_beside_its_field_and_nothing_is_lost(as_lead: Client) -> None:
    page = as_lead.post(
        reverse("surveys:survey_new"),
        form(
            **{
                "name": "",
                "reply_to": "nobody",
                "de-intro": "Hallo {{ vorname }}",
                "en-thanks-promoter-link_url": "x",
            }
        ),
    )

    assert page.status_code == 422
    errors = page.context["form"].errors
    assert set(errors) == {"name", "reply_to", "de-intro", "en-thanks-promoter-link_url"}
    assert "{{ first_name }}" in errors["de-intro"][0]
    assert "Hallo {{ vorname }}" in words(page)
    assert Survey.objects.count() == 0


def test_a_name_can_be_had_once(as_lead: Client) -> None:
    hosted.survey("Product NPS")

    page = as_lead.post(reverse("surveys:survey_new"), form())

    assert page.status_code == 422
    assert "Another survey has this name" in page.context["form"].errors["name"][0]


def test_a_pale_colour_is_warned_of_and_kept(as_lead: Client) -> None:
    as_lead.post(reverse("surveys:survey_new"), form(brand_colour="#ffcc00"))

    page = as_lead.get(reverse("surveys:survey_detail", args=[Survey.objects.get().pk]))

    assert "The nearest colour that takes white text is #8c7000" in words(page)


# --- Versions --------------------------------------------------------------------------------------------------
def test_a_version_nobody_has_seen_is_changed_in_place(as_lead: Client) -> None:
    made = hosted.survey(state="draft")

    edit(as_lead, made, **{"en-question": "New?"})

    assert [version.content["languages"]["en"]["question"] for version in SurveyVersion.objects.all()] == [
        "New?"
    ]


def test_an_asked_version_is_frozen_and_an_answer_keeps_its_wording(as_lead: Client) -> None:
    made = hosted.survey(languages={"en": {"question": "Old?"}, "de": {}})
    jonas = hosted.Respondent(hosted.invitation(asked=made))
    jonas.send(9)

    page = edit(as_lead, made, **{"en-question": "New?"})
    made.refresh_from_db()

    assert page.status_code == 302
    assert [version.number for version in SurveyVersion.objects.order_by("number")] == [1, 2]
    assert made.current.content["languages"]["en"]["question"] == "New?"
    assert Response.objects.get().version.content["languages"]["en"]["question"] == "Old?"
    assert "Old?" in words(jonas.look())
    history = words(as_lead.get(reverse("surveys:survey_detail", args=[made.pk])))
    assert "Version 1" in history
    assert "Version 2" in history
    assert as_lead.get(reverse("surveys:survey_version", args=[made.pk, 1])).status_code == 200
    assert as_lead.get(reverse("surveys:survey_version", args=[made.pk, 3])).status_code == 404


def test_saving_a_frozen_version_unchanged_makes_no_new_one(as_lead: Client) -> None:
    made = hosted.survey(brand_colour="#0b6e6e")
    edit(as_lead, made)
    hosted.invitation(asked=Survey.objects.get())

    edit(as_lead, made)

    assert SurveyVersion.objects.count() == 1


def test_of_two_who_edit_at_once_the_second_is_told(as_lead: Client, as_administrator: Client) -> None:
    made = hosted.survey(state="draft")
    url = reverse("surveys:survey_edit", args=[made.pk])
    seen = as_lead.get(url).context["form"].initial["seen"]
    edit(as_administrator, made, **{"en-question": "Theirs?"})

    late = as_lead.post(url, form(seen=seen, **{"en-question": "Mine?"}))

    assert late.status_code == 422
    assert "Somebody else saved this survey" in words(late)
    assert "Mine?" in words(late)
    made.refresh_from_db()
    assert made.current.content["languages"]["en"]["question"] == "Theirs?"
    informed = late.context["form"]["seen"].value()
    assert as_lead.post(url, form(seen=informed, **{"en-question": "Mine?"})).status_code == 302


def test_a_copy_is_a_draft_of_its_own(as_lead: Client) -> None:
    made = hosted.survey(languages={"en": {"question": "Same?"}})

    for _ in range(2):
        as_lead.post(reverse("surveys:survey_copy", args=[made.pk]))

    copies = Survey.objects.exclude(pk=made.pk).order_by("pk")
    assert [copy.name for copy in copies] == ["Product NPS (copy)", "Product NPS (copy 2)"]
    assert {copy.state for copy in copies} == {"draft"}
    assert {copy.current.content["languages"]["en"]["question"] for copy in copies} == {"Same?"}


def test_a_survey_under_way_is_not_archived(as_lead: Client) -> None:
    made = hosted.survey()
    wave = hosted.invitation(asked=made).wave
    url = reverse("surveys:survey_archive", args=[made.pk])

    assert "still asks this survey" in words(as_lead.post(url, follow=True))
    wave.campaign.state = "finished"
    wave.campaign.save(update_fields=["state"])
    as_lead.post(url)

    made.refresh_from_db()
    assert made.state == "archived"


# --- Logo ------------------------------------------------------------------------------------------------------
def test_a_logo_is_shown_to_respondents_from_an_address_of_its_own(as_lead: Client) -> None:
    made = hosted.survey(state="draft")
    edit(as_lead, made, picture=SimpleUploadedFile("../../etc/evil.svg", png(400, 100), "image/svg+xml"))

    page = words(hosted.Respondent(hosted.invitation(asked=Survey.objects.get())).look())
    address = page.partition('<img src="')[2].partition('"')[0]
    picture = Client().get(address)

    assert address.startswith("/b/")
    assert (picture["Content-Type"], picture.content) == ("image/png", png(400, 100))
    assert "immutable" in picture["Cache-Control"]
    assert Survey.objects.get().current.content["logo"] == {"width": 400, "height": 100}
    edit(as_lead, Survey.objects.get(), remove_logo="on")
    assert not Survey.objects.get().current.logo


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>", "PNG, JPEG or GIF"),
        (b"\x89PNG\r\n\x1a\n", "PNG, JPEG or GIF"),
        (b"\xff\xd8\xff\xe0broken", "damaged"),
        (png(30_000, 30_000), "30,000 × 30,000 pixels"),
        (png() + b"x" * 1_000_001, "at most 1 MB"),
        (b"GIF89a" + b"\0" * 20, "0 × 0"),
    ],
    ids=["svg", "cut-png", "broken-jpeg", "huge", "heavy", "empty-gif"],
)
def test_what_is_no_harmless_picture_is_refused(as_lead: Client, data: bytes, message: str) -> None:
    made = hosted.survey(state="draft")

    page = edit(as_lead, made, picture=SimpleUploadedFile("logo.png", data, "image/png"))

    assert page.status_code == 422
    assert message in page.context["form"].errors["picture"][0]
    assert not SurveyVersion.objects.get().logo


def test_unknown_logos_are_not_found() -> None:
    for name in ("x.png", "0" * 32 + ".svg", "..%2fsettings.py", "0" * 32 + ".png"):
        assert Client().get(f"/b/{name}").status_code == 404


# --- Preview ---------------------------------------------------------------------------------------------------
def test_the_preview_shows_the_mail_the_page_and_the_thanks_of_what_is_in_the_form(as_lead: Client) -> None:
    made = hosted.survey(state="draft")
    url = reverse("surveys:survey_preview", args=[made.pk])
    typed = form(
        **{"en-question": "Is {subject} good, {{ first_name }}?", "de-thanks-promoter-text": "Prima, danke."}
    )

    shown = as_lead.post(url, typed | {"preview-view": "mail", "preview-language": "en"})
    page = as_lead.post(url, typed | {"preview-view": "page", "preview-language": "en"})
    thanks = as_lead.post(
        url, typed | {"preview-view": "thanks", "preview-language": "de", "preview-score": "10"}
    )

    assert "Is Fleetdesk good, Alex?" in words(shown)
    assert "https://preview.invalid/r/10/" in words(shown)
    assert "Is Fleetdesk good, Alex?" in words(page)
    assert "Nothing you do here is saved" in words(page)
    assert "Prima, danke." in words(thanks)
    assert SurveyVersion.objects.get().content["languages"]["en"] == {}


def test_the_preview_runs_nothing_and_is_framed_by_us_alone(as_lead: Client) -> None:
    page = as_lead.post(
        reverse("surveys:survey_new_preview"), form(**{"en-intro": "<script>alert(1)</script>"})
    )

    policy = page["Content-Security-Policy"]
    assert "sandbox allow-same-origin" in policy
    assert "script-src" not in policy
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'self'" in policy
    assert page["X-Frame-Options"] == "SAMEORIGIN"
    assert "<script>alert" not in words(page)


def test_what_cannot_be_shown_yet_says_why(as_lead: Client) -> None:
    page = as_lead.post(reverse("surveys:survey_new_preview"), form(**{"en-intro": "Hi {{ frist_name }}"}))

    assert "This cannot be shown yet" in words(page)
    assert "Introduction (English)." in words(page)
    assert "{{ frist_name }} is not known" in words(page)


# --- Tests -----------------------------------------------------------------------------------------------------
def test_a_test_goes_to_ones_own_address_and_enters_nothing(as_lead: Client, lead: Any, drain: Any) -> None:
    made = hosted.survey(state="draft")

    as_lead.post(
        reverse("surveys:survey_test", args=[made.pk]), {"language": "de", "to": "victim@example.com"}
    )
    drain()

    (sent,) = mail.outbox
    assert sent.to == ['"Lea Lead" <lead@example.com>']
    assert sent.subject.startswith("[Test] Eine kurze Frage")
    test = Invitation.objects.get()
    assert (test.is_test, test.tester) == (True, lead)
    me = hosted.Respondent(test)
    assert me.token in sent.body
    assert me.send(2, "Terrible").status_code == 200
    assert (Response.objects.count(), Event.objects.count()) == (0, 0)


# --- Who may ---------------------------------------------------------------------------------------------------
def test_everybody_reads_and_only_leads_write(as_lead: Client, as_csm: Client, as_viewer: Client) -> None:
    made = hosted.survey()
    reads = [
        reverse("surveys:survey_list"),
        reverse("surveys:survey_detail", args=[made.pk]),
        reverse("surveys:survey_version", args=[made.pk, 1]),
        reverse("surveys:survey_version_preview", args=[made.pk, 1]),
    ]
    writes = [
        reverse(f"surveys:survey_{verb}", args=[made.pk])
        for verb in ("edit", "preview", "test", "activate", "archive", "copy")
    ]
    writes += [reverse("surveys:survey_new"), reverse("surveys:survey_new_preview")]

    for client in (as_lead, as_csm, as_viewer):
        assert {client.get(url).status_code for url in reads} == {200}
    for client in (as_csm, as_viewer):
        assert {client.post(url).status_code for url in writes} == {403}
    assert {Client().post(url).status_code for url in writes} == {302}
    assert as_lead.get(reverse("surveys:survey_detail", args=[10**6])).status_code == 404
    for verb in ("test", "activate", "archive", "copy"):
        assert as_lead.get(reverse(f"surveys:survey_{verb}", args=[made.pk])).status_code == 405


def test_figures_count_what_the_reader_may_see(as_lead: Client, as_csm: Client, csm: Any) -> None:
    made = hosted.survey()
    mine = hosted.contact("mine@example.com")
    mine.account.owner = csm
    mine.account.save(update_fields=["owner"])
    hosted.Respondent(hosted.invitation(asked=made, person=mine)).send(10)
    hosted.Respondent(hosted.invitation(asked=made, person=hosted.contact("other@example.com"))).send(0)

    def answers(client: Client) -> int:
        (row,) = client.get(reverse("surveys:survey_list")).context["rows"]
        return int(row.counts.n)

    assert (answers(as_lead), answers(as_csm)) == (2, 1)


def test_the_list_asks_the_database_the_same_for_one_survey_and_for_ten(as_lead: Client) -> None:
    def queries() -> int:
        with CaptureQueriesContext(connection) as seen:
            as_lead.get(reverse("surveys:survey_list"))
        return len(seen)

    hosted.survey("Survey 0")
    queries()  # what is read once per process
    one = queries()
    for number in range(1, 10):
        hosted.survey(f"Survey {number}")

    assert queries() == one


def test_names_with_markup_are_shown_as_text(as_lead: Client) -> None:
    made = hosted.survey('<script>alert("x")</script>', subject_name="<b>Fleet</b>")

    for url in (reverse("surveys:survey_list"), reverse("surveys:survey_detail", args=[made.pk])):
        assert "<script>alert" not in words(as_lead.get(url))
    shown = words(as_lead.get(reverse("surveys:survey_version_preview", args=[made.pk, 1])))
    assert "<b>Fleet</b>" not in shown


# --- SMS -------------------------------------------------------------------------------------------------------
def test_the_editor_counts_the_sms_as_it_is_typed(as_lead: Client) -> None:
    typed = form(**{"en-sms": "How are we doing? " + "x" * 150})

    page = as_lead.post(reverse("surveys:survey_new_sms_count") + "?language=en", typed)

    assert "2 parts" in words(page)
    assert not Survey.objects.exists()
    typed = form(**{"en-sms": "x" * 470})
    assert "at most 3 are allowed. Shorten it." in words(
        as_lead.post(reverse("surveys:survey_new_sms_count") + "?language=en", typed)
    )


def test_the_preview_shows_the_sms_as_somebody_gets_it(as_lead: Client) -> None:
    typed = form(**{"en-sms": "Hi {{ first_name }}, well?", "preview-view": "sms"})

    page = as_lead.post(reverse("surveys:survey_new_preview"), typed)

    assert "Hi Alexandra, well? http" in words(page)
    assert "1 part" in words(page)


def test_a_test_sms_is_sent_from_the_page_where_sms_are_set_up(
    as_lead: Client, lead: Any, settings: Any
) -> None:
    made = hosted.survey(state="draft")
    page = reverse("surveys:survey_detail", args=[made.pk])
    assert "Your mobile number" not in words(as_lead.get(page))
    settings.SMS_PROVIDER = "catcher"
    assert "Your mobile number" in words(as_lead.get(page))

    said = as_lead.post(
        reverse("surveys:survey_test", args=[made.pk]),
        {"language": "de", "channel": "sms", "phone": "+49 170 1234567"},
        follow=True,
    )

    assert "A test is on its way to +491701234567." in words(said)
    test = Invitation.objects.get()
    assert (test.is_test, test.channel, test.language) == (True, "sms", "de")
