"""Every built-in sentence a respondent reads, in mail and on the hosted page, in each language.

Promised: a language that is offered is complete (`Texts` has no optional words, so a missing one does not even
construct), and asking for any language tag always gives words: `de-AT` falls back to `de`, an unknown one to English.

A new language is one file in `surveys/languages/` named after its tag in lower case (`pt_br.py`), defining
`LANGUAGE = Language(...)`. A regional variant starts from its parent: `replace(de.LANGUAGE.texts, send="…")`.
"""

import pkgutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields
from functools import cache
from importlib import import_module
from string import Formatter
from typing import Any, Literal

DEFAULT_LANGUAGE = "en"


@dataclass(frozen=True, slots=True)
class Plural:
    """One sentence in the forms its language needs; `{count}` stands for the number."""

    one: str
    other: str
    two: str = ""
    few: str = ""
    many: str = ""

    def forms(self) -> tuple[str, ...]:
        return tuple(form for form in (self.one, self.two, self.few, self.many, self.other) if form)


@dataclass(frozen=True, slots=True, kw_only=True)
class ByCategory:
    """The same thing said to a promoter (9–10), a passive (7–8) and a detractor (0–6)."""

    promoter: str
    passive: str
    detractor: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ByLevel:
    """The same thing said after a good, a middling and a bad score of another scale than the NPS."""

    good: str
    middle: str
    bad: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ScaleTexts:
    """What is said of a satisfaction (1–5) or effort (1–7) scale. `points` names every score, the lowest first."""

    question: str  # {subject}
    low: str
    high: str
    points: tuple[str, ...]
    choose_score: str
    score_missing: str
    mail_preheader: str
    follow_up: ByLevel  # {subject}


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """A page that only says something: its heading and one or two sentences."""

    title: str
    body: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Texts:
    """All built-in respondent-facing words of one language. Words in braces are filled by `fill`."""

    # Question and scale, the same in mail and page.
    question: str  # {subject}: product or company
    scale_low: str
    scale_high: str
    scale_low_labelled: str
    scale_high_labelled: str
    score_name: str  # {score}: what a screen reader hears on a score button
    scale_legend: str
    subject_fallback: str  # stands for {subject} when nobody named the product
    csat: ScaleTexts
    ces: ScaleTexts

    # Further questions.
    questions_title: str
    question_required: str
    question_many: str  # said beside a question that takes several answers
    question_optional: str
    point_name: str  # {score} of {high}: what a screen reader hears on a number of a rating
    next: str
    back: str

    # Mail.
    mail_subject: str  # {brand}
    mail_subject_reminder: str  # {brand}
    mail_preheader: str
    mail_intro: str  # {subject}; carries merge tags
    mail_intro_reminder: str  # {subject}; carries merge tags
    mail_closing: str
    mail_signature: str  # {brand}; carries merge tags
    mail_reply_hint: str
    mail_choose_score: str
    mail_text_unsubscribe: str
    mail_text_ask_less: str
    mail_footer_reason: str  # {brand}
    mail_logo_alt: str  # {brand}
    unsubscribe: str
    ask_me_less: str
    ask_at_most: Plural  # {count} times a year
    test_banner: str
    test_subject_prefix: str

    # Hosted page.
    page_title: str  # {brand}
    your_score: str
    choose_score: str
    change_score: str
    follow_up: ByCategory  # {subject}
    follow_up_unscored: str
    comment_label: str
    comment_optional: str
    comment_too_long: str  # {limit}
    comment_left: Plural
    send: str
    sending: str
    save_change: str
    score_saved: str
    edit_window: Plural  # {count} hours
    read_by: str  # {name}
    consent_contact: str
    consent_publish: str
    privacy_link: str
    privacy_note: str  # {brand}
    language_label: str
    skip_to_question: str
    try_again: str
    score_missing: str

    # Thanks.
    thanks_title: str
    thanks: ByCategory  # {subject}
    thanks_link: ByCategory
    thanks_change: str
    thanks_updated: str

    # Pages instead of the question.
    expired: Page
    used: Page
    forged: Page
    closed: Page
    trouble: Page
    too_many: Page
    once_more: Page
    preview_note: str
    test_note: str

    # Unsubscribing and asking less.
    unsubscribe_confirm: Page  # {brand}
    unsubscribe_button: str
    unsubscribe_done: Page  # {brand}
    unsubscribe_already: Page  # {brand}
    unsubscribe_undo: str
    unsubscribe_undone: Page  # {brand}
    ask_less_confirm: Page  # {brand}
    ask_less_button: str
    ask_less_done: Page  # {brand}
    keep_asking: str
    unsubscribe_reason: str

    # What somebody wants to be asked about, and when.
    pref_title: str  # {brand}
    pref_intro: str  # {brand}
    pref_link: str  # leads from the mail and other pages to this one
    pref_language: str
    pref_topics: str
    pref_topic_relationship: str  # {brand}
    pref_topic_transactional: str
    pref_pause: str
    pref_pause_hint: str
    pref_paused_until: str  # {date}
    pref_resume: str
    pref_save: str
    pref_saved: Page  # {brand}

    # Text messages. Programs obey STOP, START and HELP, so these words stay as they are in every language.
    sms_question: str  # {brand}, {question}, {low}, {high}, {link}
    sms_stop: str
    sms_thanks: str
    sms_unclear: str  # {low}, {high}
    sms_stopped: str  # {brand}
    sms_started: str  # {brand}
    sms_help: str  # {brand}

    # The widget in a web page or app, beside `send`, `next`, `back`, `comment_label`, `question_optional` and `thanks`.
    widget_label: str  # {brand}
    widget_close: str
    widget_thanks: str

    # A device that many people answer on, one after the other.
    kiosk_restart: Plural  # {count} seconds
    kiosk_next: str


def _one_or_other(count: int) -> str:
    return "one" if count == 1 else "other"


@dataclass(frozen=True, slots=True, kw_only=True)
class Language:
    """A language on offer: its tag, its own name, its writing direction, its plural rule and its words."""

    tag: str
    name: str
    texts: Texts
    direction: Literal["ltr", "rtl"] = "ltr"
    plural_rule: Callable[[int], str] = _one_or_other

    def count(self, sentence: Plural, count: int, **values: object) -> str:
        """`sentence` in the form that `count` asks for, filled."""
        form = getattr(sentence, self.plural_rule(count)) or sentence.other
        return fill(form, count=count, **values)


def fill(sentence: str, **values: object) -> str:
    """`sentence` with its named words filled in; a value is put as it is and never read for braces again."""
    return sentence.format_map(values)


@cache
def languages() -> dict[str, Language]:
    """Every language on offer by lower-case tag, English first."""
    package = import_module("surveys.languages")
    found = [
        import_module(f"surveys.languages.{info.name}").LANGUAGE
        for info in pkgutil.iter_modules(package.__path__)
    ]
    found.sort(key=lambda language: (language.tag != DEFAULT_LANGUAGE, language.tag))
    return {language.tag.lower(): language for language in found}


def language_for(tag: str | None) -> Language:
    """The best language for a tag such as `de-AT` or `pt_BR`: exact, then ever shorter, then English."""
    offered = languages()
    parts = (tag or "").strip().replace("_", "-").lower().split("-")
    while parts:
        found = offered.get("-".join(parts))
        if found is not None:
            return found
        parts.pop()
    return offered[DEFAULT_LANGUAGE]


def texts_for(tag: str | None) -> Texts:
    """The words of `language_for(tag)`."""
    return language_for(tag).texts


def choices() -> list[tuple[str, str]]:
    """(tag, own name) of every language, for a form's select."""
    return [(language.tag, language.name) for language in languages().values()]


def sentences(texts: Texts) -> Iterator[tuple[str, str]]:
    """(path, sentence) of every string, for tests and for translators' lists."""
    for item in fields(texts):
        yield from _sentences(item.name, getattr(texts, item.name))


def _sentences(path: str, value: Any) -> Iterator[tuple[str, str]]:
    if isinstance(value, str):
        yield path, value
    elif isinstance(value, Plural):
        for form in value.forms():
            yield path, form
    elif isinstance(value, tuple):
        for number, part in enumerate(value, start=1):
            yield f"{path}.{number}", part
    else:
        for item in fields(value):
            yield from _sentences(f"{path}.{item.name}", getattr(value, item.name))


def placeholders(sentence: str) -> set[str]:
    """Names in braces of a sentence (merge tags in double braces are written `{{{{ }}}}` and do not count)."""
    return {name for _, name, _, _ in Formatter().parse(sentence) if name is not None}
