"""The survey mail: compiled once, filled for each person, fit for mail clients, and safe from every word in it."""

import datetime as dt
from dataclasses import replace
from email import message_from_bytes, policy

import pytest

from core.mail.message import Mailbox, MessageTemplate, escape
from surveys import merge
from surveys.channels.mail import colour, template
from surveys.channels.mail.lint import lint_compiled
from surveys.channels.mail.message import Links, Recipient, SurveyMessage, message_id, values

LINKS = Links(
    answer="https://ask.example/r/q7Yz3kT0aXb4",
    unsubscribe="https://ask.example/u/q7Yz3kT0aXb4",
    ask_less="https://ask.example/l/q7Yz3kT0aXb4",
    opened="https://ask.example/o/q7Yz3kT0aXb4.gif",
    trap="https://ask.example/t/q7Yz3kT0aXb4",
)
AT = dt.datetime(2026, 3, 17, 10, 0, tzinfo=dt.UTC)
JONAS = {"first_name": "Jonas", "full_name": "Jonas Weber", "owner_name": "Mara Lindqvist"}


def recipient(**tags: str | None) -> Recipient:
    return Recipient(
        key="delivery-7",
        address="jonas@customer.example",
        name="Jonas Weber",
        message_id=message_id("delivery-7", "acme.example"),
        links=LINKS,
        tags={**JONAS, **tags},
    )


def standard(language: str = "en", **changes: object) -> template.SurveyMail:
    mail = template.standard(language=language, brand="Fleetdesk", at_most_per_year=4)
    return replace(mail, **changes)  # type: ignore[arg-type]


@pytest.mark.parametrize("language", ["en", "de"])
def test_the_standard_mail_asks_by_name_and_passes_the_lint(language: str) -> None:
    mail = standard(
        language, postal_address="Fleetdesk GmbH\nHafenstr. 4, Hamburg", logo_url="https://cdn.example/l.png"
    )
    compiled = template.compile_mail(mail)
    rendered = compiled.render(values(recipient()))

    assert template.author_problems(mail) == []
    assert lint_compiled(compiled, values(recipient())) == []
    assert f'<html lang="{language}" dir="ltr"' in rendered.html
    for words in (rendered.html, rendered.text):
        assert "Jonas" in words
        assert "Mara Lindqvist" in words
        assert "Fleetdesk GmbH" in words
        assert all(f"{LINKS.answer}?score={score}" in words for score in range(11))
    assert compiled.slots() <= template.SLOTS


def test_a_person_without_a_name_is_greeted_all_the_same() -> None:
    nobody = values(recipient(first_name="", full_name=None, owner_name=None))

    english = template.compile_mail(standard("en")).render(nobody)
    german = template.compile_mail(standard("de")).render(nobody)

    assert english.text.startswith("Hello there,\n")
    assert "The team at Fleetdesk" in english.html
    assert german.text.startswith("Guten Tag,\n")
    assert "None" not in english.html + english.text + german.html + german.text


HOSTILE = "<img src=x onerror=alert(1)> {{ account_name }} [[question]] &amp; \"'"


def test_what_is_known_of_a_person_is_escaped_and_never_read_again() -> None:
    rendered = template.compile_mail(standard(subject="For {{ first_name }}")).render(
        values(recipient(first_name=HOSTILE, account_name="SECRET"))
    )

    assert f"Hello {HOSTILE}," in rendered.text
    assert f"Hello {escape(HOSTILE)}," in rendered.html
    assert rendered.subject == f"For {HOSTILE}"
    assert "SECRET" not in rendered.html + rendered.text + rendered.subject


def test_what_the_author_writes_is_text_wherever_it_stands() -> None:
    words = "</mj-text><script>alert(1)</script> [[unsubscribe_url]] & \"'"
    mail = standard(
        question=words, intro=words, subject=words, preheader=words, closing=words, signature=f"{words}\n{words}",
        brand=words, low_label=words, high_label=words, footer_note=words, postal_address=words,
    )  # fmt: skip
    compiled = template.compile_mail(mail)
    rendered = compiled.render(values(recipient()))

    assert lint_compiled(compiled, values(recipient())) == []
    assert "<script" not in rendered.html
    assert (
        rendered.html.count(escape(words)) == 13
    )  # the title stands in the head and as the label of the article
    assert words in rendered.text


def test_an_author_s_unknown_tag_is_named_with_its_field_and_refused() -> None:
    mail = standard(intro="Hello {{ user.password }}", question="")

    problems = template.author_problems(mail)

    assert [field for field, _ in problems] == ["intro", "question"]
    assert "Line 1, column 7" in problems[0][1]
    with pytest.raises(merge.MergeError):
        template.compile_mail(mail)


@pytest.mark.parametrize(
    "colour_text", ["red", "#12z", "#12345g", "url(javascript:alert(1))", "#fff;position:fixed", ""]
)
def test_a_colour_that_is_none_is_refused_and_never_reaches_the_page(colour_text: str) -> None:
    mail = standard(colour=colour_text)

    assert [field for field, _ in template.author_problems(mail)] == ["colour"]
    html, _ = template.compile_mail(mail).personalise(values(recipient()))
    assert colour_text == "" or colour_text not in html.replace("colored", "")


@pytest.mark.parametrize(
    "logo",
    ["http://cdn.example/l.png", "javascript:alert(1)", "data:image/png;base64,AA", "https://", "https://a b/", 'https://a"/x',
     "https://good@evil.example/l.png", "https://[", "cid:logo"],
)  # fmt: skip
def test_a_logo_that_is_not_on_https_is_refused_and_left_out(logo: str) -> None:
    mail = standard(logo_url=logo)

    assert [field for field, _ in template.author_problems(mail)] == ["logo_url"]
    html, _ = template.compile_mail(mail).personalise(values(recipient()))
    assert 'n-logo"' not in html


@pytest.mark.parametrize(
    "brand", ["#ffffff", "#000000", "#ffd400", "#1f4e8c", "#b3261e", "#777777", "#00ff00"]
)
def test_any_brand_colour_gives_numbers_that_can_be_read(brand: str) -> None:
    palette = template._Palette.of(brand)
    card, page, dark = colour.parse("#fff"), colour.parse("#f3f5f5"), colour.parse("#1b1e20")

    assert colour.contrast(colour.parse(palette.number), colour.parse(palette.face)) >= 7
    assert colour.contrast(colour.parse(palette.edge), card) >= 1.6
    assert colour.contrast(colour.parse(palette.link), page) >= 4.4
    assert colour.contrast(colour.parse(palette.dark_link), dark) >= 4.4
    assert colour.contrast(colour.parse(palette.dark_face), colour.parse("#ffffff")) >= 4.5


def test_a_product_whose_name_has_braces_is_only_a_name() -> None:
    mail = template.standard(language="en", brand="{{ user }} | {% x %} {0}")

    assert template.author_problems(mail) == []
    assert "{0}" in template.compile_mail(mail).render(values(recipient())).text


def test_a_test_mail_says_so_in_subject_and_both_bodies() -> None:
    rendered = template.compile_mail(standard(is_test=True)).render(values(recipient()))

    assert rendered.subject.startswith("[Test] ")
    assert "This is a test." in rendered.html
    assert "This is a test." in rendered.text


def test_no_third_party_is_asked_for_anything() -> None:
    html, _ = template.compile_mail(standard()).personalise(values(recipient()))

    assert "googleapis" not in html
    assert "<link" not in html
    assert "@import" not in html


def test_a_hundred_long_values_still_make_a_fit_mail() -> None:
    mail = standard(intro=" ".join(["{{ account_name }}"] * 100))
    person = values(recipient(account_name="<&\"'>" * 100))
    compiled = template.compile_mail(mail)
    data = SurveyMessage(compiled, sender=Mailbox.of("ask@acme.example")).for_delivery(
        recipient(account_name="<&\"'>" * 100), date=AT
    )

    assert lint_compiled(compiled, person, data=data.data) == []


def test_the_message_carries_what_the_compiled_mail_says() -> None:
    compiled = template.compile_mail(standard("de", subject="Grüße an {{ first_name }}"))
    message = SurveyMessage(
        compiled,
        sender=Mailbox.of("ask@acme.example", "Mara bei Fleetdesk"),
        unsubscribe_mailto="stop@acme.example",
    )
    person = recipient(first_name="Jörg")

    built = message.for_delivery(person, date=AT)
    read = message_from_bytes(built.data, policy=policy.default)
    bodies = [part.get_content().replace("\r\n", "\n") for part in read.iter_parts()]

    assert bodies == [compiled.render(values(person)).text, compiled.render(values(person)).html]
    assert read["Subject"] == "Grüße an Jörg"
    assert read["Content-Language"] == "de"
    assert read["X-Delivery"] == "delivery-7"
    assert read["Message-ID"] == person.message_id == message_id("delivery-7", "acme.example")
    assert (
        read["List-Unsubscribe"] == f"<{LINKS.unsubscribe}>, <mailto:stop@acme.example?subject=unsubscribe>"
    )
    assert read["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert lint_compiled(compiled, values(person), data=built.data) == []
    assert built.data.isascii()


def test_other_backends_get_the_delivery_s_key() -> None:
    message = SurveyMessage(template.compile_mail(standard()), sender=Mailbox.of("ask@acme.example"))

    django_message = message.as_django(recipient(), date=AT)

    assert django_message.metadata == {"delivery": "delivery-7"}  # type: ignore[attr-defined]
    assert django_message.extra_headers["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert django_message.to == ['"Jonas Weber" <jonas@customer.example>']


def test_compiling_twice_gives_the_same_pieces() -> None:
    mail = standard()

    assert template.compile_mail(mail) == template.compile_mail(mail)
    assert isinstance(
        SurveyMessage(template.compile_mail(mail), sender=Mailbox.of("a@b.example"))._template,
        MessageTemplate,
    )
