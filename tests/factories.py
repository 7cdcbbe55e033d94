"""Plain functions that make rows for tests. Only what a test names differs from the ordinary."""

from typing import Any

from accounts.domain import normalise_email
from accounts.models import Account, Contact
from core import clock
from surveys import ingest
from surveys.ingest import Answer
from surveys.models import Response, Survey
from team.authentication import new_key
from team.domain import Role
from team.models import ApiKey, Team, User


def team(name: str = "North") -> Team:
    return Team.objects.create(name=name)


def user(
    email: str = "person@example.com", *, role: Role = Role.CSM, name: str = "A Person", **fields: Any
) -> User:
    return User.objects.create_user(email, "a password long enough", name=name, role=role, **fields)


# --- Customers and answers -----------------------------------------------------------------------------------
def an_account(name: str = "Acme", **fields: Any) -> Account:
    return Account.objects.create(name=name, **fields)


def a_contact(email: str = "ann@acme.example", *, account: Account | None = None, **fields: Any) -> Contact:
    key = normalise_email(email) if email else None
    return Contact.objects.create(email=email, email_key=key, account=account, **fields)


def a_survey(name: str = "Relationship", **fields: Any) -> Survey:
    return Survey.objects.create(name=name, state="active", **fields)


def answer_to(survey: Survey, score: int = 9, **fields: Any) -> Answer:
    """An answer as the API hears it, now."""
    fields = {"source": "api", "channel": "api", "responded_at": clock.now(), **fields}
    return Answer(survey_id=survey.pk, score=score, **fields)


def respond(survey: Survey, score: int = 9, **fields: Any) -> Response:
    """An answer that went through the ingest door."""
    (outcome,) = ingest.ingest([answer_to(survey, score, **fields)])
    assert outcome.response_id is not None, outcome
    return Response.objects.get(pk=outcome.response_id)


def an_api_key(user: User, *scopes: str, **fields: Any) -> str:
    """A key of `user`, as the text that goes into the Authorization header."""
    text, prefix, digest = new_key()
    ApiKey.objects.create(
        name="Test", user=user, prefix=prefix, digest=digest, scopes=list(scopes), created_by=user, **fields
    )
    return f"Bearer {text}"
