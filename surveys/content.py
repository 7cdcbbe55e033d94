"""What a survey version says and how it looks, as typed values; stored as JSON in `SurveyVersion.content`.

An author may leave any text empty: it then falls back from a regional language to its parent (de-AT → de) and from there
to the built-in words of that language, a category's text to the one for all categories. So every language of a survey
is complete from the start. In texts, `{subject}` stands for the product's name and `{brand}` for the company's; mail
texts take all merge tags of surveys.merge, texts of the hosted page only those that tell a stranger nothing.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any
from urllib.parse import urlsplit

from core.errors import Invalid
from core.mail.address import Address, BadAddress, clean, clean_lines
from surveys import merge, texts
from surveys.channels.mail import colour

CATEGORIES = ("promoter", "passive", "detractor")
KINDS = ("default", *CATEGORIES)
DEFAULT_COLOUR = colour.DEFAULT
# A link can be forwarded, so the page says no more of a person than the first name.
PAGE_TAGS: Mapping[str, str] = {
    name: merge.TAGS[name] for name in ("first_name", "brand", "owner_first_name") if name in merge.TAGS
}
MAIL_TEXTS: Mapping[str, int] = {
    "subject": 200,
    "preheader": 200,
    "intro": 5000,
    "closing": 1000,
    "signature": 500,
}
QUESTION_LENGTH = 300
FOLLOW_UP_LENGTH = 300
THANKS_LENGTH = 1000
LINK_LABEL_LENGTH = 80
LINK_URL_LENGTH = 500
NAME_LENGTH = 80
LABELS: Mapping[str, str] = {
    "subject_name": "Product or company asked about",
    "brand_name": "Company name",
    "brand_colour": "Brand colour",
    "sender_name": "Sender name",
    "reply_to": "Reply-to address",
    "default_language": "Default language",
    "languages": "Languages",
    "subject": "Subject",
    "preheader": "Preview line",
    "intro": "Introduction",
    "question": "Question",
    "closing": "Closing line",
    "signature": "Signature",
    "follow_up": "Follow-up question",
    "thanks": "Thank-you text",
    "link_label": "Link text",
    "link_url": "Link address",
}


@dataclass(frozen=True, slots=True)
class Issue:
    """Something an author should know of: where (a dotted path, as in the API), in which language, and what to do."""

    field: str
    message: str
    language: str = ""

    @property
    def label(self) -> str:
        """The field as people know it: "Introduction (Deutsch)"."""
        parts = self.field.split(".")
        name = next((LABELS[part] for part in reversed(parts) if part in LABELS), self.field)
        kind = next((part for part in parts if part in CATEGORIES), "")
        where = [kind] if kind else []
        if self.language:
            where.append(texts.language_for(self.language).name)
        return f"{name} ({', '.join(where)})" if where else name


@dataclass(frozen=True, slots=True, kw_only=True)
class Thanks:
    """What is said after an answer, and where a reader may go from there."""

    text: str = ""
    link_label: str = ""
    link_url: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Words:
    """An author's texts in one language; an empty one falls back. `follow_up` and `thanks` are keyed by `KINDS`."""

    subject: str = ""
    preheader: str = ""
    intro: str = ""
    question: str = ""
    closing: str = ""
    signature: str = ""
    follow_up: Mapping[str, str] = field(default_factory=dict)
    thanks: Mapping[str, Thanks] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Logo:
    """The size of the uploaded picture, for mail clients that want it said."""

    width: int = 0
    height: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    label: str
    url: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Farewell:
    text: str
    link: Link | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Wording:
    """Everything said in one language, all fallbacks taken and {subject} and {brand} filled in.

    The mail texts and the page texts may still carry merge tags: `surveys.merge` for mail, `say` for the page.
    """

    tag: str
    direction: str
    brand: str
    subject_name: str
    subject: str
    preheader: str
    intro: str
    question: str
    closing: str
    signature: str
    follow_ups: Mapping[str, str]
    farewells: Mapping[str, Farewell]
    texts: texts.Texts

    def follow_up(self, category: str = "") -> str:
        """The second question: of a category, or the neutral one before a score is chosen."""
        return self.follow_ups[category or "default"]

    def farewell(self, category: str) -> Farewell:
        return self.farewells[category]


@dataclass(frozen=True, slots=True, kw_only=True)
class Content:
    """The content of one version."""

    subject_name: str = ""
    brand_name: str = ""
    brand_colour: str = DEFAULT_COLOUR
    sender_name: str = ""
    reply_to: str = ""
    default_language: str = texts.DEFAULT_LANGUAGE
    track_opens: bool = True
    logo: Logo = Logo()
    languages: Mapping[str, Words] = field(default_factory=lambda: {texts.DEFAULT_LANGUAGE: Words()})

    # Reading and writing

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> "Content":
        """The content stored as `data`. Raises `Invalid` naming the field for a wrong type or an unknown name."""
        return _content(data)

    def to_json(self) -> dict[str, Any]:
        return {
            "subject_name": self.subject_name,
            "brand_name": self.brand_name,
            "brand_colour": self.brand_colour,
            "sender_name": self.sender_name,
            "reply_to": self.reply_to,
            "default_language": self.default_language,
            "track_opens": self.track_opens,
            "logo": {"width": self.logo.width, "height": self.logo.height},
            "languages": {tag: _words_json(words) for tag, words in self.languages.items()},
        }

    # Choosing words

    def language_for(self, tag: str | None) -> str:
        """The survey's language for a reader's: exact, then ever shorter, then the default."""
        offered = {key.lower(): key for key in self.languages}
        parts = (tag or "").strip().replace("_", "-").lower().split("-")
        while parts:
            found = offered.get("-".join(parts))
            if found is not None:
                return found
            parts.pop()
        return self.default_language

    def wording(self, language: str | None, *, company: str = "", is_reminder: bool = False) -> Wording:
        """What is said to a reader of `language`. `company` stands in where no company name was given."""
        tag = self.language_for(language)
        spoken = texts.language_for(tag)
        words = spoken.texts
        brand = harmless(self.brand_name or company or self.subject_name or words.subject_fallback)
        about = harmless(self.subject_name) or brand
        chain = [self.languages[key] for key in self._chain(tag)]

        def author(name: str) -> str:
            return next((text for own in chain if (text := getattr(own, name))), "")

        def said(name: str, built_in: str) -> str:
            written = author(name)
            if written:
                return written.replace("{subject}", about).replace("{brand}", brand)
            return texts.fill(built_in, subject=about, brand=brand)

        return Wording(
            tag=tag,
            direction=spoken.direction,
            brand=brand,
            subject_name=about,
            subject=said("subject", words.mail_subject_reminder if is_reminder else words.mail_subject),
            preheader=said("preheader", words.mail_preheader),
            intro=said("intro", words.mail_intro_reminder if is_reminder else words.mail_intro),
            question=said("question", words.question),
            closing=said("closing", words.mail_closing),
            signature=said("signature", words.mail_signature),
            follow_ups={kind: self._follow_up(kind, chain, words, about, brand) for kind in KINDS},
            farewells={kind: self._farewell(kind, chain, words, about, brand) for kind in CATEGORIES},
            texts=words,
        )

    def _chain(self, tag: str) -> Iterator[str]:
        """The survey's languages a text may come from: the language itself, then its parents."""
        offered = {key.lower(): key for key in self.languages}
        parts = tag.lower().split("-")
        while parts:
            found = offered.get("-".join(parts))
            if found is not None:
                yield found
            parts.pop()

    def _follow_up(self, kind: str, chain: list[Words], words: texts.Texts, about: str, brand: str) -> str:
        for own in chain:
            text = own.follow_up.get(kind) or own.follow_up.get("default")
            if text:
                return text.replace("{subject}", about).replace("{brand}", brand)
        built_in = words.follow_up_unscored if kind == "default" else getattr(words.follow_up, kind)
        return texts.fill(built_in, subject=about, brand=brand)

    def _farewell(
        self, kind: str, chain: list[Words], words: texts.Texts, about: str, brand: str
    ) -> Farewell:
        text, link = "", None
        for own in chain:
            for thanks in (own.thanks.get(kind), own.thanks.get("default")):
                if thanks is None:
                    continue
                text = text or thanks.text.replace("{subject}", about).replace("{brand}", brand)
                if link is None and is_web_link(thanks.link_url):
                    link = Link(
                        label=thanks.link_label or getattr(words.thanks_link, kind), url=thanks.link_url
                    )
        text = text or texts.fill(getattr(words.thanks, kind), subject=about, brand=brand)
        if link is None:
            link = self._link_of_default_language(kind, words)
        return Farewell(text=text, link=link)

    def _link_of_default_language(self, kind: str, words: texts.Texts) -> Link | None:
        """An address speaks no language: one given for the default language serves the others with built-in words."""
        own = self.languages.get(self.default_language, Words())
        for thanks in (own.thanks.get(kind), own.thanks.get("default")):
            if thanks is not None and is_web_link(thanks.link_url):
                return Link(label=getattr(words.thanks_link, kind), url=thanks.link_url)
        return None

    # Judging

    def problems(self) -> list[Issue]:
        """Everything that must be mended before this can be saved, in the order of the editor."""
        return list(_problems(self))

    def warnings(self) -> list[Issue]:
        """What can be saved but deserves a second look."""
        found = []
        base = colour.parse(self.brand_colour)
        white: colour.Rgb = (1, 1, 1)
        ratio = colour.contrast(base, white)
        if colour.is_colour(self.brand_colour) and ratio < 4.5:
            darker = colour.written(colour.readable(base, white))
            found.append(
                Issue(
                    "brand_colour",
                    f"White text on {self.brand_colour} has a contrast of {ratio:.1f}:1 and is hard to read (4.5:1 is"
                    f" needed), so buttons carry dark text. The nearest colour that takes white text is {darker}.",
                )
            )
        if not self.reply_to:
            found.append(
                Issue("reply_to", "Replies go to the sender's address. Name one that somebody reads.")
            )
        return found

    @property
    def on_brand(self) -> str:
        """The colour of text on the brand colour: white where that is readable (AA), else near-black."""
        return on_colour(self.brand_colour)


def on_colour(brand: str) -> str:
    white: colour.Rgb = (1, 1, 1)
    return "#ffffff" if colour.contrast(colour.parse(brand), white) >= 4.5 else "#111314"


def harmless(name: str) -> str:
    """A company's or product's name without characters that would make it a merge tag."""
    return clean(name).replace("{", "(").replace("}", ")").replace("|", "/").strip()


def say(text: str, values: Mapping[str, str | None]) -> str:
    """A page text with its tags filled. What cannot be parsed is shown as it stands: a reader never meets an error."""
    try:
        return merge.parse(text, allowed=PAGE_TAGS).fill(values)
    except merge.MergeError:
        return text


def is_web_link(url: str) -> bool:
    """Whether `url` is an absolute http or https address without credentials, fit for a reader to click."""
    if re.search(r"[\s\x00-\x1f\x7f<>\"\\]", url) or not re.match(r"https?://[^/]", url):
        return False
    try:
        parts = urlsplit(url)
        return bool(parts.hostname) and "@" not in parts.netloc and (parts.port is None or parts.port > 0)
    except ValueError:
        return False


# Judging, field by field


def _problems(content: Content) -> Iterator[Issue]:
    for name in ("subject_name", "brand_name", "sender_name"):
        value = getattr(content, name)
        yield from _too_long(name, value, NAME_LENGTH)
        if re.search(r"[{}|]", value):
            yield Issue(name, "A name cannot hold { } or |. Leave them out.")
    if re.search(r"[@<>\r\n]", content.sender_name):
        yield Issue("sender_name", "A sender name cannot hold @ < > or a line break. Write only the name.")
    if not re.fullmatch(r"#[0-9a-fA-F]{6}", content.brand_colour):
        yield Issue("brand_colour", "Write the colour as # and six hexadecimal digits, such as #0b6e6e.")
    if content.reply_to:
        yield from _reply_to(content.reply_to)
    offered = {tag for tag, _ in texts.choices()}
    for tag in content.languages:
        if tag not in offered:
            yield Issue("languages", f"{tag!r} is not on offer. Possible are: {', '.join(sorted(offered))}.")
    if content.default_language not in content.languages:
        yield Issue(
            "default_language",
            "The default language must be one of the survey's languages. Add it, or choose another default.",
        )
    for tag, words in content.languages.items():
        yield from _word_problems(tag, words)


def _reply_to(address: str) -> Iterator[Issue]:
    try:
        parsed = Address.parse(address)
    except BadAddress as error:
        yield Issue("reply_to", f"{error} Write it as name@example.com.")
        return
    if parsed.needs_smtputf8:
        yield Issue(
            "reply_to", "Most mail servers refuse letters outside ASCII before the @. Use another address."
        )


def _word_problems(tag: str, words: Words) -> Iterator[Issue]:
    base = f"languages.{tag}"
    for name, limit in MAIL_TEXTS.items():
        text = getattr(words, name)
        yield from _text(f"{base}.{name}", text, limit, merge.TAGS, tag)
        if name in {"subject", "preheader"} and "\n" in text:
            yield Issue(f"{base}.{name}", "This must be one line. Remove the line break.", tag)
    yield from _text(f"{base}.question", words.question, QUESTION_LENGTH, PAGE_TAGS, tag)
    for kind, text in words.follow_up.items():
        yield from _text(f"{base}.follow_up.{kind}", text, FOLLOW_UP_LENGTH, PAGE_TAGS, tag)
    for kind, thanks in words.thanks.items():
        where = f"{base}.thanks.{kind}"
        yield from _text(f"{where}.text", thanks.text, THANKS_LENGTH, PAGE_TAGS, tag)
        yield from _too_long(f"{where}.link_label", thanks.link_label, LINK_LABEL_LENGTH, tag)
        yield from _too_long(f"{where}.link_url", thanks.link_url, LINK_URL_LENGTH, tag)
        if thanks.link_url and not is_web_link(thanks.link_url):
            yield Issue(
                f"{where}.link_url", "A link must begin with https:// or http:// and name a site.", tag
            )
        if thanks.link_label and not thanks.link_url and kind == "default":
            yield Issue(f"{where}.link_url", "This link has a text but no address. Add the address.", tag)


def _text(path: str, text: str, limit: int, allowed: Mapping[str, str], tag: str) -> Iterator[Issue]:
    yield from _too_long(path, text, limit, tag)
    for problem in merge.problems(text[: merge.MAX_TEXT], allowed=allowed):
        yield Issue(path, str(problem), tag)


def _too_long(path: str, text: str, limit: int, tag: str = "") -> Iterator[Issue]:
    if len(text) > limit:
        yield Issue(path, f"{len(text):,} characters; at most {limit:,} are possible. Shorten it.", tag)


# JSON


def _words_json(words: Words) -> dict[str, Any]:
    plain: dict[str, Any] = {
        item.name: getattr(words, item.name)
        for item in fields(words)
        if item.name not in {"follow_up", "thanks"}
    }
    plain["follow_up"] = {kind: words.follow_up[kind] for kind in KINDS if words.follow_up.get(kind)}
    plain["thanks"] = {
        kind: {"text": thanks.text, "link_label": thanks.link_label, "link_url": thanks.link_url}
        for kind in KINDS
        if (thanks := words.thanks.get(kind)) and thanks != Thanks()
    }
    return plain


def _content(data: Any) -> Content:
    found = _mapping(data, "content", {item.name for item in fields(Content)})
    texts_given: dict[str, Any] = {
        name: clean(_string(found[name], name)).strip()
        for name in (
            "subject_name",
            "brand_name",
            "sender_name",
            "reply_to",
            "brand_colour",
            "default_language",
        )
        if name in found
    }
    content = replace(Content(), **texts_given)
    content = replace(content, brand_colour=_colour(content.brand_colour))
    if "track_opens" in found:
        if not isinstance(found["track_opens"], bool):
            raise Invalid("This must be true or false.", field="track_opens")
        content = replace(content, track_opens=found["track_opens"])
    if "logo" in found:
        sizes = _mapping(found["logo"], "logo", {"width", "height"})
        content = replace(content, logo=Logo(**{name: _size(size, name) for name, size in sizes.items()}))
    if "languages" in found:
        spoken = _mapping(found["languages"], "languages", None)
        content = replace(content, languages={tag: _words(words, tag) for tag, words in spoken.items()})
    return content


def _words(data: Any, tag: str) -> Words:
    base = f"languages.{tag}"
    found = _mapping(data, base, {item.name for item in fields(Words)})
    plain = {
        name: clean_lines(_string(value, f"{base}.{name}")).strip()
        for name, value in found.items()
        if name not in {"follow_up", "thanks"}
    }
    follow_up = _mapping(found.get("follow_up", {}), f"{base}.follow_up", set(KINDS))
    thanks = _mapping(found.get("thanks", {}), f"{base}.thanks", set(KINDS))
    return Words(
        **plain,
        follow_up={
            kind: text
            for kind, value in follow_up.items()
            if (text := clean_lines(_string(value, f"{base}.follow_up.{kind}")).strip())
        },
        thanks={
            kind: given
            for kind, value in thanks.items()
            if (given := _thanks(value, f"{base}.thanks.{kind}")) != Thanks()
        },
    )


def _thanks(data: Any, path: str) -> Thanks:
    found = _mapping(data, path, {item.name for item in fields(Thanks)})
    return Thanks(
        **{name: clean_lines(_string(value, f"{path}.{name}")).strip() for name, value in found.items()}
    )


def _mapping(data: Any, path: str, known: Iterable[str] | None) -> Mapping[str, Any]:
    if not isinstance(data, Mapping):
        raise Invalid("This must be an object with named values.", field=path)
    if known is not None:
        for name in data:
            if name not in known:
                where = "" if path == "content" else f"{path}."
                raise Invalid(
                    f"{name!r} is not known here. Possible are: {', '.join(sorted(known))}.",
                    field=f"{where}{name}",
                )
    return data


def _string(value: Any, path: str) -> str:
    if not isinstance(value, str):
        raise Invalid("This must be a text.", field=path)
    return value


def _size(value: Any, name: str) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= 4000:
        raise Invalid("This must be a whole number of pixels.", field=f"logo.{name}")
    return value


def _colour(text: str) -> str:
    """`#0B6`, `0b6e6e` and `#0B6E6E` as six lower-case digits after a #; anything else as it came."""
    digits = text.removeprefix("#").lower()
    if re.fullmatch(r"[0-9a-f]{3}", digits):
        digits = "".join(digit * 2 for digit in digits)
    return f"#{digits}" if re.fullmatch(r"[0-9a-f]{6}", digits) else text
