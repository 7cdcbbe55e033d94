"""What a file can be brought in as: accounts and contacts here, what higher apps register beside them.

A target is an object with the answers that the pages, the check and the job need. Reading files, mapping columns,
progress, stopping, going on after a kill, refused rows and their download are the same for all of them.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from accounts import extend
from accounts.imports.mapping import Columns, Target
from accounts.imports.reading import Dialect, Reader, Row
from core.errors import Invalid

if TYPE_CHECKING:
    from accounts.imports.checking import Plan, Prepared
    from accounts.models import Import
    from team.models import User


@dataclass(frozen=True, slots=True)
class Look:
    """The beginning of a file: its columns with their first values, and what its header says of itself."""

    headers: list[str]
    samples: list[list[str]]
    ids: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    zone: str = ""
    form: str = ""


class Judge(Protocol):
    """Judges the rows of one file. `remember` sees every row before those that are judged."""

    def remember(self, row: Row) -> None: ...

    def prepare(self, rows: Iterable[Row]) -> "list[Prepared]":
        """Read and clean; uses no database, for it runs beside the writing of the batch before."""

    def preview(self, prepared: "Sequence[Prepared]") -> "Plan":
        """What these rows would do. Leaves nothing behind."""

    def carry_out(self, prepared: "Sequence[Prepared]") -> "Plan":
        """Do it, in the caller's transaction. Raises IntegrityError when somebody else's row is in the way."""

    def forget_accounts(self) -> None:
        """What was looked up may be out of date."""

    def add_samples(self, checked: dict[str, Any], plan: "Plan") -> None:
        """Keep the first rows of each kind for the page."""


class Inspector(Protocol):
    """Sees every row before the check; `settle` raises `Refused` where a person has to decide something first."""

    def see(self, row: Row) -> None: ...

    def settle(self) -> None: ...


@dataclass(frozen=True, slots=True)
class Result:
    """Where to look at what an import brought in."""

    label: str
    url: str


class ImportTarget:
    """One thing a file can become. Subclasses say what differs; `key` is stored with the import."""

    key = ""
    label = ""  # "Contacts"
    title = ""  # "Contact"
    one = ""  # "a contact"
    position = 100
    keys: Mapping[str, str] = {}  # fields by which rows find what is stored, with their labels
    key_help = ""
    options_template = ""
    has_unmatched = False

    def fields(self) -> dict[str, Target]:
        """Every field that a column can be."""
        raise NotImplementedError

    def propose(self, run: "Import", look: Look) -> Columns:
        """The mapping that the file suggests."""
        raise NotImplementedError

    def questions(self, columns: Columns, look: Look, dialect: Dialect) -> dict[str, str]:
        """What the file cannot say itself; see accounts.imports.mapping.open_questions."""
        from accounts.imports import mapping

        return mapping.open_questions(columns, dialect, look.samples, self.fields())

    def check(self, run: "Import", columns: Columns, *, look: Look, dialect: Dialect, actor: "User") -> None:
        """Refuse a mapping that cannot work. May settle `columns.options`."""
        raise NotImplementedError

    def options(self, run: "Import", look: Look, columns: Columns, actor: "User") -> Mapping[str, Any]:
        """What `options_template` needs on the columns page."""
        return {}

    def inspector(self, run: "Import", reader: Reader) -> Inspector | None:
        return None

    def judge(self, run: "Import", actor: "User", reader: Reader) -> Judge:
        raise NotImplementedError

    def begin(self, run: "Import", columns: Columns, actor: "User") -> Columns:
        """Just before the first row is written, in that transaction: make what all rows need."""
        return columns

    def choices(self, run: "Import") -> list[str]:
        """What a person decided about this file, as sentences for its page."""
        return []

    def url_of(self, key: int) -> str:
        """The page of one thing."""
        raise NotImplementedError

    def results(self, run: "Import", user: "User") -> list[Result]:
        """Where to see what came in; the first is the way on."""
        return []

    def taken_back(self, run: "Import", user: "User") -> "TakenBack | None":
        """What could be, and was, taken back; None where an import cannot be."""
        return None

    def take_back(self, run: "Import", actor: "User") -> None:
        raise Invalid("What this import brought in cannot be taken back in one step.")


@dataclass(frozen=True, slots=True)
class TakenBack:
    """`standing` things of an import still count, `gone` no longer do; `says` is what taking back means."""

    standing: int
    gone: int
    says: str
    is_running: bool = False

    @property
    def total(self) -> int:
        return self.standing + self.gone


def all_targets() -> list[ImportTarget]:
    return sorted(extend.registered.import_targets.values(), key=lambda target: target.position)


def named(key: str) -> ImportTarget:
    """Raises `Invalid` for a word nobody registered."""
    found = extend.registered.import_targets.get(key)
    if found is None:
        names = " or ".join(target.label.lower() for target in all_targets())
        raise Invalid(f"Choose whether the file holds {names}.", field="target")
    return found
