"""What a reply by SMS says: a score, a word to be obeyed, or something for a person to read.

Promised: a score is read only where no other reading is at hand. Two different numbers, a number outside 0 to 10, a
fraction of another scale, a decimal or a number within a sentence about something else are no score: the reply is kept,
and a person reads it. No score is better than a wrong one.
"""

import re
import unicodedata
from dataclasses import dataclass
from functools import cache

from surveys import domain
from surveys.channels.sms import words
from surveys.choices import MessageKind
from surveys.domain import Scale

MAX_BODY = 2_000


@dataclass(frozen=True, slots=True)
class Reading:
    """`score` with kind SCORE only; `comment` is what was said beside it. `unclear`: numbers, but no certain score."""

    kind: MessageKind
    score: int | None = None
    comment: str = ""
    unclear: bool = False


# Beside the command itself, what polite or thorough people add to it.
_POLITE = frozenset(
    [
        "please",
        "pls",
        "thanks",
        "thank",
        "you",
        "now",
        "all",
        "sms",
        "texts",
        "text",
        "messages",
        "message",
        "me",
        "bitte",
        "danke",
        "jetzt",
        "alle",
        "sofort",
        "mehr",
        "keine",
    ]
)
_SCALES = r"out\s+of|of|von|sur|de|di|da|van|av|af|na|z"
_NUMBER = re.compile(
    rf"""(?<![\w.,:/%+-])                  # not within a word, a decimal, a time, a range
    (?P<sign>[-]?)\+?\#?
    (?P<number>\d+(?:[.,]\d+)?)
    (?:\s*/\s*(?P<over>\d+)|\s+(?:{_SCALES})\s+(?P<of>\d+|\w+)\b)?
    (?P<tail>:\d|[-–]\s?\d|\s?%|\s?[€$£]|[^\W\d_]|/\w)?""",
    re.VERBOSE | re.IGNORECASE,
)
# Words before a number that say it is the score, wherever it stands.
_CUES = frozenset(
    [
        "score",
        "scored",
        "rating",
        "rate",
        "rated",
        "vote",
        "mark",
        "nps",
        "answer",
        "give",
        "gives",
        "giving",
        "bewertung",
        "bewerte",
        "note",
        "punkte",
        "punkt",
        "gebe",
        "geben",
        "antwort",
        "wertung",
        "puntuación",
        "nota",
        "puntos",
        "doy",
        "voto",
        "punti",
        "do",
        "geef",
        "cijfer",
        "betyg",
        "ger",
        "karakter",
        "giver",
        "ocena",
        "daję",
        "daje",
    ]
)
_FILLERS = _CUES | frozenset(
    [
        "i",
        "i'd",
        "id",
        "would",
        "will",
        "you",
        "it",
        "a",
        "an",
        "is",
        "my",
        "the",
        "would's",
        "say",
        "definitely",
        "clear",
        "solid",
        "strong",
        "big",
        "points",
        "ich",
        "würde",
        "wuerde",
        "euch",
        "ihnen",
        "dir",
        "eine",
        "ein",
        "einen",
        "klare",
        "meine",
        "mein",
        "ist",
        "es",
        "vergebe",
        "von",
        "für",
        "fuer",
        "je",
        "te",
        "vous",
        "un",
        "une",
        "es",
        "un",
        "le",
        "la",
    ]
)
_UNITS = frozenset(
    [
        "day",
        "days",
        "week",
        "weeks",
        "month",
        "months",
        "year",
        "years",
        "hour",
        "hours",
        "minute",
        "minutes",
        "min",
        "mins",
        "times",
        "time",
        "x",
        "tag",
        "tage",
        "tagen",
        "woche",
        "wochen",
        "monat",
        "monate",
        "monaten",
        "jahr",
        "jahre",
        "jahren",
        "stunde",
        "stunden",
        "minuten",
        "mal",
        "users",
        "user",
        "people",
        "person",
        "leute",
        "personen",
        "tickets",
        "ticket",
        "calls",
        "call",
        "versions",
        "version",
    ]
)


def read(body: str, *, language: str = "", scale: Scale = domain.NPS) -> Reading:
    """What `body` says, from somebody who was asked in `language` for a score on `scale`."""
    text = tidy(body)
    command = _command(text)
    if command is not None:
        return Reading(command)
    return _score(text, language, scale)


def tidy(body: str) -> str:
    """One form for the many ways of writing the same: full-width and other digits, keycaps, dashes, blanks."""
    text = unicodedata.normalize("NFKC", body[:MAX_BODY].replace("🔟", "10"))
    found = []
    for character in text:
        if character in "\u2212\u2010\u2011":
            found.append("-")
        elif character.isdecimal():
            found.append(str(unicodedata.decimal(character)))
        elif unicodedata.category(character) in {"Cf", "Mn", "Me"} and not character.isalpha():
            continue  # joiners, variation selectors, keycaps
        elif unicodedata.category(character)[0] in "ZC":
            found.append("\n" if character == "\n" else " ")
        else:
            found.append(character)
    return unicodedata.normalize("NFC", "".join(found)).strip()


def _command(text: str) -> MessageKind | None:
    said = re.findall(r"[^\W\d_]+", text.casefold())
    if not said or len(said) > 5 or any(character.isdigit() for character in text):
        return None
    joined = said[0] if len(said) == 1 else said[0] + (said[1] if said[1] in {"all", "out", "in"} else "")
    commands = _commands()
    for word in (joined, said[0]):
        if word in commands and all(more in _POLITE or more in {"out", "in"} for more in said[1:]):
            return commands[word]
    return None


@cache
def _commands() -> dict[str, MessageKind]:
    kinds = {"stop": MessageKind.STOP, "start": MessageKind.START, "info": MessageKind.HELP}
    return {
        _folded(word): kinds[kind] for kind, spellings in words.command_words().items() for word in spellings
    }


def _folded(word: str) -> str:
    return word.casefold()


@dataclass(frozen=True, slots=True)
class _Mention:
    """A number as it stands in the text. `value` None: certainly no score."""

    start: int
    end: int
    value: int | None
    is_scaled: bool = False


def _score(text: str, language: str, scale: Scale) -> Reading:
    numbers = _mentions(text, words.number_words(language), scale)
    if not numbers:
        return Reading(MessageKind.REPLY)
    unclear = Reading(MessageKind.REPLY, unclear=True)
    possible = [one for one in numbers if one.value is not None]
    scaled = [one for one in possible if one.is_scaled]
    chosen = scaled or possible
    if len({one.value for one in chosen}) != 1 or len({one.value for one in possible}) > 1:
        return unclear
    first = chosen[0]
    # A number that cannot be a score ("-5", "11", "8.5") at the head of the text is what was meant as one.
    if numbers[0].value is None and _leads(text, numbers[0]):
        return unclear
    if not (first.is_scaled or _leads(text, first) or _stands_for_itself(text, first)):
        return unclear
    value = first.value
    assert value is not None
    if _says_another(text, first, value, words.number_words(language)):
        return unclear
    return Reading(MessageKind.SCORE, value, _comment(text, first))


def _mentions(text: str, spelled: dict[str, int], scale: Scale) -> list[_Mention]:
    found = []
    for match in _NUMBER.finditer(text):
        found.append(_mention(match, text, spelled, scale))
    for match in re.finditer(r"(?<![\w'-])[^\W\d_]+(?![\w'-])", text):
        value = spelled.get(match.group().casefold())
        if value is None or not _is_meant(text, match, value):
            continue
        if any(one.start <= match.start() < one.end for one in found):
            continue
        fits = scale.low <= value <= scale.high
        found.append(_Mention(match.start(), match.end(), value if fits else None))
    return sorted(found, key=lambda one: one.start)


def _mention(match: "re.Match[str]", text: str, spelled: dict[str, int], scale: Scale) -> _Mention:
    number, over, of = match["number"], match["over"], match["of"]
    start, end = match.start(), match.end("number")
    none = _Mention(start, match.end(), None)
    if match["sign"] or len(number) > 2 or not number.isdigit() or number != str(int(number)):
        return none
    value = int(number)
    if over is not None:
        fits = over == str(scale.high) and scale.low <= value <= scale.high
        return _Mention(start, match.end("over"), value, is_scaled=True) if fits else none
    if of is not None:
        whole = int(of) if of.isdigit() and len(of) < 4 else spelled.get(of.casefold())
        if whole == scale.high and scale.low <= value <= scale.high:
            return _Mention(start, match.end("of"), value, is_scaled=True)
        if whole is not None:
            return none
    if match["tail"] or not scale.low <= value <= scale.high:
        # "9love it" is a slip of the thumb; "2nd", "3x", "10%", "7-8" and "10:30" are not scores.
        return none
    after = re.match(r"\s*-?\s*([^\W\d_]+)", text[end:])
    if after and after[1].casefold() in _UNITS:
        return none
    return _Mention(start, end, value)


def _is_meant(text: str, match: "re.Match[str]", value: int) -> bool:
    """Whether a written number is a number here: by itself, or at the head; "one" and its like only by themselves."""
    alone = text.strip(" .!?,;:\n\"'()").casefold() == match.group().casefold()
    if alone:
        return True
    if match.start() != 0 and text[: match.start()].strip(" \"'(") != "":
        # Within a text a written number is a score only after a word that says so.
        before = re.findall(r"[\w']+", text[: match.start()].casefold())
        return bool(set(before[-3:]) & _CUES) and value not in {0, 1}
    after = text[match.end() :]
    if value in {0, 1}:
        return bool(re.match(r"\s*[.,;:!\n-]", after))
    follows = re.match(r"\s*([^\W\d_]+)", after)
    return not (follows and follows[1].casefold() in _UNITS)


def _says_another(text: str, mention: _Mention, value: int, spelled: dict[str, int]) -> bool:
    """Whether another number stands in the text as a word ("nine, no, ten"). Words for 0 and 1 have other meanings."""
    rest = re.findall(r"[^\W\d_]+", f"{text[: mention.start]} {text[mention.end :]}".casefold())
    return any(spelled.get(word, 0) not in {0, 1, value} for word in rest)


def _leads(text: str, mention: _Mention) -> bool:
    return not text[: mention.start].strip(" \"'(*:\n")


def _stands_for_itself(text: str, mention: _Mention) -> bool:
    """Within a text: after a word that says it is the score, or with nothing but fillers around it."""
    before = re.findall(r"[^\W\d_][\w']*", text[: mention.start].casefold())
    after = re.findall(r"[^\W\d_][\w']*", text[mention.end :].casefold())
    if set(before[-4:]) & _CUES:
        return True
    return (
        len(before) <= 4
        and all(word in _FILLERS for word in before)
        and all(word in _FILLERS for word in after)
    )


def _comment(text: str, mention: _Mention) -> str:
    before, after = text[: mention.start], text[mention.end :]
    if _leads(text, mention):
        # A sign after the number belongs to it: "9!", "10+++", "8 - because".
        return re.sub(r"^[\s.,;:!+*)\"'–—-]+", "", after).strip()
    rest = re.findall(r"[^\W\d_][\w']*", f"{before} {after}".casefold())
    return "" if all(word in _FILLERS for word in rest) else text
