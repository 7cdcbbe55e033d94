"""The portfolio over REST: the numbers of the page, for whom the key sees."""

from typing import Any

import pytest

from team.models import User
from tests.reports.test_portfolio import TODAY, an_account, customers, standing_clock  # noqa: F401 - fixtures
from tests.workflows.test_api import Api

pytestmark = pytest.mark.django_db
SCOPES = ("accounts:read", "work:read")


def read(user: User, query: str = "") -> Any:
    return Api(user, *SCOPES)("get", f"/portfolio/{query}")


@pytest.mark.usefixtures("customers")
def test_totals_cells_and_rows_are_those_of_the_page(lead: User) -> None:
    found = read(lead).json()

    assert (found["as_of"], found["currency"], found["shares"]) == (
        "2026-11-10", "EUR", {"high": 30, "some": 10, "low": 3}
    )  # fmt: skip
    assert found["total"] == {"accounts": 5, "arr": "365000.00", "expected_loss": "11000.00"}
    assert found["elsewhere"] == [{"currency": "USD", "accounts": 1}]
    assert {
        "risk": "some", "renewal": "2027-Q1", "first": "2027-01-01", "last": "2027-03-31", "accounts": 1,
        "arr": "50000.00", "expected_loss": "5000.00",
    } in found["cells"]  # fmt: skip
    assert [row["name"] for row in found["accounts"]] == ["Amber", "Green", "Red", "Grey", "New"]
    first, last = found["accounts"][0], found["accounts"][-1]
    assert (first["risk"], first["band"], first["health"], first["expected_loss"], first["days"]) == (
        "some", "watch", 55.0, "5000.00", 100
    )  # fmt: skip
    assert (last["expected_loss"], last["renewal_on"], last["days"]) == (None, None, None)


@pytest.mark.usefixtures("customers")
def test_filters_and_pages(lead: User) -> None:
    cell = read(lead, "?risk=some&renewal=2027-Q1&some=50").json()
    second = read(lead, "?page=2&page_size=2").json()
    dollars = read(lead, "?currency=usd").json()

    assert [(row["name"], row["expected_loss"]) for row in cell["accounts"]] == [("Amber", "25000.00")]
    assert (cell["count"], cell["pages"], cell["total"]["accounts"]) == (1, 1, 5)
    assert ([row["name"] for row in second["accounts"]], second["count"], second["pages"]) == (
        ["Red", "Grey"], 5, 3
    )  # fmt: skip
    assert [row["name"] for row in dollars["accounts"]] == ["Dollar"]


def test_a_key_sees_the_accounts_of_its_person(csm: User, stranger: User) -> None:
    an_account("Acme", band="at_risk", score=20, owner=csm)

    assert [row["name"] for row in read(csm).json()["accounts"]] == ["Acme"]
    assert read(stranger).json()["count"] == 0


@pytest.mark.parametrize("scopes", [("accounts:read",), ("work:read",)])
def test_it_needs_both_scopes(lead: User, scopes: tuple[str, ...]) -> None:
    assert Api(lead, *scopes)("get", "/portfolio/").status_code == 403


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("ownr=1", "ownr"), ("owner=x", "owner"), ("team=7", "team"), ("saved=1", "saved"), ("currency=EURO", "currency"),
        ("risk=grave", "risk"), ("renewal=soon", "renewal"), ("high=101", "high"), ("page=0", "page"),
        ("page_size=201", "page_size"), ("owner=²", "owner"), ("page=1" + "0" * 30, "page"),
    ],
)  # fmt: skip
def test_what_cannot_be_asked_is_named(lead: User, query: str, field: str) -> None:
    refused = read(lead, f"?{query}")

    assert (refused.status_code, refused.json()["errors"][0]["attr"]) == (400, field)
