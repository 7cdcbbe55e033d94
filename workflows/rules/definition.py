"""A rule as plain values, and where things stand in it.

The same mapping (`values_of`) is what the editor edits, a version holds, a file carries and the API gives. A step's
place is a path: "0" is the first step, "2.then.0" the first of what the third does when its question is answered yes.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

COLUMNS = (
    "name", "description", "trigger", "trigger_settings", "conditions", "steps", "exit_on", "reentry",
    "reentry_days", "one_run_per", "max_runs_per_day", "includes_imports", "reply_suppresses",
)  # fmt: skip
"""The columns of a rule that a person writes; each save of them is a version."""

BRANCH = "branch"
ARMS = ("then", "else")
ARM_WORDS = {"then": "if so", "else": "if not"}

MAX_STEPS = 40
"""Steps of one rule, those in branches counted."""

MAX_DEPTH = 3
"""How deep branches may stand in each other: a branch in a branch in a branch."""


def values_of(rule: Any) -> dict[str, Any]:
    """The values of a rule, or of a row of its history."""
    return {name: getattr(rule, name) for name in COLUMNS}


def walk(steps: Sequence[Mapping[str, Any]], place: str = "") -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Every step with its path, each branch before what stands in it. The steps must have been checked."""
    for number, step in enumerate(steps):
        path = f"{place}{number}"
        yield path, step
        if step.get("kind") == BRANCH:
            for arm in ARMS:
                yield from walk(step.get(arm) or [], f"{path}.{arm}.")


def place_words(path: str) -> str:
    """A path as people say it: "2.then.0" is "Step 3, if so, step 1"."""
    words = [ARM_WORDS.get(part) or f"step {int(part) + 1}" for part in path.split(".") if part]
    return ", ".join(words).capitalize() if words else ""
