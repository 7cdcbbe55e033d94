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


# --- Numbers ---------------------------------------------------------------------------------------------------
NUMBER = "+4915112345678"


def test_a_number_is_asked_no_more_by_sms_only(as_csm: Client) -> None:
    as_csm.post(reverse("surveys:suppression_add"), {"add-phone": "+49 151 1234-5678"})

    entry = Suppression.objects.get()
    assert (entry.channel, entry.address_key) == ("sms", key_of(NUMBER))
    again = as_csm.post(reverse("surveys:suppression_add"), {"add-phone": "0049 15112345678"})
    assert again.status_code == 422


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"add-email": "ida@fjord.example", "add-phone": NUMBER},
        {"add-phone": "12"},
        {"add-phone": "call me"},
    ],
)
def test_neither_both_nor_what_is_no_number_is_taken(as_csm: Client, fields: dict[str, str]) -> None:
    assert as_csm.post(reverse("surveys:suppression_add"), fields).status_code == 422
    assert not Suppression.objects.exists()


def test_the_list_is_searched_and_filtered_by_channel(as_lead: Client) -> None:
    suppress("ida@fjord.example")
    Suppression.objects.create(address_key=key_of(NUMBER), channel="sms", reason="unsubscribed")
    make_contact(make_account(), "ole@fjord.example", phone=NUMBER, phone_key=key_of(NUMBER))

    found = as_lead.get(reverse(LIST), {"q": "+49 151 12345678"}).content.decode()
    assert "1 address" in found
    assert NUMBER in found
    assert "ole@fjord.example" not in found
    assert "1 address" in as_lead.get(reverse(LIST), {"channel": "sms"}).content.decode()
    assert "2 addresses" in as_lead.get(reverse(LIST), {"channel": "nonsense"}).content.decode()


def test_a_providers_list_of_who_said_stop_is_taken_row_by_row(lead: User) -> None:
    data = b"Phone Number;Reason\r\n+4915112345678;unsubscribed\r\n12;\r\n'+4915112345679;\r\n;\r\n+4915112345678;bounced\r\n"

    result = suppressions.import_addresses(data=data, actor=lead)

    assert (result.added, result.known, [number for number, _ in result.refused]) == (2, 0, [3])
    assert set(Suppression.objects.values_list("channel", "reason")) == {
        ("sms", "unsubscribed"),
        ("sms", "manual"),
    }


def test_addresses_and_numbers_may_stand_in_one_column(lead: User) -> None:
    result = suppressions.import_addresses(data=f"ida@fjord.example\n{NUMBER}\nnobody\n".encode(), actor=lead)

    assert (result.added, result.refused_count) == (2, 1)
    assert set(Suppression.objects.values_list("channel", flat=True)) == {"email", "sms"}


def test_a_channel_that_cannot_be_stopped_is_refused(lead: User) -> None:
    result = suppressions.import_addresses(data=b"email,channel\nida@fjord.example,fax\n", actor=lead)

    assert (result.added, result.refused_count) == (0, 1)


def test_an_export_can_be_read_back(as_lead: Client, lead: User) -> None:
    make_contact(make_account(), "ole@fjord.example", phone=NUMBER, phone_key=key_of(NUMBER))
    suppress("ida@fjord.example", "complained")
    Suppression.objects.create(address_key=key_of(NUMBER), channel="sms", reason="unsubscribed")
    before = set(Suppression.objects.values_list("address_key", "channel", "reason"))
    data = b"".join(as_lead.get(reverse("surveys:suppression_export")).streaming_content)  # type: ignore[attr-defined]
    assert NUMBER in data.decode()
    Suppression.objects.all().delete()

    result = suppressions.import_addresses(data=data, actor=lead)

    assert (result.added, result.refused_count) == (2, 0)
    assert set(Suppression.objects.values_list("address_key", "channel", "reason")) == before


@pytest.mark.parametrize("data", [b'"' + b"x" * 200_000, b'email\n"' + b"y" * 140_000 + b'"\n'])
def test_a_broken_file_is_refused_with_the_reason(lead: User, data: bytes) -> None:
    with pytest.raises(suppressions.Invalid, match="cannot be read as CSV"):
        suppressions.import_addresses(data=data, actor=lead)
    assert not Suppression.objects.exists()


def test_the_export_holds_what_one_may_see(as_stranger: Client, csm: User) -> None:
    make_contact(make_account(owner=csm), "ida@fjord.example", phone=NUMBER, phone_key=key_of(NUMBER))
    suppress("ida@fjord.example")
    Suppression.objects.create(address_key=key_of(NUMBER), channel="sms", reason="unsubscribed")

    answer = as_stranger.get(reverse("surveys:suppression_export"))

    if answer.status_code == 200:
        body = b"".join(answer.streaming_content).decode()  # type: ignore[attr-defined]
        assert "ida@" not in body
        assert NUMBER not in body
        assert key_of(NUMBER) not in body
