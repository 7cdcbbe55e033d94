"""What answers add to the customer pages: scores, answers, timeline entries, filters, columns; merge, erase and export."""

import datetime as dt
import statistics
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

from django.db.models import F, OuterRef, Q, QuerySet, Subquery
from django.urls import reverse

from accounts import extend
from accounts.domain import ContactRole
from accounts.extend import Column, Panel, Relation, SegmentField, Standing
from accounts.models import Account, Contact, Event
from core import clock
from core.charts import ScorePoint
from surveys import answer_marks, domain
from surveys.insight import standing
from surveys.models import AccountScore, ContactScore, Response
from surveys.queries import feedback, inbox
from surveys.services import forgetting
from surveys.services import responses as services
from team.models import User
from team.permissions import can_lead

WINDOW_DAYS = 365
LISTED = 100
CATEGORIES = [(c.value, c.value.capitalize()) for c in domain.Category]


# --- Panels --------------------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class AccountNow:
    """What the people of an account say: latest answer per contact within 365 days."""

    answers: Sequence[Response]
    people: int
    mean: float | None
    median: float | None
    counts: domain.Counts
    deciders: int
    deciders_heard: int

    @property
    def nps(self) -> int | None:
        """The NPS, from five people on; below, one answer would swing it by more than it could mean."""
        return self.counts.score if self.counts.n >= domain.MIN_ACCOUNT_NPS else None


def account_now(account: Account, user: User) -> AccountNow:
    """Read from the answers themselves, of which an account has few. Definition: `account` (MetricDefinition)."""
    since = clock.now() - dt.timedelta(days=WINDOW_DAYS)
    rows = feedback.list_responses(user).filter(
        account=account,
        metric=domain.NPS.metric,
        contact__isnull=False,
        superseded_at__isnull=True,
        responded_at__gte=since,
    )
    answers = list(rows.counted().order_by("-score", "pk"))  # type: ignore[attr-defined]  # its own queryset class
    scores = [answer.score for answer in answers]
    kinds = Counter(domain.category(score) for score in scores)
    roles = Counter(account.contacts.filter(merged_into__isnull=True).values_list("role", flat=True))
    return AccountNow(
        answers=answers,
        people=sum(roles.values()),
        mean=statistics.fmean(scores) if scores else None,
        median=statistics.median(scores) if scores else None,
        counts=domain.Counts(
            kinds[domain.Category.PROMOTER], kinds[domain.Category.PASSIVE], kinds[domain.Category.DETRACTOR]
        ),
        deciders=roles[ContactRole.DECISION_MAKER],
        deciders_heard=sum(
            a.contact is not None and a.contact.role == ContactRole.DECISION_MAKER for a in answers
        ),
    )


def _account_score(account: Account, user: User) -> Mapping[str, Any]:
    others = AccountScore.objects.filter(account=account).exclude(metric=domain.NPS.metric).order_by("metric")
    return {
        "now": account_now(account, user),
        "others": [
            (domain.scale(row.metric), row, round(100 * row.promoters / row.people) if row.people else 0)
            for row in others
        ],
    }


def _contact_score(contact: Contact, user: User) -> Mapping[str, Any]:
    answers = feedback.list_responses(user).filter(contact=contact).order_by("responded_at", "pk")
    counted = list(answers.counted().filter(metric=domain.NPS.metric))  # type: ignore[attr-defined]  # its own queryset class
    points = [
        ScorePoint(f"{a.responded_at:%-d %b %Y}", a.score, reverse("surveys:response_detail", args=[a.pk]))
        for a in counted[-24:]
    ]
    kept = list(ContactScore.objects.filter(contact=contact).select_related("latest").order_by("metric"))
    score = next((row for row in kept if row.metric == domain.NPS.metric), None)
    others = [(domain.scale(row.metric), row) for row in kept if row.metric != domain.NPS.metric]
    change = score.latest_score - score.previous_score if score and score.previous_score is not None else None
    return {"contact_score": score, "change": change, "points": points, "others": others}


def _answers(target: str) -> Any:
    def context(obj: Any, user: User) -> Mapping[str, Any]:
        found = feedback.list_responses(user).filter(**{target: obj})
        answers = list(found[:LISTED])
        answer_marks.put(answers, user)
        return {"answers": answers, "target": target, "object": obj}

    return context


def _count_answers(target: str) -> Any:
    def count(obj: Any, user: User) -> int:
        return feedback.list_responses(user).filter(**{target: obj}).count()

    return count


# --- Timeline ------------------------------------------------------------------------------------------------
def _responses_of(events: Sequence[Event]) -> Mapping[int, Any]:
    ids = [event.subject_id for event in events if event.subject_id is not None]
    found = Response.objects.select_related("survey").in_bulk(ids)
    return {event.pk: found.get(event.subject_id) for event in events if event.subject_id is not None}


# --- Lists and segments --------------------------------------------------------------------------------------
def _with_account_score(rows: QuerySet[Any]) -> QuerySet[Any]:
    scores = AccountScore.objects.filter(account=OuterRef("pk"), metric="nps")
    found: QuerySet[Any] = rows.annotate(
        score_mean=Subquery(scores.values("mean")[:1]), score_people=Subquery(scores.values("people")[:1])
    )
    return found


def _of_contact(column: str, name: str) -> Any:
    def annotate(rows: QuerySet[Any]) -> QuerySet[Any]:
        scores = ContactScore.objects.filter(contact=OuterRef("pk"), metric="nps")
        found: QuerySet[Any] = rows.annotate(**{name: Subquery(scores.values(column)[:1])})
        return found

    return annotate


def _change(rows: QuerySet[Any]) -> QuerySet[Any]:
    scores = ContactScore.objects.filter(contact=OuterRef("pk"), metric="nps")
    found: QuerySet[Any] = rows.annotate(
        _score_change=Subquery(scores.annotate(by=F("latest_score") - F("previous_score")).values("by")[:1])
    )
    return found


def _account_field(column: str, name: str) -> Any:
    def annotate(rows: QuerySet[Any]) -> QuerySet[Any]:
        scores = AccountScore.objects.filter(account=OuterRef("pk"), metric="nps")
        found: QuerySet[Any] = rows.annotate(**{name: Subquery(scores.values(column)[:1])})
        return found

    return annotate


# --- Merge, erase, export ------------------------------------------------------------------------------------
def _export(contact: Contact) -> Iterable[Mapping[str, Any]]:
    theirs = Q(contact=contact) | Q(pk__in=inbox.naming(contact))
    for answer in Response.objects.filter(theirs).select_related("survey").order_by("responded_at", "pk"):
        yield {
            "known_to_be_theirs": answer.contact_id is not None,
            "said_of_author": answer.identity_hint,
            "survey": answer.survey.name,
            "score": answer.score,
            "comment": answer.comment,
            "answers": answer.answers,
            "may_contact": answer.may_contact,
            "may_quote": answer.may_quote,
            "responded_at": answer.responded_at,
            "received_at": answer.received_at,
            "channel": answer.channel,
            "source": answer.source,
            "external_id": answer.external_id,
            "language": answer.language,
            "customer_then": answer.attributes,
            "excluded_because": answer.excluded_reason,
        }


def _moving(ids: Sequence[int], contacts: Sequence[int]) -> AbstractContextManager[Any]:
    """Around any change of whose answers are whose: figures, chains and revisions follow."""
    return services.changing(ids, more_contacts=contacts)


def register() -> None:
    for target, number in (("account", 20), ("contact", 10)):
        score = _account_score if target == "account" else _contact_score
        extend.panel(
            Panel(
                f"surveys.score.{target}", target, "overview", "NPS", f"surveys/_{target}_score.html", score,
                position=number,
            )
        )  # fmt: skip
        extend.panel(
            Panel(
                f"surveys.answers.{target}", target, "answers", "Answers", "surveys/_answers.html", _answers(target),
                position=40, count=_count_answers(target),
            )
        )  # fmt: skip
    extend.panel(
        Panel(
            "surveys.split", "contact", "overview", "Split", "surveys/_contact_split_entry.html",
            lambda contact, user: {"may_split": can_lead(user)}, column="menu",
        )
    )  # fmt: skip
    for kind in ("response.scored", "response.completed", "response.updated"):
        extend.event_renderer(kind, "surveys/_event_answer.html", _responses_of, group="answers")
    for kind in (
        "response.finalised",
        "response.excluded",
        "response.restored",
        "response.unlinked",
        "response.deleted",
        "response.undeleted",
        "loop.contacted",
        "loop.closed",
        "loop.reopened",
    ):
        extend.event_renderer(kind, "surveys/_event_answer_state.html", _responses_of, group="answers")
    extend.column(
        Column(
            "score", "account", "Mean score", "surveys/_account_score_cell.html",
            lambda row: None if row.score_mean is None else round(row.score_mean, 2), _with_account_score,
            sort="score_mean", css="r", position=10,
        )
    )  # fmt: skip
    extend.column(
        Column(
            "score", "contact", "Score", "surveys/_contact_score_cell.html", lambda row: row.score_latest,
            _of_contact("latest_score", "score_latest"), sort="score_latest", css="r", position=10,
        )
    )  # fmt: skip
    for field in (
        SegmentField("score", "Latest score", "contact", "_f_score", "number",
                     annotate=_of_contact("latest_score", "_f_score"), group="Answers"),
        SegmentField("score_before", "Score before", "contact", "_f_before", "number",
                     annotate=_of_contact("previous_score", "_f_before"), group="Answers"),
        SegmentField("score_change", "Change of the score", "contact", "_score_change", "number",
                     annotate=_change, group="Answers"),
        SegmentField("answered_at", "Last answered", "contact", "_f_answered", "date",
                     annotate=_of_contact("latest_at", "_f_answered"), moment=True, group="Answers"),
        SegmentField("score_mean", "Mean score", "account", "_f_mean", "number",
                     annotate=_account_field("mean", "_f_mean"), group="Answers"),
        SegmentField("score_people", "People heard", "account", "_f_people", "number",
                     annotate=_account_field("people", "_f_people"), group="Answers"),
        SegmentField("answered_at", "Last answer", "account", "_f_last", "date",
                     annotate=_account_field("latest_at", "_f_last"), moment=True, group="Answers"),
    ):  # fmt: skip
        extend.segment_field(field)
    extend.standing(Standing("surveys.nps", standing.read, standing.words))
    extend.relation(
        Relation(
            "surveys.Response", moving=_moving, erase=forgetting.forget_answers, export=_export,
            reason="Answers follow the person; erased, the score stays for the figures and the words go.",
        )
    )  # fmt: skip
    extend.relation(
        Relation(
            "surveys.ContactScore", merge="stay", export=lambda contact: (), reason="Follows the answers."
        )
    )
    extend.relation(
        Relation(
            "surveys.IdentityMove", merge="stay", erase=forgetting.forget_moves,
            reason="A journal keeps keys; what it remembers of a person is forgotten with them.",
        )
    )  # fmt: skip
    extend.relation(Relation("surveys.AccountScore", merge="stay", reason="Follows the answers."))
