"""The way out: what is never called, what ends, what is told of trouble. Servers are real, on this machine."""

import datetime as dt
import gzip
import ipaddress
import socket
import ssl
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import time_machine
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from pytest_django import Settings as SettingsWrapper

from core import fetch
from tests.core.http_server import Answer, Heard, HttpServer, drip, hang_up, plain, silence

Resolve = Callable[..., None]


@pytest.fixture
def opened(settings: SettingsWrapper) -> SettingsWrapper:
    settings.FETCH_ALLOW = ["127.0.0.1"]
    return settings


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch) -> Resolve:
    """`names("host", "1.2.3.4", …)` makes a name stand for these addresses; each further call for the next ones."""
    book: dict[str, list[list[str]]] = {}

    def resolve(host: str, port: int) -> list[fetch.Address]:
        if host not in book:
            raise socket.gaierror("unknown")
        entries = book[host]
        return [ipaddress.ip_address(one) for one in (entries.pop(0) if len(entries) > 1 else entries[0])]

    monkeypatch.setattr(fetch, "resolve", resolve)
    return lambda host, *answers: book.__setitem__(host, [list(one) for one in answers])


# --- Addresses -----------------------------------------------------------------------------------------------
INWARD = [
    "http://127.0.0.1/",
    "http://localhost/",
    "http://localhost./",
    "http://ip6-localhost/",
    "http://foo.localhost/",
    "http://2130706433/",
    "http://0x7f000001/",
    "http://017700000001/",
    "http://127.1/",
    "http://0/",
    "http://①②⑦.⓪.⓪.①/",
    "http://[::1]/",
    "http://[::]/",
    "http://[::ffff:127.0.0.1]/",
    "http://[::ffff:7f00:1]/",
    "http://[::127.0.0.1]/",
    "http://[64:ff9b::7f00:1]/",
    "http://[64:ff9b:1::7f00:1]/",
    "http://[2002:7f00:1::]/",
    "http://[2001::7f00:1]/",
    "http://[fec0::1]/",
    "http://[fe80::1]/",
    "http://[fe80::1%25eth0]/",
    "http://[fd00:ec2::254]/",
    "http://[ff02::1]/",
    "http://10.0.0.1/",
    "http://172.16.0.1/",
    "http://172.31.255.255/",
    "http://192.168.1.1/",
    "http://169.254.169.254/latest/meta-data/",
    "http://100.64.0.1/",
    "http://100.100.100.200/",
    "http://168.63.129.16/",
    "http://192.0.0.8/",
    "http://198.18.0.1/",
    "http://224.0.0.1/",
    "http://240.0.0.1/",
    "http://254.1.2.3/",
    "http://255.255.255.255/",
    "http://0.0.0.0/",
    "http://metadata.google.internal/",
    "http://good@127.0.0.1/",
    "https://good@127.0.0.1/",
    "http://127.0.0.1#@good/",
    "http://127.0.0.1?@good/",
    "http://good\\@127.0.0.1/",
    "http://router.local/",
]
MALFORMED = [
    "file:///etc/passwd", "gopher://example.com/", "ftp://example.com/", "dict://example.com/", "ldap://example.com/",
    "data:text/plain,x", "//example.com/", "javascript:alert(1)", "", "   ", "http://", "http:///path", "https://?q",
    "http://exa mple.com/", "http://exam\tple.com/", "http://example.com/\r\nX: y", "http://exam\x00ple.com/",
    "http://user:secret@example.com/", "http://user@example.com/", "http://example.com:/", "http://example.com:65536/",
    "http://example.com:0/", "http://example.com:22/", "http://example.com:25/", "http://example.com:5432/",
    "http://example.com:6379/", "http://example.com:abc/", "https://example.com/" + "x" * 5000, "http://a..b/",
    "http://-a.example/", "http://[::1", "http://[zz]/", "http://" + "a" * 300 + ".example/", "http://999.1.2.3/",
]  # fmt: skip


@pytest.mark.parametrize("url", INWARD + MALFORMED)
def test_no_connection_is_opened_to_what_must_not_be_called(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def connect(*_: object, **__: object) -> None:
        raise AssertionError("A connection was tried.")

    monkeypatch.setattr(fetch.socket, "create_connection", connect)

    with pytest.raises(fetch.Forbidden) as at_save:
        fetch.check(url)
    with pytest.raises(fetch.Forbidden):
        fetch.get(url)

    assert at_save.value.field == "url"
    assert "secret" not in at_save.value.message


@pytest.mark.parametrize(
    "address",
    ["8.8.8.8", "1.1.1.1", "168.63.129.17", "172.32.0.1", "100.128.0.1", "2606:4700::1111", "::ffff:8.8.8.8"],
)
def test_public_addresses_are_public(address: str) -> None:
    assert fetch.is_public(ipaddress.ip_address(address))


@pytest.mark.parametrize(
    "url",
    [
        "https://example.com",
        "http://example.com:8080/a?b=c",
        "https://münchen.example/",
        "https://example.com.:8443/",
    ],
)
def test_ordinary_addresses_may_be_saved_even_while_their_name_is_unknown(url: str, names: Resolve) -> None:
    assert fetch.check(url).host.isascii()


def test_a_name_with_one_inward_address_is_refused_altogether(names: Resolve) -> None:
    names("mixed.example", ["8.8.8.8", "10.0.0.7"])

    with pytest.raises(fetch.Forbidden):
        fetch.check("https://mixed.example/")
    with pytest.raises(fetch.Forbidden):
        fetch.get("https://mixed.example/")


def test_a_name_that_turns_inwards_after_it_was_saved_is_not_called(names: Resolve) -> None:
    with HttpServer() as server:
        names("rebinding.example", ["8.8.8.8"], ["127.0.0.1"])
        fetch.check(f"http://rebinding.example:{server.port}/")

        with pytest.raises(fetch.Forbidden):
            fetch.get(f"http://rebinding.example:{server.port}/")

    assert server.connections == 0


def test_the_connection_goes_to_the_address_that_was_looked_at(
    names: Resolve, settings: SettingsWrapper
) -> None:
    """The name is looked up once for a connection: a second answer would not be asked for."""
    settings.FETCH_ALLOW = ["127.0.0.0/8"]
    with HttpServer() as server:
        names("flip.example", ["127.0.0.1"], ["10.0.0.1"])

        reply = fetch.get(f"http://flip.example:{server.port}/")

    assert reply.status == 200
    assert server.heard[0].headers["host"] == f"flip.example:{server.port}"


def test_the_product_does_not_call_itself(settings: SettingsWrapper) -> None:
    settings.BASE_URL = "https://crm.nordlicht.example"

    with pytest.raises(fetch.Forbidden, match="NPS CRM itself"):
        fetch.check("https://CRM.nordlicht.example./hooks/")


# --- The list of what may be reached all the same -------------------------------------------------------------
@pytest.mark.parametrize(
    ("entry", "url", "is_open"),
    [
        ("10.0.0.0/8", "http://10.1.2.3/", True),
        ("10.0.0.0/8", "http://192.168.1.1/", False),
        ("10.0.0.5", "http://10.0.0.5/", True),
        ("10.0.0.5:8080", "http://10.0.0.5:8080/", True),
        ("10.0.0.5:8080", "http://10.0.0.5:8081/", False),
        ("10.0.0.5:25", "http://10.0.0.5:25/", True),
        ("10.0.0.5", "http://10.0.0.5:25/", False),
        ("[fd00::7]:8080", "http://[fd00::7]:8080/", True),
        ("10.0.0.5", "http://[::ffff:10.0.0.5]/", True),
        ("jira.internal", "http://jira.internal/", True),
        ("jira.internal", "http://other.internal/", False),
        ("169.254.169.254", "http://169.254.169.254/", True),
    ],
)
def test_what_the_operator_allows(
    entry: str, url: str, is_open: bool, settings: SettingsWrapper, names: Resolve
) -> None:
    settings.FETCH_ALLOW = [entry]
    names("jira.internal", ["10.9.9.9"])

    if is_open:
        fetch.check(url)
    else:
        with pytest.raises(fetch.Forbidden):
            fetch.check(url)


def test_a_host_that_is_allowed_by_name_still_must_not_turn_to_the_metadata_service(
    settings: SettingsWrapper, names: Resolve
) -> None:
    settings.FETCH_ALLOW = ["jira.internal"]
    names("jira.internal", ["169.254.169.254"])

    with pytest.raises(fetch.Forbidden):
        fetch.check("http://jira.internal/")


# --- Calls ---------------------------------------------------------------------------------------------------
def test_a_form_is_posted_and_the_answer_read(opened: SettingsWrapper) -> None:
    with HttpServer(plain("201 Created", b'{"sid": "SM1"}', ("Content-Type: application/json",))) as server:
        reply = fetch.post(f"{server.url}/a/b?c=d", form={"To": "+49 1", "Body": "ä"}, auth=("me", "pass"))

    (heard,) = server.heard
    assert (reply.status, reply.json(), reply.is_success) == (201, {"sid": "SM1"}, True)
    assert (heard.method, heard.path, heard.body) == ("POST", "/a/b?c=d", b"To=%2B49+1&Body=%C3%A4")
    assert heard.headers["authorization"] == "Basic bWU6cGFzcw=="


def test_connections_are_used_again(opened: SettingsWrapper) -> None:
    with HttpServer() as server:
        for _ in range(3):
            fetch.get(server.url)

    assert (server.connections, len(server.heard)) == (1, 3)


@pytest.mark.parametrize("where", ["http://127.0.0.1/secret", "file:///etc/passwd", "https://example.com/"])
def test_redirects_are_answers_and_not_followed(where: str, opened: SettingsWrapper) -> None:
    with HttpServer(plain("302 Found", b"", (f"Location: {where}",))) as server:
        reply = fetch.get(server.url)

    assert reply.status == 302
    assert len(server.heard) == 1


def test_cookies_are_neither_kept_nor_shown(opened: SettingsWrapper) -> None:
    with HttpServer(plain(headers=("Set-Cookie: a=b",))) as server:
        reply = fetch.get(server.url)
        fetch.get(server.url)

    assert "set-cookie" not in reply.headers
    assert "cookie" not in server.heard[1].headers


def test_proxies_of_the_environment_are_not_used(
    opened: SettingsWrapper, monkeypatch: pytest.MonkeyPatch
) -> None:
    with HttpServer() as proxy, HttpServer() as server:
        for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, proxy.url)

        fetch.get(server.url)

    assert (proxy.connections, len(server.heard)) == (0, 1)


def test_a_header_cannot_smuggle_another(opened: SettingsWrapper) -> None:
    with HttpServer() as server, pytest.raises(fetch.Forbidden):
        fetch.get(server.url, headers={"X-Name": "a\r\nX-Admin: 1"})

    assert server.heard == []


# --- Ends ----------------------------------------------------------------------------------------------------
def bomb(line: socket.socket, heard: Heard) -> None:
    body = gzip.compress(b"\0" * 20_000_000)
    line.sendall(
        b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(body) + body
    )


def endless(line: socket.socket, heard: Heard) -> None:
    line.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    while True:
        line.sendall(b"1000\r\n" + b"x" * 4096 + b"\r\n")


@pytest.mark.parametrize("answer", [bomb, endless, plain(body=b"x" * 70_000)])
def test_a_body_that_is_too_large_is_not_read_to_its_end(answer: Answer, opened: SettingsWrapper) -> None:
    with HttpServer(answer) as server, pytest.raises(fetch.TooLarge) as error:
        fetch.get(server.url)

    assert error.value.may_have_arrived


def test_a_packed_body_is_unpacked(opened: SettingsWrapper) -> None:
    with HttpServer(
        plain(body=gzip.compress(b"hello " * 1000), headers=("Content-Encoding: gzip",))
    ) as server:
        assert fetch.get(server.url).body == b"hello " * 1000


@pytest.mark.parametrize(
    "answer",
    [
        silence,
        drip(b"HTTP/1.1 200 OK\r\nX-Slow: "),
        drip(b"HTTP/1.1 200 OK\r\nContent-Length: 60000\r\n\r\n"),
        drip(b"HTTP/1.1 200 OK\r\n\r\n"),
        drip(b"HTTP/1.1 100 Continue\r\n\r\nHTTP"),
    ],
    ids=["silence", "slow header", "slow body", "slow body without length", "slow after continue"],
)
def test_no_call_outlasts_its_deadline_however_busy_the_line(answer: Answer, opened: SettingsWrapper) -> None:
    with HttpServer(answer) as server, pytest.raises(fetch.TooSlow) as error:
        fetch.get(f"{server.url}/?secret", deadline=0.3)

    assert error.value.may_have_arrived
    assert "secret" not in error.value.message


def test_a_name_that_cannot_be_looked_up_in_time_does_not_hold_us(monkeypatch: pytest.MonkeyPatch) -> None:
    import threading

    forever = threading.Event()
    monkeypatch.setattr(fetch, "resolve", lambda host, port: forever.wait() or [])

    with pytest.raises(fetch.TooSlow) as error:
        fetch.get("https://slow.example/", deadline=0.1)

    assert not error.value.may_have_arrived
    forever.set()


def test_headers_without_end_are_refused(opened: SettingsWrapper) -> None:
    flood = b"HTTP/1.1 200 OK\r\n" + b"".join(b"X-%d: y\r\n" % n for n in range(500)) + b"\r\n"
    with HttpServer(lambda line, heard: line.sendall(flood)) as server, pytest.raises(fetch.Broken):
        fetch.get(server.url)


def test_it_is_known_whether_the_other_side_may_have_acted(opened: SettingsWrapper) -> None:
    with HttpServer() as server:
        port = server.port
    with pytest.raises(fetch.Unreachable) as refused:
        fetch.get(f"http://127.0.0.1:{port}/?secret")
    with HttpServer(hang_up) as server, pytest.raises(fetch.Broken) as cut:
        fetch.get(f"{server.url}/?secret")

    assert (refused.value.may_have_arrived, cut.value.may_have_arrived) == (False, True)
    assert "secret" not in f"{refused.value}{cut.value}{refused.value.__cause__}{cut.value.__cause__}"


def test_a_body_that_ends_too_early_is_no_answer(opened: SettingsWrapper) -> None:
    def answer(line: socket.socket, heard: Heard) -> None:
        line.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf")
        line.close()

    with HttpServer(answer) as server, pytest.raises(fetch.Broken):
        fetch.get(server.url)


# --- Retry-After ---------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("said", "seconds"),
    [
        ("7", 7), ("0", 0), ("1000000000", 3600), ("-5", None), ("soon", None), ("", None), ("9" * 30, None),
        ("Tue, 17 Mar 2026 10:02:00 GMT", 120), ("Tue, 17 Mar 2020 10:02:00 GMT", 0),
    ],
)  # fmt: skip
def test_retry_after_is_read_and_capped(said: str, seconds: float | None) -> None:
    with time_machine.travel(dt.datetime(2026, 3, 17, 10, 0, tzinfo=dt.UTC), tick=False):
        assert fetch.Reply(429, {"retry-after": said}, b"").retry_after == seconds


# --- Certificates --------------------------------------------------------------------------------------------
def certificate(folder: Path, name: str, *, days: int = 1) -> Path:
    """A key with a certificate that it signed itself, in one file."""
    key = ec.generate_private_key(ec.SECP256R1())
    who = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    start = dt.datetime.now(dt.UTC) - dt.timedelta(days=10)
    made = (
        x509.CertificateBuilder()
        .subject_name(who)
        .issuer_name(who)
        .public_key(key.public_key())
        .serial_number(7)
        .not_valid_before(start)
        .not_valid_after(start + dt.timedelta(days=10 + days))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    path = folder / f"{name}.pem"
    path.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        + made.public_bytes(serialization.Encoding.PEM)
    )
    return path


def secured(path: Path, newest: ssl.TLSVersion | None = None) -> Callable[[socket.socket], socket.socket]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(path)
    if newest is not None:
        context.set_ciphers("ALL:@SECLEVEL=0")
        context.minimum_version = context.maximum_version = newest
    return lambda line: context.wrap_socket(line, server_side=True)


@pytest.fixture
def trusting(monkeypatch: pytest.MonkeyPatch) -> Callable[[Path], None]:
    """Makes our side trust a certificate, as the operator does with SSL_CERT_FILE."""

    def trust(path: Path) -> None:
        monkeypatch.setenv("SSL_CERT_FILE", str(path))
        fetch._kept.clear()

    return trust


@pytest.mark.parametrize(
    ("host", "days", "newest", "is_trusted", "is_fine"),
    [
        ("good.example", 1, None, True, True),
        ("good.example", 1, None, False, False),
        ("good.example", -1, None, True, False),
        ("other.example", 1, None, True, False),
        ("good.example", 1, ssl.TLSVersion.TLSv1_1, True, False),
    ],
    ids=["fine", "signed by itself", "expired", "of another host", "TLS 1.1"],
)
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_certificates_are_verified(
    host: str, days: int, newest: ssl.TLSVersion | None, is_trusted: bool, is_fine: bool,
    tmp_path: Path, names: Resolve, opened: SettingsWrapper, trusting: Callable[[Path], None],
) -> None:  # fmt: skip
    path = certificate(tmp_path, host, days=days)
    trusting(path if is_trusted else certificate(tmp_path, "unrelated.example"))
    names("good.example", ["127.0.0.1"])

    with HttpServer(wrap=secured(path, newest)) as server:
        url = f"https://good.example:{server.port}/"
        if is_fine:
            assert fetch.get(url).status == 200
        else:
            with pytest.raises(fetch.Unreachable) as error:
                fetch.get(url)
            assert not error.value.may_have_arrived
            assert server.heard == []
    fetch._kept.clear()


def test_a_handshake_that_never_ends_is_cut(names: Resolve, opened: SettingsWrapper) -> None:
    names("mute.example", ["127.0.0.1"])

    def mute(line: socket.socket) -> socket.socket:
        while line.recv(1000):
            pass
        return line

    with HttpServer(wrap=mute) as server, pytest.raises(fetch.TooSlow) as error:
        fetch.get(f"https://mute.example:{server.port}/", deadline=0.3)

    assert not error.value.may_have_arrived


def test_nothing_is_connected_by_being_imported() -> None:
    """Settings name no address, and importing makes no context: starting costs nothing."""
    code = "import ssl; ssl.create_default_context = None; import core.fetch"
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
