"""Plan a wave: everybody in the audience gets an invitation, or a line that says why not.

Promised: each person of the audience is judged once; planning may be killed at any moment and goes on where it was;
several planners at once, also of different campaigns, never ask one address twice, because slices are planned one at a
time under one lock and what is planned counts as asked.

A slice is at most 20,000 people and whole accounts (an account larger than that is a slice of its own), so that the
account limit can be decided within it. After the last slice comes a sweep for people without an account and for
those who changed accounts meanwhile.
"""

import datetime as dt
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from django.db import connection, transaction
from django.db.models import Exists, F, OuterRef, QuerySet

from accounts.models import Contact
from core import clock
from surveys import cadence, eligibility, sql_dialect, sql_experiments
from surveys import sql_eligibility as sql
from surveys.ask_rules import COSTS
from surveys.choices import CampaignState, InvitationState, WaveState
from surveys.content import Content
from surveys.models import Exclusion, Invitation, Variant, Wave
from surveys.queries import audience as audience_queries
from team import queries as team_queries

SLICE = 20_000
# PostgreSQL's advisory locks go by number; this one means "somebody plans".
PLANNING_LOCK = 0x6E70_7301


@dataclass(frozen=True, slots=True)
class Slice:
    """What one transaction of planning did. `done` when nothing is left to plan."""

    planned: int
    excluded: int
    done: bool


def plan_wave(
    wave_id: int, *, size: int = SLICE, after_slice: Callable[[Wave], object] | None = None
) -> Wave:
    """Plan what is left of a wave. `after_slice` is called outside transactions after each slice, for progress."""
    while True:
        result = plan_slice(wave_id, size=size)
        wave = Wave.objects.get(pk=wave_id)
        if after_slice is not None:
            after_slice(wave)
        if result.done:
            return wave


def plan_slice(wave_id: int, *, size: int = SLICE) -> Slice:
    """Plan the next slice in one transaction, under the planning lock. Harmless on a wave that is planned or stopped."""
    with transaction.atomic():
        take_lock()
        sql.settle_in()
        wave = Wave.objects.select_related(
            "campaign__segment", "campaign__survey", "campaign__launched_by", "version"
        ).get(pk=wave_id)
        if wave.state != WaveState.PLANNING or wave.campaign.state not in {
            CampaignState.RUNNING,
            CampaignState.PAUSED,
        }:
            return Slice(0, 0, True)
        now, campaign = clock.now(), wave.campaign
        zone = team_queries.zone()
        people = cadence.due(
            audience_queries.audience(segment=campaign.segment, user=campaign.launched_by),
            campaign,
            day=campaign.planned_on or cadence.local_date(now, zone),
            zone=zone,
        )
        again = campaign.cadence in cadence.DAILY
        through = _end_of_slice(people, wave.planned_through, size)
        if through is not None:
            part = people.filter(account_id__gt=wave.planned_through, account_id__lte=through)
        else:
            # The ids are read first: LIMIT inside the statement would cut before it is known who is judged already.
            left = list(_unplanned(people, wave).order_by("pk").values_list("pk", flat=True)[:size])
            part = people.filter(pk__in=left)
            if not left:
                counts = {"excluded_count": wave.exclusions.count()} if again else {}
                Wave.objects.filter(pk=wave.pk).update(state=WaveState.SENDING, planned_at=now, **counts)
                return Slice(0, 0, True)
        planned, excluded = _write(wave, part, now, again=again)
        Wave.objects.filter(pk=wave.pk).update(
            planned_through=wave.planned_through if through is None else through,
            planned_count=F("planned_count") + planned,
            excluded_count=F("excluded_count") + excluded,
        )
        return Slice(planned, excluded, False)


_ON_CONFLICT = {
    False: "ON CONFLICT DO NOTHING",
    True: (
        "ON CONFLICT (contact_id, wave_id) DO UPDATE SET reason = excluded.reason,"
        " next_eligible_at = excluded.next_eligible_at WHERE surveys_exclusion.reason <> excluded.reason"
        " OR surveys_exclusion.next_eligible_at IS DISTINCT FROM excluded.next_eligible_at"
    ),
}


def take_lock() -> None:
    """One planner at a time until the transaction ends. On SQLite every writing transaction has the database alone."""
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [PLANNING_LOCK])


def _end_of_slice(people: QuerySet[Contact], after: int, size: int) -> int | None:
    """The last account of the next slice, or None when no account is left.

    Reads along the index of contacts by account and stops after `size` rows: slices cost the same early and late.
    """
    rows = people.filter(account_id__gt=after).order_by("account_id").values_list("account_id", flat=True)
    inside = list(rows[: size + 1])
    if not inside:
        return None
    last: int = inside[-1]
    if len(inside) <= size:
        return last
    # The last account may go on beyond what was read: it opens the next slice, unless it fills this one alone.
    return next((account for account in reversed(inside) if account != last), last)


def _unplanned(people: QuerySet[Contact], wave: Wave) -> QuerySet[Contact]:
    return people.filter(
        ~Exists(Invitation.objects.filter(wave=wave, contact=OuterRef("pk"))),
        ~Exists(Exclusion.objects.filter(wave=wave, contact=OuterRef("pk"))),
    )


def write(wave: Wave, people: QuerySet[Contact], now: dt.datetime, *, again: bool) -> None:
    """Plan these people into a wave and count them. The caller holds the planning lock, in a transaction."""
    planned, _ = _write(wave, people, now, again=again)
    Wave.objects.filter(pk=wave.pk).update(
        planned_count=F("planned_count") + planned, excluded_count=wave.exclusions.count()
    )


def _write(wave: Wave, people: QuerySet[Contact], now: dt.datetime, *, again: bool) -> tuple[int, int]:
    """Write the invitations and exclusions of these people; returns how many of each.

    `again`: who was left out before is judged once more unless a later time is known, and the line says the new reason.
    """
    planned, excluded = _insert(wave, people, now, again=again)
    if again and planned:
        asked = Invitation.objects.filter(wave=wave, contact=OuterRef("contact"))
        wave.exclusions.filter(Exists(asked)).delete()
    return planned, excluded


def _insert(wave: Wave, people: QuerySet[Contact], now: dt.datetime, *, again: bool) -> tuple[int, int]:
    text = sql.verdicts(
        sql.contacts_text(people),
        eligibility.rules(),
        eligibility.asking_of(wave.campaign, now=now),
        now=now,
        wave_id=wave.pk,
        again=again,
    )
    moment = sql_dialect.moment(now)
    language, languages = _language_case(wave)
    arms = list(wave.campaign.variants.order_by("key"))
    variant, variants = sql_experiments.variant_case(wave.campaign_id, arms)
    version, versions = sql_experiments.choose(
        wave.campaign_id, arms, [arm.version_id or wave.version_id for arm in arms]
    )
    channel, channels = sql_experiments.choose(
        wave.campaign_id, arms, [arm.channel for arm in arms], cast="varchar(10)"
    )
    if not arms:
        version, versions = "%s", [wave.version_id]
    # Placed so that the first of every account come before any second: ids then spread a limited day over accounts.
    invite = (
        "INSERT INTO surveys_invitation (wave_id, version_id, contact_id, account_id, recipient_key, channel, variant_id,"
        " cost, language, state, is_test, planned_at, outcome_reason)"
        f" SELECT %s, {version}, contact_id, account_id, recipient_key, {_own_channel(channel, arms)}, {variant},"
        f" {_own_cost(channel, arms)}, {language}, %s, FALSE, %s, '' FROM verdict WHERE reason IS NULL"
        " ORDER BY place, account_id, contact_id ON CONFLICT DO NOTHING"
    )
    own_channels = channels if _has_channels(arms) else []
    invite_params: list[Any] = [
        wave.pk, *versions, *own_channels, *variants, *own_channels, *languages, InvitationState.PLANNED.value, moment,
    ]  # fmt: skip
    exclude = (
        "INSERT INTO surveys_exclusion (wave_id, contact_id, reason, next_eligible_at)"
        f" SELECT %s, contact_id, reason, next_eligible_at FROM verdict WHERE reason IS NOT NULL {_ON_CONFLICT[again]}"
    )
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            # One statement, one view of the data: nobody can fall between the two inserts.
            with sql.planned_anew():
                cursor.execute(
                    f"{text.sql}, asked AS ({invite} RETURNING 1), left_out AS ({exclude} RETURNING 1)"
                    " SELECT (SELECT COUNT(*) FROM asked), (SELECT COUNT(*) FROM left_out)",
                    [*text.params, *invite_params, wave.pk],
                )
                planned, excluded = cursor.fetchone()
            return planned, excluded
        # SQLite has no writing inside WITH, but this transaction has the database alone. Exclusions change no verdict,
        # so they come first; whoever has one is not judged by the second statement.
        cursor.execute(f"{text.sql} {exclude}", [*text.params, wave.pk])
        excluded = cursor.rowcount
        cursor.execute(f"{text.sql} {invite}", [*text.params, *invite_params])
        return cursor.rowcount, excluded


def _has_channels(arms: Sequence[Variant]) -> bool:
    return any(arm.channel for arm in arms)


def _own_channel(channel: str, arms: Sequence[Variant]) -> str:
    """The arm's channel where it has one, else the one that reaches the person."""
    return f"COALESCE(NULLIF({channel}, ''), channel)" if _has_channels(arms) else "channel"


def _own_cost(channel: str, arms: Sequence[Variant]) -> str:
    """What the ask costs there; an arm's channel may cost other than the verdict's."""
    if not _has_channels(arms):
        return "cost"
    whens = " ".join(f"WHEN '{known}' THEN {cost}" for known, cost in COSTS.items())
    return f"CASE NULLIF({channel}, '') {whens} ELSE cost END"


def _language_case(wave: Wave) -> tuple[str, list[str]]:
    """The language each person is asked in: theirs where the survey speaks it, else the nearest, else its default."""
    content = Content.from_json(wave.version.content)
    whens, params = [], []
    for tag in sorted(content.languages, key=len, reverse=True):
        whens.append(f"WHEN {_TAG} = %s OR {_TAG} LIKE %s THEN %s")
        params += [tag.lower(), f"{tag.lower()}-%", tag]
    return f"CASE {' '.join(whens)} ELSE %s END", [*params, content.default_language]


_TAG = "LOWER(REPLACE(language, '_', '-'))"
