"""What somebody has chosen on their preference page: which sorts of survey, a pause, and in which language.

Kept by address, but for the language, which is the contact's. Every change stands on the timeline.
"""

import datetime as dt
from collections.abc import Collection, Mapping
from typing import Any

from dateutil.relativedelta import relativedelta
from django.db import IntegrityError, transaction

from accounts import timeline
from accounts.models import Contact
from accounts.services import contacts
from surveys import texts
from surveys.choices import SurveyKind
from surveys.models import Invitation, Preference

PAUSE = relativedelta(months=6)


@transaction.atomic
def choose(
    *,
    invitation: Invitation,
    wanted: Collection[SurveyKind],
    is_paused: bool,
    language: str = "",
    now: dt.datetime,
) -> None:
    """Ask the address of an invitation about these sorts of thing only, in this language, with a pause if it wants one.

    `language` empty leaves it as it is. A test changes nothing.
    """
    if invitation.is_test:
        return
    row = _row(invitation.recipient_key)
    before = (list(row.unwanted), row.paused_until)
    row.unwanted = [kind.value for kind in SurveyKind if kind not in wanted]
    if is_paused:
        # Pressed again it begins anew; a longer pause is kept.
        row.paused_until = max(now + PAUSE, row.paused_until or now)
    changed = {}
    if row.unwanted != before[0]:
        changed["unwanted"] = row.unwanted
    if row.paused_until != before[1]:
        changed["paused_until"] = row.paused_until.isoformat() if row.paused_until else ""
    if changed:
        row.updated_at = now
        row.save(update_fields=["unwanted", "paused_until", "updated_at"])
    if language and _speak(invitation, language):
        changed["language"] = language
    _tell(invitation, changed, now)


@transaction.atomic
def resume(*, invitation: Invitation, now: dt.datetime) -> None:
    """End the pause."""
    if invitation.is_test:
        return
    rows = Preference.objects.filter(address_key=invitation.recipient_key, paused_until__isnull=False)
    if rows.update(paused_until=None, updated_at=now):
        _tell(invitation, {"paused_until": ""}, now)


def _speak(invitation: Invitation, language: str) -> bool:
    """Ask the person in this language from now on; False where nothing changes by that. It is the contact's own
    language, so a regional form of the same one ("de-AT") is kept."""
    contact = invitation.contact
    if contact is None or contact.merged_into_id is not None or contact.erased_at is not None:
        return False
    if texts.language_for(contact.language or invitation.language).tag == language:
        return False
    contacts.update_contact(contact=contact, values={"language": language}, actor=None)
    return True


def _tell(invitation: Invitation, changed: Mapping[str, Any], now: dt.datetime) -> None:
    """One event for all that was changed at once; nothing where nothing was."""
    if not changed or (invitation.contact is None and invitation.account is None):
        return
    timeline.record(
        kind="preferences.changed",
        cause_key=f"invitation:{invitation.pk}:preferences:{now:%Y%m%d%H%M%S%f}",
        account=invitation.account,
        contact=invitation.contact,
        subject=("invitation", invitation.pk),
        occurred_at=now,
        data=dict(changed),
    )


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
