"""The only way out to the network: HTTP calls to addresses that people, settings and other systems name.

Promised, of every call:

- It goes to a web server on the public internet: http or https, a port that web servers use, no credentials in the URL.
  Every address a name stands for is looked at, and the connection is made to one of those looked at, so a name cannot
  turn inwards between check and use. Own networks, this machine, link-local and cloud metadata addresses and their many
  spellings are refused before anything is sent. `NPS_FETCH_ALLOW` opens hosts and networks of one's own.
- It ends: the name lookup, the handshake, the answer and all its pieces together take at most `deadline` seconds, and the
  body is at most `max_bytes` long, packed or unpacked.
- No redirect is followed, no cookie kept, no proxy and no password taken from the environment; certificates are checked.
- An error tells the host at most, never path, query, headers or body, and `may_have_arrived` tells whether the other side
  may have acted on the call, which decides whether it can be repeated.

Connections are kept and used again, per process. Built on urllib3: docs/decisions/0006-way-out.md says why.
"""

import contextlib
import datetime as dt
import ipaddress
import json as jsonlib
import logging
import os
import queue
import re
import socket
import ssl
import threading
import time
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from functools import lru_cache
from typing import Any
from urllib.parse import urlencode, urlsplit

import idna
import urllib3
from django.conf import settings
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import HTTPError

from core import clock
from core.errors import Invalid

# The library writes down the path of each call, which may be a secret, where debugging is switched on.
logging.getLogger("urllib3").setLevel(logging.INFO)

DEADLINE = 30.0
CONNECT_SECONDS = 10.0
MAX_BYTES = 64 * 1024
MAX_URL = 4_000
MAX_RETRY_AFTER = 3_600.0

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network


# --- What may be reached -------------------------------------------------------------------------------------
class Forbidden(Invalid):
    """The address must not be called. The message names the trouble and may be shown; `field` is "url"."""

    code = "forbidden_address"

    def __init__(self, message: str) -> None:
        super().__init__(message, field="url")


# IANA's special-purpose registries, as far as an address there is not a public server. Of IPv6 only global unicast is
# public at all (2000::/3), which leaves out ::1, fc00::/7, fe80::/10, NAT64 (64:ff9b::/96) and what is not assigned.
# The last of IPv4 is the platform service of a large cloud, which lies on an address that looks public.
_INWARD_TEXT = (
    "0.0.0.0/8 10.0.0.0/8 100.64.0.0/10 127.0.0.0/8 169.254.0.0/16 172.16.0.0/12 192.0.0.0/24 192.0.2.0/24 192.88.99.0/24"
    " 192.168.0.0/16 198.18.0.0/15 198.51.100.0/24 203.0.113.0/24 224.0.0.0/4 240.0.0.0/4 168.63.129.16/32"
    " 2001::/23 2001:db8::/32 2002::/16 3fff::/20"
)
_INWARD = [ipaddress.ip_network(text) for text in _INWARD_TEXT.split()]
_PUBLIC_IPV6 = ipaddress.ip_network("2000::/3")
# Never lifted by the name of a host, only by naming the network: nobody means these by "intranet.example".
_NEVER_BY_NAME = [
    ipaddress.ip_network(text)
    for text in [
        "0.0.0.0/8",
        "169.254.0.0/16",
        "168.63.129.16/32",
        "100.100.100.200/32",
        "224.0.0.0/4",
        "240.0.0.0/4",
        "::/128",
        "fe80::/10",
        "fd00:ec2::/32",
        "ff00::/8",
    ]
]
# Ports above the well-known ones on which something else than a web server listens as a rule.
_OTHER_SERVICES = frozenset(
    {1025, 1433, 1434, 1521, 1723, 2049, 2375, 2376, 2379, 2380, 2483, 3268, 3306, 3389, 4045, 4369, 5060, 5061, 5432,
     5433, 5671, 5672, 5900, 5985, 5986, 6000, 6379, 6380, 6432, 6443, 6514, 6566, 6665, 6666, 6667, 6668, 6669, 6697,
     7000, 7001, 8125, 9042, 9092, 9160, 10080, 10250, 11211, 15672, 25565, 27017, 27018, 28015, 33060, 50000, 61616}
)  # fmt: skip
_HOST = re.compile(
    r"(?=.{1,253}\Z)[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?(?:\.[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?)*"
)
_UNSAFE = re.compile(r"[\x00-\x20\x7f\\\"<>^`{|}]")
_LOCAL_NAMES = ("localhost", "ip6-localhost", "ip6-loopback", "local", "internal", "localdomain", "home.arpa")


def is_public(address: Address) -> bool:
    """Whether an address is one of the public internet, whatever way it is written."""
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped is not None:
            return is_public(address.ipv4_mapped)
        if address not in _PUBLIC_IPV6:
            return False
    return not _within(address, _INWARD)


def _within(address: Address, networks: Sequence[Network]) -> bool:
    return any(network.version == address.version and address in network for network in networks)


@dataclass(frozen=True, slots=True)
class _Allowed:
    """What NPS_FETCH_ALLOW opens: hosts and networks, each with the one port it is meant for, or None for all."""

    hosts: frozenset[tuple[str, int | None]]
    networks: tuple[tuple[Network, int | None], ...]

    def names(self, host: str, port: int) -> bool:
        return (host, port) in self.hosts or (host, None) in self.hosts

    def holds(self, address: Address, port: int) -> bool:
        plain = getattr(address, "ipv4_mapped", None) or address
        return any(_within(plain, [network]) and wanted in {None, port} for network, wanted in self.networks)

    def names_port(self, host: str, port: int) -> bool:
        literal = _literal(host)
        return (host, port) in self.hosts or (
            literal is not None
            and any(_within(literal, [network]) and wanted == port for network, wanted in self.networks)
        )


def _allowed() -> _Allowed:
    return _read_allowed(tuple(settings.FETCH_ALLOW))


@lru_cache(maxsize=8)
def _read_allowed(entries: tuple[str, ...]) -> _Allowed:
    hosts: set[tuple[str, int | None]] = set()
    networks: list[tuple[Network, int | None]] = []
    for entry in entries:
        name, port = entry.strip().lower(), None
        found = re.fullmatch(r"(\[[^\]]+\]|[^:]+):(\d{1,5})", name)
        if found:
            name, port = found.group(1), int(found.group(2))
        name = name.strip("[]").rstrip(".")
        if not name:
            continue
        try:
            networks.append((ipaddress.ip_network(name, strict=False), port))
        except ValueError:
            hosts.add((name, port))
    return _Allowed(frozenset(hosts), tuple(networks))


@dataclass(frozen=True, slots=True)
class Target:
    """A URL taken apart and found fit to be called, as far as it tells by itself."""

    scheme: str
    host: str
    port: int
    path: str

    @property
    def is_secure(self) -> bool:
        return self.scheme == "https"


def target_of(url: str) -> Target:
    """`url` taken apart. Raises `Forbidden` for what must not be called; a name is not looked up yet."""
    if not isinstance(url, str) or not url.strip():
        raise Forbidden("Give a web address, such as https://example.com/path.")
    if len(url) > MAX_URL:
        raise Forbidden(f"The address is longer than {MAX_URL:,} characters.")
    if _UNSAFE.search(url):
        raise Forbidden(
            "The address holds blanks or characters that do not belong there. Check how it was copied."
        )
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise Forbidden("The address cannot be read. Check host and port.") from None
    if parts.scheme not in {"http", "https"}:
        raise Forbidden("Only addresses that begin with https:// or http:// can be called.")
    if "@" in parts.netloc:
        raise Forbidden(
            "The address holds a user name or password. Leave them out; keys have fields of their own."
        )
    host = _ascii_host(parts.hostname or "")
    if port is None and parts.netloc.endswith(":"):
        raise Forbidden("The address ends its host with a colon but names no port.")
    port = (443 if parts.scheme == "https" else 80) if port is None else port
    path = parts.path or "/"
    target = Target(parts.scheme, host, port, f"{path}?{parts.query}" if parts.query else path)
    _refuse_port(target)
    _refuse_host(target)
    return target


def _ascii_host(host: str) -> str:
    if not host:
        raise Forbidden("The address names no host.")
    if not host.isascii():
        try:
            host = idna.encode(host, uts46=True).decode()
        except idna.IDNAError:
            raise Forbidden("The host of the address is no valid name.") from None
    host = host.lower().rstrip(".")
    if ":" in host:  # what stood in brackets
        if _literal(host) is None:
            raise Forbidden("The host of the address is no valid name.")
        return host
    if not _HOST.fullmatch(host):
        raise Forbidden("The host of the address is no valid name.")
    if re.fullmatch(r"\d+|0x[0-9a-f]*", host.rpartition(".")[2]) and _literal(host) is None:
        raise Forbidden("Write a numeric address in its usual form, four numbers with dots.")
    return host


def _literal(host: str) -> Address | None:
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None


def _refuse_port(target: Target) -> None:
    port = target.port
    if port in {80, 443} or (1024 < port < 65536 and port not in _OTHER_SERVICES):
        return
    if 0 < port < 65536 and _allowed().names_port(target.host, port):
        return
    raise Forbidden(f"Port {port} is not one that web servers use.")


def _refuse_host(target: Target) -> None:
    """What the host tells without being looked up: an address that is not public, or a name for this machine."""
    literal = _literal(target.host)
    if literal is not None:
        _refuse_address(target, literal)
        return
    if _allowed().names(target.host, target.port):
        return
    if target.host in _LOCAL_NAMES or target.host.endswith(tuple(f".{name}" for name in _LOCAL_NAMES)):
        raise _inward()
    own = urlsplit(settings.BASE_URL)
    own_port = own.port or (443 if own.scheme == "https" else 80)
    if (target.host, target.port) == (own.hostname, own_port):
        raise Forbidden("This is the address of NPS CRM itself. Name the other system's address.")


def _refuse_address(target: Target, address: Address) -> None:
    if is_public(address):
        return
    allowed = _allowed()
    if allowed.holds(address, target.port):
        return
    plain = getattr(address, "ipv4_mapped", None) or address
    if allowed.names(target.host, target.port) and not _within(plain, _NEVER_BY_NAME):
        return
    raise _inward()


def _inward() -> Forbidden:
    return Forbidden(
        "This address leads into an internal network. If it is meant to be reached, the operator adds it to"
        " NPS_FETCH_ALLOW."
    )


def check(url: str, *, lookup: bool = True) -> Target:
    """Look whether `url` may be called, for refusing it when it is saved. Raises `Forbidden`.

    A name that cannot be looked up now is let pass: the same is checked again at every call.
    """
    target = target_of(url)
    if lookup and _literal(target.host) is None:
        with contextlib.suppress(Unreachable, TooSlow):
            addresses_of(target, seconds=3.0)
    return target


# --- Errors and answers --------------------------------------------------------------------------------------
class FetchError(Exception):
    """A call that brought no answer. `message` may be stored and shown; `may_have_arrived`: the other side may have acted."""

    may_have_arrived = False

    def __init__(self, message: str, *, may_have_arrived: bool | None = None) -> None:
        super().__init__(message)
        self.message = message
        if may_have_arrived is not None:
            self.may_have_arrived = may_have_arrived


class Unreachable(FetchError):
    """No connection came about: unknown name, refused, a certificate that does not hold. Nothing was sent."""


class Broken(FetchError):
    """The connection broke after the call was on its way, or what came back was no HTTP."""

    may_have_arrived = True


class TooSlow(FetchError):
    """The deadline passed."""


class TooLarge(FetchError):
    """The answer is longer than was asked for."""

    may_have_arrived = True


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer, whatever its status. Header names are in lower case; cookies are left out."""

    status: int
    headers: Mapping[str, str]
    body: bytes = field(repr=False)

    @property
    def is_success(self) -> bool:
        return 200 <= self.status < 300

    @property
    def text(self) -> str:
        found = re.search(r"charset=\"?([\w.-]+)", self.headers.get("content-type", ""), re.IGNORECASE)
        try:
            return self.body.decode(found.group(1) if found else "utf-8", "replace")
        except LookupError:
            return self.body.decode("utf-8", "replace")

    def json(self) -> Any:
        """The body read as JSON. Raises ValueError when it is none."""
        try:
            return jsonlib.loads(self.body)
        except RecursionError:
            raise ValueError("JSON nested too deeply") from None

    @property
    def retry_after(self) -> float | None:
        """Seconds that the other side asks to be left alone, at most MAX_RETRY_AFTER; None when it does not say."""
        said = self.headers.get("retry-after", "").strip()
        if not said:
            return None
        if re.fullmatch(r"\d{1,12}(\.\d{1,6})?", said):
            seconds = float(said)
        else:
            try:
                moment = parsedate_to_datetime(said)
            except (TypeError, ValueError):
                return None
            moment = moment if moment.tzinfo else moment.replace(tzinfo=dt.UTC)
            seconds = (moment - clock.now()).total_seconds()
        return min(max(seconds, 0.0), MAX_RETRY_AFTER)


# --- Calling -------------------------------------------------------------------------------------------------
def get(url: str, **options: Any) -> Reply:
    """`request("GET", …)`."""
    return request("GET", url, **options)


def post(url: str, **options: Any) -> Reply:
    """`request("POST", …)`."""
    return request("POST", url, **options)


def request(
    method: str,
    url: str,
    *,
    headers: Mapping[str, str] | None = None,
    body: bytes | None = None,
    form: Mapping[str, str] | Sequence[tuple[str, str]] | None = None,
    json: Any = None,
    auth: tuple[str, str] | None = None,
    deadline: float = DEADLINE,
    max_bytes: int = MAX_BYTES,
) -> Reply:
    """Call `url` and return what it answers, of any status. Give one of `body`, `form` and `json`, or none.

    Raises `Forbidden` for an address that must not be called, and one of the `FetchError`s when no whole answer came.
    """
    target = target_of(url)
    sent = {"User-Agent": "NPS-CRM", "Accept": "*/*", "Accept-Encoding": "gzip", "Host": _host_header(target)}
    if form is not None:
        body = urlencode(form).encode()
        sent["Content-Type"] = "application/x-www-form-urlencoded"
    elif json is not None:
        body = jsonlib.dumps(json, separators=(",", ":")).encode()
        sent["Content-Type"] = "application/json"
    if auth is not None:
        sent |= urllib3.make_headers(basic_auth=f"{auth[0]}:{auth[1]}")
    for name, value in (headers or {}).items():
        if re.search(r"[\r\n\x00]", name + value):
            raise Forbidden("A header holds a line break.")
        sent[name] = value
    call = _Call(target, deadline)
    _calls.current = call
    try:
        with call:
            return _carry_out(call, method, body, sent, max_bytes)
    finally:
        _calls.current = None


def _host_header(target: Target) -> str:
    host = f"[{target.host}]" if ":" in target.host else target.host
    return host if target.port == (443 if target.is_secure else 80) else f"{host}:{target.port}"


def _carry_out(
    call: "_Call", method: str, body: bytes | None, headers: Mapping[str, str], max_bytes: int
) -> Reply:
    response: urllib3.BaseHTTPResponse | None = None
    try:
        pool = _pools().connection_from_host(call.target.host, call.target.port, call.target.scheme)
        response = pool.urlopen(
            method,
            call.target.path,
            body=body,
            headers=headers,
            redirect=False,
            retries=False,
            assert_same_host=False,
            preload_content=False,
            decode_content=False,
            timeout=urllib3.Timeout(connect=min(CONNECT_SECONDS, call.left()), read=max(call.left(), 0.001)),
        )
        content = _read(call, response, max_bytes)
        call.refuse_expired()
        found = {
            name.lower(): value for name, value in response.headers.items() if name.lower() != "set-cookie"
        }
        reply = Reply(response.status, found, content)
    except (Forbidden, FetchError):
        _drop(response)
        raise
    except (HTTPError, OSError, ValueError) as error:
        _drop(response)
        raise call.trouble(error) from None
    response.release_conn()
    return reply


def _drop(response: urllib3.BaseHTTPResponse | None) -> None:
    """Close the connection of an answer that was not read to its end: it cannot be used again."""
    if response is not None:
        with contextlib.suppress(HTTPError, OSError):
            response.close()


def _read(call: "_Call", response: urllib3.BaseHTTPResponse, max_bytes: int) -> bytes:
    encoding = response.headers.get("content-encoding", "identity").strip().lower()
    if encoding not in {"identity", "", "gzip", "x-gzip", "deflate"}:
        raise Broken(f"{call.target.host} answered in an encoding that was not asked for.")
    unpack = None if encoding in {"identity", ""} else zlib.decompressobj(wbits=zlib.MAX_WBITS | 32)
    content = bytearray()
    for piece in response.stream(16_384, decode_content=False):
        while piece:
            if unpack is None:
                content += piece
                piece = b""
            else:
                try:
                    content += unpack.decompress(piece, max_bytes + 1 - len(content))
                except zlib.error:
                    raise Broken(f"{call.target.host} answered with a damaged body.") from None
                piece = unpack.unconsumed_tail
            if len(content) > max_bytes:
                raise TooLarge(f"{call.target.host} answered with more than {max_bytes:,} bytes.")
    return bytes(content)


# --- The call on its way -------------------------------------------------------------------------------------
class _Current(threading.local):
    current: "_Call | None" = None


_calls = _Current()


class _Call:
    """One call with its end. When the time is over a watchman cuts the connection, whatever it is waiting for."""

    def __init__(self, target: Target, seconds: float) -> None:
        self.target = target
        self.seconds = seconds
        self.end = time.monotonic() + seconds
        self.sent = False
        self.expired = False
        self._over = False
        self._line: socket.socket | None = None
        self._lock = threading.Lock()
        self._watchman = threading.Timer(seconds, self._cut)
        self._watchman.daemon = True

    def __enter__(self) -> "_Call":
        self._watchman.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._watchman.cancel()
        with self._lock:
            self._over = True
            if self._line is not None:
                self._line.close()

    def left(self) -> float:
        return self.end - time.monotonic()

    def take_line(self, line: socket.socket) -> None:
        """The connection that is to be cut when the time is over.

        A twin of its socket is kept: the original moves into TLS, or into the answer, and is closed at moments of its own.
        """
        with self._lock:
            if self._line is None:
                self._line = socket.socket(fileno=os.dup(line.fileno()))
        self.refuse_expired()

    def _cut(self) -> None:
        with self._lock:
            if self._over:
                return
            self.expired = True
            if self._line is not None:
                with contextlib.suppress(OSError):
                    self._line.shutdown(socket.SHUT_RDWR)

    def refuse_expired(self) -> None:
        if self.expired or self.left() <= 0:
            raise self.too_slow()

    def too_slow(self) -> TooSlow:
        return TooSlow(
            f"{self.target.host} did not answer within {self.seconds:g} seconds.", may_have_arrived=self.sent
        )

    def trouble(self, error: Exception) -> FetchError:
        """What went wrong, in words that give nothing away: those of the library may hold the path."""
        timed_out = isinstance(error, TimeoutError | urllib3.exceptions.TimeoutError)
        if self.expired or (timed_out and self.left() <= 0.05):
            return self.too_slow()
        host = self.target.host
        if self.sent:
            return Broken(f"The connection to {host} broke before the answer was complete.")
        if isinstance(error, ssl.SSLError | urllib3.exceptions.SSLError):
            return Unreachable(
                f"The certificate of {host} could not be verified, or its encryption is outdated."
            )
        return Unreachable(f"{host} could not be reached.")


def resolve(host: str, port: int) -> list[Address]:
    """All addresses of a name, in the order of preference. Raises OSError."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, proto=socket.IPPROTO_TCP)
    return list(dict.fromkeys(ipaddress.ip_address(str(entry[4][0])) for entry in found))


def addresses_of(target: Target, *, seconds: float) -> list[Address]:
    """The addresses of a target, each of them fit to be called. One that is not spoils the name altogether."""
    literal = _literal(target.host)
    found = [literal] if literal is not None else _looked_up(target, seconds)
    for address in found:
        _refuse_address(target, address)
    return found


def _looked_up(target: Target, seconds: float) -> list[Address]:
    """The system's lookup cannot be interrupted, so it has a thread to itself and is left behind when it is too slow."""
    answers: queue.SimpleQueue[list[Address] | None] = queue.SimpleQueue()

    def look_up() -> None:
        try:
            answers.put(resolve(target.host, target.port))
        except (OSError, ValueError):
            answers.put(None)

    threading.Thread(target=look_up, daemon=True).start()
    try:
        found = answers.get(timeout=max(seconds, 0.001))
    except queue.Empty:
        raise TooSlow(f"The name {target.host} could not be looked up in time.") from None
    if not found:
        raise Unreachable(f"The name {target.host} is not known.")
    return found


def _connect() -> socket.socket:
    """A connection to one of the target's checked addresses."""
    call = _calls.current
    assert call is not None, "Connections are opened by `request` only."
    last: OSError | None = None
    for address in addresses_of(call.target, seconds=call.left()):
        call.refuse_expired()
        try:
            line = socket.create_connection(
                (str(address), call.target.port), timeout=max(0.001, min(CONNECT_SECONDS, call.left()))
            )
        except OSError as error:
            last = error
            continue
        line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        call.take_line(line)
        return line
    raise last or OSError("no address")


class _Line:
    """What a kept connection adds to urllib3's: where it connects to, and that it tells the call what it does."""

    sock: socket.socket | None

    def _new_conn(self) -> socket.socket:
        return _connect()

    def send(self, data: Any) -> None:
        if self.sock is None:
            self.connect()  # type: ignore[attr-defined]  # of the class beside this one
        call = _calls.current
        if call is not None and self.sock is not None:
            call.take_line(self.sock)
            call.sent = True
        super().send(data)  # type: ignore[misc]


class _PlainLine(_Line, HTTPConnection):
    pass


class _SecureLine(_Line, HTTPSConnection):
    pass


class _PlainPool(HTTPConnectionPool):
    ConnectionCls = _PlainLine


class _SecurePool(HTTPSConnectionPool):
    ConnectionCls = _SecureLine


_kept: dict[int, urllib3.PoolManager] = {}


def _pools() -> urllib3.PoolManager:
    """This process's connections; a forked child must not write into its parent's."""
    pools = _kept.get(os.getpid())
    if pools is None:
        pools = urllib3.PoolManager(num_pools=64, maxsize=8, block=False, ssl_context=_certificates())
        pools.pool_classes_by_scheme = {"http": _PlainPool, "https": _SecurePool}
        _kept.clear()
        _kept[os.getpid()] = pools
    return pools


def _certificates() -> ssl.SSLContext:
    """The system's authorities (SSL_CERT_FILE adds one's own), TLS 1.2 or newer."""
    context = ssl.create_default_context()
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context
