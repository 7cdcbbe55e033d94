"""Metrics: what may be sent, what is kept, what is told, what is forgotten."""

import datetime as dt
from decimal import Decimal
from typing import Any

import pytest
from django.test import Client
from hypothesis import given
from hypothesis import strategies as st

from accounts import metric_values, queries
from accounts.metric_values import MetricType, Side, Threshold
from accounts.models import Account, Event, Metric, MetricPoint
from accounts.services import metric_events, metric_pruning, metrics
from core import clock
from core.errors import Invalid, Refused
from team.models import User
from tests import factories

DAY = dt.timedelta(days=1)


class Api:
    def __init__(self, user: User) -> None:
        self.client, self.key = Client(), factories.an_api_key(user, "accounts:write", rate_limit=10_000)

    def __call__(self, method: str, path: str, data: Any = None) -> Any:
        sent = {"data": data, "content_type": "application/json"} if data is not None else {}
        return getattr(self.client, method)(f"/api/v1{path}", headers={"Authorization": self.key}, **sent)


@pytest.fixture
def seats(lead: User) -> Metric:
    return metrics.define_metric(
        key="seats_used", label="Seats in use", unit="seats", thresholds=[{"side": "below", "value": 10}],
        actor=lead,
    )  # fmt: skip


@pytest.fixture
def mine(csm: User) -> Account:
    return factories.an_account("Mine", owner=csm, external_id="M-1")


def put(account: Account, metric: Metric, value: object, at: dt.datetime) -> list[str]:
    return metrics.put_points(points=[metrics.Point(metric, account, Decimal(str(value)), at)], actor=None)


# --- What may be sent ----------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("type_", "raw", "held", "said"),
    [
        ("number", 1204, "1204", "1,204 seats"),
        ("number", "12", "12", "12 seats"),
        ("number", 0.1 + 0.2, "0.3", "0.3 seats"),
        ("number", "-0", "0", "0 seats"),
        ("number", -0.5, "-0.5", "−0.5 seats"),
        ("number", 1e-300, "0", "0 seats"),
        ("percent", 41, "41", "41 %"),
        ("percent", "112.5", "112.5", "112.5 %"),
        ("boolean", True, "1", "yes"),
        ("boolean", False, "0", "no"),
        ("choice", "gold", "1", "gold"),
    ],
)
def test_a_value_is_held_as_a_number_and_said_in_words(type_: str, raw: Any, held: str, said: str) -> None:
    value = metric_values.read(type_, ["tin", "gold"], raw)

    assert value == Decimal(held)
    assert metric_values.shown(type_, ["tin", "gold"], "seats", value) == said


@pytest.mark.parametrize(
    ("type_", "raw"),
    [
        ("number", raw)
        for raw in (
            None, True, "", "twelve", "1_000", "NaN", "-Infinity", "1e400", "1E+9999999", float("nan"),
            float("inf"), 10**13, "10000000000000", "٣", [], {}, "9" * 41,
        )
    ]
    + [("percent", -1), ("percent", 1001), ("percent", "x"), ("boolean", "12"), ("boolean", 1), ("boolean", "true")]
    + [("choice", "lead"), ("choice", 0), ("choice", True), ("choice", "GOLD")],
)  # fmt: skip
def test_what_the_type_does_not_know_is_refused_naming_the_field(type_: str, raw: Any) -> None:
    with pytest.raises(Invalid) as refusal:
        metric_values.read(type_, ["tin", "gold"], raw, field="values.x")

    assert refusal.value.field == "values.x"


@given(st.decimals(min_value=-(10**12), max_value=10**12, places=6))
def test_a_number_survives_being_sent_held_and_given_back(value: Decimal) -> None:
    held = metric_values.read(MetricType.NUMBER, [], str(value))

    assert Decimal(metric_values.sent(MetricType.NUMBER, [], held)) == value
    assert "E" not in metric_values.plain(held)


def test_a_definition_keeps_what_is_left_out_and_its_type_once_it_has_points(
    lead: User, mine: Account
) -> None:
    tier = metrics.define_metric(key="tier", type="choice", choices=["tin", "gold"], actor=lead)
    put(mine, tier, 1, clock.now())

    again = metrics.define_metric(
        key="tier", choices=["tin", "gold", "platinum"], direction="neutral", retention_days=400, actor=lead
    )

    assert (again.label, again.type, again.choices[-1], again.retention_days) == (
        "Tier",
        "choice",
        "platinum",
        400,
    )
    for change in ({"type": "number"}, {"choices": ["gold", "tin"]}):
        with pytest.raises(Refused):
            metrics.define_metric(key="tier", actor=lead, **change)  # type: ignore[arg-type]
    for wrong in (
        {"retention_days": 5}, {"choices": ["one"]}, {"choices": ["a", "a"]}, {"direction": "up"},
        {"thresholds": [{"side": "below", "value": 1}]}, {"thresholds": [{"side": "under", "value": 1}]},
        {"thresholds": "x"},
    ):  # fmt: skip
        with pytest.raises(Invalid):
            metrics.define_metric(key="tier2", type="choice", actor=lead, **{"choices": ["a", "b"], **wrong})


# --- API -----------------------------------------------------------------------------------------------------
def test_several_values_of_an_account_are_put_at_once_and_again_without_effect(
    lead: User, csm: User, mine: Account, seats: Metric
) -> None:
    metrics.define_metric(key="on_premises", type="boolean", actor=lead)
    metrics.define_metric(key="tier", type="choice", choices=["tin", "gold"], actor=lead)
    call, at = Api(csm), (clock.now() - DAY).isoformat()
    body = {"values": {"seats_used": "41.5", "on_premises": False, "tier": "gold"}, "observed_at": at}

    first = call("put", f"/accounts/{mine.pk}/metrics/", body)
    again = call("put", "/accounts/by-external-id/M-1/metrics/", body)
    corrected = call("put", f"/accounts/{mine.pk}/metrics/", {**body, "values": {"seats_used": 40}})

    assert (first.status_code, first.json()["created"]) == (200, 3)
    assert again.json() == {
        "created": 0, "updated": 0, "unchanged": 3,
        "results": {"seats_used": "unchanged", "on_premises": "unchanged", "tier": "unchanged"},
    }  # fmt: skip
    assert corrected.json()["updated"] == 1
    assert MetricPoint.objects.count() == 4
    newest = {row["metric"]: row["value"] for row in call("get", f"/accounts/{mine.pk}/metrics/").json()}
    assert newest == {"seats_used": "40", "on_premises": False, "tier": "gold"}


@pytest.mark.parametrize(
    ("body", "attr"),
    [
        ({"values": {}}, "values"),
        ({"values": {"seats_used": "x"}}, "values.seats_used"),
        ({"values": {"seats_used": None}}, "values.seats_used"),
        ({"values": {"seats_used": "1e400"}}, "values.seats_used"),
        ({"values": {"nothing": 1}}, "values.nothing"),
        ({"values": {"seats_used": 1}, "observed_at": "2999-01-01T00:00:00Z"}, "observed_at"),
        ({"values": {"seats_used": 1}, "observed_at": "1970-01-01T00:00:00Z"}, "observed_at"),
        ({"values": {"seats_used": 1}, "observed_at": "yesterday"}, "observed_at"),
        ({"seats_used": 1}, "seats_used"),
        ({"values": [1]}, "values"),
    ],
)
def test_a_wrong_value_stores_nothing_and_is_named(
    csm: User, mine: Account, seats: Metric, body: dict[str, Any], attr: str
) -> None:
    answer = Api(csm)("put", f"/accounts/{mine.pk}/metrics/", body)

    assert answer.status_code == 400
    assert attr in {error["attr"] for error in answer.json()["errors"]}
    assert not MetricPoint.objects.exists()


@pytest.mark.parametrize("raw", ['{"values": {"seats_used": NaN}}', '{"values": {"seats_used": 1e400}}'])
def test_what_is_no_json_number_is_refused(csm: User, mine: Account, seats: Metric, raw: str) -> None:
    call = Api(csm)

    answer = call.client.put(
        f"/api/v1/accounts/{mine.pk}/metrics/", raw, content_type="application/json",
        headers={"Authorization": call.key},
    )  # fmt: skip

    assert answer.status_code == 400


def test_values_of_accounts_out_of_sight_are_neither_put_nor_read(
    csm: User, stranger: User, mine: Account, seats: Metric
) -> None:
    theirs = factories.an_account("Theirs", owner=stranger, external_id="T-1")
    put(theirs, seats, 5, clock.now() - DAY)
    call, body = Api(csm), {"values": {"seats_used": 1}}

    for path in (
        f"/accounts/{theirs.pk}/metrics/",
        "/accounts/by-external-id/T-1/metrics/",
        "/accounts/999999/metrics/",
    ):
        assert call("put", path, body).status_code == 404
        assert call("get", path).status_code == 404
    row = {"metric": "seats_used", "value": 1, "observed_at": (clock.now() - DAY).isoformat()}
    bulk = call(
        "post", "/metric-points/bulk/", [{**row, "account": theirs.pk}, {**row, "account": 999999}]
    ).json()
    assert [result["errors"][0]["code"] for result in bulk["results"]] == ["not_found", "not_found"]
    assert MetricPoint.objects.count() == 1


def test_rows_of_a_bulk_call_are_judged_each_by_itself(csm: User, mine: Account, seats: Metric) -> None:
    row = {"metric": "seats_used", "account": mine.pk, "value": 5, "observed_at": "2026-01-01T00:00:00Z"}
    rows = [
        row, row, {**row, "value": 6}, {**row, "value": "six"}, {**row, "metric": "none"}, {**row, "account": 0},
        {**row, "observed_at": "2999-01-01T00:00:00Z"}, {"metric": "seats_used", "account_external_id": "M-1",
        "value": "7", "observed_at": "2026-01-02T00:00:00Z"}, "row",
    ]  # fmt: skip

    answer = Api(csm)("post", "/metric-points/bulk/", rows).json()

    assert [result["status"] for result in answer["results"]] == [
        "created", "unchanged", "updated", "refused", "refused", "refused", "refused", "created", "refused",
    ]  # fmt: skip
    assert answer["results"][3]["errors"][0]["attr"] == "value"
    assert MetricPoint.objects.count() == 3


def test_a_bulk_call_of_a_thousand_rows_takes_a_flat_number_of_statements(
    csm: User, mine: Account, seats: Metric, django_assert_max_num_queries: Any
) -> None:
    at = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
    rows = [
        {
            "metric": "seats_used",
            "account": mine.pk,
            "value": n,
            "observed_at": (at + n * dt.timedelta(hours=1)).isoformat(),
        }
        for n in range(1000)
    ]
    call = Api(csm)
    with django_assert_max_num_queries(30):
        assert call("post", "/metric-points/bulk/", rows).json()["created"] == 1000
    assert call("post", "/metric-points/bulk/", [*rows, rows[0]]).status_code == 413


def test_only_those_who_lead_define_metrics(csm: User, lead: User) -> None:
    body = {
        "key": "logins", "type": "number", "unit": "logins", "direction": "higher_is_better", "retention_days": 365,
        "thresholds": [{"side": "below", "value": "3"}],
    }  # fmt: skip

    assert Api(csm)("post", "/metrics/", body).status_code == 403
    made = Api(lead)("post", "/metrics/", body).json()
    kept = Api(lead)("post", "/metrics/", {"key": "logins", "retention_days": None}).json()

    assert made["thresholds"] == [{"side": "below", "value": "3"}]
    assert (kept["unit"], kept["retention_days"]) == ("logins", None)


# --- Crossing ------------------------------------------------------------------------------------------------
def crossed() -> list[tuple[str, str, str]]:
    rows = Event.objects.filter(kind="metric.crossed").order_by("occurred_at", "pk")
    return [(event.data["direction"], event.data["threshold"], event.data["value"]) for event in rows]


def test_a_threshold_is_crossed_once_and_again_after_the_way_back(mine: Account, seats: Metric) -> None:
    start = clock.now() - 10 * DAY
    for day, value in enumerate([8, 12, 10, 9, 9.5, 7, 11, 3]):
        put(mine, seats, value, start + day * DAY)

    # The first point has nothing before it, and ten is not below ten.
    assert crossed() == [("below", "10", "9"), ("below", "10", "3")]
    event = Event.objects.filter(kind="metric.crossed").first()
    assert event is not None
    assert (event.account, event.subject_type, event.data["metric"]) == (mine, "account", "seats_used")


def test_points_out_of_order_and_repeated_ones_cross_nothing_anew(mine: Account, seats: Metric) -> None:
    at = clock.now() - 2 * DAY
    put(mine, seats, 20, at)
    put(mine, seats, 5, at + DAY)
    put(mine, seats, 5, at + DAY)
    put(mine, seats, 15, at - DAY)
    put(mine, seats, 4, at - DAY / 2)

    assert crossed() == [("below", "10", "5")]


def test_a_correction_that_says_the_same_again_is_not_a_second_crossing(mine: Account, seats: Metric) -> None:
    at = clock.now() - 2 * DAY
    put(mine, seats, 20, at)
    for value in (5, 20, 5):
        put(mine, seats, value, at + DAY)

    assert crossed() == [("below", "10", "5")]


def test_rules_may_ask_for_thresholds_of_their_own(
    mine: Account, seats: Metric, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = {"seats_used": [Threshold(Side.ABOVE, Decimal(100))]}
    monkeypatch.setitem(metric_events._readers, "test", lambda: asked)
    put(mine, seats, 100, clock.now() - DAY)
    put(mine, seats, 101, clock.now() - DAY / 2)

    assert crossed() == [("above", "100", "101")]


@given(
    st.lists(st.integers(0, 4), min_size=1, max_size=12), st.lists(st.booleans(), min_size=12, max_size=12)
)
def test_crossings_do_not_depend_on_how_points_are_cut_into_calls(
    values: list[int], cuts: list[bool]
) -> None:
    start = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
    points = [(start + n * DAY, Decimal(value)) for n, value in enumerate(values)]
    watched = [Threshold(Side.ABOVE, Decimal(2)), Threshold(Side.BELOW, Decimal(2))]
    together = metric_values.crossings(last=None, points=points, thresholds=watched)

    apart, last = [], None
    batch: list[Any] = []
    for point, cut in zip(points, cuts, strict=False):
        batch.append(point)
        if cut:
            apart += metric_values.crossings(last=last, points=batch, thresholds=watched)
            last, batch = batch[-1], []
    apart += metric_values.crossings(last=last, points=batch, thresholds=watched)

    assert apart == together


# --- Forgetting ----------------------------------------------------------------------------------------------
def test_old_points_are_thinned_to_days_and_weeks_and_the_newest_always_stays(
    frozen: Any, mine: Account, seats: Metric
) -> None:
    other = factories.an_account("Other")
    monday = dt.datetime(2026, 3, 16, tzinfo=dt.UTC)
    rows = [
        MetricPoint(metric=seats, account=mine, value=hour, observed_at=monday - dt.timedelta(days=days, hours=-hour), recorded_at=monday)
        for days in (*range(1, 7), *range(106, 113), *range(421, 435))
        for hour in (6, 18)
    ]  # fmt: skip
    rows.append(
        MetricPoint(metric=seats, account=other, value=1, observed_at=monday - 900 * DAY, recorded_at=monday)
    )
    MetricPoint.objects.bulk_create(rows)

    metric_pruning.prune(dt.date(2026, 3, 15))

    def left(account: Account, first: int, last: int) -> list[Decimal]:
        points = MetricPoint.objects.filter(
            account=account, observed_at__gt=monday - last * DAY, observed_at__lt=monday - (first - 1) * DAY
        )
        return list(points.values_list("value", flat=True))

    assert len(left(mine, 1, 6)) == 12
    assert left(mine, 106, 112) == [Decimal(18)] * 7
    assert left(mine, 421, 434) == [Decimal(18)] * 2
    assert left(other, 1, 1000) == [Decimal(1)]

    metrics.define_metric(key="seats_used", retention_days=30, actor=None)
    metric_pruning.prune(dt.date(2026, 3, 17))
    assert (len(left(mine, 1, 1000)), len(left(other, 1, 1000))) == (12, 1)
    assert metric_pruning.prune(dt.date(2026, 3, 18)) == 0


def test_the_newest_values_of_an_account_are_read_with_the_line_of_its_days(
    mine: Account, seats: Metric, lead: User, django_assert_num_queries: Any
) -> None:
    logins = metrics.define_metric(key="logins", actor=lead)
    now = clock.now().replace(hour=12, minute=0)
    put(mine, seats, 1, now - 400 * DAY)
    for days in (3, 2):
        put(mine, logins, days, now - days * DAY)
        put(mine, logins, 10 * days, now - days * DAY + dt.timedelta(hours=1))

    with django_assert_num_queries(2):
        found = queries.metrics_of(mine)

    assert [(one.metric.key, one.value, [value for _, value in one.days]) for one in found] == [
        ("logins", Decimal(20), [Decimal(30), Decimal(20)]),
        ("seats_used", Decimal(1), []),
    ]


# --- Pages ---------------------------------------------------------------------------------------------------
def test_a_lead_defines_a_metric_and_its_form_says_what_is_wrong(
    browser_of: Any, lead: User, csm: User
) -> None:
    page = browser_of(lead)
    values = {"label": "Open invoices", "key": "invoices", "type": "number", "direction": "lower_is_better"}

    wrong = page.post(
        "/settings/metrics/new/", {**values, "thresholds": "more than 3", "retention_days": "5"}
    )
    saved = page.post(
        "/settings/metrics/new/", {**values, "thresholds": "above 3\nBelow 1", "retention_days": "400"}
    )
    again = page.post("/settings/metrics/new/", values)

    assert (wrong.status_code, saved.status_code, again.status_code) == (422, 302, 422)
    assert "Write below or above" in wrong.content.decode()
    metric = Metric.objects.get(key="invoices")
    assert metric.thresholds == [{"side": "above", "value": "3"}, {"side": "below", "value": "1"}]
    page.post(f"/settings/metrics/{metric.pk}/", {**values, "label": "Unpaid invoices", "key": "other"})
    metric.refresh_from_db()
    assert (metric.key, metric.label, metric.retention_days, metric.thresholds) == (
        "invoices",
        "Unpaid invoices",
        None,
        [],
    )
    assert "Unpaid invoices" in page.get("/settings/metrics/").content.decode()
    assert browser_of(csm).get("/settings/metrics/").status_code == 403


def test_an_accounts_metric_shows_its_points_and_what_was_corrected(
    browser_of: Any, csm: User, stranger: User, mine: Account, seats: Metric
) -> None:
    at = clock.now() - 3 * DAY
    put(mine, seats, 20, at - DAY)
    put(mine, seats, 1204, at)
    put(mine, seats, 8, at)

    page = browser_of(csm).get(f"/accounts/{mine.pk}/metrics/{seats.pk}/").content.decode()
    account = browser_of(csm).get(f"/accounts/{mine.pk}/").content.decode()

    assert page.index("8 seats") < page.index("1,204 seats")
    assert page.count("corrected") == 1
    assert "went below 10 seats" in account
    assert 'class="spark"' in account
    assert browser_of(stranger).get(f"/accounts/{mine.pk}/metrics/{seats.pk}/").status_code == 404


@pytest.mark.parametrize("count", [0, 1, 2])
def test_an_account_page_draws_few_points_and_none(
    browser_of: Any, csm: User, mine: Account, seats: Metric, count: int
) -> None:
    for number in range(count):
        put(mine, seats, 5, clock.now() - (number + 1) * 30 * DAY)

    page = browser_of(csm).get(f"/accounts/{mine.pk}/")

    assert page.status_code == 200
    assert page.content.decode().count('class="spark"') == (1 if count else 0)
    assert browser_of(csm).get(f"/accounts/{mine.pk}/metrics/{seats.pk}/").status_code == 200
