"""What a visitor is shown, decided from what is known: pure, the same for the same values.

The server decides who sees what; a browser only reports where it is. In order: one survey a session at most; then what
was planned for the contact; then the first placement that is for this contact, page and moment.
"""

import datetime as dt
from dataclasses import dataclass
from enum import StrEnum
from zoneinfo import ZoneInfo

from surveys import ask_rules
from surveys.widget import targeting
from surveys.widget.config import Config, Placed
from surveys.widget.queries import Planned, Standing
from surveys.widget.targeting import Visit

# How long a browser may rest before it asks again, and how long "nothing for you" is honoured without a look at the
# database. A campaign that starts meanwhile breaks it: the configuration then has another stamp.
REST = dt.timedelta(minutes=10)
HONOURED = dt.timedelta(hours=1)


class Scope(StrEnum):
    """What a "nothing" is good for: this visitor on every page, or this page alone."""

    VISITOR = "visitor"
    PAGE = "page"


@dataclass(frozen=True, slots=True, kw_only=True)
class Nothing:
    """Nothing to show, why, and until when that will not change by itself."""

    reason: str
    scope: Scope
    until: dt.datetime

    def max_age(self, now: dt.datetime) -> int:
        """For how many seconds the browser need not ask again."""
        return max(0, int(min(self.until - now, REST).total_seconds()))


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """A survey to show: a planned invitation, or a placement that asks on sight."""

    campaign_id: int
    version_id: int
    mode: str = "corner"
    delay_seconds: int = 0
    language: str = ""
    invitation_id: int = 0
    first_name: str = ""


def decide(
    *,
    config: Config,
    standing: Standing,
    visit: Visit,
    session: str,
    who: str,
    is_new_person: bool,
    now: dt.datetime,
) -> Offer | Nothing:
    """`who` is what sampling goes by; `is_new_person`: signed for, not yet a contact, and may become one when asked."""
    until = now + HONOURED
    if session in standing.sessions:
        return Nothing(reason="seen_this_session", scope=Scope.VISITOR, until=until)
    if standing.planned is not None:
        offer = _planned(config, standing.planned, standing, visit)
        if offer is not None:
            return offer
    is_known = standing.contact_id is not None
    if not is_known:
        quiet = quiet_until(config, standing)
        if quiet is not None and quiet > now:
            return Nothing(reason="recently_asked", scope=Scope.VISITOR, until=min(until, quiet))
    meant = [
        placed
        for placed in config.placements
        if _is_for(placed, config, standing, is_known or is_new_person, is_known, who, now)
    ]
    candidates = [placed for placed in meant if not is_known or standing.reasons.get(placed.kind) is None]
    if not candidates and standing.planned is None:
        reason = standing.reasons.get(meant[0].kind) if meant else None
        return Nothing(reason=reason.value if reason else "nothing_for_you", scope=Scope.VISITOR, until=until)
    for placed in candidates:
        if _is_here(placed, visit):
            return Offer(
                campaign_id=placed.campaign_id,
                version_id=placed.version_id,
                mode=placed.mode,
                delay_seconds=placed.delay_seconds,
                first_name=standing.first_name,
                language=standing.language,
            )
    return Nothing(reason="not_here", scope=Scope.PAGE, until=until)


def quiet_until(config: Config, standing: Standing) -> dt.datetime | None:
    """Until when a stranger is left alone after what was shown, answered or declined; as contacts are."""
    rules = config.quiet
    moments = [
        at + dt.timedelta(days=days)
        for at, days in (
            (standing.answered_at, rules.quiet_days_answered),
            (standing.declined_at, rules.quiet_days_declined),
            (standing.last_shown_at, rules.quiet_days_ignored),
        )
        if at is not None
    ]
    return max(moments, default=None)


def period_of(now: dt.datetime, zone: str) -> dt.date:
    """The first of the workspace's month, with which rounds of placed campaigns begin."""
    return now.astimezone(ZoneInfo(zone)).date().replace(day=1)


def _planned(config: Config, planned: Planned, standing: Standing, visit: Visit) -> Offer | None:
    if planned.campaign_id not in config.planned:
        return None
    placed = config.placed(planned.campaign_id)
    if placed is not None and not _is_here(placed, visit):
        return None
    return Offer(
        campaign_id=planned.campaign_id,
        version_id=planned.version_id,
        mode=placed.mode if placed else "corner",
        delay_seconds=placed.delay_seconds if placed else 0,
        language=planned.language,
        invitation_id=planned.invitation_id,
        first_name=standing.first_name,
    )


def _is_for(
    placed: Placed,
    config: Config,
    standing: Standing,
    is_identified: bool,
    is_contact: bool,
    who: str,
    now: dt.datetime,
) -> bool:
    if not is_identified and not placed.asks_strangers:
        return False
    # Somebody who is not a contact yet is in no segment.
    in_audience = placed.audience is None or (is_contact and placed.campaign_id in standing.audiences)
    if is_identified and not in_audience:
        return False
    return targeting.is_sampled(
        survey_id=placed.survey_id,
        who=who,
        period=ask_rules.period_of(now, ZoneInfo(config.zone)),
        percent=placed.sample_percent,
    )


def _is_here(placed: Placed, visit: Visit) -> bool:
    return (
        targeting.matches_url(placed.url_pattern, visit.url)
        and (not placed.devices or visit.device in placed.devices)
        and (not placed.event or placed.event in visit.events)
        and targeting.matches_traits(placed.trait_conditions, visit.traits)
    )
