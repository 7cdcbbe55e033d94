"""A local server that behaves as an outside system: pages, limits, and fails on demand.

A vendor of a test is a `Vendor` with routes: `vendor.on("GET", "/v1/things/(\\d+)", handler)`. A handler gets a `Call` and
returns what `reply` makes. `vendor.fail(...)` puts answers in front of the next calls, whatever they ask for.
"""

import json
import re
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit


@dataclass(frozen=True)
class Answer:
    status: int
    body: bytes
    headers: Mapping[str, str]


def reply(body: Any = None, status: int = 200, *, kind: str = "application/json", **headers: str) -> Answer:
    """An answer: JSON of `body`, or the bytes or text as they are. `Retry_After="3"` becomes a header."""
    if isinstance(body, bytes):
        data = body
    elif isinstance(body, str):
        data = body.encode()
    else:
        data = b"" if body is None else json.dumps(body).encode()
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Answer(status, data, {"Content-Type": kind, **named})


@dataclass
class Call:
    method: str
    path: str
    query: dict[str, list[str]]
    headers: Mapping[str, str]
    body: bytes
    found: tuple[str, ...] = ()

    def first(self, name: str, default: str = "") -> str:
        return self.query.get(name, [default])[0]

    def json(self) -> Any:
        return json.loads(self.body)

    def form(self) -> dict[str, str]:
        return {
            name: values[0] for name, values in parse_qs(self.body.decode(), keep_blank_values=True).items()
        }


Handler = Callable[[Call], Answer]


@dataclass
class Vendor:
    url: str = ""
    calls: list[Call] = field(default_factory=list)
    _routes: list[tuple[str, "re.Pattern[str]", Handler]] = field(default_factory=list)
    _failures: list[Answer] = field(default_factory=list)

    def on(self, method: str, path: str, handler: Handler) -> None:
        """Answer `method` on paths that match the whole of the regular expression; groups are in `call.found`."""
        self._routes.insert(0, (method, re.compile(path), handler))

    def fail(self, *answers: Answer) -> None:
        """These come first, one a call."""
        self._failures.extend(answers)

    def handle(self, call: Call) -> Answer:
        self.calls.append(call)
        if self._failures:
            return self._failures.pop(0)
        for method, path, handler in self._routes:
            found = path.fullmatch(call.path)
            if method == call.method and found:
                call.found = found.groups()
                return handler(call)
        return reply({"error": "no such thing"}, 404)


@contextmanager
def serving() -> Iterator[Vendor]:
    """A vendor on a free port of this machine. Its host must be allowed: `settings.FETCH_ALLOW` (see the `vendor` fixture)."""
    vendor = Vendor()

    class Door(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _any(self) -> None:
            split = urlsplit(self.path)
            length = int(self.headers.get("Content-Length") or 0)
            headers = {name.lower(): value for name, value in self.headers.items()}
            call = Call(
                self.command, split.path, parse_qs(split.query, keep_blank_values=True), headers,
                self.rfile.read(length),
            )  # fmt: skip
            answer = vendor.handle(call)
            self.send_response(answer.status)
            for name, value in answer.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(answer.body)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(answer.body)

        do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = do_HEAD = _any

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Door)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    vendor.url = f"http://127.0.0.1:{server.server_address[1]}"
    try:
        yield vendor
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
