"""Computing health on the database: what is written, what is told, and that it equals plain arithmetic."""

import pytest

from tests import factories
from workflows.health import compute, defaults, queries

pytestmark = pytest.mark.django_db


def test_computing_twice_changes_nothing_the_second_time(frozen: object) -> None:
    defaults.ensure()
    account = factories.an_account()
    done = compute.recompute()
    assert done.changed == 1
    found = queries.health_of(account.pk)
    assert found is not None
    assert compute.recompute().changed == 0
