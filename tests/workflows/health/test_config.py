"""Reading a configuration: what is refused, and where the message points."""

import copy
from typing import Any

import pytest

from core.errors import Invalid
from tests.workflows.health.builders import component, config, metric, profile
from workflows.health import config as configuration
from workflows.health import defaults

pytestmark = pytest.mark.django_db

GOOD = config(profile(component("use", weight=3)))


@pytest.fixture(autouse=True)
def _metric() -> None:
    metric("use")


def changed(**paths: Any) -> dict[str, Any]:
    """GOOD with values at paths such as profiles__0__components__0__weight."""
    raw = copy.deepcopy(GOOD)
    for path, value in paths.items():
        *way, last = [int(step) if step.isdigit() else step for step in path.split("__")]
        at: Any = raw
        for step in way:
            at = at[step]
        at[last] = value
    return raw


def test_what_is_written_reads_back_the_same() -> None:
    checked = configuration.check(GOOD)
    assert configuration.read(configuration.write(checked)) == checked


def test_the_first_configuration_is_one_that_could_be_saved_once_its_metrics_are_known() -> None:
    defaults.ensure()
    for key in ("active_users", "open_tickets"):
        metric(key)
    configuration.check(defaults.CONFIG)


@pytest.mark.parametrize(
    ("raw", "field"),
    [
        ([], ""),
        (changed(profiles__0__components__0__weight=-1), "profiles.0.components.0.weight"),
        (changed(profiles__0__components__0__weight=float("nan")), "profiles.0.components.0.weight"),
        (changed(profiles__0__components__0__weight=10**400), "profiles.0.components.0.weight"),
        (changed(profiles__0__components__0__weight="3"), "profiles.0.components.0.weight"),
        (changed(profiles__0__components__0__source="magic"), "profiles.0.components.0.source"),
        (changed(profiles__0__components__0__settings={}), "profiles.0.components.0.settings.metric"),
        (
            changed(profiles__0__components__0__settings={"metric": "nothing"}),
            "profiles.0.components.0.settings.metric",
        ),
        (
            changed(profiles__0__components__0__transform={"kind": "linear", "worst": 1, "best": 1}),
            "profiles.0.components.0.transform.best",
        ),
        (
            changed(
                profiles__0__components__0__transform={"kind": "thresholds", "steps": [[2, 10], [1, 20]]}
            ),
            "profiles.0.components.0.transform.steps",
        ),
        (
            changed(profiles__0__components__0__transform={"kind": "categories", "scores": {"a": 101}}),
            "profiles.0.components.0.transform.scores",
        ),
        (changed(profiles__0__components=[]), "profiles.0.components"),
        (changed(profiles__0__components__0__missing="guess"), "profiles.0.components.0.missing"),
        (changed(profiles__0__components__0__key="A b"), "profiles.0.components.0.key"),
        (changed(profiles__0__colour="red"), "profiles.0"),
        (changed(profiles__0__conditions={"field": "nothing", "op": "eq"}), "profiles.0.conditions"),
        (
            changed(profiles__0__conditions={"field": "health.score", "op": "lt", "value": 5}),
            "profiles.0.conditions",
        ),
        (changed(min_confidence=1.2), "min_confidence"),
        (changed(bands=[{"key": "a", "label": "A", "from": 0}]), "bands"),
        (
            changed(bands=[{"key": "a", "label": "A", "from": 10}, {"key": "b", "label": "B", "from": 20}]),
            "bands.0.from",
        ),
        (
            changed(bands=[{"key": "a", "label": "A", "from": 0}, {"key": "b", "label": "B", "from": 0}]),
            "bands.1.from",
        ),
        (changed(profiles=GOOD["profiles"] * 2), "profiles"),
    ],
)
def test_what_can_never_be_right_is_refused_at_its_place(raw: object, field: str) -> None:
    with pytest.raises(Invalid) as refusal:
        configuration.check(raw)
    assert refusal.value.field == field


def test_the_flag_for_stale_comes_before_the_expiry() -> None:
    raw = changed(
        profiles__0__components__0__stale_after_days=30, profiles__0__components__0__expires_after_days=30
    )
    with pytest.raises(Invalid, match="earlier"):
        configuration.check(raw)
