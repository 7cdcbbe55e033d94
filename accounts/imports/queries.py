"""What the pages of imports read."""

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django.db.models import QuerySet

from accounts.domain import ImportState
from accounts.imports import mapping as maps
from accounts.imports import targets, words
from accounts.imports.mapping import Columns, Target
from accounts.imports.reading import Dialect
from accounts.imports.targets import Look
from accounts.models import Import, ImportRow
from core import clock
from team.models import User

SAMPLES = 3


def list_imports(user: User) -> QuerySet[Import]:
    found: QuerySet[Import] = Import.objects.visible_to(user).select_related("created_by")
    return found.order_by("-created_at", "-pk")


def same_file_before(run: Import, user: User) -> Import | None:
    """An earlier import of exactly these bytes."""
    earlier = list_imports(user).filter(
        sha256=run.sha256, target=run.target, state=ImportState.DONE, pk__lt=run.pk
    )
    return earlier.first()


def refused_rows(run: Import) -> QuerySet[ImportRow]:
    return ImportRow.objects.filter(run=run).order_by("line", "pk")


def refused_table(run: Import) -> tuple[list[str], Iterator[list[Any]]]:
    """Header and rows of the download: line, reason, and the cells as they came."""
    width = len(run.headers)
    header = [
        "line",
        "reason",
        *(name or f"column {number}" for number, name in enumerate(run.headers, start=1)),
    ]

    def rows() -> Iterator[list[Any]]:
        for row in refused_rows(run).iterator(chunk_size=500):
            yield [row.line, row.reason, *row.cells, *([""] * (width - len(row.cells)))]

    return header, rows()


@dataclass(frozen=True, slots=True)
class Column:
    """A column of the file on the mapping page."""

    number: int
    name: str
    samples: list[str]
    chosen: str
    is_consent: bool
    is_repeated: bool
    note: str = ""

    @property
    def place(self) -> int:
        return self.number + 1

    @property
    def field_name(self) -> str:
        return f"column_{self.number}"


@dataclass(frozen=True, slots=True)
class MappingPage:
    columns: list[Column]
    targets: list[Target]
    keys: dict[str, str]
    questions: dict[str, str]
    odd: list[str]
    looks_headless: bool
    merged: int = 0


def mapping_page(run: Import, look: Look, columns: Columns, dialect: Dialect) -> MappingPage:
    """Everything the mapping page shows; reads the file's beginning only."""
    target = targets.named(run.target)
    headers, samples = look.headers, look.samples
    names = [words.folded(header) for header in headers]
    shown = [
        Column(
            number=number,
            name=header,
            samples=list(dict.fromkeys(samples[number]))[:SAMPLES],
            chosen=columns.columns.get(number, ""),
            is_consent=maps.is_consent(header),
            is_repeated=bool(header) and names.count(names[number]) > 1,
            note=look.notes[number] if number < len(look.notes) and look.notes[number] != header else "",
        )
        for number, header in enumerate(headers)
    ]
    odd = [value for values in samples for value in [one for one in values if not one.isascii()][:2]]
    return MappingPage(
        columns=shown,
        targets=list(target.fields().values()),
        keys=dict(target.keys),
        questions=target.questions(columns, look, dialect),
        odd=list(dict.fromkeys(odd))[:4],
        looks_headless=any(
            "@" in header or header.replace(".", "").isdigit() for header in headers if header
        ),
        merged=next((sheet["merged"] for sheet in run.sheets if sheet["file"] == run.file.name), 0),
    )


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a job is. `rate` is rows a second since it began, `left` the time that would take for the rest."""

    done: int
    total: int | None
    rate: int | None
    left: dt.timedelta | None

    @property
    def left_text(self) -> str:
        if self.left is None:
            return ""
        seconds = int(self.left.total_seconds())
        if seconds < 10:
            return "a few seconds left"
        if seconds < 90:
            return f"about {seconds // 10 * 10} seconds left"
        return f"about {round(seconds / 60)} minutes left"


def progress_of(run: Import) -> Progress:
    total = run.rows_total or None
    if not run.started_at or not run.rows_done or not total:
        return Progress(run.rows_done, total, None, None)
    seconds = max((clock.now() - run.started_at).total_seconds(), 0.001)
    rate = run.rows_done / seconds
    return Progress(run.rows_done, total, round(rate), dt.timedelta(seconds=(total - run.rows_done) / rate))
