"""SMS: a question, a short link and the offer to reply with a number, handed to a provider one by one.

A provider is a module that satisfies `Provider`; `NPS_SMS_PROVIDER` chooses one. What comes back, as status or as reply,
is surveys/services/sms.py. Documentation for operators: docs/sms.md.
"""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, cast

from django.conf import settings

from core.mail.outcome import Kind, Outcome, Stage
from surveys.channels.base import Fence, Item, Result
from surveys.channels.sms import catcher, text, twilio
from surveys.channels.sms.provider import Message, Provider
from surveys.content import Content
from surveys.models import SurveyVersion
from surveys.rendering import Company


def provider() -> Provider | None:
    """The configured provider; None where SMS are not set up, or not wholly."""
    # Chosen at every call: a provider is its settings and holds nothing.
    known: dict[str, Any] = {"twilio": twilio, "catcher": catcher}
    found = known.get(settings.SMS_PROVIDER)
    return cast(Provider, found) if found is not None and found.is_configured() else None


def is_configured() -> bool:
    return provider() is not None


def hand_over(
    items: Sequence[Item],
    *,
    versions: Callable[[int], SurveyVersion],
    company: Company,
    now: datetime,
    fence: Fence,
) -> dict[int, Result]:
    """Send the SMS of these deliveries, each fenced by itself: a call takes a while, and people stop surveys meanwhile.

    When the provider cannot be reached, the rest of the batch is not tried.
    """
    service = provider()
    results: dict[int, Result] = {}
    trouble: Outcome | None = None
    if service is None:
        trouble = Outcome(
            Kind.RETRY, Stage.CONNECT, diagnostic="No SMS provider is set up (NPS_SMS_PROVIDER)."
        )
    for item in items:
        if trouble is not None or service is None:
            assert trouble is not None
            results[item.id] = Result(trouble)
            continue
        try:
            message = _message(item, versions, company)
        except text.Unsendable as error:
            results[item.id] = Result(
                Outcome(Kind.REFUSED, Stage.BUILD, diagnostic=str(error), address_bad=error.about_number)
            )
            continue
        if item.id not in fence([item.id]):
            results[item.id] = Result(Outcome(Kind.WITHDRAWN, Stage.FENCE))
            continue
        sent = service.send(message)
        segments = sent.segments or text.count(message.body).segments
        results[item.id] = Result(sent.outcome, sent.provider_id, segments, sent.opted_out)
        if sent.outcome.about_server:
            trouble = sent.outcome
        elif sent.outcome.kind is Kind.IN_DOUBT:
            # One doubt is enough for now: whoever is silent once is silent again, and every doubt needs a person.
            trouble = Outcome(
                Kind.RETRY, Stage.CONNECT, diagnostic="The SMS provider left a call unanswered."
            )
    return results


def _message(item: Item, versions: Callable[[int], SurveyVersion], company: Company) -> Message:
    if not item.phone.startswith("+"):
        raise text.Unsendable("The contact has no telephone number in international form.", about_number=True)
    content = Content.from_json(versions(item.version_id).content)
    body = text.compose(
        content,
        item.language,
        company=company.name,
        link=text.link(item.invitation_id, is_test=item.is_test),
        tags=item.tags,
        is_reminder=item.is_reminder,
        limit=settings.SMS_MAX_SEGMENTS,
    )
    return Message(delivery=item.id, to=item.phone, body=body)
