"""A process of its own that imports a file, for tests that kill it or weigh it.

python -m tests.flows.import_process prepare <rows>     a person, accounts, and a file that is uploaded and checked
python -m tests.flows.import_process work [<batch>]      works until nothing is left, prints its peak memory in kB
python -m tests.flows.import_process show               what the database holds, as JSON
"""

import json
import os
import sys

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "nps_crm.settings")

import django

django.setup()

from django.core.files.base import ContentFile  # noqa: E402
from django.core.files.uploadedfile import UploadedFile  # noqa: E402

from accounts.imports import running, services  # noqa: E402
from accounts.imports.mapping import Columns  # noqa: E402
from accounts.imports.reading import Dialect  # noqa: E402
from accounts.models import Account, Contact, Event, EventRelay, Import, ImportRow  # noqa: E402
from core import outbox  # noqa: E402
from core.models import Job  # noqa: E402
from team.domain import Role  # noqa: E402
from team.models import User  # noqa: E402
from tests.flows import memory  # noqa: E402


def content(rows: int) -> bytes:
    lines = ["Contact ID,First name,Last name,E-mail,Phone,Job title,Company"]
    for i in range(rows):
        address = "bad" if i % 97 == 0 else f"P{i - 1}@X.example" if i % 101 == 0 else f"p{i}@x.example"
        lines.append(f'C{i},Ann,"Meier, {i}",{address},+49 40 {i},Head of Operations,Company {i * 31 % 50}')
    return ("\ufeff" + "\r\n".join(lines)).encode()


def prepare(rows: int) -> None:
    actor = User.objects.create_user("lead@example.com", "a password long enough", name="Lea", role=Role.LEAD)
    for i in range(40):
        Account.objects.create(name=f"Company {i}")
    data = ContentFile(content(rows), name="people.csv")
    run = services.upload_import(
        file=UploadedFile(data, name="people.csv", size=data.size), target="contact", actor=actor
    )
    columns = Columns.of(run.mapping)
    columns.key, columns.create_accounts = "external_id", True
    services.start_check(run=run, dialect=Dialect.of(run.dialect), columns=columns, actor=actor)
    drain()
    run.refresh_from_db()
    assert run.state == "checked", run.error
    services.start_import(run=run, actor=actor)


def drain() -> None:
    kind = outbox.kind_named("long_job")
    assert kind is not None
    outbox.reap()
    while outbox.work(kind):
        pass


def show() -> dict[str, object]:
    run = Import.objects.get()
    keys = "external_id", "first_name", "last_name", "email_key", "phone", "job_title", "account__name"
    return {
        "state": run.state,
        "error": run.error,
        "jobs": list(Job.objects.order_by("pk").values_list("state", "attempts", "error")),
        "position": run.position,
        "counts": [
            run.rows_done,
            run.created_count,
            run.updated_count,
            run.unchanged_count,
            run.refused_count,
            run.accounts_created,
        ],
        "checked": run.checked["counts"],
        "contacts": sorted(list(row) for row in Contact.objects.values_list(*keys)),
        "accounts": sorted(Account.objects.values_list("name", flat=True)),
        "history": Contact.history.count(),
        "events": Event.objects.count(),
        "causes": Event.objects.values("cause_key").distinct().count(),
        "relays": EventRelay.objects.count(),
        "refused": sorted(list(row) for row in ImportRow.objects.values_list("line", "reason")),
    }


if __name__ == "__main__":
    command, *rest = sys.argv[1:]
    if command == "prepare":
        prepare(int(rest[0]))
    elif command == "work":
        if rest:
            running.BATCH = int(rest[0])
        drain()
        print(memory.peak())  # noqa: T201
    else:
        print(json.dumps(show()))  # noqa: T201
