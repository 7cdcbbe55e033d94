"""SMTP with a fence: an ordinary Django e-mail backend that can also say exactly what became of each message.

Promised by `send_fenced` and `send_many`: the fence is asked after the server has taken sender and recipient and before a
byte of the message is sent; a message whose fence says no is never sent; every message given gets exactly one `Outcome`;
it is `in_doubt` only when the whole message with its final dot was handed to the network and no answer came. Each step
(connect, greeting, each reply) ends within `timeout` seconds, 10 unless EMAIL_TIMEOUT says otherwise. A connection is
kept for many messages, and opened anew when the server has closed it.
"""

import re
import smtplib
import socket
import time
from collections import deque
from collections.abc import Callable, Collection, Hashable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.core.mail.backends import smtp as django_smtp

from core.mail.address import Address, BadAddress
from core.mail.message import Built, Unsendable
from core.mail.outcome import Kind, Outcome, Stage, safe, verdict
from core.mail.wire import DEFAULT_TIMEOUT, SecureSession, Session

MESSAGES_PER_CONNECTION = 200
BATCH_BUDGET = 60.0
FAILED_SESSIONS = 2  # sessions in a row that carried nothing, after which the rest of a batch waits

_BARE_LINE_END = re.compile(rb"\r(?!\n)|(?<!\r)\n")

FenceMany = Callable[[Sequence[Hashable]], Collection[Hashable]]


@dataclass(frozen=True, slots=True)
class Letter:
    """One message with its envelope, and the key its fence and its outcome go by."""

    key: Hashable
    mail_from: str  # empty for the null sender
    rcpt: str
    data: bytes | Callable[[], bytes]
    smtputf8: bool = False
    has_crlf: bool = False  # its line ends are known to be CRLF, so nobody need look again

    @classmethod
    def of(cls, key: Hashable, built: Built) -> "Letter":
        """A message of `core.mail.message` as a letter."""
        return cls(key, built.mail_from, built.rcpt, built.data, built.smtputf8, has_crlf=True)


class EmailBackend(django_smtp.EmailBackend):
    """Django's SMTP backend with a time limit on every step and, beside `send_messages`, the fenced ways of sending."""

    connection: Any
    _partial_connection: Any

    def __init__(
        self,
        host: str | None = None,
        port: int | None = None,
        *,
        timeout: float | None = None,
        **settings_: Any,
    ) -> None:
        limit: Any = timeout or settings.EMAIL_TIMEOUT or DEFAULT_TIMEOUT
        super().__init__(host, port, timeout=limit, **settings_)
        self._carried = 0

    @property
    def connection_class(self) -> Any:
        return SecureSession if self.use_ssl else Session

    def open(self) -> bool | None:
        """Open unless open. A server without the STARTTLS that is demanded, or that refuses the login, raises."""
        opened = super().open()
        if opened:
            self._carried = 0
            self.connection.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return opened

    def close(self) -> None:
        """Take leave of the server; that it has left already is no error."""
        try:
            super().close()
        except OSError:
            self.drop()

    def drop(self) -> None:
        """Give the connection up without a word."""
        connections = (self.connection, self._partial_connection)
        self.connection = self._partial_connection = None
        for connection in connections:
            if connection is not None:
                with suppress(OSError):
                    connection.close()

    def send_fenced(
        self,
        *,
        mail_from: str,
        rcpt: str,
        data: bytes | Callable[[], bytes],
        fence: Callable[[], bool],
        smtputf8: bool = False,
    ) -> Outcome:
        """Send one message. `fence` is asked once, just before DATA; what it raises is raised, with nothing sent."""
        letter = Letter("", mail_from, rcpt, data, smtputf8)
        return self.send_many([letter], fence_many=lambda keys: keys if fence() else ())[""]

    def send_many(
        self, letters: Sequence[Letter], *, fence_many: FenceMany, budget: float = BATCH_BUDGET
    ) -> dict[Hashable, Outcome]:
        """Send a small batch on one connection and say what became of each letter, by key.

        `fence_many` is asked once, just before the first DATA, with the keys of all letters still to be sent, and
        returns those that may go; what it raises is raised, with nothing sent. Where the server offers PIPELINING the
        envelope of the next letter travels with the final dot of the one before. No letter is begun more than
        `budget` seconds after the call: those left are `retry`.
        """
        with self._lock:
            return _Batch(self, letters, fence_many, budget).run()

    def session(self) -> tuple[Any, bool]:
        """The open session and whether it is new. Raises OSError, of which smtplib's errors are a kind."""
        if self.connection is not None and self.connection.speaks():
            self.drop()  # nobody asked: it is a farewell, or the end
        if self.connection is not None and self._carried >= MESSAGES_PER_CONNECTION:
            self.close()
        silent, self.fail_silently = self.fail_silently, False
        try:
            is_new = bool(self.open())
            # Also for a connection that somebody else opened (`with get_connection() as …`): Django greets late.
            self.connection.ehlo_or_helo_if_needed()
        except BaseException:
            self.drop()
            raise
        finally:
            self.fail_silently = silent
        return self.connection, is_new

    def count_one(self) -> None:
        self._carried += 1


class _Lost(Exception):
    """The session is of no use any more."""

    def __init__(self, why: str, code: int = 0) -> None:
        super().__init__(safe(why))
        self.code = code


@dataclass(frozen=True, slots=True)
class _Ready:
    """A letter with its bytes as they go over the wire."""

    letter: Letter
    mail: bytes
    rcpt: bytes
    body: bytes


class _Batch:
    """One call of `send_many`.

    A letter is in `waiting`, then in `in_hand` while the server is being asked about it, then has an outcome. When a
    session is lost, what is in hand either waits again (nothing of it was sent, and the session had worked before) or
    is `retry`. A session is `proven` once it has given a verdict, or when it was kept from an earlier batch.
    """

    def __init__(
        self, backend: EmailBackend, letters: Sequence[Letter], fence_many: FenceMany, budget: float
    ) -> None:
        if len({letter.key for letter in letters}) != len(letters):
            raise ValueError("Two letters of a batch have the same key.")
        self.backend = backend
        self.waiting = deque(letters)
        self.in_hand: deque[_Ready] = deque()
        self.stage = Stage.SENDER
        self.fence_many = fence_many
        self.allowed: Collection[Hashable] | None = None
        self.outcomes: dict[Hashable, Outcome] = {}
        self.proven = False
        self.ends_at = time.monotonic() + budget

    def run(self) -> dict[Hashable, Outcome]:
        failed = 0
        while self.waiting:
            if time.monotonic() >= self.ends_at:
                self._give_up(
                    Outcome(Kind.RETRY, Stage.CONNECT, diagnostic="No time was left in this round.")
                )
                break
            try:
                session, is_new = self.backend.session()
            except OSError as error:
                self._give_up(_connect_trouble(error))
                break
            self.proven = not is_new
            try:
                self._converse(session)
            except _Lost as lost:
                self.backend.drop()
                self._recover(lost)
                failed = 0 if self.proven else failed + 1
                if failed >= FAILED_SESSIONS:
                    self._give_up(Outcome(Kind.RETRY, Stage.CONNECT, lost.code, diagnostic=str(lost)))
            except BaseException:
                self.backend.drop()
                raise
        return self.outcomes

    def _converse(self, session: Any) -> None:
        """Send letters until none wait or the time is up. Raises `_Lost` when the rest needs another session."""
        pipelines = bool(session.has_extn("pipelining"))
        while (ready := self._next(session)) is not None:
            opened = self._open(session, ready, pipelines=pipelines)
            while opened and ready is not None:
                following = self._next(session) if pipelines else None
                self._hand_over(session, ready, following)
                opened = following is not None and self._answers(session, following, with_data=True)
                ready = following
        if session.needs_reset:
            with suppress(_Lost):
                self._reset(session)

    def _open(self, session: Any, ready: _Ready, *, pipelines: bool) -> bool:
        """Envelope, fence, DATA. True when the server waits for the message; else the letter has its outcome."""
        if session.needs_reset:
            self._reset(session)
        fenced = self.allowed is not None
        if pipelines:
            self._put(session, ready.mail + ready.rcpt + (b"DATA\r\n" if fenced else b""), Stage.SENDER)
            if not self._answers(session, ready, with_data=fenced):
                return False
            if fenced:
                return True
        else:
            for stage, command in ((Stage.SENDER, ready.mail), (Stage.RECIPIENT, ready.rcpt)):
                self._put(session, command, stage)
                if not self._accepts(session, ready, stage):
                    return False
        if not fenced:
            session.needs_reset = True
            self.stage = Stage.FENCE
            keys = [ready.letter.key, *(letter.key for letter in self.waiting)]
            self.allowed = frozenset(self.fence_many(keys))
            if ready.letter.key not in self.allowed:
                self._done(ready, Outcome(Kind.WITHDRAWN, Stage.FENCE))
                self._reset(session)
                return False
        self._put(session, b"DATA\r\n", Stage.DATA)
        return self._accepts(session, ready, Stage.DATA)

    def _answers(self, session: Any, ready: _Ready, *, with_data: bool) -> bool:
        """Read the replies to a pipelined envelope. True when all of it was taken; else the letter has its outcome."""
        taken = self._accepts(session, ready, Stage.SENDER)
        if taken:
            taken = self._accepts(session, ready, Stage.RECIPIENT)
        else:
            self._reply(session, Stage.RECIPIENT)
        if not with_data:
            return taken
        if taken:
            return self._accepts(session, ready, Stage.DATA)
        code, _ = self._reply(session, Stage.DATA)
        if code == 354:  # RFC 2920: it waits for a message without recipients, and has to get the empty one
            self._put(session, b".\r\n", Stage.DATA)
            self._reply(session, Stage.DATA)
        return False

    def _accepts(self, session: Any, ready: _Ready, stage: Stage) -> bool:
        code, text = self._reply(session, stage)
        if code == 354 if stage is Stage.DATA else code // 100 == 2:
            return True
        session.needs_reset = self.proven = True
        self._done(ready, verdict(code, text, stage, rcpt=ready.letter.rcpt))
        return False

    def _hand_over(self, session: Any, ready: _Ready, following: _Ready | None) -> None:
        """The message and its final dot, with the next envelope in the same write. From the dot on it is in doubt."""
        self.stage = Stage.DATA
        if (
            session.speaks()
        ):  # nothing is due: the server is leaving, and nothing of the message has been sent
            self._reply(session, Stage.DATA)
            raise _Lost("The mail server spoke out of turn.")
        wire = ready.body
        if following is not None:
            wire += following.mail + following.rcpt + b"DATA\r\n"
        if session.put(wire) < len(ready.body):
            raise _Lost("The connection to the mail server broke before the message was complete.")
        self.stage = Stage.FINAL
        try:
            code, text = session.getreply()
        except OSError as error:
            self._done(ready, Outcome(Kind.IN_DOUBT, Stage.FINAL, diagnostic=safe(str(error))))
            raise _Lost(str(error)) from error
        self._done(ready, verdict(code, text.decode("utf-8", "replace"), Stage.FINAL, rcpt=ready.letter.rcpt))
        self.proven, session.needs_reset = True, False
        self.backend.count_one()
        if code == 421:
            raise _Lost("The mail server closed the connection.", code)

    def _next(self, session: Any) -> _Ready | None:
        """The next letter this server can take. The withdrawn and the impossible ones get their outcome here."""
        while self.waiting and time.monotonic() < self.ends_at:
            letter = self.waiting.popleft()
            if self.allowed is not None and letter.key not in self.allowed:
                self.outcomes[letter.key] = Outcome(Kind.WITHDRAWN, Stage.FENCE)
                continue
            prepared = _prepare(session, letter)
            if isinstance(prepared, _Ready):
                self.in_hand.append(prepared)
                return prepared
            self.outcomes[letter.key] = prepared
        return None

    def _put(self, session: Any, wire: bytes, stage: Stage) -> None:
        self.stage = stage
        if session.put(wire) < len(wire):
            raise _Lost("The connection to the mail server broke.")

    def _reply(self, session: Any, stage: Stage) -> tuple[int, str]:
        """The next reply. Raises `_Lost` when there is none, and for 421, which is the server's farewell."""
        self.stage = stage
        try:
            code, raw = session.getreply()
        except OSError as error:
            raise _Lost(str(error)) from error
        text = raw.decode("utf-8", "replace") if code not in {250, 354} else ""
        if code == 421:
            raise _Lost(text or "The mail server closed the connection.", code)
        return code, text

    def _reset(self, session: Any) -> None:
        """Take back the sender and recipient that the server holds."""
        session.needs_reset = False
        self._put(session, b"RSET\r\n", Stage.SENDER)
        self._reply(session, Stage.SENDER)

    def _recover(self, lost: _Lost) -> None:
        """Settle what was in hand when the session was lost: the first letter was being asked about, unless it has its
        outcome already (after a final dot), and nothing of any other was sent."""
        asked = self.in_hand.popleft() if self.in_hand and self.stage is not Stage.FINAL else None
        while self.in_hand:
            self.waiting.appendleft(self.in_hand.pop().letter)
        if asked is None:
            return
        if self.proven and self.stage in {Stage.SENDER, Stage.RECIPIENT}:
            self.waiting.appendleft(asked.letter)
        else:
            self.outcomes[asked.letter.key] = Outcome(
                Kind.RETRY, self.stage, lost.code, diagnostic=safe(str(lost), rcpt=asked.letter.rcpt)
            )

    def _done(self, ready: _Ready, outcome: Outcome) -> None:
        self.in_hand.remove(ready)
        self.outcomes[ready.letter.key] = outcome

    def _give_up(self, outcome: Outcome) -> None:
        while self.waiting:
            self.outcomes[self.waiting.popleft().key] = outcome


def _prepare(session: Any, letter: Letter) -> _Ready | Outcome:
    """The letter's bytes for this server, or why it can never be sent this way."""

    def impossible(why: str, *, address_bad: bool = False) -> Outcome:
        return Outcome(Kind.REFUSED, Stage.BUILD, diagnostic=why, address_bad=address_bad)

    try:
        rcpt = Address.parse(letter.rcpt)
    except BadAddress as error:
        return impossible(str(error), address_bad=True)
    try:
        sender = Address.parse(letter.mail_from) if letter.mail_from else None
        data = letter.data if isinstance(letter.data, bytes) else letter.data()
    except (BadAddress, Unsendable) as error:
        return impossible(str(error))
    except Exception as error:  # one message that cannot be built must not stop the others
        return impossible(f"The message could not be built ({type(error).__name__}).")
    utf8 = letter.smtputf8 or rcpt.needs_smtputf8 or (sender is not None and sender.needs_smtputf8)
    if utf8 and not session.has_extn("smtputf8"):
        return impossible(
            "The address has letters outside ASCII before the @, and the mail server cannot carry those."
        )
    eight_bit = utf8 or not data.isascii()
    if eight_bit and not session.has_extn("8bitmime"):
        return impossible("The message has bytes outside ASCII, and the mail server cannot carry those.")
    limit = session.esmtp_features.get("size", "")
    if limit.isdigit() and 0 < int(limit) < len(data):
        return impossible(f"The message has {len(data):,} bytes; the mail server takes {int(limit):,}.")
    options = (" BODY=8BITMIME" if eight_bit else "") + (" SMTPUTF8" if utf8 else "")
    return _Ready(
        letter,
        f"MAIL FROM:<{sender or ''}>{options}\r\n".encode(),
        f"RCPT TO:<{rcpt}>\r\n".encode(),
        on_the_wire(data, has_crlf=letter.has_crlf),
    )


def on_the_wire(data: bytes, *, has_crlf: bool = False) -> bytes:
    """A message as DATA carries it: CRLF line ends only, leading dots doubled, and the final dot."""
    if not has_crlf and not data.count(b"\r\n") == data.count(b"\n") == data.count(b"\r"):
        data = _BARE_LINE_END.sub(b"\r\n", data)
    if b"\n." in data or data.startswith(b"."):
        data = data.replace(b"\n.", b"\n..")
        if data.startswith(b"."):
            data = b"." + data
    return data + (b".\r\n" if data.endswith(b"\n") else b"\r\n.\r\n")


def _connect_trouble(error: OSError) -> Outcome:
    """Why no session could be opened. Always `retry`: it says nothing about the recipients."""
    code = 0
    if isinstance(error, smtplib.SMTPNotSupportedError):
        why = "The mail server does not offer the encryption or login that the settings demand; nothing was sent."
    elif isinstance(error, smtplib.SMTPResponseException):
        code = error.smtp_code
        said = (
            error.smtp_error.decode("utf-8", "replace")
            if isinstance(error.smtp_error, bytes)
            else error.smtp_error
        )
        what = "login" if isinstance(error, smtplib.SMTPAuthenticationError) else "connection"
        why = f"The mail server refused the {what}: {said}"
    elif isinstance(error, smtplib.SMTPException):
        why = str(error)
    elif isinstance(error, TimeoutError):
        why = "The mail server did not answer in time."
    else:
        why = f"The mail server could not be reached ({error.strerror or type(error).__name__})."
    return Outcome(Kind.RETRY, Stage.CONNECT, code, diagnostic=safe(why))
