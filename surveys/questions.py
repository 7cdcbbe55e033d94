"""Further questions after the score: what they are, when one is shown, and which answers fit. Pure, on plain values.

An answer is kept by the question's key: an option's key (choice), a list of them (multi), a number from 1 to 5
(rating) or a text. A question is shown when its one condition holds: always, for some levels of the score, for a range
of scores, or for some answers to an earlier question. A question that hangs on a hidden one is hidden too.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from core.mail.address import clean_lines
from surveys import domain

MAX_QUESTIONS = 20
MAX_OPTIONS = 20
MAX_TEXT = 5_000
RATINGS = range(1, 6)
KEY = re.compile(r"[a-z][a-z0-9_]{0,39}")
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")

Value = str | int | list[str]


class Kind(StrEnum):
    CHOICE = "choice"
    MULTI = "multi"
    RATING = "rating"
    TEXT = "text"


KIND_LABELS: Mapping[str, str] = {
    Kind.CHOICE: "One of several",
    Kind.MULTI: "Several of several",
    Kind.RATING: "Rating from 1 to 5",
    Kind.TEXT: "Free text",
}


class Show(StrEnum):
    ALWAYS = "always"
    LEVEL = "level"
    SCORE = "score"
    ANSWER = "answer"


@dataclass(frozen=True, slots=True, kw_only=True)
class When:
    """One condition. Which fields matter is said by `show`; `values` are option keys, or ratings as text."""

    show: str = Show.ALWAYS
    levels: tuple[str, ...] = ()
    low: int | None = None
    high: int | None = None
    question: str = ""
    values: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    key: str
    kind: str = Kind.TEXT
    required: bool = False
    options: tuple[str, ...] = ()
    when: When = When()

    @property
    def has_options(self) -> bool:
        return self.kind in {Kind.CHOICE, Kind.MULTI}


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong with an answer: the question's key, a code and a sentence for the API."""

    key: str
    code: str
    message: str


@dataclass(frozen=True, slots=True)
class Checked:
    """Answers as they are kept, and what was wrong with the rest. `dropped` are keys hidden by a branch."""

    answers: Mapping[str, Value]
    problems: tuple[Problem, ...] = ()
    dropped: tuple[str, ...] = ()


def shown(
    questions: Sequence[Question], *, metric: str, score: int | None, answers: Mapping[str, Any]
) -> list[Question]:
    """The questions that a reader with this score and these answers meets, in their order."""
    found: list[Question] = []
    seen: set[str] = set()
    for question in questions:
        if _holds(question.when, metric, score, answers, seen):
            found.append(question)
            seen.add(question.key)
    return found


def _holds(when: When, metric: str, score: int | None, answers: Mapping[str, Any], seen: set[str]) -> bool:
    if when.show == Show.ALWAYS:
        return True
    if when.show == Show.ANSWER:
        if when.question not in seen:
            return False
        given = answers.get(when.question)
        values = given if isinstance(given, list) else [] if given is None else [given]
        return any(str(value) in when.values for value in values)
    if score is None:
        return False
    if when.show == Show.LEVEL:
        return domain.category_of(metric, score) in when.levels
    return (when.low is None or score >= when.low) and (when.high is None or score <= when.high)


def check(
    questions: Sequence[Question],
    *,
    metric: str,
    score: int,
    given: Mapping[str, Any],
    is_complete: bool = False,
) -> Checked:
    """Answers sorted into what is kept, what is refused and what a branch hides.

    Refused are unknown questions, unknown options, ratings off the scale and texts that are too long. An empty value
    takes an answer back. With `is_complete` a shown required question without an answer is refused as well.
    """
    known = {question.key: question for question in questions}
    problems = [
        Problem(key, "unknown_question", f"This survey has no question {key[:60]!r}.")
        for key in given
        if key not in known
    ]
    kept: dict[str, Value] = {}
    dropped: list[str] = []
    seen: set[str] = set()
    for question in questions:
        raw = given.get(question.key)
        if not _holds(question.when, metric, score, kept, seen):
            if not is_empty(raw):
                dropped.append(question.key)
            continue
        seen.add(question.key)
        if is_empty(raw):
            if is_complete and question.required:
                problems.append(Problem(question.key, "required", "This question needs an answer."))
            continue
        value = _value(question, raw)
        if isinstance(value, Problem):
            problems.append(value)
        elif not is_empty(value):
            kept[question.key] = value
        elif is_complete and question.required:
            problems.append(Problem(question.key, "required", "This question needs an answer."))
    return Checked(kept, tuple(problems), tuple(dropped))


def is_empty(value: Any) -> bool:
    return (
        value is None
        or (isinstance(value, str) and not value.strip())
        or (isinstance(value, list) and not value)
    )


def _value(question: Question, raw: Any) -> Value | Problem:
    key = question.key
    if question.kind == Kind.CHOICE:
        if not isinstance(raw, str) or raw not in question.options:
            return Problem(key, "unknown_option", f"Choose one of: {', '.join(question.options)}.")
        return raw
    if question.kind == Kind.MULTI:
        chosen = [raw] if isinstance(raw, str) else raw
        if not isinstance(chosen, list | tuple) or any(
            not isinstance(one, str) or one not in question.options for one in chosen
        ):
            return Problem(key, "unknown_option", f"Choose some of: {', '.join(question.options)}.")
        return [option for option in question.options if option in chosen]
    if question.kind == Kind.RATING:
        number = int(raw) if isinstance(raw, str) and re.fullmatch(r"[1-5]", raw) else raw
        if type(number) is not int or number not in RATINGS:
            return Problem(key, "off_scale", "Give a whole number from 1 to 5.")
        return number
    if not isinstance(raw, str):
        return Problem(key, "not_text", "Give a text.")
    text = _CONTROL.sub("", clean_lines(raw)).strip()
    if len(text) > MAX_TEXT:
        return Problem(key, "too_long", f"{len(text):,} characters; at most {MAX_TEXT:,} are kept.")
    return text


# Reading what was sent by a form


def from_form(questions: Iterable[Question], data: Any) -> dict[str, Any]:
    """The answers of a posted form, whose fields are named `q-<key>`; a question that was not sent is left out.

    Fields that name no question of this survey are not looked at.
    """
    found: dict[str, Any] = {}
    for question in questions:
        values = data.getlist(f"q-{question.key}")
        if question.kind == Kind.MULTI:
            if values:
                found[question.key] = [value for value in values if value]
        elif values:
            found[question.key] = values[-1]
    return found


# What an author may write


def faults(questions: Sequence[Question], metric: str) -> Iterator[tuple[str, str]]:
    """(path, message) of everything that must be mended, the path beginning with `questions.<number from 0>`."""
    if len(questions) > MAX_QUESTIONS:
        yield "questions", f"{len(questions)} questions; at most {MAX_QUESTIONS} are possible."
    earlier: dict[str, Question] = {}
    for number, question in enumerate(questions):
        base = f"questions.{number}"
        if not KEY.fullmatch(question.key):
            yield (
                f"{base}.key",
                "A key is 1 to 40 small letters, digits and underscores, beginning with a letter.",
            )
        elif question.key in earlier:
            yield f"{base}.key", f"Two questions have the key {question.key}. Each needs its own."
        if question.kind not in set(Kind):
            yield f"{base}.kind", f"The kind must be one of: {', '.join(Kind)}."
        yield from _option_faults(question, base)
        yield from _when_faults(question.when, f"{base}.when", earlier, metric)
        earlier[question.key] = question


def _option_faults(question: Question, base: str) -> Iterator[tuple[str, str]]:
    if not question.has_options:
        return
    if len(question.options) < 2:
        yield f"{base}.options", "A question to choose from needs at least two options."
    if len(question.options) > MAX_OPTIONS:
        yield f"{base}.options", f"{len(question.options)} options; at most {MAX_OPTIONS} are possible."
    if len(set(question.options)) != len(question.options):
        yield f"{base}.options", "Two options have the same key. Each needs its own."
    if any(not KEY.fullmatch(option) for option in question.options):
        yield (
            f"{base}.options",
            "An option's key is 1 to 40 small letters, digits and underscores, beginning with a letter.",
        )


def _when_faults(
    when: When, base: str, earlier: Mapping[str, Question], metric: str
) -> Iterator[tuple[str, str]]:
    scale = domain.scale(metric)
    if when.show not in set(Show):
        yield f"{base}.show", f"This must be one of: {', '.join(Show)}."
    elif when.show == Show.LEVEL:
        if not when.levels:
            yield f"{base}.levels", "Say after which scores the question is shown, or show it always."
        elif not set(when.levels) <= set(scale.names):
            yield f"{base}.levels", f"Possible are: {', '.join(scale.names)}."
    elif when.show == Show.SCORE:
        low = scale.low if when.low is None else when.low
        high = scale.high if when.high is None else when.high
        if when.low is None and when.high is None:
            yield f"{base}.low", "Say from which to which score the question is shown, or show it always."
        elif not scale.low <= low <= high <= scale.high:
            yield f"{base}.low", f"Scores go from {scale.low} to {scale.high}, the lower one first."
    elif when.show == Show.ANSWER:
        other = earlier.get(when.question)
        if other is None:
            yield f"{base}.question", "Choose a question that comes before this one."
        elif other.kind == Kind.TEXT:
            yield (
                f"{base}.question",
                "A free text cannot be a condition. Choose a question with options or a rating.",
            )
        elif not when.values:
            yield f"{base}.values", "Say after which answers the question is shown."
        else:
            possible = set(other.options) if other.has_options else {str(number) for number in RATINGS}
            if not set(when.values) <= possible:
                yield f"{base}.values", f"Possible are: {', '.join(sorted(possible))}."
