"""From bytes to rows: which kind of file it is, how it is written, and its records with the line each begins on."""

import codecs
import csv
import hashlib
import io
import json
import re
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, field
from typing import IO, Any

from core.errors import Invalid, Refused

HEAD = 131_072
MAX_COLUMNS = 200
MAX_CELL = 131_072
MAX_LINE = 1_048_576
# A cell over so many lines is a quote that was never closed, not a note.
MAX_LINES = 1_000
SAMPLE = 200
DELIMITERS = (",", ";", "\t", "|")
ENCODINGS = {
    "utf-8": "UTF-8",
    "utf-16": "UTF-16",
    "utf-16-le": "UTF-16 without mark (little endian)",
    "utf-16-be": "UTF-16 without mark (big endian)",
    "cp1252": "Windows-1252 (Western Europe)",
    "latin-1": "Latin-1 (ISO 8859-1)",
}
DELIMITER_NAMES = {",": "Comma", ";": "Semicolon", "\t": "Tab", "|": "Vertical bar"}

# How the first lines of a file are built where they are more than one line of names.
PLAIN, QUALTRICS, QUALTRICS_OLD, SURVEYMONKEY = "", "qualtrics", "qualtrics_old", "surveymonkey"
HEADER_ROWS = {PLAIN: 1, QUALTRICS: 3, QUALTRICS_OLD: 2, SURVEYMONKEY: 2}

_AS_CSV = "Open it in your spreadsheet program, save it as “CSV UTF-8”, and upload that file."
_SIGNATURES: tuple[tuple[bytes, str], ...] = (
    (b"PK\x05\x06", f"This is a packed file with nothing in it, not CSV. {_AS_CSV}"),
    (
        b"\xd0\xcf\x11\xe0",
        f"This is an old Excel workbook (.xls) or one protected by a password. Save it as .xlsx without a password. Or: {_AS_CSV}",
    ),
    (b"%PDF", "This is a PDF, not CSV. Export the list as CSV from the program it comes from."),
    (b"\x1f\x8b", "This file is compressed. Unpack it and upload the CSV file inside."),
    (b"7z\xbc\xaf", "This file is compressed. Unpack it and upload the CSV file inside."),
    (b"Rar!", "This file is compressed. Unpack it and upload the CSV file inside."),
    (b"BZh", "This file is compressed. Unpack it and upload the CSV file inside."),
    (b"\x89PNG", "This is a picture, not CSV."),
    (b"\xff\xd8\xff", "This is a picture, not CSV."),
    (b"GIF8", "This is a picture, not CSV."),
    (b"{\\rtf", "This is a text document, not CSV."),
    (b"SQLite format 3", "This is a database, not CSV."),
    (b"\xff\xfe\x00\x00", "This file is written in UTF-32, which is not read here. Save it as “CSV UTF-8”."),
    (b"\x00\x00\xfe\xff", "This file is written in UTF-32, which is not read here. Save it as “CSV UTF-8”."),
)
_MARKUP = re.compile(rb"^\s*(<!doctype|<html|<\?xml|<table|<svg|<script)", re.IGNORECASE)
_JSON = re.compile(rb"^\s*(\{\s*\"|\[\s*[\[{])")
_BAD_BYTE = re.compile("[\udc80-\udcff]")
_ABOVE_ASCII = re.compile("[\x80-\ud7ff\ue000-\U0010ffff]")
_SEP_LINE = re.compile(r"^\ufeff?\"?sep=(.)\"?\s*$", re.IGNORECASE)


@dataclass(slots=True)
class Dialect:
    """How a file is written. `decimal` is "point", "comma" or "" (nobody has said), `dates` "dmy", "mdy" or "".

    `form` says how its header is built; `numbered` is "rows" where a record is known by its row (a sheet of a
    workbook), "" where it is known by the line it begins in.
    """

    encoding: str = "utf-8"
    delimiter: str = ","
    decimal: str = ""
    dates: str = ""
    form: str = PLAIN
    numbered: str = ""

    def as_json(self) -> dict[str, str]:
        return asdict(self)

    @classmethod
    def of(cls, stored: dict[str, Any]) -> "Dialect":
        known = {key: str(value) for key, value in stored.items() if key in cls.__dataclass_fields__}
        return cls(**known)


@dataclass(slots=True)
class Scan:
    """What is learnt of a file while its bytes pass by once: digest, size, beginning, how it could be encoded."""

    size: int = 0
    head: bytes = b""
    good: int = 0
    bad: int = 0
    undefined: int = 0
    zeros: int = 0
    _digest: Any = field(default_factory=hashlib.sha256)
    _decoder: Any = field(default_factory=lambda: codecs.getincrementaldecoder("utf-8")("surrogateescape"))

    def feed(self, chunk: bytes, *, final: bool = False) -> None:
        self._digest.update(chunk)
        self.size += len(chunk)
        if len(self.head) < HEAD:
            self.head += chunk[: HEAD - len(self.head)]
        self.zeros += chunk.count(0)
        text = self._decoder.decode(chunk, final)
        if not text.isascii():
            self.bad += len(_BAD_BYTE.findall(text))
            self.good += len(_ABOVE_ASCII.findall(text))
            # Bytes that Windows-1252 leaves undefined speak for Latin-1.
            self.undefined += sum(chunk.count(byte) for byte in b"\x81\x8d\x8f\x90\x9d")

    @property
    def sha256(self) -> str:
        return str(self._digest.hexdigest())


def refuse_other_types(head: bytes) -> None:
    """Judge by the bytes, not by the name: anything that is not plain text is refused with what to do instead."""
    if not head.strip(b" \t\r\n\x00\xef\xbb\xbf\xff\xfe"):
        raise Invalid(
            "This file is empty. Choose a file with a line of column names and at least one row.",
            field="file",
        )
    for signature, message in _SIGNATURES:
        if head.startswith(signature):
            raise Invalid(message, field="file", code="not_csv")
    if _MARKUP.match(head):
        raise Invalid(
            f"This is a web page or XML, even if its name ends in .csv or .xls. {_AS_CSV}",
            field="file",
            code="not_csv",
        )
    if _JSON.match(head):
        raise Invalid(
            "This is JSON, not CSV. Send it through the API, or export the list as CSV.",
            field="file",
            code="not_csv",
        )


def guess(scan: Scan) -> Dialect:
    """The likeliest way the file is written; what it cannot tell (date order, decimal sign) is left open."""
    dialect = Dialect(encoding=_guess_encoding(scan))
    try:
        text = scan.head.decode(dialect.encoding, "ignore")
    except UnicodeError:
        text = scan.head.decode("latin-1")
    text = text.lstrip("\ufeff")
    dialect.delimiter = _guess_delimiter(text)
    dialect.form = guess_form(text, dialect.delimiter)
    return dialect


def guess_form(text: str, delimiter: str) -> str:
    """Exports with more than one header row, known by what stands in the second or third."""
    first: list[list[str]] = []
    try:
        for cells in csv.reader(io.StringIO(text, newline=""), delimiter=delimiter):
            if any(cell.strip() for cell in cells):
                first.append([cell.strip() for cell in cells])
            if len(first) == 3:
                break
    except csv.Error:
        return PLAIN
    if len(first) > 2:
        said = [cell for cell in first[2] if cell]
        if said and all(cell.replace(" ", "").startswith('{"ImportId":') for cell in said):
            return QUALTRICS
    if len(first) > 1:
        old = {"ResponseID", "ResponseSet", "StartDate"}
        if first[0][0] == "V1" and old & set(first[1]):
            return QUALTRICS_OLD
        names = {cell.casefold().replace("_", " ") for cell in first[0]}
        if {"respondent id", "collector id"} <= names and not first[1][0]:
            return SURVEYMONKEY
    return PLAIN


def _guess_encoding(scan: Scan) -> str:
    if scan.head.startswith((b"\xff\xfe", b"\xfe\xff")):
        return "utf-16"
    sample = scan.head[: len(scan.head) // 2 * 2]
    if sample and scan.zeros:
        even, odd = sample[::2].count(0), sample[1::2].count(0)
        half = len(sample) / 2
        if odd > 0.3 * half and even < 0.05 * half:
            return "utf-16-le"
        if even > 0.3 * half and odd < 0.05 * half:
            return "utf-16-be"
        if scan.zeros > 0.01 * scan.size:
            raise Invalid(
                "This is not a text file. Export the list as CSV and upload that.",
                field="file",
                code="not_csv",
            )
    # A few broken bytes among many good ones are broken rows of a UTF-8 file, and are refused as such.
    if not scan.bad or scan.good > 10 * scan.bad or scan.head.startswith(codecs.BOM_UTF8):
        return "utf-8"
    return "latin-1" if scan.undefined else "cp1252"


def _guess_delimiter(text: str) -> str:
    first = text.split("\n", 1)[0].rstrip("\r")
    if match := _SEP_LINE.match(first):
        return match.group(1) if match.group(1) in DELIMITERS else ","
    best, best_score = ",", (0.0, 0)
    for delimiter in DELIMITERS:
        widths = []
        try:
            for number, cells in enumerate(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)):
                if cells:
                    widths.append(len(cells))
                if number >= 60:
                    break
        except csv.Error:
            continue
        if len(widths) > 2 and len(text) >= HEAD - 4:
            widths.pop()  # the last record of the sample may be cut off
        if not widths or widths[0] < 2:
            continue
        fitting = sum(width == widths[0] for width in widths) / len(widths)
        if (fitting, widths[0]) > best_score:
            best, best_score = delimiter, (fitting, widths[0])
    return best


@dataclass(frozen=True, slots=True)
class Row:
    """One record: where it begins in the file, its cells, and what is wrong with its form, if anything."""

    line: int
    cells: list[str]
    trouble: str = ""


class _Lines:
    """The lines of a file, counted; knows whether a record is being read when the file ends."""

    def __init__(self, text: IO[str]) -> None:
        self._text = text
        self.count = 0
        self.of_record = 0
        self.is_over = False

    def __iter__(self) -> "_Lines":
        return self

    def __next__(self) -> str:
        line = self._text.readline(MAX_LINE)
        if not line:
            self.is_over = True
            raise StopIteration
        if len(line) >= MAX_LINE:
            raise csv.Error("a line beyond the field limit")
        self.count += 1
        self.of_record += 1
        if self.of_record > MAX_LINES:
            raise csv.Error("too many lines in one record")
        return line


class Reader:
    """The header and then the rows of a file, one at a time; never more than one record in memory."""

    def __init__(self, file: IO[bytes], dialect: Dialect) -> None:
        # Bytes that do not fit the encoding become marks of their own, so that only their rows are refused.
        errors = "strict" if dialect.encoding.startswith("utf-16") else "surrogateescape"
        encoding = "utf-8-sig" if dialect.encoding == "utf-8" else dialect.encoding
        if encoding not in {*ENCODINGS, "utf-8-sig"} or dialect.delimiter not in DELIMITERS:
            raise Invalid("Choose an encoding and a delimiter from the list.", field="encoding")
        self.dialect = dialect
        self._records = 0
        # The source's own names of the columns, what was asked there, and its time zone, where the header says so.
        self.ids: list[str] = []
        self.notes: list[str] = []
        self.zone = ""
        self._lines = _Lines(io.TextIOWrapper(file, encoding, errors=errors, newline=""))
        self._reader = csv.reader(self._lines, delimiter=dialect.delimiter)
        self.headers = self._header()

    def _next(self) -> tuple[int, list[str]] | None:
        self._lines.of_record = 0
        self._records += 1
        begins = self._records if self.dialect.numbered else self._lines.count + 1
        try:
            cells = next(self._reader)
        except StopIteration:
            return None
        except csv.Error as error:
            raise Refused(
                f"The record that begins in line {begins} does not end: a cell is longer than {MAX_CELL:,} characters or"
                f" {MAX_LINES:,} lines. Look for a quotation mark there that is opened and never closed.",
                field="file",
                code="unreadable" if "field" in str(error) else "unclosed_quote",
            ) from None
        except UnicodeError:
            raise Refused(
                f"From line {begins} on the file is not {ENCODINGS.get(self.dialect.encoding, self.dialect.encoding)}."
                " Choose the encoding in which it was saved.",
                field="encoding",
                code="encoding",
            ) from None
        if self._lines.is_over:
            # The csv module asked for another line of this record and there was none: a cell is still open.
            raise Refused(
                f"The quotation mark opened in the record that begins in line {begins} is never closed: everything after it"
                " would become one cell. Close it in the file and upload it again.",
                field="file",
                code="unclosed_quote",
            )
        return begins, cells

    def _header(self) -> list[str]:
        found = self._next()
        while found is not None and (
            not any(cell.strip() for cell in found[1]) or _is_sep(found[1], self.dialect.delimiter)
        ):
            found = self._next()
        if found is None:
            raise Invalid("This file has no line of column names. Add one as its first line.", field="file")
        cells = self._more_headers([clean_header(cell) for cell in found[1]])
        while cells and not cells[-1]:
            cells.pop()
        if len(cells) > MAX_COLUMNS:
            raise Invalid(
                f"This file has {len(cells):,} columns; {MAX_COLUMNS} is the most. Leave out those that are not needed.",
                field="file",
                code="too_many_columns",
            )
        return cells

    def _more_headers(self, cells: list[str]) -> list[str]:
        """Take in the header rows below the first; returns the names of the columns."""
        form = self.dialect.form
        below = []
        for _ in range(HEADER_ROWS.get(form, 1) - 1):
            found = self._next()
            if found is None:
                break
            below.append(found[1])
        if form == QUALTRICS and len(below) == 2:
            self.notes = [clean_header(cell) for cell in below[0]]
            for cell in below[1]:
                said = _json_of(cell)
                self.ids.append(str(said.get("ImportId", "")))
                self.zone = self.zone or str(said.get("timeZone", ""))
        elif form == QUALTRICS_OLD and below:
            self.ids = cells
            cells = [clean_header(cell) for cell in below[0]]
        elif form == SURVEYMONKEY and below:
            self.notes = [clean_header(cell) for cell in below[0]]
            return _two_rows(cells, self.notes)
        return cells

    def __iter__(self) -> Iterator[Row]:
        width = len(self.headers)
        while (found := self._next()) is not None:
            line, cells = found
            if len(cells) == width:
                if not any(cells):
                    continue
            elif not any(cell.strip() for cell in cells):
                continue
            trouble = ""
            if len(cells) > width:
                if any(cell.strip() for cell in cells[width:]):
                    trouble = (
                        f"The row has {len(cells):,} cells, the header {width}. A cell that holds the delimiter must stand"
                        " in quotation marks."
                        if not self.dialect.numbered
                        else "The row has a value behind the last column that has a name. Give that column a name."
                    )
                else:
                    cells = cells[:width]
            elif len(cells) < width:
                trouble = (
                    f"The row has {len(cells)} cells, the header {width}. Something is missing or broken off."
                )
            joined = "".join(cells)
            if not joined.isascii() and _BAD_BYTE.search(joined):
                trouble = f"The row holds bytes that are not {ENCODINGS[self.dialect.encoding]}. Save the whole file in one encoding."
                cells = [_BAD_BYTE.sub("\ufffd", cell) for cell in cells]
            yield Row(line, cells, trouble)


def _json_of(cell: str) -> dict[str, Any]:
    try:
        said = json.loads(cell)
    except ValueError:
        return {}
    return said if isinstance(said, dict) else {}


# What a column of an open question is called in the second row: it adds nothing to the question.
_PLAIN_PARTS = {"response", "open-ended response", "antwort", "offene antwort"}


def _two_rows(upper: list[str], lower: list[str]) -> list[str]:
    """Questions above, their parts below: a question stands over its first part only."""
    names, question = [], ""
    for number in range(max(len(upper), len(lower))):
        above = upper[number] if number < len(upper) else ""
        part = lower[number] if number < len(lower) else ""
        question = above or (question if part else "")
        is_plain = not part or part.casefold() in _PLAIN_PARTS
        names.append(question if is_plain else f"{question}: {part}"[:120])
    return names


def _is_sep(cells: list[str], delimiter: str) -> bool:
    return len(cells) <= 2 and bool(_SEP_LINE.match(delimiter.join(cells)))


def clean_header(text: str) -> str:
    """A column's name without invisible characters, blanks of all kinds made plain."""
    kept = "".join(" " if c.isspace() else c for c in text if unicodedata.category(c) not in {"Cf", "Cs"})
    kept = "".join(c for c in kept if unicodedata.category(c) != "Cc")
    return " ".join(kept.split())[:120]


def sample_columns(rows: Iterable[Row], width: int, limit: int = SAMPLE) -> list[list[str]]:
    """For each column its values in the first `limit` sound rows."""
    columns: list[list[str]] = [[] for _ in range(width)]
    for number, row in enumerate(rows):
        if number >= limit:
            break
        if row.trouble:
            continue
        for column, cell in zip(columns, row.cells, strict=False):
            if cell.strip():
                column.append(cell.strip()[:200])
    return columns
