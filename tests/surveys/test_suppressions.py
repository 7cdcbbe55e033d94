"""The suppression list: found by address, added and lifted by hand with a reason, in and out as CSV."""

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse

from surveys import eligibility
from surveys.choices import SuppressionReason
from surveys.models import Suppression
from surveys.services import suppressions
from team.models import AuditEntry, User
from tests.surveys.asking import key_of, make_account, make_contact, suppress

pytestmark = pytest.mark.django_db
LIST = "surveys:suppression_list"


def test_an_address_added_by_hand_is_asked_no_more(as_csm: Client) -> None:
    contact = make_contact(make_account(), "ida@fjord.example")

    as_csm.post(
        reverse("surveys:suppression_add"), {"add-email": " IDA@fjord.example ", "add-detail": "on the phone"}
    )

    assert eligibility.judge_contact(contact).reason == "suppressed"
    again = as_csm.post(reverse("surveys:suppression_add"), {"add-email": "ida@fjord.example"})
    assert "on the list already" in again.content.decode()


def test_what_is_no_address_is_refused(as_csm: Client) -> None:
    response = as_csm.post(reverse("surveys:suppression_add"), {"add-email": "nobody"})

    assert response.status_code == 422
    assert "needs a name, an @ and a domain" in response.content.decode()


def test_an_address_is_found_however_it_is_spelled(as_lead: Client) -> None:
    suppress("ida@fjord.example", "bounced")
    suppress("other@fjord.example")

    page = as_lead.get(reverse(LIST), {"q": "Ida@FJORD.example"}).content.decode()

    assert "1 address" in page
    assert "Bounced" in page


def test_lifting_needs_a_reason_and_is_audited(as_lead: Client) -> None:
    entry = suppress("ida@fjord.example")
    url = reverse("surveys:suppression_lift", args=[entry.pk])
    assert "This person said no" in as_lead.get(url).content.decode()
    assert as_lead.post(url, {"why": " "}).status_code == 422

    as_lead.post(url, {"why": "Asked us by mail"})

    entry.refresh_from_db()
    assert entry.lifted_at is not None
    assert AuditEntry.objects.get(action="suppression.lifted").detail["why"] == "Asked us by mail"
    assert as_lead.get(url).status_code == 404


def test_an_erased_person_stays_on_the_list(lead: User) -> None:
    entry = suppress("ida@fjord.example", "erased")

    with pytest.raises(suppressions.Refused, match="erased"):
        suppressions.lift_by_hand(entry=entry, why="please", actor=lead)


def test_only_a_lead_lifts(as_csm: Client) -> None:
    entry = suppress("ida@fjord.example")

    assert as_csm.post(reverse("surveys:suppression_lift", args=[entry.pk]), {"why": "x"}).status_code == 403


def test_a_weightier_reason_replaces_a_lighter_one() -> None:
    suppress("ida@fjord.example", "bounced")

    suppressions.suppress(address_key=key_of("ida@fjord.example"), reason=SuppressionReason.UNSUBSCRIBED)
    suppressions.suppress(address_key=key_of("ida@fjord.example"), reason=SuppressionReason.MANUAL)

    assert Suppression.objects.get().reason == "unsubscribed"


@pytest.mark.parametrize(
    "data",
    [
        b"\xef\xbb\xbfemail;reason\r\nIda@fjord.example;bounced\r\nnobody;\r\nole@fjord.example;\r\n",
        "Name,E-Mail,Reason\nIda,ida@fjord.example,bounced\nJörg,nobody,\nOle,ole@fjord.example,other\n".encode(
            "latin-1"
        ),
    ],
)
def test_a_file_is_taken_line_by_line(lead: User, data: bytes) -> None:
    suppress("ole@fjord.example")

    result = suppressions.import_addresses(data=data, actor=lead)

    assert (result.added, result.known, result.refused_count) == (1, 1, 1)
    assert result.refused[0][0] == 3
    assert Suppression.objects.get(address_key=key_of("ida@fjord.example")).reason == "bounced"


def test_a_file_that_is_no_csv_is_refused(as_lead: Client) -> None:
    file = SimpleUploadedFile("list.xlsx", b"PK\x03\x04\x00\x00")

    response = as_lead.post(reverse("surveys:suppression_import"), {"file": file})

    assert response.status_code == 422
    assert "not a CSV file" in response.content.decode()


def test_the_export_is_audited_and_harmless_in_a_spreadsheet(as_lead: Client) -> None:
    make_contact(make_account(), "ida@fjord.example")
    suppress("ida@fjord.example", detail="=cmd|calc")

    response = as_lead.get(reverse("surveys:suppression_export"))
    body = b"".join(response.streaming_content).decode()  # type: ignore[attr-defined]

    assert "ida@fjord.example" in body
    assert "'=cmd|calc" in body
    assert AuditEntry.objects.filter(action="suppression.exported").exists()


def test_a_viewer_takes_nothing_away(as_viewer: Client) -> None:
    assert as_viewer.get(reverse("surveys:suppression_export")).status_code == 403
    assert as_viewer.get(reverse(LIST)).status_code == 200


def test_names_of_people_outside_ones_sight_stay_hidden(as_stranger: Client, csm: User) -> None:
    make_contact(make_account(owner=csm), "ida@fjord.example", first_name="Ida", last_name="Verborgen")
    suppress("ida@fjord.example")

    page = as_stranger.get(reverse(LIST)).content.decode()

    assert "Verborgen" not in page
