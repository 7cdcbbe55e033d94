"""Reading what somebody wrote as a rule, whoever wrote it: the editor, a file, the API.

`check` gives the values in the form in which they are stored, and every problem with the place where it stands and its
remedy. Nothing here writes, and nothing that was sent can make it fail.
"""

import datetime as dt
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from accounts import conditions as language
from core.errors import Invalid
from team import queries as team_queries
from workflows.rules import catalogue, fields, merge_fields
from workflows.rules.catalogue import Setting, SettingKind
from workflows.rules.definition import ARMS, BRANCH, MAX_DEPTH, MAX_STEPS, place_words

MAX_NAME, MAX_DESCRIPTION, MAX_TEXT, MAX_LONG_TEXT, MAX_URL = 120, 300, 200, 20_000, 2_000
LARGEST = 1_000_000
MAX_PROBLEMS = 50

EXITS = {
    "replied": "they reply",
    "answered": "they answer a survey",
    "task_closed": "a task of this journey is closed",
    "alert_closed": "an alert of this journey is closed",
    "unsubscribed": "they unsubscribe",
}
REENTRY = {"always": "every time", "after_days": "again after some days", "never": "once, and never again"}
ONE_RUN_PER = {
    "cause": "as many as there are causes",
    "contact": "one for each contact",
    "account": "one for each account",
}


@dataclass(frozen=True, slots=True)
class Problem:
    """What keeps a rule from working. `place` is a column, `trigger.<setting>`, or `steps.<path>`; `field` the setting.

    `message` names the step and the remedy, and can be shown as it is.
    """

    place: str
    message: str
    field: str = ""


@dataclass(slots=True)
class Checked:
    """`values` by column, complete and in stored form; where there are problems they hold what could be read."""

    values: dict[str, Any]
    problems: list[Problem] = field(default_factory=list)


class NotReady(Invalid):
    """A rule with problems, each at its place. The message is the first of them and how many more there are."""

    code = "rule_not_ready"

    def __init__(self, problems: Sequence[Problem]) -> None:
        more = len(problems) - 1
        rest = "" if more < 1 else f" And {more} more problem{'s' if more > 1 else ''}."
        super().__init__(problems[0].message + rest, field=problems[0].place)
        self.problems = list(problems)


def check(raw: Mapping[str, Any]) -> Checked:
    """What was written, as it would be stored, with its problems."""
    found = Checked({})
    say = _Collector(found.problems)
    found.values |= {
        "name": say.text(raw.get("name"), "name", "Name", MAX_NAME, is_required=True),
        "description": say.text(raw.get("description"), "description", "Description", MAX_DESCRIPTION),
        "trigger": _trigger(raw.get("trigger"), say),
    }
    trigger = catalogue.triggers.get(found.values["trigger"])
    settings = raw.get("trigger_settings")
    found.values["trigger_settings"] = (
        _settings(trigger.settings, settings, say, place="trigger", who="The trigger") if trigger else {}
    )
    asked = fields.known(found.values["trigger"])
    found.values["conditions"] = say.conditions(raw.get("conditions"), "conditions", "The conditions", asked)
    budget = [MAX_STEPS]
    found.values["steps"] = _steps(raw.get("steps"), say, asked, budget)
    if not found.values["steps"]:
        say.problem("steps", "The rule does nothing yet. Add at least one step.")
    found.values |= _journey(raw, say)
    del found.problems[MAX_PROBLEMS:]
    return found


class _Collector:
    """Reads values, and notes what is wrong instead of stopping at it."""

    def __init__(self, problems: list[Problem]) -> None:
        self.problems = problems

    def problem(self, place: str, message: str, setting: str = "") -> None:
        self.problems.append(Problem(place, message, setting))

    def text(
        self, raw: object, place: str, label: str, limit: int, *, is_required: bool = False, setting: str = ""
    ) -> str:
        if raw is not None and not isinstance(raw, str):
            self.problem(place, f"{label} has to be a text. Write it again.", setting)
            return ""
        text = _clean(raw or "")
        if text != (raw or "").replace("\r\n", "\n").strip():
            self.problem(place, f"{label} holds characters that cannot be stored. Type it again.", setting)
        if len(text) > limit:
            self.problem(
                place, f"{label} is longer than {limit:,} characters ({len(text):,}). Shorten it.", setting
            )
            text = text[:limit]
        if is_required and not text:
            self.problem(place, f"{label} is missing. Write it.", setting)
        return text

    def conditions(
        self, raw: object, place: str, label: str, asked: Mapping[str, language.Known], setting: str = ""
    ) -> dict[str, Any]:
        if raw in (None, "", [], {}):
            return {}
        try:
            language.parse(raw, asked)
        except Invalid as error:
            self.problem(place, f"{label}: {error.message}", setting)
            return {}
        return {} if raw == {"all": []} else dict(raw)  # type: ignore[call-overload]  # a tree that was parsed


def _clean(text: str) -> str:
    """Without what no database stores and nobody sees."""
    kept = "".join(
        c for c in text.replace("\r\n", "\n") if c in "\n\t" or (c.isprintable() or c in "\u200d\u200c\ufe0f")
    )
    return kept.encode("utf-8", "ignore").decode().strip()


def _trigger(raw: object, say: _Collector) -> str:
    if not isinstance(raw, str) or not raw:
        say.problem("trigger", "Choose what starts the rule.")
        return ""
    if raw not in catalogue.triggers:
        say.problem("trigger", f"“{raw[:60]}” starts no rule here. Choose another trigger.")
        return ""
    return raw


# --- Steps ---------------------------------------------------------------------------------------------------
def _steps(
    raw: object, say: _Collector, asked: Mapping[str, language.Known], budget: list[int], place: str = ""
) -> list[dict[str, Any]]:
    where = place_words(place) or "The rule"
    here = f"steps.{place}".rstrip(".")
    if raw in (None, ""):
        return []
    if not isinstance(raw, list):
        say.problem(here, f"{where}: the steps have to be a list.")
        return []
    found: list[dict[str, Any]] = []
    for one in raw:
        budget[0] -= 1
        if budget[0] < 0:
            if budget[0] == -1:
                say.problem("steps", f"There are more than {MAX_STEPS} steps. Split the rule in two.")
            break
        found.append(_step(one, say, asked, budget, f"{place}{len(found)}"))
    return found


def _step(
    raw: object, say: _Collector, asked: Mapping[str, language.Known], budget: list[int], path: str
) -> dict[str, Any]:
    here, who = f"steps.{path}", place_words(path)
    kind = raw.get("kind") if isinstance(raw, Mapping) else None
    known = catalogue.step_types.get(kind) if isinstance(kind, str) else None
    if not isinstance(raw, Mapping) or known is None:
        said = f"“{str(kind)[:40]}”" if isinstance(kind, str) and kind else "no kind of step"
        say.problem(here, f"{who}: {said} is not something a rule can do here. Choose another, or remove it.")
        return {"kind": str(kind)[:60] if isinstance(kind, str) else ""}
    who = f"{who} ({known.label})"
    step = {
        "kind": known.kind,
        **_settings(known.settings, raw, say, place=here, who=who, asked=asked, own=("kind", *ARMS)),
    }
    if known.kind == BRANCH:
        depth = path.count(".") // 2 + 1
        if depth > MAX_DEPTH:
            say.problem(
                here, f"{who}: branches stand in each other deeper than {MAX_DEPTH}. Move it further out."
            )
            return {**step, "then": [], "else": []}
        for arm in ARMS:
            step[arm] = _steps(raw.get(arm), say, asked, budget, f"{path}.{arm}.")
        if not step["then"] and not step["else"]:
            say.problem(here, f"{who}: neither way holds a step. Add one, or remove the branch.")
        if not step.get("conditions"):
            say.problem(here, f"{who}: it asks nothing yet. Add a condition.", "conditions")
    return step


def _settings(
    settings: Sequence[Setting],
    raw: object,
    say: _Collector,
    *,
    place: str,
    who: str,
    asked: Mapping[str, language.Known] | None = None,
    own: tuple[str, ...] = (),
) -> dict[str, Any]:
    given: Mapping[str, Any] = raw if isinstance(raw, Mapping) else {}
    if raw not in (None, "") and not isinstance(raw, Mapping):
        say.problem(place, f"{who}: its settings have to be an object of names and values.")
    found: dict[str, Any] = {}
    for setting in settings:
        if not is_shown(setting, {**given, **found}, settings):
            continue
        value = given.get(setting.key, setting.default if setting.key not in given else None)
        reader = _Reader(say, place, who, setting, asked or {})
        value = reader.read(value)
        if value is not None:
            found[setting.key] = value
    for name in given:
        if name not in own and name not in {setting.key for setting in settings}:
            shown = str(name)[:40]
            say.problem(place, f"{who}: “{shown}” is not a setting of it. Take it out.")
    return found


def is_shown(setting: Setting, given: Mapping[str, Any], settings: Sequence[Setting]) -> bool:
    """Whether the setting is asked for with the other values as they are."""
    if setting.shown_if is None:
        return True
    name, wanted = setting.shown_if
    other = next((one for one in settings if one.key == name), None)
    held = given.get(name, other.default if other else None)
    if isinstance(held, bool):
        held = "true" if held else "false"
    if other is not None and not is_shown(other, given, settings):
        return False
    return str(held) in wanted


class _Reader:
    """Reads one setting; what cannot be read is None and a problem that names the step, the setting and the remedy."""

    def __init__(
        self, say: _Collector, place: str, who: str, setting: Setting, asked: Mapping[str, language.Known]
    ) -> None:
        self.say, self.place, self.who, self.setting, self.asked = say, place, who, setting, asked

    def refuse(self, message: str) -> None:
        self.say.problem(self.place, f"{self.who}: {message}", self.setting.key)

    def read(self, raw: object) -> Any:
        setting = self.setting
        if setting.kind is SettingKind.CONDITIONS:
            return self.say.conditions(raw, self.place, f"{self.who}", self.asked, setting.key)
        if setting.kind is SettingKind.BOOLEAN:
            return self._boolean(raw)
        is_empty = raw is None or raw == [] or (isinstance(raw, str) and not raw.strip())
        if is_empty:
            if setting.is_required:
                verb = {
                    SettingKind.CHOICE: "Choose it",
                    SettingKind.MANY: "Choose at least one",
                    SettingKind.USER: "Choose a person",
                }.get(setting.kind, "Fill it in")
                self.refuse(f"“{setting.label}” is missing. {verb}.")
            return [] if setting.kind is SettingKind.MANY else None
        match setting.kind:
            case SettingKind.NUMBER:
                return self._number(raw)
            case SettingKind.CHOICE:
                return self._choice(raw)
            case SettingKind.MANY:
                return self._many(raw)
            case SettingKind.USER:
                return self._user(raw)
            case SettingKind.TIME:
                return self._time(raw)
            case SettingKind.URL:
                return self._url(raw)
            case _:
                return self._text(raw)

    def _text(self, raw: object) -> str:
        setting = self.setting
        limit = setting.maximum or (MAX_LONG_TEXT if setting.kind is SettingKind.LONG_TEXT else MAX_TEXT)
        text = self.say.text(raw, self.place, f"{self.who}: “{setting.label}”", limit, setting=setting.key)
        if setting.minimum and 0 < len(text) < setting.minimum:
            self.refuse(f"“{setting.label}” needs at least {setting.minimum} characters.")
        if setting.kind is SettingKind.TEXT and "\n" in text:
            text = " ".join(text.split())
        if setting.merge:
            for wrong in merge_fields.problems(text):
                self.refuse(f"“{setting.label}”: {wrong}")
        return text

    def _number(self, raw: object) -> int | None:
        text = raw.strip() if isinstance(raw, str) else raw
        number: int | None = None
        if isinstance(text, int) and not isinstance(text, bool):
            number = text
        elif (isinstance(text, float) and text.is_integer() and abs(text) <= LARGEST) or (
            isinstance(text, str) and re.fullmatch(r"-?[0-9]{1,9}", text)
        ):
            number = int(text)
        low = -LARGEST if self.setting.minimum is None else self.setting.minimum
        high = LARGEST if self.setting.maximum is None else self.setting.maximum
        if number is None or not low <= number <= high:
            least = f" from {low:,} to {high:,}" if self.setting.minimum is not None else ""
            self.refuse(f"“{self.setting.label}” is a whole number{least}; got “{str(raw)[:40]}”.")
            return None
        return number

    def _boolean(self, raw: object) -> bool:
        if raw in (None, "", False, "false", "0", "off"):
            return False
        if raw in (True, "true", "1", "on"):
            return True
        self.refuse(f"“{self.setting.label}” is yes or no (true or false).")
        return False

    def _offered(self) -> dict[str, str]:
        return dict(self.setting.choices()) if self.setting.choices is not None else {}

    def _choice(self, raw: object) -> str | None:
        value = str(raw) if isinstance(raw, (str, int)) and not isinstance(raw, bool) else ""
        offered = self._offered()
        if value in offered:
            return value
        every = ", ".join(list(offered)[:12]) or "nothing yet"
        self.refuse(
            f"“{self.setting.label}” cannot be “{str(raw)[:40]}”. Choose another; offered are: {every}."
        )
        return None

    def _many(self, raw: object) -> list[str]:
        parts = raw if isinstance(raw, list) else [raw]
        offered = self._offered()
        found: list[str] = []
        for part in parts[:200]:
            value = str(part) if isinstance(part, (str, int)) and not isinstance(part, bool) else ""
            if value not in offered:
                self.refuse(f"“{self.setting.label}” has no “{str(part)[:40]}”. Choose from those offered.")
            elif value not in found:
                found.append(value)
        return found

    def _user(self, raw: object) -> int | None:
        text = str(raw).strip() if isinstance(raw, (int, str)) and not isinstance(raw, bool) else ""
        is_id = text.isascii() and text.isdigit() and len(text) < 19
        if is_id and team_queries.list_assignable().filter(pk=int(text)).exists():
            return int(text)
        self.refuse(f"“{self.setting.label}” names nobody active here. Choose another person.")
        return None

    def _time(self, raw: object) -> str | None:
        try:
            return dt.time.fromisoformat(str(raw).strip()[:8]).strftime("%H:%M")
        except ValueError:
            self.refuse(f"“{self.setting.label}” is a time of day such as 09:30.")
            return None

    def _url(self, raw: object) -> str | None:
        text = _clean(raw) if isinstance(raw, str) else ""
        try:
            parts = urlsplit(text)
            is_good = parts.scheme in {"http", "https"} and bool(parts.hostname) and " " not in text
        except ValueError:
            is_good = False
        if not is_good or len(text) > MAX_URL:
            self.refuse(f"“{self.setting.label}” is a full address such as https://example.com/path.")
            return None
        if self.setting.problem is not None and (problem := self.setting.problem(text)):
            self.refuse(problem)
            return None
        return text


# --- The journey ---------------------------------------------------------------------------------------------
def _journey(raw: Mapping[str, Any], say: _Collector) -> dict[str, Any]:
    exits = raw.get("exit_on") or []
    if not isinstance(exits, (list, tuple)) or any(
        not isinstance(one, str) or one not in EXITS for one in exits
    ):
        say.problem("exit_on", f"What ends the journey early is a list of: {', '.join(EXITS)}.")
        exits = []
    reentry = _one_of(raw.get("reentry"), REENTRY, "always", say, "reentry", "Going through it again")
    days = None
    if reentry == "after_days":
        days = _whole(raw.get("reentry_days"), say, "reentry_days", "Days until it may start again", 1, 3_650)
        if days is None and raw.get("reentry_days") in (None, ""):
            say.problem("reentry_days", "Say after how many days a person may go through it again.")
    cap = _whole(raw.get("max_runs_per_day"), say, "max_runs_per_day", "Most runs in a day", 1, 1_000_000)
    return {
        "exit_on": [one for one in EXITS if one in exits],
        "reentry": reentry,
        "reentry_days": days,
        "one_run_per": _one_of(
            raw.get("one_run_per"), ONE_RUN_PER, "cause", say, "one_run_per", "Under way at a time"
        ),
        "max_runs_per_day": cap,
        "includes_imports": _flag(raw.get("includes_imports"), say, "includes_imports"),
        "reply_suppresses": _flag(raw.get("reply_suppresses"), say, "reply_suppresses"),
    }


def _one_of(
    raw: object, known: Mapping[str, str], default: str, say: _Collector, place: str, label: str
) -> str:
    if raw in (None, ""):
        return default
    if isinstance(raw, str) and raw in known:
        return raw
    say.problem(place, f"{label} is one of: {', '.join(known)}.")
    return default


def _whole(raw: object, say: _Collector, place: str, label: str, low: int, high: int) -> int | None:
    if raw in (None, ""):
        return None
    text = str(raw).strip() if isinstance(raw, (int, str)) and not isinstance(raw, bool) else ""
    if text.isascii() and text.isdigit() and len(text) < 10 and low <= int(text) <= high:
        return int(text)
    say.problem(place, f"{label} is a whole number from {low:,} to {high:,}; got “{str(raw)[:40]}”.")
    return None


def _flag(raw: object, say: _Collector, place: str) -> bool:
    if raw in (None, "", False, "false", "0"):
        return False
    if raw in (True, "true", "1", "on"):
        return True
    say.problem(place, f"“{place}” is true or false.")
    return False
