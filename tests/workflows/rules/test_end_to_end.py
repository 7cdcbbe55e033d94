"""Every kind of step that the editor offers, from the event to its end: done, or refused with a remedy."""

from typing import Any

import pytest

from accounts.models import Contact, LifecycleStage
from surveys.widget import manage
from team.models import User
from tests.conftest import Drain
from tests.workflows.rules.conftest import TASK, MakeRule, PassTime, scored
from workflows.models import Run, RunStep
from workflows.rules import catalogue, checking, library
from workflows.rules.catalogue import Setting, SettingKind
from workflows.rules.definition import BRANCH
from workflows.services import rewards

pytestmark = pytest.mark.django_db
TEXTS = {
    "title": "Call {{ full_name|them }}",
    "text": "Look here",
    "subject": "Hello",
    "body": "Hello {code}",
    "tag": "vip",
}


@pytest.fixture
def things(lead: User, make_rule: MakeRule) -> None:
    """One of everything that a step can name."""
    make_rule(name="Another", trigger="message.received")
    LifecycleStage.objects.get_or_create(name="At risk", defaults={"position": 9})
    codes = rewards.create_list(name="Vouchers", description="", actor=lead)
    rewards.add_codes(list=codes, codes=["AAA-1"], actor=lead)
    manage.create_widget(name="App", origins=["https://app.example.com"], actor=lead)


def _value(setting: Setting, user: User) -> Any:
    if setting.default not in (None, ""):
        return setting.default
    if setting.kind is SettingKind.USER:
        return user.pk
    if setting.choices is not None:
        offered = [value for value, _ in setting.choices()]
        return (offered[:1] if setting.kind is SettingKind.MANY else offered[0]) if offered else None
    return TEXTS.get(setting.key, "x")


@pytest.mark.parametrize("kind", sorted(set(catalogue.step_types) - {"write"}))
def test_every_kind_of_step_is_done_or_says_what_to_mend(
    kind: str, things: None, ann: Contact, csm: User, lead: User, make_rule: MakeRule, drain: Drain,
    time_passes: PassTime,
) -> None:  # fmt: skip
    described = catalogue.step_types[kind]
    step: dict[str, Any] = {"kind": kind}
    for setting in described.settings:
        if setting.kind is not SettingKind.CONDITIONS and checking.is_shown(
            setting, step, described.settings
        ):
            step[setting.key] = _value(setting, csm)
    if kind == BRANCH:
        asked = {"all": [{"field": "event.category", "op": "in", "value": ["detractor"]}]}
        step |= {"conditions": asked, "then": [TASK], "else": []}
    raw = {"name": "Tried", "trigger": "response.scored", "steps": [step]}
    checked = checking.check(raw)
    lacking = [
        s.key for s in described.settings if s.choices is not None and s.is_required and not s.choices()
    ]
    if checked.problems:
        assert lacking, checked.problems
        assert all("Choose" in problem.message for problem in checked.problems)
    rule = make_rule(**{**raw, "steps": checked.values["steps"]})

    scored(ann)
    drain()
    time_passes()

    run = Run.objects.get(rule=rule)
    row = RunStep.objects.get(run=run, path="0")
    if lacking:
        assert (run.state, row.outcome) == ("failed", "failed")
        assert "missing" in row.error
    else:  # the work is delivered twice here: what counts is the run and the error, not the note of the second time
        assert (run.state, row.state, row.error) == ("done", "done", "")


@pytest.mark.parametrize("ready", library.READY, ids=lambda ready: ready.key)
def test_every_ready_rule_can_be_saved_and_knows_its_parts(ready: library.Ready) -> None:
    assert library.is_possible(ready)
    assert checking.check(ready.values).problems == []
