"""How many mails go out when: the daily limit, counted in a ledger of local dates.

Promised: on no date of the workspace's zone are more invitations released than the campaign's daily limit, whatever the
clocks do, however often the worker restarts and however many of them release at once; what is not released today is
released tomorrow, in the order of planning, which takes turns between accounts.

Invitations become deliveries when they are due, a chunk at a time: a pause leaves few behind, and campaigns that run
side by side take turns. The first day of a campaign begins when it is launched, every further one at the workspace's
start of the working day.
"""

import datetime as dt
import hmac
from functools import lru_cache
from hashlib import sha256
from zoneinfo import ZoneInfo

from django.conf import settings
from django.db import connection, transaction
from django.db.models import F

from core import clock, jobs, schedules
from core.mail.address import BadAddress
from surveys.channels import email
from surveys.choices import CampaignState, Channel, InvitationState, WaveState
from surveys.models import Campaign, Delivery, Invitation, Wave, WaveDay
from team import queries as team_queries
from team.models import Workspace

MAIL = "survey_mail"
RELEASE = "survey_release"
# Not a multiple of a batch: the last batch of a chunk is short, which is how the sender sees that more is wanted.
CHUNK = 1_010
FIRST_STEP = "first"


def release_due() -> int:
    """Release the next chunk of every running wave; returns how many invitations became deliveries."""
    if not settings.SENDING_ENABLED:
        return 0
    running = Wave.objects.filter(state=WaveState.SENDING, campaign__state=CampaignState.RUNNING).order_by(
        "pk"
    )
    released = sum(release(wave_id) for wave_id in running.values_list("pk", flat=True))
    if released:
        jobs.wake(MAIL)
    return released


def release(wave_id: int, *, now: dt.datetime | None = None, chunk: int = CHUNK) -> int:
    """Make the next due invitations of a wave into deliveries, in one transaction; returns how many."""
    now = now or clock.now()
    with transaction.atomic():
        # Whoever releases of this wave holds its row, so the ledger below is read and written by one at a time.
        wave = Wave.objects.select_for_update(of=("self",)).select_related("campaign").get(pk=wave_id)
        if wave.state != WaveState.SENDING or wave.campaign.state != CampaignState.RUNNING:
            return 0
        workspace = team_queries.workspace()
        today = local_date(now, workspace)
        day, _ = WaveDay.objects.get_or_create(wave=wave, local_date=today)
        number = min(room(wave.campaign, day, now=now, workspace=workspace), chunk - _waiting(wave))
        if number <= 0:
            return 0
        planned = wave.invitations.filter(state=InvitationState.PLANNED).order_by("pk")
        ids = list(planned.values_list("pk", flat=True)[:number])
        if not ids:
            return 0
        Invitation.objects.filter(pk__in=ids).update(state=InvitationState.SENDING)
        write_deliveries(ids, Channel(wave.campaign.channels[0]))
        WaveDay.objects.filter(pk=day.pk).update(released=F("released") + len(ids))
        return len(ids)


def local_date(now: dt.datetime, workspace: Workspace) -> dt.date:
    return now.astimezone(ZoneInfo(workspace.time_zone)).date()


def room(campaign: Campaign, day: WaveDay, *, now: dt.datetime, workspace: Workspace) -> int:
    """How many more may be released on `day`, the present local date."""
    if campaign.daily_limit is None:
        return CHUNK
    if now < opens_at(campaign, day.local_date, workspace):
        return 0
    return max(0, campaign.daily_limit - day.released)


def opens_at(campaign: Campaign, day: dt.date, workspace: Workspace) -> dt.datetime:
    """From when on a limited campaign sends on a date: its first day from the launch, others from the working day on."""
    launched = campaign.launched_at
    if launched is not None and local_date(launched, workspace) == day:
        return launched
    return schedules.due_moment(day, workspace.day_start, ZoneInfo(workspace.time_zone))


def _waiting(wave: Wave) -> int:
    return Delivery.objects.filter(invitation__wave=wave, state="pending").count()


def write_deliveries(ids: list[int], channel: Channel) -> None:
    """One delivery for each invitation, in their order, in one statement."""
    with connection.cursor() as cursor:
        marks = ", ".join(["%s"] * len(ids)) if connection.vendor != "postgresql" else ""
        chosen = f"IN ({marks})" if marks else "= ANY(%s)"
        cursor.execute(
            "INSERT INTO surveys_delivery (key, state, attempts, owner, epoch, error, invitation_id, step, channel,"
            " message_id, provider_id, code)"
            " SELECT 'delivery:' || id || ':' || %s || ':' || %s, 'pending', 0, '', 1, '', id, %s, %s,"
            " '<' || MD5(%s || id) || '@' || %s || '>', '', ''"
            f" FROM surveys_invitation WHERE id {chosen} ORDER BY id ON CONFLICT DO NOTHING",
            [
                FIRST_STEP, channel.value, FIRST_STEP, channel.value, message_id_seed(FIRST_STEP), sender_domain(),
                *(ids if marks else [ids]),
            ],
        )  # fmt: skip


@lru_cache(maxsize=8)
def message_id_seed(step: str) -> str:
    """What makes a Message-ID unguessable from the number of its invitation, and differ between deployments."""
    return hmac.new(settings.SECRET_KEY.encode(), f"message-id:{step}".encode(), sha256).hexdigest()


def sender_domain() -> str:
    try:
        return email.sender_address().domain
    except BadAddress:
        return "localhost"
