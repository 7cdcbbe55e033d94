"""The text of an SMS, and how many parts it takes.

An SMS of one part holds 160 characters of the 7-bit alphabet (3GPP TS 23.038), of which ten count double, or 70 UTF-16
units where a single character is outside that alphabet. A longer one is cut into parts of 153 or 67, because each part
carries a header, and nothing that belongs together (an escaped character, a surrogate pair) is cut in two.
"""

import re
import sys
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

from django.conf import settings
from django.urls import reverse

from surveys import domain, merge, tokens
from surveys.channels.sms.words import command_words, words_for
from surveys.content import Content, Issue, Wording
from surveys.domain import Scale
from surveys.tokens import Purpose

_BASIC = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿"
    "abcdefghijklmnopqrstuvwxyzäöñüà"
)
_ESCAPED = frozenset("\f^{}\\[~]|€")
# Typography that would make a whole message count more than double, for signs that say the same.
_PLAIN = str.maketrans(
    {
        "\u2018": "'", "\u2019": "'", "\u201a": "'", "\u2032": "'", "\u201c": '"', "\u201d": '"', "\u201e": '"',
        "\u00ab": '"', "\u00bb": '"', "\u2010": "-", "\u2011": "-", "\u2012": "-", "\u2013": "-", "\u2014": "-",
        "\u2212": "-", "\u2026": "...", "\u00a0": " ", "\u202f": " ", "\u2009": " ", "\t": " ", "\u200b": "",
        "\u00ad": "", "\ufeff": "",
    }
)  # fmt: skip
# A link in a preview is as long as one of an invitation will be.
_SAMPLE_ID = 10_000_000


class Unsendable(ValueError):
    """This SMS cannot be sent to this person. The text may be stored and shown."""

    def __init__(self, message: str, *, about_number: bool = False) -> None:
        super().__init__(message)
        self.about_number = about_number


@dataclass(frozen=True, slots=True)
class Count:
    """How a text goes over the air: `encoding` is "GSM-7" or "UCS-2", `units` of that alphabet, in `segments` parts."""

    encoding: str
    units: int
    segments: int


def count(body: str) -> Count:
    """How many parts `body` takes."""
    if all(character in _BASIC or character in _ESCAPED for character in body):
        return _counted("GSM-7", [2 if character in _ESCAPED else 1 for character in body], 160, 153)
    return _counted("UCS-2", [2 if ord(character) > 0xFFFF else 1 for character in body], 70, 67)


def _counted(encoding: str, sizes: list[int], alone: int, part: int) -> Count:
    units = sum(sizes)
    if units <= alone:
        return Count(encoding, units, 1)
    segments, room = 1, part
    for size in sizes:
        if size > room:
            segments, room = segments + 1, part
        room -= size
    return Count(encoding, units, segments)


def plain(text: str) -> str:
    """One line without typography and control characters."""
    text = unicodedata.normalize("NFC", text).translate(_PLAIN)
    text = "".join(character if unicodedata.category(character)[0] != "C" else " " for character in text)
    return " ".join(text.split())


def link(invitation_id: int, *, is_test: bool = False) -> str:
    """The short address of the hosted page of an invitation."""
    purpose = Purpose.TEST if is_test else Purpose.ANSWER
    prefix, end = _around(settings.BASE_URL)
    return prefix + tokens.make(purpose, invitation_id) + end


@lru_cache(maxsize=4)
def _around(base: str) -> tuple[str, str]:
    prefix, end = (base + reverse("surveys:short_link", args=["TOKEN"])).split("TOKEN")
    return prefix, end


def compose(
    content: Content,
    language: str,
    *,
    company: str,
    link: str,
    tags: Mapping[str, str | None],
    is_reminder: bool = False,
    limit: int,
) -> str:
    """The SMS of a survey to one person. Raises `Unsendable` where a name is missing or the text is too long."""
    wording = content.wording(language, company=company)
    known = {**tags, "brand": wording.brand}
    body = (
        _in_own_words(wording, link, known)
        if wording.sms
        else _in_built_in_words(content.scale, wording, link, known, is_reminder=is_reminder)
    )
    counted = count(body)
    if counted.segments > limit:
        raise Unsendable(_too_long(counted, limit, is_own=bool(wording.sms)))
    return body


def _in_built_in_words(
    scale: Scale, wording: Wording, link: str, known: Mapping[str, str | None], *, is_reminder: bool
) -> str:
    words = words_for(wording.tag)
    pattern = words.remind if is_reminder else words.ask
    return pattern.format(
        brand=plain(wording.brand),
        question=plain(_filled(wording.question, known, "question")),
        link=link,
        low=scale.low,
        high=scale.high,
        best=plain(wording.scale_high),
    )


def _in_own_words(wording: Wording, link: str, known: Mapping[str, str | None]) -> str:
    """What the author wrote. Who asks, the link and the way out are added where it has none: without them an SMS is
    neither answered on the page nor lawful everywhere."""
    brand = plain(wording.brand)
    pieces = [_filled(piece, known, "SMS text") for piece in wording.sms.split("{link}")]
    body = plain(link.join(pieces))
    if brand.casefold() not in plain(" ".join(pieces)).casefold():
        body = f"{brand}: {body}"
    if len(pieces) == 1:
        body = f"{body} {link}"
    return body if _names_way_out(wording.sms) else f"{body} {words_for(wording.tag).way_out}"


def _names_way_out(text: str) -> bool:
    """Whether a word that is obeyed as a wish to stop stands in `text`, in capitals as such words are written."""
    known = {word.upper() for word in command_words()["stop"]}
    return any(word in known for word in re.findall(r"\w+", text))


def _filled(text: str, known: Mapping[str, str | None], what: str) -> str:
    try:
        parsed = merge.parse(text)
    except merge.MergeError as error:
        raise Unsendable(f"The {what} cannot be filled in. {error}") from None
    missing = parsed.missing(known)
    if missing:
        raise Unsendable(
            f"The {what} names {missing[0]}, which is empty for this contact and has no default."
        )
    return parsed.fill(known)


def _too_long(counted: Count, limit: int, *, is_own: bool) -> str:
    why = "" if counted.encoding == "GSM-7" else ", because it holds a character outside the SMS alphabet"
    remedy = "Shorten it." if is_own else "Shorten the question or the company name, or write an SMS text."
    return f"The SMS takes {counted.segments} parts{why}; at most {limit} are allowed. {remedy}"


@dataclass(frozen=True, slots=True)
class Sample:
    """The SMS of a language as somebody gets it, how it counts, and what stands against it."""

    body: str
    count: Count
    problem: str = ""

    @property
    def room(self) -> int:
        """How many units fit in as many parts as it takes."""
        alone, part = (160, 153) if self.count.encoding == "GSM-7" else (70, 67)
        return alone if self.count.segments == 1 else part * self.count.segments


def sample(content: Content, language: str, *, company: str, limit: int | None = None) -> Sample:
    """The SMS of a survey to an invented person with a name of ordinary length, however long it is."""
    limit = settings.SMS_MAX_SEGMENTS if limit is None else limit
    try:
        body = compose(
            content,
            language,
            company=company,
            link=link(_SAMPLE_ID),
            tags=_sample_tags(content),
            limit=sys.maxsize,
        )
    except Unsendable as error:
        return Sample("", count(""), str(error))
    counted = count(body)
    is_own = bool(content.wording(language, company=company).sms)
    return Sample(body, counted, _too_long(counted, limit, is_own=is_own) if counted.segments > limit else "")


def _sample_tags(content: Content) -> dict[str, str | None]:
    """An invented value for every tag, those of events included, whose names are the author's own."""
    said = " ".join(text for words in content.languages.values() for text in (words.sms, words.question))
    events = re.findall(r"event\.[A-Za-z][A-Za-z0-9_-]{0,59}", said)
    return dict.fromkeys([*merge.TAGS, *events], "Alexandra")


def help_text(language: str, *, brand: str, scale: Scale = domain.NPS) -> str:
    """What somebody is told who asks who we are."""
    return words_for(language).help.format(brand=plain(brand), low=scale.low, high=scale.high)


def problems(content: Content, *, company: str, limit: int | None = None) -> list[Issue]:
    """What stands against asking by SMS, by language, for editors and for the check before a launch.

    Judged with sample names of ordinary length; a person with a longer one is refused by itself when it is sent.
    """
    limit = settings.SMS_MAX_SEGMENTS if limit is None else limit
    found = []
    for tag in content.languages:
        try:
            compose(
                content,
                tag,
                company=company,
                link=link(_SAMPLE_ID),
                tags=_sample_tags(content),
                is_reminder=True,
                limit=limit,
            )
        except Unsendable as error:
            field = "sms" if content.wording(tag, company=company).sms else "question"
            found.append(Issue(f"languages.{tag}.{field}", str(error), tag))
    return found
