"""Rules made by hand, events told one by one, and a step that writes to the customer."""

import datetime as dt
from collections.abc import Callable
from typing import Any

import pytest

from accounts import timeline
from accounts.models import Account, Contact, Event
from core import clock
from tests import factories
from tests.conftest import Drain
from workflows.models import Rule, RunStep
from workflows.rules import catalogue
from workflows.rules.catalogue import StepType

TASK = {"kind": "create_task", "title": "Call", "due_business_days": 1, "priority": "high"}
WRITE = {"kind": "write"}
WAIT = {"kind": "wait", "until": "duration", "amount": 3, "unit": "days"}
MakeRule = Callable[..., Rule]
PassTime = Callable[[], None]


@pytest.fixture(autouse=True)
def _no_built_in_rules(db: None) -> None:
    Rule.objects.update(is_active=False)


@pytest.fixture
def account(csm: Any) -> Account:
    return factories.an_account(owner=csm, plan="Team")


@pytest.fixture
def ann(account: Account) -> Contact:
    return factories.a_contact(account=account, first_name="Ann", last_name="Vogt")


@pytest.fixture
def make_rule() -> MakeRule:
    def make(**values: Any) -> Rule:
        return Rule.objects.create(
            **{"name": "Tried", "trigger": "response.scored", "steps": [TASK], **values}
        )

    return make


@pytest.fixture
def written(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """What steps of the kind `write` have written, as the runs that did. They count as messages to the customer."""
    found: list[int] = []

    def write(row: RunStep) -> dict[str, Any]:
        found.append(row.run_id)
        return {}

    kind = StepType("write", "Write", "Test", lambda settings: "write", do=write, reaches_out=True)
    monkeypatch.setitem(catalogue.step_types, "write", kind)
    return found


@pytest.fixture
def time_passes(drain: Drain) -> PassTime:
    """Every wait under way is over, and what follows is done."""

    def go() -> None:
        waiting = RunStep.objects.filter(kind="wait", state="pending")
        waiting.update(next_at=clock.now() - dt.timedelta(seconds=1))
        drain()

    return go


def tell(
    kind: str, contact: Contact | None = None, *, account: Account | None = None, **values: Any
) -> Event:
    """Record an event as whoever it belongs to does."""
    number = Event.objects.count() + 1
    values.setdefault("cause_key", f"test:{number}")
    return timeline.record(
        kind=kind, account=account or (contact.account if contact else None), contact=contact, **values
    )


def scored(contact: Contact | None, score: int = 2, **values: Any) -> Event:
    category = "detractor" if score < 7 else "passive" if score < 9 else "promoter"
    data = {
        "metric": "nps",
        "score": score,
        "category": category,
        "channel": "email",
        **values.pop("data", {}),
    }
    number = Event.objects.count() + 1
    return tell("response.scored", contact, subject=("response", number), data=data, **values)
