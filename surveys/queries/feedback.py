"""What pages and the API read about single answers."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.db.models import QuerySet

from accounts.models import CustomField, Event, LifecycleStage
from accounts.timeline import CUSTOM_FACTS
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


def by_ids(ids: Sequence[int], user: User) -> dict[int, Response]:
    """Those of these answers that a person may see."""
    return {row.pk: row for row in list_responses(user).filter(pk__in=ids)}


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
        said.append(_new_owner(before, now))
    if before.is_excluded != now.is_excluded:
        said.append("excluded from figures" if now.is_excluded else "counted again")
    if now.is_deleted != before.is_deleted:
        said.append("deleted at its source" if now.is_deleted else "back at its source")
    if not said:
        said.append("comment or details added")
    text = ", ".join(said)
    return text[0].upper() + text[1:]


def _new_owner(before: ResponseRevision, now: ResponseRevision) -> str:
    if now.contact_key is None:
        return "taken away from its contact"
    return "linked to a contact" if before.contact_key is None else "linked to another contact"


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


_THEN = {
    "plan": "Plan", "segment": "Segment", "owner": "Owner", "stage": "Stage", "country": "Country", "industry": "Industry",
    "seats": "Seats", "arr": "ARR", "currency": "Currency", "customer_since": "Customer since", "renewal_on": "Renewal",
    "role": "Role of the contact",
}  # fmt: skip
_DERIVED = {"score", "category"}


def customer_then(response: Response) -> list[tuple[str, str]]:
    """Plan, owner, and all fields that segments know, as they were when the answer came (or was linked); label and value.

    What figures are broken down by stands with the answer, the rest with the event that announced it.
    """
    event = (
        Event.objects.filter(
            contact=response.contact_id,
            subject_type="response",
            subject_id=response.pk,
            kind="response.scored",
        )
        .order_by("pk")
        .first()
        if response.contact_id
        else None
    )
    known: dict[str, Any] = {**(event.facts if event is not None else {}), **response.attributes}
    found = []
    labels = dict(_THEN)
    custom = CustomField.objects.filter(is_personal=False).values_list("target", "key", "label")
    labels |= {f"{CUSTOM_FACTS[target]}{key}": label for target, key, label in custom}
    for key, value in known.items():
        if value in (None, "") or key in _DERIVED or isinstance(value, (dict, list)):
            continue
        found.append((labels.get(key, key.replace("_", " ")), _then(key, value)))
    order = list(labels.values())
    return sorted(found, key=lambda pair: order.index(pair[0]) if pair[0] in order else len(order))


def _then(key: str, value: Any) -> str:
    if key == "owner":
        owner = User.objects.filter(pk=value).first() if str(value).isdigit() else None
        return str(owner) if owner else "somebody who left"
    if key == "stage":
        stage = LifecycleStage.objects.filter(pk=value).first() if str(value).isdigit() else None
        return stage.name if stage else "a stage that is gone"
    if key == "role":
        return str(value).replace("_", " ")
    return {True: "yes", False: "no"}.get(value, str(value)) if isinstance(value, bool) else str(value)


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
