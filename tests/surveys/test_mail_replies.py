"""What people write back: read, cut, told from what programs write. Pure."""

from email import message_from_string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from surveys.channels.mail import replies


@pytest.mark.parametrize(
    "quoted",
    [
        "On Mon, 3 Mar 2026 at 10:00, Anna Berg (Nord) <a@b.example> wrote:\n> old",
        "On Mon, 3 Mar 2026 at 10:00, Anna Berg (Nord) <a-very-long-address@b.example>\nwrote:\n\n> old",
        "Am 03.03.2026 um 10:00 schrieb Anna Berg <a@b.example>:\n> alt",
        "Le lun. 3 mars 2026 à 10:00, Anna <a@b.example> a écrit :\n> vieux",
        "El lun, 3 mar 2026 a las 10:00, Anna (<a@b.example>) escribió:\n> viejo",
        "Il giorno lun 3 mar 2026 alle ore 10:00 Anna <a@b.example> ha scritto:\n> vecchio",
        "Op ma 3 mrt 2026 om 10:00 schreef Anna <a@b.example>:\n> oud",
        "-----Original Message-----\nFrom: Anna",
        "________________________________\nFrom: Anna",
        "-----Ursprüngliche Nachricht-----\nVon: Anna",
        "From: Anna <a@b.example>\nSent: Monday\nTo: Ida\nSubject: A question",
        "Von: Anna <a@b.example>\nGesendet: Montag\nAn: Ida\nBetreff: Eine Frage",
        "> old\n> older",
        "-- \nIda Holm\nFjord Freight",
    ],
)
def test_what_is_answered_is_cut_off(quoted: str) -> None:
    assert (
        replies.latest(f"The export is slow.\nPlease look.\n\n{quoted}\n")
        == "The export is slow.\nPlease look."
    )


@pytest.mark.parametrize(
    "text",
    [
        "From: here on it went wrong.\nTo: be honest, I do not know why.",
        "On Monday it was down.\nOur team wrote to you: no answer.",
        "> what do you like\nThe speed\n> and what not\nThe price",
        "5 _ 6 is fine",
    ],
)
def test_a_persons_own_words_stay(text: str) -> None:
    assert replies.latest(text) == text


def test_a_mail_of_nothing_but_a_quotation_is_shown_whole() -> None:
    assert replies.latest("> all of it\n> quoted") == "> all of it\n> quoted"


@given(st.text(max_size=500))
def test_cutting_never_adds_and_never_ends_in_nothing(text: str) -> None:
    cut = replies.latest(text)
    assert len(cut) <= len(text)
    assert bool(cut.strip()) == bool(text.strip())


def test_a_mail_without_a_text_part_is_read_from_its_html() -> None:
    html = (
        "<html><head><title>T</title><style>p{color:red}</style></head><body><p>Slow &amp; dear</p><div>but<br>good</div>"
        '<script>alert("x")</script><img src=x onerror=alert(1)>'
        '<div class="gmail_quote"><blockquote>How likely…</blockquote></div></body></html>'
    )

    text = replies.words(None, html)

    assert replies.latest(text) == "Slow & dear\nbut\ngood"
    assert "How likely…" in text
    assert "alert" not in text
    assert "<" not in text


@given(st.text(max_size=300))
def test_no_html_breaks_the_reading(html: str) -> None:
    said = replies.words("", f"<p>{html}")
    assert "\x00" not in said
    said.encode()


def test_nothing_in_a_body_can_trouble_a_database_or_a_page() -> None:
    assert replies.words("a\x00b\x07c\u202ed\ud800e\r\nf", None) == "abcde\nf"
    assert len(replies.words("x" * 1_000_000, None)) == replies.MAX_BODY


@pytest.mark.parametrize(
    "head",
    [
        "Auto-Submitted: auto-replied", "Auto-Submitted: auto-generated; x=y", "X-Autoreply: yes", "X-Autorespond: x",
        "Precedence: bulk", "Precedence: auto_reply", "X-Auto-Response-Suppress: All",
        "Subject: Automatic reply: A question", "Subject: Automatische Antwort: Eine Frage", "Subject: Out of Office",
        "Subject: Réponse automatique : absent", "Subject: Respuesta automática: x", "Subject: Risposta automatica: x",
        "Subject: Automatisch antwoord: x", "Subject: Resposta automática", "Subject: Autosvar: x",
        "Subject: Re: Out of the office until Monday", "Subject: Abwesenheitsnotiz", "Subject: 自動返信: x",
    ],
)  # fmt: skip
def test_what_a_program_wrote_is_recognised(head: str) -> None:
    assert replies.is_automatic(message_from_string(f"{head}\n\nI am away."))


@pytest.mark.parametrize(
    "head",
    [
        "Subject: Re: A question", "Auto-Submitted: no", "Precedence: first-class", "Subject: Our office is out of paper",
        "Subject: Re: automatically sent?", "Subject: absolutely",
    ],
)  # fmt: skip
def test_what_a_person_wrote_is_not_taken_for_a_program(head: str) -> None:
    message = message_from_string(f"{head}\n\nFine.")
    assert not replies.is_automatic(message, envelope_sender="ida@fjord.example")
    assert replies.is_automatic(message, envelope_sender="<>")


@pytest.mark.parametrize(
    ("text", "is_stop"),
    [
        ("Unsubscribe", True), ("STOP!", True), ("Please remove me.", True), ("abmelden", True),
        ("unsubscribe\n\nOn 3 March 2026, Anna wrote:\n> a question", True), ("Stop asking, fix the export", False),
        ("I could not find the unsubscribe link", False), ("", False),
    ],
)  # fmt: skip
def test_only_a_reply_that_says_nothing_else_means_stop(text: str, is_stop: bool) -> None:
    assert replies.says_stop(text, "Re: A question") is is_stop


def dsn(*, action: str = "failed", status: str = "5.1.1", original: str = "<abc@nordlicht.example>") -> str:
    return (
        "From: MAILER-DAEMON@mx.example\nSubject: Undelivered\nMIME-Version: 1.0\n"
        'Content-Type: multipart/report; report-type=delivery-status; boundary="b"\n\n'
        "--b\nContent-Type: text/plain\n\nSorry.\n"
        "--b\nContent-Type: message/delivery-status\n\nReporting-MTA: dns; mx.example\n\n"
        f"Final-Recipient: rfc822; ida@fjord.example\nAction: {action}\nStatus: {status}\n"
        "Diagnostic-Code: smtp; 550 no such user\n\n"
        f"--b\nContent-Type: text/rfc822-headers\n\nSubject: A question\nMessage-ID: {original}\n\n--b--\n"
    )


def test_a_bounce_says_which_mail_and_why() -> None:
    found = replies.bounce_of(message_from_string(dsn()))

    assert found == replies.Bounce("5.1.1", "smtp; 550 no such user", "<abc@nordlicht.example>")
    assert found.is_lasting


def test_a_delay_is_no_bounce() -> None:
    assert replies.bounce_of(message_from_string(dsn(action="delayed", status="4.4.1"))) is None


def test_a_mail_that_only_looks_like_a_bounce_is_none() -> None:
    assert replies.bounce_of(message_from_string("Subject: Undelivered Mail\n\nStatus: 5.1.1")) is None
    assert replies.bounce_of(message_from_string(dsn(original="none"))) is None
