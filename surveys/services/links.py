"""Public links: made, changed, switched off; and the answers that come through them.

Nobody is known who answers there, so what bounds abuse is (docs/links.md says what it can and cannot do):

- a signed nonce: a form must have been shown, for as long as a person needs to read it, and is one answer only;
- the hidden field and the gesture of surveys.intent_rules, as for mails;
- two exact limits an hour, of one network address on the link and of the link as a whole.
"""

import datetime as dt
import re
from dataclasses import dataclass
from urllib.parse import urlsplit

from django.db import IntegrityError, transaction
from django.db.models import F

from core import ratelimit
from core.errors import Invalid, Refused
from core.secrets import address_key
from surveys import ingest, tokens
from surveys.choices import Channel, SurveyState
from surveys.intent_rules import Trail, judge
from surveys.models import PublicLink, Response, Survey, SurveyVersion
from surveys.queries import links as queries
from surveys.queries.links import LinkPage
from surveys.services.respond import Result, Submission
from team import audit
from team.models import User

NAME_LENGTH = 80
TAG_LENGTH = 34  # "link:" before it still fits a source
MAX_LIMIT = 100_000
MAX_ORIGINS = 20
HOUR = 3600


# --- Made and changed by the team ----------------------------------------------------------------------------
@dataclass(frozen=True, slots=True, kw_only=True)
class LinkPlan:
    """Everything that can be said of a link."""

    name: str
    source_tag: str = ""
    is_kiosk: bool = False
    kiosk_seconds: int = 10
    origins: tuple[str, ...] = ()
    asks_email: bool = False
    hourly_limit: int = 1000
    address_hourly_limit: int = 60

    @classmethod
    def of(cls, link: PublicLink) -> "LinkPlan":
        return cls(
            name=link.name,
            source_tag=link.source_tag,
            is_kiosk=link.is_kiosk,
            kiosk_seconds=link.kiosk_seconds,
            origins=tuple(link.origins),
            asks_email=link.asks_email,
            hourly_limit=link.hourly_limit,
            address_hourly_limit=link.address_hourly_limit,
        )


@transaction.atomic
def create_link(*, survey: Survey, plan: LinkPlan, actor: User) -> PublicLink:
    """A link that works at once, once its survey is active. Raises `Refused` for an archived survey or a name taken."""
    if survey.state == SurveyState.ARCHIVED:
        raise Refused("This survey is archived. Bring it back before you give out addresses of it.")
    link = PublicLink(survey=survey, created_by=actor)
    _fill(link, plan)
    _save(link, actor)
    audit.record(action="link.created", actor=actor, obj=link, survey=survey.pk)
    return link


@transaction.atomic
def update_link(*, link: PublicLink, plan: LinkPlan, actor: User) -> PublicLink:
    """Change a link; its address stays. Another source tag is for answers from now on."""
    held = PublicLink.objects.select_for_update().get(pk=link.pk)
    _fill(held, plan)
    _save(held, actor)
    audit.record(action="link.updated", actor=actor, obj=held)
    return held


@transaction.atomic
def switch(*, link: PublicLink, on: bool, actor: User) -> PublicLink:
    """Switched off, the address says that the survey is closed. What was answered stays."""
    held = PublicLink.objects.select_for_update().get(pk=link.pk)
    if held.is_active != on:
        held.is_active = on
        _save(held, actor)
        audit.record(action="link.switched_on" if on else "link.switched_off", actor=actor, obj=held)
    return held


def read_origins(text: str) -> tuple[str, ...]:
    """Web sites, one a line, as browsers name their origin. Raises `Invalid` naming the line that is none."""
    found: list[str] = []
    for line in text.split():
        origin = _origin(line)
        if origin is None:
            raise Invalid(
                f"“{line[:80]}” is no web site's origin. Write it as https://www.example.com, without a path and without *.",
                field="origins",
            )
        if origin not in found:
            found.append(origin)
    return tuple(found)


def _origin(text: str) -> str | None:
    """`https://host[:port]`; plain http only for one's own machine. What cannot stand in a header is no origin."""
    if not re.fullmatch(r"https?://[A-Za-z0-9.\-\[\]:]{1,253}/?", text):
        return None
    try:
        parts = urlsplit(text)
        host, port = (parts.hostname or "").lower(), parts.port
    except ValueError:
        return None
    if not re.fullmatch(r"[a-z0-9]([a-z0-9.\-]*[a-z0-9])?", host) or ".." in host:
        return None
    if parts.scheme == "http" and host not in {"localhost", "127.0.0.1"}:
        return None
    usual = {"http": 80, "https": 443}[parts.scheme]
    return f"{parts.scheme}://{host}" + (f":{port}" if port is not None and port != usual else "")


def _fill(link: PublicLink, plan: LinkPlan) -> None:
    name = " ".join(plan.name.split())
    if not name or len(name) > NAME_LENGTH:
        raise Invalid(
            f"Give the link a name of 1 to {NAME_LENGTH} characters; only your team sees it.", field="name"
        )
    tag = plan.source_tag.strip().lower()
    if tag and not re.fullmatch(rf"[a-z0-9_-]{{1,{TAG_LENGTH}}}", tag):
        raise Invalid(
            f"A source tag is up to {TAG_LENGTH} letters, digits, dashes or underscores, such as booth-hamburg.",
            field="source_tag",
        )
    if not 3 <= plan.kiosk_seconds <= 300:
        raise Invalid("A kiosk starts again after 3 to 300 seconds.", field="kiosk_seconds")
    for field in ("hourly_limit", "address_hourly_limit"):
        if not 1 <= getattr(plan, field) <= MAX_LIMIT:
            raise Invalid(f"A limit lies between 1 and {MAX_LIMIT:,} answers an hour.", field=field)
    if len(plan.origins) > MAX_ORIGINS:
        raise Invalid(f"At most {MAX_ORIGINS} web sites can show one link.", field="origins")
    origins = read_origins("\n".join(plan.origins))
    link.name, link.source_tag, link.origins = name, tag, list(origins)
    link.is_kiosk, link.kiosk_seconds, link.asks_email = plan.is_kiosk, plan.kiosk_seconds, plan.asks_email
    link.hourly_limit, link.address_hourly_limit = plan.hourly_limit, plan.address_hourly_limit


def _save(link: PublicLink, actor: User) -> None:
    link._history_user = actor  # type: ignore[attr-defined]  # read by simple-history
    try:
        with transaction.atomic():
            link.save()
    except IntegrityError:
        raise Refused(
            "Another link of this survey has this name. Choose another one.", field="name"
        ) from None


# --- Answered by anybody -------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """What became of an answer: as on any hosted page, and the receipt for the thank-you page."""

    result: Result
    receipt: str = ""
    wait_seconds: float = 0

    @property
    def is_capped(self) -> bool:
        return self.wait_seconds > 0


def note_shown(page: LinkPage, *, now: dt.datetime) -> None:
    """Whoever has seen a wording may answer it: from the first look on the version never changes again."""
    version = page.invitation.version
    if version.used_at is None and page.takes_answers:
        SurveyVersion.objects.filter(pk=version.pk, used_at__isnull=True).update(used_at=now)


def answer(
    *, page: LinkPage, submission: Submission, nonce: str, network: str | None, now: dt.datetime
) -> Given:
    """Take in an answer that came through a link. `network` is the sender's IP address; only its HMAC is kept, for two
    days, to count it.

    HELD when the form was not sent by a person; capped (`wait_seconds`) when a limit is reached: neither is recorded.
    """
    shown = queries.read_nonce(page.token, nonce)
    if shown is None or not page.takes_answers:
        return Given(result=Result.CLOSED)
    # Longer ago than any page is open, or before its link was made to look as it does: shown anew, sent once more.
    if now - shown.rendered_at > queries.NONCE_LIFE:
        return Given(result=Result.HELD)
    if judge(proof=submission.proof, trail=Trail(), now=now):
        return Given(result=Result.HELD)
    link = page.link
    external_id = f"{link.pk}:{shown.word}"
    earlier = Response.objects.filter(source=queries.source_of(link), external_id=external_id).first()
    if earlier is not None and link.is_kiosk:
        # Somebody else may stand there by now: what was said stays said.
        return Given(result=Result.SAVED)
    if earlier is None:
        wait = _take(link, network)
        if wait:
            PublicLink.objects.filter(pk=link.pk).update(
                refused_count=F("refused_count") + 1, last_refused_at=now
            )
            return Given(result=Result.HELD, wait_seconds=wait)
    (outcome,) = ingest.ingest([_answer_of(page, submission, external_id=external_id, now=now)])
    if outcome.result == "refused":
        if outcome.code == "locked":
            return Given(result=Result.LOCKED)
        raise Refused(outcome.message, code=outcome.code, field=outcome.field)
    assert outcome.response_id is not None
    return Given(result=Result.SAVED, receipt=tokens.make(tokens.Purpose.RECEIPT, outcome.response_id))


def _answer_of(
    page: LinkPage, submission: Submission, *, external_id: str, now: dt.datetime
) -> ingest.Answer:
    link = page.link
    return ingest.Answer(
        survey_id=link.survey_id,
        version_id=page.invitation.version_id,
        score=submission.score,
        source=queries.source_of(link),
        channel=Channel.LINK,
        external_id=external_id,
        responded_at=now,
        source_updated_at=now,
        email=page.email if link.asks_email else "",
        comment=submission.comment,
        may_contact=submission.may_contact,
        may_quote=submission.may_quote,
        answers=submission.answers,
        language=submission.language,
        completed=submission.is_final,
        attributes={"link": link.pk, "source_tag": link.source_tag},
    )


def _take(link: PublicLink, network: str | None) -> float:
    """Seconds to wait when a limit is reached, else 0. The address first, so that one address cannot use up the link's."""
    who = address_key(network)[:32] if network else "unknown"
    one = ratelimit.take(f"link:{link.pk}:{who}", limit=link.address_hourly_limit, per_seconds=HOUR)
    if not one.allowed:
        return max(1.0, one.reset_seconds)
    every = ratelimit.take(f"link:{link.pk}", limit=link.hourly_limit, per_seconds=HOUR)
    return 0 if every.allowed else max(1.0, every.reset_seconds)
