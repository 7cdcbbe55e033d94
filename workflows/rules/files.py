"""Rules as files: what one installation learned, another can use. The format is described in docs/rules.md.

A file names people by their e-mail address, and segments, playbooks, stages, surveys and the like by their name, because
their numbers differ from one installation to the next. Secrets are never written. Reading refuses what is not such a
file, and says of each name that is not known here where it was meant.
"""

import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from accounts.conditions import Kind
from accounts.extend import SegmentField
from core.api_wire import Malformed, read_json
from core.errors import Invalid
from team import queries as team_queries
from workflows.models import Rule
from workflows.rules import catalogue, fields
from workflows.rules.catalogue import Setting, SettingKind
from workflows.rules.definition import ARMS, BRANCH, COLUMNS, place_words, values_of

FORMAT = "nps-crm.rules"
VERSION = 1
MAX_BYTES = 1_000_000
MAX_RULES = 100
MAX_DEPTH = 30
_ID = re.compile(r"[0-9]{1,18}")


@dataclass(slots=True)
class Read:
    """One rule of a file: its values as they would be here, and in sentences what could not be found."""

    values: dict[str, Any]
    missing: list[str] = field(default_factory=list)


# --- Writing -------------------------------------------------------------------------------------------------
def write(rules: Iterable[Rule]) -> str:
    """The rules as the text of a file."""
    return json.dumps(as_plain(rules), indent=2, ensure_ascii=False) + "\n"


def as_plain(rules: Iterable[Rule]) -> dict[str, Any]:
    """The rules as the content of a file."""
    return {"format": FORMAT, "version": VERSION, "rules": [_out(values_of(rule)) for rule in rules]}


def file_name(rule: Rule) -> str:
    """A name for the file, of plain letters."""
    plain = re.sub(r"[^a-z0-9]+", "-", rule.name.lower()).strip("-")[:60]
    return f"rule-{plain or rule.pk}.json"


def _out(values: dict[str, Any]) -> dict[str, Any]:
    names = _Names(fields.offered(values["trigger"]))
    known = catalogue.triggers.get(values["trigger"])
    return {
        **values,
        "trigger_settings": _map_settings(
            values["trigger_settings"] or {}, known.settings if known else (), names.out
        ),
        "conditions": _map_tree(values["conditions"] or {}, names.tree_out),
        "steps": _map_steps(values["steps"] or [], names.out),
    }


# --- Reading -------------------------------------------------------------------------------------------------
def read(body: bytes) -> list[Read]:
    """The rules of a file. Raises `Invalid` with what is wrong with the file as a whole."""
    if len(body) > MAX_BYTES:
        raise _refuse(f"The file is larger than {MAX_BYTES // 1000:,} kB. Export fewer rules at a time.")
    try:
        found = read_json(body)
    except Malformed as error:
        raise _refuse(
            f"This is not a file of rules, or it was damaged on its way. {error.message} Export it again."
        ) from None
    return read_parsed(found)


def read_parsed(found: object) -> list[Read]:
    """`read` for what was parsed already."""
    if not isinstance(found, dict) or found.get("format") != FORMAT:
        raise _refuse(f"This is not a file of rules: its “format” has to be “{FORMAT}”.")
    if found.get("version") != VERSION or isinstance(found["version"], bool):
        raise _refuse(
            f"The file is of version {str(found.get('version'))[:20]}; this installation reads version {VERSION}."
        )
    if unknown := sorted(set(map(str, found)) - {"format", "version", "rules"}):
        raise _refuse(f"The file holds “{unknown[0][:40]}”, which does not belong into a file of rules.")
    rules = found.get("rules")
    if not isinstance(rules, list) or not rules:
        raise _refuse("The file holds no rules.")
    if len(rules) > MAX_RULES:
        raise _refuse(f"The file holds {len(rules):,} rules; at most {MAX_RULES} come in at a time.")
    return [_in(one, number) for number, one in enumerate(rules, start=1)]


def _refuse(message: str) -> Invalid:
    return Invalid(message, field="file", code="bad_file")


def _in(raw: object, number: int) -> Read:
    if not isinstance(raw, dict):
        raise _refuse(f"Rule {number} of the file is not an object.")
    if unknown := sorted(set(map(str, raw)) - set(COLUMNS)):
        raise _refuse(f"Rule {number} of the file holds “{unknown[0][:40]}”, which rules do not have.")
    if _depth(raw) > MAX_DEPTH:
        raise _refuse(f"Rule {number} of the file is nested too deep.")
    trigger = raw.get("trigger") if isinstance(raw.get("trigger"), str) else ""
    names = _Names(fields.offered(str(trigger)))
    known = catalogue.triggers.get(str(trigger))
    values = dict(raw)
    settings, steps, tree = raw.get("trigger_settings"), raw.get("steps"), raw.get("conditions")
    if isinstance(settings, dict):
        values["trigger_settings"] = _map_settings(
            settings, known.settings if known else (), names.into, "The trigger"
        )
    if isinstance(steps, list):
        values["steps"] = _map_steps(steps, names.into)
    if isinstance(tree, dict):
        values["conditions"] = _map_tree(tree, names.tree_into)
    return Read(values, names.missing)


def _depth(value: object, at: int = 0) -> int:
    if at > MAX_DEPTH:
        return at
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return max((_depth(one, at + 1) for one in inner), default=at)


# --- Names for numbers ---------------------------------------------------------------------------------------
_Map = Callable[[Setting, Any, str], Any]
_DROP = object()


class _Names:
    """Changes numbers of this installation into names, and back; notes what is not there."""

    def __init__(self, asked: Mapping[str, SegmentField]) -> None:
        self.asked = asked
        self.missing: list[str] = []

    # Out.
    def out(self, setting: Setting, value: Any, where: str) -> Any:
        if setting.kind is SettingKind.SECRET:
            return _DROP
        if setting.kind is SettingKind.CONDITIONS:
            return _map_tree(value, self.tree_out) if isinstance(value, dict) else value
        if setting.kind is SettingKind.USER:
            return _person_out(value)
        if setting.kind in {SettingKind.CHOICE, SettingKind.MANY} and setting.choices is not None:
            labels = {str(key): label for key, label in setting.choices()}
            return _each(value, lambda one: _name_out(one, labels))
        return value

    def tree_out(self, leaf: Mapping[str, Any]) -> dict[str, Any]:
        known = self.asked.get(str(leaf.get("field")))
        if known is None or "value" not in leaf:
            return dict(leaf)
        if known.type == Kind.USER:
            return {**leaf, "value": _each(leaf["value"], _person_out)}
        if known.choices is not None:
            labels = dict(known.choices())
            return {**leaf, "value": _each(leaf["value"], lambda one: _name_out(one, labels))}
        return dict(leaf)

    # In.
    def into(self, setting: Setting, value: Any, where: str) -> Any:
        if setting.kind is SettingKind.SECRET:
            return value
        if setting.kind is SettingKind.CONDITIONS:
            return _map_tree(value, self.tree_into) if isinstance(value, dict) else value
        if setting.kind is SettingKind.USER:
            return self._found(value, where, setting.label)
        if setting.kind in {SettingKind.CHOICE, SettingKind.MANY} and setting.choices is not None:
            offered = setting.choices()
            return self._all(value, lambda one: self._found(one, where, setting.label, offered))
        return value

    def tree_into(self, leaf: Mapping[str, Any]) -> dict[str, Any]:
        known = self.asked.get(str(leaf.get("field")))
        if known is None or "value" not in leaf:
            return dict(leaf)
        offered = known.choices() if known.choices is not None else []
        where = "The conditions"
        found = self._all(leaf["value"], lambda one: self._found(one, where, known.label, offered))
        return {**leaf, "value": found}

    def _all(self, value: Any, find: Callable[[Any], Any]) -> Any:
        if isinstance(value, list):
            return [found for one in value if (found := find(one)) is not None]
        return find(value)

    def _found(
        self, value: Any, where: str, label: str, offered: Sequence[tuple[str, str]] | None = None
    ) -> Any:
        if not isinstance(value, dict):
            return value
        if "person" in value:
            name = str(value["person"])[:254]
            people = list(team_queries.list_assignable())
            match = [user for user in people if user.email == name.lower()] or [
                user for user in people if str(user) == name
            ]
            if len(match) == 1:
                return match[0].pk
            self.missing.append(
                f"{where}: “{label}” names {name}, who is not among the active people here. Choose somebody."
            )
            return None
        name = str(value.get("named", ""))[:200]
        keys = [key for key, shown in offered or () if shown == name]
        if len(keys) == 1:
            return keys[0]
        trouble = "which is not here" if not keys else "of which there are several here"
        self.missing.append(f"{where}: “{label}” names “{name}”, {trouble}. Choose it again.")
        return None


def _person_out(value: Any) -> Any:
    if isinstance(value, int) and not isinstance(value, bool):
        user = team_queries.list_people().filter(pk=value).first()
        return {"person": user.email} if user else value
    return value


def _name_out(value: Any, labels: Mapping[str, str]) -> Any:
    key = str(value)
    return {"named": labels[key]} if _ID.fullmatch(key) and labels.get(key, key) != key else value


def _each(value: Any, change: Callable[[Any], Any]) -> Any:
    return [change(one) for one in value] if isinstance(value, list) else change(value)


def _map_settings(
    given: Mapping[str, Any], settings: Sequence[Setting], change: _Map, where: str = ""
) -> dict[str, Any]:
    known = {one.key: one for one in settings}
    changed = {
        key: change(known[key], value, where) if key in known else value for key, value in given.items()
    }
    return {key: value for key, value in changed.items() if value is not _DROP and value is not None}


def _map_steps(steps: Sequence[Any], change: _Map, place: str = "") -> list[Any]:
    found: list[Any] = []
    for number, step in enumerate(steps):
        if not isinstance(step, dict):
            found.append(step)
            continue
        path = f"{place}{number}"
        known = catalogue.step_types.get(str(step.get("kind", "")))
        label = f" ({known.label})" if known else ""
        mapped = _map_settings(step, known.settings if known else (), change, f"{place_words(path)}{label}")
        if step.get("kind") == BRANCH:
            mapped |= {
                arm: _map_steps(step[arm], change, f"{path}.{arm}.")
                for arm in ARMS
                if isinstance(step.get(arm), list)
            }
        found.append(mapped)
    return found


def _map_tree(tree: Any, change: Callable[[Mapping[str, Any]], dict[str, Any]]) -> Any:
    """The same tree of conditions with each condition changed; what is malformed is left to be refused later."""
    if not isinstance(tree, dict):
        return tree
    if "field" in tree:
        return change(tree)
    return {
        key: [_map_tree(one, change) for one in inner]
        if isinstance(inner, list)
        else _map_tree(inner, change)
        for key, inner in tree.items()
    }
