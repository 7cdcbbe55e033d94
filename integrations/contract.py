"""What a module under integrations/systems/ offers, and what it is given.

A module only knows its system: what it must be told, how to list answers, how to verify and read a webhook. It stores
nothing, schedules nothing, retries nothing and knows none of our tables; connection, cursor, pace, retries, mapping,
de-duplication, log and progress are written once, around it. `System` is subclassed once a module and an instance is
registered as `SYSTEM` (docs/connectors.md walks through a new one).
"""

import datetime as dt
from abc import ABC
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, ClassVar

from core.errors import Refused
from core.fetch import Reply
from integrations.records import Metric, Person, Record


# --- Troubles ------------------------------------------------------------------------------------------------
class Trouble(Refused):
    """Something about the other side. `message` is for an administrator: what happened, and the remedy, without secrets."""

    code = "connection_trouble"
    # The status with which the other side answered, 0 where it did not: a module may know what a 400 means there.
    answered: int = 0


class AccessDenied(Trouble):
    """The other side refuses our credentials or our right to this. The connection is broken until a person acts."""

    code = "access_denied"


class TryLater(Trouble):
    """Not now: too many requests, a server error, no line. The run waits and goes on where it was.

    `after` is how many seconds the other side asks for, None where it does not say.
    """

    code = "try_later"

    def __init__(self, message: str, *, after: float | None = None) -> None:
        super().__init__(message)
        self.after = after


class Unusable(Trouble):
    """An answer that is none: a login page, broken JSON, a list where an object must be. The run stops and says so."""

    code = "unusable_answer"


class CursorExpired(Trouble):
    """The place where we stopped is no longer known there; the run begins its window again (nothing doubles)."""

    code = "cursor_expired"


class Gone(Trouble):
    """The one thing asked for does not exist there (404, 410)."""

    code = "gone"


class Forged(Exception):
    """A delivery that does not prove where it comes from. The reason is for the log, never for the sender."""


# --- What a connection is told -------------------------------------------------------------------------------
class Input(StrEnum):
    TEXT = "text"
    SECRET = "secret"  # noqa: S105 # the kind of field
    URL = "url"
    CHOICE = "choice"
    ZONE = "zone"


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """One thing that the wizard asks for. `where` says in one sentence where to find it over there.

    Secret ones are encrypted, never shown again, and reach the module in `Link.secrets`; others in `Link.options`.
    `choices` are (value, label); `default` stands in the field. `names_server`: what is typed here decides which server is
    called though it need not be a whole address; a change then asks for the secrets anew, as for every address.
    """

    key: str
    label: str
    input: Input = Input.TEXT
    where: str = ""
    is_required: bool = True
    default: str = ""
    choices: tuple[tuple[str, str], ...] = ()
    names_server: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoteSurvey:
    """A survey, form, project or campaign over there. `metric` None: cannot be told, a person says it."""

    id: str
    name: str
    metric: Metric | None = None
    count: int | None = None


class Role(StrEnum):
    """What a field of the source is to us. Several may be chosen for COMMENT and for properties, one for the others."""

    SCORE = "score"
    COMMENT = "comment"
    EMAIL = "email"
    PERSON_ID = "person_id"
    NAME = "name"
    PHONE = "phone"
    RESPONDED_AT = "responded_at"
    UPDATED_AT = "updated_at"
    ANSWER_ID = "answer_id"
    SURVEY_ID = "survey_id"
    LANGUAGE = "language"
    STATUS = "status"


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoteField:
    """A field of the source's answers. `key` is what the module finds it by (a path, a question's id, a property's name);
    `role` is our proposal; `examples` are values really seen, at most three, shown to the person who maps."""

    key: str
    label: str
    role: Role | None = None
    examples: tuple[str, ...] = ()


# --- Pulling -------------------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """One page of a run. `since` (inclusive) and `until` (exclusive, fixed when the run began) are the window in the
    source's own time of change, or of creation where it filters by nothing else. `cursor` is what the last page returned,
    None for the first; it is kept over kills and days, so it holds plain JSON and no secret."""

    survey_id: str
    since: dt.datetime | None
    until: dt.datetime
    cursor: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """`cursor` None ends the window. `total` is how many the window holds, where the source says it. With `wait` the next
    page is asked for after so many seconds (an export that is being made). `notes` go to the run's log."""

    records: Sequence[Record] = ()
    cursor: Mapping[str, Any] | None = None
    total: int | None = None
    wait: float = 0.0
    notes: Sequence[str] = ()


# --- Webhooks ------------------------------------------------------------------------------------------------
class Hook(StrEnum):
    """How a webhook comes about over there: not at all, by a person who copies our address, or by our call."""

    NONE = "none"
    BY_HAND = "by_hand"
    BY_CALL = "by_call"


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """One request to our door. `body` are the raw bytes; header names are in lower case."""

    body: bytes
    headers: Mapping[str, str]
    query: Mapping[str, str] = field(default_factory=dict)

    @property
    def content_type(self) -> str:
        return self.headers.get("content-type", "").partition(";")[0].strip().lower()


@dataclass(frozen=True, slots=True, kw_only=True)
class Reference:
    """News without the answer itself: fetch it (`System.fetch`), not before so many seconds, or mark it deleted."""

    external_id: str
    survey_id: str = ""
    is_deleted: bool = False
    wait: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Unsubscribed:
    """News that a person said over there to be asked no more. Taken as a wish not to be asked by us either."""

    person: Person
    at: dt.datetime | None = None


# --- The line to the other side ------------------------------------------------------------------------------
class Link(ABC):
    """One open connection, as a module gets it. Made by integrations/line.py; in tests by a plain object."""

    options: Mapping[str, Any]
    secrets: Mapping[str, str]
    # Role -> keys of fields (RemoteField.key), as the person chose or we proposed.
    mapping: Mapping[Role, Sequence[str]]
    zone: str

    def call(
        self,
        method: str,
        url: str,
        *,
        params: Mapping[str, Any] | Sequence[tuple[str, Any]] | None = None,
        headers: Mapping[str, str] | None = None,
        json: Any = None,
        form: Mapping[str, str] | None = None,
        auth: tuple[str, str] | None = None,
        max_bytes: int = 32 * 1024 * 1024,
        signed: bool = True,
    ) -> Reply:
        """Call `url` (absolute) and return a success. `signed` adds `System.headers`; on 401 `System.renew` is tried once.

        Raises `AccessDenied` (401, 403), `Gone` (404, 410), `TryLater` (429 with its Retry-After, 5xx, no line), `Unusable`
        (other statuses, redirects). Keeps the system's pace (`System.per_minute`).
        """
        raise NotImplementedError

    def read(self, method: str, url: str, **options: Any) -> Any:
        """`call`, and its body as JSON. Raises `Unusable` for what is none (an HTML login page with status 200)."""
        raise NotImplementedError

    def keep(self, **secrets: str) -> None:
        """Store new secrets (a refreshed token) before they are used, so that a kill loses none."""
        raise NotImplementedError

    def renew(self) -> bool:
        """Have `System.renew` get new credentials, one worker at a time for a connection: where another has renewed them
        meanwhile, those are taken over instead, as a token that may be used once must not be used twice."""
        raise NotImplementedError

    def remember(self, key: str, make: Callable[[], Any], *, seconds: float = 3600) -> Any:
        """`make()`, kept for some time by this connection (definitions of surveys). Plain JSON only."""
        raise NotImplementedError


# --- The system ----------------------------------------------------------------------------------------------
class System(ABC):
    """One outside system. Class attributes say what it can, methods do it; those of abilities it lacks stay as they are."""

    key: ClassVar[str]  # small letters: part of an answer's source
    name: ClassVar[str]  # as its maker writes it
    about: ClassVar[str]  # one sentence under the name in the list of systems
    settings: ClassVar[tuple[Setting, ...]] = ()
    verified: ClassVar[str] = (
        ""  # against what the module was tested ("vendor documentation"), for the list of systems
    )
    can_pull: ClassVar[bool] = True
    hook: ClassVar[Hook] = Hook.NONE
    hook_steps: ClassVar[str] = ""  # what a person does over there with our address, in sentences
    needs_consent: ClassVar[bool] = False  # OAuth code flow: a person says yes over there, in the browser
    per_minute: ClassVar[int] = 60  # our own pace of calls
    overlap: ClassVar[dt.timedelta] = dt.timedelta(
        minutes=2
    )  # each run looks so far back before the last one
    # The source cannot tell what changed: windows of this length are read again every night, and what is missing there is gone.
    rescan: ClassVar[dt.timedelta | None] = None
    missing_is_gone: ClassVar[bool] = (
        True  # False: such a reading is for edits alone, and proves nothing gone
    )
    every_minutes: ClassVar[int] = 60  # how often to pull, by default
    # What was kept of an answer (`Record.raw`) is all there is to read it again from: `reread` does it.
    can_reread: ClassVar[bool] = False
    roles: ClassVar[tuple[Role, ...]] = ()  # roles whose fields a person may choose

    # -- Getting in --
    def headers(self, link: Link) -> Mapping[str, str]:
        """What proves who we are, for each call. May fetch a token (`link.call(..., signed=False)`, `link.keep`)."""
        return {}

    def trouble(self, reply: Reply) -> Trouble | None:
        """What a failed answer means, where this system's body or headers say more than the status ("the scope is missing",
        "the day's calls are used up"). None leaves it to the status. Words of our own: never the body itself."""
        return None

    def renew(self, link: Link) -> bool:
        """After a 401: get new credentials where that is possible without a person; False where it is not."""
        return False

    def asks_consent(self, link: Link) -> bool:
        """Whether this connection needs a person's yes over there: systems with OAuth may also take a key typed in."""
        return self.needs_consent

    def consent_url(self, link: Link, *, redirect: str, state: str) -> str:
        """Where the person's browser is sent to say yes."""
        raise NotImplementedError

    def redeem(self, link: Link, *, code: str, redirect: str) -> None:
        """Turn the code of the consent into credentials, and `link.keep` them."""
        raise NotImplementedError

    def check(self, link: Link) -> str:
        """A cheap call that proves that the connection works; returns whom we are connected to ("Acme, 3 projects").

        Raises a `Trouble` whose message names what is wrong and the remedy.
        """
        raise NotImplementedError

    # -- Describing --
    def surveys(self, link: Link) -> Sequence[RemoteSurvey]:
        """What can be read there."""
        raise NotImplementedError

    def fields(self, link: Link, survey_id: str) -> Sequence[RemoteField]:
        """The fields of that survey's answers, with proposals and examples really seen."""
        return ()

    def sample(self, link: Link) -> str:
        """The body of a delivery as the system sends it, for trying out; "" where none is known."""
        return ""

    def fields_heard(self, link: Link, deliveries: Sequence[Delivery]) -> Sequence[RemoteField]:
        """The same, found in what was delivered: for systems that are only heard."""
        return ()

    # -- Pulling --
    def pull(self, link: Link, ask: Ask) -> Page:
        """One page of a window. Asked again with the same cursor it returns the same or newer, never less."""
        raise NotImplementedError

    def fetch(self, link: Link, reference: Reference) -> Record:
        """One answer. Raises `Gone` when it does not exist (any more)."""
        raise NotImplementedError

    # -- Webhooks --
    def subscribe(self, link: Link, *, survey_ids: Sequence[str], url: str, secret: str) -> Mapping[str, Any]:
        """Have deliveries sent to `url`; returns what `unsubscribe` needs. Called again it changes the same subscription."""
        raise NotImplementedError

    def unsubscribe(self, link: Link, state: Mapping[str, Any]) -> None:
        """Take the subscription back; one that is already gone is well."""
        raise NotImplementedError

    def verify(self, link: Link, delivery: Delivery) -> None:
        """Raises `Forged` unless the delivery proves itself. `link.secrets["hook"]` is the secret of the subscription, and
        "hook_previous" the one before it while a rotation lasts. Systems that sign nothing rely on the address's token."""
        return None  # noqa: RET501 # nothing to prove is a decision of a system, not an omission

    def delivery_id(self, link: Link, delivery: Delivery) -> str:
        """What the system itself calls a delivery that `verify` let in, where that proof covers it: every repeat carries the
        same, and another body under it is none of theirs. "" where there is none; the body then tells deliveries apart."""
        return ""

    def hear(self, link: Link, delivery: Delivery) -> Sequence[Record | Reference | Unsubscribed]:
        """What a delivery says; empty for news of other kinds. Makes no call. Raises `Unusable` for what cannot be read."""
        raise NotImplementedError

    def reread(self, link: Link, kept: Any) -> Sequence[Record]:
        """What a kept `Record.raw` says with the options and mapping of now; `raw` of the same must come out of it again.
        Makes no call. Raises `Unusable` for what cannot be read."""
        raise NotImplementedError
