"""What pages and the API read about runs: where each stands, and every step in words."""

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.db.models import Count, QuerySet
from django.urls import NoReverseMatch, reverse

from accounts.models import Event
from core.outbox import State
from team.models import User
from workflows.domain import UNDER_WAY, RunState
from workflows.models import Rule, Run, RunStep
from workflows.rules import catalogue
from workflows.rules.definition import place_words, walk
from workflows.rules.domain import StepOutcome
from workflows.rules.sentences import Speaker

STATE_LABELS = {
    RunState.RUNNING: "Running",
    RunState.WAITING: "Waiting",
    RunState.HELD: "Held",
    RunState.FAILED: "Failed",
    RunState.DONE: "Done",
    RunState.EXITED: "Ended early",
    RunState.STOPPED: "Stopped",
}
_FAILED = {State.FAILED, State.DEAD, State.IN_DOUBT}


def list_runs(*, user: User) -> QuerySet[Run]:
    """Runs on visible accounts, newest first, with their steps. Those about no account are for scope all."""
    return (
        Run.objects.visible_to(user)
        .select_related("rule", "account", "contact", "event")
        .prefetch_related("steps")
        .order_by("-started_at", "-pk")
    )


def count_by_state(*, user: User, rule: Rule | None = None) -> list[tuple[str, str, int]]:
    """How many runs stand where, as (state, label, number), in the order in which they are shown."""
    found = Run.objects.visible_to(user)
    if rule is not None:
        found = found.filter(rule=rule)
    counted = dict(found.order_by().values_list("state").annotate(Count("pk")))
    return [(state.value, label, counted.get(state.value, 0)) for state, label in STATE_LABELS.items()]


# --- A run in a line -----------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class ShownRun:
    """A run as lists show it. `stands` says where it is, `cause` why it started."""

    run: Run
    who: str
    at: str
    stands: str
    cause: str
    cause_url: str
    is_under_way: bool

    @property
    def version_text(self) -> str:
        return f"as in version {self.run.rule_version}"


def shown(runs: Iterable[Run], user: User) -> list[ShownRun]:
    """The runs of a page; `runs` are those of `list_runs`."""
    return [_shown(run) for run in runs]


def _shown(run: Run) -> ShownRun:
    contact, account = run.contact, run.account
    who = contact.display_name if contact else account.name if account else "nobody in particular"
    cause, url = cause_of(run.event)
    return ShownRun(
        run,
        who,
        account.name if contact and account else "",
        _stands(run),
        cause,
        url,
        run.state in UNDER_WAY,
    )


def _stands(run: Run) -> str:
    """One line on where the run is: its last step, or why it ended."""
    if run.reason:
        return run.reason
    steps = sorted(run.steps.all(), key=lambda step: (step.started_at or step.created_at, step.pk))
    if not steps:
        return "No step yet" if run.state in UNDER_WAY else "It had no step to do"
    last = steps[-1]
    known = catalogue.step_types.get(last.kind)
    label = known.label if known else last.kind.replace("_", " ").capitalize()
    if last.state in _FAILED:
        return f"{label}: {last.error}"
    if run.state in UNDER_WAY and not last.outcome:
        return f"At {place_words(last.path).lower()}: {label}"
    number = sum(step.outcome == StepOutcome.DONE or step.state == State.DONE for step in steps)
    return f"{number} step{'' if number == 1 else 's'} done"


def cause_of(event: Event | None) -> tuple[str, str]:
    """What started it, in words, and where it can be seen."""
    if event is None:
        return "An event that is no longer kept", ""
    known = next((one for one in catalogue.triggers.values() if event.kind in one.kinds), None)
    words = known.label if known else event.kind.replace(".", " ").replace("_", " ").capitalize()
    score = event.data.get("score")
    if event.kind.startswith("response.") and isinstance(score, int):
        words = f"{words}: {score}"
    return words, url_of(event.subject_type, event.subject_id)


_PAGES = {
    "response": "surveys:response_detail",
    "alert": "workflows:alert_detail",
    "task": "workflows:task_detail",
    "account": "accounts:account_detail",
    "contact": "accounts:contact_detail",
    "run": "workflows:run_detail",
    "playbook_run": "workflows:playbook_run",
    "campaign": "surveys:campaign_detail",
    "in_app_message": "surveys:in_app_message",
}
_MADE_WORDS = {
    "alert": "The alert",
    "task": "The task",
    "run": "The run",
    "playbook_run": "The playbook",
    "account": "The account",
    "in_app_message": "The message",
}


def url_of(kind: str, pk: object) -> str:
    """The page of a thing that an event or a step names; empty where it has none."""
    if kind in _PAGES and isinstance(pk, int):
        try:
            return reverse(_PAGES[kind], args=[pk])
        except NoReverseMatch:
            return ""
    return ""


# --- Its steps -----------------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class Made:
    label: str
    url: str


@dataclass(frozen=True, slots=True)
class ShownStep:
    """One step of a run: what it is, what became of it, what can be done."""

    path: str
    depth: int
    text: str
    tone: str
    outcome: str = ""
    error: str = ""
    remedy: str = ""
    made: list[Made] = field(default_factory=list)
    at: dt.datetime | None = None
    until: dt.datetime | None = None
    next_try: dt.datetime | None = None
    attempts: int = 0
    is_planned: bool = False
    may_retry: bool = False
    may_skip: bool = False


def steps_of(run: Run, user: User) -> list[ShownStep]:
    """Every step of the version the run started with, those behind it with what became of them."""
    trigger, planned = _plan(run)
    rows = {row.path: row for row in run.steps.all()}
    speaker = Speaker(user)
    found = []
    for path, described in walk(planned):
        row = rows.pop(path, None)
        text = speaker.step(described, trigger)
        found.append(_step(path, text[:1].upper() + text[1:], row, run))
    for path, row in sorted(rows.items()):
        text = speaker.step({"kind": row.kind, **row.settings}, trigger)
        found.append(_step(path, text[:1].upper() + text[1:], row, run))
    return found


def _plan(run: Run) -> tuple[str, Sequence[Mapping[str, Any]]]:
    """The trigger and steps of the version that the run started with."""
    rule = run.rule
    if rule.version == run.rule_version:
        return rule.trigger, rule.steps
    past = rule.history.filter(version=run.rule_version).order_by("-history_date", "-history_id").first()
    return (past.trigger, past.steps) if past else (rule.trigger, [])


_OUTCOMES: Mapping[str, str] = {
    StepOutcome.DONE: "Done.",
    StepOutcome.SKIPPED: "Left out.",
    StepOutcome.FAILED: "Failed.",
    StepOutcome.CANCELLED: "Not done: the run had ended.",
}


def _step(path: str, text: str, row: RunStep | None, run: Run) -> ShownStep:
    depth = path.count(".") // 2
    if row is None:
        return ShownStep(path, depth, text, "planned", is_planned=True)
    is_failed = row.state in _FAILED or row.outcome == StepOutcome.FAILED
    is_behind = bool(row.outcome) or row.state == State.DONE
    tone = "bad" if is_failed else "skipped" if row.outcome in {StepOutcome.SKIPPED, StepOutcome.CANCELLED} else "done" if is_behind else "now"  # fmt: skip
    is_waiting = not is_behind and not is_failed
    return ShownStep(
        path,
        depth,
        text,
        tone,
        outcome=row.note or _OUTCOMES.get(row.outcome, "Done." if is_behind else ""),
        error=row.error if is_failed or row.attempts else "",
        remedy=_remedy(row) if is_failed else "",
        made=_made(row.result),
        at=row.finished_at or row.started_at,
        until=(row.due_at or (row.next_at if row.kind == "wait" else None)) if is_waiting else None,
        next_try=row.next_at if is_waiting and row.error else None,
        attempts=row.attempts,
        may_retry=is_failed,
        may_skip=is_failed or (is_waiting and run.state in UNDER_WAY),
    )


def _remedy(row: RunStep) -> str:
    if row.state == State.DEAD:
        return "It was tried several times. Mend the cause, then try it again, or skip it and go on."
    return "Trying it again helps only once the cause is mended. Skipping it goes on with the next step."


def _made(result: Mapping[str, Any]) -> list[Made]:
    return [
        Made(_MADE_WORDS[kind], url)
        for kind, pk in result.items()
        if kind in _MADE_WORDS and (url := url_of(kind, pk))
    ]


# --- On the customer's page ----------------------------------------------------------------------------------
SHOWN = 50


def of_customer(target: str, thing: Any, user: User) -> Mapping[str, Any]:
    """The newest runs for an account or a contact, and how many there are."""
    found = list_runs(user=user).filter(**{target: thing})
    rows = list(found[:SHOWN])
    total = found.count() if len(rows) == SHOWN else len(rows)
    return {"rows": shown(rows, user), "total": total, "more": total > len(rows), "target": target}


def count_under_way(target: str, thing: Any, user: User) -> int:
    return Run.objects.visible_to(user).filter(**{target: thing}, state__in=UNDER_WAY).count()
