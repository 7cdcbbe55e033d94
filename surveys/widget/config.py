"""What a widget's decisions need to know that is the same for all its visitors, kept by each process for a few seconds.

So a decision reads the database for the one visitor alone. A change made here is seen everywhere after CONFIG_SECONDS
at the latest, in the process that made it at once.
"""

import datetime as dt
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache
from hashlib import sha256
from typing import Any

from django.db.models import Sum
from django.db.models.expressions import RawSQL
from django.db.models.fields import BigIntegerField

from core import secrets as vault
from core.secrets import CannotDecrypt
from surveys import eligibility
from surveys.ask_rules import Rules, Scope
from surveys.choices import IN_APP_LIVE, AskScope, CampaignState, Channel, SurveyKind
from surveys.content import Content
from surveys.models import Campaign, InAppMessage, Placement, SurveyVersion, Wave, Widget
from surveys.queries.audience import audience
from surveys.sql_eligibility import Text
from team import queries as team_queries
from team.domain import RowScope
from team.scope import scope_of

CONFIG_SECONDS = 5.0
_MAX_KEPT = 500
# The name under which the decision's statement knows the contact in question.
CONTACT = "v.contact_id"


@dataclass(frozen=True, slots=True, kw_only=True)
class Placed:
    """A running campaign as it shows in a widget. `audience` is SQL that tells whether CONTACT is in it; None: everybody is."""

    campaign_id: int
    survey_id: int
    version_id: int
    kind: str
    mode: str
    url_pattern: str = ""
    trait_conditions: tuple[Mapping[str, Any], ...] = ()
    event: str = ""
    devices: frozenset[str] = frozenset()
    delay_seconds: int = 0
    sample_percent: int = 100
    asks_strangers: bool = False
    audience: Text | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """A widget with its running placements.

    `placements` ask whoever comes by. `planned` are the campaigns whose invitations may wait for a visit, and `places`
    where those of them show that have a placement too: their own cadence says who is asked and when.
    """

    widget_id: int
    key: str
    origins: frozenset[str]
    secrets: tuple[tuple[str, dt.datetime | None], ...] = field(repr=False)
    theme: str
    creates_contacts: bool
    placements: tuple[Placed, ...]
    places: tuple[Placed, ...]
    planned: frozenset[int]
    rules: Rules
    company: str
    zone: str
    stamp: str = ""
    # Whether a message waits in the product for anybody: where none does, nobody is looked up for one.
    has_messages: bool = False
    # Statements about visitors, made at their first use (queries.py).
    texts: dict[tuple[int, bool], Text] = field(default_factory=dict, repr=False, compare=False)

    def secrets_now(self, now: dt.datetime) -> list[str]:
        return [secret for secret, until in self.secrets if until is None or now < until]

    @property
    def quiet(self) -> Scope:
        """How long strangers are left alone: of both kinds of survey the longer time, for nothing else is known of them."""
        rules = [self.rules.everything, *(self.rules.of(kind) for kind in SurveyKind)]
        names = ("quiet_days_answered", "quiet_days_declined", "quiet_days_ignored")
        longest = {name: max(getattr(rule, name) for rule in rules) for name in names}
        return Scope(scope=AskScope.ALL, **longest)

    @property
    def asks_nobody(self) -> bool:
        return not self.placements and not self.planned

    @property
    def asks_strangers(self) -> bool:
        return any(placed.asks_strangers for placed in self.placements)

    def placed(self, campaign_id: int) -> Placed | None:
        return next((p for p in (*self.placements, *self.places) if p.campaign_id == campaign_id), None)

    def asking(self, campaign_id: int) -> Placed | None:
        """The placement by which a campaign asks on sight; None where it plans whom it asks."""
        return next((p for p in self.placements if p.campaign_id == campaign_id), None)


_kept: dict[str, tuple[float, Config | None]] = {}
_lock = threading.Lock()


def config_of(key: str) -> Config | None:
    """The active widget of this key, at most CONFIG_SECONDS old; None when there is none."""
    found = _kept.get(key)
    present = time.monotonic()
    if found is not None and present < found[0]:
        return found[1]
    config = _read(key)
    with _lock:
        if len(_kept) >= _MAX_KEPT:
            # Keys are public, so somebody may try many: they must not fill the memory.
            _kept.clear()
        _kept[key] = (present + CONFIG_SECONDS, config)
    return config


def forget() -> None:
    """Read everything anew from now on; for services that change it, in this process."""
    with _lock:
        _kept.clear()
    _content.cache_clear()


def secret_place(key: str) -> str:
    return f"surveys.widget:{key}"


def content_of(version_id: int) -> Content:
    """The content of a version. It may still be edited until somebody has seen it, so it is read anew now and then."""
    return _content(version_id, int(time.monotonic() / CONFIG_SECONDS))


@lru_cache(maxsize=200)
def _content(version_id: int, _: int) -> Content:
    return Content.from_json(SurveyVersion.objects.values_list("content", flat=True).get(pk=version_id))


def survey_of(version_id: int) -> int:
    return SurveyVersion.objects.values_list("survey_id", flat=True).get(pk=version_id)


def _read(key: str) -> Config | None:
    widget = Widget.objects.filter(key=key, is_active=True).first()
    if widget is None:
        return None
    running = {c.pk: c for c in Campaign.objects.filter(state=CampaignState.RUNNING)}
    planned = frozenset(pk for pk, c in running.items() if Channel.IN_APP in c.channels)
    placed = [
        placement
        for placement in Placement.objects.filter(widget=widget, campaign__in=running)
        .select_related("campaign__survey__current", "campaign__segment", "campaign__launched_by")
        .order_by("campaign__launched_at", "campaign_id")
        if placement.campaign.survey.current_id is not None
    ]
    placements = [_placed(one) for one in placed if one.campaign.asks_on_sight]
    workspace = team_queries.workspace()
    elsewhere = set(
        Placement.objects.filter(campaign__in=planned)
        .exclude(widget=widget)
        .values_list("campaign", flat=True)
    )
    config = Config(
        widget_id=widget.pk,
        key=key,
        origins=frozenset(widget.origins),
        secrets=_secrets(widget),
        theme=widget.theme,
        creates_contacts=widget.creates_contacts,
        # Relationship surveys first: the frequent ones after something happened must not starve them.
        placements=tuple(sorted(placements, key=lambda p: p.kind != SurveyKind.RELATIONSHIP)),
        places=tuple(_placed(one) for one in placed if not one.campaign.asks_on_sight),
        planned=frozenset(planned - elsewhere),
        rules=eligibility.rules(),
        company=workspace.name,
        zone=workspace.time_zone,
        has_messages=InAppMessage.objects.filter(state__in=IN_APP_LIVE).exists(),
    )
    return _stamped(config)


def _stamped(config: Config) -> Config:
    """With a fingerprint of all that could turn a "nothing for you" into a survey."""
    waves = (
        Wave.objects.filter(campaign__in=config.planned)
        .annotate(released=Sum("days__released"))
        .order_by("pk")
        .values_list("pk", "state", "planned_count", "released")
    )
    # Sets have another order in every process, and all must come to the same fingerprint.
    told = repr(
        (
            config.theme, config.creates_contacts, config.rules, config.company, sorted(config.planned),
            [(p.campaign_id, p.version_id, p.mode, p.url_pattern, p.trait_conditions, p.event, sorted(p.devices),
              p.sample_percent, p.asks_strangers, p.audience and p.audience.sql) for p in (*config.placements, *config.places)],
            list(waves) if config.planned else [],
        )
    )  # fmt: skip
    return replace(config, stamp=sha256(told.encode()).hexdigest()[:16], texts={})


def _placed(placement: Placement) -> Placed:
    campaign = placement.campaign
    return Placed(
        campaign_id=campaign.pk,
        survey_id=campaign.survey_id,
        version_id=campaign.survey.current_id or 0,
        kind=campaign.survey.kind,
        mode=placement.mode,
        url_pattern=placement.url_pattern,
        trait_conditions=tuple(placement.trait_conditions),
        event=placement.event,
        devices=frozenset(placement.devices.split(",")) if placement.devices else frozenset(),
        delay_seconds=placement.delay_seconds,
        sample_percent=placement.sample_percent,
        asks_strangers=placement.asks_strangers,
        audience=_audience(campaign),
    )


def _audience(campaign: Campaign) -> Text | None:
    user = campaign.launched_by
    if campaign.segment is None and (user is None or scope_of(user) is RowScope.ALL):
        return None
    people = audience(segment=campaign.segment, user=user).order_by()
    chosen = people.filter(pk=RawSQL(CONTACT, (), output_field=BigIntegerField()))  # noqa: S611 - constant text
    sql, params = chosen.values("pk").query.sql_with_params()
    return Text(f"EXISTS ({sql})", tuple(params))


def _secrets(widget: Widget) -> tuple[tuple[str, dt.datetime | None], ...]:
    found: list[tuple[str, dt.datetime | None]] = []
    for sealed, until in ((widget.secret, None), (widget.previous_secret, widget.previous_until)):
        if not sealed or (sealed == widget.previous_secret and until is None):
            continue
        try:
            found.append((vault.decrypt(sealed, place=secret_place(widget.key)), until))
        except CannotDecrypt:
            # Identities signed with it are refused with a reason; strangers are served as ever.
            continue
    return tuple(found)
