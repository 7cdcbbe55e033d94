"""A process of its own that reads another system's answers, for tests that kill it.

python -m tests.flows.backfill_process prepare <address>   an administrator, a survey and an active connection
python -m tests.flows.backfill_process work                works until nothing is left, prints its peak memory in kB
python -m tests.flows.backfill_process show                what the database holds, as JSON
"""

import json
import os
import sys

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "nps_crm.settings")

import django

django.setup()

from django.db.models import Count, Sum  # noqa: E402

from accounts.models import Event  # noqa: E402
from core import outbox  # noqa: E402
from integrations import registry  # noqa: E402
from integrations.models import RawAnswer, SyncRun  # noqa: E402
from integrations.services import connections  # noqa: E402
from surveys.models import Response, ResponseRevision, Survey  # noqa: E402
from team.domain import Role  # noqa: E402
from team.models import User  # noqa: E402
from tests.flows import memory  # noqa: E402
from tests.integrations.engine.fake import Fake  # noqa: E402

registry.register(Fake())


def prepare(address: str) -> None:
    actor = User.objects.create_user(
        "ada@example.com", "a password long enough", name="Ada", role=Role.ADMINISTRATOR
    )
    survey = Survey.objects.create(name="Relationship", state="active")
    connection = connections.create_connection(system="fake", actor=actor)
    connections.change_connection(
        connection=connection,
        actor=actor,
        options={"base": address},
        new_secrets={"token": "sesame"},
        zone="UTC",
    )
    choice = connections.SurveyChoice(remote_id="s1", survey=survey)
    connections.choose_surveys(connection=connection, choices=[choice], actor=actor)
    connections.activate(connection=connection, actor=actor)


def drain() -> None:
    kind = outbox.kind_named("long_job")
    assert kind is not None
    outbox.reap()
    while outbox.work(kind):
        pass


def show() -> dict[str, object]:
    run = SyncRun.objects.get()
    sums = Response.objects.aggregate(number=Count("pk"), scores=Sum("score"))
    return {
        "state": run.state,
        "error": run.error,
        "counts": [run.received, run.created, run.updated, run.unchanged, run.refused, run.pages],
        "answers": [sums["number"], sums["scores"]],
        "revisions": ResponseRevision.objects.count(),
        "events": Event.objects.filter(kind__startswith="response.").count(),
        "raw": RawAnswer.objects.filter(response__isnull=False).count(),
    }


if __name__ == "__main__":
    command, *rest = sys.argv[1:]
    if command == "prepare":
        prepare(rest[0])
    elif command == "work":
        drain()
        print(memory.peak())  # noqa: T201
    else:
        print(json.dumps(show()))  # noqa: T201
