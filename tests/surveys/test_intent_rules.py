"""Which clicks are answers: the scanner rule on plain values."""

import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from surveys.intent_rules import Opened, Proof, Signal, Trail, has_burst, judge, judge_click

NOW = dt.datetime(2026, 3, 17, 10, 0, tzinfo=dt.UTC)


def ago(seconds: float) -> dt.datetime:
    return NOW - dt.timedelta(seconds=seconds)


def proof(
    *, age: float = 5, gesture: str = "pointer", script: bool = True, button: bool = True, field: bool = False
):
    return Proof(
        rendered_at=ago(age), gesture=gesture, ran_script=script, by_button=button, hidden_field=field
    )


ALL_ELEVEN = [Opened(ago(3600 - number * 0.2), number) for number in range(11)]
BURST_NOW = [Opened(ago(30 - number), number) for number in range(11)]


@pytest.mark.parametrize(
    ("given_proof", "trail"),
    [
        (proof(), Trail(handed_over_at=ago(5))),
        (proof(gesture="", script=False), Trail(handed_over_at=ago(600))),
        (proof(gesture="key"), Trail(opened=ALL_ELEVEN, handed_over_at=ago(3600))),
        (proof(gesture="", script=False), Trail(opened=ALL_ELEVEN, hidden_links=[ago(3600)])),
        (proof(), Trail(opened=[Opened(ago(20), 7), Opened(ago(5), 8)])),
        (proof(), Trail(opened=[Opened(ago(9), 7), Opened(ago(8), 7), Opened(ago(5), 7)])),
    ],
    ids=[
        "gesture-right-after-delivery",
        "button-without-script",
        "person-an-hour-after-a-scanner",
        "person-without-script-after-a-scanner",
        "two-scores-tried",
        "same-score-three-times",
    ],
)
def test_a_person_is_believed(given_proof: Proof, trail: Trail) -> None:
    assert judge(proof=given_proof, trail=trail, now=NOW) == ()


@pytest.mark.parametrize(
    ("given_proof", "trail", "signals"),
    [
        (proof(age=0.2), Trail(), {Signal.TOO_FAST}),
        (proof(gesture="", script=False), Trail(handed_over_at=ago(10)), {Signal.TOO_SOON}),
        (proof(gesture="", script=True, button=False), Trail(), {Signal.SCRIPTED}),
        (proof(gesture="", script=True, button=True), Trail(), {Signal.SCRIPTED}),
        (proof(gesture="", script=False, button=False), Trail(), {Signal.SCRIPTED}),
        (proof(gesture="scroll"), Trail(), {Signal.SCRIPTED}),
        (proof(), Trail(opened=BURST_NOW), {Signal.MANY_LINKS}),
        (
            proof(gesture="", script=False),
            Trail(opened=[Opened(ago(500 - n), n) for n in range(3)]),
            {Signal.MANY_LINKS},
        ),
        (proof(), Trail(hidden_links=[ago(2)]), {Signal.HIDDEN_LINK}),
        (proof(field=True), Trail(), {Signal.HIDDEN_FIELD}),
    ],
    ids=[
        "0.2-s-after-the-page",
        "ten-seconds-after-delivery",
        "form-submit-by-script",
        "button-clicked-by-script",
        "form-sent-without-its-button",
        "scroll-is-no-gesture",
        "eleven-links-in-this-minute",
        "three-links-minutes-ago-without-gesture",
        "hidden-link",
        "hidden-field",
    ],
)
def test_a_scanner_is_held_back(given_proof: Proof, trail: Trail, signals: set[Signal]) -> None:
    assert set(judge(proof=given_proof, trail=trail, now=NOW)) == signals


def test_a_click_is_only_judged_for_the_list() -> None:
    quiet = Trail(opened=[Opened(NOW, 7)], handed_over_at=ago(3600))
    loud = Trail(opened=BURST_NOW, hidden_links=[ago(20)], handed_over_at=ago(12))

    assert judge_click(trail=quiet, now=NOW) == ()
    assert set(judge_click(trail=loud, now=NOW)) == {Signal.TOO_SOON, Signal.MANY_LINKS, Signal.HIDDEN_LINK}


@given(st.lists(st.tuples(st.integers(0, 600), st.integers(0, 10)), max_size=12))
def test_a_burst_is_three_scores_within_a_minute(clicks: list[tuple[int, int]]) -> None:
    opened = [Opened(ago(seconds), score) for seconds, score in clicks]

    expected = any(
        len({score for seconds, score in clicks if last <= seconds < last + 60}) >= 3 for last, _ in clicks
    )

    assert has_burst(opened, ago(10_000)) == expected
