"""Reward codes in the demo: a list that is in use, and one that waits for a rule."""

import datetime as dt
import random

from accounts.models import Contact
from team.models import User
from workflows.models import RewardCode
from workflows.services import rewards

GIVEN = 14


def fill(*, rng: random.Random, now: dt.datetime, lead: User) -> None:
    coffee = rewards.create_list(
        name="Coffee voucher", description="For people who recommended us and wrote why", codes=_codes(rng, "BEAN", 40),
        actor=lead,
    )  # fmt: skip
    rewards.create_list(
        name="A month free", description="After a bad quarter, once the cause is mended",
        codes=_codes(rng, "FREE", 12), actor=lead,
    )  # fmt: skip
    there = Contact.objects.filter(erased_at__isnull=True, merged_into__isnull=True).order_by("pk")
    for contact in rng.sample([*there], GIVEN):
        given = rewards.give(list=coffee, contact=contact, run=None)
        at = now - dt.timedelta(days=rng.randint(20, 200), minutes=rng.randint(0, 600))
        RewardCode.objects.filter(pk=given.pk).update(given_at=at)


def _codes(rng: random.Random, prefix: str, count: int) -> list[str]:
    return [f"{prefix}-{rng.randrange(16**8):08X}" for _ in range(count)]
