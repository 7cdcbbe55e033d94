"""Explanations of health: they add up, they do not depend on the side one looks from, and they blame what changed."""

import datetime as dt
from dataclasses import replace
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workflows.health import explain
from workflows.health.domain import (
    DEFAULT_BANDS,
    Component,
    Config,
    Missing,
    Outside,
    Profile,
    Reading,
    Scaling,
    Step,
    Transform,
    weigh,
)
from workflows.health.explain import OF_CONFIGURATION, Cause, Standing

DAY = dt.date(2026, 5, 3)
NOW = 1_777_800_000
CONFIG = Config((), DEFAULT_BANDS)


def component(key: str, weight: float = 1, **fields: object) -> Component:
    given: dict[str, object] = {
        "group": "Relationship", "label": key.upper(), "source": "metric", "settings": {},
        "scaling": Scaling(Transform.LINEAR, 0, 10), **fields,
    }  # fmt: skip
    return Component(key=key, weight=weight, **given)  # type: ignore[arg-type]


def heard(of: Component, value: float | None, observed: int | None = NOW, now: int = NOW) -> Reading:
    score, state = of.read(value, observed if value is not None else None, now)
    return Reading(value, score, observed, state)


def standing(components: list[Component], values: dict[str, float | None], **fields: object) -> Standing:
    profile = Profile("main", "Everybody", {}, tuple(components))
    readings = tuple(heard(one, values.get(one.key)) for one in components)
    return Standing(DAY, NOW, 1, **{"profile": profile, "readings": readings, **fields})  # type: ignore[arg-type]


# --- Any configuration, any data -----------------------------------------------------------------------------
values = st.one_of(st.none(), st.floats(-5, 15), st.sampled_from([0.0, 5.0, 10.0]))
scalings = st.one_of(
    st.builds(
        lambda worst, best, outside: Scaling(Transform.LINEAR, worst, best, outside),
        st.sampled_from([0.0, 2.0]), st.sampled_from([9.0, 10.0]), st.sampled_from(Outside),
    ),
    st.builds(
        lambda low, high: Scaling(Transform.THRESHOLDS, steps=(Step(2, low), Step(7, high)), below=None),
        st.floats(0, 100), st.floats(0, 100),
    ),
)  # fmt: skip


@st.composite
def profiles(draw: st.DrawFn) -> Profile:
    keys = draw(st.lists(st.sampled_from("abcde"), min_size=1, max_size=5, unique=True))
    found = tuple(
        component(
            key,
            draw(st.sampled_from([0.0, 1.0, 2.5, 30.0, 999_999.0])),
            scaling=draw(scalings),
            settings={"metric": draw(st.sampled_from(["m", "m", "n"]))},
            missing=draw(st.sampled_from(Missing)),
            expires_after_days=draw(st.sampled_from([None, 30])),
        )
        for key in keys
    )
    return Profile(draw(st.sampled_from(["main", "other"])), "P", {}, found)


@st.composite
def standings(draw: st.DrawFn, profile: Profile | None = None) -> Standing:
    profile = profile or draw(profiles())
    moment = NOW + draw(st.sampled_from([0, 40 * 86_400]))
    readings = tuple(heard(one, draw(values), NOW, moment) for one in profile.components)
    rolled = draw(st.one_of(st.none(), st.none(), st.fractions(0, 100)))
    override = draw(st.one_of(st.none(), st.none(), st.integers(0, 100)))
    return Standing(DAY, moment, 1, profile, readings, draw(st.booleans()), rolled, override, 1)


@given(standings())
def test_the_parts_of_a_score_add_up_to_it(one: Standing) -> None:
    assert sum(part.amount for part in explain.stack(one)) == (one.total or 0)
    if one.has_own and one.profile is not None:
        computed = weigh(one.profile, one.readings, CONFIG).score
        assert (one.own is None) == (computed is None)
        assert computed is None or abs(float(one.own or 0) - computed) < 1e-9


@given(standings(), standings())
def test_the_moves_of_a_change_add_up_to_it_without_a_residual(first: Standing, last: Standing) -> None:
    found = explain.change(first, last)

    assert sum(move.amount for move in found.moves) == (last.total or 0) - (first.total or 0)


@given(profiles().flatmap(lambda one: st.tuples(standings(one), standings(one))))
def test_without_another_configuration_nothing_is_put_down_to_it(pair: tuple[Standing, Standing]) -> None:
    found = explain.change(*pair)

    assert not [move for move in found.moves if move.cause in OF_CONFIGURATION]


@given(standings(), profiles())
def test_without_other_data_everything_is_put_down_to_the_configuration(
    first: Standing, latter: Profile
) -> None:
    assert first.profile is not None
    said = dict(zip([one.key for one in first.profile.components], first.readings, strict=True))
    former = {one.key: one for one in first.profile.components}
    components = tuple(
        replace(one, settings=former[one.key].settings if one.key in former else one.settings)
        for one in latter.components
    )
    readings = tuple(
        heard(one, said[one.key].value if one.key in said else 5.0, NOW, first.moment) for one in components
    )
    first = replace(first, has_own=True, rolled=None, override=None)
    last = replace(first, profile=replace(latter, components=components), readings=readings)
    if first.own is None or last.own is None:
        return

    moves = explain.change(first, last).moves

    assert not [move for move in moves if move.cause not in OF_CONFIGURATION]


@given(standings(), standings())
def test_turned_round_every_move_changes_its_sign(first: Standing, last: Standing) -> None:
    def amounts(found: explain.Change) -> dict[tuple[str, bool, str], Fraction]:
        return {
            (move.component.key if move.component else "", move.cause in OF_CONFIGURATION,
             move.cause if move.component is None else ""): move.amount
            for move in found.moves
        }  # fmt: skip

    there, back = amounts(explain.change(first, last)), amounts(explain.change(last, first))

    assert there == {key: -amount for key, amount in back.items()}


@given(st.data())
def test_the_order_of_components_does_not_matter(data: st.DataObject) -> None:
    first, last = data.draw(standings()), data.draw(standings())
    assert last.profile is not None
    order = data.draw(st.permutations(range(len(last.readings))))
    other = replace(
        last,
        profile=replace(last.profile, components=tuple(last.profile.components[i] for i in order)),
        readings=tuple(last.readings[i] for i in order),
    )

    assert explain.change(first, last).moves == explain.change(first, other).moves


# --- Causes --------------------------------------------------------------------------------------------------
NPS, SEATS, TOUCH = component("nps", 30), component("seats", 50), component("touch", 20)
ALL = [NPS, SEATS, TOUCH]


def causes(found: explain.Change) -> list[tuple[str, str, Fraction]]:
    return [(move.cause, move.component.key if move.component else "", move.amount) for move in found.moves]


def test_a_component_that_moved_alone_has_the_whole_change() -> None:
    first = standing(ALL, {"nps": 9, "seats": 8, "touch": 5})
    last = standing(ALL, {"nps": 4, "seats": 8, "touch": 5})

    assert causes(explain.change(first, last)) == [(Cause.VALUE, "nps", Fraction(-15))]


def test_data_that_arrives_or_expires_is_the_whole_change_and_what_stays_has_none() -> None:
    first = standing(ALL, {"seats": 8, "touch": 5})
    last = standing(ALL, {"nps": 2, "seats": 8, "touch": 5})
    expiring = [replace(NPS, expires_after_days=30), SEATS, TOUCH]
    before = standing(expiring, {"nps": 2, "seats": 8, "touch": 5})
    old = heard(expiring[0], 2, NOW, NOW + 40 * 86_400)
    after = replace(before, readings=(old, *before.readings[1:]))

    (arrived,) = explain.change(first, last).moves
    (expired,) = explain.change(before, after).moves

    assert (arrived.cause, arrived.amount < 0) == (Cause.ARRIVED, True)
    assert (expired.cause, expired.amount) == (Cause.EXPIRED, -arrived.amount)


def test_two_newcomers_have_each_their_share_of_the_distance_to_the_rest() -> None:
    first = standing(ALL, {"touch": 5})
    last = standing(ALL, {"nps": 10, "seats": 0, "touch": 5})

    assert {key: amount for _, key, amount in causes(explain.change(first, last))} == {
        "nps": Fraction(30, 100) * 50, "seats": Fraction(50, 100) * -50,
    }  # fmt: skip


def test_a_weight_that_was_changed_is_the_configurations_doing() -> None:
    said = {"nps": 9.0, "seats": 8.0, "touch": 5.0}
    first = standing(ALL, said)
    last = replace(standing([NPS, SEATS, replace(TOUCH, weight=70)], said), version=2)

    (move,) = explain.change(first, last).moves

    assert (move.cause, move.component and move.component.key) == (Cause.WEIGHT, "touch")


def test_a_component_added_or_taken_out_is_the_configurations_doing() -> None:
    said = {"nps": 9.0, "seats": 8.0, "touch": 1.0}
    added = explain.change(standing([NPS, SEATS], said), standing(ALL, said))
    removed = explain.change(standing(ALL, said), standing([NPS, SEATS], said))

    assert [move.cause for move in added.moves] == [Cause.ADDED]
    assert [move.cause for move in removed.moves] == [Cause.REMOVED]


def test_an_override_set_held_and_ended() -> None:
    low = standing(ALL, {"nps": 1, "seats": 2, "touch": 3})
    lower = standing(ALL, {"nps": 0, "seats": 2, "touch": 3})
    judged = replace(low, override=70, override_ref=4)

    assert causes(explain.change(low, judged)) == [(Cause.OVERRIDE, "", 70 - (low.own or 0))]
    held = explain.change(judged, replace(lower, override=70, override_ref=4))
    assert (held.total, sorted(cause for cause, *_ in causes(held))) == (0, [Cause.OVERRIDE, Cause.VALUE])
    assert explain.stack(judged)[-1].amount == 70 - (low.own or 0)


def test_a_first_score_is_what_arrived() -> None:
    none = standing(ALL, {})
    some = standing(ALL, {"nps": 9, "seats": 5})

    found = explain.change(none, some)

    assert (none.total, found.before) == (None, None)
    assert {move.cause for move in found.moves} == {Cause.ARRIVED}
    assert found.total == some.total


# --- Shown numbers and words ---------------------------------------------------------------------------------
@given(st.lists(st.fractions(-100, 100), min_size=1, max_size=12), st.integers(-1, 1))
def test_shown_parts_add_up_to_the_shown_total(amounts: list[Fraction], off: int) -> None:
    total = round(sum(amounts)) + off

    shown = explain.apportion(amounts, total)

    assert sum(shown) == total
    if any(amounts):
        assert all(number == 0 for number, amount in zip(shown, amounts, strict=True) if amount == 0)
    if abs(sum(amounts) - total) < 1 and all(amounts):
        assert all(abs(number - amount) < 2 for number, amount in zip(shown, amounts, strict=True))


@pytest.mark.parametrize(
    ("amounts", "total", "shown"),
    [
        (["1/3", "1/3", "1/3"], 1, [1, 0, 0]),
        (["-8.6", "-2.4"], -11, [-9, -2]),
        (["-8.4", "-2.2"], -11, [-9, -2]),
        (["0.4", "0"], 1, [1, 0]),
        (["2.5", "-2.5"], 0, [3, -3]),
    ],
)
def test_largest_remainders_are_shown_first(amounts: list[str], total: int, shown: list[int]) -> None:
    assert explain.apportion([Fraction(one) for one in amounts], total) == shown


def test_a_change_is_told_in_plain_sentences() -> None:
    first = standing([replace(NPS, label="NPS"), SEATS, TOUCH], {"nps": 9, "seats": 8})
    last = standing([replace(NPS, label="NPS"), SEATS, TOUCH], {"nps": 4, "seats": 8, "touch": 8})

    lines = explain.sentences(
        explain.change(first, last),
        shown_before=84,
        shown_after=68,
        say=lambda _, value: f"{value:g}",
        day=lambda second: "3 May",
    )

    assert [(line.text, line.points) for line in lines] == [
        ("NPS fell from 9 to 4 on 3 May", -17),
        ("TOUCH has data: 8 on 3 May", 1),
    ]


def test_another_profile_is_one_sentence() -> None:
    first = standing(ALL, {"nps": 9, "seats": 8, "touch": 5})
    other = Profile("large", "Large", {}, (replace(NPS, weight=1), SEATS))
    last = replace(first, profile=other, readings=first.readings[:2])

    (line,) = explain.sentences(
        explain.change(first, last), shown_before=77, shown_after=80, say=lambda _, value: str(value), day=str
    )

    assert (line.text, line.points) == ("The profile “Large” applies instead of “Everybody”", 3)
