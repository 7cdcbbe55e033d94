"""A large import sets off only the rules that an administrator let include imports, whatever they wait for."""

import datetime as dt
from typing import Any

import pytest

from accounts.imports import services
from accounts.models import Account, Segment
from team.models import User
from tests import factories
from tests.accounts.importing import check, upload
from tests.conftest import Drain
from tests.workflows.rules.conftest import MakeRule
from workflows.models import Rule, Run
from workflows.rules import dates, watching

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("frozen")]
TODAY = dt.date(2026, 3, 17)
NUMBER = 300


def import_accounts(
    actor: User, drain: Drain, *, number: int = NUMBER, renewal: dt.date, stage: str = ""
) -> None:
    lines = "".join(f"Company {n},{renewal},120,{stage}\n" for n in range(number))
    run = check(upload(f"Company,Renewal,Seats,Stage\n{lines}", actor=actor, target="account"), actor=actor)
    services.start_import(run=run, actor=actor)
    drain()


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
    rules: dict[str, Rule], lead: User, drain: Drain
) -> None:
    by_hand = factories.an_account("By hand", seats=500)
    import_accounts(lead, drain, renewal=TODAY + dt.timedelta(days=400))

    watching.look(Segment.objects.get().pk)
    drain()

    assert Account.objects.count() == NUMBER + 1
    assert runs_of(rules["segment.entered True"]) == NUMBER + 1
    assert Run.objects.get(rule=rules["segment.entered False"]).account == by_hand


def test_dates_that_had_passed_when_accounts_were_imported_do_too(
    rules: dict[str, Rule], lead: User, drain: Drain
) -> None:
    missed = factories.an_account("Missed", renewal_on=TODAY + dt.timedelta(days=87))
    import_accounts(lead, drain, renewal=TODAY + dt.timedelta(days=87))

    dates.run(TODAY)
    drain()

    assert runs_of(rules["renewal.in_days True"]) == NUMBER + 1
    assert Run.objects.get(rule=rules["renewal.in_days False"]).account == missed


def test_a_date_that_comes_today_is_one_of_today_however_the_account_came(
    rules: dict[str, Rule], lead: User, drain: Drain, frozen: Any
) -> None:
    import_accounts(lead, drain, number=3, renewal=TODAY + dt.timedelta(days=91))
    frozen.shift(dt.timedelta(days=1))

    dates.run(TODAY + dt.timedelta(days=1))
    drain()

    assert runs_of(rules["renewal.in_days False"]) == 3
