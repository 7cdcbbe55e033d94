"""What may stand in braces in the texts of a rule, and what is wrong with a text.

The language is that of survey mails (surveys/merge.py): `{{ first_name|there }}`, a closed list and no logic.
"""

from collections.abc import Mapping

from surveys import merge

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
