"""What somebody has chosen on their preference page: which sorts of survey, and a pause. Kept by address."""

import datetime as dt
from collections.abc import Collection

from dateutil.relativedelta import relativedelta
from django.db import IntegrityError, transaction

from accounts.models import Contact
from core import clock
from surveys.choices import SurveyKind
from surveys.models import Invitation, Preference

PAUSE = relativedelta(months=6)


@transaction.atomic
def choose(*, invitation: Invitation, wanted: Collection[SurveyKind]) -> None:
    """Ask the address of an invitation about these sorts of thing only. A test changes nothing."""
    if invitation.is_test:
        return
    row = _row(invitation.recipient_key)
    row.unwanted = [kind.value for kind in SurveyKind if kind not in wanted]
    row.updated_at = clock.now()
    row.save(update_fields=["unwanted", "updated_at"])


@transaction.atomic
def pause(*, invitation: Invitation, now: dt.datetime) -> None:
    """Ask the address nothing for six months from now. Pressed again it begins anew; a longer pause is kept."""
    if invitation.is_test:
        return
    row = _row(invitation.recipient_key)
    row.paused_until = max(now + PAUSE, row.paused_until or now)
    row.updated_at = now
    row.save(update_fields=["paused_until", "updated_at"])


@transaction.atomic
def resume(*, invitation: Invitation, now: dt.datetime) -> None:
    """End the pause."""
    if invitation.is_test:
        return
    Preference.objects.filter(address_key=invitation.recipient_key).update(paused_until=None, updated_at=now)


def _row(address_key: str) -> Preference:
    """The address's row, locked; made when there is none."""
    found = Preference.objects.select_for_update().filter(address_key=address_key).first()
    if found is not None:
        return found
    try:
        with transaction.atomic():
            return Preference.objects.create(address_key=address_key)
    except IntegrityError:
        # The same person pressed twice in the same moment.
        return Preference.objects.select_for_update().get(address_key=address_key)


def forget(contact: Contact) -> None:
    """An erased person's choices go with them: the address is suppressed for good."""
    if contact.address_key:
        Preference.objects.filter(address_key=contact.address_key).delete()
