"""Excel workbooks: read like any list, and refused when they are made to hurt."""

import datetime as dt
import io
import resource
import zipfile
from collections.abc import Callable, Sequence
from typing import Any

import openpyxl
import pytest
from django.test import Client
from django.urls import reverse

from accounts.imports import services, workbooks
from accounts.models import Account, Contact, Import
from core.errors import Invalid
from team.models import User
from tests.accounts.importing import bring_in, counts, reasons, upload

Sheets = dict[str, Sequence[Sequence[Any]]]


def workbook(sheets: Sheets, change: Callable[[Any], None] | None = None) -> bytes:
    book = openpyxl.Workbook()
    book.remove(book.active)
    for name, rows in sheets.items():
        sheet = book.create_sheet(name)
        for row in rows:
            sheet.append(list(row))
    if change:
        change(book)
    data = io.BytesIO()
    book.save(data)
    return data.getvalue()


def packed(parts: dict[str, bytes], base: bytes = b"") -> bytes:
    """A package with these parts, laid over those of `base`."""
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w", zipfile.ZIP_DEFLATED) as made:
        if base:
            with zipfile.ZipFile(io.BytesIO(base)) as old:
                for entry in old.infolist():
                    if entry.filename not in parts:
                        made.writestr(entry.filename, old.read(entry))
        for name, content in parts.items():
            made.writestr(name, content)
    return data.getvalue()


PEOPLE: Sheets = {"People": [["E-mail", "Last name", "First name"], ["ann@acme.example", "A", "Ann"]]}
SHEET = "xl/worksheets/sheet1.xml"


def test_contacts_come_from_a_workbook(lead: User) -> None:
    content = workbook({"People": [*PEOPLE["People"], [], ["bad", "B", "Bob"]]})

    run = bring_in(content, actor=lead)

    assert counts(run) == (1, 0, 0, 1)
    assert Contact.objects.get().first_name == "Ann"
    assert list(reasons(run)) == [4]  # the row of the sheet, blank rows counted


def test_cells_keep_their_meaning(lead: User) -> None:
    when = dt.datetime(2025, 3, 1, 10, 0)
    rows = [
        ["Name", "External ID", "Seats", "ARR", "Customer since", "Renewal"],
        ["Größe & “Söhne”\nline two", 4711, 12.0, 1234.5, dt.date(2025, 2, 28), when],
    ]

    run = bring_in(workbook({"Accounts": rows}), actor=lead, target="account")

    assert counts(run) == (1, 0, 0, 0), reasons(run)
    account = Account.objects.get()
    assert (account.external_id, account.seats, str(account.arr)) == ("4711", 12, "1234.50")
    assert (account.customer_since, account.renewal_on) == (dt.date(2025, 2, 28), dt.date(2025, 3, 1))


def test_the_fullest_sheet_is_proposed_and_another_can_be_chosen(as_lead: Client, lead: User) -> None:
    def hide(book: Any) -> None:
        book["Hidden"].sheet_state = "hidden"

    content = workbook(
        {
            "Notes": [["Read me"]],
            "People": [*PEOPLE["People"], ["bob@acme.example", "B", "Bob"]],
            "Others": [["E-mail", "Last name"], ["cy@acme.example", "C"]],
            "Hidden": [["E-mail"], *[[f"h{n}@x.example"] for n in range(9)]],
        },
        hide,
    )
    run = upload(content, actor=lead, name="people.xlsx")
    url = reverse("accounts:import_columns", args=[run.pk])
    assert [sheet["name"] for sheet in run.sheets] == ["Notes", "People", "Others"]
    assert run.headers == ["E-mail", "Last name", "First name"]
    assert "People (3 rows)" in as_lead.get(url).content.decode()

    as_lead.post(url, {"do": "sheet", "sheet": "2"})

    run.refresh_from_db()
    assert run.headers == ["E-mail", "Last name"]
    assert as_lead.post(url, {"do": "sheet", "sheet": "7"}).status_code == 422


def test_all_stored_sheets_go_with_the_import(lead: User) -> None:
    run = upload(workbook({**PEOPLE, "More": [["E-mail"], ["b@x.example"]]}), actor=lead)
    storage, names = run.file.storage, [sheet["file"] for sheet in run.sheets]
    assert all(storage.exists(name) for name in names)

    from django.test import TestCase

    with TestCase.captureOnCommitCallbacks(execute=True):
        services.delete_import(run=run, actor=lead)

    assert not any(storage.exists(name) for name in names)


def test_merged_cells_are_told(as_lead: Client, lead: User) -> None:
    rows = [["E-mail", "Company"], ["a@x.example", "Acme"], ["b@x.example", None]]
    run = upload(workbook({"S": rows}, lambda book: book["S"].merge_cells("B2:B3")), actor=lead)

    assert run.sheets[0]["merged"] == 1
    page = as_lead.get(reverse("accounts:import_columns", args=[run.pk])).content.decode()
    assert "This sheet has merged cells." in page


def with_cell(xml: bytes) -> bytes:
    """Another cell in the second row, written by hand."""
    base = workbook({"People": [["E-mail", "Last name", "First name", "Job title"], *PEOPLE["People"][1:]]})
    with zipfile.ZipFile(io.BytesIO(base)) as old:
        sheet = old.read(SHEET)
    assert sheet.count(b"</c></row></sheetData>") == 1
    return packed(
        {SHEET: sheet.replace(b"</c></row></sheetData>", b"</c>" + xml + b"</row></sheetData>")}, base
    )


def test_formulas_are_read_by_their_saved_result(lead: User) -> None:
    run = upload(with_cell(b'<c r="D2"><f>1+8</f><v>9</v></c>'), actor=lead)

    assert services.look(run).samples[3] == ["9"]


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (lambda: with_cell(b'<c r="D2"><f>1+8</f></c>'), "workbook_formulas"),
        (lambda: workbook(PEOPLE)[:-200], "workbook_broken"),
        (lambda: packed({SHEET: b"<worksheet><sheetData><row"}, workbook(PEOPLE)), "workbook_broken"),
        (lambda: packed({"xl/vbaProject.bin": b"x"}, workbook(PEOPLE)), "macros"),
        (lambda: packed({"mimetype": b"application/vnd.oasis.opendocument.spreadsheet"}), "not_csv"),
        (lambda: packed({f"part{n}": b"" for n in range(10_000)}, workbook(PEOPLE)), "workbook_unpacked"),
        (lambda: packed({"xl/media/big": b"0" * 40_000_000}, workbook(PEOPLE)), "workbook_unpacked"),
        (lambda: packed({"inner.zip": workbook(PEOPLE)}), "not_csv"),
        (lambda: workbook({"Wide": [[f"c{n}" for n in range(201)]]}), "too_many_columns"),
        (lambda: workbook({"Empty": []}), "invalid"),
        (lambda: b"\xd0\xcf\x11\xe0 old or encrypted", "not_csv"),
    ],
)  # fmt: skip
def test_workbooks_that_cannot_be_read_say_why(lead: User, content: Callable[[], bytes], code: str) -> None:
    with pytest.raises(Invalid) as refused:
        upload(content(), actor=lead, name="people.xlsx")

    assert refused.value.code == code
    assert refused.value.field == "file"
    assert not Import.objects.exists()


@pytest.mark.parametrize(
    "doctype",
    [
        b'<!DOCTYPE x [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]>',
        b'<!DOCTYPE x SYSTEM "file:///etc/passwd">',
        b'<!DOCTYPE x SYSTEM "http://127.0.0.1:1/dtd">',
    ],
)
def test_document_types_are_refused_before_anything_parses_them(lead: User, doctype: bytes) -> None:
    strings = (
        b'<?xml version="1.0"?>'
        + doctype
        + b'<sst xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"/>'
    )

    with pytest.raises(Invalid) as refused:
        upload(packed({"xl/sharedStrings.xml": strings}, workbook(PEOPLE)), actor=lead)

    assert refused.value.code == "workbook_document_type"


def bomb(cells: int, *, padding: int = 0) -> bytes:
    """One row of many cells; `padding` bytes that do not compress hide the ratio."""
    row = b"".join(b'<c r="A1" t="n"><v>1</v></c>' for _ in range(1000)) * (cells // 1000)
    sheet = (
        b'<?xml version="1.0"?><worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData>'
        b'<row r="1">' + row + b"</row></sheetData></worksheet>"
    )
    noise = bytes(range(256)) * (padding // 256)
    data = packed({SHEET: sheet}, workbook(PEOPLE))
    if noise:
        out = io.BytesIO(data)
        with zipfile.ZipFile(out, "a", zipfile.ZIP_STORED) as more:
            more.writestr("xl/media/noise.bin", noise)
        data = out.getvalue()
    return data


def test_a_row_of_a_million_cells_is_refused_without_being_built(lead: User) -> None:
    used = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime
    for content in (bomb(2_000_000), bomb(1_000_000, padding=2_000_000)):
        with pytest.raises(Invalid):
            upload(content, actor=lead)
    # Judged by its directory, or by reading 2 MB of it; the limit of the child would be 20 s.
    assert resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime - used < 8


def lying(content: bytes, name: str, size: int) -> bytes:
    """The same package whose directory says that a part is small."""
    data = bytearray(content)
    at = data.find(b"PK\x01\x02")
    while at >= 0:
        length = int.from_bytes(data[at + 28 : at + 30], "little")
        if bytes(data[at + 46 : at + 46 + length]) == name.encode():
            data[at + 24 : at + 28] = size.to_bytes(4, "little")
        at = data.find(b"PK\x01\x02", at + 4)
    return bytes(data)


def test_a_directory_that_lies_about_sizes_is_found_out(lead: User) -> None:
    with pytest.raises(Invalid) as refused:
        upload(lying(bomb(2_000_000), SHEET, 1000), actor=lead)

    assert refused.value.code in {"workbook_broken", "workbook_unpacked", "workbook_row"}


def test_the_program_ends_at_its_limits(lead: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workbooks, "MEMORY", 25_000_000)
    with pytest.raises(Invalid) as refused:
        upload(workbook(PEOPLE), actor=lead)
    assert refused.value.code in {"workbook_memory", "workbook_broken"}

    monkeypatch.undo()
    monkeypatch.setattr(workbooks, "WALL_SECONDS", 0.001)
    with pytest.raises(Invalid) as late:
        upload(workbook(PEOPLE), actor=lead)
    assert late.value.code == "workbook_time"


def test_wrong_cells_are_text(lead: User) -> None:
    rows = [["E-mail", "Last name"], ["ann@acme.example", "=1+1"], ["b@x.example", "#REF!"]]

    def plain(book: Any) -> None:
        book["S"]["B2"].data_type = "s"

    run = bring_in(workbook({"S": rows}, plain), actor=lead)

    assert sorted(Contact.objects.values_list("last_name", flat=True)) == ["#REF!", "=1+1"], reasons(run)
