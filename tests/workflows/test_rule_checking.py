"""Reading what somebody wrote as a rule: every problem has its place and remedy, and nothing can make it fail."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.django import TestCase

from workflows.rules import catalogue, checking, files, library
from workflows.rules.definition import MAX_DEPTH, MAX_STEPS, place_words, walk

pytestmark = pytest.mark.django_db


TASK = {
    "kind": "create_task",
    "title": "Call {{ first_name|them }}",
    "due_business_days": 1,
    "priority": "high",
}
DETRACTOR = {"all": [{"field": "event.category", "op": "in", "value": ["detractor"]}]}


def a_rule(**values: Any) -> dict[str, Any]:
    return {
        "name": "Call detractors",
        "trigger": "response.scored",
        "conditions": DETRACTOR,
        "steps": [TASK],
        **values,
    }


def messages(**values: Any) -> list[str]:
    return [problem.message for problem in checking.check(a_rule(**values)).problems]


def branch(*then: Any) -> dict[str, Any]:
    return {"kind": "branch", "conditions": DETRACTOR, "then": list(then), "else": []}


def test_a_complete_rule_has_no_problems_and_every_column() -> None:
    checked = checking.check(a_rule())

    assert checked.problems == []
    assert checked.values["steps"][0]["title"] == TASK["title"]
    assert (checked.values["reentry"], checked.values["one_run_per"]) == ("always", "cause")


def test_what_is_missing_is_named_with_its_step_and_a_remedy(can_branch: None) -> None:
    found = checking.check(a_rule(steps=[TASK, branch({"kind": "create_task"})])).problems

    (problem,) = [one for one in found if one.field == "title"]
    assert problem.place == "steps.1.then.0"
    assert problem.message.startswith("Step 2, if so, step 1 (")
    assert problem.message.endswith("Fill it in.")


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"name": " "}, "Name is missing. Write it."),
        ({"trigger": ""}, "Choose what starts the rule."),
        ({"trigger": "moon.full"}, "“moon.full” starts no rule here. Choose another trigger."),
        ({"steps": []}, "The rule does nothing yet. Add at least one step."),
        ({"steps": [{"kind": "rm -rf"}]}, "Step 1: “rm -rf” is not something a rule can do here. Choose another, or remove it."),
        ({"reentry": "after_days"}, "Say after how many days a person may go through it again."),
        ({"exit_on": ["bored"]}, "What ends the journey early is a list of: replied, answered, task_closed, alert_closed, unsubscribed."),
        ({"max_runs_per_day": -3}, "Most runs in a day is a whole number from 1 to 1,000,000; got “-3”."),
    ],
)  # fmt: skip
def test_each_mistake_is_said_plainly(values: dict[str, Any], said: str) -> None:
    assert said in messages(**values)


def test_an_unknown_merge_field_is_found_when_it_is_saved() -> None:
    (said,) = messages(steps=[{**TASK, "title": "Call {{ frist_name }}"}])

    assert said.startswith("Step 1 (")
    assert "{{ frist_name }} is not known" in said


def test_a_setting_nobody_knows_is_refused() -> None:
    (said,) = messages(steps=[{**TASK, "shell": "true"}])

    assert "“shell” is not a setting of it" in said


@pytest.fixture
def can_branch() -> None:
    if "branch" not in catalogue.step_types:
        pytest.skip("no step of kind branch is registered")


def test_branches_nest_to_the_stated_depth_and_no_deeper(can_branch: None) -> None:
    step: dict[str, Any] = TASK
    for _ in range(MAX_DEPTH):
        step = branch(step)
    assert messages(steps=[step]) == []

    assert any("Move it further out" in one for one in messages(steps=[branch(step)]))


def test_a_rule_has_a_stated_number_of_steps() -> None:
    assert messages(steps=[TASK] * MAX_STEPS) == []
    assert f"There are more than {MAX_STEPS} steps. Split the rule in two." in messages(
        steps=[TASK] * (MAX_STEPS + 1)
    )


def test_conditions_of_a_branch_are_read_like_those_of_the_rule(can_branch: None) -> None:
    odd = {**branch(TASK), "conditions": {"all": [{"field": "shoe_size", "op": "eq", "value": 43}]}}

    assert any("There is no field “shoe_size”" in one for one in messages(steps=[odd]))


def test_places_read_as_people_say_them() -> None:
    assert place_words("2.then.0") == "Step 3, if so, step 1"
    assert [path for path, _ in walk([branch(TASK, TASK)])] == ["0", "0.then.0", "0.then.1"]


def test_every_ready_rule_is_complete_apart_from_what_it_says_it_needs() -> None:
    for ready in library.READY:
        if not library.is_possible(ready):
            continue
        problems = checking.check(ready.values).problems
        assert bool(problems) == bool(ready.needs), (ready.key, [one.message for one in problems])


_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20) | st.sampled_from(["\x00", "\ud800", "🐌" * 300]),
    lambda inner: st.lists(inner, max_size=4)
    | st.dictionaries(
        st.sampled_from(["kind", "then", "else", "conditions", "field", "op", "value", "title", "all", "any", "not", "x"]),
        inner,
        max_size=5,
    ),
    max_leaves=25,
)  # fmt: skip
_kinds = st.sampled_from(["create_task", "branch", "wait", "email_contact", "create_alert", "nothing"])
_step = st.builds(
    lambda kind, rest: {**rest, "kind": kind},
    _kinds,
    st.dictionaries(st.text(max_size=12), _json, max_size=4),
)


class Hostile(TestCase):
    """Whatever is sent, reading it gives values and problems, and what was read once reads the same again."""

    @given(
        st.dictionaries(
            st.sampled_from(["name", "trigger", "trigger_settings", "conditions", "exit_on", "reentry", "reentry_days", "one_run_per", "max_runs_per_day", "includes_imports"]),
            _json,
        ),
        st.lists(_step | st.builds(lambda a: {"kind": "branch", "conditions": {}, "then": [a], "else": a}, _step), max_size=4) | _json,
    )  # fmt: skip
    def test_nothing_that_is_sent_makes_it_fail(self, values: dict[str, Any], steps: Any) -> None:
        checked = checking.check({**a_rule(), **values, "steps": steps})

        again = checking.check(checked.values)
        assert again.values == checked.values


# --- Files -----------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"", "not a file of rules"),
        (b"\xff\xfe", "UTF-8"),
        (b'{"format": "nps-crm.rules", "version": 2, "rules": []}', "of version 2"),
        (b'{"format": "other", "version": 1, "rules": []}', "“format” has to be"),
        (b'{"format": "nps-crm.rules", "version": 1, "rules": []}', "holds no rules"),
        (b'{"format": "nps-crm.rules", "version": 1, "rules": [3]}', "Rule 1 of the file is not an object"),
        (b'{"format": "nps-crm.rules", "version": 1, "rules": [{"is_active": true}]}', "“is_active”, which rules do not have"),
        (b'{"format": "nps-crm.rules", "version": 1, "rules": [{}], "script": 1}', "“script”, which does not belong"),
        (b'{"format": "nps-crm.rules", "version": 1, "rules": [' + b"[" * 5000, "nested"),
        (b'{"format": "nps-crm.rules", "version": 1, "rules": [{"steps": ' + b"[" * 40 + b"]" * 40 + b"}]}", "nested too deep"),
        (b" " * 1_000_001, "larger than"),
    ],
    ids=range(11),
)  # fmt: skip
def test_a_file_that_is_none_is_refused_with_the_reason(body: bytes, said: str) -> None:
    with pytest.raises(checking.Invalid) as refused:
        files.read(body)

    assert said in refused.value.message


def test_the_catalogue_describes_every_kind_so_that_the_editor_can_ask_for_it() -> None:
    for kind in (*catalogue.step_types.values(), *catalogue.triggers.values()):
        assert kind.label
        assert kind.group
        for setting in kind.settings:
            assert setting.label, (kind.label, setting.key)
            if setting.kind in {"choice", "many"}:
                assert setting.choices is not None, (kind.label, setting.key)
