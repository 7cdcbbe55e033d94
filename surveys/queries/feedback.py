"""What pages and the API read about single answers."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.db.models import Q, QuerySet

from accounts.models import Account, Contact
from surveys.choices import Identity
from surveys.content import Content, QuestionWords
from surveys.models import Response, ResponseRevision, SurveyVersion
from surveys.questions import RATINGS, Kind, Question
from team import queries as team_queries
from team.models import User


def list_responses(user: User) -> QuerySet[Response]:
    """The answers a person may see, newest first, with what a row of a list shows."""
    return (
        Response.objects.visible_to(user)
        .select_related("contact", "account", "survey", "assignee", "account__owner")
        .order_by("-responded_at", "-pk")
    )


def list_inbox(user: User, *, ignored: bool = False) -> QuerySet[Response]:
    """Answers nobody could be found for; for people who see everything."""
    wanted = Identity.IGNORED if ignored else Identity.INBOX
    return list_responses(user).filter(identity=wanted)


def count_inbox(user: User) -> int:
    return Response.objects.visible_to(user).filter(identity=Identity.INBOX).count()


def previous_answers(response: Response, user: User, limit: int = 20) -> list[Response]:
    """Other answers of the same person, newest first."""
    if response.contact_id is None:
        return []
    rows = list_responses(user).filter(contact=response.contact_id).exclude(pk=response.pk)
    return list(rows[:limit])


@dataclass(frozen=True, slots=True)
class Change:
    """One revision and what was different before it."""

    revision: ResponseRevision
    was_score: int | None
    text: str


def changes_of(response: Response) -> list[Change]:
    """How what is known of an answer changed, oldest first."""
    found: list[Change] = []
    before: ResponseRevision | None = None
    for revision in response.revisions.order_by("known_at", "pk"):
        found.append(Change(revision, before.score if before else None, _described(before, revision)))
        before = revision
    return [change for change in found if change.text]


def _described(before: ResponseRevision | None, now: ResponseRevision) -> str:
    if before is None:
        return f"Came in with a {now.score}"
    said = []
    if before.score != now.score:
        said.append(f"score changed from {before.score} to {now.score}")
    if before.contact_key != now.contact_key:
        said.append("linked to a contact" if before.contact_key is None else "linked to another contact")
    if before.is_excluded != now.is_excluded:
        said.append("excluded from figures" if now.is_excluded else "counted again")
    if now.is_deleted and not before.is_deleted:
        said.append("deleted at its source")
    if not said:
        said.append("comment or details added")
    text = ", ".join(said)
    return text[0].upper() + text[1:]


@dataclass(frozen=True, slots=True)
class Suggestion:
    """A contact an unmatched answer may belong to, and why."""

    contact: Contact
    reason: str


def suggestions_for(responses: Sequence[Response], user: User) -> dict[int, list[Suggestion]]:
    """Contacts that answers in the inbox may belong to: same phone, same name, or the mail's domain and the name.

    Two queries for a whole page of the inbox.
    """
    phones, names, domains = set(), set(), set()
    for response in responses:
        hint = response.identity_hint
        if hint.get("phone"):
            phones.add(hint["phone"])
        if hint.get("name"):
            names.add(tuple(_split(hint["name"])))
        if "@" in hint.get("email", ""):
            domains.add(hint["email"].rpartition("@")[2].lower())
    wanted = Q(pk__in=[])
    if phones:
        wanted |= Q(phone__in=phones)
    for first, last in names:
        wanted |= Q(first_name__iexact=first, last_name__iexact=last)
    if domains:
        wanted |= Q(account__domain__in=domains)
    contacts = list(
        Contact.objects.visible_to(user)
        .live()
        .filter(wanted)
        .select_related("account")
        .order_by("last_name", "pk")[:500]
    )
    return {response.pk: _suggested(response, contacts) for response in responses}


def _split(name: str) -> tuple[str, str]:
    first, _, last = " ".join(name.split()).rpartition(" ")
    return first or last, last if first else ""


def _suggested(response: Response, contacts: list[Contact]) -> list[Suggestion]:
    hint = response.identity_hint
    phone, name = hint.get("phone", ""), hint.get("name", "")
    domain = hint.get("email", "").rpartition("@")[2].lower()
    first, last = _split(name) if name else ("", "")
    found: list[tuple[int, Suggestion]] = []
    for contact in contacts:
        same_name = bool(name) and (contact.first_name.lower(), contact.last_name.lower()) == (
            first.lower(), last.lower(),
        )  # fmt: skip
        if phone and contact.phone == phone:
            found.append((0, Suggestion(contact, "same phone number")))
        elif same_name:
            found.append((1, Suggestion(contact, "same name")))
        elif domain and contact.account is not None and contact.account.domain == domain:
            found.append((2, Suggestion(contact, f"works at {domain}")))
    return [suggestion for _, suggestion in sorted(found, key=lambda pair: pair[0])[:3]]


def accounts_by_domain(response: Response, user: User) -> list[Account]:
    """Accounts a new contact may belong to, by the domain of the address."""
    domain = response.identity_hint.get("email", "").rpartition("@")[2].lower()
    if not domain:
        return []
    return list(Account.objects.visible_to(user).filter(domain=domain).order_by("name")[:5])


@dataclass(frozen=True, slots=True)
class Asked:
    """The exact wording an answer saw."""

    question: str
    follow_up: str
    version: int
    answers: Sequence[
        tuple[str, str, str]
    ]  # kind, the question as it was worded, and what was said, in words


def wording_of(response: Response) -> Asked | None:
    """What the person was asked, in the version and language of the answer; None when it came from outside."""
    if response.version is None:
        return None
    content = Content.from_json(response.version.content)
    said = content.wording(response.language or None, company=team_queries.workspace().name)
    kind = content.category(response.score) if content.metric == response.metric else ""
    return Asked(
        said.question,
        said.follow_up(kind),
        response.version.number,
        [
            (one.kind, said.questions[one.key].text, spoken_answer(one, said.questions[one.key], given))
            for one in content.questions
            if (given := response.answers.get(one.key)) is not None
        ],
    )


def spoken_answer(question: Question, said: QuestionWords, given: Any) -> str:
    """An answer to a further question in the words its author read: options by their texts, a rating with its scale."""
    if question.kind == Kind.RATING:
        return f"{given} of {RATINGS[-1]}"
    if question.has_options:
        return ", ".join(
            said.options.get(key, key) for key in (given if isinstance(given, list) else [given])
        )
    return str(given)


def question_columns(responses: QuerySet[Response]) -> list[str]:
    """The keys of all further questions that these answers may hold, in the order of their surveys and questions."""
    found: dict[str, None] = {}
    versions = SurveyVersion.objects.filter(
        pk__in=responses.exclude(answers={}).order_by().values("version")
    ).order_by("survey_id", "number")
    for content in versions.values_list("content", flat=True):
        for question in content.get("questions", []):
            found.setdefault(question["key"])
    return list(found)
