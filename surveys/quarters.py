"""Quarters of the calendar year, as people name the figures they have reported: “Q1 2026”. Pure."""

import datetime as dt
import re
from dataclasses import dataclass

_KEY = re.compile(r"(\d{4})-([1-4])")


@dataclass(frozen=True, slots=True)
class Quarter:
    """The `number`th three months of a year."""

    year: int
    number: int

    @property
    def key(self) -> str:
        """As addresses name it: 2026-1."""
        return f"{self.year}-{self.number}"

    @property
    def label(self) -> str:
        return f"Q{self.number} {self.year}"

    @property
    def first(self) -> dt.date:
        return dt.date(self.year, 3 * self.number - 2, 1)

    @property
    def last(self) -> dt.date:
        return self.next.first - dt.timedelta(days=1)

    @property
    def next(self) -> "Quarter":
        return Quarter(self.year + self.number // 4, self.number % 4 + 1)

    @property
    def previous(self) -> "Quarter":
        return Quarter(self.year, self.number - 1) if self.number > 1 else Quarter(self.year - 1, 4)


def quarter_of(day: dt.date) -> Quarter:
    return Quarter(day.year, (day.month + 2) // 3)


def last_quarters(today: dt.date, number: int) -> list[Quarter]:
    """The quarter of today and those before it, newest first, `number` in all."""
    found = [quarter_of(today)]
    while len(found) < number:
        found.append(found[-1].previous)
    return found


def read_quarter(key: str, today: dt.date) -> Quarter | None:
    """The quarter that an address names; None for what is none, begins in the future, or lies before the year 2000."""
    match = _KEY.fullmatch(key)
    if match is None:
        return None
    found = Quarter(int(match[1]), int(match[2]))
    return found if found.year >= 2000 and found.first <= today else None
