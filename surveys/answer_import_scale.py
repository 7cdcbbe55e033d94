"""Which scale the scores of a file are on: what its cells say, when that must be asked, and the rules one may choose.

Nothing here is guessed. A column whose values are the survey's scale and no other is taken as it is; anything else asks
a person, who chooses one rule. Every rule says what it does, and a cell a rule does not cover refuses its row.
"""

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

from accounts.imports import words
from surveys import domain
from surveys.domain import Scale

AS_IS, ROUND, REVERSE, TENTHS, GROUPS, WORDS = "as_is", "round", "reverse", "tenths", "groups", "words"
STRETCH, METRIC = "stretch:", "metric:"
# With so many answers an end of the scale that nobody chose is worth a question.
MANY = 20
_DISTINCT = 2_000
_KNOWN_SCALES = ((0, 1), (1, 3), (0, 5), (1, 5), (1, 7), (0, 10), (1, 10), (0, 100))
# Within its group each stands for all others: the NPS of such answers is right, their mean is not.
GROUP_SCORES = {"promoter": 9, "passive": 7, "detractor": 3}
_GROUP_WORDS = {
    word: group
    for group, names in {
        "promoter": "promoter promoters promotor promotoren promoteur promoteurs promotores unterstutzer",
        "passive": "passive passives neutral neutrals passiv passiver indifferente passif passifs pasivo pasivos",
        "detractor": "detractor detractors detraktor detraktoren kritiker detracteur detracteurs detractores",
    }.items()
    for word in names.split()
}
_SATISFACTION_WORDS = {
    word: score
    for score, names in {
        1: "very dissatisfied|very unsatisfied|extremely dissatisfied|sehr unzufrieden|tres insatisfait|muy insatisfecho|terrible",
        2: "dissatisfied|unsatisfied|somewhat dissatisfied|unzufrieden|eher unzufrieden|insatisfait|insatisfecho|bad",
        3: "neutral|neither satisfied nor dissatisfied|neither|weder noch|teils teils|weder zufrieden noch unzufrieden|neutre|ok|okay",
        4: "satisfied|somewhat satisfied|zufrieden|eher zufrieden|satisfait|satisfecho|good",
        5: "very satisfied|extremely satisfied|sehr zufrieden|tres satisfait|muy satisfecho|great",
    }.items()
    for word in names.split("|")
}
_NUMBER = r"[+-]?\d{1,6}(?:[.,]\d{1,6})?"
_PLAIN = re.compile(rf"^({_NUMBER})$")
_OUT_OF = re.compile(rf"^({_NUMBER})\s*(?:/|out of|of|von|sur|de)\s*(\d{{1,3}})$", re.IGNORECASE)
_PERCENT = re.compile(rf"^({_NUMBER})\s*%$")
_LABELLED = re.compile(r"^(\d{1,3})\s*(?:[-–—:=.(]\s*|\s)(\D*[^\W\d_]\D*)$")
_LABEL_FIRST = re.compile(r"^(\D*[^\W\d_]\D*?)\s*[-–—:=(]?\s*(\d{1,3})\)?$")
_STARS = re.compile(r"^(★+)(☆*)$")


@dataclass(frozen=True, slots=True)
class Reading:
    """What one cell says: a number, perhaps of so many, perhaps with a label; or a word."""

    value: Fraction | None = None
    out_of: int | None = None
    is_labelled: bool = False
    word: str = ""


def read(cell: str) -> Reading:
    """A cell as a number or a word; never raises."""
    text = unicodedata.normalize("NFKC", cell).replace("−", "-").strip().strip("'\"").strip()
    if match := _PLAIN.match(text):
        return Reading(_fraction(match[1]))
    if match := _OUT_OF.match(text):
        return Reading(_fraction(match[1]), int(match[2]))
    if match := _PERCENT.match(text):
        return Reading(_fraction(match[1]), 100)
    if match := _STARS.match(text):
        return Reading(Fraction(len(match[1])), len(text) if match[2] else None, is_labelled=True)
    if match := _LABELLED.match(text):
        return Reading(Fraction(int(match[1])), is_labelled=True)
    if match := _LABEL_FIRST.match(text):
        return Reading(Fraction(int(match[2])), is_labelled=True)
    return Reading(word=words.folded(text)[:60] or "?")


def _fraction(text: str) -> Fraction:
    return Fraction(text.replace(",", "."))


# --- What a column holds -------------------------------------------------------------------------------------
@dataclass(slots=True)
class Finding:
    """What all cells of a score column say together, small enough to be kept with the import."""

    numbers: int = 0
    blanks: int = 0
    words: int = 0
    labelled: int = 0
    fractions: int = 0
    zeros: int = 0
    low: str = ""
    high: str = ""
    out_of: list[int] = field(default_factory=list)
    only_groups: bool = False  # every word is a group of the NPS, every number -100, 0 or 100
    only_satisfaction: bool = False
    examples: list[str] = field(default_factory=list)  # of what is more than a number

    def as_json(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in self.__dataclass_fields__}

    @classmethod
    def of(cls, stored: Mapping[str, Any]) -> "Finding":
        return cls(**{name: value for name, value in stored.items() if name in cls.__dataclass_fields__})

    @property
    def lowest(self) -> Fraction:
        return Fraction(self.low or 0)

    @property
    def highest(self) -> Fraction:
        return Fraction(self.high or 0)

    @property
    def total(self) -> int:
        return self.numbers + self.words


class Seen:
    """Collects the cells of a column; a few thousand different ones at most are kept apart."""

    def __init__(self, cells: Iterable[str] = ()) -> None:
        self._counts: Counter[str] = Counter()
        self._blanks = 0
        for cell in cells:
            self.add(cell)

    def add(self, cell: str) -> None:
        cell = cell.strip()[:120]
        if not cell:
            self._blanks += 1
        elif cell in self._counts or len(self._counts) < _DISTINCT:
            self._counts[cell] += 1
        else:
            self._counts["…"] += 1

    def finding(self) -> Finding:
        found = Finding(blanks=self._blanks)
        values: list[Fraction] = []
        said: set[str] = set()
        for cell, count in self._counts.items():
            reading = read(cell)
            if reading.value is None:
                found.words += count
                said.add(reading.word)
            else:
                found.numbers += count
                values.append(reading.value)
                found.labelled += count if reading.is_labelled else 0
                found.fractions += count if reading.value.denominator != 1 else 0
                found.zeros += count if reading.value == 0 else 0
                if reading.out_of is not None and reading.out_of not in found.out_of:
                    found.out_of.append(reading.out_of)
            is_plain = reading.value is not None and not reading.is_labelled and reading.out_of is None
            if not (is_plain and reading.value.denominator == 1) and len(found.examples) < 3:  # type: ignore[union-attr]
                found.examples.append(cell[:40])
        if values:
            found.low, found.high = str(min(values)), str(max(values))
        found.out_of = sorted(found.out_of)[:5]
        groups = said <= set(_GROUP_WORDS) and {int(v) if v.denominator == 1 else 1 for v in values} <= {
            -100,
            0,
            100,
        }
        found.only_groups = bool(
            groups and (said or values) and (said or found.high == "100" or found.low == "-100")
        )
        found.only_satisfaction = bool(said) and said <= set(_SATISFACTION_WORDS) and not values
        return found


# --- What must be asked --------------------------------------------------------------------------------------
def doubts(found: Finding, scale: Scale, *, is_known: bool = False) -> list[str]:
    """Why these cannot simply be scores on `scale`, as sentences; empty when they can.

    `is_known`: the file itself says which scale was asked, so that an end nobody chose means nothing.
    """
    reasons: list[str] = []
    shown = f"“{'”, “'.join(found.examples)}”" if found.examples else ""
    if not found.total:
        return ["The column is empty."]
    if found.words:
        reasons.append(f"{found.words:,} of {found.total:,} cells are words, such as {shown}.")
    if found.labelled:
        reasons.append(f"Cells hold more than a number, such as {shown}.")
    if found.out_of:
        reasons.append(f"Cells say out of how many they are, such as {shown}.")
    if found.fractions:
        reasons.append(f"Not every score is a whole number ({found.fractions:,} are not), such as {shown}.")
    if found.numbers:
        low, high = _shown(found.lowest), _shown(found.highest)
        span = f"The scores run from {low} to {high}"
        if found.lowest < scale.low or found.highest > scale.high:
            reasons.append(f"{span}; {scale.label} goes from {scale.low} to {scale.high}.")
        elif not is_known:
            if scale.low == 0 and not found.zeros:
                reasons.append(
                    f"{span}, and none is 0: another scale, such as 1–10 or 1–5, would look like this."
                )
            elif found.numbers >= MANY and found.highest <= (scale.low + scale.high) / 2:
                reasons.append(f"{span}: nobody used the upper half of {scale.low}–{scale.high}.")
            elif scale.metric == domain.CES.metric and found.numbers >= MANY and found.highest <= 5:
                reasons.append(f"{span}: a scale of 1–5 would look like this.")
    return list(dict.fromkeys(reasons))


@dataclass(frozen=True, slots=True)
class Rule:
    """One thing to do about the scores; `says` states it so that nobody is surprised."""

    key: str
    label: str
    says: str


def rules(found: Finding, scale: Scale) -> list[Rule]:
    """Everything that would make sense of these cells, the survey's own scale first."""
    keys: list[str] = []
    if found.numbers and set(found.out_of) <= {scale.high}:
        keys += [AS_IS, ROUND] if found.fractions else [AS_IS]
    if found.numbers:
        keys += _other_scales(found, scale)
        if scale.metric != domain.NPS.metric and scale.low <= found.lowest and found.highest <= scale.high:
            keys.append(REVERSE)
    if found.only_groups and scale.metric == domain.NPS.metric:
        keys.append(GROUPS)
    if found.only_satisfaction and scale.metric == domain.CSAT.metric:
        keys.append(WORDS)
    return [rule_named(key, scale) for key in keys + _other_metrics(found, scale)]


def rule_named(key: str, scale: Scale) -> Rule:
    """A rule with what it says for a survey of this scale. Raises KeyError for a word that is none."""
    own = f"{scale.low}–{scale.high}"
    if key.startswith(STRETCH):
        low, high = (int(part) for part in key.removeprefix(STRETCH).split(":"))
        says = f"Stretched to {own} and rounded: {_table(low, high, scale)}."
        return Rule(key, f"They are on a scale of {low}–{high}", says)
    if key.startswith(METRIC):
        other = domain.SCALES[key.removeprefix(METRIC)]
        return Rule(
            key,
            f"They are {other.label} scores, {other.low}–{other.high}, of another survey",
            f"The answers go into a new {other.label} survey named after the file, not into this one.",
        )
    label, says = {
        AS_IS: (
            f"They are {scale.label} scores, {own}",
            "Each number is taken as it stands, without the text around it. Rows off the scale or with a fraction are refused.",
        ),
        ROUND: (
            f"They are {scale.label} scores, {own}: round them",
            "Halves are rounded up: 8.5 becomes 9. Rows off the scale are refused.",
        ),
        REVERSE: (
            f"{scale.low} is the best, {scale.high} the worst",
            f"Turned round: {scale.low} becomes {scale.high}.",
        ),
        TENTHS: (
            "They are on a scale of 0–100, in tens",
            "Divided by ten: 90 becomes 9. Rows that are no whole tens are refused.",
        ),
        GROUPS: (
            "They are groups: promoter, passive, detractor (or 100, 0, −100)",
            "Stands in: 9 for a promoter, 7 for a passive, 3 for a detractor. The NPS is exact, means are not; what the file"
            " said is kept with each answer.",
        ),
        WORDS: (
            "They are words of satisfaction",
            "From “very dissatisfied”, 1, to “very satisfied”, 5.",
        ),
    }[key]
    return Rule(key, label, says)


def _other_scales(found: Finding, scale: Scale) -> Iterator[str]:
    """The scales the scores fill best, and those up to ten; when cells say out of how many they are, that scale."""
    holding = [(low, high) for low, high in _KNOWN_SCALES if low <= found.lowest <= found.highest <= high]
    nearest = min((high for _, high in holding), default=0)
    likely = set(found.out_of) or {nearest, max(nearest, 10)}
    for low, high in holding:
        if (low, high) == (scale.low, scale.high) or high not in likely or len(found.out_of) > 1:
            continue
        if (low, high) == (0, 100) and scale.metric == domain.NPS.metric:
            yield TENTHS
        yield f"{STRETCH}{low}:{high}"


def _table(low: int, high: int, scale: Scale) -> str:
    steps = range(low, high + 1) if high - low <= 10 else range(low, high + 1, 20)
    return ", ".join(f"{step} becomes {_stretched(Fraction(step), low, high, scale)}" for step in steps)


def _other_metrics(found: Finding, scale: Scale) -> list[str]:
    if found.words and not found.only_satisfaction:
        return []
    keys = []
    for other in domain.SCALES.values():
        fits = bool(found.numbers) and other.low <= found.lowest <= found.highest <= other.high
        fits = fits and set(found.out_of) <= {other.high}
        if fits or (found.only_satisfaction and other.metric == domain.CSAT.metric):
            keys.append(f"{METRIC}{other.metric}")
    return [key for key in keys if key != f"{METRIC}{scale.metric}"]


# --- What becomes of a cell ----------------------------------------------------------------------------------
def convert(cell: str, rule: str, scale: Scale) -> int:
    """The score of a cell under a rule. Raises ValueError with a text that may be shown."""
    reading = read(cell)
    if rule == GROUPS:
        return _group(reading)
    if rule == WORDS and reading.value is None:
        if reading.word not in _SATISFACTION_WORDS:
            raise ValueError("is no known word of satisfaction")
        return _SATISFACTION_WORDS[reading.word]
    value = reading.value
    if value is None:
        raise ValueError("is not a number")
    if rule.startswith(STRETCH):
        low, high = (int(part) for part in rule.removeprefix(STRETCH).split(":"))
        if not low <= value <= high or reading.out_of not in {None, high}:
            raise ValueError(f"is not on the scale of {low}–{high}")
        return _stretched(value, low, high, scale)
    if rule == TENTHS:
        value /= 10
        if value.denominator != 1:
            raise ValueError("is no whole ten")
    elif reading.out_of not in {None, scale.high}:
        raise ValueError(f"is out of {reading.out_of}, not out of {scale.high}")
    if rule == ROUND:
        value = Fraction(_half_up(value))
    if value.denominator != 1:
        raise ValueError("is no whole number")
    score = int(value)
    if score not in scale.scores:
        raise ValueError(f"is not on the scale of {scale.label}, {scale.low}–{scale.high}")
    return scale.low + scale.high - score if rule == REVERSE else score


def is_rule(rule: str) -> bool:
    """Whether `convert` knows this rule."""
    if rule.startswith(STRETCH):
        return rule in {f"{STRETCH}{low}:{high}" for low, high in _KNOWN_SCALES}
    return rule in {AS_IS, ROUND, REVERSE, TENTHS, GROUPS, WORDS}


def is_estimate(rule: str) -> bool:
    """Whether the score is made of what the file says, so that the original is worth keeping."""
    return rule not in {"", AS_IS}


def _group(reading: Reading) -> int:
    numbers = {100: "promoter", 0: "passive", -100: "detractor"}
    group = _GROUP_WORDS.get(reading.word) if reading.value is None else numbers.get(int(reading.value))
    if group is None or (reading.value is not None and reading.value.denominator != 1):
        raise ValueError("is no group such as promoter, passive or detractor")
    return GROUP_SCORES[group]


def _stretched(value: Fraction, low: int, high: int, scale: Scale) -> int:
    return _half_up(scale.low + (value - low) * (scale.high - scale.low) / (high - low))


def _half_up(value: Fraction) -> int:
    return (2 * value.numerator + value.denominator) // (2 * value.denominator)


def _shown(value: Fraction) -> str:
    return str(value.numerator) if value.denominator == 1 else f"{float(value):g}"
