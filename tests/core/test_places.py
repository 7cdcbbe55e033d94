"""The places of the navigation as the whole product registers them."""

from collections import Counter

from core import navigation


def test_every_place_has_a_key_of_its_own() -> None:
    keys = Counter(item.key for item in navigation._items.values() if item.key)

    assert {key for key, count in keys.items() if count > 1} == set()
    assert keys["c"] == keys["s"] == 1
    # The demo's own place comes on top.
    assert keys["m"] <= 1


def test_every_place_knows_where_it_stands() -> None:
    assert {item.label for item in navigation._items.values()} <= set(navigation.ORDER)
