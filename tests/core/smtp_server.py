"""A mail server that misbehaves on demand, for tests of sending: real sockets, a script per step."""

import socket
import struct
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import BinaryIO

DROP = "drop"  # close the connection
RESET = "reset"  # close it rudely
HANG = "hang"  # say nothing more

Step = str | Callable[[int, bytes], str]
"""A reply such as `250 ok`, or one of the three above; or a function of the session's number and the command."""


class MailServer:
    """Use as a context manager. `steps` may set: banner, ehlo, starttls, auth, mail, rcpt, data, final, rset."""

    def __init__(
        self,
        *,
        pipelining: bool = True,
        features: tuple[str, ...] = ("8BITMIME", "SMTPUTF8"),
        reads_message: bool = True,
        **steps: Step,
    ):
        self.steps = steps
        self.reads_message = reads_message  # otherwise it leaves after 354
        self.features = (("PIPELINING",) if pipelining else ()) + features
        self.commands: list[bytes] = []
        self.messages: list[
            tuple[bytes, bytes]
        ] = []  # (RCPT command, message as received, still dot-stuffed)
        self.sessions = 0
        self._stop = threading.Event()
        self._open: list[socket.socket] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._thread = threading.Thread(target=self._serve, daemon=True)

    def __enter__(self) -> "MailServer":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for one in (self._listener, *self._open):
            with suppress(OSError):  # wakes whoever reads or accepts
                one.shutdown(socket.SHUT_RDWR)
            one.close()
        self._thread.join(5)

    def verbs(self) -> list[str]:
        return [command.split(b" ")[0].split(b":")[0].strip().decode().upper() for command in self.commands]

    def _serve(self) -> None:
        while not self._stop.is_set():
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            self.sessions += 1
            self._open.append(client)
            client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            threading.Thread(target=self._guarded, args=(client, self.sessions), daemon=True).start()

    def _guarded(self, client: socket.socket, number: int) -> None:
        with suppress(OSError, EOFError), client.makefile("rb") as lines:
            self._session(client, lines, number)
        with suppress(OSError):
            client.close()

    def _say(self, client: socket.socket, name: str, usual: str, number: int, command: bytes = b"") -> str:
        step = self.steps.get(name, usual)
        reply = step(number, command) if callable(step) else step
        if reply == DROP:
            client.shutdown(socket.SHUT_RDWR)
            raise EOFError
        if reply == RESET:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            client.close()
            raise EOFError
        if reply == HANG:
            self._stop.wait(30)
            raise EOFError
        client.sendall(reply.replace("\n", "\r\n").encode() + b"\r\n")
        if reply.startswith("421"):
            client.shutdown(socket.SHUT_WR)
            raise EOFError
        return reply

    def _session(self, client: socket.socket, lines: BinaryIO, number: int) -> None:
        self._say(client, "banner", "220 mail.test ESMTP", number)
        rcpt = b""
        while line := lines.readline():
            self.commands.append(line)
            verb = line[:4].upper()
            if verb in {b"EHLO", b"HELO"}:
                listed = ["mail.test", *self.features]
                usual = "\n".join(
                    f"250{'-' if n < len(listed) - 1 else ' '}{word}" for n, word in enumerate(listed)
                )
                self._say(client, "ehlo", usual, number, line)
            elif verb == b"MAIL":
                self._say(client, "mail", "250 2.1.0 ok", number, line)
            elif verb == b"RCPT":
                reply = self._say(client, "rcpt", "250 2.1.5 ok", number, line)
                rcpt = line if reply.startswith("2") else b""
            elif verb == b"RSET":
                rcpt = b""
                self._say(client, "rset", "250 2.0.0 ok", number, line)
            elif verb == b"DATA":
                usual = "354 go on" if rcpt else "503 5.5.1 no recipient"
                if self._say(client, "data", usual, number, line).startswith("354"):
                    self._receive(client, lines, number, rcpt)
                rcpt = b""
            elif verb == b"QUIT":
                client.sendall(b"221 bye\r\n")
                return
            elif verb == b"AUTH":
                self._say(client, "auth", "235 2.7.0 ok", number, line)
            else:
                client.sendall(b"502 5.5.2 what\r\n")

    def _receive(self, client: socket.socket, lines: BinaryIO, number: int, rcpt: bytes) -> None:
        if not self.reads_message:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            client.close()
            raise EOFError
        body = bytearray()
        while (line := lines.readline()) != b".\r\n":
            if not line:
                raise EOFError
            body += line
        reply = self.steps.get("final", "250 2.0.0 queued")
        reply = reply(number, rcpt) if callable(reply) else reply
        if reply.startswith("2") or reply in {DROP, RESET, HANG}:
            self.messages.append((rcpt, bytes(body)))
        self._say(client, "final", "250 2.0.0 queued", number, rcpt)
