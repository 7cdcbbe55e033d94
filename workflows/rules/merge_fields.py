"""What may stand in braces in the texts of a rule, and what is wrong with a text.

The language is that of survey mails (surveys/merge.py): `{{ first_name|there }}`, a closed list and no logic.
"""

from collections.abc import Mapping

from core.errors import Refused
from surveys import merge
from surveys.models import Response
from team import queries as team_queries
from workflows.models import Run

TAGS: Mapping[str, str] = {
    **{name: label for name, label in merge.TAGS.items() if name != merge.EVENT_TAG},
    "score": "The score that was given",
    "survey": "The survey it was given in",
}
_SPOKEN: Mapping[str, str] = {
    "first_name": "the contact's first name",
    "last_name": "the contact's last name",
    "full_name": "the contact's name",
    "account_name": "the account's name",
    "owner_name": "the owner's name",
    "owner_first_name": "the owner's first name",
    "brand": "our name",
    "score": "the score",
    "survey": "the survey's name",
}
UNKNOWN = "(unknown)"


def problems(text: str) -> list[str]:
    """What is wrong with a text, each with its remedy."""
    return [str(one) for one in merge.problems(text, allowed=TAGS)]


def offered() -> list[tuple[str, str]]:
    """The fields as they are written, with what they stand for."""
    return [(f"{{{{ {name} }}}}", label) for name, label in TAGS.items()]


def values_of(run: Run) -> dict[str, str | None]:
    """What the fields stand for in a run, as things are now; what nobody knows is None.

    Score and survey are those of the answer that started it, in words: a satisfaction of 4 is "4 of 5".
    """
    contact, account, event = run.contact, run.account, run.event
    owner = account.owner if account is not None else None
    response = None
    if event is not None and event.subject_type == "response":
        response = Response.objects.filter(pk=event.subject_id or 0).select_related("survey").first()
    return {
        "first_name": contact.first_name if contact else None,
        "last_name": contact.last_name if contact else None,
        "full_name": contact.display_name if contact else None,
        "account_name": account.name if account else None,
        "owner_name": str(owner) if owner else None,
        "owner_first_name": owner.get_short_name() if owner else None,
        "brand": team_queries.workspace().name,
        "score": score_words(response) if response else None,
        "survey": response.survey.name if response else None,
    }


def score_words(response: Response) -> str:
    """A score in words; on another scale than the NPS with its end, so that nobody takes a 4 of 5 for a 4 of 10."""
    return str(response.score) if response.metric == "nps" else f"{response.score} of {response.scale_max}"


def filled(text: str, run: Run) -> str:
    """The text with its fields filled. Raises `Refused` where one without other words has no value, or cannot be read."""
    try:
        parsed = merge.parse(text, allowed=TAGS)
    except merge.MergeError as error:
        raise Refused(f"The text cannot be filled: {error}", field="text") from None
    # Most texts have no fields, and what fields stand for is read from five tables.
    values = values_of(run) if parsed.tags() else {}
    if missing := parsed.missing(values):
        listed = ", ".join(f"{{{{ {name} }}}}" for name in missing)
        raise Refused(
            f"Nothing is known for {listed}. Write other words into the field, such as {{{{ {missing[0]}|there }}}}.",
            field="text",
            code="missing_field",
        )
    return parsed.fill(values)


def shown(text: str, run: Run) -> str:
    """The text as colleagues read it, filled when they read it: nothing of it is stored, so an erased name is gone from
    what was told, too. A field without a value says so; a text that is none of this language stays as it is."""
    try:
        parsed = merge.parse(text, allowed=TAGS)
    except merge.MergeError:
        return text
    values = values_of(run) if parsed.tags() else {}
    return parsed.fill({**values, **dict.fromkeys(parsed.missing(values), UNKNOWN)})


def spoken(text: str) -> str:
    """The text as it is read out in the sentence of a rule: what a field stands for, and the words in its place.

    “Call {{ full_name|them }}” is read “Call [the contact's name, or ‘them’]”. What cannot be read stays as it is.
    """
    text = text.replace("{contact}", "[the contact]").replace("{account}", "[the account]")
    try:
        parsed = merge.parse(text, allowed=TAGS)
    except merge.MergeError:
        return text
    return "".join(
        part if isinstance(part, str) else f"{part.lead}[{_spoken(part)}]" for part in parsed.parts
    )


def _spoken(tag: merge.Tag) -> str:
    name = _SPOKEN[tag.name]
    if tag.is_required:
        return name
    return f"{name}, or ‘{tag.default}’" if tag.default else f"{name}, if known"
