"""The editor's preview: the real mail, SMS and page, said to an invented person."""

from dataclasses import dataclass, replace
from typing import Any

from django.template.loader import render_to_string

from surveys import rendering
from surveys.channels.mail.template import author_problems, compile_mail
from surveys.channels.sms import text as sms_text
from surveys.content import Content, Issue
from surveys.rendering import Company
from team.models import User

VIEWS = ("mail", "sms", "page", "thanks")
# Addresses that lead nowhere: what is tried in a preview must not reach anybody.
NOWHERE = "https://preview.invalid/"


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What the author wants to see."""

    view: str = "mail"
    language: str = ""
    score: int = 9

    @classmethod
    def of(cls, data: Any) -> "Asked":
        """From the preview's own controls; anything strange is the default."""
        view = data.get("preview-view", "")
        score = data.get("preview-score", "")
        return cls(
            view=view if view in VIEWS else "mail",
            language=data.get("preview-language", "")[:20],
            score=int(score) if score in {str(number) for number in range(11)} else 9,
        )


def render(content: Content, asked: Asked, *, company: Company, logo: str, user: User) -> str:
    """The whole document of a preview; when the content cannot be shown yet, what has to be mended."""
    issues = content.problems()
    if issues:
        return render_to_string("surveys/preview_problems.html", {"issues": issues})
    if asked.score not in content.scale.scores:
        asked = replace(asked, score=content.scale.good.low)
    language = content.language_for(asked.language or content.default_language)
    if asked.view == "mail":
        return _mail(content, language, company=company, logo=logo, user=user)
    if asked.view == "sms":
        sample = sms_text.sample(content, language, company=company.name)
        return render_to_string("surveys/preview_sms.html", {"sample": sample, "language": language})
    return _page(content, language, asked, company=company, logo=logo, user=user)


def _mail(content: Content, language: str, *, company: Company, logo: str, user: User) -> str:
    # Nobody is watched while a preview is looked at.
    mail = replace(
        rendering.survey_mail(content, language, company=company, logo=logo),
        tracks_opens=False,
        has_trap=False,
    )
    problems = author_problems(mail)
    if problems:
        issues = [Issue(f"languages.{language}.{field}", message, language) for field, message in problems]
        return render_to_string("surveys/preview_problems.html", {"issues": issues})
    first = user.name.partition(" ")[0]
    values: dict[str, str | None] = {
        "first_name": "Alex",
        "last_name": "Morgan",
        "full_name": "Alex Morgan",
        "account_name": "Example Ltd",
        "owner_name": user.name,
        "owner_first_name": first,
        "brand": mail.brand,
        "answer_url": f"{NOWHERE}r/",
        "unsubscribe_url": f"{NOWHERE}u/",
        "ask_less_url": f"{NOWHERE}p/",
    }
    compiled = compile_mail(mail)
    # What an event would say is not known yet, so the tag's own name stands there.
    values |= {name: f"‹{name}›" for name in compiled.slots() if name.startswith("event.")}
    return compiled.render(values).html


def _page(content: Content, language: str, asked: Asked, *, company: Company, logo: str, user: User) -> str:
    wording = content.wording(language, company=company.name)
    reader = "" if "@" in user.get_short_name() else user.get_short_name()
    visible = content.questions_for(asked.score)
    more: dict[str, Any] = {
        "is_preview": True,
        "blocks": rendering.question_blocks(
            content,
            wording,
            wanted=visible,
            shown=[one.key for one in visible],
            answers={},
            first_name="Alex",
        ),
    }
    template = "surveys/respond.html"
    if asked.view == "thanks":
        template = "surveys/respond_thanks.html"
        more |= rendering.thanks_context(
            content, wording, score=asked.score, first_name="Alex", reader=reader
        )
    context = rendering.page_context(
        content, wording, logo=logo, first_name="Alex", reader=reader, score=asked.score, **more
    )
    return render_to_string(template, context)
