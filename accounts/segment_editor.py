"""The visual editor of segments: rows of field, comparison and value in groups, to and from a tree of conditions.

Everything is in plain form fields, so that it works without script: buttons that add or remove send the whole form,
and the page comes back with one row more or less.
"""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.http import QueryDict

from accounts.conditions import MAX_CONDITIONS, OPERATORS, Kind, Operator, Shape
from accounts.extend import SegmentField

MAX_GROUPS = 10
MODES = (("all", "all of these"), ("any", "at least one of these"), ("none", "none of these"))


@dataclass(slots=True)
class Row:
    """One line. `values` holds what was typed: one text, two, or the chosen ones of a list."""

    field: str = ""
    op: str = ""
    values: list[str] = dataclasses.field(default_factory=list)


@dataclass(slots=True)
class Group:
    mode: str = "all"
    rows: list[Row] = dataclasses.field(default_factory=list)


@dataclass(slots=True)
class Editor:
    """What stands in the editor. `mode` joins the groups: all or any."""

    mode: str = "all"
    groups: list[Group] = dataclasses.field(default_factory=list)


# --- Reading a form ------------------------------------------------------------------------------------------
def from_post(data: QueryDict, prefix: str = "") -> Editor:
    """The editor as it was sent, whatever is missing or too much in it. `prefix` tells several on one page apart."""
    editor = Editor(mode="any" if data.get(f"{prefix}mode") == "any" else "all")
    for g in range(_count(data, f"{prefix}groups", MAX_GROUPS)):
        mode = data.get(f"{prefix}g{g}-mode", "all")
        group = Group(mode if mode in dict(MODES) else "all")
        for r in range(_count(data, f"{prefix}g{g}-rows", MAX_CONDITIONS)):
            name = f"{prefix}g{g}-r{r}"
            texts = [value.strip() for value in data.getlist(f"{name}-value")]
            group.rows.append(Row(data.get(f"{name}-field", ""), data.get(f"{name}-op", ""), texts))
        editor.groups.append(group)
    return editor


def _count(data: QueryDict, name: str, most: int) -> int:
    text = data.get(name, "")
    return min(int(text), most) if text.isascii() and text.isdigit() and len(text) < 5 else 0


def carry_out(editor: Editor, action: str) -> None:
    """A press of one of the editor's own buttons: add-row:0, remove-row:0:2, add-group, remove-group:1."""
    verb, *numbers = action.split(":")
    places = [int(n) for n in numbers if n.isascii() and n.isdigit() and len(n) < 4]
    if verb == "add-group" and len(editor.groups) < MAX_GROUPS:
        editor.groups.append(Group(rows=[Row()]))
    if not places or places[0] >= len(editor.groups):
        return
    group = editor.groups[places[0]]
    if verb == "add-row" and sum(len(g.rows) for g in editor.groups) < MAX_CONDITIONS:
        group.rows.append(Row())
    elif verb == "remove-group":
        editor.groups.pop(places[0])
    elif verb == "remove-row" and len(places) > 1 and places[1] < len(group.rows):
        group.rows.pop(places[1])


def settle(editor: Editor, fields: Mapping[str, SegmentField]) -> None:
    """Make what is shown fit together: a comparison that the field does not know becomes its first one."""
    for group in editor.groups:
        for row in group.rows:
            if row.field not in fields:
                row.field, row.op, row.values = "", "", []
                continue
            known = OPERATORS[Kind(fields[row.field].type)]
            if row.op not in known:
                row.op, row.values = next(iter(known)), []
    if not editor.groups:
        editor.groups.append(Group())
    for group in editor.groups:
        if not group.rows:
            group.rows.append(Row())


# --- To and from a tree --------------------------------------------------------------------------------------
def to_tree(editor: Editor, fields: Mapping[str, SegmentField]) -> dict[str, Any]:
    """The tree that the editor stands for. Rows without a field are left out."""
    parts: list[dict[str, Any]] = []
    for group in editor.groups:
        rows = [_condition(row, fields) for row in group.rows if row.field]
        if rows and group.mode == "none":
            parts.append({"not": {"any": rows}})
        elif rows:
            parts.append({group.mode: rows})
    if len(parts) == 1:
        return parts[0]
    return {editor.mode: parts} if parts else {"all": []}


def _condition(row: Row, fields: Mapping[str, SegmentField]) -> dict[str, Any]:
    known = fields.get(row.field)
    operator = OPERATORS[Kind(known.type)].get(row.op) if known else None
    condition: dict[str, Any] = {"field": row.field, "op": row.op}
    if operator is None or operator.shape is Shape.NONE:
        return condition
    texts = [text for text in row.values if text]
    if operator.shape is Shape.MANY:
        split = (
            texts if known is not None and known.choices else [p.strip() for t in texts for p in t.split(",")]
        )
        condition["value"] = [part for part in split if part]
    elif operator.shape is Shape.TWO:
        condition["value"] = texts[:2]
    else:
        condition["value"] = texts[0] if texts else ""
    return condition


def from_tree(tree: Any) -> Editor | None:
    """The editor for a tree; None for one that is nested deeper than rows in groups can show."""
    if not isinstance(tree, dict) or not tree:
        return Editor()
    if "field" in tree:
        tree = {"all": [tree]}
    if (single := _group(tree)) is not None:
        return Editor(groups=[single])
    mode, inner = next(iter(tree.items()))
    if mode not in {"all", "any"} or not isinstance(inner, list):
        return None
    groups = [
        _group({"all": [part]} if isinstance(part, dict) and "field" in part else part) for part in inner
    ]
    if any(group is None for group in groups):
        return None
    return Editor(mode, [group for group in groups if group is not None])


def _group(tree: Any) -> Group | None:
    if not isinstance(tree, dict) or len(tree) != 1:
        return None
    mode, inner = next(iter(tree.items()))
    if mode == "not" and isinstance(inner, dict) and "any" in inner:
        mode, inner = "none", inner["any"]
    if mode not in dict(MODES) or not isinstance(inner, list):
        return None
    if not all(isinstance(part, dict) and "field" in part for part in inner):
        return None
    return Group(mode, [Row(str(p["field"]), str(p.get("op", "")), _texts(p.get("value"))) for p in inner])


def _texts(value: Any) -> list[str]:
    if value is None:
        return []
    return [str(part) for part in value] if isinstance(value, list) else [str(value)]


# --- Showing -------------------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class ShownRow:
    """A row as the template draws it."""

    name: str
    field: str
    op: str
    kind: str
    shape: str
    operators: list[tuple[str, str]]
    choices: list[tuple[str, str]]
    values: list[str]
    chosen: str

    @property
    def first(self) -> str:
        return self.values[0] if self.values else ""

    @property
    def second(self) -> str:
        return self.values[1] if len(self.values) > 1 else ""


@dataclass(frozen=True, slots=True)
class ShownGroup:
    name: str
    mode: str
    rows: list[ShownRow]


def shown(
    editor: Editor,
    fields: Mapping[str, SegmentField],
    prefix: str = "",
    offered: dict[str, list[tuple[str, str]]] | None = None,
) -> list[ShownGroup]:
    """The groups and rows with everything their controls need; the values of a field are read once.

    Several editors on one page share what was read by passing the same `offered`.
    """
    offered = {} if offered is None else offered
    groups = []
    for g, group in enumerate(editor.groups):
        rows = []
        for r, row in enumerate(group.rows):
            known = fields.get(row.field)
            operators: dict[str, Operator] = OPERATORS[Kind(known.type)] if known else {}
            choices: list[tuple[str, str]] = []
            if known is not None and known.choices is not None:
                if row.field not in offered:
                    offered[row.field] = list(known.choices())
                choices = offered[row.field]
                # A value that is chosen but no longer occurs stays visible, so that it can be taken out.
                missing = [v for v in row.values if v not in dict(choices)]
                choices = [*choices, *((v, v) for v in missing)]
            labels = [label for value, label in choices if value in row.values]
            operator = operators.get(row.op)
            rows.append(
                ShownRow(
                    name=f"{prefix}g{g}-r{r}",
                    field=row.field,
                    op=row.op,
                    kind=known.type if known else "",
                    shape=operator.shape if operator else "",
                    operators=[(key, one.label) for key, one in operators.items()],
                    choices=choices,
                    values=row.values,
                    chosen=", ".join(labels[:3])
                    + (f" and {len(labels) - 3} more" if len(labels) > 3 else ""),
                )
            )
        groups.append(ShownGroup(f"{prefix}g{g}", group.mode, rows))
    return groups


def grouped(fields: Mapping[str, SegmentField]) -> list[tuple[str, list[SegmentField]]]:
    """The fields under their headings, in the order in which they are registered."""
    found: dict[str, list[SegmentField]] = {}
    for one in fields.values():
        found.setdefault(one.group or "Other", []).append(one)
    return list(found.items())
