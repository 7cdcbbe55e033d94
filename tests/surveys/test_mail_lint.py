"""The lint sees every defect that makes a mail unfit, each planted here in a mail that is fit."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from surveys.channels.mail import template
from surveys.channels.mail.lint import lint, lint_compiled

ANSWER = "https://ask.example/r/abc"
STOP = "https://ask.example/u/abc"
TRAP = "https://ask.example/t/abc"
SCORES = [f"{ANSWER}?score={score}" for score in range(11)]
PERSON = {
    "first_name": "Jonas",
    "answer_url": ANSWER,
    "unsubscribe_url": STOP,
    "ask_less_url": "https://ask.example/l/abc",
    "open_url": "https://ask.example/o/abc.gif",
    "trap_url": TRAP,
}
FIT = template.compile_mail(template.standard(language="en", brand="Fleetdesk")).render(PERSON)
WIRE = (
    b"From: a@b.example\r\nTo: c@d.example\r\nMessage-ID: <a@b>\r\nDate: x\r\nList-Unsubscribe: <x>\r\n"
    b"List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n\r\nbody\r\n"
)


def codes(
    *, html: str = FIT.html, text: str = FIT.text, subject: str = FIT.subject, data: bytes = WIRE
) -> set[str]:
    found = lint(
        html=html,
        text=text,
        subject=subject,
        score_urls=SCORES,
        unsubscribe_url=STOP,
        hidden_urls=[TRAP],
        data=data,
    )
    return {finding.code for finding in found}


def test_a_fit_mail_has_no_findings() -> None:
    assert codes() == set()


def _before_end(markup: str) -> Callable[[str], str]:
    return lambda html: html.replace("</body>", markup + "</body>")


def _swap(old: str, new: str, count: int = -1) -> Callable[[str], str]:
    assert old in FIT.html, old
    return lambda html: html.replace(old, new, count)


DEFECTS: list[tuple[str, Callable[[str], str]]] = [
    ("forbidden_tag", _before_end("<script>alert(1)</script>")),
    ("forbidden_tag", _before_end("<SCRIPT src=x></SCRIPT>")),
    ("forbidden_tag", _before_end("<form></form>")),
    ("forbidden_tag", _before_end("<input>")),
    ("forbidden_tag", _before_end("<iframe></iframe>")),
    ("forbidden_tag", _before_end("<object></object>")),
    ("forbidden_tag", _before_end("<base href='https://x.example'>")),
    ("forbidden_tag", _before_end("<svg></svg>")),
    ("forbidden_tag", _before_end("<link href='https://x.example/a.css'>")),
    ("forbidden_tag", _before_end("<meta http-equiv=refresh content=0>")),
    ("handler", _before_end("<p onclick='x()'>x</p>")),
    ("handler", _before_end("<p ONMOUSEOVER=x>x</p>")),
    ("css", _before_end("<p style='position:fixed'>x</p>")),
    ("css", _before_end("<p style='background:url(https://x.example)'>x</p>")),
    ("css", _before_end("<style>@import 'x'</style>")),
    ("table_role", _before_end("<table><tr><td>x</td></tr></table>")),
    ("table_role", _before_end("<!--[if mso]><table><tr><td>x</td></tr></table><![endif]-->")),
    ("conditional", _before_end("<!--[if mso]>")),
    ("alt", _before_end("<img src='https://x.example/a.png' width=4>")),
    ("image_address", _before_end("<img src='http://x.example/a.png' alt='' width=4>")),
    ("image_address", _before_end("<img src='cid:a' alt='' width=4>")),
    ("image_width", _before_end("<img src='https://x.example/a.png' alt=''>")),
    ("address", _before_end("<a href='javascript:alert(1)'>x</a>")),
    ("address", _before_end("<a href=' JAVASCRIPT:alert(1)'>x</a>")),
    ("address", _before_end("<a href='java\nscript:alert(1)'>x</a>")),
    ("address", _before_end("<a href='data:text/html,x'>x</a>")),
    ("address", _before_end("<a href='http://127.0.0.1/'>x</a>")),
    ("address", _before_end("<a href='http://2130706433/'>x</a>")),
    ("address", _before_end("<a href='http://[::1]/'>x</a>")),
    ("address", _before_end("<a href='https://good@evil.example'>x</a>")),
    ("address", _before_end("<a href='https://p\u0430ypal.com'>x</a>")),
    ("address", _before_end("<a href='https://xn--pypal-4ve.com'>x</a>")),
    ("address", _before_end("<a href='/relative'>x</a>")),
    ("address", _before_end("<a href=''>x</a>")),
    ("misleading_link", _before_end("<a href='https://evil.example'>www.bank.example</a>")),
    ("personal_link", _before_end("<a href='https://x.example/?e=jonas@c.example'>x</a>")),
    ("personal_link", _before_end("<a href='https://x.example/?e=jonas%40c.example'>x</a>")),
    ("hidden_link", _before_end("<a href='https://x.example' style='display:none'>x</a>")),
    ("hidden_link", _before_end("<div style='display:none'><a href='https://x.example'>x</a></div>")),
    ("empty_link", _before_end("<a href='https://x.example'></a>")),
    ("scores", _swap(f'{ANSWER}?score=7"', f'{ANSWER}?score=8"')),
    ("scores", _swap(f'{ANSWER}?score=7"', 'https://ask.example/r/other?score=7"')),
    ("scores", _before_end(f"<a href='{ANSWER}?score=3'>3</a>")),
    ("scores", _swap('class="n-score" aria-label="4 of 10" style="display:block', 'style="display:none')),
    ("score_words", _swap("&nbsp;9&nbsp;", "&nbsp;0&nbsp;")),
    ("unsubscribe", _swap(f'href="{STOP}"', 'href="https://ask.example/u/other"')),
    (
        "unsubscribe_hidden",
        _swap(f'href="{STOP}" class="n-link" style="', f'href="{STOP}" style="display:none;'),
    ),
    (
        "unsubscribe_hidden",
        _swap(f'href="{STOP}" class="n-link" style="', f'href="{STOP}" style="font-size:1px;'),
    ),
    (
        "unsubscribe_hidden",
        _swap(f'href="{STOP}" class="n-link" style="', f'href="{STOP}" style="color:#ffffff;'),
    ),
    ("unsubscribe_hidden", _swap(">Unsubscribe</a>", "></a>")),
    ("lang", _swap(' lang="en" dir="ltr" xmlns=', ' dir="ltr" xmlns=')),
    ("dir", _swap(' lang="en" dir="ltr" xmlns=', ' lang="en" xmlns=')),
    ("title", _swap("<title>A quick question from Fleetdesk</title>", "<title> </title>")),
    ("doctype", _swap("<!doctype html>", "")),
    ("tables", lambda html: html.replace("<table", "<div")),
    ("inlined", lambda html: html.replace(' style="', ' data-style="')),
    ("size", _before_end("<p>" + "ü" * 52_000 + "</p>")),
    ("control", _before_end("a\u202eb")),
]


@pytest.mark.parametrize(("code", "plant"), DEFECTS)
def test_a_defect_of_the_html_is_found(code: str, plant: Callable[[str], str]) -> None:
    assert code in codes(html=plant(FIT.html))


@pytest.mark.parametrize(
    ("code", "text"),
    [
        ("text", " \n"),
        ("text_scores", FIT.text.replace("?score=5\n", "?score=6\n")),
        ("text_scores", FIT.text.replace(ANSWER, "https://other.example")),
        ("text_unsubscribe", FIT.text.replace(STOP, "")),
        ("text_markup", FIT.text + "<br>"),
        ("control", FIT.text + "\x00"),
    ],
)
def test_a_defect_of_the_text_is_found(code: str, text: str) -> None:
    assert code in codes(text=text)


@pytest.mark.parametrize("subject", ["", "  ", "a\r\nBcc: x", "x" * 400])
def test_a_defect_of_the_subject_is_found(subject: str) -> None:
    assert "subject" in codes(subject=subject)


@pytest.mark.parametrize(
    ("code", "data"),
    [
        ("line_length", WIRE + b"x" * 999),
        ("line_ends", WIRE + b"a\nb"),
        ("header", WIRE.replace(b"List-Unsubscribe-Post", b"X-Other")),
        ("header", WIRE.replace(b"List-Unsubscribe: ", b"X: ")),
        ("header", WIRE.replace(b"Message-ID", b"X")),
    ],
)
def test_a_defect_of_the_message_on_the_wire_is_found(code: str, data: bytes) -> None:
    assert code in codes(data=data)


def test_the_hidden_link_for_scanners_is_no_defect() -> None:
    assert TRAP in FIT.html
    assert codes() == set()


def test_a_product_tried_on_one_machine_may_name_itself_without_https() -> None:
    here = "http://127.0.0.1:8000"
    local = {name: value.replace("https://ask.example", here) for name, value in PERSON.items()}
    mail = template.compile_mail(
        replace(template.standard(language="en", brand="Fleetdesk"), logo_url=f"{here}/logo.png")
    )

    assert lint_compiled(mail, local, is_local=True) == []
    assert {finding.code for finding in lint_compiled(mail, local)} == {"address", "image_address"}
