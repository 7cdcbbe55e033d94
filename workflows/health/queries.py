"""What pages, the API and other apps read about health. `visible_to` comes first wherever a person asks."""

import datetime as dt
import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any, cast

from django.db import connection
from django.db.models import Case, Count, F, FloatField, OuterRef, Q, QuerySet, Subquery, Value, When
from django.db.models.functions import Cast, Coalesce

from accounts.domain import Origin
from accounts.models import Event
from core import clock, hotline
from team import queries as team_queries
from team.models import User
from workflows.health import versions
from workflows.health.domain import (
    REASON_TEXTS,
    Config,
    Contribution,
    Profile,
    Reading,
    Reason,
    State,
    contributions,
)
from workflows.models import AccountHealth, HealthOverride, HealthSentiment, HealthSnapshot, HealthVersion

BelowPart = tuple[int, float, float]


@dataclass(frozen=True, slots=True)
class Standing:
    """The health of an account, present or of a day.

    `score` is exact and computed, `shown` its whole number, `band` computed; `override_band` and `override_score` are a
    person's, where one is in force. `profile` and `config` are those of `version`, the one it was computed by. Of a
    rolled-up score, `below` holds (account, score, weight) of the accounts it was made of.
    """

    account: int
    day: dt.date | None
    score: float | None
    own_score: float | None
    shown: int | None
    confidence: float
    band: str
    reason: str
    version: int
    profile: Profile | None
    config: Config
    readings: Sequence[Reading]
    below: Sequence[BelowPart]
    computed_at: dt.datetime
    override_band: str
    override_score: int | None

    @property
    def effective_band(self) -> str:
        """The band that counts: a person's before the computed one."""
        return self.override_band or self.band

    @property
    def effective_shown(self) -> int | None:
        return self.shown if self.override_score is None else self.override_score

    @property
    def band_label(self) -> str:
        return self.config.label_of(self.effective_band)

    @property
    def tone(self) -> str:
        return self.config.tone_of(self.effective_band)

    @property
    def why_none(self) -> str:
        """Why there is no score, as a sentence."""
        return REASON_TEXTS.get(Reason(self.reason), "")

    @property
    def contributions(self) -> list[Contribution]:
        """The parts of the account's own score, which add up to it. Of a rolled-up score see `below`."""
        return [] if self.profile is None else contributions(self.profile, self.readings)


def standing_of(row: "AccountHealth | HealthSnapshot", *, config: Config | None = None) -> Standing | None:
    """A stored row with the configuration it was computed by; None where it was never computed.

    Who reads many gives `config`, the one of the row's version.
    """
    config = config or versions.config_numbered(row.version)
    if config is None:
        return None
    profile = config.profile(row.profile)
    if isinstance(row, AccountHealth):
        override, now = row.override, clock.now()
        day, band, score = None, override.band if override else "", override.score if override else None
    else:
        day, band, score, now = row.day, row.override_band, row.override_score, row.computed_at
    readings = readings_of(profile, row.said(), row.computed_at, now=now) if profile else []
    return Standing(
        row.account_id, day, row.score, row.own_score, row.shown, row.confidence, row.band, row.reason, row.version,
        profile, config, readings, [(int(a), s, w) for a, s, w in row.accounts_below()],
        row.computed_at, band, score,
    )  # fmt: skip


def readings_of(
    profile: Profile, said: Sequence[Any], computed_at: dt.datetime, *, now: dt.datetime | None = None
) -> list[Reading]:
    """What each component of the profile said, scored as when it was computed. `now` is when the flag for stale is looked
    at, where that is later: nothing is computed anew only because a value has grown old."""
    then, late = _seconds(computed_at), _seconds(now or computed_at)
    found = []
    for component, place in zip(profile.components, range(0, len(said), 3), strict=True):
        raw, observed, ref = said[place : place + 3]
        value = raw if raw is None or isinstance(raw, str) else float(raw)
        observed = None if observed is None else int(observed)
        score, state = component.read(value, observed, then)
        if state is State.COUNTED and component.is_stale(observed, late):
            state = State.STALE
        found.append(Reading(value, score, observed, state, None if ref is None else int(ref)))
    return found


def _seconds(when: dt.datetime) -> int:
    return int(when.timestamp() // 1)


def health_of(account_id: int) -> Standing | None:
    """The present health of an account; None before it was first computed. The caller has checked that it is visible."""
    row = AccountHealth.objects.select_related("override").filter(account=account_id).first()
    return None if row is None else standing_of(row)


def standing_on(account_id: int, day: dt.date) -> Standing | None:
    """The health of an account as it last stood on a day; of today and later, as it stands now."""
    if day >= team_queries.today():
        return health_of(account_id)
    row = HealthSnapshot.objects.filter(account=account_id, day__lte=day).order_by("-day").first()
    return None if row is None else standing_of(row)


def history(account_id: int, *, since: dt.date | None = None) -> QuerySet[HealthSnapshot]:
    """The account's snapshots by day. A day without one was like the one before; with `since`, from then on."""
    rows = HealthSnapshot.objects.filter(account=account_id).order_by("day")
    if since is not None:
        first = rows.filter(day__lte=since).order_by("-day").values("day")[:1]
        rows = rows.filter(day__gte=Coalesce(Subquery(first), Value(since)))
    found: QuerySet[HealthSnapshot] = rows
    return found


def list_health(*, user: User) -> QuerySet[AccountHealth]:
    """The health of visible accounts, the lowest first, with `effective_band`, `effective_score` and `change_30d`."""
    rows = AccountHealth.objects.visible_to(user).filter(account__merged_into__isnull=True)
    found: QuerySet[AccountHealth] = (
        annotated(rows)
        .select_related("account", "account__owner", "override")
        .order_by(F("effective_score").asc(nulls_last=True), "account_id")
    )
    return found


def effective_score(prefix: str = "") -> Any:
    """The score that counts, as an expression: a person's, where they gave one."""
    return Coalesce(
        Cast(F(f"{prefix}override__score"), FloatField()), F(f"{prefix}score"), output_field=FloatField()
    )


_COUNTED = (
    "SELECT h.account_id, COALESCE(o.band, h.band), COALESCE(o.score, h.shown) FROM workflows_accounthealth h"
    " LEFT JOIN workflows_healthoverride o ON o.id = h.override_id"
    " WHERE h.account_id {chosen} AND (h.band <> '' OR h.override_id IS NOT NULL)"
)
_OF_THESE = _COUNTED.format(chosen="= ANY({0}::bigint[])")


def counted(accounts: Collection[int]) -> list[tuple[int, str, int | None]]:
    """(account, band, score) that count now, a person's before the computed ones, of those of these accounts that have any.

    By hand, as it is asked with every answer that comes in: putting the query together took longer than all else there.
    """
    if not accounts:
        return []
    if hotline.is_held():
        (found,) = hotline.trip((_OF_THESE.format("$1"), [f"{{{','.join(map(str, accounts))}}}".encode()]))
        return cast(list[tuple[int, str, int | None]], found)
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute(_OF_THESE.format("%s"), [list(accounts)])
        else:
            chosen = "IN (SELECT value FROM json_each(%s))"
            cursor.execute(_COUNTED.format(chosen=chosen), [json.dumps(list(accounts))])
        return cast(list[tuple[int, str, int | None]], cursor.fetchall())


def effective_band(prefix: str = "") -> Any:
    return Coalesce(F(f"{prefix}override__band"), F(f"{prefix}band"))


def score_before(account: str, days: int = 30) -> Subquery:
    """The score that counted so many days ago, as a subquery; `account` is the outer row's reference to it."""
    day = team_queries.today() - dt.timedelta(days=days)
    rows = HealthSnapshot.objects.filter(account=OuterRef(account), day__lte=day).order_by("-day")
    shown = Case(
        When(Q(override_score__isnull=False), then=Cast("override_score", FloatField())),
        default=F("score"),
        output_field=FloatField(),
    )
    return Subquery(rows.annotate(counted=shown).values("counted")[:1], output_field=FloatField())


def annotated(rows: QuerySet[AccountHealth]) -> QuerySet[AccountHealth]:
    found: QuerySet[AccountHealth] = rows.annotate(
        effective_band=effective_band(), effective_score=effective_score()
    ).annotate(change_30d=F("effective_score") - score_before("account_id"))
    return found


def list_turned_red(*, user: User, since: dt.datetime) -> QuerySet[AccountHealth]:
    """The health of visible accounts that came into the lowest band after `since` and still stand in it, the latest first,
    with `turned_at`. By their scores, or because a person says so; not by a change of the configuration, which moves the
    ruler and no customer. Accounts that left are not watched any more."""
    version = versions.in_force()
    bands = versions.config_of(version).bands if version else ()
    if len(bands) < 2:
        return AccountHealth.objects.none()
    lowest = bands[0].key
    told = Event.objects.filter(
        kind="health.band_changed", occurred_at__gte=since, data__to=lowest, account__isnull=False
    ).exclude(origin=Origin.CORRECTION)
    by_score = Q(override__isnull=True, band=lowest, account__in=told.order_by().values("account"))
    by_person = Q(override__band=lowest, override__at__gte=since)
    last = told.filter(account=OuterRef("account_id")).order_by("-occurred_at").values("occurred_at")[:1]
    found: QuerySet[AccountHealth] = (
        list_health(user=user)
        .filter(by_score | by_person, account__churned_on__isnull=True)
        .annotate(turned_at=Coalesce(F("override__at"), Subquery(last)))
        .order_by("-turned_at", "account_id")
    )
    return found


def count_by_band(*, user: User) -> dict[str, int]:
    """How many visible accounts that have not left stand in each band that counts; "" is no score."""
    rows = AccountHealth.objects.visible_to(user).filter(
        account__merged_into__isnull=True, account__churned_on__isnull=True
    )
    counted = (
        rows.order_by().annotate(effective=effective_band()).values("effective").annotate(number=Count("pk"))
    )
    return {row["effective"]: row["number"] for row in counted}


def count_by_profile(*, user: User) -> dict[str, int]:
    """How many visible accounts that have not left belong to each profile; "" is none."""
    rows = AccountHealth.objects.visible_to(user).filter(
        account__merged_into__isnull=True, account__churned_on__isnull=True
    )
    counted = rows.order_by().values("profile").annotate(number=Count("pk"))
    return {row["profile"]: row["number"] for row in counted}


def list_versions() -> QuerySet[HealthVersion]:
    """All versions of the configuration, the one in force first."""
    return HealthVersion.objects.select_related("author", "restores").order_by("-number")


def list_overrides(*, user: User) -> QuerySet[HealthOverride]:
    """Overrides of visible accounts, those in force first."""
    found: QuerySet[HealthOverride] = (
        HealthOverride.objects.visible_to(user)
        .select_related("account", "by", "ended_by")
        .order_by(F("ended_at").desc(nulls_first=True), "-at", "-pk")
    )
    return found


def list_sentiments(*, user: User) -> QuerySet[HealthSentiment]:
    """What people felt about visible accounts, latest first."""
    found: QuerySet[HealthSentiment] = (
        HealthSentiment.objects.visible_to(user).select_related("account", "by").order_by("-at", "-pk")
    )
    return found
