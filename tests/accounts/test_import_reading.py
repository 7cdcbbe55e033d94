"""Files as the world exports them: encodings, delimiters, quotes, broken rows."""

import io

import pytest

from accounts.imports import reading
from accounts.imports.reading import Dialect, Reader, Row, Scan
from core.errors import Invalid, Refused

PLAIN = "E-Mail,Name\nann@acme.example,Änn\n"


def scanned(data: bytes) -> Scan:
    scan = Scan()
    scan.feed(data)
    scan.feed(b"", final=True)
    return scan


def read(data: bytes, dialect: Dialect | None = None) -> tuple[list[str], list[Row]]:
    reader = Reader(io.BytesIO(data), dialect or reading.guess(scanned(data)))
    return reader.headers, list(reader)


@pytest.mark.parametrize(
    ("data", "encoding"),
    [
        (PLAIN.encode(), "utf-8"),
        (PLAIN.encode("utf-8-sig"), "utf-8"),
        (PLAIN.encode("utf-16"), "utf-16"),
        (b"\xfe\xff" + PLAIN.encode("utf-16-be"), "utf-16"),
        (PLAIN.encode("utf-16-le"), "utf-16-le"),
        (PLAIN.encode("utf-16-be"), "utf-16-be"),
        (PLAIN.replace("Änn", "Änn €").encode("cp1252"), "cp1252"),
        (PLAIN.encode("latin-1") + b"x@y.example,\x81\xc4\n", "latin-1"),
    ],
)
def test_encoding_is_recognised(data: bytes, encoding: str) -> None:
    dialect = reading.guess(scanned(data))
    headers, rows = read(data, dialect)

    assert dialect.encoding == encoding
    assert headers == ["E-Mail", "Name"]
    assert rows[0].cells[1].startswith("Änn")


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_delimiter_and_line_ends_are_recognised(delimiter: str, end: str) -> None:
    lines = [delimiter.join(["name", "mail", "city"])]
    lines += [delimiter.join([f"n{i}", f"m{i}", '"x, y; z"' if delimiter in ",;" else "x"]) for i in range(5)]

    headers, rows = read((end.join(lines) + end).encode())

    assert headers == ["name", "mail", "city"]
    assert [len(row.cells) for row in rows] == [3] * 5


def test_sep_line_decides_and_is_no_header() -> None:
    headers, rows = read(b"sep=;\r\nname;mail\r\nAnn, B;a@b.example\r\n")

    assert headers == ["name", "mail"]
    assert rows == [Row(3, ["Ann, B", "a@b.example"])]


def test_cells_with_quotes_and_line_breaks_keep_them_and_lines_are_those_of_the_file() -> None:
    _, rows = read(b'name,note\n"Ann ""A"" B","one\ntwo"\nBob,"x, y"\nEve,say "hi"\n')

    assert [(row.line, row.cells) for row in rows] == [
        (2, ['Ann "A" B', "one\ntwo"]),
        (4, ["Bob", "x, y"]),
        (5, ["Eve", 'say "hi"']),
    ]


def test_quote_that_is_never_closed_is_refused_with_its_line() -> None:
    with pytest.raises(Refused, match="line 3 is never closed"):
        read(b'name,note\nAnn,ok\nBob,"oops\nEve,x\nZoe,y\n')


def test_quote_that_swallows_a_thousand_lines_is_refused_with_its_line() -> None:
    data = b'name,note\nAnn,"oops\n' + b"Bob,x\n" * 2000 + b'Eve,"y"\n'

    with pytest.raises(Refused, match="begins in line 2"):
        read(data)


def test_cell_beyond_the_limit_is_refused_with_its_line() -> None:
    with pytest.raises(Refused, match="begins in line 2"):
        read(b"name,note\nAnn," + b"x" * 140_000 + b"\n")


def test_file_without_line_ends_does_not_fill_the_memory() -> None:
    with pytest.raises(Refused, match="does not end"):
        read(b"a,b\n" + b"x,y," * 400_000)


def test_rows_longer_or_shorter_than_the_header_are_marked_and_blank_ones_skipped() -> None:
    _, rows = read(b"a,b,c\n1,2\n1,2,3,4\n1,2,3,,\n\n,,\n1,2,3\n")

    assert [(row.line, bool(row.trouble)) for row in rows] == [(2, True), (3, True), (4, False), (7, False)]
    assert "2 cells, the header 3" in rows[0].trouble


def test_bytes_of_another_encoding_are_marked_row_by_row() -> None:
    data = b"name\n" + "Müller\n".encode() * 30 + "Größe\n".encode("cp1252") + "Ärger\n".encode()

    _, rows = read(data)

    assert [row.line for row in rows if row.trouble] == [32]
    assert "UTF-8" in rows[30].trouble
    assert rows[31].cells == ["Ärger"]


def test_wrong_encoding_chosen_by_hand_is_reported_not_garbled() -> None:
    _, rows = read("name\nGröße\n".encode("cp1252"), Dialect(encoding="utf-8"))

    assert rows[0].trouble


def test_headers_lose_what_cannot_be_seen() -> None:
    headers, _ = read("\ufeffe\u200bmail,\u00a0First\u00a0name ,,email\n1,2,3,4\n".encode())

    assert headers == ["email", "First name", "", "email"]


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "empty"),
        (b"\n\r\n  ", "empty"),
        (b"\xef\xbb\xbf", "empty"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1", "old Excel"),
        (b"%PDF-1.7", "PDF"),
        (b"\x1f\x8b\x08", "compressed"),
        (b"<!DOCTYPE html><table>", "web page"),
        (b"  <?xml version='1.0'?>", "web page"),
        (b'[{"email": "a@b.example"}]', "JSON"),
        (b"\x89PNG\r\n", "picture"),
        (b"\xff\xfe\x00\x00a\x00\x00\x00", "UTF-32"),
    ],
)
def test_other_types_are_refused_by_their_bytes(data: bytes, message: str) -> None:
    with pytest.raises(Invalid, match=message):
        reading.refuse_other_types(data)


def test_binary_data_is_refused() -> None:
    with pytest.raises(Invalid, match="not a text file"):
        reading.guess(scanned(b"\x01\x00\x02\x00\x00\x00\x03" * 100))


@pytest.mark.parametrize("count", [201, 1_000, 100_000])
def test_too_many_columns_are_refused(count: int) -> None:
    with pytest.raises(Refused, match=r"columns|does not end"):
        read(",".join(f"column {i}" for i in range(count)).encode() + b"\n")
