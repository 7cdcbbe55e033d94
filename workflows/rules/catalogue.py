"""What a rule can be made of: triggers and kinds of steps, each described once.

The engine runs by these descriptions, the editor builds its forms from them, sentences, files, the API and the dry run
read them. Higher apps register more, in `AppConfig.ready`: a trigger for an event kind they record, a step that pushes
to a connection.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Literal

from accounts.conditions import Known
from surveys.choices import Channel

if TYPE_CHECKING:
    from accounts.models import Event
    from workflows.models import RunStep

Words = Callable[[Mapping[str, Any]], str]


class SettingKind(StrEnum):
    """How a setting is asked for in the editor, and read from a file or the API."""

    TEXT = "text"
    LONG_TEXT = "long_text"
    NUMBER = "number"
    BOOLEAN = "boolean"
    CHOICE = "choice"
    MANY = "many"
    USER = "user"
    TIME = "time"
    URL = "url"
    SECRET = "secret"  # noqa: S105 - the kind of a field
    CONDITIONS = "conditions"


@dataclass(frozen=True, slots=True)
class Setting:
    """One value that a trigger or step needs.

    `choices` gives the values offered when the form is shown, and allowed when it is read. `merge` says that the text
    may hold merge fields. `minimum` and `maximum` bound numbers and the length of texts. `shown_if` names another
    setting and the values of it with which this one is asked for. `problem(text)` says what is wrong with an address
    beyond its form; empty where nothing is.
    """

    key: str
    label: str
    kind: SettingKind
    choices: Callable[[], Sequence[tuple[str, str]]] | None = None
    default: Any = None
    is_required: bool = True
    merge: bool = False
    minimum: int | None = None
    maximum: int | None = None
    help: str = ""
    shown_if: tuple[str, tuple[str, ...]] | None = None
    problem: Callable[[str], str] | None = None


@dataclass(frozen=True, slots=True)
class Trigger:
    """What starts a rule.

    `key` is what `Rule.trigger` holds; `kinds` are the event kinds it listens to. `words(settings)` is the beginning
    of the sentence: "When somebody answers". `settings` are held in `Rule.trigger_settings`. `fields` are what
    conditions may ask of the event beside the facts (`event.score`…). `subject` says whom a run is about.

    `holds(settings, event)` says whether an event of one of the kinds is what a rule with these settings waits for; None
    where that cannot be known any more. Without it every such event is. `cause(event)` names what a rule runs once for,
    where that is not the event's own cause. Both judge past events too, so they read what the event recorded.
    """

    key: str
    label: str
    group: str
    kinds: tuple[str, ...]
    words: Words
    settings: tuple[Setting, ...] = ()
    fields: tuple[Known, ...] = ()
    subject: Literal["account", "contact"] = "account"
    help: str = ""
    holds: "Callable[[Mapping[str, Any], Event], bool | None] | None" = None
    cause: "Callable[[Event], str] | None" = None


@dataclass(frozen=True, slots=True)
class StepType:
    """What a step can do.

    `do(row)` runs in the transaction that marks the step done: it only writes to the database; what leaves the house is
    written to an outbox of its own. It returns what it made, as neutral values, and raises `Refused` where the step can
    never work. A kind that steers the run (wait, branch) has no `do`: the engine knows it. `words(settings)` is a clause
    of the sentence: "give the owner the task “Call …”, due in one business day". `reaches_out` says that it writes to a
    customer: such steps are counted in the dry run, capped, and left out where a human already replied;
    `reaches_by` is the way it takes, by which the dry run judges who could not be reached.
    """

    kind: str
    label: str
    group: str
    words: Words
    settings: tuple[Setting, ...] = ()
    do: "Callable[[RunStep], Mapping[str, Any]] | None" = None
    reaches_out: bool = False
    reaches_by: Channel = Channel.EMAIL
    help: str = ""


triggers: dict[str, Trigger] = {}
step_types: dict[str, StepType] = {}


def trigger(new: Trigger) -> None:
    """Make a trigger known. Call from `AppConfig.ready`."""
    triggers[new.key] = new


def step_type(new: StepType) -> None:
    """Make a kind of step known. Call from `AppConfig.ready`."""
    step_types[new.kind] = new
