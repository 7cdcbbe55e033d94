"""What starts, stops and changes playbooks."""

import datetime as dt
import uuid
from zoneinfo import ZoneInfo

from django.db import transaction

from accounts import timeline
from accounts.models import Account, Contact
from core import clock
from core.errors import Invalid, Refused
from team import audit
from team.models import User
from workflows import people
from workflows.calendars import domain as calendars
from workflows.domain import Priority, TaskState
from workflows.models import Playbook, PlaybookRun, PlaybookTask, Run, Task
from workflows.queries import worktime
from workflows.services import progress, tasks
from workflows.work.domain import Anchor, PlaybookState, Route, Unit


@transaction.atomic
def start(
    *,
    playbook: Playbook,
    account: Account | None,
    contact: Contact | None = None,
    run: Run | None = None,
    actor: User | None = None,
) -> PlaybookRun:
    """Start a playbook on an account, and about one of its contacts: all its tasks are created, each with its date.

    From a rule's `run` it starts once, however often it is asked. By hand it is refused while it is under way for the
    same account and contact. Refused without an account, for an archived or empty playbook, and where the account lacks
    a date from which a task's offset counts.
    """
    account = account or (contact.account if contact is not None else None)
    if account is None:
        raise Refused("A playbook needs an account. Link the person to one first.", code="no_account")
    if contact is not None and contact.account_id != account.pk:
        raise Invalid("The contact belongs to another account.", field="contact")
    cause = f"rule:{run.rule_id}:{run.cause_key}" if run is not None else f"hand:{uuid.uuid4().hex}"
    # Two people who press the button at once take turns here, and the second is told.
    playbook = Playbook.objects.select_for_update(of=("self",)).get(pk=playbook.pk)
    known = PlaybookRun.objects.filter(playbook=playbook, cause_key=cause).first()
    if known is not None:
        return known
    templates = _startable(playbook)
    if run is None:
        _refuse_second(playbook, account, contact)
    now = clock.now()
    counts_from_renewal = any(template.anchor == Anchor.RENEWAL for template in templates)
    started = PlaybookRun.objects.create(
        playbook=playbook, cause_key=cause, account=account, contact=contact, run=run, started_at=now,
        started_by=actor, counted_from=account.renewal_on if counts_from_renewal else None,
    )  # fmt: skip
    people.hold_turns(one.route_settings for one in templates if one.route == Route.ROUND_ROBIN)
    for template in templates:
        _create_task(template, started, actor)
    timeline.record(
        kind="playbook.started",
        cause_key=f"playbook_run:{started.pk}:started",
        account=account,
        contact=contact,
        actor=actor,
        subject=("playbook_run", started.pk),
        data={"playbook": playbook.pk, "tasks": len(templates), "rule": run.rule_id if run else None},
    )
    return started


def _startable(playbook: Playbook) -> list[PlaybookTask]:
    if not playbook.is_active:
        raise Refused("This playbook is archived. Bring it back before starting it.", code="archived")
    templates = list(playbook.tasks.order_by("position", "pk"))
    if not templates:
        raise Refused("This playbook has no tasks yet. Add some before starting it.", code="empty")
    return templates


def _refuse_second(playbook: Playbook, account: Account, contact: Contact | None) -> None:
    running = PlaybookRun.objects.filter(
        playbook=playbook, account=account, contact=contact, state=PlaybookState.RUNNING
    ).first()
    if running is not None:
        who = contact.display_name if contact is not None else account.name
        raise Refused(
            f"{playbook.name} is under way for {who} since {running.started_at:%Y-%m-%d}. Finish or stop it first.",
            code="running",
        )


def _create_task(template: PlaybookTask, started: PlaybookRun, actor: User | None) -> Task:
    chosen = people.choose(template.route, started.account, template.route_settings)
    return tasks.create_task(
        title=filled(template.title, started.account, started.contact),
        description=filled(template.description, started.account, started.contact),
        account=started.account,
        contact=started.contact,
        run=started.run,
        assignee=chosen.user,
        covering=chosen.leave,
        priority=Priority(template.priority),
        due_at=due_at(template, started.account, chosen.user, started.started_at),
        checklist=[filled(line, started.account, started.contact) for line in template.checklist],
        template=template,
        playbook_run=started,
        dedupe_key=f"playbook_run:{started.pk}:{template.pk}",
        actor=actor,
    )


def filled(text: str, account: Account, contact: Contact | None) -> str:
    """The text with {contact} and {account} as names; other braces stay as they are."""
    name = contact.display_name if contact is not None else account.name
    return text.replace("{contact}", name).replace("{account}", account.name)


def due_at(
    template: PlaybookTask, account: Account, assignee: User | None, started_at: dt.datetime
) -> dt.datetime:
    """When the task of a playbook is due, by the calendar of the person who does it.

    From the start, business days keep the hour. From a date of the account the task is due at the end of the working
    day; calendar days that fall on a day off move to the next working day. Nothing is due before the start: what the
    offset puts in the past is due at the end of the first working day.
    """
    calendar = worktime.calendar_of(assignee)
    if template.anchor == Anchor.START and template.unit == Unit.BUSINESS_DAYS:
        return calendars.add_days(calendar, started_at, template.offset)
    day = _anchor_day(template, account, started_at, calendar.zone)
    if template.unit == Unit.BUSINESS_DAYS:
        day = calendars.step_days(calendar, day, template.offset)
    else:
        day = calendars.next_working_day(calendar, day + dt.timedelta(days=template.offset))
    first = calendars.next_working_day(calendar, started_at.astimezone(calendar.zone).date())
    return calendars.end_of(calendar, max(day, first))


def _anchor_day(template: PlaybookTask, account: Account, started_at: dt.datetime, zone: ZoneInfo) -> dt.date:
    if template.anchor == Anchor.START:
        return started_at.astimezone(zone).date()
    day = account.renewal_on if template.anchor == Anchor.RENEWAL else account.customer_since
    if day is None:
        what = "renewal date" if template.anchor == Anchor.RENEWAL else "date since when it is a customer"
        raise Refused(
            f"{account.name} has no {what}, from which “{template.title}” is counted. Enter it first.",
            code="no_anchor",
        )
    return day


@transaction.atomic
def stop(*, started: PlaybookRun, actor: User | None) -> PlaybookRun:
    """Stop a playbook: its open tasks are cancelled; what was done stays."""
    started = PlaybookRun.objects.select_for_update(of=("self",)).get(pk=started.pk)
    if started.state != PlaybookState.RUNNING:
        raise Refused("This playbook has ended already.", code="ended")
    started.state, started.finished_at, started.stopped_by = PlaybookState.STOPPED, clock.now(), actor
    started.save(update_fields=["state", "finished_at", "stopped_by"])
    for task in Task.objects.filter(playbook_run=started, state=TaskState.OPEN).order_by("pk"):
        tasks.finish_task(
            task=task, outcome="The playbook was stopped", actor=actor, state=TaskState.CANCELLED
        )
    if actor is not None:
        audit.record(action="playbook.stopped", actor=actor, obj=started)
    progress.tell_end(started, actor)
    return started
