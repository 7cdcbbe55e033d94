"""What the demo hears from other systems: the drivers' app sends its answers, and a second connection is being set up.

Every delivery is signed and goes through the door's own service, so that the log says what it would say of real ones.
Afterwards each day's deliveries are moved to their day, and all of it is history: no rule acts on it. Some of the people
the app could not name were dealt with in the inbox, one turned out to be known twice, the others wait.
"""

import datetime as dt
import hmac
import json
import random
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from django.db.models import F, Max

from accounts.domain import Origin
from accounts.models import Account, Contact, Event
from accounts.services import merge
from core import outbox
from integrations import vault
from integrations.contract import Delivery, Role
from integrations.models import Connection, HookDelivery, RawAnswer, RunLine, SyncRun
from integrations.services import connections, hooks
from nps_crm.demo import story
from surveys.choices import Identity
from surveys.models import Response, Survey
from surveys.services import inbox
from team.models import User

DAYS = 6
OPTIONS = {
    "preset": "other", "metric": "nps", "scheme": "hmac", "header": "X-App-Signature", "algorithm": "sha256",
    "encoding": "hex",
}  # fmt: skip
MAPPING = {
    Role.ANSWER_ID: ["id"], Role.SCORE: ["answer.score"], Role.COMMENT: ["answer.comment"],
    Role.RESPONDED_AT: ["answered_at"], Role.UPDATED_AT: ["changed_at"], Role.EMAIL: ["driver.email"],
    Role.NAME: ["driver.name"], Role.STATUS: ["state"],
}  # fmt: skip


def fill(
    *,
    rng: random.Random,
    now: dt.datetime,
    contacts: Sequence[Contact],
    moods: Mapping[int, story.Mood],
    people: Mapping[str, User],
    relationship: Survey,
) -> None:
    """Both connections, with some days of deliveries and what came of them."""
    before = Event.objects.aggregate(last=Max("pk"))["last"] or 0
    reachable = [c for c in contacts if c.email and c.account and c.account.churned_on is None]
    days = _working_days(now)
    connection = _drivers_app(days[-1] - dt.timedelta(days=1), people["admin"], relationship)
    for days_back, day in reversed(list(enumerate(days))):
        _deliver(connection, list(_answers(rng, day, now, days_back, reachable, moods)))
    _settle(connection)
    _decide(connection, people["lead"])
    Event.objects.filter(pk__gt=before).update(origin=Origin.DEMO)
    _being_set_up(people["admin"])


def _working_days(now: dt.datetime) -> list[dt.datetime]:
    """The mornings of the last working days before today, the latest first."""
    mornings = (
        (now - dt.timedelta(days=back)).replace(hour=6, minute=10, second=0, microsecond=0)
        for back in range(1, 2 * DAYS + 3)
    )
    return [morning for morning in mornings if morning.weekday() < 5][:DAYS]


def _drivers_app(since: dt.datetime, admin: User, survey: Survey) -> Connection:
    connection = connections.create_connection(system="webhook", name="Driver app", actor=admin)
    connections.change_connection(
        connection=connection, actor=admin, options=OPTIONS, new_secrets={"hook": vault.new_hook_secret()}
    )
    connections.choose_surveys(
        connection=connection,
        choices=[connections.SurveyChoice(remote_id="", remote_name="Question in the app", survey=survey)],
        actor=admin,
    )
    connections.set_mapping(
        connection=connection, mapping={role.value: keys for role, keys in MAPPING.items()}, actor=admin
    )
    connections.check_connection(connection=connection)
    connections.activate(connection=connection, actor=admin)
    Connection.objects.filter(pk=connection.pk).update(created_at=since)
    connection.refresh_from_db()
    return connection


# --- What the app sends --------------------------------------------------------------------------------------
def _answers(
    rng: random.Random,
    day: dt.datetime,
    now: dt.datetime,
    days_back: int,
    contacts: Sequence[Contact],
    moods: Mapping[int, story.Mood],
) -> Iterator[dict[str, Any]]:
    """One day's bodies, in the order they are sent: mostly plain answers, and what goes wrong in real life."""
    for number, contact in enumerate(rng.sample(contacts, rng.randrange(5, 9))):
        account = contact.account
        assert account is not None
        at = day + dt.timedelta(minutes=number * 47 + rng.randrange(40))
        mood = moods[account.pk]
        score = story.draw_score(rng, mood, day.date(), now.date())
        comment = story.draw_comment(
            rng,
            score=score,
            language=contact.language,
            segment=mood.segment,
            day=day.date(),
            today=now.date(),
        )
        body = {
            "id": f"app-{day:%m%d}-{number + 1}",
            "state": "completed",
            "answered_at": at.isoformat(),
            "answer": {"score": score, "comment": comment},
            "driver": {"name": contact.display_name, "email": contact.email},
            "app": {"version": rng.choice(("8.2.0", "8.2.1", "8.3.0")), "depot": account.city},
        }
        if number == 1 and days_back % 2 == 0:
            # Signed in with the depot's address: the inbox proposes the person by name and domain.
            body["driver"] = {"name": contact.display_name, "email": f"depot{days_back + 1}@{account.domain}"}
        elif number == 2 and days_back % 3 == 1:
            body["driver"] = {"name": "Shared tablet", "email": ""}
        elif number == 3 and days_back % 4 == 0:
            body["answer"] = {"score": 12, "comment": ""}
        elif number == 0 and days_back % 5 == 1:
            body["state"] = "test"
        yield body
        if number == 3 and days_back % 4 == 1:
            later = at + dt.timedelta(minutes=20)
            longer = f"{comment} The rest of the week went well.".strip()
            yield {**body, "answer": {"score": score, "comment": longer}, "changed_at": later.isoformat()}


def _deliver(connection: Connection, bodies: Sequence[dict[str, Any]]) -> None:
    """Send one day's bodies, take them in, and move what came of it from now to when it was sent."""
    moments = [dt.datetime.fromisoformat(body.get("changed_at", body["answered_at"])) for body in bodies]
    secret = vault.open_secrets(connection)["hook"].encode()
    known = set(HookDelivery.objects.filter(connection=connection).values_list("pk", flat=True))
    kind = outbox.kind_named(hooks.DELIVERY)
    assert kind is not None
    for body in bodies:
        raw = json.dumps(body, ensure_ascii=False).encode()
        headers = {
            "content-type": "application/json", "user-agent": "driver-app/8",
            "x-app-signature": hmac.digest(secret, raw, "sha256").hex(),
        }  # fmt: skip
        hooks.receive(connection, Delivery(body=raw, headers=headers))
        outbox.work(kind)
    rows = list(HookDelivery.objects.filter(connection=connection).exclude(pk__in=known).order_by("pk"))
    if wrong := [row for row in rows if row.state != outbox.State.DONE]:
        raise RuntimeError(f"A delivery of the demo was not taken in: {wrong[0].error}")
    for row, at in zip(rows, moments, strict=True):
        row.received_at = row.created_at = row.next_at = at
        row.finished_at = at + dt.timedelta(seconds=1)
    HookDelivery.objects.bulk_update(rows, ["received_at", "created_at", "next_at", "finished_at"])
    run = hooks.day_run(connection)
    first, last = moments[0], max(moments)
    SyncRun.objects.filter(pk=run.pk).update(
        day=first.date(), created_at=first, started_at=first, finished_at=last, until=last
    )
    RunLine.objects.filter(run=run).update(at=last)
    Connection.objects.filter(pk=connection.pk).update(hook_heard_at=last)


def _settle(connection: Connection) -> None:
    """The answers came when they were given; no hours of correction are left."""
    RawAnswer.objects.filter(connection=connection, responded_at__isnull=False).update(
        received_at=F("responded_at"), seen_at=F("responded_at")
    )
    Response.objects.filter(source=connection.source).update(
        origin=Origin.DEMO, received_at=F("responded_at"), finalised_at=F("responded_at"), locked_at=F("responded_at")
    )  # fmt: skip


# --- Who it was ----------------------------------------------------------------------------------------------
def _decide(connection: Connection, lead: User) -> None:
    """A tablet is set aside; two people become contacts, and of one it was seen since that we knew them. The others wait."""
    waiting = Response.objects.filter(source=connection.source, identity=Identity.INBOX).order_by(
        "responded_at"
    )
    tablets = [one for one in waiting if not one.identity_hint.get("email")]
    people = [one for one in waiting if one.identity_hint.get("email")]
    inbox.ignore_response(response=tablets[0], actor=lead)
    for number, response in enumerate(people[:2]):
        hint = response.identity_hint
        account = Account.objects.get(domain=hint["email"].partition("@")[2])
        alike = Contact.objects.live().filter(account=account).order_by("pk")
        known = next(contact for contact in alike if contact.display_name == hint["name"])
        made = inbox.create_contact_from(response=response, account=account, actor=lead).contact
        assert made is not None
        if number == 0:
            merge.merge_contacts(survivor=known, loser=made, actor=lead)


# --- The one that waits for its key --------------------------------------------------------------------------
def _being_set_up(admin: User) -> None:
    """SatisMeter, which the web shop's team used: its project is entered, its key is not."""
    connection = connections.create_connection(system="satismeter", name="Web shop", actor=admin)
    connections.change_connection(connection=connection, actor=admin, options={"project": "5f3c09d1e8a2b7"})
