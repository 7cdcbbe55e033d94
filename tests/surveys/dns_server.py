"""A name server on 127.0.0.1 with a scripted zone, over UDP and TCP."""

import contextlib
import socketserver
import struct
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import dns.flags
import dns.message
import dns.rcode
import dns.rrset

# name → {type: values}, or one word: what goes wrong instead.
Zone = Mapping[tuple[str, str], Sequence[str] | str]


class _Server:
    def __init__(self, zone: Zone) -> None:
        self.zone = {(name.lower().rstrip("."), kind): said for (name, kind), said in zone.items()}
        self.asked: list[tuple[str, str]] = []

    def answer(self, wire: bytes, *, over_udp: bool) -> bytes | None:
        query = dns.message.from_wire(wire)
        question = query.question[0]
        name = question.name.to_text(omit_final_dot=True).lower()
        kind = question.rdtype.name
        self.asked.append((name, kind))
        said = self.zone.get((name, kind))
        if said == "silence":
            return None
        if said == "garbage":
            return b"\x00" * 5 + b"not dns"
        response = dns.message.make_response(query)
        if isinstance(said, str):
            response.set_rcode(dns.rcode.from_text(said))
        elif said is None:
            known = any(other == name or other.endswith(f".{name}") for other, _ in self.zone)
            response.set_rcode(dns.rcode.NOERROR if known else dns.rcode.NXDOMAIN)
        else:
            values = [_quoted(value) if kind == "TXT" else value for value in said]
            response.answer.append(dns.rrset.from_text_list(question.name, 60, "IN", kind, values))
        made = response.to_wire(max_size=65_535)
        if over_udp and len(made) > 1_232:
            short = dns.message.make_response(query)
            short.flags |= dns.flags.TC
            return short.to_wire()
        return made


def _quoted(value: str) -> str:
    """A text as a zone file has it: strings of at most 255 bytes."""
    raw = value.encode()
    parts = [raw[at : at + 255] for at in range(0, len(raw), 255)] or [b""]
    escaped = (
        "".join(chr(b) if 32 <= b < 127 and b not in b'"\\;' else f"\\{b:03d}" for b in part)
        for part in parts
    )
    return " ".join(f'"{part}"' for part in escaped)


@contextlib.contextmanager
def name_server(zone: Zone) -> Iterator[tuple[int, list[tuple[str, str]]]]:
    """(port, what was asked) while it runs."""
    server = _Server(zone)

    class Udp(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            data, sock = self.request
            made = server.answer(data, over_udp=True)
            if made is not None:
                sock.sendto(made, self.client_address)

    class Tcp(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            (length,) = struct.unpack("!H", self.request.recv(2))
            made = server.answer(self.request.recv(length), over_udp=False)
            if made is not None:
                self.request.sendall(struct.pack("!H", len(made)) + made)

    udp, tcp = _bound(Udp, Tcp)
    threads = [threading.Thread(target=each.serve_forever, args=(0.05,), daemon=True) for each in (udp, tcp)]
    for thread in threads:
        thread.start()
    try:
        yield udp.server_address[1], server.asked
    finally:
        for each in (udp, tcp):
            each.shutdown()
            each.server_close()


def _bound(udp_handler: Any, tcp_handler: Any) -> tuple[Any, Any]:
    """Both on the same port, which is free for both."""
    for _ in range(50):
        udp = socketserver.ThreadingUDPServer(("127.0.0.1", 0), udp_handler)
        try:
            return udp, socketserver.ThreadingTCPServer(("127.0.0.1", udp.server_address[1]), tcp_handler)
        except OSError:
            udp.server_close()
    raise RuntimeError("no port is free for both")


def seconds_since(start: float) -> float:
    return time.monotonic() - start
