"""What pages and the API read about closed loops: their clocks, and the figures about them."""

import datetime as dt
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

from django.db.models import Count, Exists, F, OuterRef, Q, QuerySet, Subquery

from accounts.domain import InteractionKind
from accounts.models import Interaction
from core import clock
from surveys.choices import LoopStatus, MetricFamily
from surveys.models import Response
from surveys.querysets import ResponseQuerySet
from team.models import User
from workflows.loop import statistics
from workflows.loop.domain import LoopClock, LoopPause, Reading, reading
from workflows.loop.statistics import Effect, Pair, Share, TooFew, Wait, Waiting
from workflows.models import Loop, LoopOutcome
from workflows.queries import worktime

GROUPS_LIMIT = 50
PAIRS_LIMIT = 4_000
HISTORY = dt.timedelta(days=730)


def list_loops(*, user: User) -> QuerySet[Loop]:
    """Loops of visible accounts and one's own, what is due first at the top."""
    visible = Loop.objects.visible_to(user) | Loop.objects.filter(owner=user)
    return (
        visible.distinct()
        .select_related("account", "contact", "owner", "response", "outcome")
        .order_by("resolution_due_at", "pk")
    )


def open_loops(loops: QuerySet[Loop]) -> QuerySet[Loop]:
    return loops.filter(resolved_at__isnull=True, paused_at__isnull=True)


def late_loops(loops: QuerySet[Loop]) -> QuerySet[Loop]:
    """Open loops one of whose promises has run out."""
    now = clock.now()
    return open_loops(loops).filter(
        Q(contacted_at__isnull=True, contact_due_at__lt=now) | Q(resolution_due_at__lt=now)
    )


def count_late_for(user: User) -> int:
    """How many loops of this person are late."""
    return late_loops(Loop.objects.filter(owner=user)).count()


def outcomes() -> QuerySet[LoopOutcome]:
    """The outcomes to choose from when a loop is closed."""
    return LoopOutcome.objects.filter(is_active=True).order_by("position", "pk")


def readings(loops: Iterable[Loop]) -> dict[int, Reading]:
    """What the clock of each loop shows now, by the loop's id."""
    rows = list(loops)
    known = worktime.calendars_of({loop.owner for loop in rows if loop.owner is not None})
    company = worktime.calendar_of(None) if rows else None
    now = clock.now()
    found = {}
    for loop in rows:
        calendar = known.get(loop.owner_id or 0) or company
        assert calendar is not None
        found[loop.pk] = reading(
            now=now,
            calendar=calendar,
            due={LoopClock.CONTACT: loop.contact_due_at, LoopClock.RESOLUTION: loop.resolution_due_at},
            contacted_at=loop.contacted_at,
            resolved_at=loop.resolved_at,
            pause=LoopPause(loop.pause) if loop.pause else None,
        )
    return found


def readings_of_answers(response_ids: Sequence[int]) -> dict[int, tuple[Loop, Reading]]:
    """The loop and its clock of those answers that have one."""
    loops = list(Loop.objects.filter(response__in=response_ids).select_related("owner"))
    shown = readings(loops)
    return {loop.response_id: (loop, shown[loop.pk]) for loop in loops}


# --- Figures -------------------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class Figures:
    """How promises were kept in one group of loops. Hours are those of the wall clock, as the customer waited."""

    n: int
    contact: Waiting
    resolution: Waiting
    contact_kept: Share
    resolution_kept: Share


@dataclass(frozen=True, slots=True)
class Group:
    key: str
    label: str
    figures: Figures


# With the key: the rows of a filter may be told apart by nothing else, and those that are alike would count once.
FIELDS = (
    "pk", "started_at", "contact_due_at", "resolution_due_at", "contacted_at", "resolved_at", "owner_id", "owner__name",
    "owner__team_id", "owner__team__name", "account__segment",
)  # fmt: skip
GROUPINGS = {
    "owner": ("owner_id", "owner__name", "Nobody"),
    "team": ("owner__team_id", "owner__team__name", "No team"),
    "segment": ("account__segment", "account__segment", "No segment"),
}


def _figures(rows: Sequence[Mapping[str, Any]], now: dt.datetime) -> Figures:
    """Contact that never came counts as waiting on, also where the loop was closed without."""
    contact: list[Wait] = []
    resolution: list[Wait] = []
    kept = {LoopClock.CONTACT: [0, 0], LoopClock.RESOLUTION: [0, 0]}
    for row in rows:
        for which, done, waits in (
            (LoopClock.CONTACT, row["contacted_at"], contact),
            (LoopClock.RESOLUTION, row["resolved_at"], resolution),
        ):
            until = max(done or now, row["started_at"])
            waits.append(Wait((until - row["started_at"]).total_seconds() / 3600, done is not None))
            due = row[f"{which}_due_at"]
            # Decided once it happened or can no longer happen in time.
            closed_without = done is None and row["resolved_at"] is not None
            if done is not None or due < now or closed_without:
                kept[which][1] += 1
                kept[which][0] += done is not None and done <= due
    return Figures(
        n=len(rows),
        contact=statistics.waiting(contact),
        resolution=statistics.waiting(resolution),
        contact_kept=statistics.share(*kept[LoopClock.CONTACT]),
        resolution_kept=statistics.share(*kept[LoopClock.RESOLUTION]),
    )


def figures(loops: QuerySet[Loop], *, by: str = "") -> tuple[Figures, list[Group]]:
    """The figures of a filter, and of each of its groups by owner, team or segment, the largest first.

    Loops that stand still (excluded, erased, rescored) count nowhere.
    """
    rows = list(loops.filter(paused_at__isnull=True).order_by().values(*FIELDS))
    now = clock.now()
    groups: dict[Any, list[Mapping[str, Any]]] = defaultdict(list)
    key, label, nobody = GROUPINGS.get(by, ("", "", ""))
    for row in rows if key else ():
        groups[row[key] or ""].append(row)
    largest = sorted(groups.items(), key=lambda item: (-len(item[1]), str(item[0])))[:GROUPS_LIMIT]
    return _figures(rows, now), [
        Group(str(value), str(members[0][label] or nobody), _figures(members, now))
        for value, members in largest
    ]


def outcome_counts(loops: QuerySet[Loop]) -> list[tuple[str, int]]:
    """How often each outcome was chosen, the most frequent first; "" is none."""
    counts: dict[str, int] = defaultdict(int)
    chosen = loops.filter(resolved_at__isnull=False).order_by()
    for _, label in chosen.values_list("pk", "outcome__label"):
        counts[label or ""] += 1
    return sorted(counts.items(), key=lambda item: (-item[1], item[0]))


def effect_of_following_up(*, user: User, answers: QuerySet[Response]) -> Effect | TooFew:
    """Whether people gave a better score after they were followed up than others did without; see `statistics.effect`.

    Of each person the latest poor NPS answer that was followed by another one, within two years. Followed up is who was
    contacted before the next answer; not followed up is whose answer stayed open and with whom nobody logged contact in
    between. Imported history is left out: it is not known what was done about it. `answers` narrows the visible ones.
    """
    later = (
        Response.objects.counted()
        .filter(
            contact=OuterRef("contact"), metric=MetricFamily.NPS, responded_at__gt=OuterRef("responded_at")
        )
        .order_by("responded_at", "pk")
    )
    talked = Interaction.objects.filter(
        contact=OuterRef("contact"),
        kind__in=[InteractionKind.CALL, InteractionKind.MEETING, InteractionKind.MAIL],
        user__isnull=False,
        happened_at__gte=OuterRef("responded_at"),
        happened_at__lt=OuterRef("next_at"),
    )
    poor = (
        cast(ResponseQuerySet, answers)
        .visible_to(user)
        .counted()
        .filter(
            metric=MetricFamily.NPS, score__lte=6, contact__isnull=False,
            responded_at__gte=clock.now() - HISTORY,
        )
        .exclude(origin__in=["import", "backfill"])
        .annotate(
            next_score=Subquery(later.values("score")[:1]), next_at=Subquery(later.values("responded_at")[:1])
        )
        .filter(next_score__isnull=False)
        .annotate(was_talked_to=Exists(talked), contacted_at=F("loop__contacted_at"))
        .order_by("-responded_at", "-pk")
    )  # fmt: skip
    people: dict[int, Pair] = {}
    sides: dict[bool, list[Pair]] = {True: [], False: []}
    found = poor.values_list(
        "contact_id", "score", "next_score", "next_at", "loop_status", "contacted_at", "was_talked_to"
    )
    for contact, score, next_score, next_at, status, contacted_at, was_talked_to in found[:PAIRS_LIMIT]:
        if contact in people:
            continue
        people[contact] = pair = Pair(score, next_score)
        if was_talked_to or (contacted_at is not None and contacted_at < next_at):
            sides[True].append(pair)
        elif status == LoopStatus.OPEN:
            sides[False].append(pair)
    return statistics.effect(sides[True], sides[False])


def all_outcomes() -> QuerySet[LoopOutcome]:
    """Outcomes with how often each was chosen, also those that can no longer be."""
    return LoopOutcome.objects.annotate(used=Count("loops")).order_by("-is_active", "position", "pk")
