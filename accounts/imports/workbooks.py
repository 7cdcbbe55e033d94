"""Excel workbooks on their way in: judged before they are unpacked, then turned into CSV by a program with limits.

A file of 356 kB can unpack to 118 MB of one row, so neither its size nor a limit of rows protects: the directory of the
package is looked at first, every part is counted while it unpacks, and memory and processor time are capped.
"""

import json
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO, Any

from django.conf import settings

from accounts.imports import reading
from core.errors import Invalid

PROGRAM = Path(__file__).with_name("workbook_program.py")
MAX_ENTRIES = 1_000
MAX_UNPACKED = 50_000_000
MAX_RATIO = 100
MAX_SHEETS = 20
MAX_ROW_BYTES = 2_000_000
MAX_BLANK_ROWS = 10_000
MEMORY = 512 * 1024 * 1024
CPU_SECONDS = 20
WALL_SECONDS = 60

_AS_CSV = "Save the sheet as “CSV UTF-8” in your spreadsheet program and upload that file."
_SAYS = {
    "unpacked": f"This workbook holds more than {MAX_UNPACKED // 1_000_000} MB when unpacked. {_AS_CSV}",
    "row": f"A row of this workbook is larger than any list has. {_AS_CSV}",
    "document_type": f"This workbook holds XML that no spreadsheet program writes. {_AS_CSV}",
    "formulas": "Some formulas of this workbook were saved without their results, so their cells would be empty. Open it in"
    f" your spreadsheet program, save it once more and upload it again. Or: {_AS_CSV}",
    "memory": f"This workbook needs more memory than an upload may take. {_AS_CSV}",
    "time": f"This workbook takes too long to read. {_AS_CSV}",
    "broken": "This workbook cannot be read: it is damaged or was not written by a spreadsheet program. Open it there, save"
    f" it once more and upload it again. Or: {_AS_CSV}",
}


@dataclass(frozen=True, slots=True)
class Sheet:
    """One visible sheet: its name, the stored CSV of it, how many rows hold something, how many areas are merged."""

    name: str
    file: str
    rows: int
    columns: int
    merged: int

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


def is_packed(head: bytes) -> bool:
    return head.startswith(b"PK\x03\x04")


def judge(file: IO[bytes]) -> None:
    """Look at the directory of the package only. Refuses what is no workbook, and what would unpack beyond measure."""
    try:
        with zipfile.ZipFile(file) as packed:
            entries = packed.infolist()
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError):
        raise _refused("broken") from None
    names = {entry.filename for entry in entries}
    if "xl/vbaProject.bin" in names:
        raise Invalid(f"This workbook holds macros. {_AS_CSV}", field="file", code="macros")
    if "xl/workbook.xml" not in names or "[Content_Types].xml" not in names:
        raise Invalid(
            f"This is a packed file, but no Excel workbook (.xlsx). {_AS_CSV}", field="file", code="not_csv"
        )
    size = sum(entry.file_size for entry in entries)
    packed_size = max(sum(entry.compress_size for entry in entries), 1)
    if len(entries) > MAX_ENTRIES or size > MAX_UNPACKED or size > MAX_RATIO * max(packed_size, 10_000):
        raise _refused("unpacked")
    if any(entry.flag_bits & 1 for entry in entries):
        raise Invalid(f"This workbook is protected by a password. {_AS_CSV}", field="file", code="protected")


@contextmanager
def converted(file: IO[bytes]) -> Iterator[list[tuple[Sheet, Path]]]:
    """The sheets that hold something, each with a CSV of it that lives as long as the block.

    Takes up to some seconds for a large workbook, of which the limits above allow about a million cells.
    """
    file.seek(0)
    judge(file)
    with tempfile.TemporaryDirectory(prefix="workbook-") as place:
        source, folder = Path(place, "book.xlsx"), Path(place, "sheets")
        folder.mkdir()
        file.seek(0)
        with source.open("wb") as copy:
            shutil.copyfileobj(file, copy)
        found = [Sheet(**one) for one in _run(source, folder)]
        held = [sheet for sheet in found if sheet.rows]
        if not held:
            raise Invalid(
                "No visible sheet of this workbook holds anything. Choose a file with a line of column names and at"
                " least one row.",
                field="file",
            )
        yield [(sheet, folder / sheet.file) for sheet in held]


def _run(source: Path, folder: Path) -> list[dict[str, Any]]:
    limits = {
        "memory": MEMORY,
        "cpu": CPU_SECONDS,
        "unpacked": MAX_UNPACKED,
        "written": settings.MAX_IMPORT_BYTES,
        "row_bytes": MAX_ROW_BYTES,
        "columns": reading.MAX_COLUMNS,
        "sheets": MAX_SHEETS,
        "blank": MAX_BLANK_ROWS,
    }
    try:
        done = subprocess.run(
            [sys.executable, "-I", str(PROGRAM), str(source), str(folder), json.dumps(limits)],
            capture_output=True,
            timeout=WALL_SECONDS,
            check=False,
            env={"OPENPYXL_LXML": "False", "OPENPYXL_DEFUSEDXML": "True"},
        )
    except subprocess.TimeoutExpired:
        raise _refused("time") from None
    try:
        said: dict[str, Any] = json.loads(done.stdout)
    except ValueError:
        # Killed at a limit: by the kernel for its processor time, or because memory ran out where Python cannot say so.
        raise _refused("time" if done.returncode < 0 else "memory") from None
    if said.get("refused") == "columns":
        raise Invalid(
            f"The sheet “{said['sheet']}” has {said['columns']:,} columns; {reading.MAX_COLUMNS} is the most. Leave out"
            " those that are not needed.",
            field="file",
            code="too_many_columns",
        )
    if "refused" in said:
        raise _refused(said["refused"])
    sheets: list[dict[str, Any]] = said["sheets"]
    return sheets


def _refused(code: str) -> Invalid:
    return Invalid(_SAYS.get(code, _SAYS["broken"]), field="file", code=f"workbook_{code}")
