"""A program of its own that turns the sheets of an .xlsx workbook into CSV files, within limits it sets itself.

python -I workbook_program.py <workbook> <folder> <limits as JSON>

Prints one line of JSON: {"sheets": [{"name", "file", "rows", "columns", "merged"}]} or {"refused": code, …}. Started by
accounts.imports.workbooks; knows nothing of Django, so that little memory is spent before the file is looked at.

Cells become text: dates and times in ISO form, numbers with a point and without exponents, formulas by the result that
was saved with them, yes and no as `true` and `false`. Line n of the CSV is row n of the sheet.
"""

import csv
import datetime as dt
import json
import re
import resource
import sys
import zipfile
from decimal import Decimal
from pathlib import Path
from typing import Any

CHUNK = 65_536
_FORMULA_WITHOUT_RESULT = re.compile(rb"(?:</f>|<f[^<>]*/>)\s*</c>")
_DOCUMENT_TYPE = re.compile(rb"<!(?:DOCTYPE|ENTITY)", re.IGNORECASE)
_SHEET = re.compile(r"xl/worksheets/[^/]+\.xml$")


class Refusal(Exception):
    def __init__(self, code: str, **more: Any) -> None:
        super().__init__(code)
        self.said = {"refused": code, **more}


def main(source: str, folder: str, limits: dict[str, int]) -> dict[str, Any]:
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_AS, (limits["memory"], limits["memory"]))
    resource.setrlimit(resource.RLIMIT_CPU, (limits["cpu"], limits["cpu"] + 1))
    try:
        look_through(source, limits)
        return convert(source, Path(folder), limits)
    except Refusal as refusal:
        return refusal.said
    except MemoryError:
        return {"refused": "memory"}


def look_through(source: str, limits: dict[str, int]) -> None:
    """Read every part once, counting what really comes out: what a header says of a size may be a lie."""
    total = 0
    with zipfile.ZipFile(source) as packed:
        for entry in packed.infolist():
            if entry.is_dir():
                continue
            is_sheet = bool(_SHEET.search(entry.filename))
            since_row, tail = 0, b""
            with packed.open(entry) as part:
                while chunk := part.read(CHUNK):
                    total += len(chunk)
                    if total > limits["unpacked"]:
                        raise Refusal("unpacked")
                    seen = tail + chunk
                    if entry.filename.endswith((".xml", ".rels")) and _DOCUMENT_TYPE.search(seen):
                        raise Refusal("document_type")
                    if is_sheet:
                        row = seen.rfind(b"<row")
                        since_row = len(seen) - row if row >= 0 else since_row + len(chunk)
                        if since_row > limits["row_bytes"]:
                            raise Refusal("row")
                        if _FORMULA_WITHOUT_RESULT.search(seen):
                            raise Refusal("formulas")
                    tail = seen[-64:]


def convert(source: str, folder: Path, limits: dict[str, int]) -> dict[str, Any]:
    import openpyxl

    book = openpyxl.load_workbook(source, read_only=True, data_only=True, keep_links=False)
    found: list[dict[str, Any]] = []
    written = 0
    for number, sheet in enumerate(book.worksheets):
        if sheet.sheet_state != "visible":
            continue
        if len(found) >= limits["sheets"]:
            break
        name = f"{number}.csv"
        with (folder / name).open("w", encoding="utf-8", newline="") as file:
            rows, columns = write_sheet(sheet, file, limits)
            written += file.tell()
        if written > limits["written"]:
            raise Refusal("unpacked")
        merged = merged_areas(source, sheet)
        found.append(
            {"name": sheet.title[:80], "file": name, "rows": rows, "columns": columns, "merged": merged}
        )
    return {"sheets": found}


def write_sheet(sheet: Any, file: Any, limits: dict[str, int]) -> tuple[int, int]:
    # What the sheet says of its own size may be a lie, or of the whole grid because of one coloured cell.
    sheet.reset_dimensions()
    writer = csv.writer(file, lineterminator="\n")
    rows = columns = blank = 0
    for cells in sheet.iter_rows(values_only=True):
        texts = [text_of(value) for value in cells]
        while texts and not texts[-1]:
            texts.pop()
        if len(texts) > limits["columns"]:
            raise Refusal("columns", sheet=sheet.title[:80], columns=len(texts))
        if not texts:
            blank += 1
            if blank > limits["blank"]:
                break
            continue
        # Rows keep their numbers; blank ones behind the last are left away.
        file.write("\n" * blank)
        blank = 0
        rows += 1
        columns = max(columns, len(texts))
        # Every row as wide as the widest so far, so that an empty last cell is no broken row.
        writer.writerow(texts + [""] * (columns - len(texts)))
    return rows, columns


def text_of(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, str):
        return value.replace("\r\n", "\n").replace("\r", "\n")
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, dt.datetime):
        # Days are stored as fractions; what is left of a second is the error of that.
        at: dt.datetime = (value + dt.timedelta(microseconds=500_000)).replace(microsecond=0)
        return at.date().isoformat() if at.time() == dt.time() else at.isoformat(sep=" ")
    if isinstance(value, (dt.date, dt.time)):
        return value.isoformat()
    if isinstance(value, float):
        if value.is_integer() and abs(value) < 1e15:
            return str(int(value))
        return f"{Decimal(repr(value)):f}" if abs(value) < 1e300 else str(value)  # not NaN, not endless
    return str(value)


def merged_areas(source: str, sheet: Any) -> int:
    with zipfile.ZipFile(source) as packed, packed.open(sheet._worksheet_path.lstrip("/")) as part:
        count, tail = 0, b""
        while chunk := part.read(CHUNK):
            seen = tail + chunk
            count += seen.count(b"<mergeCell ")
            tail = seen[-10:]
    return count


if __name__ == "__main__":
    try:
        said = main(sys.argv[1], sys.argv[2], json.loads(sys.argv[3]))
    except Exception as error:
        # Whatever a broken workbook breaks: the name of the error is all that leaves.
        said = {"refused": "broken", "error": type(error).__name__}
    print(json.dumps(said))  # noqa: T201
