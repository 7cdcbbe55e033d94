"""Work in the demo: promises kept and broken, playbooks under way, a recurring task, who works when and who is away."""

import datetime as dt
import random
from collections.abc import Mapping

from accounts.models import Account, Contact
from surveys.models import Response
from team.models import User
from workflows import people as routing
from workflows.calendars import domain as calendars
from workflows.calendars.domain import NewWork, OpenWork, WorkCalendar
from workflows.domain import Priority, TaskState
from workflows.loop.domain import ContactBy
from workflows.models import (
    ChecklistItem,
    Leave,
    Loop,
    LoopOutcome,
    Playbook,
    PlaybookRun,
    Task,
    TaskComment,
    TaskSeries,
    WorkHours,
    WorkSettings,
)
from workflows.queries import worktime
from workflows.services import playbooks
from workflows.work import library
from workflows.work.domain import PlaybookState

BATCH = 500
LOOPS_SINCE = dt.timedelta(days=330)


def fill(*, rng: random.Random, now: dt.datetime, people: Mapping[str, User]) -> None:
    library.ensure()
    _working_time(now, people)
    _before_promises(rng, now)
    _loops(rng, now)
    _playbooks(rng, now)
    _recurring(now, people)


def _csms(people: Mapping[str, User]) -> list[User]:
    return [user for user in people.values() if user.role == "csm"]


def _working_time(now: dt.datetime, people: Mapping[str, User]) -> None:
    WorkSettings.objects.update_or_create(pk=1, defaults={"country": "DE"})
    first, second = _csms(people)[:2]
    WorkHours.objects.create(
        user=second, weekdays="1234", day_start=dt.time(8), day_end=dt.time(16), country="DE"
    )
    monday = now.date() + dt.timedelta(days=21 - now.weekday())
    Leave.objects.create(
        user=first, starts_on=monday, ends_on=monday + dt.timedelta(days=11), stand_in=second,
        new_work=NewWork.STAND_IN, open_work=OpenWork.HAND_OVER, created_by=people["lead"],
    )  # fmt: skip


# --- Loops ---------------------------------------------------------------------------------------------------
def _before_promises(rng: random.Random, now: dt.datetime) -> None:
    """Of older poor answers many were never followed up: what came of them by itself is what we compare with."""
    old = Response.objects.filter(
        metric="nps", score__lte=6, loop_status="closed", responded_at__lt=now - LOOPS_SINCE
    )
    left = [pk for pk in old.order_by("pk").values_list("pk", flat=True) if rng.random() < 0.5]
    Response.objects.filter(pk__in=left).update(loop_status="open")


def _loops(rng: random.Random, now: dt.datetime) -> None:
    """A loop for every poor answer of the last months, as its status says: most heard from us within a day."""
    outcomes = list(LoopOutcome.objects.order_by("position"))
    weights = (5, 3, 4, 1, 2)[: len(outcomes)]
    answers = (
        Response.objects.filter(
            metric="nps", score__lte=6, contact__isnull=False, account__isnull=False, excluded_reason="",
            responded_at__gte=now - LOOPS_SINCE, loop__isnull=True,
        )
        .select_related("account__owner", "contact")
        .order_by("pk")
    )  # fmt: skip
    fall_back = routing.responsible_for(None)
    owners = {
        row.account.owner for row in answers if row.account is not None and row.account.owner is not None
    }
    known, company = worktime.calendars_of(owners), worktime.calendar_of(None)
    made = []
    for answer in answers:
        owner = answer.account.owner if answer.account and answer.account.owner else fall_back
        calendar = known.get(owner.pk if owner else 0, company)
        made.append(_loop(rng, now, answer, owner, calendar, rng.choices(outcomes, weights)[0]))
    Loop.objects.bulk_create(made, batch_size=BATCH)


def _loop(
    rng: random.Random,
    now: dt.datetime,
    answer: Response,
    owner: User | None,
    calendar: WorkCalendar,
    outcome: LoopOutcome,
) -> Loop:
    day, start = calendars.day_length(calendar), answer.responded_at
    loop = Loop(
        response=answer, account=answer.account, contact=answer.contact, owner=owner, category="detractor",
        started_at=start, contact_due_at=calendars.add_time(calendar, start, day),
        resolution_due_at=calendars.add_time(calendar, start, 5 * day),
    )  # fmt: skip
    contacted = calendars.add_time(calendar, start, dt.timedelta(hours=rng.lognormvariate(1.3, 0.9)))
    if answer.loop_status != "open" and contacted < now:
        loop.contacted_at, loop.contacted_by = contacted, owner
        loop.contact_by = ContactBy.LOGGED if rng.random() < 0.9 else ContactBy.STATED
        resolved = calendars.add_time(calendar, contacted, dt.timedelta(hours=rng.lognormvariate(2.9, 0.7)))
        if answer.loop_status == "closed" and resolved < now:
            loop.resolved_at, loop.resolved_by, loop.outcome = resolved, owner, outcome
    for which, done in (("contact", loop.contacted_at), ("resolution", loop.resolved_at)):
        due = getattr(loop, f"{which}_due_at")
        if due < (done or now):
            setattr(loop, f"{which}_breached_at", due)
    if done is None and (loop.contact_breached_at or loop.resolution_breached_at):
        # Leads were told long ago; the demo begins with what is new.
        loop.escalations, loop.escalated_at = 3, now
    return loop


# --- Playbooks -----------------------------------------------------------------------------------------------
def _playbooks(rng: random.Random, now: dt.datetime) -> None:
    """Some under way, some done: onboarding of new customers, renewals ahead, recoveries, a silent one."""
    live = Account.objects.filter(churned_on__isnull=True, owner__isnull=False).select_related("owner")
    soon = now.date() + dt.timedelta(days=115)
    for key, accounts, ago in (
        ("onboarding", live.order_by("-customer_since", "pk")[:5], (3, 60)),
        ("renewal-120", live.filter(renewal_on__gte=now.date(), renewal_on__lte=soon).order_by("renewal_on", "pk")[:6], (0, 20)),
        ("silent-account", live.filter(segment="Mid-market").order_by("arr", "pk")[:2], (2, 10)),
    ):  # fmt: skip
        playbook = Playbook.objects.get(key=key)
        for account in accounts:
            _start(rng, playbook, account, None, now - dt.timedelta(days=rng.randint(*ago)), now)
    recovery = Playbook.objects.get(key="detractor-recovery")
    loops = Loop.objects.filter(contacted_at__isnull=False, account__churned_on__isnull=True)
    for loop in loops.select_related("account__owner", "contact").order_by("-started_at", "pk")[:4]:
        if loop.account is not None:
            _start(rng, recovery, loop.account, loop.contact, loop.started_at + dt.timedelta(hours=3), now)


def _start(
    rng: random.Random,
    playbook: Playbook,
    account: Account,
    contact: Contact | None,
    at: dt.datetime,
    now: dt.datetime,
) -> None:
    started = PlaybookRun.objects.create(
        playbook=playbook, cause_key=f"demo:{playbook.key}:{account.pk}:{contact.pk if contact else ''}",
        account=account, contact=contact, started_at=at, started_by=account.owner,
    )  # fmt: skip
    open_ones = 0
    for template in playbook.tasks.order_by("position"):
        assignee = routing.route(template.route, account, template.route_settings)
        due = playbooks.due_at(template, account, assignee, at)
        is_done = due < now and rng.random() < 0.85
        open_ones += not is_done
        done_at = min(due - dt.timedelta(hours=rng.randint(1, 20)), now) if is_done else None
        task = Task.objects.create(
            title=playbooks.filled(template.title, account, contact),
            description=playbooks.filled(template.description, account, contact),
            account=account, contact=contact, assignee=assignee, priority=template.priority, due_at=due,
            template=template, playbook_run=started, created_by=account.owner,
            dedupe_key=f"playbook_run:{started.pk}:{template.pk}",
            state=TaskState.DONE if is_done else TaskState.OPEN, completed_at=max(done_at, at) if done_at else None,
            overdue_at=due if due < now and not is_done else None,
        )  # fmt: skip
        ticked = len(template.checklist) if is_done else rng.randint(0, max(len(template.checklist) - 1, 0))
        ChecklistItem.objects.bulk_create(
            ChecklistItem(
                task=task, position=number, text=playbooks.filled(line, account, contact),
                done_at=at if number <= ticked else None, done_by=assignee if number <= ticked else None,
            )
            for number, line in enumerate(template.checklist, start=1)
        )  # fmt: skip
    if not open_ones:
        PlaybookRun.objects.filter(pk=started.pk).update(state=PlaybookState.DONE, finished_at=now)


def _recurring(now: dt.datetime, people: Mapping[str, User]) -> None:
    """Every Monday the lead looks at who has gone silent."""
    lead = people["lead"]
    monday = now.date() + dt.timedelta(days=7 - now.weekday())
    series = TaskSeries.objects.create(
        rule="FREQ=WEEKLY;INTERVAL=1;BYDAY=MO",
        starts_on=monday,
        at=dt.time(10),
        zone="Europe/Berlin",
        created_by=lead,
    )
    task = Task.objects.create(
        title="Look at who has gone silent", assignee=lead, created_by=lead, series=series, occurs_on=monday,
        due_at=calendars.end_of(worktime.calendar_of(lead), monday), priority=Priority.NORMAL,
        description="Accounts without an answer and without a call in three months.",
    )  # fmt: skip
    ChecklistItem.objects.bulk_create(
        ChecklistItem(task=task, position=number, text=text)
        for number, text in enumerate(("Enterprise", "Mid-market", "Agree who calls whom"), start=1)
    )
    TaskComment.objects.create(
        task=task, author=_csms(people)[0], body="I have two in mid-market that I would like to talk about.",
        created_at=now - dt.timedelta(hours=5),
    )  # fmt: skip
