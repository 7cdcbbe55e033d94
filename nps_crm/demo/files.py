"""Files that the demo company brought in: one of accounts, one of people and one of answers from before it had this product,
each gone through with the few rows that had to be refused; and one that waits for somebody to confirm what its check found.

All go through the import's own services, as if a person had uploaded them.
"""

import csv
import datetime as dt
import io
import random
from collections.abc import Mapping, Sequence
from decimal import Decimal

from django.core.files.uploadedfile import SimpleUploadedFile

from accounts.imports import services
from accounts.imports.mapping import Columns
from accounts.imports.reading import Dialect
from accounts.models import Account, Contact, Import
from core import outbox
from surveys.answer_import_options import NEW
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
    values = _checked("customer-values.csv", _values(rng, accounts), people["admin"], target="account")
    services.start_import(run=values, actor=people["admin"])
    _work()
    trainings = _answers(rng, now, known, people["admin"])
    waiting = _checked("key-users.csv", _key_users(rng, known), people["lead"])
    ages = (
        (trainings, dt.timedelta(days=16, hours=5)),
        (done, dt.timedelta(days=9, hours=3)),
        (values, dt.timedelta(days=4, hours=6)),
        (waiting, dt.timedelta(hours=2)),
    )
    for run, age in ages:
        _move(run, now - age)


def _values(rng: random.Random, accounts: Sequence[Account]) -> str:
    """What customers brought in so far, as finance has it; of one they were not sure."""
    known = list({account.pk: account for account in accounts}.values())
    rows = [
        (a.name, a.domain, str(round((a.lifetime_value or a.arr or 20_000) * Decimal("1.04"))))
        for a in rng.sample(known, 12)
    ]
    rows.insert(5, (*rows[0][:2], "about 40k"))
    return _csv(("Company", "Domain", "Lifetime value"), rows)


def _answers(rng: random.Random, now: dt.datetime, known: Sequence[Contact], actor: User) -> Import:
    """How trainings were liked, asked with another tool before; somebody left the mark out, and somebody wrote a word."""
    said = {
        5: ("Very clear, thank you.", ""),
        4: ("Good pace.", ""),
        3: ("A bit long.", ""),
        2: ("Too basic for us.",),
    }
    rows = []
    for contact in rng.sample(list(known), min(26, len(known))):
        score = rng.choices((5, 4, 3, 2), weights=(10, 9, 4, 2))[0]
        day = now.date() - dt.timedelta(days=rng.randint(760, 1_000))
        rows.append((contact.email, str(score), rng.choice(said[score]), day.isoformat()))
    rows[7:7] = [(known[0].email, "", "I was not there.", (now.date() - dt.timedelta(days=800)).isoformat())]
    rows[15:15] = [(known[1].email, "5", "Good.", "in spring")]
    run = _uploaded(
        "training-feedback.csv",
        _csv(("E-mail", "Score", "Comment", "Date"), rows),
        actor,
        "answer",
    )
    columns = Columns.of(run.mapping)
    score_at = next(number for number, key in columns.columns.items() if key == "score")
    survey = f"{NEW}csat"
    columns.options = {
        **columns.options, "survey": survey, "name": "Training feedback", "scale": "as_is",
        "scale_for": f"{score_at}|{survey}", "zone": "Europe/Berlin",
    }  # fmt: skip
    run = _check(run, columns, actor)
    services.start_import(run=run, actor=actor)
    _work()
    return run


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


def _uploaded(name: str, content: str, actor: User, target: str) -> Import:
    file = SimpleUploadedFile(name, content.encode("utf-8-sig"))
    return services.upload_import(file=file, target=target, actor=actor)


def _checked(name: str, content: str, actor: User, *, target: str = "contact") -> Import:
    run = _uploaded(name, content, actor, target)
    return _check(run, Columns.of(run.mapping), actor)


def _check(run: Import, columns: Columns, actor: User) -> Import:
    services.start_check(run=run, dialect=Dialect.of(run.dialect), columns=columns, actor=actor)
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
