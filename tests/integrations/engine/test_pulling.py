"""Runs: page by page, through every fault of the other side, without losing or doubling an answer."""

import datetime as dt
import json
from collections.abc import Callable
from typing import Any

import pytest
import time_machine
from django.core import mail
from django.test import Client

from core import fetch
from integrations import pulling, vault
from integrations.domain import ConnectionState, RunKind, RunState
from integrations.models import ConnectedSurvey, Connection, RawAnswer, RunLine, SyncRun
from integrations.services import connections, notices, runs
from surveys.models import Response
from team.models import User
from tests import factories
from tests.conftest import Drain
from tests.integrations.engine.conftest import Sync
from tests.integrations.engine.fake import Fake, Shelf, item
from tests.integrations.vendor import Answer, Call, reply
from workflows.models import Alert

Forward = Callable[..., None]


def scores() -> list[int]:
    return sorted(Response.objects.values_list("score", flat=True))


def test_the_first_run_reads_all_pages_and_tells_who_connected_it(
    draft: Connection, shelf: Shelf, administrator: User, drain: Drain
) -> None:
    shelf.items = [item(f"a{n}", n, email=f"p{n}@x.example") for n in range(5)]

    run = connections.activate(connection=draft, actor=administrator)
    drain()

    assert run is not None
    run.refresh_from_db()
    draft.refresh_from_db()
    assert (run.kind, run.state, run.received, run.created, run.pages, run.total) == (
        "first",
        "done",
        5,
        5,
        3,
        5,
    )
    assert scores() == [0, 1, 2, 3, 4]
    assert draft.first_sync_at is not None
    assert {r.origin for r in Response.objects.all()} == {"backfill"}
    (letter,) = mail.outbox
    assert letter.to == [administrator.email]
    assert "It read 5 answers" in letter.body


def test_a_second_run_changes_nothing_and_asks_only_for_what_is_new(
    shelf: Shelf, sync: Sync, active: Connection
) -> None:
    shelf.items = [item("a1"), item("a2", 3)]
    shelf.items[0]["at"] = shelf.items[1]["at"] = "2026-03-17T09:59:30Z"
    first = sync()

    second = sync()

    assert (first.created, second.received, second.unchanged) == (2, 2, 2)
    assert "2026-03-17T09:58:00" in shelf.asked[-1].first("since")
    assert Response.objects.count() == 2
    assert {r.origin for r in Response.objects.all()} == {"live"}


def test_too_many_requests_wait_as_long_as_told(shelf: Shelf, sync: Sync, forward: Forward) -> None:
    shelf.items = [item("a1", at="2026-03-17T09:59:30Z")]
    shelf.vendor.fail(reply({}, 429, Retry_After="40"), reply({}, 429))

    run = sync()
    assert (run.state, (run.waits_until or run.until) - run.until) == ("waiting", dt.timedelta(seconds=40))
    assert "slow down (429)" in run.error

    forward(seconds=41)
    run.refresh_from_db()
    assert (run.state, run.retries) == ("waiting", 2)

    forward(minutes=2)
    run.refresh_from_db()
    assert (run.state, run.created, run.error) == ("done", 1, "")


def test_a_source_that_does_not_say_how_many_there_are_has_a_time_left(
    shelf: Shelf, active: Connection, administrator: User, drain: Drain, as_administrator: Client
) -> None:
    shelf.items = [item(f"a{day}", at=f"2026-03-{day:02}T09:00:00Z") for day in range(1, 13)]

    def uncounted(call: Call) -> Answer:
        if call.first("after") == "6":
            return reply({}, 503)
        listed = json.loads(shelf._list(call).body)
        return reply({"items": listed["items"], "next": listed["next"]})

    shelf.vendor.on("GET", "/answers", uncounted)
    since = dt.datetime(2026, 3, 1, tzinfo=dt.UTC)
    run = connections.rerun_since(connection=active, since=since, actor=administrator)
    drain()

    run.refresh_from_db()
    assert (run.state, run.received, run.total) == ("waiting", 6, None)
    # Five of the sixteen days between the first answer and now.
    assert run.seconds_left == pytest.approx(run.busy_seconds * 11 / 5, rel=0.05)
    shown = as_administrator.get(f"/connections/{active.pk}/runs/{run.pk}/").content.decode()
    assert "left, by the days that were read" in shown


def test_an_hour_of_server_errors_is_outwaited(
    shelf: Shelf, sync: Sync, forward: Forward, active: Connection
) -> None:
    shelf.items = [item("a1", at="2026-03-17T09:59:30Z")]
    shelf.vendor.fail(*[reply({}, 500)] * 9)

    run = sync()
    for _ in range(12):
        forward(minutes=10)

    run.refresh_from_db()
    active.refresh_from_db()
    assert (run.state, run.created, active.state) == ("done", 1, "active")


def test_a_day_of_server_errors_breaks_the_connection_and_says_so(
    shelf: Shelf, sync: Sync, forward: Forward, active: Connection, administrator: User
) -> None:
    shelf.vendor.fail(*[reply({}, 503)] * 200)
    mail.outbox.clear()

    run = sync()
    for _ in range(4):
        forward(hours=8)

    run.refresh_from_db()
    active.refresh_from_db()
    assert (run.state, active.state) == ("failed", "broken")
    assert "For 24 hours nothing could be read" in active.last_error
    assert [m.subject for m in mail.outbox] == ["Fake needs you: the connection is broken"]


def test_refused_credentials_break_at_once_and_new_ones_carry_on_where_it_was(
    shelf: Shelf, sync: Sync, active: Connection, administrator: User, drain: Drain
) -> None:
    shelf.items = [item(f"a{n}", at="2026-03-17T09:59:30Z") for n in range(6)]
    shelf.vendor.on(
        "GET", "/answers", lambda call: reply({}, 401) if call.first("after") == "2" else shelf._list(call)
    )

    run = sync()
    active.refresh_from_db()
    assert (run.state, run.created, active.state) == ("failed", 2, "broken")
    assert "401" in active.last_error

    shelf.vendor.on("GET", "/answers", shelf._list)
    shelf.token = "new-one"
    connections.change_connection(connection=active, actor=administrator, new_secrets={"token": "new-one"})
    asked = len(shelf.asked)
    again = connections.resume(connection=active, actor=administrator)
    drain()

    assert again is not None
    again.refresh_from_db()
    active.refresh_from_db()
    assert again.continues == run
    assert (again.state, again.received, active.state, active.last_error) == ("done", 4, "active", "")
    assert [call.first("after") for call in shelf.asked[asked:]] == ["2", "4"]
    assert Response.objects.count() == 6


def test_a_token_that_expires_in_the_middle_is_renewed_and_kept(
    shelf: Shelf, sync: Sync, active: Connection
) -> None:
    shelf.items = [item(f"a{n}", at="2026-03-17T09:59:30Z") for n in range(4)]
    vault.store_secrets(active, {"token": "old"})

    run = sync()

    active.refresh_from_db()
    assert (run.state, run.created) == ("done", 4)
    assert vault.open_secrets(active)["token"] == "sesame"
    assert vault.open_secrets(active)["hook"] == "hook-secret"


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (reply("<html>Sign in</html>", kind="text/html"), "web page"),
        (reply('{"items": [{"id": "a1", "sco'), "no JSON"),
        (reply({}, 302, Location="http://127.0.0.1/elsewhere"), "sends us elsewhere (302)"),
        (reply({}, 400), "refused the request (400)"),
    ],
)  # fmt: skip
def test_what_is_no_answer_stops_the_run_in_words_and_the_next_goes_on(
    shelf: Shelf, sync: Sync, active: Connection, answer: Answer, words: str
) -> None:
    shelf.items = [item(f"a{n}", at="2026-03-17T09:59:30Z") for n in range(4)]
    first = True

    def once(call: Call) -> Answer:
        nonlocal first
        if call.first("after") == "2" and first:
            first = False
            return answer
        return shelf._list(call)

    shelf.vendor.on("GET", "/answers", once)

    run = sync()
    active.refresh_from_db()
    assert (run.state, active.state, run.created) == ("failed", "active", 2)
    assert words in run.error

    again = sync()
    active.refresh_from_db()
    assert (again.state, again.received, active.failures) == ("done", 2, 0)
    assert Response.objects.count() == 4


def test_three_failures_in_a_row_break_the_connection(shelf: Shelf, sync: Sync, active: Connection) -> None:
    shelf.vendor.fail(*[reply("nonsense")] * 3)

    for _ in range(3):
        sync()

    active.refresh_from_db()
    assert active.state == "broken"


@pytest.mark.parametrize(
    "trouble",
    [
        fetch.Broken("The answer broke off."), fetch.Unreachable("The certificate has expired."),
        fetch.TooSlow("No answer in time."),
    ],
)  # fmt: skip
def test_half_a_page_and_a_bad_line_are_waited_out(
    shelf: Shelf, sync: Sync, forward: Forward, monkeypatch: pytest.MonkeyPatch, trouble: fetch.FetchError
) -> None:
    shelf.items = [item("a1", at="2026-03-17T09:59:30Z")]
    request = fetch.request

    def once(*args: object, **options: object) -> fetch.Reply:
        monkeypatch.setattr(fetch, "request", request)
        raise trouble

    monkeypatch.setattr(fetch, "request", once)
    run = sync()
    assert run.state == "waiting"
    assert trouble.message in run.error
    forward(minutes=1)

    run.refresh_from_db()
    assert (run.state, run.created) == ("done", 1)


def test_pages_that_repeat_stop_the_run(shelf: Shelf, sync: Sync) -> None:
    count = 0

    def same(_: Call) -> Answer:
        nonlocal count
        count += 1
        return reply({"items": [item("a1"), item("a2")], "next": str(count)})

    shelf.vendor.on("GET", "/answers", same)

    run = sync()

    assert run.state == "failed"
    assert "pages repeat" in run.error
    assert Response.objects.count() == 2


def test_a_cursor_that_stands_still_stops_the_run(shelf: Shelf, sync: Sync) -> None:
    shelf.vendor.on("GET", "/answers", lambda _: reply({"items": [], "next": "7"}))

    run = sync()

    assert run.state == "failed"
    assert "do not advance" in run.error


def test_a_cursor_that_expired_begins_the_window_again(shelf: Shelf, sync: Sync) -> None:
    shelf.items = [item(f"a{n}", at="2026-03-17T09:59:30Z") for n in range(4)]
    expired = False

    def forgetful(call: Call) -> Answer:
        nonlocal expired
        if call.first("after") == "2" and not expired:
            expired = True
            return reply({"expired": True})
        return shelf._list(call)

    shelf.vendor.on("GET", "/answers", forgetful)

    run = sync()

    assert (run.state, run.created, run.unchanged) == ("done", 4, 2)
    assert Response.objects.count() == 4
    assert RunLine.objects.filter(run=run, kind="note", message__contains="forgot").count() == 1


def test_an_export_that_is_being_made_is_waited_for(shelf: Shelf, sync: Sync, forward: Forward) -> None:
    pending = [reply({"items": [], "next": "x", "wait": 20})] * 2
    shelf.vendor.fail(*pending, reply({"items": [item("a1")], "next": ""}))

    run = sync()
    assert run.state == "waiting"
    for _ in range(2):
        forward(seconds=21)

    run.refresh_from_db()
    assert (run.state, run.created) == ("done", 1)


def test_a_pause_stops_after_the_page_and_resuming_goes_on_there(
    shelf: Shelf, active: Connection, administrator: User, drain: Drain, monkeypatch: pytest.MonkeyPatch
) -> None:
    shelf.items = [item(f"a{n}", at="2026-03-17T09:59:30Z") for n in range(6)]

    original = pulling._Pull._take

    def take(self: pulling._Pull, *args: Any) -> bool:
        monkeypatch.setattr(pulling._Pull, "_take", original)
        is_last = original(self, *args)
        connections.pause(connection=active, actor=administrator)
        return is_last

    monkeypatch.setattr(pulling._Pull, "_take", take)
    run = connections.run_now(connection=active, actor=administrator)
    drain()
    run.refresh_from_db()
    assert (run.state, run.created) == ("paused", 2)

    connections.resume(connection=active, actor=administrator)
    drain()

    run.refresh_from_db()
    assert (run.state, run.created, run.received) == ("done", 6, 6)
    assert Response.objects.count() == 6


def test_only_one_run_is_open_at_a_time(active: Connection, administrator: User) -> None:
    connections.run_now(connection=active, actor=administrator)

    with pytest.raises(connections.Refused, match="at work already"):
        connections.run_now(connection=active, actor=administrator)


def test_the_schedule_pulls_when_it_is_time(shelf: Shelf, active: Connection, forward: Forward) -> None:
    assert runs.start_due() == 0
    forward(minutes=61)

    assert runs.start_due() == 1
    assert runs.start_due() == 0
    forward(seconds=1)

    latest = SyncRun.objects.order_by("-pk")[0]
    assert (latest.kind, latest.state) == (RunKind.RESCAN, RunState.DONE)
    forward(minutes=61)
    runs.start_due()
    assert SyncRun.objects.order_by("-pk")[0].kind == RunKind.SCHEDULED


def test_what_a_rescan_misses_counts_no_more_and_counts_again_when_it_is_back(
    shelf: Shelf, sync: Sync, active: Connection, forward: Forward
) -> None:
    shelf.items = [item(f"a{n}", at="2026-03-16T10:00:00Z", changed="2026-03-17T09:59:30Z") for n in range(4)]
    sync()
    lost = shelf.items.pop()
    forward(hours=25)
    runs.start_due()
    forward(seconds=1)

    rescan = SyncRun.objects.filter(kind=RunKind.RESCAN).order_by("-pk")[0]
    assert (rescan.state, rescan.deleted) == ("done", 1)
    gone = Response.objects.get(external_id=lost["id"])
    assert gone.deleted_upstream_at is not None

    shelf.items.append(lost)
    forward(hours=25)
    runs.start_due()
    forward(seconds=1)

    gone.refresh_from_db()
    assert gone.deleted_upstream_at is None


def test_a_rescan_of_a_system_that_proves_nothing_gone_deletes_nothing(
    shelf: Shelf, sync: Sync, forward: Forward, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Fake, "missing_is_gone", False)
    shelf.items = [item(f"a{n}", at="2026-03-16T10:00:00Z", changed="2026-03-17T09:59:30Z") for n in range(4)]
    sync()
    shelf.items.pop()
    forward(hours=25)
    runs.start_due()
    forward(seconds=1)

    rescan = SyncRun.objects.filter(kind=RunKind.RESCAN).order_by("-pk")[0]
    assert (rescan.state, rescan.deleted) == ("done", 0)
    assert not Response.objects.filter(deleted_upstream_at__isnull=False).exists()
    assert ConnectedSurvey.objects.get().rescanned_at is not None


def test_an_empty_rescan_deletes_nothing(shelf: Shelf, sync: Sync, forward: Forward) -> None:
    shelf.items = [item(f"a{n}", at="2026-03-16T10:00:00Z", changed="2026-03-17T09:59:30Z") for n in range(4)]
    sync()
    shelf.items = []
    forward(hours=25)
    runs.start_due()
    forward(seconds=1)

    rescan = SyncRun.objects.filter(kind=RunKind.RESCAN).order_by("-pk")[0]
    assert (rescan.state, rescan.deleted) == ("done", 0)
    assert not Response.objects.filter(deleted_upstream_at__isnull=False).exists()
    assert "too few to believe" in RunLine.objects.get(run=rescan).message


def test_reading_again_from_a_date_takes_in_what_the_new_mapping_says(
    shelf: Shelf, sync: Sync, active: Connection, administrator: User, drain: Drain
) -> None:
    shelf.items = [
        item("a1", at="2026-01-10T10:00:00Z", changed="2026-03-17T09:59:30Z", properties={"crm": "p-7"})
    ]
    sync()
    assert Response.objects.get().contact is None
    contact = factories.a_contact("x@y.example", account=factories.an_account(), external_id="p-7")
    connections.set_mapping(connection=active, mapping={"person_id": ["crm"]}, actor=administrator)
    shelf.items[0]["changed"] = "2026-03-17T09:59:31Z"

    run = connections.rerun_since(
        connection=active, since=dt.datetime(2026, 1, 1, tzinfo=dt.UTC), actor=administrator
    )
    drain()

    run.refresh_from_db()
    assert (run.kind, run.state) == ("backfill", "done")
    assert Response.objects.get().contact == contact


def test_the_alert_comes_once_when_it_stays_broken(
    shelf: Shelf, sync: Sync, active: Connection, administrator: User, forward: Forward, drain: Drain
) -> None:
    shelf.token = "other"
    sync()
    assert notices.raise_alerts() == 0
    forward(hours=24)

    assert (notices.raise_alerts(), notices.raise_alerts()) == (1, 1)
    assert Alert.objects.get().assignee == administrator
    drain()
    assert mail.outbox[-1].subject == "Fake has been broken for a day"


def test_an_error_of_ours_is_tried_again_and_then_said(
    shelf: Shelf, sync: Sync, forward: Forward, active: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise KeyError("a bug")

    monkeypatch.setattr(Fake, "pull", broken)
    run = sync()
    for _ in range(6):
        forward(hours=6)

    run.refresh_from_db()
    active.refresh_from_db()
    assert run.state == "failed"
    assert "an error of ours" in run.error


def test_secrets_change_without_losing_the_place(
    shelf: Shelf, sync: Sync, active: Connection, administrator: User
) -> None:
    shelf.items = [item("a1", at="2026-03-17T09:59:30Z")]
    sync()
    before = active.surveys.get().synced_until
    shelf.token = "second"

    connections.change_connection(connection=active, actor=administrator, new_secrets={"token": "second"})

    assert sync().state == "done"
    assert before is not None
    assert active.surveys.get().synced_until == before
    assert active.state == ConnectionState.ACTIVE


def test_the_rows_of_a_run_are_found(shelf: Shelf, sync: Sync) -> None:
    shelf.items = [item("a1", at="2026-03-17T09:59:30Z"), item("a2", 3, at="2026-03-17T09:59:30Z")]
    first = sync()
    shelf.items[0] |= {"comment": "More", "changed": "2026-03-17T09:59:40Z"}
    second = sync()

    assert RawAnswer.objects.filter(first_run=first).count() == 2
    assert [r.external_id for r in RawAnswer.objects.filter(run=second, result="updated")] == ["a1"]


def test_a_job_of_an_older_attempt_does_nothing(
    active: Connection, administrator: User, drain: Drain
) -> None:
    run = connections.run_now(connection=active, actor=administrator)
    SyncRun.objects.filter(pk=run.pk).update(job_key="integrations.pull:0:9")
    drain()

    run.refresh_from_db()
    assert run.state == "queued"


def test_a_rescan_that_broke_off_counts_what_it_had_read_before_as_listed(
    shelf: Shelf, sync: Sync, forward: Forward
) -> None:
    shelf.items = [item(f"a{n}", at="2026-03-16T10:00:00Z", changed="2026-03-17T09:59:30Z") for n in range(5)]
    sync()
    forward(hours=25)
    broken = False

    def breaks_once(call: Call) -> Answer:
        nonlocal broken
        if call.first("after") == "2" and not broken:
            broken = True
            return reply([1, 2], 400)
        return shelf._list(call)

    shelf.vendor.on("GET", "/answers", breaks_once)
    runs.start_due()
    forward(seconds=1)
    first = SyncRun.objects.filter(kind=RunKind.RESCAN).order_by("-pk")[0]
    forward(hours=2)
    runs.start_due()
    forward(seconds=1)

    second = SyncRun.objects.order_by("-pk")[0]
    assert (first.state, second.continues_id, second.kind, second.state) == (
        "failed", first.pk, RunKind.RESCAN, "done",
    )  # fmt: skip
    assert not Response.objects.filter(deleted_upstream_at__isnull=False).exists()


def test_an_export_that_never_came_is_asked_for_anew_by_the_next_run(
    shelf: Shelf, sync: Sync, forward: Forward
) -> None:
    pending = reply({"items": [], "next": "x", "wait": 3600})
    shelf.vendor.on("GET", "/answers", lambda _: pending)
    run = sync()
    for _ in range(8):
        forward(hours=1, seconds=1)
    run.refresh_from_db()
    assert "six hours" in run.error

    asked: list[str] = []

    def anew(call: Call) -> Answer:
        asked.append(call.first("after"))
        return pending if call.first("after") == "x" else reply({"items": [item("a1")], "next": ""})

    shelf.vendor.on("GET", "/answers", anew)
    run = sync()

    assert (run.state, run.created, asked) == ("done", 1, [""])


def test_surveys_that_were_gone_are_asked_for_again_by_the_next_run(shelf: Shelf, sync: Sync) -> None:
    shelf.vendor.on("GET", "/answers", lambda _: reply({}, 404))
    assert "None of the chosen surveys" in sync().error

    shelf.items = [item("a1", changed="2026-03-17T09:59:30Z")]
    shelf.vendor.on("GET", "/answers", shelf._list)

    run = sync()
    assert (run.state, run.created) == ("done", 1)


def test_a_place_that_leads_nowhere_is_given_up_after_the_second_try(shelf: Shelf, sync: Sync) -> None:
    shelf.items = [item(f"a{n}", changed="2026-03-17T09:59:30Z") for n in range(4)]
    is_refused = True

    def refuses_the_place(call: Call) -> Answer:
        return reply({}, 400) if call.first("after") == "2" and is_refused else shelf._list(call)

    shelf.vendor.on("GET", "/answers", refuses_the_place)
    assert [sync().state, sync().state] == ["failed", "failed"]
    shelf.asked.clear()
    is_refused = False

    run = sync()

    assert (run.state, shelf.asked[0].first("after"), Response.objects.count()) == ("done", "", 4)


def test_empty_pages_without_end_stop_the_run(
    shelf: Shelf, sync: Sync, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pulling, "MAX_EMPTY_PAGES", 5)

    def empty(call: Call) -> Answer:
        number = int(call.first("after", "0")) + 1
        return reply({"items": [], "next": str(number) if number < 20 else ""})

    shelf.vendor.on("GET", "/answers", empty)

    run = sync()

    assert run.state == "failed"
    assert "without an answer" in run.error


def test_a_number_of_answers_beyond_belief_stops_nothing(shelf: Shelf, sync: Sync) -> None:
    shelf.vendor.on("GET", "/answers", lambda _: reply({"items": [item("a1")], "next": "", "total": 10**12}))

    run = sync()

    assert (run.state, run.created, run.total) == ("done", 1, 2**31 - 1)


# --- What is left unfinished ---------------------------------------------------------------------------------
@pytest.fixture
def broken_off(shelf: Shelf, active: Connection, administrator: User, drain: Drain) -> SyncRun:
    """History that was read again half way, and then failed."""
    shelf.items = [item(f"a{n}", at="2026-01-10T09:00:00Z") for n in range(6)]
    shelf.vendor.on(
        "GET", "/answers", lambda call: reply({}, 400) if call.first("after") == "2" else shelf._list(call)
    )
    since = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
    run = connections.rerun_since(connection=active, actor=administrator, since=since)
    drain()
    run.refresh_from_db()
    assert (run.state, run.created) == ("failed", 2)
    shelf.vendor.on("GET", "/answers", shelf._list)
    return run


def test_reading_history_that_failed_is_carried_on_before_the_night_reads_again(
    broken_off: SyncRun, active: Connection, forward: Forward, frozen: time_machine.Traveller
) -> None:
    frozen.move_to(dt.datetime(2026, 3, 18, 4, 0, tzinfo=dt.UTC))
    runs.start_due()
    forward(minutes=1)

    carried = SyncRun.objects.get(continues=broken_off)
    assert (carried.kind, carried.state, carried.created) == (RunKind.BACKFILL, RunState.DONE, 4)
    assert Response.objects.count() == 6
    forward(hours=1)
    runs.start_due()
    forward(minutes=1)
    assert SyncRun.objects.filter(kind=RunKind.RESCAN, state=RunState.DONE).count() == 1


def test_history_left_behind_by_a_later_run_is_not_forgotten(
    broken_off: SyncRun, active: Connection, drain: Drain, administrator: User
) -> None:
    SyncRun.objects.create(
        connection=active,
        kind=RunKind.RESCAN,
        state=RunState.DONE,
        until=broken_off.until,
        finished_at=broken_off.until,
    )

    run = connections.run_now(connection=active, actor=administrator)
    drain()

    run.refresh_from_db()
    assert (run.continues, run.kind, run.state) == (broken_off, RunKind.BACKFILL, RunState.DONE)
    assert connections.run_now(connection=active, actor=administrator).continues is None


def test_a_failed_run_is_carried_on_with_a_click(
    broken_off: SyncRun, active: Connection, drain: Drain, as_administrator: Client, as_lead: Client
) -> None:
    path = f"/connections/{active.pk}/runs/{broken_off.pk}/"
    assert "Carry on" in as_administrator.get(path).content.decode()
    assert "Carry on" not in as_lead.get(path).content.decode()
    assert as_lead.post(f"{path}carry-on/").status_code == 403

    as_administrator.post(f"{path}carry-on/")
    drain()

    assert Response.objects.count() == 6
    assert "Carry on" not in as_administrator.get(path).content.decode()
    said = as_administrator.post(f"{path}carry-on/", follow=True).content.decode()
    assert "a later one has read" in said
