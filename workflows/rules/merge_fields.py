"""What may stand in braces in the texts of a rule, and what is wrong with a text.

The language is that of survey mails (surveys/merge.py): `{{ first_name|there }}`, a closed list and no logic.
"""

from collections.abc import Mapping

from core.errors import Refused
from surveys import merge
from surveys.models import Survey
from team import queries as team_queries
from workflows.models import Run

TAGS: Mapping[str, str] = {
    **{name: label for name, label in merge.TAGS.items() if name != merge.EVENT_TAG},
    "score": "The score that was given",
    "survey": "The survey it was given in",
}


def problems(text: str) -> list[str]:
    """What is wrong with a text, each with its remedy."""
    return [str(one) for one in merge.problems(text, allowed=TAGS)]


def offered() -> list[tuple[str, str]]:
    """The fields as they are written, with what they stand for."""
    return [(f"{{{{ {name} }}}}", label) for name, label in TAGS.items()]


def values_of(run: Run) -> dict[str, str | None]:
    """What the fields stand for in a run, as things are now; what nobody knows is None."""
    contact, account, event = run.contact, run.account, run.event
    owner = account.owner if account is not None else None
    survey = event.data.get("survey") if event is not None else None
    score = event.data.get("score") if event is not None else None
    return {
        "first_name": contact.first_name if contact else None,
        "last_name": contact.last_name if contact else None,
        "full_name": contact.display_name if contact else None,
        "account_name": account.name if account else None,
        "owner_name": str(owner) if owner else None,
        "owner_first_name": str(owner).partition(" ")[0] if owner else None,
        "brand": team_queries.workspace().name,
        "score": str(score) if score is not None else None,
        "survey": Survey.objects.filter(pk=survey).values_list("name", flat=True).first() if survey else None,
    }


def filled(text: str, run: Run) -> str:
    """The text with its fields filled. Raises `Refused` where one without other words has no value, or cannot be read."""
    try:
        parsed = merge.parse(text, allowed=TAGS)
    except merge.MergeError as error:
        raise Refused(f"The text cannot be filled: {error}", field="text") from None
    values = values_of(run)
    if missing := parsed.missing(values):
        listed = ", ".join(f"{{{{ {name} }}}}" for name in missing)
        raise Refused(
            f"Nothing is known for {listed}. Write other words into the field, such as {{{{ {missing[0]}|there }}}}.",
            field="text",
            code="missing_field",
        )
    return parsed.fill(values)
