"""Alerts, notifications and preferences over REST."""

import datetime as dt
from typing import Any

import pytest

from core import clock
from team.models import User
from tests import factories
from tests.workflows.test_api import Api
from workflows.models import Alert
from workflows.services import alerts

pytestmark = pytest.mark.django_db


@pytest.fixture
def alert(csm: User) -> Alert:
    account = factories.an_account(owner=csm)
    for _ in range(2):
        alert = alerts.raise_alert(kind="detractor", account=account, assignee=csm)
    return alert


def test_an_alert_tells_how_often_it_fired_and_its_causes(alert: Alert, csm: User, stranger: User) -> None:
    shown = Api(csm)("get", f"/alerts/{alert.pk}/").json()
    assert (shown["count"], shown["severity"], shown["state"]) == (2, "normal", "open")
    assert len(Api(csm)("get", f"/alerts/{alert.pk}/causes/").json()) == 2
    assert Api(stranger)("get", f"/alerts/{alert.pk}/causes/").status_code == 404


def test_snoozing_and_waking(alert: Alert, csm: User) -> None:
    api, until = Api(csm), (clock.now() + dt.timedelta(days=2)).isoformat()

    asleep = api("post", f"/alerts/{alert.pk}/snooze/", {"until": until, "reason": "Holiday"})
    assert (asleep.status_code, asleep.json()["state"]) == (200, "snoozed")
    assert len(api("get", "/alerts/?state=snoozed").json()["results"]) == 1
    awake = api("post", f"/alerts/{alert.pk}/wake/", {})
    assert (awake.json()["state"], awake.json()["woken_why"]) == ("open", "person")
    assert api("post", f"/alerts/{alert.pk}/wake/", {}).status_code == 409


@pytest.mark.parametrize(
    ("body", "attr"),
    [
        ({}, "until"),
        ({"until": "2020-01-01T00:00Z", "reason": "x"}, "until"),
        ({"until": "2999-01-01T00:00Z", "reason": "x"}, "until"),
    ],
)
def test_a_bad_snooze_is_refused_by_field(alert: Alert, csm: User, body: Any, attr: str) -> None:
    refused = Api(csm)("post", f"/alerts/{alert.pk}/snooze/", body)

    assert refused.status_code == 400
    assert attr in {error["attr"] for error in refused.json()["errors"]}


def test_notifications_are_read_one_by_one_and_all(alert: Alert, csm: User, stranger: User) -> None:
    api = Api(csm)
    (told,) = api("get", "/notifications/").json()["results"]
    assert (told["title"], told["alert"], told["read_at"]) == ("A detractor answered at Acme", alert.pk, None)
    assert Api(stranger)("post", f"/notifications/{told['id']}/read/", {}).status_code == 404
    assert api("post", f"/notifications/{told['id']}/read/", {}).json()["read_at"]
    assert api("post", "/notifications/read-all/", {}).json() == {"unread": 0}


def test_preferences_are_those_of_the_keys_person(csm: User, viewer: User) -> None:
    api = Api(csm)
    changed = api(
        "patch",
        "/notification-preferences/mine/",
        {"choices": {"alert.reply": ["app"]}, "quiet_from": "20:00", "quiet_until": "07:00", "digest": False},
    ).json()

    assert changed["in_force"]["alert.reply"] == ["app"]
    assert changed["in_force"]["alert.detractor"] == ["app", "mail"]
    assert (changed["quiet_from"], changed["digest"]) == ("20:00:00", False)
    assert api("get", "/notification-preferences/mine/").json() == changed
    assert Api(viewer, "work:read")("get", "/notification-preferences/mine/").json()["choices"] == {}


@pytest.mark.parametrize(
    "body",
    [
        {"choices": {"nonsense": ["app"]}},
        {"choices": {"alert": ["pigeon"]}},
        {"quiet_from": "20:00"},
        {"digest_at": "25:00"},
    ],
)
def test_impossible_preferences_are_refused(csm: User, body: Any) -> None:
    assert Api(csm)("patch", "/notification-preferences/mine/", body).status_code == 400
