"""Which visits a placement is for."""

from typing import Any

import pytest

from core.errors import Invalid
from surveys.widget import targeting


@pytest.mark.parametrize(
    ("pattern", "url", "is_meant"),
    [
        ("", "https://app.example.com/", True),
        ("", "", True),
        ("/reports/*", "https://app.example.com/reports/7", True),
        ("/reports/*", "https://app.example.com/reports", False),
        ("/reports*", "https://other.example/reports", True),
        ("https://app.example.com/*", "https://app.example.com/x/y", True),
        ("https://app.example.com/*", "https://app.example.com.evil.example/x", False),
        ("https://app.example.com/", "https://appXexample.com/", False),
        ("*/billing", "https://app.example.com/team/billing", True),
        ("/a(b", "https://app.example.com/a(b", True),
        ("/x", "", False),
        ("/" + "*a" * 90 + "b", "https://app.example.com/" + "a" * 250, False),
    ],
)
def test_pages_are_meant_by_pattern(pattern: str, url: str, is_meant: bool) -> None:
    assert targeting.matches_url(pattern, url) is is_meant


@pytest.mark.parametrize(
    ("url", "page"),
    [
        ("https://app.example.com/reset?token=secret#x", "https://app.example.com/reset"),
        ("https://ida:pw@app.example.com/x", "https://app.example.com/x"),
        ("https://app.example.com", "https://app.example.com/"),
        ("http://localhost:3000/a", "http://localhost:3000/a"),
        ("https://[::1]:8443/a", "https://[::1]:8443/a"),
        ("javascript:alert(1)", ""),
        ("data:text/html,x", ""),
        ("https://app.example.com:99999/x", ""),
        ("https://[", ""),
        (7, ""),
        (None, ""),
    ],
)
def test_a_page_is_kept_without_what_may_hold_secrets(url: Any, page: str) -> None:
    assert targeting.page_of(url) == page


def test_traits_are_plain_values_under_plain_names() -> None:
    said = {
        "plan": "pro", "seats": 7, "trial": False, "gone": None, "__proto__": {"admin": True}, "constructor.prototype": 1,
        "nested": {"a": 1}, "list": [1], "": 1, "long": "x" * 500,
    }  # fmt: skip

    assert targeting.traits_of(said) == {
        "plan": "pro", "seats": 7, "trial": False, "gone": None, "long": "x" * 200
    }  # fmt: skip
    assert len(targeting.traits_of({f"k{n}": n for n in range(10_000)})) == targeting.MAX_TRAITS
    assert targeting.traits_of(["plan"]) == {}


@pytest.mark.parametrize(
    ("condition", "traits", "holds"),
    [
        ({"trait": "plan", "op": "is", "value": "Pro"}, {"plan": "pro"}, True),
        ({"trait": "plan", "op": "is", "value": "pro"}, {}, False),
        ({"trait": "plan", "op": "is_not", "value": "pro"}, {}, True),
        ({"trait": "trial", "op": "is", "value": "true"}, {"trial": True}, True),
        ({"trait": "seats", "op": "is", "value": "7"}, {"seats": 7.0}, True),
        ({"trait": "seats", "op": "above", "value": "5"}, {"seats": 7}, True),
        ({"trait": "seats", "op": "above", "value": "5"}, {"seats": "many"}, False),
        ({"trait": "seats", "op": "below", "value": "5"}, {"seats": True}, False),
        ({"trait": "role", "op": "contains", "value": "plan"}, {"role": "Route planner"}, True),
        ({"trait": "role", "op": "is_set"}, {"role": ""}, False),
        ({"trait": "role", "op": "is_empty"}, {}, True),
    ],
)
def test_traits_are_compared(condition: dict[str, Any], traits: dict[str, Any], holds: bool) -> None:
    assert targeting.matches_traits([condition], traits) is holds


@pytest.mark.parametrize(
    "conditions",
    [
        [{"trait": "", "op": "is", "value": "x"}],
        [{"trait": "__proto__", "op": "is", "value": "x"}],
        [{"trait": "plan", "op": "eval", "value": "x"}],
        [{"trait": "plan", "op": "is", "value": ""}],
        [{"trait": "seats", "op": "above", "value": "many"}],
        ["plan"],
        [{"trait": "plan", "op": "is", "value": "x"}] * 11,
    ],
)
def test_conditions_that_can_never_work_are_refused(conditions: list[Any]) -> None:
    with pytest.raises(Invalid) as refusal:
        targeting.clean_conditions(conditions)
    assert refusal.value.field == "trait_conditions"


@pytest.mark.parametrize("pattern", ["reports", "/x?y=1", "/x#y", "javascript:alert(1)", "/" + "x" * 200])
def test_page_patterns_that_can_never_match_are_refused(pattern: str) -> None:
    with pytest.raises(Invalid):
        targeting.clean_pattern(pattern)


def test_a_sample_is_sticky_and_about_as_large_as_said() -> None:
    def chosen(percent: int, period: str = "2026Q1") -> set[str]:
        return {
            str(n)
            for n in range(4000)
            if targeting.is_sampled(survey_id=1, who=str(n), period=period, percent=percent)
        }

    quarter, half = chosen(25), chosen(50)
    assert 850 < len(quarter) < 1150
    assert quarter < half, "raising the share only adds people"
    assert quarter == chosen(25)
    assert quarter != chosen(25, "2026Q2")
    assert len(chosen(100)) == 4000
