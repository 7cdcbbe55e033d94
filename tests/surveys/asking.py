"""Plain functions that make what campaigns need. Only what a test names differs from the ordinary."""

import datetime as dt
import hashlib
from typing import Any

from accounts.models import Account, Contact, Segment
from surveys.choices import CampaignState, InvitationState
from surveys.content import Content
from surveys.models import Campaign, Invitation, Response, Suppression, Survey, SurveyVersion, Wave
from team.models import User


def key_of(email: str) -> str:
    try:
        from core.secrets import address_key
    except ImportError:
        return hashlib.sha256(email.encode()).hexdigest()
    return address_key(email)


def make_account(name: str = "Fjord Freight", **fields: Any) -> Account:
    return Account.objects.create(name=name, **fields)


def make_contact(account: Account | None, email: str = "ida@fjord.example", **fields: Any) -> Contact:
    fields.setdefault("first_name", email.split("@", maxsplit=1)[0].title())
    fields.setdefault("created_at", dt.datetime(2025, 1, 1, tzinfo=dt.UTC))
    if email:
        fields.setdefault("email_key", email)
        fields.setdefault("address_key", key_of(email))
    return Contact.objects.create(account=account, email=email, **fields)


def make_survey(name: str = "Relationship NPS", **content: Any) -> Survey:
    survey = Survey.objects.create(name=name, state="active")
    version = SurveyVersion.objects.create(
        survey=survey,
        number=1,
        content=Content(**{"brand_name": "Nordlicht", "sender_name": "Nordlicht", **content}).to_json(),
    )
    survey.current = version
    survey.save(update_fields=["current"])
    return survey


def make_campaign(
    survey: Survey | None = None,
    *,
    name: str = "Spring",
    state: CampaignState = CampaignState.RUNNING,
    segment: Segment | None = None,
    launched_by: User | None = None,
    **fields: Any,
) -> Campaign:
    return Campaign.objects.create(
        name=name,
        survey=survey or make_survey(f"Survey of {name}"),
        segment=segment,
        state=state,
        launched_by=launched_by,
        **fields,
    )


def make_wave(campaign: Campaign | None = None, **fields: Any) -> Wave:
    campaign = campaign or make_campaign()
    assert campaign.survey.current is not None
    return Wave.objects.create(campaign=campaign, number=1, version=campaign.survey.current, **fields)


def make_invitation(contact: Contact, wave: Wave | None = None, **fields: Any) -> Invitation:
    version = wave.version if wave else SurveyVersion.objects.order_by("pk").first()
    assert version is not None
    fields.setdefault("recipient_key", contact.address_key or "none")
    fields.setdefault("state", InvitationState.PLANNED)
    fields.setdefault("cost", 0 if fields.get("is_test") else 10)
    return Invitation.objects.create(
        wave=wave, version=version, contact=contact, account_id=contact.account_id, **fields
    )


def make_answer(contact: Contact, at: dt.datetime, score: int = 9) -> Response:
    survey = Survey.objects.order_by("pk").first() or make_survey()
    return Response.objects.create(
        survey=survey, contact=contact, account_id=contact.account_id, source="api", channel="api", score=score,
        responded_at=at,
    )  # fmt: skip


def suppress(email: str, reason: str = "unsubscribed", **fields: Any) -> Suppression:
    return Suppression.objects.create(address_key=key_of(email), reason=reason, **fields)
