"""The part of the editor's form that holds further questions: numbered flat fields, so that it works without script.

Question n has fields `q<n>-…`. Adding, moving and removing are buttons that send the whole form; `rearranged` renumbers
what was sent and the page is shown again, nothing saved.
"""

import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django import forms
from django.http import QueryDict

from surveys import domain, questions
from surveys.content import LABEL_LENGTH, OPTION_LENGTH, QUESTION_LENGTH, Content, QuestionWords
from surveys.questions import Question, Show

SPARE_OPTIONS = 2
_FIELD = re.compile(r"q([0-9]{1,2})-(.+)")
_ACTION = re.compile(r"(add|up|down|remove|show):(\w+)", re.ASCII)
SHOW_LABELS: Mapping[str, str] = {
    Show.ALWAYS: "to everybody",
    Show.LEVEL: "depending on the group of the score",
    Show.SCORE: "after a range of scores",
    Show.ANSWER: "after an answer to an earlier question",
}

Draft = dict[str, list[str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class QuestionTexts:
    """What a question says in one language. What its kind does not need is sent along unseen, so that nothing is lost."""

    number: int
    title: str
    text: forms.BoundField
    ends: list[forms.BoundField]
    options: list[forms.BoundField]
    is_rating: bool
    has_options: bool


@dataclass(frozen=True, slots=True)
class QuestionSection:
    """The fields of one question, for the template."""

    number: int
    title: str
    key: forms.BoundField
    kind: forms.BoundField
    required: forms.BoundField
    show: forms.BoundField
    levels: forms.BoundField
    low: forms.BoundField
    high: forms.BoundField
    answers: forms.BoundField | None
    words: list[tuple[str, str, list[forms.BoundField]]]  # tag, name, text and the ends of a rating
    options: list[tuple[forms.BoundField, list[forms.BoundField]]]  # key and its text in each language
    is_first: bool
    is_last: bool

    @property
    def own_words(self) -> list[forms.BoundField]:
        """In the default language."""
        return self.words[0][2]

    def words_in(self, tag: str) -> "QuestionTexts | None":
        """In another language; none in the default one, whose words stand with the question itself."""
        for place, (own, _, fields) in enumerate(self.words):
            if place and own == tag:
                return QuestionTexts(
                    number=self.number,
                    title=self.title,
                    text=fields[0],
                    ends=fields[1:],
                    options=[
                        texts[place] for _, texts in self.options if texts[place].value() or texts[0].value()
                    ],
                    is_rating=self.kind.value() == questions.Kind.RATING,
                    has_options=self.kind.value() in {questions.Kind.CHOICE, questions.Kind.MULTI},
                )
        return None

    @property
    def own_options(self) -> list[tuple[forms.BoundField, forms.BoundField]]:
        return [(key, texts[0]) for key, texts in self.options]


# Drafts: what stands in the fields of one question


def drafts_of(content: Content) -> list[Draft]:
    return [_draft(question, content) for question in content.questions]


def _draft(question: Question, content: Content) -> Draft:
    when = question.when
    draft: Draft = {
        "key": [question.key],
        "kind": [question.kind],
        "required": ["on"] if question.required else [],
        "show": [when.show],
        "levels": list(when.levels),
        "low": [] if when.low is None else [str(when.low)],
        "high": [] if when.high is None else [str(when.high)],
        "answers": [f"{when.question}={value}" for value in when.values],
    }
    for place, option in enumerate(question.options):
        draft[f"o{place}-key"] = [option]
    for tag, words in content.languages.items():
        own = words.questions.get(question.key, QuestionWords())
        for name in ("text", "low", "high"):
            draft[f"t-{tag}-{name}"] = [getattr(own, name)]
        for place, option in enumerate(question.options):
            draft[f"o{place}-{tag}"] = [own.options.get(option, "")]
    return draft


def drafts_sent(data: QueryDict) -> list[Draft]:
    found: dict[int, Draft] = {}
    for name in data:
        if (match := _FIELD.fullmatch(name)) is not None:
            found.setdefault(int(match.group(1)), {})[match.group(2)] = data.getlist(name)
    return [found[number] for number in sorted(found)][: questions.MAX_QUESTIONS]


def is_rearranging(data: Any) -> bool:
    return _ACTION.fullmatch(str(data.get("do", ""))) is not None


def rearranged(data: QueryDict) -> QueryDict:
    """What was sent, its questions numbered from 0 without gaps, after the button that was pressed (if it was ours)."""
    drafts = drafts_sent(data)
    match = _ACTION.fullmatch(data.get("do", ""))
    if match is not None:
        _apply(drafts, match.group(1), match.group(2))
    made = data.copy()
    for name in list(made):
        if _FIELD.fullmatch(name):
            del made[name]
    for number, draft in enumerate(drafts):
        for suffix, values in draft.items():
            made.setlist(f"q{number}-{suffix}", values)
    return made


def _apply(drafts: list[Draft], action: str, which: str) -> None:
    if action == "add":
        if which in set(questions.Kind) and len(drafts) < questions.MAX_QUESTIONS:
            drafts.append({"key": [_free_key(drafts)], "kind": [which], "show": [Show.ALWAYS]})
        return
    if not which.isdigit() or int(which) >= len(drafts):
        return
    place = int(which)
    if action == "remove":
        del drafts[place]
    elif action == "up" and place > 0:
        drafts[place - 1], drafts[place] = drafts[place], drafts[place - 1]
    elif action == "down" and place < len(drafts) - 1:
        drafts[place + 1], drafts[place] = drafts[place], drafts[place + 1]


def _free_key(drafts: Sequence[Draft]) -> str:
    taken = {(draft.get("key") or [""])[0] for draft in drafts}
    return next(key for number in range(1, 1000) if (key := f"question_{number}") not in taken)


# Fields


def fields_of(
    drafts: Sequence[Draft], *, metric: str, default: str, tags: Sequence[str]
) -> Iterator[tuple[str, forms.Field]]:
    scale = domain.scale(metric)
    earlier: list[tuple[str, list[tuple[str, str]]]] = []
    for number, draft in enumerate(drafts):
        base = f"q{number}"
        yield f"{base}-key", forms.CharField(widget=forms.HiddenInput, required=False, max_length=40)
        yield (
            f"{base}-kind",
            forms.ChoiceField(choices=list(questions.KIND_LABELS.items()), label="Kind of answer"),
        )
        yield f"{base}-required", forms.BooleanField(required=False, label="An answer is required")
        yield f"{base}-show", forms.ChoiceField(choices=list(SHOW_LABELS.items()), label="Show this question")
        yield (
            f"{base}-levels",
            forms.MultipleChoiceField(
                choices=[(level.name, f"{level.label} ({level.range})") for level in scale.levels],
                required=False,
                widget=forms.CheckboxSelectMultiple,
                label="Groups",
            ),
        )
        for end, label in (("low", "From score"), ("high", "to score")):
            yield (
                f"{base}-{end}",
                forms.TypedChoiceField(
                    choices=[("", "–"), *((str(score), str(score)) for score in scale.scores)],
                    required=False,
                    coerce=int,
                    empty_value=None,
                    label=label,
                ),
            )
        if earlier:
            yield (
                f"{base}-answers",
                forms.MultipleChoiceField(
                    choices=[(title, options) for title, options in earlier],
                    required=False,
                    widget=forms.CheckboxSelectMultiple,
                    label="After any of these answers",
                ),
            )
        yield from _word_fields(base, draft, default, tags)
        if group := _answers_of(number, draft, default):
            earlier.append(group)


def _word_fields(
    base: str, draft: Draft, default: str, tags: Sequence[str]
) -> Iterator[tuple[str, forms.Field]]:
    limits = {"text": QUESTION_LENGTH, "low": LABEL_LENGTH, "high": LABEL_LENGTH}
    labels = {"text": "Question", "low": "What 1 means", "high": "What 5 means"}
    for tag in tags:
        for name, limit in limits.items():
            stand_in = "" if tag == default else (draft.get(f"t-{default}-{name}") or [""])[0]
            yield f"{base}-t-{tag}-{name}", _text(labels[name], limit, tag, stand_in)
    for place in range(min(options_in(draft) + SPARE_OPTIONS, questions.MAX_OPTIONS)):
        yield (
            f"{base}-o{place}-key",
            forms.CharField(widget=forms.HiddenInput, required=False, max_length=40),
        )
        for tag in tags:
            stand_in = "" if tag == default else (draft.get(f"o{place}-{default}") or [""])[0]
            label = f"Option {place + 1}" if tag == default else stand_in or f"Option {place + 1}"
            yield f"{base}-o{place}-{tag}", _text(label, OPTION_LENGTH, tag, stand_in)


def _text(label: str, limit: int, tag: str, placeholder: str) -> forms.CharField:
    return forms.CharField(
        required=False,
        label=label,
        max_length=limit * 4,  # the limit itself is checked with a message that names it
        widget=forms.TextInput(attrs={"lang": tag, "placeholder": placeholder, "dir": "auto"}),
    )


def options_in(draft: Draft) -> int:
    """How many option rows of a draft hold something, counted to the last one."""
    places = [
        int(match.group(1))
        for suffix, values in draft.items()
        if (match := re.fullmatch(r"o(\d+)-.+", suffix)) and any(values)
    ]
    return max(places, default=-1) + 1


def _answers_of(number: int, draft: Draft, default: str) -> tuple[str, list[tuple[str, str]]] | None:
    """What a later question may hang on: (the question's text, its answers as `key=value`)."""
    key = (draft.get("key") or [""])[0]
    kind = (draft.get("kind") or [""])[0]
    title = (draft.get(f"t-{default}-text") or [""])[0] or f"Question {number + 1}"
    if kind == questions.Kind.RATING:
        return title, [(f"{key}={rating}", str(rating)) for rating in questions.RATINGS]
    if kind not in {questions.Kind.CHOICE, questions.Kind.MULTI}:
        return None
    options = []
    for place in range(options_in(draft)):
        own = (draft.get(f"o{place}-key") or [""])[0]
        if own:  # a new option can be a condition once it is saved or the questions are rearranged
            options.append((f"{key}={own}", (draft.get(f"o{place}-{default}") or [""])[0] or own))
    return (title, options) if options else None


def with_option_keys(data: QueryDict, default: str) -> QueryDict:
    """Gives every new option its key, made of its text, so that later questions can hang on it at once."""
    made = data.copy()
    for number, draft in enumerate(drafts_sent(data)):
        taken = {
            values[0] for suffix, values in draft.items() if suffix.endswith("-key") and values and values[0]
        }
        for place in range(options_in(draft)):
            if (draft.get(f"o{place}-key") or [""])[0]:
                continue
            text = (draft.get(f"o{place}-{default}") or [""])[0]
            if text.strip():
                key = _key_of(text, taken)
                taken.add(key)
                made[f"q{number}-o{place}-key"] = key
    return made


def _key_of(text: str, taken: set[str]) -> str:
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode().lower()
    stem = re.sub(r"[^a-z0-9]+", "_", plain).strip("_")[:30].strip("_")
    if not stem or not stem[0].isalpha():
        stem = f"option_{stem}".strip("_")[:36]
    if stem not in taken:
        return stem
    return next(key for number in range(2, 1000) if (key := f"{stem}_{number}") not in taken)


# Back to content


def questions_json(drafts: Sequence[Draft], data: Mapping[str, Any], default: str) -> list[dict[str, Any]]:
    """The questions of a cleaned form, in the form of Content's JSON."""
    return [_question_json(number, draft, data, default) for number, draft in enumerate(drafts)]


def _question_json(number: int, draft: Draft, data: Mapping[str, Any], default: str) -> dict[str, Any]:
    base = f"q{number}"
    kind = data.get(f"{base}-kind") or questions.Kind.TEXT
    when: dict[str, Any] = {"show": data.get(f"{base}-show") or Show.ALWAYS}
    if when["show"] == Show.LEVEL:
        when["levels"] = data.get(f"{base}-levels") or []
    elif when["show"] == Show.SCORE:
        when |= {"low": data.get(f"{base}-low"), "high": data.get(f"{base}-high")}
    elif when["show"] == Show.ANSWER:
        chosen = [value.partition("=") for value in data.get(f"{base}-answers") or []]
        first = chosen[0][0] if chosen else ""
        when |= {"question": first, "values": [value for key, _, value in chosen if key == first]}
    has_options = kind in {questions.Kind.CHOICE, questions.Kind.MULTI}
    return {
        "key": data.get(f"{base}-key") or f"question_{number + 1}",
        "kind": kind,
        "required": bool(data.get(f"{base}-required")),
        "options": [key for _, key in _kept_options(base, draft, data, default)] if has_options else [],
        "when": when,
    }


def _kept_options(base: str, draft: Draft, data: Mapping[str, Any], default: str) -> list[tuple[int, str]]:
    """(row, key) of the options that have a text in the default language; emptying it removes an option."""
    return [
        (place, data[f"{base}-o{place}-key"])
        for place in range(options_in(draft))
        if data.get(f"{base}-o{place}-key") and (data.get(f"{base}-o{place}-{default}") or "").strip()
    ]


def words_json(
    drafts: Sequence[Draft], data: Mapping[str, Any], tag: str, default: str
) -> dict[str, dict[str, Any]]:
    """What the questions say in one language."""
    made: dict[str, dict[str, Any]] = {}
    for number, draft in enumerate(drafts):
        base = f"q{number}"
        key = data.get(f"{base}-key") or f"question_{number + 1}"
        made[key] = {name: data.get(f"{base}-t-{tag}-{name}") or "" for name in ("text", "low", "high")}
        made[key]["options"] = {
            option: data.get(f"{base}-o{place}-{tag}") or ""
            for place, option in _kept_options(base, draft, data, default)
        }
    return made


def answer_faults(drafts: Sequence[Draft]) -> Iterator[tuple[str, str]]:
    """(field, message) for conditions that name answers of two questions: one can only hang on one."""
    for number, draft in enumerate(drafts):
        if (draft.get("show") or [""])[0] == Show.ANSWER:
            keys = {value.partition("=")[0] for value in draft.get("answers", [])}
            if len(keys) > 1:
                yield f"q{number}-answers", "Choose answers of one question only."


def field_of(path: str, drafts: Sequence[Draft], default: str) -> str:
    """The form's name for a dotted path of a question: `questions.2.when.levels`, `languages.de.questions.why.text`."""
    parts = path.split(".")
    if parts[0] == "questions" and len(parts) > 2:
        last = parts[-1]
        name = {"question": "answers", "values": "answers", "key": "kind", "options": f"o0-{default}"}.get(
            last, last
        )
        return f"q{parts[1]}-{name}"
    if len(parts) > 4 and parts[2] == "questions":
        for number, draft in enumerate(drafts):
            if (draft.get("key") or [""])[0] == parts[3]:
                if parts[4] != "options":
                    return f"q{number}-t-{parts[1]}-{parts[4]}"
                place = _place(draft, parts[5]) if len(parts) > 5 else 0
                return f"q{number}-o{place}-{parts[1]}"
    return path


def _place(draft: Draft, option: str) -> int:
    return next((n for n in range(options_in(draft)) if (draft.get(f"o{n}-key") or [""])[0] == option), 0)


def section_of(
    form: forms.Form, number: int, drafts: Sequence[Draft], tags: Sequence[str], names: Mapping[str, str]
) -> QuestionSection:
    base = f"q{number}"
    rows = min(options_in(drafts[number]) + SPARE_OPTIONS, questions.MAX_OPTIONS)
    own = form[f"{base}-t-{tags[0]}-text"].value() or ""
    return QuestionSection(
        number=number,
        title=own or "New question",
        key=form[f"{base}-key"],
        kind=form[f"{base}-kind"],
        required=form[f"{base}-required"],
        show=form[f"{base}-show"],
        levels=form[f"{base}-levels"],
        low=form[f"{base}-low"],
        high=form[f"{base}-high"],
        answers=form[f"{base}-answers"] if f"{base}-answers" in form.fields else None,
        words=[
            (tag, names[tag], [form[f"{base}-t-{tag}-{name}"] for name in ("text", "low", "high")])
            for tag in tags
        ],
        options=[
            (form[f"{base}-o{place}-key"], [form[f"{base}-o{place}-{tag}"] for tag in tags])
            for place in range(rows)
        ],
        is_first=number == 0,
        is_last=number == len(drafts) - 1,
    )


def initial_of(drafts: Sequence[Draft]) -> dict[str, Any]:
    """Drafts as the initial values of their fields."""
    many = {"levels", "answers"}
    return {
        f"q{number}-{suffix}": values if suffix in many else (values[0] if values else "")
        for number, draft in enumerate(drafts)
        for suffix, values in draft.items()
    }
