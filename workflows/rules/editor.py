"""The editor of rules: plain form fields for a tree of steps, to and from the values of a rule.

Everything is in the form itself, so that it works without script: a button that adds, moves or removes a step sends the
whole form, and the page comes back changed. A step at the path "2.then.0" has fields that begin with `s-2-then-0-`; a
list of steps says how many it has in `s-count` or `s-2-then-count`.
"""

import copy
import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.http import QueryDict

from accounts import segment_editor
from accounts.extend import SegmentField
from team import queries as team_queries
from workflows.rules import catalogue
from workflows.rules.catalogue import Setting, SettingKind, StepType
from workflows.rules.checking import Problem, is_shown
from workflows.rules.definition import ARM_WORDS, ARMS, BRANCH, MAX_DEPTH, MAX_STEPS

ROOT = "s"
CONDITIONS = "c-"
TRIGGER = "t"
TEXTS = ("name", "description", "reentry", "reentry_days", "one_run_per", "max_runs_per_day")
FLAGS = ("includes_imports", "reply_suppresses")


@dataclass(slots=True)
class Row:
    """One step as it stands in the form. `values` holds what was typed, by setting: a text, a list, a bool, a tree."""

    kind: str
    values: dict[str, Any] = dataclasses.field(default_factory=dict)
    arms: dict[str, "list[Row]"] = dataclasses.field(default_factory=dict)
    was: str = ""


@dataclass(slots=True)
class Form:
    """Everything that stands in the editor."""

    texts: dict[str, Any] = dataclasses.field(default_factory=dict)
    trigger: str = ""
    trigger_values: dict[str, Any] = dataclasses.field(default_factory=dict)
    conditions: segment_editor.Editor = dataclasses.field(default_factory=segment_editor.Editor)
    rows: list[Row] = dataclasses.field(default_factory=list)
    exit_on: list[str] = dataclasses.field(default_factory=list)


# --- From a rule ---------------------------------------------------------------------------------------------
def from_values(values: Mapping[str, Any]) -> Form | None:
    """The form for the values of a rule; None where conditions are nested deeper than rows in groups can show."""
    try:
        conditions = _editor_of(values.get("conditions"))
        return Form(
            texts={name: values.get(name) for name in (*TEXTS, *FLAGS)},
            trigger=str(values.get("trigger", "")),
            trigger_values=dict(values.get("trigger_settings") or {}),
            conditions=conditions,
            rows=_rows_of(values.get("steps") or []),
            exit_on=list(values.get("exit_on") or []),
        )
    except _TooDeepError:
        return None


class _TooDeepError(Exception):
    pass


def _editor_of(tree: Any) -> segment_editor.Editor:
    found = segment_editor.from_tree(tree)
    if found is None:
        raise _TooDeepError
    return found


def _rows_of(steps: Any, place: str = "") -> list[Row]:
    rows = []
    for number, step in enumerate(steps):
        kind = str(step.get("kind", ""))
        path = f"{place}{number}"
        known = catalogue.step_types.get(kind)
        values: dict[str, Any] = {}
        for key, value in step.items():
            if key == "kind" or (kind == BRANCH and key in ARMS):
                continue
            setting = next((one for one in known.settings if one.key == key), None) if known else None
            is_tree = setting is not None and setting.kind is SettingKind.CONDITIONS
            values[key] = _editor_of(value) if is_tree else value
        arms = (
            {arm: _rows_of(step.get(arm) or [], f"{path}.{arm}.") for arm in ARMS} if kind == BRANCH else {}
        )
        rows.append(Row(kind, values, arms, path))
    return rows


# --- From a form ---------------------------------------------------------------------------------------------
def from_post(data: QueryDict, stored_steps: Any = ()) -> Form:
    """The editor as it was sent, whatever is missing or too much in it.

    A secret that was left empty keeps what `stored_steps` hold for the step.
    """
    trigger = data.get("trigger", "")[:60]
    known = catalogue.triggers.get(trigger)
    budget = [MAX_STEPS + 10]
    return Form(
        texts={
            **{name: data.get(name, "") for name in TEXTS},
            **{name: data.get(name, "") == "1" for name in FLAGS},
        },
        trigger=trigger,
        trigger_values=_sent(data, TRIGGER, known.settings if known else (), {}),
        conditions=segment_editor.from_post(data, CONDITIONS),
        rows=_rows_sent(data, ROOT, budget, 0, stored_steps),
        exit_on=data.getlist("exit_on")[:20],
    )


def _rows_sent(data: QueryDict, place: str, budget: list[int], depth: int, stored: Any) -> list[Row]:
    text = data.get(f"{place}-count", "")
    count = int(text) if text.isascii() and text.isdigit() and len(text) < 4 else 0
    rows: list[Row] = []
    for number in range(min(count, MAX_STEPS)):
        budget[0] -= 1
        if budget[0] < 0:
            break
        name = f"{place}-{number}"
        kind, was = data.get(f"{name}-kind", "")[:60], data.get(f"{name}-was", "")[:60]
        known = catalogue.step_types.get(kind)
        row = Row(
            kind, _sent(data, name, known.settings if known else (), _stored(stored, was, kind)), was=was
        )
        if kind == BRANCH and depth < MAX_DEPTH:
            row.arms = {arm: _rows_sent(data, f"{name}-{arm}", budget, depth + 1, stored) for arm in ARMS}
        rows.append(row)
    return rows


def _stored(steps: Any, path: str, kind: str) -> Mapping[str, Any]:
    """The stored step at `path` if it is of this kind; nothing otherwise."""
    found: Any = list(steps)
    for part in path.split("."):
        if isinstance(found, list) and part.isascii() and part.isdigit() and len(part) < 4:
            found = found[int(part)] if int(part) < len(found) else None
        elif isinstance(found, Mapping) and part in ARMS:
            found = found.get(part)
        else:
            return {}
    return found if isinstance(found, Mapping) and found.get("kind") == kind else {}


def _sent(
    data: QueryDict, name: str, settings: tuple[Setting, ...], stored: Mapping[str, Any]
) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for setting in settings:
        key = f"{name}-{setting.key}"
        if setting.kind is SettingKind.CONDITIONS:
            found[setting.key] = segment_editor.from_post(data, f"{key}-")
        elif setting.kind is SettingKind.MANY:
            if f"{key}-asked" in data:
                found[setting.key] = data.getlist(key)[:200]
        elif setting.kind is SettingKind.BOOLEAN:
            if f"{key}-asked" in data:
                found[setting.key] = data.get(key) == "1"
        elif key in data:
            text = data.get(key, "")
            if setting.kind is SettingKind.SECRET and not text and setting.key in stored:
                text = stored[setting.key]
            found[setting.key] = text
    return found


# --- To a rule -----------------------------------------------------------------------------------------------
def to_values(form: Form, asked: Mapping[str, SegmentField]) -> dict[str, Any]:
    """What stands in the form as the values of a rule, not checked yet."""
    known = catalogue.triggers.get(form.trigger)
    return {
        **form.texts,
        "trigger": form.trigger,
        "trigger_settings": _plain(form.trigger_values, known.settings if known else (), asked),
        "conditions": segment_editor.to_tree(form.conditions, asked),
        "steps": [_step(row, asked) for row in form.rows],
        "exit_on": form.exit_on,
    }


def _step(row: Row, asked: Mapping[str, SegmentField]) -> dict[str, Any]:
    known = catalogue.step_types.get(row.kind)
    step = {"kind": row.kind, **_plain(row.values, known.settings if known else (), asked)}
    if row.kind == BRANCH:
        step |= {arm: [_step(inner, asked) for inner in row.arms.get(arm, [])] for arm in ARMS}
    return step


def _plain(
    values: Mapping[str, Any], settings: tuple[Setting, ...], asked: Mapping[str, SegmentField]
) -> dict[str, Any]:
    plain = {
        key: segment_editor.to_tree(value, asked) if isinstance(value, segment_editor.Editor) else value
        for key, value in values.items()
    }
    # What is not asked for with the values as they are was left over from before, and is not stored.
    hidden = {one.key for one in settings if not is_shown(one, plain, settings)}
    return {key: value for key, value in plain.items() if key not in hidden}


# --- Its buttons ---------------------------------------------------------------------------------------------
def carry_out(form: Form, action: str) -> None:
    """A press of one of the editor's own buttons: `add:2.then:create_task`, `up:1`, `down:1`, `copy:1`, `remove:1`.

    Buttons of conditions name theirs first: `in:c-:add-row:0`, `in:s-2-conditions-:remove-row:0:1`.
    """
    verb, _, rest = action.partition(":")
    if verb == "in":
        prefix, _, inner = rest.partition(":")
        editor = _conditions_at(form, prefix)
        if editor is not None:
            segment_editor.carry_out(editor, inner)
        return
    if verb == "add":
        place, _, kind = rest.partition(":")
        rows = _list_at(form.rows, place)
        if rows is not None and kind in catalogue.step_types and _count(form.rows) < MAX_STEPS:
            rows.append(_new(catalogue.step_types[kind]))
        return
    place, _, number = rest.rpartition(".")
    rows = _list_at(form.rows, place)
    if rows is None or not (
        number.isascii() and number.isdigit() and len(number) < 4 and int(number) < len(rows)
    ):
        return
    at = int(number)
    if verb == "remove":
        rows.pop(at)
    elif verb == "up" and at > 0:
        rows[at - 1], rows[at] = rows[at], rows[at - 1]
    elif verb == "down" and at + 1 < len(rows):
        rows[at + 1], rows[at] = rows[at], rows[at + 1]
    elif verb == "copy" and _count(form.rows) + _count([rows[at]]) <= MAX_STEPS:
        rows.insert(at + 1, copy.deepcopy(rows[at]))


def _new(kind: StepType) -> Row:
    values: dict[str, Any] = {
        one.key: copy.deepcopy(one.default) for one in kind.settings if one.default is not None
    }
    return Row(kind.kind, values, {arm: [] for arm in ARMS} if kind.kind == BRANCH else {})


def _count(rows: list[Row]) -> int:
    return sum(1 + sum(_count(arm) for arm in row.arms.values()) for row in rows)


def _list_at(rows: list[Row], place: str) -> list[Row] | None:
    """The list of steps at "2.then"; the outermost one at ""."""
    parts = place.split(".") if place else []
    if len(parts) % 2:
        return None
    for number, arm in zip(parts[::2], parts[1::2], strict=True):
        if not (number.isascii() and number.isdigit() and len(number) < 4 and int(number) < len(rows)):
            return None
        if arm not in rows[int(number)].arms:
            return None
        rows = rows[int(number)].arms[arm]
    return rows


def _conditions_at(form: Form, prefix: str) -> segment_editor.Editor | None:
    if prefix == CONDITIONS:
        return form.conditions
    path, _, key = prefix.rstrip("-").rpartition("-")
    place, _, number = path.removeprefix(f"{ROOT}-").replace("-", ".").rpartition(".")
    rows = _list_at(form.rows, place)
    if rows is None or not (
        number.isascii() and number.isdigit() and len(number) < 4 and int(number) < len(rows)
    ):
        return None
    found = rows[int(number)].values.get(key)
    return found if isinstance(found, segment_editor.Editor) else None


def change_trigger(form: Form, before: str) -> None:
    """Another trigger was chosen: its own settings begin anew."""
    known = catalogue.triggers.get(form.trigger)
    if known is None:
        form.trigger_values = {}
        return
    if before != form.trigger:
        form.trigger_values = {
            one.key: copy.deepcopy(one.default) for one in known.settings if one.default is not None
        }


# --- Showing -------------------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class ShownField:
    """A setting as the template draws it. `groups` are the rows of conditions."""

    name: str
    setting: Setting
    value: Any
    choices: list[tuple[str, str]]
    problems: list[str]
    groups: list[segment_editor.ShownGroup]
    mode: str

    @property
    def kind(self) -> str:
        return self.setting.kind.value

    @property
    def prefix(self) -> str:
        return f"{self.name}-"

    @property
    def is_missing(self) -> bool:
        """Whether the value chosen is no longer offered; it stays visible, so that it can be changed."""
        return bool(self.value) and self.value not in dict(self.choices)

    @property
    def rows(self) -> int:
        return min(max(4, str(self.value).count("\n") + 2), 18)


@dataclass(frozen=True, slots=True)
class ShownList:
    """A list of steps: the outermost one, or one way of a branch."""

    place: str
    name: str
    label: str
    steps: "list[ShownStep]"
    may_branch: bool


@dataclass(frozen=True, slots=True)
class ShownStep:
    path: str
    name: str
    number: int
    kind: str
    label: str
    help: str
    was: str
    fields: list[ShownField]
    arms: list[ShownList]
    problems: list[str]
    is_first: bool
    is_last: bool
    is_known: bool


class Drawing:
    """Draws one form: choices are read once, problems are put where they belong."""

    def __init__(self, asked: Mapping[str, SegmentField], problems: list[Problem]) -> None:
        self.asked, self.problems = asked, problems
        self.offered: dict[str, list[tuple[str, str]]] = {}
        self._people: list[tuple[str, str]] | None = None
        self._choices: dict[Any, list[tuple[str, str]]] = {}

    def at(self, place: str) -> list[str]:
        return [one.message for one in self.problems if one.place == place]

    def trigger_fields(self, form: Form) -> list[ShownField]:
        known = catalogue.triggers.get(form.trigger)
        return self._fields(TRIGGER, "trigger", known.settings if known else (), form.trigger_values)

    def conditions(self, form: Form) -> list[segment_editor.ShownGroup]:
        _settle(form.conditions, self.asked)
        return segment_editor.shown(form.conditions, self.asked, CONDITIONS, self.offered)

    def steps(self, form: Form) -> ShownList:
        return self._list(form.rows, "", ROOT, "", 0)

    def _list(self, rows: list[Row], place: str, name: str, label: str, depth: int) -> ShownList:
        steps = [
            self._step(row, f"{place}.{number}".lstrip("."), f"{name}-{number}", number, len(rows), depth)
            for number, row in enumerate(rows)
        ]
        return ShownList(place, name, label, steps, depth < MAX_DEPTH)

    def _step(self, row: Row, path: str, name: str, number: int, count: int, depth: int) -> ShownStep:
        known = catalogue.step_types.get(row.kind)
        place = f"steps.{path}"
        fields = self._fields(name, place, known.settings, row.values) if known else []
        shown_there = {one.setting.key for one in fields}
        return ShownStep(
            path=path,
            name=name,
            number=number + 1,
            kind=row.kind,
            label=known.label if known else f"A step that is not known here ({row.kind[:40]})",
            help=known.help if known else "Remove it: nothing in this installation can do it.",
            was=row.was,
            fields=fields,
            arms=[
                self._list(rows, f"{path}.{arm}", f"{name}-{arm}", ARM_WORDS[arm].capitalize(), depth + 1)
                for arm, rows in row.arms.items()
            ],
            problems=[
                one.message for one in self.problems if one.place == place and one.field not in shown_there
            ],
            is_first=number == 0,
            is_last=number == count - 1,
            is_known=known is not None,
        )

    def _fields(
        self, name: str, place: str, settings: tuple[Setting, ...], values: dict[str, Any]
    ) -> list[ShownField]:
        plain = {k: v for k, v in values.items() if not isinstance(v, segment_editor.Editor)}
        shown = []
        for setting in settings:
            if not is_shown(setting, plain, settings):
                continue
            key = f"{name}-{setting.key}"
            value = values.get(setting.key, setting.default)
            groups: list[segment_editor.ShownGroup] = []
            mode = "all"
            if setting.kind is SettingKind.CONDITIONS:
                tree = value if isinstance(value, segment_editor.Editor) else segment_editor.Editor()
                _settle(tree, self.asked)
                values[setting.key] = tree
                groups, mode = segment_editor.shown(tree, self.asked, f"{key}-", self.offered), tree.mode
                value = None
            if setting.kind is SettingKind.SECRET:
                value = ""
            messages = [
                one.message for one in self.problems if one.place == place and one.field == setting.key
            ]
            shown.append(
                ShownField(
                    key, setting, _shown_value(value), self._choices_of(setting), messages, groups, mode
                )
            )
        return shown

    def _choices_of(self, setting: Setting) -> list[tuple[str, str]]:
        if setting.kind is SettingKind.USER:
            if self._people is None:
                self._people = [(str(user.pk), str(user)) for user in team_queries.list_assignable()]
            return self._people
        if setting.choices is None:
            return []
        if setting.choices not in self._choices:
            self._choices[setting.choices] = [(str(value), label) for value, label in setting.choices()]
        return self._choices[setting.choices]


def _shown_value(value: Any) -> Any:
    if isinstance(value, bool):
        return value
    if isinstance(value, list):
        return [str(one) for one in value]
    return "" if value is None else str(value)


def _settle(editor: segment_editor.Editor, asked: Mapping[str, SegmentField]) -> None:
    """Fields that the trigger does not offer go; unlike a segment, no condition is asked for that nobody wants."""
    has_rows = any(group.rows for group in editor.groups)
    segment_editor.settle(editor, asked)
    if not has_rows:
        editor.groups = [segment_editor.Group()]


def kinds(*, may_branch: bool) -> list[tuple[str, list[StepType]]]:
    """What can be added, under its headings."""
    found: dict[str, list[StepType]] = {}
    for one in catalogue.step_types.values():
        if may_branch or one.kind != BRANCH:
            found.setdefault(one.group, []).append(one)
    return list(found.items())


def starts() -> list[tuple[str, list[catalogue.Trigger]]]:
    """What a rule can start with, under its headings."""
    found: dict[str, list[catalogue.Trigger]] = {}
    for one in catalogue.triggers.values():
        found.setdefault(one.group, []).append(one)
    return list(found.items())
