"""What lists can ask of answers and silence: fields of segments, and ready lists made of them.

Each field is one correlated subquery that an index answers (account or contact, newest first), so a list costs one
statement however many rows it has.

- **Category** of a contact: by its latest score. Of an account: by the median of its people's present scores (latest
  answer per contact within 365 days), 9 and more promoter, 7 and more passive. The median, because one furious user
  among ten content ones is a person to call and not an unhappy account.
- **Asks since the last answer**: real asks that went out after the last counted answer to any survey, or ever. An answer
  of anybody at an account ends its silence.
- **Change of the mean in 90 days**: the account's present mean less what it was 90 days ago, both by the same definition
  and counted from the answers; empty where either had no answers.
"""

import datetime as dt
from typing import Any

from django.db.models import (
    Avg,
    Case,
    CharField,
    Count,
    F,
    FloatField,
    IntegerField,
    Max,
    OuterRef,
    Q,
    QuerySet,
    Subquery,
    Value,
    When,
)
from django.db.models.functions import Coalesce

from accounts import extend
from accounts.extend import ReadyList, SegmentField
from core import clock
from surveys.choices import LoopStatus, pairs
from surveys.domain import NPS, PASSIVE_FROM, PROMOTER_FROM, Category
from surveys.insight.rollups import ACCOUNT_DAYS
from surveys.models import AccountScore, ContactScore, Invitation, Response

CHANGE_DAYS = 90
GROUP, SILENCE = "Answers", "Silence"
_LONG_AGO = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
CATEGORIES = [(one.value, one.value.capitalize()) for one in Category]


def _with(rows: QuerySet[Any], **named: Any) -> QuerySet[Any]:
    """The rows with expressions to filter by."""
    found: QuerySet[Any] = rows.alias(**named)
    return found


def _category(score: str) -> Case:
    """Promoter, passive, detractor or nothing, of an annotated score."""
    return Case(
        When(**{f"{score}__gte": PROMOTER_FROM}, then=Value(Category.PROMOTER.value)),
        When(**{f"{score}__gte": PASSIVE_FROM}, then=Value(Category.PASSIVE.value)),
        When(**{f"{score}__isnull": False}, then=Value(Category.DETRACTOR.value)),
        default=Value(""),
        output_field=CharField(),
    )


# --- Contacts ------------------------------------------------------------------------------------------------
def _of_contact() -> QuerySet[ContactScore]:
    return ContactScore.objects.filter(contact=OuterRef("pk"), metric=NPS.metric)


def _contact_category(rows: QuerySet[Any]) -> QuerySet[Any]:
    scored = rows.alias(_f_category_score=Subquery(_of_contact().values("latest_score")[:1]))
    return _with(scored, _f_category=_category("_f_category_score"))


def _contact_loop(rows: QuerySet[Any]) -> QuerySet[Any]:
    return _with(rows, _f_loop=Subquery(_of_contact().values("latest__loop_status")[:1]))


def _contact_last_asked(rows: QuerySet[Any]) -> QuerySet[Any]:
    return _with(rows, _f_asked_at=_newest_ask("contact"))


def _contact_asks(rows: QuerySet[Any]) -> QuerySet[Any]:
    answered = ContactScore.objects.filter(contact=OuterRef("pk")).order_by("-latest_at").values("latest_at")
    return _asks_since(rows, "contact", answered)


# --- Accounts ------------------------------------------------------------------------------------------------
def _of_account(column: str) -> Subquery:
    scores = AccountScore.objects.filter(account=OuterRef("pk"), metric=NPS.metric)
    return Subquery(scores.values(column)[:1])


def _account_category(rows: QuerySet[Any]) -> QuerySet[Any]:
    return _with(_with(rows, _f_median=_of_account("median")), _f_category=_category("_f_median"))


def _account_detractors(rows: QuerySet[Any]) -> QuerySet[Any]:
    return _with(rows, _f_detractors=_of_account("detractors"))


def _account_waiting(rows: QuerySet[Any]) -> QuerySet[Any]:
    waiting = (
        Response.objects.counted()
        .filter(
            account=OuterRef("pk"), metric=NPS.metric, score__lt=PASSIVE_FROM, loop_status=LoopStatus.OPEN
        )
        .filter(superseded_at__isnull=True, responded_at__gte=clock.now() - dt.timedelta(days=ACCOUNT_DAYS))
    )
    return _with(rows, _f_waiting=_count(waiting, "account"))


def _account_change(rows: QuerySet[Any]) -> QuerySet[Any]:
    then = clock.now() - dt.timedelta(days=CHANGE_DAYS)
    before = (
        Response.objects.counted()
        .filter(account=OuterRef("pk"), metric=NPS.metric)
        .filter(responded_at__lt=then, responded_at__gte=then - dt.timedelta(days=ACCOUNT_DAYS))
        .filter(Q(superseded_at__isnull=True) | Q(superseded_at__gte=then))
        .order_by()
        .values("account")
        .annotate(mean=Avg("score", output_field=FloatField()))
        .values("mean")
    )
    both = _with(rows, _f_mean_now=_of_account("mean"), _f_mean_then=Subquery(before))
    return _with(both, _f_mean_change=F("_f_mean_now") - F("_f_mean_then"))


def _account_last_asked(rows: QuerySet[Any]) -> QuerySet[Any]:
    return _with(rows, _f_asked_at=_newest_ask("account"))


def _account_asks(rows: QuerySet[Any]) -> QuerySet[Any]:
    answered = (
        Response.objects.counted()
        .filter(account=OuterRef("pk"))
        .order_by("-responded_at")
        .values("responded_at")
    )
    return _asks_since(rows, "account", answered)


# --- Asks ----------------------------------------------------------------------------------------------------
def _asks(target: str) -> QuerySet[Invitation]:
    found: QuerySet[Invitation] = Invitation.objects.real().filter(
        **{target: OuterRef("pk")}, asked_at__isnull=False
    )
    return found


def _newest_ask(target: str) -> Subquery:
    return Subquery(_asks(target).order_by().values(target).annotate(at=Max("asked_at")).values("at"))


def _asks_since(rows: QuerySet[Any], target: str, answered: QuerySet[Any]) -> QuerySet[Any]:
    known = rows.alias(_f_heard_at=Coalesce(Subquery(answered[:1]), Value(_LONG_AGO)))
    silent = _asks(target).filter(asked_at__gt=OuterRef("_f_heard_at"))
    return _with(known, _f_asks=_count(silent, target))


def _count(rows: QuerySet[Any], target: str) -> Coalesce:
    counted = rows.order_by().values(target).annotate(number=Count("pk")).values("number")
    return Coalesce(Subquery(counted, output_field=IntegerField()), 0)


# --- Registering ---------------------------------------------------------------------------------------------
FIELDS = (
    SegmentField("category", "Category", "contact", "_f_category", "choice", lambda: CATEGORIES, _contact_category,
                 group=GROUP),
    SegmentField("loop", "Follow-up of the latest answer", "contact", "_f_loop", "choice", lambda: pairs(LoopStatus),
                 _contact_loop, group=GROUP),
    SegmentField("asked_at", "Last asked", "contact", "_f_asked_at", "date", annotate=_contact_last_asked, moment=True,
                 group=SILENCE),
    SegmentField("asks_unanswered", "Asks since the last answer", "contact", "_f_asks", "number",
                 annotate=_contact_asks, group=SILENCE),
    SegmentField("category", "Category (median of its people)", "account", "_f_category", "choice",
                 lambda: CATEGORIES, _account_category, group=GROUP),
    SegmentField("detractors", "Detractors among its people", "account", "_f_detractors", "number",
                 annotate=_account_detractors, group=GROUP),
    SegmentField("detractors_waiting", "Detractors nobody has followed up", "account", "_f_waiting", "number",
                 annotate=_account_waiting, group=GROUP),
    SegmentField("mean_change", f"Change of the mean score in {CHANGE_DAYS} days", "account", "_f_mean_change",
                 "number", annotate=_account_change, group=GROUP),
    SegmentField("asked_at", "Last asked", "account", "_f_asked_at", "date", annotate=_account_last_asked, moment=True,
                 group=SILENCE),
    SegmentField("asks_unanswered", "Asks since the last answer", "account", "_f_asks", "number",
                 annotate=_account_asks, group=SILENCE),
)  # fmt: skip


def _all(*conditions: tuple[Any, ...]) -> dict[str, Any]:
    names = ("field", "op", "value")
    return {"all": [dict(zip(names, one, strict=False)) for one in conditions]}


READY = (
    ReadyList(
        "promoters", "Promoters", "contact", "People to ask for a reference, a review or a referral.",
        _all(("category", "in", ["promoter"]), ("answered_at", "within_last", 180)), "-score", 10,
    ),
    ReadyList(
        "detractors_without_contact", "Detractors without contact", "contact",
        "Whose latest answer was 0 to 6 and whom nobody has called or written to since.",
        _all(("category", "in", ["detractor"]), ("loop", "in", ["open"]), ("answered_at", "within_last", 180)),
        "score", 20,
    ),
    ReadyList(
        "fell_since_last_answer", "Fell since last answer", "contact",
        "Two points or more below the answer before: the early sign of a detractor.",
        _all(("score_change", "lte", -2), ("answered_at", "within_last", 180)), "score", 30,
    ),
    ReadyList(
        "rose_since_last_answer", "Rose since last answer", "contact",
        "Two points or more above the answer before: worth asking what helped.",
        _all(("score_change", "gte", 2), ("answered_at", "within_last", 180)), "-score", 35,
    ),
    ReadyList(
        "quiet_accounts", "Quiet accounts by ARR", "account",
        "Asked at least twice since anybody there last answered, the dearest first.",
        _all(("asks_unanswered", "gte", 2), ("churned_on", "empty")), "-arr", 40,
    ),
    ReadyList(
        "falling_accounts", "Accounts whose mean fell", "account",
        f"A mean score lower by one point or more than {CHANGE_DAYS} days ago, the dearest first.",
        _all(("mean_change", "lte", -1), ("churned_on", "empty")), "-arr", 50,
    ),
)  # fmt: skip


def register() -> None:
    for field in FIELDS:
        extend.segment_field(field)
    for one in READY:
        extend.ready_list(one)
