"""Rules that watch a metric have its crossing told."""

import datetime as dt
from typing import Any

import pytest

from accounts.models import Event
from accounts.services import metrics
from core import clock
from team.models import User
from tests import factories
from workflows.models import Rule

pytestmark = pytest.mark.django_db


def test_active_rules_have_their_thresholds_watched_and_others_not(lead: User) -> None:
    account = factories.an_account()
    metrics.define_metric(key="logins", actor=lead)

    def rule(is_active: bool, **settings: Any) -> None:
        Rule.objects.create(
            name="Watch", trigger="metric.crossed", trigger_settings={"metric": "logins", **settings},
            conditions={"all": []}, steps=[], is_active=is_active,
        )  # fmt: skip

    rule(True, direction="below", threshold="2.5")
    rule(True, direction="sideways", threshold=3)
    rule(True, direction="above")
    rule(False, direction="below", threshold=4)
    for day, value in ((3, 5), (2, 3), (1, 2)):
        metrics.put_values(
            account=account,
            values={"logins": value},
            observed_at=clock.now() - dt.timedelta(days=day),
            actor=lead,
        )

    told = [event.data["threshold"] for event in Event.objects.filter(kind="metric.crossed")]
    assert told == ["2.5"]
