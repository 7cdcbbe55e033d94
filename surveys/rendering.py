"""A version's content as the mail and as the hosted page. Mails, pages and the editor's preview all come from here."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from django.conf import settings
from django.urls import reverse

from surveys import questions, scales, texts, tokens
from surveys.channels.mail.template import CompiledMail, SurveyMail, compile_mail
from surveys.content import Content, Wording, on_colour, say, when_json
from surveys.models import Invitation, SurveyVersion
from surveys.questions import Kind, Question

LOGO_WIDTH, LOGO_HEIGHT = 220, 48
MAX_COMMENT = 20_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Company:
    """What mails and pages say of the deployment's own company."""

    name: str = ""
    postal_address: str = ""


# Addresses


def brand_css_path(colour: str) -> str:
    return reverse("surveys:brand_css", args=[colour.removeprefix("#").lower()])


def brand_css(colour: str) -> str:
    """The whole stylesheet of a brand: its colour and what can be read on it."""
    return f":root{{--brand:#{colour};--on-brand:{on_colour('#' + colour)}}}\n"


def logo_path(name: str) -> str:
    """Where the picture stored as `brand/<digest>.<type>` is served, or nothing."""
    return reverse("surveys:brand_logo", args=[name.rsplit("/", 1)[-1]]) if name else ""


def answer_url(invitation: Invitation) -> str:
    """The absolute address of the hosted page; a score's link is this with `7/` added."""
    return settings.BASE_URL + reverse("surveys:respond", args=[tokens.answer_token(invitation)])


def unsubscribe_url(invitation: Invitation) -> str:
    return settings.BASE_URL + reverse("surveys:unsubscribe", args=[tokens.unsubscribe_token(invitation)])


def preferences_url(invitation: Invitation) -> str:
    return settings.BASE_URL + reverse("surveys:preferences", args=[tokens.preference_token(invitation)])


def link_values(invitation: Invitation) -> dict[str, str]:
    """The links a survey mail of this invitation is filled with (slots of surveys.channels.mail.template)."""
    answer = answer_url(invitation)
    return {
        "answer_url": answer,
        "open_url": f"{answer}o.gif",
        "trap_url": f"{answer}all/",
        "unsubscribe_url": unsubscribe_url(invitation),
        "ask_less_url": preferences_url(invitation),
    }


# The mail


def survey_mail(
    content: Content,
    language: str,
    *,
    company: Company,
    logo: str = "",
    is_test: bool = False,
    is_reminder: bool = False,
) -> SurveyMail:
    """What the mail of `content` says in the survey's best language for a reader of `language`."""
    wording = content.wording(language, company=company.name, is_reminder=is_reminder)
    return SurveyMail(
        language=wording.tag,
        brand=wording.brand,
        subject=wording.subject,
        question=wording.question,
        intro=wording.intro,
        preheader=wording.preheader,
        closing=wording.closing,
        signature=wording.signature,
        reply_hint=bool(content.reply_to or settings.INBOUND_ADDRESS),
        colour=content.brand_colour,
        logo_url=settings.BASE_URL + logo_path(logo) if logo else "",
        logo_width=shown_logo_width(content),
        postal_address=company.postal_address,
        ask_less=True,
        tracks_opens=content.track_opens,
        is_test=is_test,
        score_link="{url}{n}/",
        metric=content.metric,
        look=content.shown_look,
        low_label=wording.scale_low,
        high_label=wording.scale_high,
    )


def compiled_mail(
    version: SurveyVersion,
    language: str,
    *,
    company: Company,
    is_test: bool = False,
    is_reminder: bool = False,
) -> CompiledMail:
    """The version's mail, compiled once per process for each version, language and wording."""
    content = Content.from_json(version.content)
    return _compile(
        survey_mail(
            content,
            language,
            company=company,
            logo=version.logo.name or "",
            is_test=is_test,
            is_reminder=is_reminder,
        )
    )


@lru_cache(maxsize=64)
def _compile(mail: SurveyMail) -> CompiledMail:
    return compile_mail(mail)


def shown_logo_width(content: Content) -> int:
    """The logo's width in mails and pages: as uploaded, but never wider or higher than its place."""
    width, height = content.logo.width, content.logo.height
    if not width or not height:
        return 140
    return max(16, round(width * min(1, LOGO_WIDTH / width, LOGO_HEIGHT / height)))


# The hosted page


def page_context(
    content: Content,
    wording: Wording,
    *,
    logo: str = "",
    first_name: str = "",
    reader: str = "",
    score: int | None = None,
    edit_hours: int = 24,
    **more: Any,
) -> dict[str, Any]:
    """What the templates of the hosted pages are filled with. `reader` is the first name of who reads the answer."""
    words = wording.texts
    spoken = texts.language_for(wording.tag)
    values: Mapping[str, str] = {"first_name": first_name, "brand": wording.brand, "owner_first_name": reader}
    return {
        "page_language": wording.tag,
        "direction": wording.direction,
        "words": words,
        "brand_name": wording.brand,
        "brand_css_url": brand_css_path(content.brand_colour),
        "logo_url": logo_path(logo),
        "page_title": texts.fill(words.page_title, brand=wording.brand),
        "question": say(wording.question, values),
        "follow_ups": [
            (kind, say(wording.follow_up("" if kind == "any" else kind), values))
            for kind in ("any", *content.scale.names)
        ],
        "category": content.category(score) if score is not None else "any",
        "score": score,
        "metric": content.metric,
        "look": content.shown_look,
        "scores": [
            (
                number,
                content.category(number),
                wording.scale.names[number],
                scales.sign(content.shown_look, number),
            )
            for number in content.scale.scores
        ],
        "consent_contact": say(wording.consent_contact, values) if content.asks_contact else "",
        "consent_quote": say(wording.consent_quote, values) if content.asks_quote else "",
        "low_label": f"{content.scale.low} – {wording.scale_low}",
        "high_label": f"{content.scale.high} – {wording.scale_high}",
        "read_by": texts.fill(words.read_by, name=reader) if reader else "",
        "edit_note": spoken.count(words.edit_window, edit_hours) if edit_hours else "",
        "privacy_note": texts.fill(words.privacy_note, brand=wording.brand),
        "languages": [(tag, texts.language_for(tag).name, tag == wording.tag) for tag in content.languages]
        if len(content.languages) > 1
        else [],
        "comment_limit": MAX_COMMENT,
        **more,
    }


@dataclass(frozen=True, slots=True, kw_only=True)
class QuestionBlock:
    """One further question as the hosted page draws it. `when` is read by its script; `is_shown` without one."""

    key: str
    kind: str
    text: str
    is_required: bool
    is_shown: bool
    when: str
    choices: list[tuple[str, str, bool]]  # value, what it says, whether it is chosen
    value: str
    low: str
    high: str
    error: str

    @property
    def name(self) -> str:
        return f"q-{self.key}"


def question_blocks(
    content: Content,
    wording: Wording,
    *,
    wanted: Iterable[Question],
    shown: Iterable[str],
    answers: Mapping[str, Any],
    errors: Mapping[str, str] | None = None,
    first_name: str = "",
    reader: str = "",
) -> list[QuestionBlock]:
    """`wanted` of the content's questions for a page, those named in `shown` visible from the start."""
    values: Mapping[str, str] = {"first_name": first_name, "brand": wording.brand, "owner_first_name": reader}
    visible = set(shown)
    return [
        QuestionBlock(
            key=question.key,
            kind=question.kind,
            text=say(wording.questions[question.key].text, values),
            is_required=question.required,
            is_shown=question.key in visible,
            when=json.dumps(when_json(question.when)),
            choices=_choices(question, wording, answers.get(question.key)),
            value=str(answers.get(question.key, "")) if question.kind == Kind.TEXT else "",
            low=wording.questions[question.key].low,
            high=wording.questions[question.key].high,
            error=(errors or {}).get(question.key, ""),
        )
        for question in wanted
    ]


def _choices(question: Question, wording: Wording, given: Any) -> list[tuple[str, str, bool]]:
    if question.kind == Kind.RATING:
        return [
            (
                str(number),
                texts.fill(wording.texts.point_name, score=number, high=questions.RATINGS[-1]),
                str(number) == str(given),
            )
            for number in questions.RATINGS
        ]
    chosen = given if isinstance(given, list) else [given]
    return [(key, wording.questions[question.key].options[key], key in chosen) for key in question.options]


def thanks_context(
    content: Content, wording: Wording, *, score: int, first_name: str = "", reader: str = ""
) -> dict[str, Any]:
    """The part of the thank-you page that depends on the answer, for `page_context(..., **thanks_context(...))`."""
    farewell = wording.farewell(content.category(score))
    values: Mapping[str, str] = {"first_name": first_name, "brand": wording.brand, "owner_first_name": reader}
    return {"farewell": say(farewell.text, values), "farewell_link": farewell.link}
