"""Setting up widgets and where campaigns show in them. Every step is audited; secrets are shown once and kept sealed."""

import datetime as dt
import re
import secrets as random
from collections.abc import Sequence
from typing import Any
from urllib.parse import urlsplit

from django.db import IntegrityError, transaction

from core import clock
from core import secrets as vault
from core.errors import Invalid, Refused
from surveys.choices import Cadence, CampaignState, Channel, WidgetMode, WidgetTheme
from surveys.models import Campaign, Placement, Widget
from surveys.widget import config, targeting
from team import audit
from team.models import User

MAX_ORIGINS = 50
MAX_DELAY_SECONDS = 600
ROTATION_DAYS = 7
_HOST = re.compile(r"(?!-)[a-z0-9-]{1,63}(?<!-)(\.(?!-)[a-z0-9-]{1,63}(?<!-))*|\[[0-9a-f:.]+\]")


# --- Widgets ---------------------------------------------------------------------------------------------------
@transaction.atomic
def create_widget(
    *, name: str, origins: Sequence[str], actor: User, theme: str = WidgetTheme.AUTO, creates_contacts: bool = False
) -> tuple[Widget, str]:  # fmt: skip
    """A widget and its secret: the only time that is known."""
    key, secret = f"wk_{random.token_hex(10)}", _new_secret()
    widget = Widget(key=key, secret=vault.encrypt(secret, place=config.secret_place(key)))
    _fill(widget, name=name, origins=origins, theme=theme, creates_contacts=creates_contacts)
    _save(widget, actor)
    audit.record(action="widget.created", actor=actor, obj=widget, origins=widget.origins)
    return widget, secret


@transaction.atomic
def update_widget(
    *, widget: Widget, name: str, origins: Sequence[str], theme: str, creates_contacts: bool, is_active: bool,
    actor: User,
) -> Widget:  # fmt: skip
    """Change what a widget is called, where it may run and how it looks. An inactive one answers nobody."""
    widget = Widget.objects.select_for_update().get(pk=widget.pk)
    widget.is_active = is_active
    _fill(widget, name=name, origins=origins, theme=theme, creates_contacts=creates_contacts)
    _save(widget, actor)
    audit.record(
        action="widget.updated", actor=actor, obj=widget, origins=widget.origins, is_active=widget.is_active
    )
    return widget


@transaction.atomic
def rotate_secret(*, widget: Widget, actor: User, days: int = ROTATION_DAYS) -> str:
    """A new secret. Identities signed with the present one are believed for so many more days; 0: no longer at all."""
    if not 0 <= days <= 30:
        raise Invalid("The old secret can stay good for 0 to 30 days.", field="days")
    widget = Widget.objects.select_for_update().get(pk=widget.pk)
    secret = _new_secret()
    widget.previous_secret = widget.secret if days else ""
    widget.previous_until = clock.now() + dt.timedelta(days=days) if days else None
    widget.secret = vault.encrypt(secret, place=config.secret_place(widget.key))
    _save(widget, actor)
    audit.record(action="widget.secret_rotated", actor=actor, obj=widget, days=days)
    return secret


def _new_secret() -> str:
    return f"ws_{random.token_urlsafe(32)}"


def _fill(widget: Widget, *, name: str, origins: Sequence[str], theme: str, creates_contacts: bool) -> None:
    name = " ".join(name.split())
    if not name or len(name) > 80:
        raise Invalid("A widget needs a name of 1 to 80 characters.", field="name")
    if theme not in set(WidgetTheme):
        raise Invalid(f"The look must be one of: {', '.join(WidgetTheme)}.", field="theme")
    cleaned = [clean_origin(origin) for origin in origins if origin.strip()]
    if len(cleaned) > MAX_ORIGINS:
        raise Invalid(f"At most {MAX_ORIGINS} origins are possible.", field="origins")
    widget.name, widget.origins = name, list(dict.fromkeys(cleaned))
    widget.theme, widget.creates_contacts = theme, creates_contacts


def _save(widget: Widget, actor: User) -> None:
    widget._history_user = actor  # type: ignore[attr-defined]  # read by simple-history
    try:
        with transaction.atomic():
            widget.save()
    except IntegrityError:
        raise Refused(
            f"There is a widget “{widget.name}” already. Choose another name.", field="name"
        ) from None
    # Now for the changes of this transaction, and once more when others can see them.
    config.forget()
    transaction.on_commit(config.forget)


def clean_origin(origin: str) -> str:
    """An origin exactly as browsers send it: `https://app.example.com`, a port where it is not the usual one."""
    text = origin.strip().rstrip("/")
    refusal = Invalid(
        f"“{text[:80]}” is no origin. Write scheme, host and, if it is not the usual one, port, such as"
        " https://app.example.com; every subdomain on a line of its own.",
        field="origins",
    )
    try:
        parts = urlsplit(text)
        host, port = parts.hostname or "", parts.port
        host = f"[{host}]" if ":" in host else host.encode("idna").decode() if not host.isascii() else host
    except (ValueError, UnicodeError):
        raise refusal from None
    if (
        parts.scheme not in {"https", "http"}
        or parts.path
        or parts.query
        or parts.fragment
        or "@" in parts.netloc
    ):
        raise refusal
    if not _HOST.fullmatch(host):
        raise refusal
    usual = {"https": 443, "http": 80}[parts.scheme]
    return f"{parts.scheme}://{host}" + (f":{port}" if port and port != usual else "")


# --- Placements ------------------------------------------------------------------------------------------------
@transaction.atomic
def save_placement(
    *,
    campaign: Campaign,
    widget: Widget,
    actor: User | None,
    mode: str = WidgetMode.CORNER,
    url_pattern: str = "",
    trait_conditions: Sequence[Any] = (),
    event: str = "",
    devices: Sequence[str] = (),
    delay_seconds: int = 0,
    sample_percent: int = 100,
    asks_strangers: bool = False,
) -> Placement:
    """Say where and to whom a campaign shows in a widget. Possible while it runs; not once it is over."""
    campaign = Campaign.objects.select_for_update().get(pk=campaign.pk)
    if campaign.state in {CampaignState.STOPPED, CampaignState.FINISHED}:
        raise Refused("This campaign is over. Make a copy to ask again.")
    if campaign.state != CampaignState.DRAFT and Channel.IN_APP not in campaign.channels:
        raise Refused(
            "This campaign does not ask in the product. Choose that channel for it first.", field="widget"
        )
    if asks_strangers and not (
        campaign.cadence == Cadence.ONCE and list(campaign.channels) == [Channel.IN_APP]
    ):
        raise Invalid(
            "Only a campaign that asks once, and in the product alone, can ask people it does not know: this one plans"
            " whom it asks.",
            field="asks_strangers",
        )
    if not widget.is_active:
        raise Refused("This widget is switched off. Choose another, or switch it on.", field="widget")
    if mode not in set(WidgetMode):
        raise Invalid(f"The form must be one of: {', '.join(WidgetMode)}.", field="mode")
    event = event.strip()
    if len(event) > 80:
        raise Invalid("The event's name may have at most 80 characters.", field="event")
    unknown = set(devices) - set(targeting.DEVICES)
    if unknown:
        raise Invalid(f"Possible devices are: {', '.join(targeting.DEVICES)}.", field="devices")
    if not 0 <= delay_seconds <= MAX_DELAY_SECONDS:
        raise Invalid(f"Wait 0 to {MAX_DELAY_SECONDS} seconds.", field="delay_seconds")
    if not 1 <= sample_percent <= 100:
        raise Invalid("Ask 1 to 100 per cent.", field="sample_percent")
    chosen = [device for device in targeting.DEVICES if device in devices]
    placement, is_new = Placement.objects.update_or_create(
        campaign=campaign,
        defaults={
            "widget": widget,
            "mode": mode,
            "url_pattern": targeting.clean_pattern(url_pattern),
            "trait_conditions": targeting.clean_conditions(trait_conditions),
            "event": event,
            "devices": "" if len(chosen) == len(targeting.DEVICES) else ",".join(chosen),
            "delay_seconds": delay_seconds,
            "sample_percent": sample_percent,
            "asks_strangers": asks_strangers,
        },
    )
    audit.record(
        action="placement.created" if is_new else "placement.updated",
        actor=actor,
        obj=campaign,
        widget=widget.pk,
    )
    config.forget()
    transaction.on_commit(config.forget)
    return placement


@transaction.atomic
def remove_placement(*, campaign: Campaign, actor: User) -> None:
    """Show a campaign in no widget any more. What was shown stays on record."""
    if Placement.objects.filter(campaign=campaign).delete()[0]:
        audit.record(action="placement.removed", actor=actor, obj=campaign)
    config.forget()
    transaction.on_commit(config.forget)
