"""What a survey version says and how it looks, as typed values; stored as JSON in `SurveyVersion.content`.

An author may leave any text empty: it then falls back from a regional language to its parent (de-AT → de) and from there
to the built-in words of that language, a category's text to the one for all categories. So every language of a survey
is complete from the start. In texts, `{subject}` stands for the product's name and `{brand}` for the company's; mail
texts and the SMS take all merge tags of surveys.merge, texts of the hosted page only those that tell a stranger nothing.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any
from urllib.parse import urlsplit

from core.errors import Invalid
from core.mail.address import Address, BadAddress, clean, clean_lines
from surveys import domain, merge, questions, scales, texts
from surveys.channels.mail import colour
from surveys.questions import Checked, Question, Show, When

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
SMS_LENGTH = 480
QUESTION_LENGTH = 300
OPTION_LENGTH = 120
LABEL_LENGTH = 60
CONSENT_LENGTH = 200
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
    "sms": "SMS text",
    "follow_up": "Follow-up question",
    "thanks": "Thank-you text",
    "link_label": "Link text",
    "link_url": "Link address",
    "metric": "Kind of score",
    "look": "Look of the scale",
    "scale_low": "Lowest score",
    "scale_high": "Highest score",
    "consent_contact": "Consent to be contacted",
    "consent_quote": "Consent to be quoted",
    "questions": "Further questions",
    "options": "Options",
    "when": "Condition",
}
# The texts of Words that are one plain string, in the order of the editor.
PLAIN_TEXTS = (*MAIL_TEXTS, "sms", "question", "scale_low", "scale_high", "consent_contact", "consent_quote")
PLAIN_LIMITS: Mapping[str, int] = {
    "question": QUESTION_LENGTH,
    "scale_low": LABEL_LENGTH,
    "scale_high": LABEL_LENGTH,
    "consent_contact": CONSENT_LENGTH,
    "consent_quote": CONSENT_LENGTH,
}


def kinds_of(metric: str) -> tuple[str, ...]:
    """What follow-up and thanks are keyed by: `default` and the levels of the metric's scale."""
    return ("default", *domain.scale(metric).names)


ALL_LEVELS = frozenset(name for scale in domain.SCALES.values() for name in scale.names)


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
        kind = next((part for part in parts if part in ALL_LEVELS), "")
        if "questions" in parts and (at := parts.index("questions") + 1) < len(parts):
            place = int(parts[at]) + 1 if parts[at].isdigit() else parts[at]
            name = f"Further question {place}{', an option' if 'options' in parts else ''}"
        where = [kind] if kind else []
        if self.language:
            where.append(texts.language_for(self.language).name)
        return f"{name} ({', '.join(where)})" if where else name


@dataclass(frozen=True, slots=True)
class Gap:
    """A text that exists in the default language only: where it would go, what it says there, what is said instead."""

    language: str
    field: str
    original: str
    stand_in: str  # "built_in" or "default_language"

    @property
    def label(self) -> str:
        return Issue(self.field, "").label


@dataclass(frozen=True, slots=True, kw_only=True)
class Thanks:
    """What is said after an answer, and where a reader may go from there."""

    text: str = ""
    link_label: str = ""
    link_url: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class QuestionWords:
    """The words of a further question: `low` and `high` are the ends of a rating, `options` is keyed by option."""

    text: str = ""
    low: str = ""
    high: str = ""
    options: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Words:
    """An author's texts in one language; an empty one falls back.

    `follow_up` and `thanks` are keyed by `kinds_of(metric)`, `questions` by the question's key.
    """

    subject: str = ""
    preheader: str = ""
    intro: str = ""
    sms: str = ""
    question: str = ""
    scale_low: str = ""
    scale_high: str = ""
    closing: str = ""
    signature: str = ""
    consent_contact: str = ""
    consent_quote: str = ""
    questions: Mapping[str, QuestionWords] = field(default_factory=dict)
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
    sms: str  # empty: the built-in words of surveys.channels.sms.words
    question: str
    scale_low: str
    scale_high: str
    closing: str
    signature: str
    consent_contact: str
    consent_quote: str
    follow_ups: Mapping[str, str]
    farewells: Mapping[str, Farewell]
    questions: Mapping[str, QuestionWords]  # complete: every question, every option
    scale: scales.ScaleWords
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
    metric: str = domain.NPS.metric
    look: str = ""  # of the scale; empty: the first of scales.LOOKS
    asks_contact: bool = True
    asks_quote: bool = False
    questions: tuple[Question, ...] = ()
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
            "metric": self.metric,
            "look": self.look,
            "asks_contact": self.asks_contact,
            "asks_quote": self.asks_quote,
            "questions": [_question_json(question) for question in self.questions],
            "logo": {"width": self.logo.width, "height": self.logo.height},
            "languages": {tag: _words_json(words, self.kinds) for tag, words in self.languages.items()},
        }

    # The scale and the questions

    @property
    def scale(self) -> domain.Scale:
        return domain.scale(self.metric)

    @property
    def kinds(self) -> tuple[str, ...]:
        return kinds_of(self.metric)

    @property
    def shown_look(self) -> str:
        return self.look or scales.LOOKS[self.metric][0]

    def category(self, score: int) -> str:
        return domain.category_of(self.metric, score)

    def questions_for(self, score: int | None, answers: Mapping[str, Any] | None = None) -> list[Question]:
        """The further questions that a reader with this score and these answers meets, in their order."""
        return questions.shown(self.questions, metric=self.metric, score=score, answers=answers or {})

    def check_answers(self, score: int, given: Mapping[str, Any], *, is_complete: bool = False) -> Checked:
        """What is kept of `given`, what is refused and what a branch hides; see surveys.questions.check."""
        return questions.check(
            self.questions, metric=self.metric, score=score, given=given, is_complete=is_complete
        )

    def form_json(self, wording: Wording, values: Mapping[str, str | None] | None = None) -> dict[str, Any]:
        """Scale and questions for a program that draws the form itself, all words filled in and nothing left to look up.

        `when` is as in the stored content: {"show": "always"|"level"|"score"|"answer", …}.
        """
        said = values or {}
        return {
            "metric": self.metric,
            "look": self.shown_look,
            "question": say(wording.question, said),
            "low_label": wording.scale_low,
            "high_label": wording.scale_high,
            "scores": [
                {
                    "score": score,
                    "sign": scales.sign(self.shown_look, score),
                    "name": wording.scale.names[score],
                    "level": self.category(score),
                }
                for score in self.scale.scores
            ],
            "follow_up": {kind: say(wording.follow_ups[kind], said) for kind in self.kinds},
            "thanks": {
                kind: {
                    "text": say(farewell.text, said),
                    "link": {"label": farewell.link.label, "url": farewell.link.url}
                    if farewell.link
                    else None,
                }
                for kind, farewell in wording.farewells.items()
            },
            "questions": [
                _question_json(question)
                | {
                    "text": say(own.text, said),
                    "low_label": own.low,
                    "high_label": own.high,
                    "options": [{"key": key, "text": own.options[key]} for key in question.options],
                }
                for question in self.questions
                if (own := wording.questions[question.key])
            ],
            "consent_contact": wording.consent_contact if self.asks_contact else "",
            "consent_quote": wording.consent_quote if self.asks_quote else "",
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
        scale = scales.words_of(self.metric, words)
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
            preheader=said("preheader", scale.mail_preheader),
            intro=said("intro", words.mail_intro_reminder if is_reminder else words.mail_intro),
            sms=said("sms", ""),
            question=said("question", scale.question),
            scale_low=author("scale_low") or scale.low,
            scale_high=author("scale_high") or scale.high,
            closing=said("closing", words.mail_closing),
            signature=said("signature", words.mail_signature),
            consent_contact=said("consent_contact", words.consent_contact),
            consent_quote=said("consent_quote", words.consent_publish),
            follow_ups={
                kind: self._follow_up(kind, chain, words, scale, about, brand) for kind in self.kinds
            },
            farewells={kind: self._farewell(kind, chain, scale, about, brand) for kind in self.scale.names},
            questions={
                question.key: self._question(question, chain, about, brand) for question in self.questions
            },
            scale=scale,
            texts=words,
        )

    def _question(self, question: Question, chain: list[Words], about: str, brand: str) -> QuestionWords:
        """A further question has no built-in words, so after its own languages it speaks the default one, then any."""
        default = self.languages.get(self.default_language, Words())
        sources = [
            own
            for words in (*chain, default, *self.languages.values())
            if (own := words.questions.get(question.key)) is not None
        ]

        def said(name: str, stand_in: str = "") -> str:
            text = next((text for own in sources if (text := getattr(own, name))), stand_in)
            return text.replace("{subject}", about).replace("{brand}", brand)

        return QuestionWords(
            text=said("text", question.key),
            low=said("low"),
            high=said("high"),
            options={
                key: next((text for own in sources if (text := own.options.get(key))), key)
                for key in question.options
            },
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

    def _follow_up(
        self,
        kind: str,
        chain: list[Words],
        words: texts.Texts,
        scale: scales.ScaleWords,
        about: str,
        brand: str,
    ) -> str:
        for own in chain:
            text = own.follow_up.get(kind) or own.follow_up.get("default")
            if text:
                return text.replace("{subject}", about).replace("{brand}", brand)
        built_in = words.follow_up_unscored if kind == "default" else scale.follow_up[kind]
        return texts.fill(built_in, subject=about, brand=brand)

    def _farewell(
        self, kind: str, chain: list[Words], scale: scales.ScaleWords, about: str, brand: str
    ) -> Farewell:
        text, link = "", None
        for own in chain:
            for thanks in (own.thanks.get(kind), own.thanks.get("default")):
                if thanks is None:
                    continue
                text = text or thanks.text.replace("{subject}", about).replace("{brand}", brand)
                if link is None and is_web_link(thanks.link_url):
                    link = Link(label=thanks.link_label or scale.thanks_link[kind], url=thanks.link_url)
        text = text or texts.fill(scale.thanks[kind], subject=about, brand=brand)
        if link is None:
            link = self._link_of_default_language(kind, scale)
        return Farewell(text=text, link=link)

    def _link_of_default_language(self, kind: str, scale: scales.ScaleWords) -> Link | None:
        """An address speaks no language: one given for the default language serves the others with built-in words."""
        own = self.languages.get(self.default_language, Words())
        for thanks in (own.thanks.get(kind), own.thanks.get("default")):
            if thanks is not None and is_web_link(thanks.link_url):
                return Link(label=scale.thanks_link[kind], url=thanks.link_url)
        return None

    # Judging

    def problems(self) -> list[Issue]:
        """Everything that must be mended before this can be saved, in the order of the editor."""
        return list(_problems(self))

    def untranslated(self) -> list[Gap]:
        """What the author wrote in the default language and in no language a reader of another one would get."""
        return list(_gaps(self))

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
        found += _bare_tags(self)
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
    if content.look and content.look not in scales.LOOKS[content.metric]:
        yield Issue("look", f"Possible are: {', '.join(scales.LOOKS[content.metric])}.")
    for path, message in questions.faults(content.questions, content.metric):
        yield Issue(path, message)
    for tag, words in content.languages.items():
        yield from _word_problems(tag, words)
    yield from _question_text_problems(content)


def _bare_tags(content: Content) -> Iterator[Issue]:
    """Tags of a message without words to stand in: who has nothing there gets none, so the author is told."""
    for tag, words in content.languages.items():
        for name in (*MAIL_TEXTS, "question", "sms"):
            try:
                needed = merge.parse(getattr(words, name)).required() - {"brand"}
            except merge.MergeError:
                continue
            for one in sorted(needed):
                yield Issue(
                    f"languages.{tag}.{name}",
                    f"{{{{ {one} }}}} has no words to use when nothing is known: such people get no"
                    f" {'SMS' if name == 'sms' else 'mail'}. Write"
                    f" {{{{ {one}|… }}}} with those words, or {{{{ {one}| }}}} to leave it out.",
                    tag,
                )


def _question_text_problems(content: Content) -> Iterator[Issue]:
    """Every question says something in the default language, and so does every option."""
    known = {question.key for question in content.questions}
    for tag, words in content.languages.items():
        for key, own in words.questions.items():
            base = f"languages.{tag}.questions.{key}"
            if key not in known:
                yield Issue(base, f"There is no further question {key[:40]!r}.", tag)
                continue
            yield from _text(f"{base}.text", own.text, QUESTION_LENGTH, PAGE_TAGS, tag)
            for end in ("low", "high"):
                yield from _too_long(f"{base}.{end}", getattr(own, end), LABEL_LENGTH, tag)
            for option, text in own.options.items():
                yield from _too_long(f"{base}.options.{option}", text, OPTION_LENGTH, tag)
    default = content.languages.get(content.default_language, Words())
    for question in content.questions:
        base = f"languages.{content.default_language}.questions.{question.key}"
        own = default.questions.get(question.key, QuestionWords())
        if not own.text:
            yield Issue(f"{base}.text", "Write what is asked.", content.default_language)
        for option in question.options:
            if not own.options.get(option):
                yield Issue(f"{base}.options", f"The option {option} has no text.", content.default_language)


def _gaps(content: Content) -> Iterator[Gap]:
    default = content.languages.get(content.default_language, Words())
    for tag in content.languages:
        if tag == content.default_language:
            continue
        chain = [content.languages[key] for key in content._chain(tag)]
        base = f"languages.{tag}"
        for path, original, stand_in in _written(default, content):
            if not any(_at(own, path) for own in chain):
                yield Gap(tag, f"{base}.{path}", original, stand_in)


def _written(words: Words, content: Content) -> Iterator[tuple[str, str, str]]:
    """(path, text, what stands in elsewhere) of everything an author wrote in one language that readers would read."""
    for name in PLAIN_TEXTS:
        if text := getattr(words, name):
            yield name, text, "built_in"
    for kind, text in words.follow_up.items():
        yield f"follow_up.{kind}", text, "built_in"
    for kind, thanks in words.thanks.items():
        if thanks.text:
            yield f"thanks.{kind}.text", thanks.text, "built_in"
        if thanks.link_label:
            yield f"thanks.{kind}.link_label", thanks.link_label, "built_in"
    for question in content.questions:
        own = words.questions.get(question.key, QuestionWords())
        for name in ("text", "low", "high"):
            if text := getattr(own, name):
                yield f"questions.{question.key}.{name}", text, "default_language"
        for option in question.options:
            if text := own.options.get(option):
                yield f"questions.{question.key}.options.{option}", text, "default_language"


def _at(words: Words, path: str) -> str:
    """The text at a dotted path of Words; empty when there is none."""
    found: Any = words
    for part in path.split("."):
        found = found.get(part) if isinstance(found, Mapping) else getattr(found, part, None)
        if found is None:
            return ""
    return str(found)


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
    yield from _text(f"{base}.sms", words.sms, SMS_LENGTH, merge.TAGS, tag)
    for name, limit in PLAIN_LIMITS.items():
        yield from _text(f"{base}.{name}", getattr(words, name), limit, PAGE_TAGS, tag)
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


def _words_json(words: Words, kinds: tuple[str, ...]) -> dict[str, Any]:
    plain: dict[str, Any] = {name: getattr(words, name) for name in PLAIN_TEXTS}
    plain["follow_up"] = {kind: words.follow_up[kind] for kind in kinds if words.follow_up.get(kind)}
    plain["thanks"] = {
        kind: {"text": thanks.text, "link_label": thanks.link_label, "link_url": thanks.link_url}
        for kind in kinds
        if (thanks := words.thanks.get(kind)) and thanks != Thanks()
    }
    plain["questions"] = {
        key: {"text": own.text, "low": own.low, "high": own.high, "options": dict(own.options)}
        for key, own in words.questions.items()
    }
    return plain


def _question_json(question: Question) -> dict[str, Any]:
    return {
        "key": question.key,
        "kind": question.kind,
        "required": question.required,
        "options": list(question.options),
        "when": when_json(question.when),
    }


def when_json(when: When) -> dict[str, Any]:
    more: Mapping[str, Mapping[str, Any]] = {
        Show.LEVEL: {"levels": list(when.levels)},
        Show.SCORE: {"low": when.low, "high": when.high},
        Show.ANSWER: {"question": when.question, "values": list(when.values)},
    }
    return {"show": when.show, **more.get(when.show, {})}


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
            "metric",
            "look",
        )
        if name in found
    }
    content = replace(Content(), **texts_given)
    content = replace(content, brand_colour=_colour(content.brand_colour))
    if content.metric not in domain.SCALES:
        raise Invalid(f"The metric must be one of: {', '.join(domain.SCALES)}.", field="metric")
    ticks: dict[str, Any] = {
        name: _tick(found[name], name)
        for name in ("track_opens", "asks_contact", "asks_quote")
        if name in found
    }
    content = replace(content, **ticks)
    if "questions" in found:
        listed = _list(found["questions"], "questions")
        content = replace(
            content, questions=tuple(_question(data, f"questions.{n}") for n, data in enumerate(listed))
        )
    if "logo" in found:
        sizes = _mapping(found["logo"], "logo", {"width", "height"})
        content = replace(content, logo=Logo(**{name: _size(size, name) for name, size in sizes.items()}))
    if "languages" in found:
        spoken = _mapping(found["languages"], "languages", None)
        content = replace(
            content, languages={tag: _words(words, tag, content.kinds) for tag, words in spoken.items()}
        )
    return content


def _question(data: Any, path: str) -> Question:
    found = _mapping(data, path, {item.name for item in fields(Question)})
    return Question(
        key=_string(found.get("key", ""), f"{path}.key").strip(),
        kind=_string(found.get("kind", questions.Kind.TEXT), f"{path}.kind"),
        required=_tick(found.get("required", False), f"{path}.required"),
        options=_strings(found.get("options", []), f"{path}.options"),
        when=_when(found.get("when", {}), f"{path}.when"),
    )


def _when(data: Any, path: str) -> When:
    found = _mapping(data, path, {item.name for item in fields(When)})
    return When(
        show=_string(found.get("show", Show.ALWAYS), f"{path}.show"),
        levels=_strings(found.get("levels", []), f"{path}.levels"),
        low=_score(found.get("low"), f"{path}.low"),
        high=_score(found.get("high"), f"{path}.high"),
        question=_string(found.get("question", ""), f"{path}.question"),
        values=_strings(found.get("values", []), f"{path}.values"),
    )


def _question_words(data: Any, path: str) -> QuestionWords:
    found = _mapping(data, path, {item.name for item in fields(QuestionWords)})
    options = _mapping(found.get("options", {}), f"{path}.options", None)
    return QuestionWords(
        **{
            name: clean_lines(_string(found[name], f"{path}.{name}")).strip()
            for name in ("text", "low", "high")
            if name in found
        },
        options={
            key: text
            for key, value in options.items()
            if (text := clean(_string(value, f"{path}.options.{key}")).strip())
        },
    )


def _words(data: Any, tag: str, kinds: tuple[str, ...]) -> Words:
    base = f"languages.{tag}"
    found = _mapping(data, base, {item.name for item in fields(Words)})
    plain = {
        name: clean_lines(_string(value, f"{base}.{name}")).strip()
        for name, value in found.items()
        if name in PLAIN_TEXTS
    }
    follow_up = _mapping(found.get("follow_up", {}), f"{base}.follow_up", kinds)
    thanks = _mapping(found.get("thanks", {}), f"{base}.thanks", kinds)
    asked = _mapping(found.get("questions", {}), f"{base}.questions", None)
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
        questions={
            key: own
            for key, value in asked.items()
            if (own := _question_words(value, f"{base}.questions.{key}")) != QuestionWords()
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


def _strings(value: Any, path: str) -> tuple[str, ...]:
    return tuple(_string(one, path) for one in _list(value, path))


def _list(value: Any, path: str) -> list[Any]:
    if not isinstance(value, list | tuple):
        raise Invalid("This must be a list.", field=path)
    return list(value)


def _tick(value: Any, path: str) -> bool:
    if not isinstance(value, bool):
        raise Invalid("This must be true or false.", field=path)
    return value


def _score(value: Any, path: str) -> int | None:
    if value is not None and type(value) is not int:
        raise Invalid("This must be a whole number.", field=path)
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
