"""Merge tags: a closed list, refused where it is wrong, and values that stay values."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from surveys import merge

JONAS = {"first_name": "Jonas", "full_name": "Jonas Weber", "account_name": "Nordwind"}


@pytest.mark.parametrize(
    ("text", "filled"),
    [
        ("Hello {{ first_name }},", "Hello Jonas,"),
        ("Hello {{first_name|there}},", "Hello Jonas,"),
        ("Hello {{ contact.first_name | there }},", "Hello Jonas,"),
        ("{{ first_name }}{{ account }}", "JonasNordwind"),
        ("Dear {{ last_name|friend of the house }},", "Dear friend of the house,"),
        ('Dear {{ last_name|default:"friend" }},', "Dear friend,"),
        ("Dear {{ last_name }},", "Dear,"),
        ("{{ last_name }}, hello", ", hello"),
        ("braces { } {x} }} %} %(a)s ${7*7} #{7*7} <%= 7*7 %> {0.__class__}",) * 2,
        ("{# not a comment #}",) * 2,
    ],
)
def test_a_text_is_filled(text: str, filled: str) -> None:
    assert merge.parse(text).fill(JONAS) == filled


@pytest.mark.parametrize(
    ("text", "code", "line", "column"),
    [
        ("{{ user.password }}", "unknown_tag", 1, 1),
        ("Hi\n  {{ contact.__class__.__mro__ }}", "unknown_tag", 2, 3),
        ("{{ contact.account.owner.api_keys }}", "unknown_tag", 1, 1),
        ("{{ settings.SECRET_KEY }}", "unknown_tag", 1, 1),
        ("{{ request }}", "unknown_tag", 1, 1),
        ("{{ self }}", "unknown_tag", 1, 1),
        ("{{ contact.delete }}", "unknown_tag", 1, 1),
        ("{{ 'a' | ljust: 99999999 }}", "unknown_tag", 1, 1),
        ("{{ first_name | ljust: 99999999 }}", "bad_default", 1, 1),
        ("{{ first_name|safe }}", "bad_default", 1, 1),
        ("{{ first_name|upper|lower }}", "bad_default", 1, 1),
        ("{{ }}", "unknown_tag", 1, 1),
        ("a {% include '/etc/passwd' %}", "statement", 1, 3),
        ("{% debug %}", "statement", 1, 1),
        ("{% for i in (1..999999999) %}", "statement", 1, 1),
        ("Hello {{ first_name", "unclosed", 1, 7),
        ("Hello {{ first_name {{ last_name }}", "unclosed", 1, 7),
        ("Hello {{ first\nname }}", "unclosed", 1, 7),
        ("x" * 20_001, "too_long", 1, 20_001),
        ("{{ first_name }}" * 101, "too_many", 1, 1601),
    ],
)
def test_what_is_no_tag_is_refused_where_it_stands(text: str, code: str, line: int, column: int) -> None:
    with pytest.raises(merge.MergeError) as refused:
        merge.parse(text)

    assert (refused.value.code, refused.value.line, refused.value.column) == (code, line, column)
    if code in {"unknown_tag", "statement"}:
        assert "{{ first_name }}" in str(refused.value)


def test_all_problems_of_a_text_are_named() -> None:
    found = merge.problems("{{ one }} {{ first_name }} {% two %}\n{{ three }}")

    assert [(problem.code, problem.line) for problem in found] == [
        ("unknown_tag", 1),
        ("statement", 1),
        ("unknown_tag", 2),
    ]


@given(st.text(), st.text())
def test_a_value_is_never_read_again(first: str, account: str) -> None:
    filled = merge.parse("{{ first_name|-}}|{{ account_name|-}}").fill(
        {"first_name": first, "account_name": account}
    )

    assert filled == f"{first or '-'}|{account or '-'}"


@given(st.text())
def test_any_text_is_either_parsed_whole_or_refused(text: str) -> None:
    problems = merge.problems(text)
    if not problems:
        parsed = merge.parse(text)
        assert parsed.tags() or parsed.fill({}) == text
