"""Build messages fast: everything that is the same for all recipients is encoded once, each message is a join.

Promised: `MessageTemplate.build` gives a complete RFC 5322 message with CRLF line ends and no line over 76 characters in
its bodies; values are escaped for the place they stand in and never interpreted again; no value can add a header or a
line to one. `as_django` gives the same message to any other Django backend (an API provider through django-anymail).
"""

import re
import secrets
from base64 import b64encode
from binascii import b2a_qp
from collections.abc import Iterable, Mapping, Sequence
from copy import copy
from dataclasses import dataclass, field
from datetime import datetime
from email.utils import format_datetime
from functools import lru_cache
from typing import Final

from django.core.mail import EmailMultiAlternatives
from django.core.mail.backends.base import BaseEmailBackend

from core.mail.address import Address, BadAddress, clean

MAX_VALUE = 120
_LINE = 76
_ASCII_WORDS = re.compile(r"[ -~]*")
_PLAIN_QP = re.compile(r"[ -<>-~]{1,72}").fullmatch
_LEADING_DOT = re.compile(rb"(?m)^\.")
_HEADER_NAME = re.compile(r"[A-Za-z][A-Za-z0-9-]{0,60}").fullmatch
_MESSAGE_ID = re.compile(r"<[!-;=?A-~]{1,180}@[A-Za-z0-9.\-]{1,180}>").fullmatch
_URL = re.compile(r"https?://[!#-;=?-\[\]_a-z~]{1,900}").fullmatch
_OWN_HEADERS: Final = frozenset(
    [
        "from",
        "to",
        "cc",
        "bcc",
        "sender",
        "reply-to",
        "subject",
        "date",
        "message-id",
        "mime-version",
        "content-type",
        "content-transfer-encoding",
    ]
)

Values = Mapping[str, str | None]


class Unsendable(ValueError):
    """A message that must not be sent as it is; the text says why and is safe to show."""


@dataclass(frozen=True, slots=True)
class Hole:
    """A place for a personal value: its name, what to say when it is empty, the spaces before it, and whether it is a URL.

    A required one refuses a message of whose person nothing is known, instead of saying nothing.
    """

    name: str
    default: str = ""
    lead: str = ""
    is_url: bool = False
    is_required: bool = False

    def words(self, values: Values) -> str:
        """The value as plain text, on one line, cut to a sane length. Raises `Unsendable` for a bad URL, and for a required
        value that is empty."""
        given = values.get(self.name)
        if self.is_url:
            if not given or not _URL(given):
                raise Unsendable(f"The link “{self.name}” is missing or not a web address.")
            return given
        said = clean(given).strip() if given else ""
        if len(said) > MAX_VALUE:
            said = said[: MAX_VALUE - 1].rstrip() + "…"
        said = said or self.default
        if not said and self.is_required:
            raise Unsendable(
                f"Nothing is known for {{{{ {self.name} }}}}, and the text says no words to use instead."
                f" Fill it in, or write {{{{ {self.name}|words to use instead }}}} in the survey."
            )
        return self.lead + said if said else ""


Piece = str | Hole
Pieces = Sequence[Piece]


def escape(text: str) -> str:
    """`text` for HTML, in an element or in a double-quoted attribute."""
    return (
        text.replace("&", "&amp;")
        .replace("<", "&lt;")
        .replace(">", "&gt;")
        .replace('"', "&quot;")
        .replace("'", "&#39;")
    )


def join_plain(pieces: Pieces, values: Values) -> str:
    return "".join(piece if isinstance(piece, str) else piece.words(values) for piece in pieces)


def join_html(pieces: Pieces, values: Values) -> str:
    """The pieces as HTML; literal pieces are HTML already, values are escaped."""
    return "".join(piece if isinstance(piece, str) else escape(piece.words(values)) for piece in pieces)


def quoted_printable(text: str) -> bytes:
    """`text` in quoted-printable with CRLF line ends and lines of at most 76 characters, the last of at most 75.

    The last line leaves room for the soft line break that is put behind what fills a hole.
    """
    if _PLAIN_QP(text):
        return text.encode("ascii")
    encoded = b2a_qp(text.encode("utf-8", "replace"), istext=True)
    encoded = encoded.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
    if len(encoded) - encoded.rfind(b"\n") <= _LINE:
        return encoded
    cut = -3 if encoded[-3:-2] == b"=" else -1
    return encoded[:cut] + b"=\r\n" + encoded[cut:]


def encoded_words(text: str) -> str:
    """`text` as RFC 2047 encoded words, folded; each word holds whole characters and stays under 76 columns."""
    words: list[str] = []
    chunk = b""
    for character in text:
        more = character.encode("utf-8", "replace")
        if len(chunk) + len(more) > 42:
            words.append(f"=?utf-8?b?{b64encode(chunk).decode()}?=")
            chunk = b""
        chunk += more
    words.append(f"=?utf-8?b?{b64encode(chunk).decode()}?=")
    return "\r\n ".join(words)


def header_text(value: str, *, used: int = 0) -> str:
    """`value` as the unstructured value of a header whose name takes `used` columns."""
    value = " ".join(clean(value).split())
    if not (value.isascii() and "=?" not in value):
        return encoded_words(value)
    if used + len(value) <= _LINE:
        return value
    lines: list[str] = []
    line = ""
    for word in value.split(" "):
        if len(word) > _LINE - 2:
            return encoded_words(value)
        if line and (used if not lines else 1) + len(line) + 1 + len(word) > _LINE:
            lines.append(line)
            line = word
        else:
            line = f"{line} {word}" if line else word
    lines.append(line)
    return "\r\n ".join(lines)


def mailbox(name: str, address: Address) -> str:
    """`name <address>` for From, To and Reply-To."""
    name = " ".join(clean(name).split())[:MAX_VALUE]
    if not name:
        return str(address)
    if name.isascii() and "=?" not in name:
        quoted = name.replace("\\", "\\\\").replace('"', '\\"')
        phrase = f'"{quoted}"'
    else:
        phrase = encoded_words(name)
    gap = "\r\n " if len(phrase) + len(str(address)) > _LINE - 12 else " "
    return f"{phrase}{gap}<{address}>"


@dataclass(frozen=True, slots=True)
class Mailbox:
    """Somebody's address with the name to show."""

    address: Address
    name: str = ""

    @classmethod
    def of(cls, address: str, name: str = "") -> "Mailbox":
        return cls(Address.parse(address), name)

    def __str__(self) -> str:
        return mailbox(self.name, self.address)


@dataclass(frozen=True, slots=True)
class Unsubscribe:
    """Where a mail client sends the one-click request of RFC 8058, and an address for clients without it."""

    url: str
    mailto: str = ""


@dataclass(frozen=True, slots=True)
class Built:
    """A message with its envelope; all its line ends are CRLF."""

    mail_from: str
    rcpt: str
    data: bytes
    smtputf8: bool


@dataclass(slots=True)
class _Body:
    """Encoded literals with gaps; `gaps` says which hole is filled at which index and whether it is HTML."""

    pieces: list[bytes] = field(default_factory=list)
    gaps: list[tuple[int, int]] = field(default_factory=list)


class MessageTemplate:
    """One mail for many people. Compile once (per version and language), `build` once per person."""

    def __init__(
        self,
        *,
        sender: Mailbox,
        subject: Pieces,
        text: Pieces,
        html: Pieces,
        reply_to: Mailbox | None = None,
        headers: Mapping[str, str] | None = None,
        auto_submitted: bool = True,
    ) -> None:
        self.sender, self.reply_to = sender, reply_to
        self.subject, self.text, self.html = tuple(subject), tuple(text), tuple(html)
        self.headers = dict(headers or {})
        if auto_submitted:
            self.headers.setdefault("Auto-Submitted", "auto-generated")
        for name in self.headers:
            _check_header(name)
        _check_senders(sender, reply_to)
        self._boundary = f"=_{secrets.token_hex(12)}"
        self._static_head = self._head()
        self._holes: list[tuple[Hole, bool]] = []
        self._body = self._compile_body()

    def build(
        self,
        *,
        to: Mailbox,
        message_id: str,
        date: datetime,
        values: Values,
        unsubscribe: Unsubscribe | None = None,
        headers: Mapping[str, str] | None = None,
        mail_from: str = "",
        reply_to: Mailbox | None = None,
    ) -> Built:
        """The message for one person. Raises `Unsendable` or `BadAddress`; nothing else depends on the values.

        `reply_to` is for templates without one: an address that tells whose mail it was that somebody replied to.
        """
        opening = (
            f"To: {to}\r\nSubject: {header_text(join_plain(self.subject, values), used=9)}\r\n"
            f"Message-ID: {_message_id(message_id)}\r\nDate: {_date(date)}\r\n"
        )
        head = [opening]
        if reply_to is not None and self.reply_to is None:
            head.append(f"Reply-To: {reply_to}\r\n")
        for name, value in _personal_headers(unsubscribe, headers):
            head.append(f"{name}: {value}\r\n")
        known: dict[str, str] = {}
        filled: list[bytes] = []
        for hole, is_html in self._holes:
            words = known.get(hole.name) if hole.is_url else None
            if words is None:
                words = hole.words(values)
                if hole.is_url:
                    known[hole.name] = words
            filled.append(quoted_printable(escape(words) if is_html else words) if words else b"")
        body = self._body.pieces.copy()
        for index, hole_number in self._body.gaps:
            body[index] = filled[hole_number]
        body[0] = "".join(head).encode() + self._static_head
        return Built(
            mail_from=mail_from or str(self.sender.address),
            rcpt=str(to.address),
            data=b"".join(body),
            smtputf8=to.address.needs_smtputf8,
        )

    def as_django(
        self,
        *,
        to: Mailbox,
        message_id: str,
        date: datetime,
        values: Values,
        key: str,
        unsubscribe: Unsubscribe | None = None,
        headers: Mapping[str, str] | None = None,
        connection: BaseEmailBackend | None = None,
        reply_to: Mailbox | None = None,
    ) -> EmailMultiAlternatives:
        """The same message for any Django backend; `key` travels as django-anymail metadata `delivery`."""
        if to.address.needs_smtputf8:
            raise Unsendable(
                "This address needs SMTPUTF8, which the configured mail provider cannot be relied on to have."
            )
        every = {
            **self.headers,
            "Message-ID": _message_id(message_id),
            "Date": format_datetime(date),
            **dict(_personal_headers(unsubscribe, headers)),
        }
        replies = self.reply_to or reply_to
        message = EmailMultiAlternatives(
            subject=" ".join(clean(join_plain(self.subject, values)).split()),
            body=join_plain(self.text, values),
            from_email=_plain_mailbox(self.sender),
            to=[_plain_mailbox(to)],
            reply_to=[_plain_mailbox(replies)] if replies else None,
            headers=every,
            connection=connection,
        )
        message.attach_alternative(join_html(self.html, values), "text/html")
        message.metadata = {"delivery": key}  # type: ignore[attr-defined]  # read by django-anymail's backends
        return message

    def sent_by(self, sender: Mailbox, reply_to: Mailbox | None) -> "MessageTemplate":
        """The same mail from another name and with another address for replies; only its head is made anew.

        Raises `BadAddress` as the constructor does.
        """
        _check_senders(sender, reply_to)
        other = copy(self)
        other.sender, other.reply_to = sender, reply_to
        other._static_head = other._head()
        return other

    def _head(self) -> bytes:
        lines = [f"From: {self.sender}"]
        if self.reply_to:
            lines.append(f"Reply-To: {self.reply_to}")
        lines += [f"{name}: {header_text(value, used=len(name) + 2)}" for name, value in self.headers.items()]
        lines += [
            "MIME-Version: 1.0",
            f'Content-Type: multipart/alternative; boundary="{self._boundary}"',
            "",
            "",
        ]
        return "\r\n".join(lines).encode()

    def _compile_body(self) -> _Body:
        body = _Body([b""])  # place of the head
        numbers: dict[tuple[Hole, bool], int] = {}
        for kind, pieces in (("plain", self.text), ("html", self.html)):
            opening = (
                f"--{self._boundary}\r\nContent-Type: text/{kind}; charset=utf-8\r\n"
                "Content-Transfer-Encoding: quoted-printable\r\n\r\n"
            )
            body.pieces.append(opening.encode())
            for piece in pieces:
                if isinstance(piece, str):
                    body.pieces.append(_without_leading_dots(quoted_printable(piece)))
                    continue
                key = (piece, kind == "html")
                if key not in numbers:
                    numbers[key] = len(self._holes)
                    self._holes.append(key)
                # A soft line break on both sides keeps every line short, whatever is put between them.
                body.pieces += [b"=\r\n", b"", b"=\r\n"]
                body.gaps.append((len(body.pieces) - 2, numbers[key]))
            body.pieces.append(b"\r\n")
        body.pieces.append(f"--{self._boundary}--\r\n".encode())
        return _welded(body)


def _without_leading_dots(encoded: bytes) -> bytes:
    """The same quoted-printable text with no line that SMTP would have to stuff: once here, not in every message."""
    while (changed := _LEADING_DOT.sub(b"=2E=\r\n", encoded)) != encoded:
        encoded = changed
    return encoded


def _welded(body: _Body) -> _Body:
    """The same body with neighbouring literals joined: a message is then one join of few pieces."""
    gaps = dict(body.gaps)
    out = _Body([b""])
    for index, piece in enumerate(body.pieces[1:], start=1):
        if index in gaps:
            out.gaps.append((len(out.pieces), gaps[index]))
            out.pieces += [b"", b""]
        elif len(out.pieces) == 1:
            out.pieces.append(piece)
        else:
            out.pieces[-1] += piece
    return out


@lru_cache(maxsize=8)  # a batch is built with one date
def _date(date: datetime) -> str:
    return format_datetime(date)


def _message_id(message_id: str) -> str:
    if not _MESSAGE_ID(message_id):
        raise Unsendable("The Message-ID must have the form <something@domain>, in ASCII.")
    return message_id


def _check_senders(sender: Mailbox, reply_to: Mailbox | None) -> None:
    if sender.address.needs_smtputf8 or (reply_to and reply_to.address.needs_smtputf8):
        raise BadAddress("The sender's address must be plain ASCII before the @, or most servers refuse it.")


def _check_header(name: str) -> None:
    if not _HEADER_NAME(name) or name.lower() in _OWN_HEADERS:
        raise Unsendable("This header cannot be set.")


def _personal_headers(
    unsubscribe: Unsubscribe | None, extra: Mapping[str, str] | None
) -> Iterable[tuple[str, str]]:
    if unsubscribe is not None:
        if not _URL(unsubscribe.url):
            raise Unsendable("The link “unsubscribe” is missing or not a web address.")
        targets = f"<{unsubscribe.url}>"
        if unsubscribe.mailto:
            targets += f", <mailto:{Address.parse(unsubscribe.mailto)}?subject=unsubscribe>"
        yield "List-Unsubscribe", targets
        if unsubscribe.url.startswith("https://"):
            yield "List-Unsubscribe-Post", "List-Unsubscribe=One-Click"
    for name, value in (extra or {}).items():
        _check_header(name)
        yield name, header_text(value, used=len(name) + 2)


def _plain_mailbox(box: Mailbox) -> str:
    """For Django, which encodes names itself: `"Name" <address>`."""
    name = " ".join(clean(box.name).split())[:MAX_VALUE]
    if not name:
        return str(box.address)
    quoted = name.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{quoted}" <{box.address}>'
