"""Surveys to begin with: each a finished content in built-in words, so it speaks every language from the start.

Further questions have words of their own: English and German stand here, the other languages in surveys.starter_words.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from surveys import starter_words
from surveys.choices import SurveyKind
from surveys.content import Content


@dataclass(frozen=True, slots=True, kw_only=True)
class Starter:
    """One entry of the library. `content` is Content's JSON without languages; `words` is said in the languages it names."""

    key: str
    name: str
    about: str
    metric: str
    kind: str
    content: Mapping[str, Any] = field(default_factory=dict)
    words: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    def languages(self, possible: list[str]) -> list[str]:
        """Of these, the ones a survey of this kind begins in: those it has its own words for, or all when built-in words do.

        A reader should not meet one question in two languages; the author adds the others with their words.
        """
        return [tag for tag in possible if not self.words or tag in self.words]

    def build(self, *, tags: list[str], default: str, **shared: Any) -> Content:
        """The survey's first content in these languages, the default one among them."""
        languages = {tag: dict(self.words.get(tag, {})) for tag in dict.fromkeys([default, *tags])}
        if self.words and default not in self.words:
            # Questions must say something in the default language.
            languages[default] = dict(self.words["en"])
        return Content.from_json(
            {
                **self.content,
                **shared,
                "metric": self.metric,
                "default_language": default,
                "languages": languages,
            }
        )


def _choice(text: str, **options: str) -> dict[str, Any]:
    return {"text": text, "options": options}


STARTERS: tuple[Starter, ...] = (
    Starter(
        key="relationship_nps",
        name="Relationship NPS",
        about="How likely people are to recommend you. Asked of everybody, two to four times a year.",
        metric="nps",
        kind=SurveyKind.RELATIONSHIP,
        content={"asks_quote": True},
    ),
    Starter(
        key="onboarding",
        name="Onboarding",
        about="How satisfied new customers are with their first weeks, and where they got stuck.",
        metric="csat",
        kind=SurveyKind.TRANSACTIONAL,
        content={
            "look": "smileys",
            "questions": [
                {
                    "key": "stuck_at",
                    "kind": "multi",
                    "options": ["setup", "data", "training", "team", "nothing"],
                    "when": {"show": "level", "levels": ["dissatisfied", "neutral"]},
                },
            ],
        },
        words={
            **starter_words.ONBOARDING,
            "en": {
                "question": "How satisfied are you with your start with {subject}?",
                "questions": {
                    "stuck_at": _choice(
                        "What held you up?",
                        setup="Setting it up",
                        data="Getting our data in",
                        training="Learning how it works",
                        team="Bringing the team along",
                        nothing="Nothing of this",
                    )
                },
            },
            "de": {
                "question": "Wie zufrieden sind Sie mit Ihrem Start mit {subject}?",
                "questions": {
                    "stuck_at": _choice(
                        "Was hat Sie aufgehalten?",
                        setup="Die Einrichtung",
                        data="Die Übernahme unserer Daten",
                        training="Das Einarbeiten",
                        team="Das Team mitzunehmen",
                        nothing="Nichts davon",
                    )
                },
            },
        },
    ),
    Starter(
        key="support_csat",
        name="Support satisfaction",
        about="How satisfied people are after a support request, in smileys. Sent when a ticket is solved.",
        metric="csat",
        kind=SurveyKind.TRANSACTIONAL,
        content={
            "look": "smileys",
            "questions": [
                {"key": "solved", "kind": "choice", "required": True, "options": ["yes", "partly", "no"]},
                {
                    "key": "reason",
                    "kind": "multi",
                    "options": ["slow", "unclear", "unfriendly", "not_solved"],
                    "when": {"show": "level", "levels": ["dissatisfied"]},
                },
            ],
        },
        words={
            **starter_words.SUPPORT_CSAT,
            "en": {
                "question": "How satisfied are you with the help you received?",
                "questions": {
                    "solved": _choice("Is your request solved?", yes="Yes", partly="Partly", no="No"),
                    "reason": _choice(
                        "What was not good?",
                        slow="It took too long",
                        unclear="The answer was hard to understand",
                        unfriendly="The tone",
                        not_solved="It did not solve the problem",
                    ),
                },
            },
            "de": {
                "question": "Wie zufrieden sind Sie mit der Hilfe, die Sie bekommen haben?",
                "questions": {
                    "solved": _choice("Ist Ihr Anliegen gelöst?", yes="Ja", partly="Teilweise", no="Nein"),
                    "reason": _choice(
                        "Was war nicht gut?",
                        slow="Es hat zu lange gedauert",
                        unclear="Die Antwort war schwer zu verstehen",
                        unfriendly="Der Ton",
                        not_solved="Das Problem ist nicht gelöst",
                    ),
                },
            },
        },
    ),
    Starter(
        key="support_ces",
        name="Effort after support",
        about="How easy it was to get help, from 1 to 7. Effort foretells who leaves better than satisfaction does.",
        metric="ces",
        kind=SurveyKind.TRANSACTIONAL,
        words={
            **starter_words.SUPPORT_CES,
            "en": {"question": "How easy was it to get your request solved?"},
            "de": {"question": "Wie leicht war es, Ihr Anliegen zu lösen?"},
        },
    ),
    Starter(
        key="renewal",
        name="Before the renewal",
        about="The NPS some weeks before a contract ends, with what people still need to stay.",
        metric="nps",
        kind=SurveyKind.RELATIONSHIP,
        content={
            "questions": [
                {
                    "key": "value",
                    "kind": "rating",
                    "required": True,
                },
                {
                    "key": "missing",
                    "kind": "text",
                    "when": {"show": "level", "levels": ["passive", "detractor"]},
                },
            ]
        },
        words={
            **starter_words.RENEWAL,
            "en": {
                "questions": {
                    "value": {
                        "text": "Is {subject} worth what it costs you?",
                        "low": "not at all",
                        "high": "very much so",
                    },
                    "missing": {"text": "What do you still need from us to stay?"},
                },
            },
            "de": {
                "questions": {
                    "value": {
                        "text": "Ist {subject} seinen Preis wert?",
                        "low": "überhaupt nicht",
                        "high": "voll und ganz",
                    },
                    "missing": {"text": "Was brauchen Sie von uns noch, um zu bleiben?"},
                },
            },
        },
    ),
    Starter(
        key="churned",
        name="Customers who left",
        about="Why they left and what would bring them back. Sent once, some weeks after the end.",
        metric="nps",
        kind=SurveyKind.TRANSACTIONAL,
        content={
            "questions": [
                {
                    "key": "why_left",
                    "kind": "choice",
                    "required": True,
                    "options": [
                        "price",
                        "features",
                        "support",
                        "quality",
                        "competitor",
                        "not_needed",
                        "other",
                    ],
                },
                {
                    "key": "competitor",
                    "kind": "text",
                    "when": {"show": "answer", "question": "why_left", "values": ["competitor"]},
                },
                {"key": "return", "kind": "text"},
            ]
        },
        words={
            **starter_words.CHURNED,
            "en": {
                "intro": "Hello {{ first_name|there }},\n\nyou have left {subject}, and we would like to learn from it. One"
                " question to begin with, ten seconds:",
                "questions": {
                    "why_left": _choice(
                        "What was the main reason to leave?",
                        price="The price",
                        features="Something was missing",
                        support="The support",
                        quality="The quality",
                        competitor="Something else suited us better",
                        not_needed="We no longer need it",
                        other="Another reason",
                    ),
                    "competitor": {"text": "What do you use instead?"},
                    "return": {"text": "What would have to change for you to come back?"},
                },
            },
            "de": {
                "intro": "Guten Tag {{ full_name| }},\n\nSie haben {subject} verlassen, und wir möchten daraus lernen. Eine"
                " Frage zum Anfang, zehn Sekunden:",
                "questions": {
                    "why_left": _choice(
                        "Was war der wichtigste Grund zu gehen?",
                        price="Der Preis",
                        features="Etwas hat gefehlt",
                        support="Der Support",
                        quality="Die Qualität",
                        competitor="Etwas anderes passt besser",
                        not_needed="Wir brauchen es nicht mehr",
                        other="Ein anderer Grund",
                    ),
                    "competitor": {"text": "Was nutzen Sie stattdessen?"},
                    "return": {"text": "Was müsste sich ändern, damit Sie zurückkommen?"},
                },
            },
        },
    ),
)


def starter(key: str) -> Starter | None:
    return next((one for one in STARTERS if one.key == key), None)
