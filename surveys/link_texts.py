"""What only the pages of public links say to a respondent, in each language; English where a language has none."""

from collections.abc import Mapping
from dataclasses import dataclass

from surveys import texts


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkTexts:
    email_label: str
    email_hint: str
    too_many_title: str
    too_many_body: str
    restarts_in: str  # {seconds}, a number that changes
    restart: str
    still_there: str  # {seconds}
    carry_on: str
    kiosk_thanks: str


def link_texts(tag: str) -> LinkTexts:
    """The words for a language tag: its own, its parent's, else English."""
    parts = tag.lower().replace("_", "-").split("-")
    while parts:
        found = WORDS.get("-".join(parts))
        if found is not None:
            return found
        parts.pop()
    return WORDS[texts.DEFAULT_LANGUAGE]


WORDS: Mapping[str, LinkTexts] = {
    "en": LinkTexts(
        email_label="Your e-mail address (optional)",
        email_hint="So that we know whose answer this is and can reply.",
        too_many_title="A moment, please",
        too_many_body="Very many answers have just come from here. Please send yours again in a little while; what you wrote is kept below.",
        restarts_in="This page starts again in {seconds} s.",
        restart="Start again",
        still_there="Are you still there? This page starts again in {seconds} s.",
        carry_on="Carry on",
        kiosk_thanks="Your answer is saved.",
    ),
    "de": LinkTexts(
        email_label="Ihre E-Mail-Adresse (freiwillig)",
        email_hint="Damit wir wissen, von wem die Antwort ist, und antworten können.",
        too_many_title="Einen Moment bitte",
        too_many_body="Von hier kamen gerade sehr viele Antworten. Bitte senden Sie Ihre in Kürze noch einmal; was Sie geschrieben haben, steht noch unten.",
        restarts_in="Diese Seite beginnt in {seconds} s von vorn.",
        restart="Von vorn beginnen",
        still_there="Sind Sie noch da? Diese Seite beginnt in {seconds} s von vorn.",
        carry_on="Weiter",
        kiosk_thanks="Ihre Antwort ist gespeichert.",
    ),
}
