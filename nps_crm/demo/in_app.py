"""Messages in the demo's own product: some of the last weeks, and a few that wait. And the product, to see them in."""

import datetime as dt
import random
from collections.abc import Sequence

import jwt

from accounts import timeline
from accounts.domain import Origin
from accounts.models import Contact
from core import clock
from surveys.choices import IN_APP_LIVE, InAppState
from surveys.models import ContactScore, InAppMessage, Widget
from surveys.services import in_app_messages
from surveys.widget.config import config_of
from team.models import User
from workflows.models import Rule

TOKEN_MINUTES = 30
OLD, WAITING, DAYS = 24, 4, 21
TITLE, TEXT = (
    "Route planning got faster",
    "You asked for it in your last answer: tours are now planned in seconds.",
)
LABEL, LINK = "See how", "https://app.fleetdesk.example/news/route-planning"
STEP = {
    "kind": "in_app_message", "title": TITLE, "text": f"Hello {{{{ first_name|there }}}}. {TEXT}", "days": DAYS,
    "has_button": True, "button_label": LABEL, "button_url": LINK,
}  # fmt: skip


def fill(*, rng: random.Random, now: dt.datetime, lead: User) -> None:
    Rule.objects.create(
        name="Tell passives what is new",
        description="Shown where they work, when they are there: a 7 or 8 often means that something is missing.",
        trigger="response.scored",
        conditions={"all": [{"field": "event.category", "op": "in", "value": ["passive"]}]},
        steps=[STEP],
        is_active=False,
        reentry="after_days",
        reentry_days=90,
        one_run_per="contact",
        created_by=lead,
    )
    # Who is there, in the order of their age: the demo is the same every time.
    answered = ContactScore.objects.filter(metric="nps", latest_score__in=(7, 8)).values("contact")
    there = Contact.objects.live().filter(pk__in=answered, account__churned_on__isnull=True).exclude(email="")
    people = rng.sample(
        [one for one in there.order_by("pk") if not in_app_messages.is_barred(one)], OLD + WAITING
    )
    for number, contact in enumerate(people):
        if number < WAITING:
            in_app_messages.queue_message(
                contact=contact, key=f"demo:{number}", title=TITLE, text=f"Hello {contact.first_name}. {TEXT}",
                days=DAYS, button_label=LABEL, button_url=LINK,
            )  # fmt: skip
        else:
            _write_old(contact, number, rng, now)


def _write_old(contact: Contact, number: int, rng: random.Random, now: dt.datetime) -> None:
    """One that was written weeks ago, with what became of it."""
    queued = now - dt.timedelta(days=rng.randint(DAYS + 1, 60), minutes=rng.randint(0, 600))
    moments = {"queued": queued}
    state = rng.choices((InAppState.CLICKED, InAppState.DISMISSED, InAppState.EXPIRED), (9, 8, 4))[0]
    if state is not InAppState.EXPIRED:
        moments["shown"] = queued + dt.timedelta(hours=rng.randint(2, 60))
        moments[state.value] = moments["shown"] + dt.timedelta(seconds=rng.randint(4, 90))
    message = InAppMessage.objects.create(
        key=f"demo:{number}", contact=contact, account=contact.account, title=TITLE,
        text=f"Hello {contact.first_name}. {TEXT}", button_label=LABEL, button_url=LINK, state=state,
        widget=widget() if "shown" in moments else None, expires_at=queued + dt.timedelta(days=DAYS),
        **{f"{what}_at": at for what, at in moments.items()},
    )  # fmt: skip
    for what, at in moments.items():
        timeline.record(
            kind=f"in_app_message.{what}", cause_key=f"in_app_message:{message.pk}:{what}", account=message.account,
            contact=contact, subject=("in_app_message", message.pk), occurred_at=at, origin=Origin.DEMO,
            data={"has_button": True},
        )  # fmt: skip


# --- The product -----------------------------------------------------------------------------------------------
def people_with_messages(user: User) -> Sequence[Contact]:
    """Whom a message waits for in the product, as far as this person may see them."""
    waiting = InAppMessage.objects.filter(state__in=IN_APP_LIVE, expires_at__gt=clock.now()).values("contact")
    return list(Contact.objects.visible_to(user).filter(pk__in=waiting).order_by("first_name", "pk")[:20])


def widget() -> Widget | None:
    """The widget of the demo's own product."""
    return Widget.objects.filter(is_active=True).order_by("pk").first()


def token_of(contact: Contact, widget: Widget) -> str:
    """What the product's server would sign for this person."""
    config = config_of(widget.key)
    secrets = config.secrets_now(clock.now()) if config is not None else []
    if not secrets:
        return ""
    claims = {
        "sub": contact.external_id or f"demo-{contact.pk}",
        "email": contact.email,
        "exp": int((clock.now() + dt.timedelta(minutes=TOKEN_MINUTES)).timestamp()),
    }
    return jwt.encode(claims, secrets[0], algorithm="HS256")
