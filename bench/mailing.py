"""Survey mail: build and hand over, beside the floor, in turns within one run. Needs no database.

    python bench/mailing.py [--messages 4000] [--rounds 5]

Floor: a page rendered once and cut into pieces, joined with escaped values, a header from a template, sent over one kept
connection, with smtplib (the anchor of P16) and over a raw socket with a pipelined envelope (what the wire allows).
The same sink, in a process of its own, takes all of them. The floor is measured with our page (same bytes to carry)
and with a small one of 2.5 kB, as in docs/performance.md.
"""

import argparse
import html
import multiprocessing
import os
import smtplib
import socket
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import django  # after the path of the product
from django.conf import settings

settings.configure(USE_TZ=True, SECRET_KEY="bench", EMAIL_TIMEOUT=10)
django.setup()

from core.mail.message import Mailbox  # noqa: E402
from core.mail.outcome import Kind  # noqa: E402
from core.mail.smtp import EmailBackend, Letter  # noqa: E402
from surveys.channels.mail import template  # noqa: E402
from surveys.channels.mail.message import Links, Recipient, SurveyMessage, message_id, values  # noqa: E402

HEAD = (
    "Subject: A quick question\r\nFrom: Acme <ask@acme.example>\r\nMIME-Version: 1.0\r\n"
    "Content-Type: text/html; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\nTo: {to}\r\n"
    "Message-ID: {message_id}\r\nList-Unsubscribe: <{stop}>\r\n"
    "List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n\r\n"
)


def sink(listener: socket.socket) -> None:
    """A mail server that takes everything and keeps nothing."""
    while True:
        client, _ = listener.accept()
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        client.sendall(b"220 sink\r\n")
        buffer = b""
        in_data = False
        while chunk := client.recv(262_144):
            buffer += chunk
            answers: list[bytes] = []
            while True:
                mark = b"\r\n.\r\n" if in_data else b"\r\n"
                end = buffer.find(mark)
                if end < 0:
                    break
                line, buffer = buffer[:end], buffer[end + len(mark) :]
                if in_data:
                    in_data = False
                    answers.append(b"250 2.0.0 taken\r\n")
                elif line[:4].upper() == b"DATA":
                    in_data = True
                    answers.append(b"354 go on\r\n")
                elif line[:4].upper() == b"EHLO":
                    answers.append(b"250-sink\r\n250-PIPELINING\r\n250-8BITMIME\r\n250 SMTPUTF8\r\n")
                elif line[:4].upper() == b"QUIT":
                    answers.append(b"221 bye\r\n")
                else:
                    answers.append(b"250 2.1.0 ok\r\n")
            client.sendall(b"".join(answers))
        client.close()


def person(number: int) -> Recipient:
    token = f"{number:022x}"
    return Recipient(
        key=f"delivery-{number}",
        address=f"user{number}@customer.example",
        name=f"Jonas Weber {number % 997}",
        message_id=message_id(f"delivery-{number}", "acme.example"),
        links=Links(
            answer=f"https://ask.example/r/{token}",
            unsubscribe=f"https://ask.example/u/{token}",
            ask_less=f"https://ask.example/l/{token}",
            opened=f"https://ask.example/o/{token}.gif",
            trap=f"https://ask.example/t/{token}",
        ),
        tags={
            "first_name": f"Name{number % 997}" if number % 50 else "",
            "account_name": f"Account <{number % 50_000}>",
            "owner_name": f"Sam {number % 40}",
        },
    )


# The floor


def floor_pieces(page: str, known: dict[str, str]) -> list[str]:
    """The page cut where the values of `known` stand; every odd piece names one."""
    for name, value in known.items():
        page = page.replace(html.escape(value), f"\x01{name}\x01")
    return page.split("\x01")


def floor_message(pieces: list[str], number: int) -> bytes:
    who = person(number)
    known = {name: html.escape(value or "there") for name, value in values(who).items()}
    out = pieces[:]
    for index in range(1, len(out), 2):
        out[index] = known[out[index]]
    head = HEAD.format(to=who.address, message_id=who.message_id, stop=who.links.unsubscribe)
    return (head + "".join(out)).replace("\r\n", "\n").replace("\n", "\r\n").encode()


def floor_smtplib(port: int, pieces: list[str], count: int) -> None:
    server = smtplib.SMTP("127.0.0.1", port)
    server.ehlo()
    for number in range(count):
        to = [f"user{number}@customer.example"]
        server.sendmail("ask@acme.example", to, floor_message(pieces, number))
    server.quit()


def floor_pipelined(port: int, pieces: list[str], count: int) -> None:
    wire = socket.create_connection(("127.0.0.1", port))
    wire.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    lines = wire.makefile("rb")
    lines.readline()
    wire.sendall(b"EHLO bench\r\n")
    while lines.readline()[3:4] == b"-":
        pass

    def envelope(number: int) -> bytes:
        return b"MAIL FROM:<ask@acme.example>\r\nRCPT TO:<user%d@customer.example>\r\nDATA\r\n" % number

    wire.sendall(envelope(0))
    for number in range(count):
        answers = [lines.readline()[:3] for _ in range(3)]
        assert answers == [b"250", b"250", b"354"], answers
        following = envelope(number + 1) if number + 1 < count else b"QUIT\r\n"
        wire.sendall(floor_message(pieces, number) + b"\r\n.\r\n" + following)
        assert lines.readline()[:3] == b"250"
    wire.close()


# The product


def product(port: int, message: SurveyMessage, count: int, batch: int) -> None:
    backend = EmailBackend(host="127.0.0.1", port=port)
    sent = 0
    for start in range(0, count, batch):
        letters = [
            Letter.of(number, message.for_delivery(person(number), date=AT))
            for number in range(start, start + batch)
        ]
        outcomes = backend.send_many(letters, fence_many=lambda keys: keys)
        sent += sum(outcome.kind is Kind.SENT for outcome in outcomes.values())
    backend.close()
    assert sent == count, (sent, count)


def build_only(message: SurveyMessage, count: int) -> None:
    for number in range(count):
        message.for_delivery(person(number), date=AT)


def people_only(count: int) -> None:
    for number in range(count):
        values(person(number))


AT = datetime.now(UTC)
SMALL = (
    "<!doctype html><html lang=en><title>x</title><body><p>Hello \x01first_name\x01 of \x01account_name\x01,</p>"
    + "".join(f'<a href="\x01answer_url\x01?score={score}">{score}</a>' for score in range(11))
    + '<a href="\x01unsubscribe_url\x01">Stop</a><p>\x01owner_name\x01</p>'
    + "<p>" + "Some words of the letter and its styles. " * 40 + "</p></body></html>"
)  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--messages", type=int, default=4000)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    count = options.messages // 20 * 20

    listener = socket.create_server(("127.0.0.1", 0))
    port = listener.getsockname()[1]
    server = multiprocessing.get_context("fork").Process(target=sink, args=(listener,), daemon=True)
    server.start()

    compiled = template.compile_mail(
        template.standard(language="en", brand="Fleetdesk & Co", at_most_per_year=4)
    )
    message = SurveyMessage(compiled, sender=Mailbox.of("ask@acme.example", "Acme"))
    sample = person(7)
    page, _ = compiled.personalise(values(sample))
    wanted = {name: value for name, value in values(sample).items() if value}
    ours, small = floor_pieces(page, wanted), SMALL.split("\x01")
    size = len(message.for_delivery(sample, date=AT).data)
    print(f"our message {size:,} bytes (HTML {len(page.encode()):,}); floor {len(floor_message(ours, 7)):,} with our page, "
          f"{len(floor_message(small, 7)):,} with the small one; {count} messages, {options.rounds} rounds")  # fmt: skip

    ways: list[tuple[str, Callable[[], None]]] = [
        ("floor: smtplib, kept connection, small page", lambda: floor_smtplib(port, small, count)),
        ("floor: smtplib, kept connection, our page", lambda: floor_smtplib(port, ours, count)),
        ("floor: raw socket, pipelined, our page", lambda: floor_pipelined(port, ours, count)),
        ("product, batches of 20", lambda: product(port, message, count, 20)),
        ("product, one by one (fence for each)", lambda: product(port, message, count, 1)),
        ("product, building only", lambda: build_only(message, count)),
        ("making the recipients (in all of the above)", lambda: people_only(count)),
    ]
    speeds: dict[str, list[float]] = {name: [] for name, _ in ways}
    cpu: dict[str, list[float]] = {name: [] for name, _ in ways}
    for _ in range(options.rounds):
        for name, run in ways:
            began, used = time.perf_counter(), time.process_time()
            run()
            speeds[name].append(count / (time.perf_counter() - began))
            cpu[name].append((time.process_time() - used) / count * 1e6)
    server.terminate()

    floors = [name for name, _ in ways[:3]]
    print(
        "\n| way | messages/s | client cpu µs | of smtplib, small page | of smtplib, our page | of raw, our page |"
    )
    print("|---|---|---|---|---|---|")
    for name, _ in ways:
        ratios = " | ".join(f"{_ratio(speeds[name], speeds[floor]):.0%}" for floor in floors)
        print(
            f"| {name} | {statistics.median(speeds[name]):,.0f} | {statistics.median(cpu[name]):.0f} | {ratios} |"
        )
    print(
        f"\nsink and client on {os.cpu_count()} cores; P16: must 30 %, aim 70 % of “pieces and kept connection” (smtplib)"
    )


def _ratio(ours: Sequence[float], floor: Sequence[float]) -> float:
    """The median of the ratios within each round."""
    return statistics.median(one / other for one, other in zip(ours, floor, strict=True))


if __name__ == "__main__":
    main()
