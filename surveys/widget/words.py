"""What a browser is given to draw a survey: every word in one language, the scale, the colours. No markup anywhere."""

from collections.abc import Mapping
from typing import Any

from surveys import content as contents
from surveys import texts
from surveys.channels.mail import colour
from surveys.content import Content

# The panels' own backgrounds (source/style.js): a brand colour must be readable there.
LIGHT, DARK = "#ffffff", "#1b1e21"
DECLINE: Mapping[str, str] = {
    "ar": "لا، شكرًا",
    "cs": "Ne, děkuji",
    "da": "Nej tak",
    "de": "Nein, danke",
    "en": "No, thank you",
    "es": "No, gracias",
    "fi": "Ei kiitos",
    "fr": "Non, merci",
    "he": "לא, תודה",
    "it": "No, grazie",
    "ja": "今回は回答しません",
    "ko": "아니요, 괜찮습니다",
    "nb": "Nei takk",
    "nl": "Nee, bedankt",
    "pl": "Nie, dziękuję",
    "pt": "Não, obrigado",
    "sv": "Nej tack",
    "tr": "Hayır, teşekkürler",
    "uk": "Ні, дякую",
    "zh": "不用了，谢谢",
}


def survey_payload(content: Content, *, language: str, company: str, first_name: str = "") -> dict[str, Any]:
    """The form (surveys.content.Content.form_json) for a reader of `language`, with the words around it."""
    wording = content.wording(language, company=company)
    words = wording.texts
    values = {"first_name": first_name, "brand": wording.brand, "owner_first_name": ""}
    return {
        **content.form_json(wording, values),
        "language": wording.tag,
        "direction": wording.direction,
        "brand": wording.brand,
        "colours": colours(content.brand_colour),
        "words": {
            "label": texts.fill(words.widget_label, brand=wording.brand),
            "legend": wording.scale.choose_score,
            "comment": words.comment_label,
            "optional": words.question_optional,
            "required": words.question_required,
            "send": words.send,
            "close": words.widget_close,
            "decline": decline(wording.tag),
            "thanks": words.widget_thanks,
            "failed": words.trouble.title,
        },
    }


def decline(tag: str) -> str:
    return DECLINE.get(tag.lower().split("-")[0], DECLINE["en"])


def colours(brand: str) -> dict[str, str]:
    """The brand colour as it can be read on the light and on the dark panel, and the colour of text upon it."""
    found = {}
    for name, background in (("light", LIGHT), ("dark", DARK)):
        shown = colour.written(colour.readable(colour.parse(brand), colour.parse(background), 3.0))
        found[name] = shown
        found[f"on_{name}"] = contents.on_colour(shown)
    return found
