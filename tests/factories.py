"""Plain functions that make rows for tests. Only what a test names differs from the ordinary."""

from typing import Any

from team.domain import Role
from team.models import Team, User


def team(name: str = "North") -> Team:
    return Team.objects.create(name=name)


def user(email: str = "person@example.com", *, role: Role = Role.CSM, name: str = "A Person", **fields: Any) -> User:
    return User.objects.create_user(email, "a password long enough", name=name, role=role, **fields)
