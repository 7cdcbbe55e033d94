"""Paths into JSON, as people click them together: `question.score`, `answers[0].value`, `properties["plan.name"]`.

Nothing raises: a path that leads nowhere finds None, and one that cannot be read finds nothing at all.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any

Step = str | int
MAX_STEPS = 20
MAX_LEAVES = 400
_STEP = re.compile(r'\.?([^.\[\]"]+)|\[(\d{1,4})\]|\["((?:[^"\\]|\\.)*)"\]')
_PLAIN = re.compile(r'[^.\[\]"\\]+')


def steps(path: str) -> tuple[Step, ...]:
    """The steps of a path; empty for what is none."""
    found: list[Step] = []
    at = 0
    path = path.strip()
    while at < len(path):
        match = _STEP.match(path, at)
        if match is None or len(found) == MAX_STEPS:
            return ()
        name, number, quoted = match.groups()
        if number is not None:
            found.append(int(number))
        elif quoted is not None:
            found.append(re.sub(r"\\(.)", r"\1", quoted))
        else:
            found.append(name)
        at = match.end()
    return tuple(found)


def written(parts: tuple[Step, ...]) -> str:
    """The path that `steps` reads as these."""
    text = ""
    for part in parts:
        if isinstance(part, int):
            text += f"[{part}]"
        elif _PLAIN.fullmatch(part) and part.strip() == part:
            text += f".{part}" if text else part
        else:
            escaped = part.replace("\\", "\\\\").replace('"', '\\"')
            text += f'["{escaped}"]'
    return text


def find(value: Any, path: str) -> Any:
    """What the path leads to, else None. A key that is written just like the path goes first (forms: `user[email]`)."""
    if isinstance(value, Mapping) and path in value:
        return value[path]
    parts = steps(path)
    if not parts:
        return None
    for part in parts:
        value = _step(value, part)
        if value is None:
            return None
    return value


def _step(value: Any, part: Step) -> Any:
    if isinstance(value, list):
        return value[part] if isinstance(part, int) and part < len(value) else None
    if isinstance(value, Mapping):
        return value.get(part, value.get(str(part)))
    return None


def leaves(value: Any, *, with_empty: bool = False) -> Iterator[tuple[str, Any]]:
    """Every plain value with its path, in the order of the document, at most 400. `with_empty`: also where null stands."""
    count = 0
    stack: list[tuple[tuple[Step, ...], Any]] = [((), value)]
    while stack and count < MAX_LEAVES:
        parts, found = stack.pop()
        if len(parts) >= MAX_STEPS:
            continue
        if isinstance(found, Mapping):
            stack += [((*parts, str(key)), item) for key, item in reversed(list(found.items())[:MAX_LEAVES])]
        elif isinstance(found, list):
            stack += [((*parts, n), item) for n, item in reversed(list(enumerate(found[:20])))]
        elif parts and (isinstance(found, str | int | float | bool) or (with_empty and found is None)):
            count += 1
            yield written(parts), found
