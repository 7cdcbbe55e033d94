"""smtplib's session, made fit for a worker: every reply under one deadline, and writes that know how far they got."""

import select
import smtplib
import ssl
import time
from typing import Any, NoReturn

DEFAULT_TIMEOUT = 10.0
_MAX_REPLY_BYTES = 64 * 1024


class _Wire:
    """Goes before `smtplib.SMTP` in the bases of a session."""

    timeout: Any
    sock: Any
    needs_reset = False

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self._unread = bytearray()
        self._watch: tuple[Any, Any] | None = None
        super().__init__(*args, **kwargs)

    def getreply(self) -> tuple[int, bytes]:
        """One whole reply. Raises `smtplib.SMTPServerDisconnected` when none comes within `timeout` seconds."""
        deadline = time.monotonic() + self._limit()
        line = self._line(deadline)
        lines = [line[4:].strip()]
        size = len(line)
        while line[3:4] == b"-":
            line = self._line(deadline)
            lines.append(line[4:].strip())
            size += len(line)
            if size > _MAX_REPLY_BYTES:
                self._abandon("The mail server's reply is too long.")
        return (int(line[:3]) if line[:3].isdigit() else -1), b"\n".join(lines)

    def starttls(self, *args: Any, **kwargs: Any) -> Any:
        answer = super().starttls(*args, **kwargs)  # type: ignore[misc]  # smtplib.SMTP's, beside which this stands
        if self._unread:  # said before the encryption began, so by anybody
            self._abandon("The mail server's words after STARTTLS came in the clear.")
        return answer

    def put(self, wire: bytes) -> int:
        """Send `wire`; returns how many of its bytes the network took: all, or fewer when it failed."""
        if self.sock is None:
            return 0
        sent = 0
        try:
            while sent < len(wire):
                sent += self.sock.send(memoryview(wire)[sent:] if sent else wire)
        except OSError:
            pass
        return sent

    def speaks(self) -> bool:
        """Whether the server has said something, or has gone, without being asked. Does not wait."""
        if self._unread or self.sock is None:
            return True
        if self._watch is None or self._watch[0] is not self.sock:
            poll = select.poll()
            poll.register(self.sock, select.POLLIN)
            self._watch = (self.sock, poll)
        if not self._watch[1].poll(0):
            return False
        try:
            self.sock.settimeout(0)
            self._unread += self.sock.recv(16384)
        except (BlockingIOError, ssl.SSLWantReadError):
            return False  # TLS talking to itself
        except OSError:
            pass
        finally:
            self.sock.settimeout(self._limit())
        return True

    def _limit(self) -> float:
        return float(self.timeout) if isinstance(self.timeout, int | float) else DEFAULT_TIMEOUT

    def _line(self, deadline: float) -> bytes:
        unread = self._unread
        waited = False
        while (end := unread.find(b"\n")) < 0:
            if len(unread) > _MAX_REPLY_BYTES:
                self._abandon("The mail server's reply is too long.")
            self._receive(deadline, again=waited)
            waited = True
        line = bytes(unread[: end + 1])
        del unread[: end + 1]
        return line

    def _receive(self, deadline: float, *, again: bool) -> None:
        if self.sock is None:
            self._abandon("The mail server closed the connection.")
        try:
            if again:  # the first wait has the whole time, which the socket already carries
                self.sock.settimeout(max(deadline - time.monotonic(), 0.001))
            more = self.sock.recv(16384)
            if again:
                self.sock.settimeout(self._limit())
        except TimeoutError:
            self._abandon("The mail server did not answer in time.")
        except OSError:
            self._abandon("The connection to the mail server broke.")
        if not more:
            self._abandon("The mail server closed the connection.")
        self._unread += more

    def _abandon(self, why: str) -> NoReturn:
        self._unread.clear()
        self.close()  # type: ignore[attr-defined]  # smtplib.SMTP's
        raise smtplib.SMTPServerDisconnected(why)


class Session(_Wire, smtplib.SMTP):
    """A session that begins in the clear and may STARTTLS."""


class SecureSession(_Wire, smtplib.SMTP_SSL):
    """A session inside TLS from the first byte."""
