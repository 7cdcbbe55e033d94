"""Whose change a history row is."""

from django.db import models

from team.models import User


def sign(thing: models.Model, actor: User | None) -> None:
    """The next history row of `thing` is by `actor`, whoever's request it is written in."""
    thing._history_user = actor  # type: ignore[attr-defined]  # read by simple_history
