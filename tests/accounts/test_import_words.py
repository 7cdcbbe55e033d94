"""What cells mean in four languages: one table per kind of value."""

import contextlib
import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accounts.imports import words


@pytest.mark.parametrize(
    ("text", "style", "value"),
    [
        ("1250", "", "1250"),
        ("1,250.50", "", "1250.50"),
        ("1.250,50", "", "1250.50"),
        ("1.250.000", "", "1250000"),
        ("1'250.50", "", "1250.50"),
        ("1\u00a0250,50 €", "", "1250.50"),
        ("1\u202f250,5", "", "1250.5"),
        ("€ 99", "", "99"),
        ("$1,200.00", "point", "1200.00"),
        ("EUR 1.200,00", "comma", "1200.00"),
        ("12 %", "", "12"),
        ("12,5 %", "", "12.5"),
        ("(40)", "", "-40"),
        ("−3", "", "-3"),
        ("1,250", "point", "1250"),
        ("1,250", "comma", "1.250"),
        ("0,125", "", "0.125"),
        ("１２", "", "12"),
    ],
)
def test_number_is_read_as_written(text: str, style: str, value: str) -> None:
    assert words.number(text, style) == value


@pytest.mark.parametrize("text", ["1,250", "1.250"])
def test_number_that_can_be_read_two_ways_is_refused_until_somebody_says(text: str) -> None:
    with pytest.raises(ValueError, match="two ways"):
        words.number(text, "")


@pytest.mark.parametrize("text", ["ten", "1e10", "1,2,3", "--1", "12.34.5", "", "٣", "=1+1"])
def test_number_refuses_what_is_none(text: str) -> None:
    with pytest.raises(ValueError):
        words.number(text, "point")


@pytest.mark.parametrize(
    ("text", "order", "value"),
    [
        ("2026-04-30", "", "2026-04-30"),
        ("2026-04-30T23:05:00Z", "", "2026-04-30"),
        ("30.04.2026 14:05", "", "2026-04-30"),
        ("13/05/2026", "", "2026-05-13"),
        ("05/13/2026", "", "2026-05-13"),
        ("04/05/2026", "dmy", "2026-05-04"),
        ("04/05/2026", "mdy", "2026-04-05"),
        ("05/05/2026", "", "2026-05-05"),
        ("20260430", "", "2026-04-30"),
        ("3. März 2026", "", "2026-03-03"),
        ("March 3rd, 2026", "", "2026-03-03"),
        ("1er août 2025", "", "2025-08-01"),
        ("3 de marzo de 2026", "", "2026-03-03"),
        ("2026/4/3", "", "2026-04-03"),
    ],
)
def test_date_is_read_as_written(text: str, order: str, value: str) -> None:
    assert words.date(text, order) == value


@pytest.mark.parametrize(
    ("text", "order", "reason"),
    [
        ("04/05/2026", "", "two ways"),
        ("01/02/03", "dmy", "four digits"),
        ("29.02.2025", "dmy", "calendar"),
        ("44927", "", "day number"),
        ("44927.5", "", "not a date"),
        ("13/05/2026", "mdy", "month comes first"),
        ("05/13/2026", "dmy", "day comes first"),
        ("soon", "", "not a date"),
    ],
)
def test_date_refuses_with_the_reason(text: str, order: str, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        words.date(text, order)


def test_date_order_is_taken_from_a_value_that_proves_it() -> None:
    assert words.date_order(["04/05/2026", "13/05/2026"]) == "dmy"
    assert words.date_order(["04/05/2026", "05/13/2026"]) == "mdy"
    assert words.date_order(["04/05/2026"]) == ""
    assert words.date_order(["13/05/2026", "05/13/2026"]) == ""
    assert words.date_order(["2026-04-30"]) is None


def test_decimal_sign_is_taken_from_a_value_that_proves_it() -> None:
    assert words.number_style(["1,250", "3,5"]) == "comma"
    assert words.number_style(["1,250", "3.5"]) == "point"
    assert words.number_style(["1,250"]) == ""
    assert words.number_style(["1250", "7"]) is None


@pytest.mark.parametrize("text", ["yes", "Ja", "WAHR", "oui", "Sí", "1", "true", "Y", "verdadero"])
def test_boolean_yes(text: str) -> None:
    assert words.boolean(text) == "true"


@pytest.mark.parametrize("text", ["no", "Nein", "FALSCH", "non", "0", "false", "N", "falso"])
def test_boolean_no(text: str) -> None:
    assert words.boolean(text) == "false"


def test_names_become_codes() -> None:
    assert [words.country(one) for one in ("Österreich", "Allemagne", "España", "USA", "ch")] == [
        "AT",
        "DE",
        "ES",
        "US",
        "ch",
    ]
    assert [words.language(one) for one in ("Deutsch", "français", "pt-BR")] == ["de", "fr", "pt-BR"]
    assert [words.role(one) for one in ("Entscheider", "Décideur", "Usuario", "champion")] == [
        "decision_maker", "decision_maker", "user", "champion",
    ]  # fmt: skip


@given(st.dates(dt.date(1900, 1, 1), dt.date(2199, 12, 31)), st.sampled_from(["dmy", "mdy"]))
def test_date_written_in_a_known_order_comes_back(day: dt.date, order: str) -> None:
    pattern = "%d/%m/%Y" if order == "dmy" else "%m/%d/%Y"

    assert words.date(day.strftime(pattern), order) == day.isoformat()


@given(st.integers(0, 10**9), st.integers(0, 99), st.sampled_from(["point", "comma"]))
def test_number_written_in_a_known_style_comes_back(whole: int, cents: int, style: str) -> None:
    grouped = f"{whole:,}.{cents:02}"
    text = grouped if style == "point" else grouped.translate(str.maketrans(",.", ".,"))

    assert words.number(text, style) == f"{whole}.{cents:02}"


@given(st.text(max_size=12))
def test_no_text_breaks_a_reader(text: str) -> None:
    for read in (lambda t: words.number(t, ""), lambda t: words.date(t, ""), words.boolean):
        with contextlib.suppress(ValueError):
            assert isinstance(read(text), str)
