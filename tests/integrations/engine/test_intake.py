"""What becomes of one record: newest wins in any order, and nothing is dropped without a line that says why."""

import datetime as dt
from collections.abc import Callable
from itertools import permutations
from typing import Any

import pytest
import time_machine
from django.db import transaction

from accounts.models import Import
from core import clock
from integrations import intake
from integrations.models import Connection, RawAnswer, RunLine
from integrations.records import Record
from integrations.services import connections, hooks
from surveys import ingest
from surveys.models import ImportedAnswer, Response, Survey
from surveys.services import responses
from team.models import User
from tests import factories
from tests.conftest import Drain
from tests.integrations.engine.fake import item, record
from workflows.models import Alert

Take = Callable[..., intake.Tally]


@pytest.fixture
def take(active: Connection) -> Take:
    """Take records in as a pull would (`listing=False`: as a delivery)."""

    def take_in(
        *items: dict[str, Any] | Record,
        listing: bool = True,
        history: bool = False,
        asked_at: dt.datetime | None = None,
    ) -> intake.Tally:
        found = [each if isinstance(each, Record) else record(each) for each in items]
        with transaction.atomic():
            run = hooks.day_run(active)
            tally = intake.take_in(
                active, found, run=run, is_history=history, is_listing=listing, asked_at=asked_at
            )
            intake.log(run, tally)
            run.save()
        return tally

    return take_in


CREATED = item("a1", 3, changed="2026-03-17T09:00:00Z", status="partial")
COMMENTED = item("a1", 3, changed="2026-03-17T09:05:00Z", comment="Slow")
CORRECTED = item("a1", 6, changed="2026-03-17T09:10:00Z", comment="Slow, but fine")
EXCLUDED = item("a1", 6, changed="2026-03-17T09:15:00Z", status="excluded")


@pytest.mark.parametrize("order", list(permutations([CREATED, COMMENTED, CORRECTED])))
@pytest.mark.parametrize("listing", [True, False])
def test_versions_in_any_order_end_in_the_newest(
    take: Take, order: tuple[dict[str, Any], ...], listing: bool
) -> None:
    for version in order:
        take(version, listing=listing)

    answer = Response.objects.get()
    assert (answer.score, answer.comment, answer.state) == (6, "Slow, but fine", "completed")


@pytest.mark.parametrize("order", list(permutations([CREATED, CORRECTED, EXCLUDED])))
def test_an_exclusion_holds_in_whatever_order_it_came(take: Take, order: tuple[dict[str, Any], ...]) -> None:
    for version in order:
        take(version)

    answer = Response.objects.get()
    assert (answer.score, answer.excluded_reason) == (6, "Excluded at the source")


def test_several_versions_in_one_page_are_one_answer(take: Take) -> None:
    tally = take(CORRECTED, CREATED, COMMENTED)

    assert (tally.counts["received"], tally.counts["created"], tally.counts["unchanged"]) == (3, 1, 2)
    assert Response.objects.get().score == 6


@pytest.mark.parametrize("order", list(permutations(["create", "change", "delete"])))
def test_a_deletion_holds_in_whatever_order_deliveries_came(take: Take, order: tuple[str, ...]) -> None:
    versions = {
        "create": item("a1", 3, changed="2026-03-17T09:00:00Z"),
        "change": item("a1", 4, changed="2026-03-17T09:05:00Z"),
        "delete": item("a1", None, changed="2026-03-17T09:10:00Z", status="deleted"),
    }
    for name in order:
        take(versions[name], listing=False)

    assert not Response.objects.filter(deleted_upstream_at__isnull=True).exists()


def test_an_exclusion_ends_when_the_source_includes_it_again_but_not_one_of_ours(
    take: Take, lead: User
) -> None:
    take(item("a1", 3, changed="2026-03-17T09:00:00Z"), item("a2", 4, changed="2026-03-17T09:00:00Z"))
    ours = Response.objects.filter(external_id="a2")
    responses.exclude_responses(responses=ours, reason="A test of mine", actor=lead)
    for name in ("a1", "a2"):
        take(item(name, 3, changed="2026-03-17T09:15:00Z", status="excluded"))
    for name in ("a1", "a2"):
        take(item(name, 3, changed="2026-03-17T09:20:00Z"))

    reasons = dict(Response.objects.values_list("external_id", "excluded_reason"))
    assert reasons == {"a1": "", "a2": "A test of mine"}


def test_the_source_may_correct_an_answer_after_our_edit_window(take: Take, frozen: Any) -> None:
    take(item("a1", 3, changed="2026-03-17T09:00:00Z"))
    frozen.shift(dt.timedelta(days=3))

    take(item("a1", 9, changed="2026-03-19T09:00:00Z"))

    assert Response.objects.get().score == 9


def test_a_score_of_nought_is_a_detractor(take: Take) -> None:
    take(item("a1", 0))

    assert Response.objects.get().score == 0


@pytest.mark.parametrize(
    ("said", "counted", "kind", "words"),
    [
        (item("a1", None), "skipped", "skipped", "no score"),
        (item("a1", 9, status="declined"), "declined", "declined", "declined"),
        (item("a1", 9, status="overquota"), "declined", "declined", "enough"),
        (item("a1", 9, status="test"), "skipped", "skipped", "test"),
        (item("a1", 9, status="deleted"), "skipped", "skipped", "Deleted at the source before"),
        (item("a1", 4, metric="csat", scale_max=5), "refused", "refused", "measures CSAT"),
        (item("a1", 4, metric="other"), "refused", "refused", "neither NPS"),
        (item("a1", 4, scale_max=5), "refused", "refused", "nothing is converted"),
        (item("a1", 9, survey="s9"), "skipped", "skipped", "not chosen"),
        (item("", 9), "refused", "refused", "no usable id"),
        (item("x" * 201, 9), "refused", "refused", "no usable id"),
        (item("a1", 9, at="2026-03-18T10:00:00Z"), "refused", "refused", "in the future"),
        (item("a1", 9, at=""), "refused", "refused", "does not say when"),
        (item("a1", 9, email="e" * 300), "refused", "refused", "At most 254"),
    ],
)  # fmt: skip
def test_what_is_not_taken_has_a_line_that_says_why(
    take: Take, said: dict[str, Any], counted: str, kind: str, words: str
) -> None:
    tally = take(said)

    line = RunLine.objects.get()
    assert tally.counts[counted] == 1
    assert line.kind == kind
    assert words in line.message
    assert not Response.objects.exists()


def test_one_bad_record_does_not_hold_up_the_others(take: Take) -> None:
    tally = take(item("a1", 9, email="e" * 300), item("a2", 8))

    assert (tally.counts["refused"], tally.counts["created"]) == (1, 1)


def test_who_is_unknown_waits_in_the_inbox_and_the_log_says_so(take: Take) -> None:
    tally = take(item("a1", 9, email="nobody@nowhere.example"))

    assert tally.counts["unmatched"] == 1
    line = RunLine.objects.get()
    assert line.response == Response.objects.get()
    assert "nobody@" not in line.message


def test_a_known_person_is_found_by_address(take: Take) -> None:
    contact = factories.a_contact("Ann@acme.example", account=factories.an_account())

    take(item("a1", 9, email="ann@ACME.example"))

    assert Response.objects.get().contact == contact


@pytest.mark.parametrize(
    ("at", "history", "origin"),
    [
        ("2026-03-16T10:00:00Z", False, "live"),
        ("2026-03-01T10:00:00Z", False, "backfill"),
        ("2026-03-16T10:00:00Z", True, "backfill"),
    ],
)
def test_only_fresh_answers_are_news(take: Take, at: str, history: bool, origin: str) -> None:
    take(item("a1", 2, at=at), history=history)

    assert Response.objects.get().origin == origin


def test_what_no_database_keeps_is_scrubbed(take: Take) -> None:
    take(
        item(
            "a1",
            9,
            comment="be\x00fore \ud800after",
            properties={"pl\x00an": "go\ud800ld", "deep": {"no": 1}},
        )
    )

    answer = Response.objects.get()
    assert answer.comment == "before ?after"
    assert answer.attributes == {"plan": "go?ld"}
    assert RawAnswer.objects.get().payload["comment"] == "before ?after"


def test_a_person_erased_here_is_not_taken_in_again(take: Take) -> None:
    take(item("a1", 9, comment="Mine", changed="2026-03-17T09:00:00Z"))
    RawAnswer.objects.update(is_erased=True, payload=None)
    Response.objects.update(comment="")

    tally = take(item("a1", 9, comment="Mine", changed="2026-03-17T09:30:00Z"))

    assert tally.counts["skipped"] == 1
    assert Response.objects.get().comment == ""
    assert RawAnswer.objects.get().payload is None


def test_a_survey_that_is_chosen_later_gets_what_was_skipped(
    take: Take, active: Connection, administrator: User, survey: Survey
) -> None:
    take(item("a1", 9, survey="s2"))
    choices = [connections.SurveyChoice(remote_id=each, survey=survey) for each in ("s1", "s2")]
    connections.choose_surveys(connection=active, choices=choices, actor=administrator)

    tally = take(item("a1", 9, survey="s2"))

    assert tally.counts["created"] == 1


def test_the_metric_is_what_a_person_said_where_the_source_cannot_tell(
    take: Take, active: Connection, administrator: User, survey: Survey
) -> None:
    choice = connections.SurveyChoice(remote_id="s1", survey=survey, metric="nps")
    connections.choose_surveys(connection=active, choices=[choice], actor=administrator)

    take(item("a1", 9, metric="other"))

    assert Response.objects.get().metric == "nps"


def test_seen_again_is_remembered(take: Take, frozen: Any) -> None:
    take(item("a1", 9))
    frozen.shift(60)

    take(item("a1", 9))

    raw = RawAnswer.objects.get()
    assert (raw.seen_at, raw.received_at) == (clock.now(), clock.now() - dt.timedelta(seconds=60))


# --- What came in as a file before ---------------------------------------------------------------------------
@pytest.fixture
def imported(active: Connection, survey: Survey, lead: User) -> Response:
    """The answer a1, as an import of the system's file made it."""
    answer = ingest.Answer(
        survey_id=survey.pk, score=3, source=active.system, external_id="a1", channel="import", origin="import",
        responded_at=dt.datetime(2026, 3, 10, 10, tzinfo=dt.UTC), comment="Slow", email="ann@acme.example",
    )  # fmt: skip
    (outcome,) = ingest.ingest([answer])
    run = Import.objects.create(target="answer", created_by=lead)
    ImportedAnswer.objects.create(response_id=outcome.response_id, run=run)
    return Response.objects.get(pk=outcome.response_id)


def test_an_answer_of_an_earlier_file_is_carried_on(
    take: Take, imported: Response, active: Connection
) -> None:
    first = take(CORRECTED, item("a2"))
    again = take(CORRECTED, item("a2"))

    answer = Response.objects.get(external_id="a1")
    assert (answer.pk, answer.source, answer.score) == (imported.pk, active.source, 6)
    assert (first.counts["updated"], first.counts["created"], again.counts["unchanged"]) == (1, 1, 2)
    assert "1 answer had come in as a file before" in RunLine.objects.get(kind="note").message
    # It is the connection's now: taking the import back leaves it alone.
    assert not ImportedAnswer.objects.exists()


def test_an_answer_of_an_earlier_file_that_is_deleted_over_there_counts_no_more(
    take: Take, imported: Response
) -> None:
    tally = take(item("a1", 3, status="deleted", changed="2026-03-17T09:00:00Z"))

    imported.refresh_from_db()
    assert tally.counts["deleted"] == 1
    assert imported.deleted_upstream_at is not None


def test_an_answer_of_a_file_that_was_taken_back_stays_out(
    take: Take, imported: Response, active: Connection
) -> None:
    Response.objects.filter(pk=imported.pk).update(
        excluded_reason=f"{responses.TAKEN_BACK}: file of 2026-03-11"
    )

    take(CORRECTED)

    assert set(Response.objects.values_list("source", "excluded_reason")) == {
        (active.system, f"{responses.TAKEN_BACK}: file of 2026-03-11"), (active.source, ""),
    }  # fmt: skip


def test_an_answer_to_another_kind_of_question_is_another_answer(
    take: Take, imported: Response, active: Connection
) -> None:
    Response.objects.filter(pk=imported.pk).update(metric="csat", scale_min=1, scale_max=5)

    take(CORRECTED)

    assert set(Response.objects.values_list("source", "score")) == {(active.system, 3), (active.source, 6)}


def test_what_a_file_brings_after_the_connection_is_not_adopted_over_its_own(
    take: Take, active: Connection, survey: Survey
) -> None:
    take(COMMENTED)
    own = Response.objects.get()
    late = ingest.Answer(
        survey_id=survey.pk, score=3, source=active.system, external_id="a1", channel="import",
        responded_at=own.responded_at,
    )  # fmt: skip
    (outcome,) = ingest.ingest([late])

    take(CORRECTED)

    own.refresh_from_db()
    assert (own.score, own.source) == (6, active.source)
    assert Response.objects.get(pk=outcome.response_id).source == active.system


# --- Deleted before it came ----------------------------------------------------------------------------------
def test_an_answer_that_comes_after_its_deletion_is_kept_as_deleted(take: Take, drain: Drain) -> None:
    """Nothing is dropped, nothing counts, and no rule acts on it."""
    take(item("a1", None, changed="2026-03-17T09:10:00Z", status="deleted"), listing=False)

    tally = take(item("a1", 2, changed="2026-03-17T09:00:00Z", comment="Slow"), listing=False)
    again = take(item("a1", 2, changed="2026-03-17T09:00:00Z", comment="Slow"), listing=False)
    drain()

    answer = Response.objects.get()
    assert (answer.score, answer.comment) == (2, "Slow")
    assert answer.deleted_upstream_at is not None
    assert not Response.objects.counted().exists()
    assert (tally.counts["deleted"], again.counts["unchanged"]) == (1, 1)
    assert RawAnswer.objects.get().status == "deleted"
    assert not Alert.objects.exists()


def test_a_listing_from_before_the_deletion_does_not_bring_it_back(
    take: Take, frozen: time_machine.Traveller
) -> None:
    """The page was on its way when the news of the deletion came."""
    asked_at = clock.now()
    frozen.shift(dt.timedelta(seconds=2))
    take(item("a1", None, status="deleted"), listing=False)
    take(item("a1", 2), asked_at=asked_at)
    assert Response.objects.get().deleted_upstream_at is not None
    take(item("a1", 2), asked_at=asked_at)
    assert Response.objects.get().deleted_upstream_at is not None

    frozen.shift(dt.timedelta(seconds=2))
    take(item("a1", 2), asked_at=clock.now())
    assert Response.objects.get().deleted_upstream_at is None
