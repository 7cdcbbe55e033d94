"""The arm of an experiment, as the database works it out while planning: the same line and cuts as surveys/experiments.py."""

from collections.abc import Sequence
from typing import Any

from surveys import experiments
from surveys.models import Variant


def variant_case(
    campaign_id: int, variants: Sequence[Variant], *, account: str = "account_id", contact: str = "contact_id"
) -> tuple[str, list[Any]]:
    """An expression for the id of the variant that a row belongs to, with its parameters; NULL without variants.

    `account` and `contact` are the row's columns. `variants` in any order; their keys decide.
    """
    return choose(
        campaign_id, variants, [variant.pk for variant in variants], account=account, contact=contact
    )


def choose(
    campaign_id: int,
    variants: Sequence[Variant],
    values: Sequence[Any],
    *,
    account: str = "account_id",
    contact: str = "contact_id",
    cast: str = "bigint",
) -> tuple[str, list[Any]]:
    """The same for any value that goes with a variant, such as its version: `values` beside `variants`."""
    if not variants:
        return f"CAST(NULL AS {cast})", []
    arms = sorted(zip(variants, values, strict=True), key=lambda arm: arm[0].key)
    if len(arms) == 1:
        return f"CAST(%s AS {cast})", [arms[0][1]]
    # The number is written into the text: it is ours, and PostgreSQL would want its type said.
    unit = f"COALESCE('account:' || {account}, 'contact:' || {contact})"
    place = f"SUBSTR(MD5('experiment:{int(campaign_id)}:' || {unit}), 1, 8)"
    whens, params = [], []
    for end, (_, value) in zip(experiments.ends([arm.weight for arm, _ in arms]), arms, strict=False):
        whens.append(f"WHEN {place} < %s THEN CAST(%s AS {cast})")
        params += [end, value]
    return f"CASE {' '.join(whens)} ELSE CAST(%s AS {cast}) END", [*params, arms[-1][1]]
