"""The message builder: complete messages, joined from encoded pieces, that no value can break out of."""

import datetime as dt
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.mail.address import Address, BadAddress, clean
from core.mail.message import Hole, Mailbox, MessageTemplate, Unsendable, Unsubscribe, escape, header_text

AT = dt.datetime(2026, 3, 17, 10, 0, tzinfo=dt.UTC)
URL = "https://ask.example/u/abc"


def template_for(**changes: Any) -> MessageTemplate:
    settings: dict[str, Any] = {
        "sender": Mailbox.of("ask@acme.example", "Mara at Acme"),
        "reply_to": Mailbox.of("mara@acme.example"),
        "subject": ["Hello", Hole("name", "there", " "), ", a question"],
        "text": [
            "Hello",
            Hole("name", "there", " "),
            ",\n.\nGrüße\n",
            Hole("url", is_url=True),
            "?score=1 \n",
        ],
        "html": [
            "<p>Hello",
            Hole("name", "there", " "),
            '</p><a href="',
            Hole("url", is_url=True),
            '?score=1">1</a>\n',
        ],
    }
    return MessageTemplate(**{**settings, **changes})


def build(
    template: MessageTemplate, *, name: str | None = "Jonas", to: str = "jonas@c.example", **more: Any
) -> bytes:
    return template.build(
        to=Mailbox.of(to, more.pop("to_name", name or "")),
        message_id="<d1@acme.example>",
        date=AT,
        values={"name": name, "url": URL},
        **more,
    ).data


def read(data: bytes) -> EmailMessage:
    message = message_from_bytes(data, policy=policy.default)
    assert isinstance(message, EmailMessage)
    return message


def parts(message: EmailMessage) -> tuple[str, str]:
    text, html = message.get_body(("plain",)), message.get_body(("html",))
    assert text is not None
    assert html is not None
    return text.get_content().replace("\r\n", "\n"), html.get_content().replace("\r\n", "\n")


def test_a_message_has_its_headers_and_both_bodies() -> None:
    data = build(
        template_for(headers={"Feedback-ID": "1:survey"}), unsubscribe=Unsubscribe(URL, "stop@acme.example")
    )
    message = read(data)

    assert dict(message.items()) == {
        "To": "Jonas <jonas@c.example>",
        "Subject": "Hello Jonas, a question",
        "Message-ID": "<d1@acme.example>",
        "Date": "Tue, 17 Mar 2026 10:00:00 +0000",
        "List-Unsubscribe": f"<{URL}>, <mailto:stop@acme.example?subject=unsubscribe>",
        "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
        "From": "Mara at Acme <ask@acme.example>",
        "Reply-To": "mara@acme.example",
        "Feedback-ID": "1:survey",
        "Auto-Submitted": "auto-generated",
        "MIME-Version": "1.0",
        "Content-Type": message["Content-Type"],
    }
    assert parts(message) == (
        f"Hello Jonas,\n.\nGrüße\n{URL}?score=1 \n",
        f'<p>Hello Jonas</p><a href="{URL}?score=1">1</a>\n',
    )


def test_lines_that_begin_with_dots_arrive_and_need_no_stuffing() -> None:
    text = [".\n..\n", Hole("name"), ". End\n" + "." * 200 + "\n"]
    data = build(template_for(text=text))

    assert parts(read(data))[0] == ".\n..\nJonas. End\n" + "." * 200 + "\n"
    assert b"\n." not in data


def test_an_empty_value_takes_the_default_and_never_says_none() -> None:
    template = template_for(subject=["Hi", Hole("name", "", " "), ","])

    for nothing in (None, "", "  ", "\u202e\x00"):
        message = read(build(template, name=nothing, to_name=""))
        assert message["Subject"] == "Hi,"
        assert parts(message)[0].startswith("Hello there,")


HOSTILE = [
    "Bob\r\nBcc: victim@x.example",
    "Bob\nSubject: other",
    'Bob" <a@b.example>, "x',
    "<img src=x onerror=alert(1)>",
    "{{ account.mrr }} [[question]] %(a)s ${7*7} {0}",
    "=?utf-8?b?SGk=?=",
    "Gr\u00fc\u00dfe \U0001f600 \u5927",
    "a\u202eb\x00c\u2028d\ud800e",
    "." * 5,
    "\r\n.\r\nMAIL FROM:<x@y.z>",
    "x" * 500,
    "\u00e9" * 500,
    "a " * 100,
]


@pytest.mark.parametrize("value", HOSTILE)
def test_no_value_adds_a_header_or_is_read_again(value: str) -> None:
    template = template_for()
    plain, hostile = read(build(template)), read(build(template, name=value))
    text, html = parts(hostile)

    assert hostile.keys() == plain.keys()
    assert not hostile.defects
    assert len(hostile["To"].addresses) == 1
    assert hostile["To"].addresses[0].addr_spec == "jonas@c.example"
    said = " ".join(clean(value.replace("\r", "\n").replace("\n", " ")).split())
    said = said if len(said) <= 120 else said[:119].rstrip() + "…"
    assert " ".join(text.split(",\n.\n")[0].split()) == f"Hello {said}"
    assert html.startswith(f"<p>Hello {escape(said)}</p>") or "  " in clean(value)
    assert " ".join(hostile["Subject"].split()) == f"Hello {said}, a question"


@given(st.text(max_size=300), st.text(max_size=80))
def test_every_message_obeys_the_line_rules(name: str, to_name: str) -> None:
    data = build(template_for(), name=name, to_name=to_name, unsubscribe=Unsubscribe(URL))
    head, _, body = data.partition(b"\r\n\r\n")

    assert data.isascii()
    assert data.count(b"\r") == data.count(b"\n") == data.count(b"\r\n")
    assert max(map(len, body.split(b"\r\n"))) <= 76
    assert max(map(len, head.split(b"\r\n"))) <= 200
    message = read(data)
    assert message["To"].addresses[0].addr_spec == "jonas@c.example"
    assert len(message.keys()) == len(set(message.keys())) == 11


@pytest.mark.parametrize("end", ["x", "é", "=", " .", " "])
@pytest.mark.parametrize("length", range(60, 80))
def test_a_value_may_end_in_any_column(length: int, end: str) -> None:
    data = build(template_for(text=["é" + "x" * length + end, Hole("name")]), name="é" + "x" * length + end)

    assert max(map(len, data.partition(b"\r\n\r\n")[2].split(b"\r\n"))) <= 76
    assert parts(read(data))[0].count("x" * length) == 2


@given(st.text(alphabet=st.characters(exclude_categories=["Cc", "Cs", "Co", "Cf"]), max_size=200))
def test_a_header_text_survives_its_encoding(text: str) -> None:
    text = " ".join(clean(text).split())
    data = b"Subject: " + header_text(text, used=9).encode("ascii") + b"\r\n\r\n"

    assert read(data)["Subject"] == text


@pytest.mark.parametrize(
    "url", ["", None, "javascript:alert(1)", "https://a.example/ b", 'https://a"b', "https://a\r\nX: y"]
)
def test_a_link_that_is_no_web_address_stops_the_message(url: str | None) -> None:
    with pytest.raises(Unsendable):
        template_for().build(
            to=Mailbox.of("a@c.example"), message_id="<d@x.example>", date=AT, values={"name": "", "url": url}
        )


@pytest.mark.parametrize(
    "message_id", ["", "d1", "<d1>", "<d 1@x.example>", "<d1@x.example>\r\nBcc: a@b", "<d\u00e9@x.example>"]
)
def test_a_bad_message_id_stops_the_message(message_id: str) -> None:
    with pytest.raises(Unsendable):
        template_for().build(
            to=Mailbox.of("a@c.example"), message_id=message_id, date=AT, values={"name": "", "url": URL}
        )


@pytest.mark.parametrize("name", ["Bcc", "to", "X-A: b\r\nBcc", "Content-Type", "", "X A"])
def test_a_header_of_the_builders_own_or_of_no_name_is_refused(name: str) -> None:
    with pytest.raises(Unsendable):
        template_for(headers={name: "x"})
    with pytest.raises(Unsendable):
        build(template_for(), headers={name: "x"})


def test_a_header_value_stays_one_header() -> None:
    message = read(build(template_for(), headers={"X-Delivery": "7\r\nBcc: v@x.example"}))

    assert message["X-Delivery"] == "7 Bcc: v@x.example"
    assert message["Bcc"] is None


def test_unsubscribing_by_one_click_is_offered_over_https_only() -> None:
    message = read(build(template_for(), unsubscribe=Unsubscribe("http://localhost:8000/u/abc")))

    assert message["List-Unsubscribe"] == "<http://localhost:8000/u/abc>"
    assert message["List-Unsubscribe-Post"] is None


def test_an_international_address_is_written_as_it_travels() -> None:
    built = template_for().build(
        to=Mailbox.of("jürgen@straße.example", "Jürgen"),
        message_id="<d@x.example>",
        date=AT,
        values={"name": "Jürgen", "url": URL},
    )

    assert built.rcpt == "jürgen@xn--strae-oqa.example"
    assert built.smtputf8
    assert read(built.data)["To"].addresses[0].domain == "xn--strae-oqa.example"


@pytest.mark.parametrize(
    ("written", "kept"),
    [
        ("a+tag@c.example", "a+tag@c.example"),
        ("o'neil@c.example", "o'neil@c.example"),
        ("a@EXÄMPLE.de", "a@xn--exmple-cua.de"),
        ("ü@exämple.de", "ü@xn--exmple-cua.de"),
    ],
)
def test_addresses_people_have_are_taken(written: str, kept: str) -> None:
    assert str(Address.parse(written)) == kept


@pytest.mark.parametrize(
    "written",
    ["", "a", "a@", "@b.c", "a b@c.d", "a@b@c.d", "a@b.c\nBcc:x@y", "<a@b.c>", '"a b"@c.d', "a,b@c.d", "a@b..c", "a@.c",
     "a@b c", "é\u202e@c.d", "é \u00a0@c.d", f"{'a' * 65}@c.d", f"a@{'b' * 64}.c", "a@" + "b." * 130 + "c", "a\x00@b.c"],
)  # fmt: skip
def test_addresses_that_are_none_are_refused(written: str) -> None:
    with pytest.raises(BadAddress):
        Address.parse(written)


def test_other_backends_get_the_same_message(settings: Any) -> None:
    message = template_for(sender=Mailbox.of("ask@acme.example", 'Mära "M" Li, Acme')).as_django(
        to=Mailbox.of("jonas@c.example", "Jönas"),
        message_id="<d1@acme.example>",
        date=AT,
        values={"name": "Jönas\r\nBcc: v@x.example", "url": URL},
        key="delivery-1",
        unsubscribe=Unsubscribe(URL),
    )
    sent = read(message.message().as_bytes())

    assert message.metadata == {"delivery": "delivery-1"}  # type: ignore[attr-defined]
    assert sent["Subject"] == "Hello Jönas Bcc: v@x.example, a question"
    assert sent["From"].addresses[0].display_name == 'Mära "M" Li, Acme'
    assert sent["To"].addresses[0].display_name == "Jönas"
    assert sent["Message-ID"] == "<d1@acme.example>"
    assert sent["List-Unsubscribe"] == f"<{URL}>"
    assert sent["Reply-To"] == "mara@acme.example"
    assert f'href="{URL}?score=1"' in parts(sent)[1]


def test_other_backends_are_not_given_an_address_they_may_not_carry() -> None:
    with pytest.raises(Unsendable):
        template_for().as_django(
            to=Mailbox.of("jürgen@c.example"),
            message_id="<d@x.example>",
            date=AT,
            values={"url": URL},
            key="1",
        )
