"""What ends a journey early, what ends a wait, and what becomes of runs whose customer is merged or erased.

It looks for runs under way of the customer that an event is about. Idempotent: a run that has ended stays as it ended.
Each event is heard here first and by the engine then, in one delivery: what ends a journey and begins it ends it, and
whether it begins again is judged by how the rule is gone through.
"""

from collections.abc import Iterable

from django.db import transaction
from django.db.models import QuerySet

from accounts import timeline
from accounts.domain import Origin
from accounts.models import Contact, Event
from surveys.models import InAppMessage
from workflows.domain import UNDER_WAY, RunState
from workflows.models import AlertCause, Run, RunStep, Task
from workflows.rules import active, engine
from workflows.rules.domain import EXIT_WORDS, Exit
from workflows.rules.entering import subject_of
from workflows.rules.journeys import EXIT_KINDS, LOGGED, definition_of, exit_of, runs_about

AWAITED = (
    "message.received", "response.scored", "task.completed", "alert.closed", LOGGED, "in_app_message.shown",
    "in_app_message.clicked",
)  # fmt: skip
"""The kinds of events that a wait can be for."""


MERGED = "Ended early: the customer was merged with one that is in this journey."


def on_event(event: Event) -> None:
    """What an event means for rules: first it ends and lets go on what is under way, then it starts what it triggers."""
    if event.origin == Origin.LIVE:
        end_or_go_on(event)
    engine.on_event(event)


def end_or_go_on(event: Event) -> None:
    """Let waits for this event end, and end the journeys that it ends."""
    found = exit_of(event)
    if event.kind not in AWAITED and found is None:
        return
    # Every event of a customer that has no run under way costs this one look.
    runs = list(_runs_of(event))
    for run in runs:
        if found is not None and found in definition_of(run)["exit_on"]:
            with transaction.atomic():
                held = Run.objects.select_for_update(of=("self",)).get(pk=run.pk)
                engine.end(held, RunState.EXITED, f"Ended early: {EXIT_WORDS[found]}.")
    waiting = [run.pk for run in runs if run.state == RunState.WAITING and run.waiting_for == event.kind]
    if waiting:
        rows = RunStep.objects.filter(
            run__in=waiting, run__state=RunState.WAITING, state="pending", kind="wait"
        )
        engine.come(rows=list(rows.values_list("pk", flat=True)))


def _runs_of(event: Event) -> Iterable[Run]:
    """The runs under way that the event can end: those of its task, alert or message in the product, else those of its person, and those about
    the account as a whole. Not the run that it started, nor one that began after it."""
    under_way: QuerySet[Run] = Run.objects.filter(state__in=UNDER_WAY).select_related("rule")
    if event.kind in EXIT_KINDS[Exit.TASK_CLOSED]:
        return under_way.filter(pk__in=Task.objects.filter(pk=event.subject_id or 0).values("run"))
    if event.kind in EXIT_KINDS[Exit.ALERT_CLOSED]:
        return under_way.filter(pk__in=AlertCause.objects.filter(alert=event.subject_id or 0).values("run"))
    if event.kind.startswith("in_app_message."):
        return under_way.filter(pk=_run_of_message(event.subject_id))
    return (
        under_way.filter(runs_about(event))
        .exclude(event=event)
        .exclude(event__occurred_at__gt=event.occurred_at)
    )


# --- Customers that change -----------------------------------------------------------------------------------
def on_merged(event: Event) -> None:
    """After a merge two runs may be under way for what is one customer now: the older one goes on."""
    about = (
        {"account_id": event.account_id}
        if event.kind.startswith("account.")
        else {"contact_id": event.contact_id}
    )
    if not any(about.values()):
        return
    runs = Run.objects.filter(state__in=UNDER_WAY, subject_key__isnull=False, **about)
    for run in runs.select_related("rule").order_by("started_at", "pk"):
        subject = subject_of(run.rule.one_run_per, run.account_id, run.contact_id)
        if subject == run.subject_key:
            continue
        younger = Run.objects.filter(rule=run.rule, subject_key=subject).exclude(pk=run.pk).first()
        if younger is not None and (younger.started_at, younger.pk) < (run.started_at, run.pk):
            run, younger = younger, run
        if younger is not None:
            engine.end(younger, RunState.EXITED, MERGED)
        Run.objects.filter(pk=run.pk, state__in=UNDER_WAY).update(subject_key=subject or None)


def forget(contact: Contact) -> None:
    """A person was erased: what is under way for them ends."""
    for run in Run.objects.filter(contact=contact, state__in=UNDER_WAY):
        engine.end(run, RunState.EXITED, engine.ERASED)


def register() -> None:
    timeline.subscribe("workflows.rules", on_event, live_only=True, also=active.wants_imported)
    timeline.subscribe("workflows.runs_merged", on_merged, kinds=["account.merged", "contact.merged"])


def _run_of_message(message_id: int | None) -> int:
    """The run whose step wrote a message in the product: its key is that of the step. 0 where no run did."""
    key = InAppMessage.objects.filter(pk=message_id or 0).values_list("key", flat=True).first() or ""
    kind, _, rest = key.partition(":")
    number = rest.partition(":")[0]
    return int(number) if kind == "run" and number.isascii() and number.isdigit() else 0
