"""Every stored field is declared personal or not.

Erasing a person, exporting what is known about them, and keeping text out of logs all stand on this list, so a
test fails for any model field that nobody has declared.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Declaration:
    personal: frozenset[str]
    neutral: frozenset[str]


declarations: dict[str, Declaration] = {}


def declare(model: str, *, personal: str = "", neutral: str = "") -> None:
    """Declare the fields of `model` ("app.Model"), each list being names separated by blanks."""
    declaration = Declaration(frozenset(personal.split()), frozenset(neutral.split()))
    if both := declaration.personal & declaration.neutral:
        raise ValueError(f"{model}: declared both personal and neutral: {', '.join(sorted(both))}")
    if model in declarations:
        raise ValueError(f"{model}: declared twice; the second would silently take the place of the first")
    declarations[model] = declaration
