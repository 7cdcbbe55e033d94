"""Merge tags in what an author writes: `{{ first_name|there }}`. A closed list, no logic, no templates.

Promised: what `parse` accepts can always be filled; a value is put as it is and never read for tags again; an unknown
tag is refused where it stands, with the list of the ones that exist. A tag without | is required: a mail to
somebody of whom nothing is known is not sent. With | and no words it may be left out, and the spaces before it go too, so
that "Guten Tag {{ full_name| }}," becomes "Guten Tag,". Data of the event that caused an ask is `{{ event.agent|us }}`.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

# What may be said of a person in a mail; the label is what the editor offers.
TAGS: Mapping[str, str] = {
    "first_name": "First name of the contact",
    "last_name": "Last name of the contact",
    "full_name": "Full name of the contact",
    "account_name": "Name of the account",
    "owner_name": "Name of the account's owner",
    "owner_first_name": "First name of the account's owner",
    "brand": "Your company or product",
    "event.*": "Data of the event that caused the ask, such as event.agent",
}
EVENT_TAG = "event.*"
_EVENT_NAME = re.compile(r"event\.[A-Za-z][A-Za-z0-9_-]{0,59}")
ALIASES: Mapping[str, str] = {
    "contact.first_name": "first_name",
    "contact.last_name": "last_name",
    "contact.full_name": "full_name",
    "contact.name": "full_name",
    "name": "full_name",
    "account": "account_name",
    "account.name": "account_name",
    "company": "account_name",
    "owner": "owner_name",
    "owner.name": "owner_name",
    "owner.first_name": "owner_first_name",
}
MAX_TEXT = 20_000
MAX_TAGS = 100
MAX_DEFAULT = 120

_OPEN = re.compile(r"([ \t\u00a0]*)(\{\{|\{%)")
_QUOTED_DEFAULT = re.compile(r"""default\s*[:=]\s*(?:"([^"]*)"|'([^']*)')""")
# Filters of other template languages. Printing their names as default words is never what the author meant.
_FILTERS = frozenset(
    [
        "safe",
        "raw",
        "escape",
        "e",
        "upper",
        "lower",
        "title",
        "capitalize",
        "capfirst",
        "strip",
        "trim",
        "truncate",
        "date",
        "default",
        "ljust",
        "rjust",
        "center",
        "replace",
        "append",
        "times",
        "n",
        "url_encode",
        "urlencode",
        "escapejs",
        "striptags",
        "linebreaks",
    ]
)


@dataclass(frozen=True, slots=True)
class Tag:
    """A place for a personal value, the words to use when it is empty, and the spaces that belong to it."""

    name: str
    default: str = ""
    lead: str = ""
    is_required: bool = False

    def fill(self, values: Mapping[str, str | None]) -> str:
        words = values.get(self.name) or self.default
        return f"{self.lead}{words}" if words else ""


class MergeError(ValueError):
    """A text that cannot be merged: what is wrong, where (line and column from 1), and what to write instead."""

    def __init__(self, message: str, *, text: str, offset: int, code: str) -> None:
        self.code = code
        self.offset = offset
        self.line = text.count("\n", 0, offset) + 1
        self.column = offset - (text.rfind("\n", 0, offset) + 1) + 1
        super().__init__(f"Line {self.line}, column {self.column}: {message}")


@dataclass(frozen=True, slots=True)
class Merge:
    """A parsed text: literal strings and tags in turn."""

    parts: tuple[str | Tag, ...]

    def fill(self, values: Mapping[str, str | None]) -> str:
        return "".join(part if isinstance(part, str) else part.fill(values) for part in self.parts)

    def missing(self, values: Mapping[str, str | None]) -> list[str]:
        """Names of the required tags that these values leave empty: such a text must not be sent."""
        return [
            part.name
            for part in self.parts
            if isinstance(part, Tag) and part.is_required and not (values.get(part.name) or "").strip()
        ]

    def required(self) -> frozenset[str]:
        """Names of the tags that have no words to stand in."""
        return frozenset(part.name for part in self.parts if isinstance(part, Tag) and part.is_required)

    def tags(self) -> frozenset[str]:
        return frozenset(part.name for part in self.parts if isinstance(part, Tag))


def parse(text: str, *, allowed: Mapping[str, str] = TAGS) -> Merge:
    """The text cut at its tags. Raises `MergeError` at the first thing that is not plain text or an allowed tag."""
    parts: list[str | Tag] = []
    for part in _scan(text, allowed):
        if isinstance(part, MergeError):
            raise part
        parts.append(part)
    return Merge(tuple(parts))


def problems(text: str, *, allowed: Mapping[str, str] = TAGS) -> list[MergeError]:
    """Everything wrong with a text, for a form that shows all of it at once."""
    return [part for part in _scan(text, allowed) if isinstance(part, MergeError)]


def _scan(text: str, allowed: Mapping[str, str]) -> Iterator[str | Tag | MergeError]:
    if len(text) > MAX_TEXT:
        yield MergeError(
            f"the text has {len(text):,} characters; at most {MAX_TEXT:,} are possible.",
            text=text,
            offset=MAX_TEXT,
            code="too_long",
        )
        return
    at = tags = 0
    while (opened := _OPEN.search(text, at)) is not None:
        start = opened.start(2)
        if opened.group(2) == "{%":
            yield MergeError(
                "{% … %} is not possible here; use only {{ … }} with one of: " + _listed(allowed),
                text=text,
                offset=start,
                code="statement",
            )
            at = start + 2
            continue
        end = text.find("}}", start + 2)
        inner = text[start + 2 : end]
        if end < 0 or "{{" in inner or "\n" in inner:
            yield MergeError(
                "{{ is not closed; write }} after the tag.", text=text, offset=start, code="unclosed"
            )
            at = start + 2
            continue
        if opened.start() > at:
            yield text[at : opened.start()]
        tags += 1
        if tags > MAX_TAGS:
            yield MergeError(
                f"at most {MAX_TAGS} tags are possible.", text=text, offset=start, code="too_many"
            )
            return
        yield _tag(text, start, inner, opened.group(1), allowed)
        at = end + 2
    if at < len(text):
        yield text[at:]


def _tag(text: str, start: int, inner: str, lead: str, allowed: Mapping[str, str]) -> Tag | MergeError:
    written, bar, words = inner.partition("|")
    written, words = written.strip(), words.strip()
    name = ALIASES.get(written, written)
    is_known = name in allowed and name != EVENT_TAG
    if not is_known and not (EVENT_TAG in allowed and _EVENT_NAME.fullmatch(name)):
        shown = written if len(written) <= 60 else written[:59] + "…"
        return MergeError(
            f"{{{{ {shown} }}}} is not known. Possible are: {_listed(allowed)}",
            text=text,
            offset=start,
            code="unknown_tag",
        )
    if quoted := _QUOTED_DEFAULT.fullmatch(words):
        words = quoted.group(1) if quoted.group(1) is not None else quoted.group(2)
    problem = ""
    if "|" in words or re.match(r"\w+\s*:", words):
        problem = f"after {written} only one | with the words to use when it is empty is possible."
    elif words.lower() in _FILTERS:
        problem = (
            f"after | come the words to use when {written} is empty; “{words}” would be printed as it is."
        )
    elif len(words) > MAX_DEFAULT:
        problem = f"the words after | have {len(words)} characters; at most {MAX_DEFAULT} are possible."
    if bar and problem:
        return MergeError(problem, text=text, offset=start, code="bad_default")
    return Tag(name, words, lead, is_required=not bar)


def event_values(data: Mapping[str, object]) -> dict[str, str]:
    """An event's data as values for tags: plain words and numbers only, by `event.<key>`."""
    return {
        f"event.{key}": str(value)
        for key, value in data.items()
        if isinstance(value, str | int | float) and not isinstance(value, bool)
    }


def _listed(allowed: Mapping[str, str]) -> str:
    return ", ".join(f"{{{{ {name} }}}}" for name in allowed)
