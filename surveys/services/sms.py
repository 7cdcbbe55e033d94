"""What comes back by SMS: scores, words, wishes to stop; and what the provider reports of those we sent.

A reply goes to the last ask that its number got. A score is an answer like any other and goes through the one door
(surveys/ingest.py). What is no certain score is kept as a message for people to read. A reply from a number nobody has
is kept too, and its score waits in the identity inbox.
"""

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass

from django.conf import settings
from django.db import transaction

from accounts import cleaning, timeline
from core import clock, jobs
from core.secrets import address_key
from surveys import domain, ingest
from surveys.channels import sms as channel
from surveys.channels.sms import text, twilio
from surveys.channels.sms.reading import Reading, read
from surveys.choices import Channel, InvitationState, MessageKind, SuppressionReason
from surveys.content import Content
from surveys.models import Delivery, Invitation, Survey
from surveys.queries import respond as pages
from surveys.queries import sms as queries
from surveys.queries.respond import HostedPage
from surveys.services import delivery, messages, suppressions
from surveys.services.unsubscribe import SETTLED
from team import queries as team_queries

SOURCE = "sms"
MAX_BODY = 5_000
PRICES = "surveys.sms_prices"
PRICES_AT_ONCE = 20
NO_PRICE = "-"


@dataclass(frozen=True, slots=True, kw_only=True)
class Incoming:
    """An SMS as a provider hands it over. `number` as it came; `is_handled`: the provider has replied to it already."""

    provider: str
    provider_id: str
    number: str
    body: str
    is_handled: bool = False


@transaction.atomic
def take_in(sms: Incoming) -> str:
    """Take in a reply and return what is to be replied to it, or nothing. Idempotent by the provider's id."""
    now = clock.now()
    number = cleaning.international(sms.number) or sms.number[:40]
    key = address_key(number)
    body = ingest.clean_comment(sms.body[:MAX_BODY])
    ask = queries.latest_ask(key)
    test = queries.latest_test(key, after=ask.asked_at if ask is not None else None)
    page = pages.page_of(ask.pk, now=now) if ask is not None else None
    contact = ask.contact if ask is not None else queries.contact_of(key)
    language = ask.language if ask is not None else (contact.language if contact is not None else "")
    guess = queries.survey_asked_lately(now) if contact is None and page is None else None
    scale = domain.scale(guess.metric) if guess is not None else domain.NPS
    reading = read(body, language=language, scale=page.content.scale if page is not None else scale)
    if test is not None and reading.kind in (MessageKind.SCORE, MessageKind.REPLY):
        return _test_reply(reading, test)
    answers = _answers(reading, page, guess)
    received = messages.receive(
        channel=Channel.SMS,
        provider=sms.provider,
        provider_id=sms.provider_id,
        kind=MessageKind.SCORE
        if answers
        else MessageKind.REPLY
        if reading.score is not None
        else reading.kind,
        from_address=number,
        from_key=key,
        body=body,
        received_at=now,
        contact=contact,
        invitation=ask,
    )
    if not received.is_new:
        return ""
    if reading.kind is MessageKind.STOP:
        _stop(key, ask, now=now)
    elif reading.kind is MessageKind.START:
        suppressions.lift(address_key=key, reason=SuppressionReason.UNSUBSCRIBED, channel=Channel.SMS)
    elif reading.kind is MessageKind.HELP:
        return "" if sms.is_handled else _help(page, language)
    elif answers and page is not None:
        return _answer(page, reading, body, now=now)
    elif answers and guess is not None:
        _answer_of_nobody(sms, guess, number, reading, now=now)
    return ""


def _test_reply(reading: Reading, test: Invitation) -> str:
    """What somebody is told who tries out the reply to their own test: nothing of it is kept."""
    scale = Content.from_json(test.version.content).scale
    understood = (
        f"Understood as {reading.score}."
        if reading.score is not None and reading.score in scale.scores
        else "Not understood as a score; people would read it under Messages."
    )
    return f"{understood} This was a test, so it is counted nowhere." if settings.SENDING_ENABLED else ""


def _answers(reading: Reading, page: HostedPage | None, guess: Survey | None) -> bool:
    """Whether the reply is, or adds to, an answer; a survey that takes none any more leaves it a message.

    `guess` is what somebody unknown may have answered.
    """
    if page is not None:
        has_answered = page.response is not None
        return page.takes_answers and (
            reading.score is not None
            or (has_answered and reading.kind is MessageKind.REPLY and not reading.unclear)
        )
    return guess is not None and reading.score is not None


def _answer(page: HostedPage, reading: Reading, body: str, *, now: dt.datetime) -> str:
    """Pass a score, or a comment on one given before, through the door; the follow-up question if no reason was given."""
    ask, earlier = page.invitation, page.response
    if reading.score is not None:
        score, comment = reading.score, reading.comment or None
    else:
        assert earlier is not None, "Judged: a text alone is a comment on an answer."
        score = earlier.score
        comment = f"{earlier.comment}\n{body}" if earlier.comment else body
    (outcome,) = ingest.ingest(
        [
            ingest.Answer(
                survey_id=ask.version.survey_id,
                version_id=ask.version_id,
                invitation_id=ask.pk,
                contact_id=ask.contact_id,
                score=score,
                comment=comment,
                source=SOURCE,
                channel=Channel.SMS,
                external_id=f"invitation:{ask.pk}",
                responded_at=now,
                source_updated_at=now,
                language=ask.language,
                completed=bool(comment),
            )
        ]
    )
    if outcome.result == "refused" or comment or (earlier is not None and earlier.comment):
        return ""
    return _follow_up(page, score)


def _follow_up(page: HostedPage, score: int) -> str:
    if not settings.SENDING_ENABLED:
        return ""
    wording = page.wording()
    said = text.plain(wording.follow_up(page.content.category(score)))
    return "" if "{{" in said or text.count(said).segments > settings.SMS_MAX_SEGMENTS else said


def _answer_of_nobody(
    sms: Incoming, survey: Survey, number: str, reading: Reading, *, now: dt.datetime
) -> None:
    assert reading.score is not None, "Judged: it holds a score."
    ingest.ingest(
        [
            ingest.Answer(
                survey_id=survey.pk,
                score=reading.score,
                comment=reading.comment or None,
                source=SOURCE,
                channel=Channel.SMS,
                external_id=f"{sms.provider}:{sms.provider_id}"[:200],
                responded_at=now,
                phone=number,
                completed=bool(reading.comment),
            )
        ]
    )


def _stop(key: str, ask: Invitation | None, *, now: dt.datetime) -> None:
    """No more SMS to this number; the ask it replied to is declined, unless it was answered."""
    detail = "Replied STOP" + (f" to invitation {ask.pk}" if ask is not None else "")
    suppressions.suppress(
        address_key=key, reason=SuppressionReason.UNSUBSCRIBED, detail=detail, channel=Channel.SMS
    )
    if ask is None:
        return
    open_ask = Invitation.objects.filter(pk=ask.pk, declined_at__isnull=True).exclude(state__in=SETTLED)
    if open_ask.update(
        state=InvitationState.DECLINED, declined_at=now, outcome_reason=SuppressionReason.UNSUBSCRIBED.value
    ):
        timeline.record(
            kind="survey.declined",
            cause_key=f"invitation:{ask.pk}:declined",
            account=ask.account,
            contact=ask.contact,
            subject=("invitation", ask.pk),
            occurred_at=now,
            data={"reason": "unsubscribed"},
        )


def _help(page: HostedPage | None, language: str) -> str:
    if not settings.SENDING_ENABLED:
        return ""
    workspace = team_queries.workspace()
    content = page.content if page is not None else Content()
    brand = content.wording(language, company=workspace.name).brand
    return text.help_text(language, brand=brand, scale=content.scale)


# --- What the provider reports -------------------------------------------------------------------------------
@transaction.atomic
def note_status(*, provider_id: str, delivery_id: int | None, fields: Mapping[str, str]) -> bool:
    """Take in what Twilio reports of an SMS; says whether it is one of ours. Idempotent, and the same in any order.

    Any report proves that the SMS had arrived there, so a doubt is settled by it.
    """
    row = queries.delivery_of(provider_id=provider_id, delivery_id=delivery_id)
    if row is None:
        return False
    if not row.provider_id:
        Delivery.objects.filter(pk=row.pk, provider_id="").update(provider_id=provider_id)
    status = twilio.read_status(fields)
    detail = (
        f"{twilio.MEANINGS.get(status.code, 'The SMS was not delivered')} (error {status.code or 'unknown'})."
    )
    if status.opted_out:
        delivery.note_bounce(
            row.invitation_id,
            detail,
            now=clock.now(),
            reason=SuppressionReason.UNSUBSCRIBED,
            channel=Channel.SMS,
        )
        Delivery.objects.filter(pk=row.pk).update(error=detail)
        return True
    if status.is_failed:
        report = delivery.Report.BOUNCED if status.number_bad else delivery.Report.REJECTED
    else:
        # Also what is only on its way settles a doubt; delivered is what it then counts as.
        report = delivery.Report.DELIVERED
        if not status.is_delivered and row.state != "in_doubt":
            return True
    return delivery.note_report(report=report, key=row.key, provider_id="", at=None, detail=detail)


def ask_for_prices(hour: dt.datetime) -> None:
    """Queue the hourly question for prices, where an SMS waits for one. The provider may be slow, so a job asks."""
    if channel.provider() is not None and settings.SENDING_ENABLED and _unpriced(limit=1):
        jobs.submit(PRICES, key=f"{PRICES}:{hour:%Y-%m-%dT%H}")


def _ask_all(job: jobs.JobContext) -> None:
    while note_prices() and not jobs.stopping():
        job.extend_lease()


def note_prices() -> int:
    """Ask the provider what some SMS of the last day cost, each once, an hour after it was sent; returns how many were asked for."""
    service = channel.provider()
    if service is None or not settings.SENDING_ENABLED:
        return 0
    rows = _unpriced(limit=PRICES_AT_ONCE)
    for row in rows:
        price = service.price_of(row.provider_id)
        if price is None:
            Delivery.objects.filter(pk=row.pk).update(price_currency=NO_PRICE)
            continue
        Delivery.objects.filter(pk=row.pk).update(price=price.amount, price_currency=price.currency)
    return len(rows)


def _unpriced(*, limit: int) -> list[Delivery]:
    now = clock.now()
    return queries.unpriced(since=now - dt.timedelta(days=1), until=now - dt.timedelta(hours=1), limit=limit)


def register() -> None:
    jobs.handler(PRICES, long=True)(_ask_all)
    jobs.hourly(PRICES, minute=20, func=ask_for_prices)
