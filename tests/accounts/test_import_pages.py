"""The pages of imports, as a browser without scripts sees them."""

import csv
import io

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from accounts.imports import services
from accounts.models import Contact, Import, ImportRow
from team.models import AuditEntry, RoleScope, User
from tests import factories
from tests.accounts.importing import bring_in, check, upload, work

PEOPLE = "E-mail,First name,Last name,Company\nann@acme.example,Ann,A,Acme\nbad,B,B,Acme\n"


def send(client: Client, content: bytes, *, target: str = "contact", name: str = "people.csv") -> object:
    return client.post(
        reverse("accounts:import_create"), {"target": target, "file": SimpleUploadedFile(name, content)}
    )


@pytest.mark.parametrize("name", ["import_list", "import_create"])
def test_import_pages_are_for_leads_and_administrators(
    as_lead: Client, as_administrator: Client, as_csm: Client, as_viewer: Client, client: Client, name: str
) -> None:
    url = reverse(f"accounts:{name}")

    assert [one.get(url).status_code for one in (as_lead, as_administrator, as_csm, as_viewer, client)] == [
        200,
        200,
        403,
        403,
        302,
    ]


def test_import_of_somebody_else_is_not_found_outside_scope_all(as_lead: Client, administrator: User) -> None:
    RoleScope.objects.update_or_create(role="lead", defaults={"scope": "own"})
    run = upload(PEOPLE, actor=administrator)

    assert as_lead.get(reverse("accounts:import_detail", args=[run.pk])).status_code == 404
    assert "people.csv" not in as_lead.get(reverse("accounts:import_list")).content.decode()


def test_import_goes_from_upload_to_done(as_lead: Client, lead: User) -> None:
    factories.an_account("Acme")

    response = send(as_lead, PEOPLE.encode())
    run = Import.objects.get()
    page = as_lead.get(response["Location"], follow=True).content.decode()
    assert "ann@acme.example" in page
    assert "Check the file" in page

    columns = {
        "column_0": "email",
        "column_1": "first_name",
        "column_2": "last_name",
        "column_3": "account_name",
    }
    as_lead.post(
        reverse("accounts:import_columns", args=[run.pk]), {**columns, "key": "email", "do": "check"}
    )
    page = as_lead.get(reverse("accounts:import_detail", args=[run.pk])).content.decode()
    assert "Checking every row" in page
    work()
    page = as_lead.get(reverse("accounts:import_detail", args=[run.pk])).content.decode()
    assert "Nothing has been written yet" in page
    assert "Import the other 1 row" in page

    as_lead.post(reverse("accounts:import_start", args=[run.pk]))
    work()
    page = as_lead.get(reverse("accounts:import_detail", args=[run.pk])).content.decode()
    assert "All 2 rows were gone through" in page
    assert Contact.objects.get().email == "ann@acme.example"
    assert "people.csv" in as_lead.get(reverse("accounts:import_list")).content.decode()
    actions = list(
        AuditEntry.objects.filter(action__startswith="import.")
        .order_by("pk")
        .values_list("action", flat=True)
    )
    assert actions == [
        "import.uploaded",
        "import.check_started",
        "import.checked",
        "import.started",
        "import.finished",
    ]


def test_progress_fragment_asks_again_and_then_reloads_the_page(as_lead: Client, lead: User) -> None:
    run = upload("E-mail\nann@acme.example\n", actor=lead)
    as_lead.post(
        reverse("accounts:import_columns", args=[run.pk]),
        {"column_0": "email", "key": "email", "do": "check"},
    )
    url = reverse("accounts:import_detail", args=[run.pk])
    asking = {"HX-Request": "true", "HX-Target": "import-progress"}

    before = as_lead.get(url, headers=asking)
    work()
    after = as_lead.get(url, headers=asking)

    assert "<html" not in before.content.decode()
    assert "hx-trigger" in before.content.decode()
    assert (after.status_code, after["HX-Refresh"]) == (204, "true")


def test_check_can_be_stopped(as_lead: Client, lead: User) -> None:
    run = upload("E-mail\nann@acme.example\n", actor=lead)
    as_lead.post(
        reverse("accounts:import_columns", args=[run.pk]),
        {"column_0": "email", "key": "email", "do": "check"},
    )

    as_lead.post(reverse("accounts:import_cancel", args=[run.pk]))
    work()

    run.refresh_from_db()
    assert (run.state, run.rows_done) == ("uploaded", 0)


def test_refused_rows_are_downloaded_with_reason_and_harmless(as_lead: Client, lead: User) -> None:
    run = bring_in("E-mail,Last name\n=cmd|' /C calc'!A0,@SUM(1)\n", actor=lead)

    response = as_lead.get(reverse("accounts:import_refused", args=[run.pk]))

    rows = list(csv.reader(io.StringIO(b"".join(response.streaming_content).decode("utf-8-sig"))))
    assert rows[0] == ["line", "reason", "E-mail", "Last name"]
    assert rows[1][0] == "2"
    assert rows[1][2:] == ["'=cmd|' /C calc'!A0", "'@SUM(1)"]
    assert AuditEntry.objects.filter(action="import.refused_downloaded").count() == 1


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"PK\x03\x04", "This workbook cannot be read"),
        (b"", "empty"),
        (b"%PDF-1.4", "PDF"),
        (b",".join(b"c%d" % i for i in range(1000)) + b"\n", "1,000 columns"),
        (b'a,b\n1,"2\n', "never closed"),
    ],
)
def test_file_that_cannot_be_read_is_refused_beside_the_field(
    as_lead: Client, content: bytes, message: str
) -> None:
    response = send(as_lead, content)

    assert response.status_code == 422
    assert message in response.content.decode()
    assert not Import.objects.exists()


def test_file_over_the_limit_is_refused_while_it_arrives(as_lead: Client, settings: object) -> None:
    settings.MAX_IMPORT_BYTES = 1_000_000  # type: ignore[attr-defined]

    response = send(as_lead, b"E-mail\n" + b"a@b.example\n" * 200_000)

    assert response.status_code == 413
    assert "larger than 1 MB" in response.content.decode()
    assert not Import.objects.exists()


def test_upload_without_token_is_refused(lead: User) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(lead, backend="allauth.account.auth_backends.AuthenticationBackend")

    assert send(client, PEOPLE.encode()).status_code == 403


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("../../etc/passwd", "passwd"),
        ("C:\\Users\\x\\kunden.csv", "kunden.csv"),
        ("a\u202evsc.exe", "avsc.exe"),
        ("x" * 5000 + ".csv", "x" * 200),
    ],
)
def test_file_name_is_shown_plain_and_never_used_as_a_path(lead: User, name: str, shown: str) -> None:
    assert services.plain_file_name(name) == shown
    assert upload(PEOPLE, actor=lead).file.name.startswith("imports/")


def test_mapping_refusal_keeps_what_was_chosen(as_lead: Client, lead: User) -> None:
    run = upload(PEOPLE, actor=lead)

    response = as_lead.post(
        reverse("accounts:import_columns", args=[run.pk]),
        {"column_1": "job_title", "key": "email", "do": "check"},
    )

    page = response.content.decode()
    assert response.status_code == 422
    assert "no column is “E-mail”" in page
    assert '<option value="job_title" selected>' in page


def test_encoding_can_be_corrected(as_lead: Client, lead: User) -> None:
    run = upload("E-mail;Nachname\nann@a.example;Größe\n".encode("cp1252"), actor=lead)

    as_lead.post(
        reverse("accounts:import_columns", args=[run.pk]),
        {"encoding": "latin-1", "delimiter": ",", "do": "read"},
    )

    run.refresh_from_db()
    assert (run.dialect["encoding"], run.headers) == ("latin-1", ["E-mail;Nachname"])
    assert (
        "E-mail;Nachname" in as_lead.get(reverse("accounts:import_columns", args=[run.pk])).content.decode()
    )


def test_encoding_that_does_not_exist_is_refused(as_lead: Client, lead: User) -> None:
    run = upload(PEOPLE, actor=lead)

    response = as_lead.post(
        reverse("accounts:import_columns", args=[run.pk]), {"encoding": "rot13", "do": "read"}
    )

    assert response.status_code == 422


def test_same_file_again_is_mentioned(as_lead: Client, lead: User) -> None:
    bring_in("E-mail\nann@acme.example\n", actor=lead)
    again = upload("E-mail\nann@acme.example\n", actor=lead)

    assert (
        "was imported before"
        in as_lead.get(reverse("accounts:import_columns", args=[again.pk])).content.decode()
    )


def test_cells_are_shown_as_text(as_lead: Client, lead: User) -> None:
    run = check(
        upload("E-mail,Last name\nann@a.example,<script>alert(1)</script>\nbad,<img src=x>\n", actor=lead),
        actor=lead,
    )

    page = as_lead.get(reverse("accounts:import_detail", args=[run.pk])).content.decode()

    assert "<script>alert" not in page
    assert "<img src=x>" not in page
    assert "&lt;script&gt;" in page


def test_import_can_be_deleted_and_what_it_brought_stays(as_lead: Client, lead: User) -> None:
    run = bring_in("E-mail\nann@acme.example\nbad\n", actor=lead)

    as_lead.post(reverse("accounts:import_delete", args=[run.pk]))

    assert not Import.objects.exists()
    assert not ImportRow.objects.exists()
    assert Contact.objects.count() == 1


def test_import_list_asks_the_same_number_of_queries_for_any_length(as_lead: Client, lead: User) -> None:
    def cost() -> int:
        with CaptureQueriesContext(connection) as seen:
            as_lead.get(reverse("accounts:import_list"))
        return len(seen)

    upload(PEOPLE, actor=lead)
    cost()
    one = cost()
    for _ in range(5):
        upload(PEOPLE, actor=lead)

    assert cost() == one
