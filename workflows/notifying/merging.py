"""Texts of rules for colleagues, with their merge fields filled from what a run is about when they are read.

Nothing of it is stored: an erased name is gone from what was told, too.
"""

from surveys import merge
from surveys.models import Response
from team import queries as team_queries
from workflows.models import Run
from workflows.rules import merge_fields

UNKNOWN = "(unknown)"


def fill(text: str, run: Run) -> str:
    """`text` with its fields filled. A field without a value and without words to stand in says so; a text that is none of
    this language stays as it is."""
    try:
        parsed = merge.parse(text, allowed=merge_fields.TAGS)
    except merge.MergeError:
        return text
    values = values_of(run)
    return parsed.fill({**values, **dict.fromkeys(parsed.missing(values), UNKNOWN)})


def values_of(run: Run) -> dict[str, str | None]:
    """What the fields stand for in a run."""
    contact, account = run.contact, run.account
    owner = account.owner if account is not None else None
    event = run.event
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
        "score": str(response.score) if response else None,
        "survey": response.survey.name if response else None,
    }
