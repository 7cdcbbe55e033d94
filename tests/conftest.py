"""What every test may use: people with their browsers, the background work, a clock that stands still."""

import datetime as dt
import os
from collections.abc import Callable, Iterator
from typing import Any

import hypothesis
import pytest
import time_machine
from django.core.cache import cache
from django.db import connection
from django.test import Client
from django_q.models import OrmQ

from core import failures, outbox
from core.outbox import Kind, State
from surveys.api import door
from surveys.channels import email
from surveys.widget import config, lane, limits
from team import audit
from team.domain import Role
from team.models import Team, User
from tests import factories

# Machines are shared: how long an example takes says nothing about it. Where CI is set, the same examples are tried each time.
hypothesis.settings.register_profile(
    "house",
    deadline=None,
    suppress_health_check=[hypothesis.HealthCheck.too_slow],
    derandomize="CI" in os.environ,
)
hypothesis.settings.load_profile("house")

FROZEN_AT = dt.datetime(2026, 3, 17, 10, 0, tzinfo=dt.UTC)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Tests are marked by their folder; `postgres` tests are skipped on SQLite, with the reason."""
    engine = str(_database_engine())
    for item in items:
        for folder, mark in (("browser", "browser"), ("faults", "fault")):
            if item.path.parent.name == folder:
                item.add_marker(mark)
        if item.get_closest_marker("postgres") and "postgresql" not in engine:
            item.add_marker(pytest.mark.skip(reason="needs PostgreSQL (DATABASE_URL)"))


def _database_engine() -> str:
    from django.conf import settings

    return str(settings.DATABASES["default"]["ENGINE"])


@pytest.fixture(autouse=True)
def _fresh_state(request: pytest.FixtureRequest) -> Iterator[None]:
    """Nothing kept by the process crosses from one test to the next."""
    failures._seen.clear()
    audit.calling_key.set(None)  # only a request clears it, and some tests authenticate without one
    email._mails.clear()  # kept by a version's number, and those begin anew with every test
    config.forget()
    limits.forget()
    for name in ("transactional_db", "db"):
        if name in request.fixturenames:
            request.getfixturevalue(name)
            cache.clear()
            break
    yield
    door.hotline_of_answers.close()
    lane.hotline_of_visitors.close()


@pytest.fixture
def frozen() -> Iterator[time_machine.Traveller]:
    """Business time stands still at FROZEN_AT; `frozen.move_to()` and `frozen.shift()` move it."""
    with time_machine.travel(FROZEN_AT, tick=False) as traveller:
        yield traveller


# --- People --------------------------------------------------------------------------------------------------
@pytest.fixture
def administrator(db: None) -> User:
    return factories.user("administrator@example.com", role=Role.ADMINISTRATOR, name="Ada Admin")


@pytest.fixture
def lead(db: None) -> User:
    return factories.user("lead@example.com", role=Role.LEAD, name="Lea Lead")


@pytest.fixture
def north(db: None) -> Team:
    return factories.team("North")


@pytest.fixture
def south(db: None) -> Team:
    return factories.team("South")


@pytest.fixture
def csm(north: Team) -> User:
    """The CSM whose accounts the test is about."""
    return factories.user("csm@example.com", role=Role.CSM, name="Carla Csm", team=north)


@pytest.fixture
def stranger(south: Team) -> User:
    """A CSM of the other team, who must see nothing of it."""
    return factories.user("stranger@example.com", role=Role.CSM, name="Stan Stranger", team=south)


@pytest.fixture
def viewer(db: None) -> User:
    return factories.user("viewer@example.com", role=Role.VIEWER, name="Vera Viewer")


Browser = Callable[[User], Client]


@pytest.fixture
def browser_of() -> Browser:
    """`browser_of(user)` is a signed-in test client."""

    def sign_in(user: User) -> Client:
        client = Client()
        client.force_login(user, backend="allauth.account.auth_backends.AuthenticationBackend")
        return client

    return sign_in


@pytest.fixture
def as_administrator(browser_of: Browser, administrator: User) -> Client:
    return browser_of(administrator)


@pytest.fixture
def as_lead(browser_of: Browser, lead: User) -> Client:
    return browser_of(lead)


@pytest.fixture
def as_csm(browser_of: Browser, csm: User) -> Client:
    return browser_of(csm)


@pytest.fixture
def as_stranger(browser_of: Browser, stranger: User) -> Client:
    return browser_of(stranger)


@pytest.fixture
def as_viewer(browser_of: Browser, viewer: User) -> Client:
    return browser_of(viewer)


# --- Background work -----------------------------------------------------------------------------------------
STILL_TO_DO = " WHERE state = 'pending'"


class Drain:
    """Works off everything that is due, of all kinds, until nothing is left, as a worker would.

    Kinds that are declared idempotent and only write to the database are done twice, row by row, so that every test that
    drains also proves the declaration.
    """

    def __call__(self, *names: str) -> int:
        total = 0
        kinds = [kind for kind in outbox.kinds() if not names or kind.name in names]
        for _ in range(600):
            waiting = self._tables_with_work(kinds)
            handled = sum(self._work(kind) for kind in kinds if kind.table._meta.db_table in waiting)
            if not handled:
                OrmQ.objects.all().delete()
                return total
            total += handled
        raise AssertionError("The background work never came to rest")

    def _tables_with_work(self, kinds: list[Kind]) -> set[str]:
        """One look at all tables: nearly all of them are empty in nearly every test."""
        tables = {kind.table._meta.db_table: kind.pump is not None for kind in kinds}
        looks = [
            f"SELECT '{table}' WHERE EXISTS (SELECT 1 FROM {table}{'' if is_bare else STILL_TO_DO})"
            for table, is_bare in tables.items()
        ]
        with connection.cursor() as cursor:
            cursor.execute(" UNION ALL ".join(looks))
            return {table for (table,) in cursor.fetchall()}

    def _work(self, kind: Kind) -> int:
        if not (kind.idempotent and getattr(kind.handle, "is_transactional", False)):
            return outbox.work(kind)
        before = {row.pk: row for row in outbox._due(kind)}
        handled = outbox.work(kind)
        again = self._put_back(kind, before)
        if again:
            outbox.work(kind)
        return handled

    def _put_back(self, kind: Kind, before: dict[Any, Any]) -> int:
        left = {row.pk: row for row in kind.table._base_manager.filter(pk__in=before)}
        done = [pk for pk in before if pk not in left or left[pk].state == State.DONE]
        for pk in done:
            row = before[pk]
            row.state, row.owner, row.lease_until, row.finished_at = State.PENDING, "", None, None
            row.save(force_insert=pk not in left)
        return len(done)


@pytest.fixture
def drain(db: None) -> Drain:
    return Drain()


@pytest.fixture
def is_postgresql(db: None) -> bool:
    return connection.vendor == "postgresql"
