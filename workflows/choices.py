"""The choices of a column from the words of the domain."""

from enum import StrEnum


def choices(values: type[StrEnum]) -> list[tuple[str, str]]:
    return [(v.value, v.value.replace("_", " ").capitalize()) for v in values]
