"""A process of its own that imports a file of answers, for tests that kill it or weigh it.

python -m tests.flows.answer_import_process prepare <rows>   a person, contacts, and a file that is uploaded and checked
python -m tests.flows.answer_import_process work [<batch>]    works until nothing is left, prints its peak memory in kB
python -m tests.flows.answer_import_process show              what the database holds, as JSON
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
from accounts.models import Account, Contact, Event, EventDelivery, Import, ImportRow  # noqa: E402
from core import outbox  # noqa: E402
from core.models import Job  # noqa: E402
from surveys.models import ContactScore, ImportedAnswer, Response, ResponseRevision, Survey  # noqa: E402
from team.domain import Role  # noqa: E402
from team.models import User  # noqa: E402
from tests.flows import memory  # noqa: E402


def content(rows: int) -> bytes:
    """Known people, strangers, rows that name nobody and are all alike, wrong scores, and ids that come twice."""
    lines = ["Email,Name,Score,Comment,Answered at,Tags"]
    for i in range(rows):
        score = "eleven" if i % 97 == 0 else str(i % 11)
        address = "" if i % 13 == 0 else f"p{i % 400}@x.example" if i % 3 else f"s{i}@else.example"
        day = "2025-01-01" if i % 13 == 0 else f"2025-{1 + i % 12:02}-{1 + i % 28:02} {i % 24:02}:{i % 60:02}"
        text = "" if i % 13 == 0 else f"Comment, {i}"
        lines.append(f'{address},,{score},"{text}",{day},a;b')
    return ("\ufeff" + "\r\n".join(lines)).encode()


def prepare(rows: int) -> None:
    actor = User.objects.create_user("lead@example.com", "a password long enough", name="Lea", role=Role.LEAD)
    account = Account.objects.create(name="Company")
    for i in range(400):
        email = f"p{i}@x.example"
        Contact.objects.create(email=email, email_key=email, account=account)
    data = ContentFile(content(rows), name="answers.csv")
    run = services.upload_import(
        file=UploadedFile(data, name="answers.csv", size=data.size), target="answer", actor=actor
    )
    columns = Columns.of(run.mapping)
    columns.options |= {"scale": "as_is", "scale_for": f"2|{columns.options['survey']}"}
    services.start_check(run=run, dialect=Dialect.of(run.dialect), columns=columns, actor=actor)
    drain()
    run.refresh_from_db()
    assert run.state == "checked", run.error
    assert not Response.objects.exists()
    services.start_import(run=run, actor=actor)


def drain() -> None:
    kind = outbox.kind_named("long_job")
    assert kind is not None
    outbox.reap()
    while outbox.work(kind):
        pass


def show() -> dict[str, object]:
    run = Import.objects.get()
    keys = "responded_at", "score", "comment", "identity", "contact__email", "state", "origin", "channel"
    counts = run.rows_done, run.created_count, run.updated_count, run.unchanged_count, run.refused_count
    return {
        "state": run.state,
        "error": run.error,
        "jobs": list(Job.objects.order_by("pk").values_list("state", "attempts", "error")),
        "position": run.position,
        "counts": [*counts, run.unmatched_count],
        "checked": run.checked["counts"],
        "surveys": Survey.objects.count(),
        "answers": sorted(json.dumps(row, default=str) for row in Response.objects.values_list(*keys)),
        "ids": Response.objects.values("external_id").distinct().count(),
        "made": ImportedAnswer.objects.count(),
        "revisions": ResponseRevision.objects.count(),
        "scores": sorted(
            list(row)
            for row in ContactScore.objects.values_list("contact__email", "latest_score", "previous_score")
        ),
        "events": Event.objects.count(),
        "causes": Event.objects.values("cause_key").distinct().count(),
        "told": EventDelivery.objects.count(),
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
