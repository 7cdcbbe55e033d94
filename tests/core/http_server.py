"""A small HTTP server for tests: answers are scripted as bytes, what arrives is kept."""

import socket
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self


@dataclass
class Heard:
    """One request as it came."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes


Answer = Callable[[socket.socket, Heard], None]


def plain(status: str = "200 OK", body: bytes = b"hello", headers: tuple[str, ...] = ()) -> Answer:
    """An ordinary answer; the connection stays open for the next."""

    def answer(line: socket.socket, heard: Heard) -> None:
        head = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *headers]
        line.sendall("\r\n".join(head).encode() + b"\r\n\r\n" + body)

    return answer


def silence(line: socket.socket, heard: Heard) -> None:
    """Takes the request and never says anything, until the other side hangs up."""
    while line.recv(1):
        pass


def hang_up(line: socket.socket, heard: Heard) -> None:
    line.close()


def drip(what: bytes) -> Answer:
    """`what`, and then a byte now and then for as long as somebody listens."""

    def answer(line: socket.socket, heard: Heard) -> None:
        line.sendall(what)
        try:
            while True:
                line.sendall(b"x")
                time.sleep(0.02)
        except OSError:
            return

    return answer


@dataclass
class HttpServer:
    """Answers every request by `answer`; `answers`, if any are left, go first."""

    answer: Answer = field(default_factory=plain)
    answers: list[Answer] = field(default_factory=list)
    wrap: Callable[[socket.socket], socket.socket] | None = None
    heard: list[Heard] = field(default_factory=list)
    connections: int = 0

    def __enter__(self) -> Self:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self._open: list[socket.socket] = []
        threading.Thread(target=self._listen, daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        # Closing alone leaves the port open for as long as `accept` waits on it.
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for line in self._open:
            line.close()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def _listen(self) -> None:
        while True:
            try:
                line, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            threading.Thread(target=self._serve, args=[line], daemon=True).start()

    def _serve(self, line: socket.socket) -> None:
        try:
            if self.wrap is not None:
                line = self.wrap(line)
            self._open.append(line)
            waiting = b""
            while True:
                heard, waiting = _read(line, waiting)
                if heard is None:
                    return
                self.heard.append(heard)
                (self.answers.pop(0) if self.answers else self.answer)(line, heard)
        except (OSError, ValueError):
            return
        finally:
            line.close()


def _read(line: socket.socket, waiting: bytes) -> tuple[Heard | None, bytes]:
    while b"\r\n\r\n" not in waiting:
        piece = line.recv(65536)
        if not piece:
            return None, b""
        waiting += piece
    head, _, waiting = waiting.partition(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").split("\r\n")
    method, path, _ = first.split(" ")
    headers = {name.lower(): value.strip() for name, _, value in (one.partition(":") for one in lines)}
    length = int(headers.get("content-length", "0"))
    while len(waiting) < length:
        piece = line.recv(65536)
        if not piece:
            return None, b""
        waiting += piece
    return Heard(method, path, headers, waiting[:length]), waiting[length:]
