"""The demo's mail catcher: what the product sends lands in a folder and is read in the browser."""

import datetime as dt
import email
import email.policy
import mailbox
import re
from dataclasses import dataclass
from email.message import EmailMessage
from email.utils import parsedate_to_datetime
from pathlib import Path

from django.conf import settings

_NAME = re.compile(r"[A-Za-z0-9_.,=-]{1,200}")
_HEAD = re.compile(r"<head[^>]*>", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Caught:
    """A caught mail. `headers` are shown as they came."""

    key: str
    subject: str
    sender: str
    to: str
    at: dt.datetime
    text: str
    html: str
    headers: list[tuple[str, str]]


def folder() -> Path:
    return Path(settings.DATA_DIR) / "mail"


def _box() -> "mailbox.Maildir":
    return mailbox.Maildir(folder(), create=True)


def keys() -> list[str]:
    """The keys of all caught mails, newest first."""
    found = (
        [path for path in (folder() / "new").iterdir() if path.is_file()]
        if (folder() / "new").is_dir()
        else []
    )
    return [
        path.name
        for path in sorted(found, key=lambda path: (path.stat().st_mtime_ns, path.name), reverse=True)
    ]


def read(key: str) -> Caught | None:
    """One mail, or None when there is none of this key."""
    if not _NAME.fullmatch(key) or key not in _box():
        return None
    raw = _box().get_bytes(key)
    message = email.message_from_bytes(raw, policy=email.policy.default)
    text, html = message.get_body(("plain",)), message.get_body(("html",))
    return Caught(
        key=key,
        subject=str(message["Subject"] or "(no subject)"),
        sender=str(message["From"] or ""),
        to=str(message["To"] or message["X-RcptTo"] or ""),
        at=_when(message, key),
        text=text.get_content() if text else "",
        html=html.get_content() if html else "",
        headers=[(name, str(value)) for name, value in message.items()],
    )


def _when(message: EmailMessage, key: str) -> dt.datetime:
    try:
        sent = parsedate_to_datetime(str(message["Date"]))
        # "-0000", as Django writes it, means UTC without saying so.
        return sent if sent.tzinfo else sent.replace(tzinfo=dt.UTC)
    except (TypeError, ValueError):
        return dt.datetime.fromtimestamp((folder() / "new" / key).stat().st_mtime, tz=dt.UTC)


def html_for_frame(caught: Caught) -> str:
    """The mail's HTML with its links opening in a new tab, for a sandboxed frame."""
    base = '<base target="_blank">'
    html, count = _HEAD.subn(lambda found: found.group(0) + base, caught.html, count=1)
    return html if count else base + html
