"""What people change about health: the configuration, an account's override, and how they feel about it."""

import datetime as dt

from django.db import IntegrityError, transaction

from accounts import cleaning, timeline
from accounts.domain import Origin
from accounts.models import Account
from core import clock
from core.errors import Invalid, Refused
from team import audit
from team import queries as team_queries
from team.models import User
from workflows.health import compute, versions
from workflows.health import config as configuration
from workflows.models import AccountHealth, HealthOverride, HealthSentiment, HealthVersion

MAX_OVERRIDE_DAYS = 366
SENTIMENTS = {1: "Very worried", 2: "Worried", 3: "Neutral", 4: "Confident", 5: "Very confident"}


# --- The configuration ---------------------------------------------------------------------------------------
def save_profiles(
    *,
    config: object,
    note: str,
    actor: User | None,
    base: int | None = None,
    restores: HealthVersion | None = None,
) -> HealthVersion:
    """Save a configuration (workflows/health/config.py says its form) as the next version and have all accounts computed.

    `base` is the number of the version it was made from: when another has been saved since, nothing is. A configuration
    equal to the one in force is not saved again.
    """
    checked = configuration.check(config)
    note = cleaning.text(note, field="note", label="Note", limit=300)
    with transaction.atomic():
        current = HealthVersion.objects.select_for_update().order_by("-number").first()
        number = current.number if current else 0
        if base is not None and base != number:
            raise Refused(
                f"Version {number} was saved in the meantime. Nothing has been saved. Compare yours with it and save again.",
                code="stale",
                status=412,
            )
        written = configuration.write(checked)
        if current is not None and current.config == written:
            return current
        try:
            with transaction.atomic():
                version = HealthVersion.objects.create(
                    number=number + 1,
                    config=written,
                    note=note,
                    author=actor,
                    created_at=clock.now(),
                    restores=restores,
                )
        except IntegrityError:
            raise Refused("Another version is being saved right now. Try again.", code="stale") from None
        compute.submit_all(
            origin=Origin.CORRECTION,
            key=f"{compute.ALL}:version:{version.number}",
            requested_by=actor.pk if actor else None,
        )
        audit.record(action="health.saved", actor=actor, obj=version, number=version.number)
    return version  # fmt: skip


def rollback(*, to: HealthVersion, note: str, actor: User | None) -> HealthVersion:
    """Go back to an earlier version: it is saved again as the next one. Refused where it is the one in force."""
    current = versions.in_force()
    if current is not None and current.pk == to.pk:
        raise Refused(f"Version {to.number} is already in force.", code="in_force")
    words = note or f"Back to version {to.number}"
    return save_profiles(config=to.config, note=words, actor=actor, restores=to)


# --- Overrides -----------------------------------------------------------------------------------------------
def override(
    *,
    account: Account,
    band: str,
    reason: str,
    expires_on: dt.date | None,
    actor: User | None,
    score: int | None = None,
) -> HealthOverride:
    """Set an account's band by hand, through `expires_on`. A new one replaces the one in force. Computing never touches it.

    A score must lie in the band. Without one the computed score is shown beside the band.
    """
    reason = cleaning.text(reason, field="reason", label="Reason", limit=500)
    if not reason:
        raise Invalid("Say why. The reason is shown beside the score.", field="reason")
    today = team_queries.today()
    if expires_on is None:
        raise Invalid("Say until when it holds, so that it does not outlive its reason.", field="expires_on")
    if not today <= expires_on <= today + dt.timedelta(days=MAX_OVERRIDE_DAYS):
        raise Invalid(
            f"It ends between today and a year from now, by {today + dt.timedelta(days=MAX_OVERRIDE_DAYS):%-d %b %Y}.",
            field="expires_on",
        )
    version = versions.in_force()
    if version is None:
        raise Refused("There is no health configuration yet.", code="no_version")
    config = versions.config_of(version)
    if band not in {one.key for one in config.bands}:
        offered = ", ".join(one.key for one in config.bands)
        raise Invalid(f"Choose one of the bands: {offered}.", field="band")
    if score is not None and (not 0 <= score <= 100 or config.band_of(score) != band):
        raise Invalid(
            "The score must lie in the band. Change one of them, or leave the score empty.", field="score"
        )
    now = clock.now()
    with transaction.atomic():
        compute.lock()
        _end(HealthOverride.objects.filter(account=account, ended_at__isnull=True), now, actor)
        row = HealthOverride.objects.create(
            account=account, band=band, score=score, reason=reason, expires_on=expires_on, by=actor, at=now
        )
        compute.recompute({account.pk})
        health = AccountHealth.objects.get(account=account)
        told, health.override, health.told_band = health.told_band, row, band
        health.save(update_fields=["override", "told_band"])
        timeline.record(
            kind="health.overridden",
            cause_key=f"health_override:{row.pk}:set",
            account=account,
            actor=actor,
            subject=("health_override", row.pk),
            data={"band": band, "score": score, "expires_on": expires_on.isoformat()},
        )
        if told and told != band:
            _tell(account, health, told, band, actor, version.number)
        compute.keep_day({account.pk})
        audit.record(action="health.overridden", actor=actor, obj=row, account=account.pk)
    return row  # fmt: skip


def _tell(
    account: Account, health: AccountHealth, told: str, band: str, actor: User | None, version: int
) -> None:
    change = {
        "account_id": account.pk, "before": told, "band": band, "score_before": health.score, "score": health.score,
        "profile": health.profile, "actor_id": actor.pk if actor else None, "because": "override",
    }  # fmt: skip
    columns = compute.band_event(
        change, version=version, origin=Origin.LIVE, at=clock.now(), day=team_queries.today()
    )
    facts = timeline.current_facts(account, None)
    timeline.record_many([timeline.draft(columns | {"facts": facts})])


def _end(rows: "object", now: dt.datetime, actor: User | None) -> list[int]:
    """End these overrides; gives their accounts. Their computed bands are told as changes by the computing that follows."""
    ended = list(rows.select_for_update())  # type: ignore[attr-defined]
    for row in ended:
        row.ended_at, row.ended_by = now, actor
        row.save(update_fields=["ended_at", "ended_by"])
    AccountHealth.objects.filter(override__in=ended).update(override=None)
    return [row.account_id for row in ended]


def end_override(*, override: HealthOverride, actor: User | None) -> HealthOverride:
    """Let the computed score speak again."""
    with transaction.atomic():
        compute.lock()
        accounts = _end(
            HealthOverride.objects.filter(pk=override.pk, ended_at__isnull=True), clock.now(), actor
        )
        if not accounts:
            raise Refused("This override has already ended.", code="ended")
        _after(accounts, [override], actor)
        audit.record(action="health.override_ended", actor=actor, obj=override, account=override.account_id)
    return HealthOverride.objects.get(pk=override.pk)  # fmt: skip


def end_expired(*, day: dt.date) -> int:
    """End the overrides whose last day is over; returns how many. Every night."""
    with transaction.atomic():
        compute.lock()
        due = HealthOverride.objects.filter(ended_at__isnull=True, expires_on__lt=day)
        rows = list(due.select_related("account"))
        _after(_end(due, clock.now(), None), rows, None)
    return len(rows)


def _after(accounts: list[int], rows: list[HealthOverride], actor: User | None) -> None:
    for row in rows:
        timeline.record(
            kind="health.override_ended",
            cause_key=f"health_override:{row.pk}:ended",
            account=row.account,
            actor=actor,
            subject=("health_override", row.pk),
            data={"band": row.band, "by_schedule": actor is None},
        )
    if accounts:
        compute.recompute(set(accounts))
        compute.keep_day(set(accounts))


# --- Sentiment -----------------------------------------------------------------------------------------------
def set_sentiment(*, account: Account, value: int, note: str, actor: User | None) -> HealthSentiment:
    """Say how one feels about a customer, 1 (very worried) to 5 (very confident). The latest counts; all are kept."""
    if isinstance(value, bool) or value not in SENTIMENTS:
        raise Invalid(
            "A sentiment is a whole number from 1 (very worried) to 5 (very confident).", field="value"
        )
    note = cleaning.text(note, field="note", label="Note", limit=500)
    with transaction.atomic():
        row = HealthSentiment.objects.create(
            account=account, value=value, note=note, by=actor, at=clock.now()
        )
        timeline.record(
            kind="health.sentiment_set",
            cause_key=f"health_sentiment:{row.pk}",
            account=account,
            actor=actor,
            subject=("health_sentiment", row.pk),
            data={"value": value},
        )
        compute.mark([account.pk])
        audit.record(action="health.sentiment_set", actor=actor, obj=row, account=account.pk)
    return row  # fmt: skip
