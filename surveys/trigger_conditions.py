"""Which events make a campaign ask: the condition language of segments, judged over the data that came with an event.

Nobody declares what an event's data holds, so the comparison says how a value is read: `gt` reads a number, `is` a text,
`true` a yes or no, `after` a date. Where both numbers and dates know a comparison (`between`) its values decide. A value
that cannot be read so counts as missing.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from accounts import conditions
from accounts.conditions import OPERATORS, Group, Kind, Known, Now
from core.errors import Invalid

FIELD = "trigger_conditions"
MAX_KEY = 80
_KINDS = (Kind.TEXT, Kind.NUMBER, Kind.DATE, Kind.BOOLEAN, Kind.CHOICE)


class _Fields(Mapping[str, Known]):
    """Knows every field there can be: "number:amount" is the data's "amount", read as a number."""

    def __getitem__(self, key: str) -> Known:
        kind, _, label = key.partition(":")
        return Known(key, label, Kind(kind))

    def __iter__(self) -> Iterator[str]:
        return iter(())

    def __len__(self) -> int:
        return 0


def parse(tree: object) -> Group:
    """The conditions, checked. Raises `Invalid` naming what is wrong and what would be right."""
    try:
        return conditions.parse(_typed(tree, 0), _Fields())
    except Invalid as error:
        raise Invalid(error.message, field=FIELD, code=error.code) from None


def _typed(tree: object, depth: int) -> object:
    """The same tree with its fields named by how they are read. What is malformed is left for `conditions` to refuse."""
    if depth > conditions.MAX_DEPTH + 1:
        return tree
    if isinstance(tree, list):
        return [_typed(child, depth) for child in tree]
    if not isinstance(tree, Mapping):
        return tree
    if "field" not in tree:
        return {key: _typed(child, depth + 1) for key, child in tree.items()}
    key, op = tree["field"], tree.get("op")
    if not isinstance(key, str) or not key.strip() or len(key) > MAX_KEY:
        raise Invalid(
            f"Each condition names a field of the event's data, at most {MAX_KEY} characters.", field=FIELD
        )
    known = [kind for kind in _KINDS if isinstance(op, str) and op in OPERATORS[kind]]
    if not known:
        every = ", ".join(dict.fromkeys(op for kind in _KINDS for op in OPERATORS[kind]))
        raise Invalid(f"{key} cannot be compared by “{str(op)[:40]}”. Known are: {every}.", field=FIELD)
    kind = known[0]
    if op == "between" and not _are_numbers(tree.get("value")):
        kind = Kind.DATE
    return {**tree, "field": f"{kind}:{key.strip()}"}


def _are_numbers(value: object) -> bool:
    return isinstance(value, list) and all(conditions.as_number(one) is not None for one in value)


def matches(node: Group, data: Mapping[str, Any], now: Now) -> bool:
    """Whether an event's data fulfils the conditions."""
    facts = {}
    for leaf in conditions.leaves(node):
        value = data.get(leaf.field.partition(":")[2])
        if leaf.kind in {Kind.TEXT, Kind.CHOICE} and value is not None:
            value = str(value).lower() if isinstance(value, bool) else str(value)
        facts[leaf.field] = value
    return conditions.matches(node, facts, now)
