"""Health of ten thousand accounts computed again and again while answers arrive: nobody waits for long, nothing is lost."""

import threading
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection

from accounts.models import Account
from core import clock
from surveys.insight import rollups
from surveys.queries import figures
from tests import factories
from tests.workflows.health.builders import component, config, in_force, profile
from workflows.health import compute
from workflows.models import AccountHealth, HealthSnapshot

ACCOUNTS, ANSWERS = 10_000, 30


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
def test_answers_arrive_while_all_are_computed() -> None:
    figures.definition("account").save()
    checked = in_force(
        config(
            profile(
                component("nps", "score", settings={"definition": "account", "figure": "mean", "min_people": 1},
                          transform={"kind": "linear", "worst": 0, "best": 10}),
                component("renewal", "renewal_days", transform={"kind": "linear", "worst": 0, "best": 365}),
            )
        )
    )  # fmt: skip
    Account.objects.bulk_create([Account(name=f"Account {n}") for n in range(ACCOUNTS)], batch_size=2_000)
    survey = factories.a_survey()
    accounts = list(Account.objects.order_by("pk")[:ANSWERS])
    people = [factories.a_contact(f"p{account.pk}@acme.example", account=account) for account in accounts]
    failures: list[Exception] = []

    def together(work: Callable[[], Any]) -> threading.Thread:
        def run() -> None:
            try:
                work()
            except Exception as error:
                failures.append(error)
            finally:
                connection.close()

        thread = threading.Thread(target=run)
        thread.start()
        return thread

    def answer() -> None:
        for person in people:
            factories.respond(survey, 9, contact_id=person.pk)
            compute.mark([person.account_id or 0])

    threads = [
        together(lambda: [compute.recompute() for _ in range(3)]),
        together(answer),
        together(lambda: [compute.fold() for _ in range(10)]),
    ]
    for thread in threads:
        thread.join()
    assert failures == []
    while compute.fold():
        pass
    rollups.fold()
    assert AccountHealth.objects.count() == HealthSnapshot.objects.count() == ACCOUNTS
    stored = dict(AccountHealth.objects.values_list("account_id", "score"))
    assert {stored[account.pk] for account in accounts} == {90}
    assert stored == {row.account: row.score for row in compute.at(checked, clock.now(), is_past=False)}
