"""The portfolio: what may be lost, where and when, and never a nought where nothing is known."""

import datetime as dt
from decimal import Decimal
from typing import Any

import pytest
import time_machine
from django.test import Client
from django.urls import reverse

from accounts import extend, segments
from accounts.models import Account, Segment
from core import clock
from reports import portfolio as portfolios
from reports.portfolio import Chosen
from team.models import Team, User
from tests import factories
from workflows.health.risk import Risk
from workflows.models import AccountHealth, HealthOverride

pytestmark = pytest.mark.django_db
NOW = dt.datetime(2026, 11, 10, 10, 0, tzinfo=dt.UTC)
TODAY = NOW.date()


@pytest.fixture(autouse=True)
def standing_clock() -> Any:
    with time_machine.travel(NOW, tick=False):
        yield


def an_account(
    name: str,
    *,
    arr: int | None = 1000,
    band: str = "",
    score: float | None = None,
    days: int | None = 30,
    **more: Any,
) -> Account:
    account = factories.an_account(
        name, arr=arr, renewal_on=None if days is None else TODAY + dt.timedelta(days=days), **more
    )
    if band:
        AccountHealth.objects.update_or_create(
            account=account,
            defaults={"band": band, "score": score, "computed_at": clock.now(), "confidence": 1},
        )
    return account


@pytest.fixture
def customers(db: None) -> None:
    an_account("Red", arr=10_000, band="at_risk", score=20)
    an_account("Amber", arr=50_000, band="watch", score=55, days=100)
    an_account("Green", arr=100_000, band="healthy", score=90, days=400)
    an_account("Grey", arr=200_000, band="unclear", score=10)
    an_account("New", arr=5_000, days=None)
    an_account("Dollar", arr=9_000, band="at_risk", score=5, currency="USD")
    an_account("Gone", arr=7_000, band="at_risk", score=5, churned_on=TODAY)


def read(user: User, **chosen: Any) -> portfolios.Portfolio:
    return portfolios.read(user, Chosen(currency=chosen.pop("currency", "EUR"), **chosen), {})


def names(user: User, **chosen: Any) -> list[str]:
    rows = portfolios.list_risky(user, Chosen(currency=chosen.pop("currency", "EUR"), **chosen), TODAY)
    return [row.name for row in rows]


def test_the_largest_expected_loss_comes_first_and_the_unknown_after_by_arr(
    customers: None, lead: User
) -> None:
    assert names(lead) == ["Amber", "Green", "Red", "Grey", "New"]
    losses = [row.expected_loss for row in portfolios.list_risky(lead, Chosen(currency="EUR"), TODAY)]
    assert losses == [Decimal(5000), Decimal(3000), Decimal(3000), None, None]


def test_totals_by_risk_and_quarter_in_one_currency(customers: None, lead: User) -> None:
    found = read(lead)
    lines = {line.risk: line for line in found.lines}

    assert [period.label for period in found.periods] == [
        "Overdue", "Q4 2026", "Q1 2027", "Q2 2027", "Q3 2027", "Later", "No date",
    ]  # fmt: skip
    assert [cell.arr for cell in lines[Risk.HIGH].cells][1] == 10_000
    assert lines[Risk.SOME].cells[2].loss == 5000
    assert lines[Risk.LOW].cells[5].accounts == 1
    assert (found.total.accounts, found.total.arr, found.total.loss) == (5, 365_000, 11_000)
    assert [(code, number) for code, number, _ in found.elsewhere] == [("USD", 1)]


def test_what_is_unknown_is_never_nought(customers: None, lead: User, as_lead: Client) -> None:
    unknown = next(line for line in read(lead).lines if line.risk is Risk.UNKNOWN)

    assert (unknown.total.accounts, unknown.total.arr, unknown.total.loss) == (2, 205_000, None)
    html = as_lead.get("/portfolio/?risk=unknown").content.decode()
    assert "Grey" in html
    assert "€\u00a00" not in html


def test_an_override_counts_before_what_was_computed(lead: User, as_lead: Client) -> None:
    account = an_account("Acme", band="healthy", score=90, arr=1000)
    override = HealthOverride.objects.create(
        account=account, band="at_risk", reason="Their sponsor left", expires_on=TODAY, at=clock.now()
    )
    AccountHealth.objects.filter(account=account).update(override=override)

    (row,) = portfolios.list_risky(lead, Chosen(currency="EUR"), TODAY)

    assert (row.risk, row.expected_loss) == ("high", Decimal(300))
    assert "set by a person" in as_lead.get("/portfolio/").content.decode()


def test_other_shares_can_be_put_in(customers: None, as_lead: Client) -> None:
    html = as_lead.get("/portfolio/?high=50&some=0&low=0").content.decode()

    assert "expected loss €\u00a05" in html  # half of Red alone


def test_cells_lead_to_their_accounts(customers: None, lead: User, as_lead: Client) -> None:
    line = next(line for line in read(lead).lines if line.risk is Risk.SOME)

    html = as_lead.get("/portfolio/" + line.cells[2].url.split("#")[0]).content.decode()

    assert names(lead, risk="some", renewal="2027-Q1") == ["Amber"]
    assert "Some risk, renewal q1 2027".lower() in html.lower()
    assert "Grey</" not in html


def test_owner_team_and_segment_cut_it(lead: User, csm: User, north: Team) -> None:
    an_account("Mine", owner=csm)
    an_account("Lead’s", owner=lead, plan="Scale")
    an_account("Nobody’s")
    saved = Segment.objects.create(
        name="Scale", target="account", conditions={"field": "plan", "op": "in", "value": ["Scale"]}
    )
    factories.a_contact(account=Account.objects.get(name="Mine"), role="champion")
    people = Segment.objects.create(
        name="Champions", target="contact", conditions={"field": "role", "op": "in", "value": ["champion"]}
    )

    assert names(lead, owner=str(csm.pk)) == ["Mine"]
    assert names(lead, owner="me") == ["Lead’s"]
    assert names(lead, owner="none") == ["Nobody’s"]
    assert names(lead, team=north.pk) == ["Mine"]
    assert names(lead, saved=saved) == ["Lead’s"]
    assert names(lead, saved=people) == ["Mine"]


def test_a_csm_sees_the_portfolio_of_their_own_view(
    as_csm: Client, as_stranger: Client, csm: User, stranger: User
) -> None:
    an_account("Acme", owner=csm, band="at_risk", score=3)

    assert "Acme" in as_csm.get("/portfolio/").content.decode()
    assert "Acme" not in as_stranger.get("/portfolio/").content.decode()
    assert b"Acme" not in b"".join(as_stranger.get("/portfolio/export/").streaming_content)  # type: ignore[attr-defined]


def test_the_download_has_the_same_rows_and_runs_no_formula(lead: User, as_lead: Client) -> None:
    an_account('=HYPERLINK("x")', band="at_risk", score=3)

    text = b"".join(as_lead.get("/portfolio/export/").streaming_content).decode()  # type: ignore[attr-defined]

    assert "'=HYPERLINK" in text
    assert ",EUR,300.00," in text


@pytest.mark.parametrize(
    "query", ["owner=x", "team=9", "saved=x", "currency=%3Cb%3E", "risk=x", "renewal=x", "high=x", "page=x"]
)
def test_what_cannot_be_read_is_left_out(customers: None, as_lead: Client, query: str) -> None:
    assert as_lead.get(f"/portfolio/?{query}").status_code == 200


def test_the_page_costs_the_same_however_many_accounts(
    customers: None, as_lead: Client, django_assert_num_queries: Any
) -> None:
    def count() -> int:
        from django.db import connection
        from django.test.utils import CaptureQueriesContext

        with CaptureQueriesContext(connection) as seen:
            as_lead.get(reverse("reports:portfolio"))
        return len(seen)

    count()
    few = count()
    for number in range(70):
        an_account(f"More {number}", band="watch", score=50, owner=None)
    assert count() == few


def test_a_broken_segment_says_so(customers: None, as_lead: Client) -> None:
    saved = Segment.objects.create(
        name="Old", target="account", conditions={"field": "custom.gone", "op": "in", "value": ["x"]}
    )

    html = as_lead.get(f"/portfolio/?saved={saved.pk}").content.decode()

    assert "This segment cannot be used." in html
    answer = as_lead.get(f"/portfolio/export/?saved={saved.pk}")
    assert (answer.status_code, answer["Location"]) == (302, f"/portfolio/?saved={saved.pk}")


def test_a_score_never_shows_as_one_of_another_band(as_lead: Client, lead: User) -> None:
    an_account("Nearly", band="watch", score=69.7)

    (placed,) = read(lead).picture.items
    assert "health 69," in placed.says
    html = as_lead.get("/portfolio/").content.decode()
    assert ">69<" in html
    assert ">70<" not in html.split('id="accounts"')[1]


def test_who_left_is_on_no_ready_list_of_risk(customers: None, lead: User) -> None:
    Account.objects.filter(name="Gone").update(renewal_on=TODAY + dt.timedelta(days=20))

    for key in ("red_with_renewal", "dearest_at_risk"):
        rows = segments.narrow(
            Account.objects.visible_to(lead),
            extend.registered.ready_lists[key].conditions,
            target="account",
            user=lead,
        )
        assert "Gone" not in {row.name for row in rows}
        assert "Red" in {row.name for row in rows}


def test_lists_can_ask_for_risk_and_for_arr_at_risk(customers: None) -> None:
    def found(*conditions: tuple[Any, ...]) -> set[str]:
        tree = {"all": [dict(zip(("field", "op", "value"), one, strict=False)) for one in conditions]}
        return set(
            segments.narrow(Account.objects.all(), tree, target="account").values_list("name", flat=True)
        )

    assert found(("risk", "in", ["high"])) == {"Red", "Dollar", "Gone"}
    assert found(("risk", "in", ["unknown"])) == {"Grey", "New"}
    assert found(("arr_at_risk", "gte", 3000)) == {"Red", "Amber", "Green"}
    assert found(("arr_at_risk", "empty")) == {"Grey", "New"}
    assert found(("risk", "in", ["high"]), ("renewal_on", "within_next", 120), ("churned_on", "empty")) == {
        "Red",
        "Dollar",
    }
