"""Files that the demo company brought in: one of people, gone through with the few rows that had to be refused, and one that
waits for somebody to confirm what its check found.

Both go through the import's own services, as if a person had uploaded them.
"""

import csv
import datetime as dt
import io
import random
from collections.abc import Mapping, Sequence

from django.core.files.uploadedfile import SimpleUploadedFile

from accounts.imports import services
from accounts.imports.mapping import Columns
from accounts.imports.reading import Dialect
from accounts.models import Account, Contact, Import
from core import outbox
from team.models import User

PEOPLE = [
    ("Ines", "Bauer"), ("Tomás", "Ribeiro"), ("Aino", "Laine"), ("Pieter", "de Wit"), ("Marta", "Nowak"),
    ("Luc", "Fontaine"), ("Greta", "Lindqvist"), ("Omar", "Haddad"), ("Sofia", "Marino"), ("Jonas", "Brandt"),
]  # fmt: skip


def fill(
    *, rng: random.Random, now: dt.datetime, contacts: Sequence[Contact], people: Mapping[str, User]
) -> None:
    accounts = [
        c.account for c in contacts if c.account and c.account.domain and c.account.churned_on is None
    ]
    known = [c for c in contacts if c.email and c.account and c.account.churned_on is None]
    done = _checked("people-from-the-trade-fair.csv", _fair(rng, accounts, known), people["admin"])
    services.start_import(run=done, actor=people["admin"])
    _work()
    waiting = _checked("key-users.csv", _key_users(rng, known), people["lead"])
    for run, age in ((done, dt.timedelta(days=9, hours=3)), (waiting, dt.timedelta(hours=2))):
        _move(run, now - age)


def _fair(rng: random.Random, accounts: Sequence[Account], known: Sequence[Contact]) -> str:
    """New people of known customers, some whom the company knows already, and four rows nobody could take."""
    rows = [
        (first, last, f"{first}.{last}@{account.domain}".lower().replace(" ", ""), account.name, "user")
        for (first, last), account in zip(PEOPLE, rng.sample(list(accounts), len(PEOPLE)), strict=True)
    ]
    rows += [
        (c.first_name, c.last_name, c.email.upper(), c.account.name if c.account else "", c.role)
        for c in rng.sample(list(known), 6)
    ]
    somewhere = accounts[0].name
    rows[4:4] = [("Kim", "Berg", "kim.berg(at)example", somewhere, "user")]
    rows[9:9] = [("", "", "", somewhere, "user")]
    rows += [("Ada", "Holm", "ada.holm@example.com", somewhere, "wizard")]
    rows += [rows[0]]
    return _csv(("First name", "Last name", "E-mail", "Company", "Role"), rows)


def _key_users(rng: random.Random, known: Sequence[Contact]) -> str:
    rows = [(c.email, "champion") for c in rng.sample(list(known), 14)]
    return _csv(("E-mail", "Role"), [*rows, ("not an address", "champion")])


def _csv(headers: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    file = io.StringIO()
    writer = csv.writer(file, delimiter=";")
    writer.writerow(headers)
    writer.writerows(rows)
    return file.getvalue()


def _checked(name: str, content: str, actor: User) -> Import:
    file = SimpleUploadedFile(name, content.encode("utf-8-sig"))
    run = services.upload_import(file=file, target="contact", actor=actor)
    services.start_check(
        run=run, dialect=Dialect.of(run.dialect), columns=Columns.of(run.mapping), actor=actor
    )
    _work()
    run.refresh_from_db()
    return run


def _work() -> None:
    kind = outbox.kind_named("long_job")
    assert kind is not None
    while outbox.work(kind):
        pass


def _move(run: Import, at: dt.datetime) -> None:
    run.refresh_from_db()
    run.created_at = at
    if run.started_at:
        run.started_at = at + dt.timedelta(minutes=4)
    if run.finished_at:
        run.finished_at = at + dt.timedelta(minutes=4, seconds=11)
    run.save(update_fields=["created_at", "started_at", "finished_at"])
