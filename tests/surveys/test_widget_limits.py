"""How requests of the widget are counted: large limits by the block, small ones one by one."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.test import RequestFactory

from core.ratelimit import Verdict
from surveys.widget import limits
from surveys.widget.config import Config, config_of
from team.models import User
from tests.surveys.in_app import Shop

pytestmark = pytest.mark.django_db
ALLOWED = Verdict(True, 1, 1, 0.0)


class Clock:
    now = 1_000.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Iterator[Clock]:
    limits.forget()
    own = Clock()
    monkeypatch.setattr(limits, "time", own)
    yield own
    limits.forget()


@pytest.fixture
def config(lead: User) -> Config:
    found = config_of(Shop(lead).widget.key)
    assert found is not None
    return found


def due(config: Config) -> dict[str, int]:
    return limits.buckets(config, "b:visitor", RequestFactory().post("/w/x/decide"))


def count(config: Config) -> dict[str, int]:
    found = due(config)
    limits.settle(dict.fromkeys(found, ALLOWED))
    return {name.rpartition(":v:")[1] or name: limit for name, limit in found.items()}


def test_of_a_large_limit_a_block_is_taken_at_a_time(config: Config, clock: Clock, settings: Any) -> None:
    settings.WIDGET_RATE, settings.WIDGET_ADDRESS_RATE = 3_000, 600
    shared = f"widget:{config.widget_id}"

    assert count(config)[shared] == 600, "tokens of five requests each"
    assert [shared in count(config) for _ in range(6)] == [False] * 4 + [True, False]


def test_what_is_left_of_a_block_is_not_kept(config: Config, clock: Clock, settings: Any) -> None:
    settings.WIDGET_RATE = 3_000
    shared = f"widget:{config.widget_id}"
    assert shared in count(config)

    clock.now += limits.BLOCK_SECONDS + 0.001

    assert shared in count(config)


def test_a_block_that_is_refused_lets_nobody_in(config: Config, clock: Clock, settings: Any) -> None:
    settings.WIDGET_RATE = 3_000
    refused = {name: Verdict(":v:" in name, 1, 0, 2.0) for name in due(config)}
    with pytest.raises(limits.TooMany):
        limits.settle(refused)
    with pytest.raises(limits.TooMany):
        due(config)


def test_small_limits_and_visitors_are_counted_one_by_one(
    config: Config, clock: Clock, settings: Any
) -> None:
    settings.WIDGET_RATE, settings.WIDGET_ADDRESS_RATE, settings.WIDGET_VISITOR_RATE = 100, 50, 6_000
    first = count(config)
    assert sorted(first.values()) == [50, 100, 6_000]
    assert count(config) == first
