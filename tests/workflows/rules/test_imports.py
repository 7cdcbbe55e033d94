"""A large import sets off only the rules that an administrator let include imports, whatever they wait for."""

import datetime as dt
from collections.abc import Callable
from typing import Any

import pytest

from accounts import timeline
from accounts.models import Account, Segment
from team.models import User
from tests import factories
from tests.accounts.importing import bring_in
from tests.conftest import Drain
from tests.workflows.rules.conftest import MakeRule
from workflows.models import Rule, Run
from workflows.rules import dates, watching

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("frozen")]
TODAY = dt.date(2026, 3, 17)
NUMBER = 40


def import_accounts(actor: User, *, number: int = NUMBER, renewal: dt.date) -> None:
    lines = "".join(f"Company {n},{renewal},120\n" for n in range(number))
    bring_in(f"Company,Renewal,Seats\n{lines}", actor=actor, target="account")


@pytest.fixture
def hear(drain: Drain) -> Callable[[], int]:
    """Have the rules hear of what was recorded; what their runs do is another matter."""
    return lambda: drain(timeline.RELAY, timeline.DELIVER)


@pytest.fixture
def rules(make_rule: MakeRule) -> dict[str, Rule]:
    """For each trigger a rule, and one that includes imports."""
    large = Segment.objects.create(
        name="Large", target="account", conditions={"all": [{"field": "seats", "op": "gte", "value": 100}]}
    )
    made = {}
    for trigger, settings in (
        ("segment.entered", {"segment": str(large.pk)}),
        ("renewal.in_days", {"days": 90}),
    ):
        for includes in (False, True):
            made[f"{trigger} {includes}"] = make_rule(
                name=f"{trigger} {includes}",
                trigger=trigger,
                trigger_settings=settings,
                includes_imports=includes,
            )
    watching.look(large.pk)
    return made


def runs_of(rule: Rule) -> int:
    return Run.objects.filter(rule=rule).count()


def test_who_enters_a_list_by_an_import_sets_off_only_rules_that_include_imports(
    rules: dict[str, Rule], lead: User, hear: Callable[[], int]
) -> None:
    by_hand = factories.an_account("By hand", seats=500)
    import_accounts(lead, renewal=TODAY + dt.timedelta(days=400))

    watching.look(Segment.objects.get().pk)
    hear()

    assert Account.objects.count() == NUMBER + 1
    assert runs_of(rules["segment.entered True"]) == NUMBER + 1
    assert Run.objects.get(rule=rules["segment.entered False"]).account == by_hand


def test_dates_that_had_passed_when_accounts_were_imported_do_too(
    rules: dict[str, Rule], lead: User, hear: Callable[[], int]
) -> None:
    missed = factories.an_account("Missed", renewal_on=TODAY + dt.timedelta(days=87))
    import_accounts(lead, renewal=TODAY + dt.timedelta(days=87))

    dates.run(TODAY)
    hear()

    assert runs_of(rules["renewal.in_days True"]) == NUMBER + 1
    assert Run.objects.get(rule=rules["renewal.in_days False"]).account == missed


def test_a_date_that_comes_today_is_one_of_today_however_the_account_came(
    rules: dict[str, Rule], lead: User, hear: Callable[[], int], frozen: Any
) -> None:
    import_accounts(lead, number=3, renewal=TODAY + dt.timedelta(days=91))
    frozen.shift(dt.timedelta(days=1))

    dates.run(TODAY + dt.timedelta(days=1))
    hear()

    assert runs_of(rules["renewal.in_days False"]) == 3


@pytest.mark.fault
def test_ten_thousand_imported_accounts_set_off_only_what_was_asked_for(
    rules: dict[str, Rule], lead: User, hear: Callable[[], int]
) -> None:
    """Through the whole queue, events of the import included. One in a hundred is large and has a renewal that passed."""
    number, some = 10_000, 100
    late, far = TODAY + dt.timedelta(days=87), TODAY + dt.timedelta(days=400)
    lines = "".join(
        f"Company {n},{far if n % some else late},{50 if n % some else 120}\n" for n in range(number)
    )
    by_hand = factories.an_account("By hand", seats=500, renewal_on=late)

    bring_in(f"Company,Renewal,Seats\n{lines}", actor=lead, target="account")
    watching.look(Segment.objects.get().pk)
    dates.run(TODAY)
    hear()

    assert Account.objects.count() == number + 1
    for trigger in ("segment.entered", "renewal.in_days"):
        assert runs_of(rules[f"{trigger} True"]) == number // some + 1
        assert Run.objects.get(rule=rules[f"{trigger} False"]).account == by_hand
