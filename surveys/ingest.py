"""The one door for answers: every channel, connector, import and API call comes through `ingest`.

What is promised, for each answer and in one transaction:

- It is checked and normalised; what can never be right is refused, naming the field.
- Idempotent by (source, external id) and by invitation: the same answer again changes nothing, a newer version updates
  it, an older one (by the source's own time, else by arrival) is ignored. There is never a second response.
- The score must lie on the survey's scale (NPS 0–10, CSAT 1–5, CES 1–7). Answers to further questions are checked against
  the version that was answered: an unknown question or option refuses the whole, what a branch hides is left away.
- It is matched to a contact (surveys/identity.py); what cannot be matched waits in the inbox and counts nowhere yet.
- Response, revision, the contact's chain of superseded answers, latest and previous score, the invitation's state,
  the marks that keep figures true, and the event with its relay row are written together.

A partial answer counts from its score on. Its comment may come later and completes it. The edit window (Workspace.
edit_hours from the first arrival) then closes: from `locked_at` on the score cannot change and a comment can no longer
be replaced, but a comment or an answer to a further question may still be added where there was none. Only origin `correction` may change a locked answer.

Events: `response.scored` once per response, when it is known whose it is (data["state"] tells whether it came whole);
`response.completed` when a partial one is completed; `response.updated` for any other change. A changed score carries
the cause of the first one ("response:7:scored"), so a rule acts on it only if it has not acted on this answer before.
"""

import datetime as dt
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any

from django.db import IntegrityError, OperationalError, connection, transaction

from accounts import extend, timeline
from accounts.domain import Origin
from accounts.models import Account
from core import clock
from surveys import arrivals, domain, identity, sql
from surveys.choices import Channel, Identity, ResponseState
from surveys.content import Content
from surveys.models import Response, SurveyVersion
from team import audit
from team.domain import RowScope
from team.models import User
from team.scope import scope_of

FOLD = "figures_fold"
MAX_COMMENT = 20_000
MAX_BATCH = 5_000
CLOCK_SKEW = dt.timedelta(minutes=5)
EARLIEST = dt.datetime(2000, 1, 1, tzinfo=dt.UTC)
_SOURCE = re.compile(r"[a-z0-9][a-z0-9_.:-]{0,39}")
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
_ROUNDS = 6
_ATTEMPTS = 3


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer as a channel heard it.

    `comment`, `may_contact`, `may_quote` and `answers` None mean "not said": what is known stays. An empty comment takes
    it back. `answers` holds answers to further questions by the question's key (surveys/questions.py); a key that is not
    named stays as it is, an empty value takes the answer back.
    """

    survey_id: int
    score: int
    source: str
    channel: str
    responded_at: dt.datetime
    external_id: str | None = None
    comment: str | None = None
    invitation_id: int | None = None
    version_id: int | None = None
    contact_id: int | None = None
    contact_external_id: str = ""
    email: str = ""
    name: str = ""
    phone: str = ""
    language: str = ""
    may_contact: bool | None = None
    may_quote: bool | None = None
    answers: Mapping[str, Any] | None = None
    completed: bool = False
    source_updated_at: dt.datetime | None = None
    origin: str = "live"
    attributes: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of an answer. `field` and `message` say why one was refused, or what to know about an accepted one."""

    result: str
    response_id: int | None = None
    identity: str = ""
    code: str = ""
    message: str = ""
    field: str = ""


@dataclass(slots=True)
class _Pending:
    """An answer on its way: cleaned, not yet written."""

    n: int
    answer: Answer
    comment: str | None
    email_key: str | None
    phone_key: str | None
    hint: dict[str, str]
    contact_id: int | None
    is_looked_at: bool = False
    is_forgotten: bool = False


class _Unfit(Exception):
    def __init__(self, field: str, message: str, code: str = "invalid") -> None:
        self.outcome = Outcome("refused", code=code, message=message, field=field)


def ingest(
    answers: Sequence[Answer], *, actor: User | None = None, visible_to: User | None = None
) -> list[Outcome]:
    """Take in answers; returns one outcome for each, in their order. Nothing is half-written.

    `actor` is noted on the events and, for corrections, in the audit log. With `visible_to` (an API key's person) a contact outside that person's sight is
    treated like an unknown one: the answer waits in the inbox, and neither loses nor reveals anything.
    """
    outcomes: dict[int, Outcome] = {}
    pending: list[_Pending] = []
    now = clock.now()
    for n, answer in enumerate(answers):
        try:
            pending.append(_cleaned(n, answer, now))
        except _Unfit as unfit:
            outcomes[n] = unfit.outcome
    may_fail = not connection.in_atomic_block  # only a transaction of our own can be begun again
    for attempt in range(_ATTEMPTS):
        found: dict[int, Outcome] = {}
        try:
            with transaction.atomic():
                for start in range(0, len(pending), MAX_BATCH):
                    is_last = start + MAX_BATCH >= len(pending)
                    batch = pending[start : start + MAX_BATCH]
                    _take_in(batch, found, now, actor, visible_to, is_last, may_fail=may_fail and not attempt)
        except (OperationalError, IntegrityError) as error:
            # Two batches that share answers in another order may meet; the database lets one go on. And two that
            # bring the same new answer: the second finds it when it looks again.
            if connection.in_atomic_block or attempt + 1 == _ATTEMPTS or not _is_lost_race(error):
                raise
            # What the lost round learnt of them (a contact it made, a second look) is gone with it.
            pending = [_cleaned(p.n, answers[p.n], now) for p in pending]
        else:
            break
    return [(outcomes.get(n) or found[n]) for n in range(len(answers))]


def _is_lost_race(error: Exception) -> bool:
    # Deadlock, serialisation, unique violation.
    return getattr(error.__cause__, "sqlstate", "") in {"40P01", "40001", "23505"}


# --- Checking ------------------------------------------------------------------------------------------------
def clean_comment(text: str) -> str:
    """A comment as it is kept: no control characters but line breaks and tabs, no blanks around it."""
    if not text.isascii():
        text = text.encode("utf-8", "replace").decode("utf-8")
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    return _CONTROL.sub("", text).strip()


def _cleaned(n: int, answer: Answer, now: dt.datetime) -> _Pending:
    # bool is a kind of int in Python; "true" is not a score.
    if type(answer.score) is not int or not domain.SCORE_MIN <= answer.score <= domain.SCORE_MAX:
        raise _Unfit("score", "The score must be a whole number from 0 to 10.")
    if not _SOURCE.fullmatch(answer.source):
        raise _Unfit(
            "source", "A source is 1 to 40 small letters, digits, dots, dashes, colons or underscores."
        )
    if answer.channel not in _CHANNELS:
        raise _Unfit("channel", f"The channel must be one of: {', '.join(sorted(_CHANNELS))}.")
    if answer.origin not in _ORIGINS:
        raise _Unfit("origin", f"The origin must be one of: {', '.join(sorted(_ORIGINS))}.")
    if answer.external_id is not None and not 0 < len(answer.external_id) <= 200:
        raise _Unfit("external_id", "An external id has 1 to 200 characters.")
    for name in ("responded_at", "source_updated_at"):
        value = getattr(answer, name)
        if value is None:
            continue
        if value.tzinfo is None:
            raise _Unfit(name, "Give the time with its offset, for example 2026-03-17T10:00:00+01:00.")
        if value < EARLIEST:
            raise _Unfit(name, "The time lies before the year 2000.")
        if value > now + CLOCK_SKEW:
            raise _Unfit(name, "The time lies in the future. Check the clock and the offset of the sender.")
    comment = None if answer.comment is None else clean_comment(answer.comment)
    if comment is not None and len(comment) > MAX_COMMENT:
        raise _Unfit(
            "comment", f"The comment has {len(comment):,} characters; at most {MAX_COMMENT:,} are kept."
        )
    for name, limit in (
        ("contact_external_id", 120),
        ("email", 254),
        ("name", 200),
        ("phone", 40),
        ("language", 10),
    ):
        if len(getattr(answer, name)) > limit:
            raise _Unfit(name, f"At most {limit} characters are possible here.")
    key = identity.email_key(answer.email)
    hint = identity.hint(
        email=answer.email.strip(), name=answer.name.strip(), phone=answer.phone.strip(),
        external_id=answer.contact_external_id,
    )  # fmt: skip
    return _Pending(n, answer, comment, key, identity.phone_key(answer.phone), hint, answer.contact_id)


_CHANNELS = frozenset(Channel)
_ORIGINS = frozenset(Origin)


# --- Taking in -----------------------------------------------------------------------------------------------
def _take_in(
    pending: list[_Pending],
    outcomes: dict[int, Outcome],
    now: dt.datetime,
    actor: User | None,
    visible_to: User | None,
    is_last: bool,
    *,
    may_fail: bool,
) -> None:
    """Rounds of look up, decide, write. A second round is for answers that occur twice, and for lost races."""
    for _ in range(len(pending) + _ROUNDS):
        if not pending:
            return
        now_taking, later = _first_of_each(pending)
        plan = _Plan(now=now, actor=actor, hidden=visible_to)
        again = plan.decide(now_taking)
        if plan.planned:
            rows = [row for _, row in plan.planned]
            relay = [timeline.RELAY] if any(row["is_awaited"] for row in rows) else []
            written = sql.write(
                inserts=plan.inserts,
                updates=plan.updates,
                answered=plan.answered(),
                contacts={key for row in rows for key in (row["contact_id"], row["was_contact_id"]) if key},
                wake=[*relay, FOLD],
                may_fail=may_fail,
                ends=is_last and not (again or later or any(_is_audited(p, actor) for p, _ in plan.planned)),
            )
            again += [p for p, row in plan.planned if row["id"] not in written]
            _audit_corrections([p for p in plan.planned if p[1]["id"] in written], actor)
            outcomes.update({p.n: plan.results[p.n] for p, row in plan.planned if row["id"] in written})
        outcomes.update(plan.outcomes)
        pending = [*again, *later]
    raise RuntimeError("Answers kept changing under our hands")


def _audit_corrections(written: list[tuple[_Pending, sql.Row]], actor: User | None) -> None:
    """A correction may change what is locked for everybody else, so it is on record who made it."""
    for p, row in written:
        if _is_audited(p, actor):
            audit.record(
                action="response.corrected", actor=actor, obj=Response(pk=row["id"]),
                score=row["score"], was=row.get("was_score"),
            )  # fmt: skip


def _is_audited(p: _Pending, actor: User | None) -> bool:
    return actor is not None and p.answer.origin == Origin.CORRECTION


def _first_of_each(pending: list[_Pending]) -> tuple[list[_Pending], list[_Pending]]:
    """Answers that are certainly different ones, and those that may be the same again."""
    seen: set[object] = set()
    first: list[_Pending] = []
    later: list[_Pending] = []
    for p in pending:
        keys: set[object] = set()
        if p.answer.external_id is not None:
            keys.add((p.answer.source, p.answer.external_id))
        if p.answer.invitation_id is not None:
            keys.add(p.answer.invitation_id)
        (later if keys & seen else first).append(p)
        seen |= keys
    return first, later


class _Plan:
    """What one round will write, decided from what is known."""

    def __init__(self, *, now: dt.datetime, actor: User | None, hidden: User | None) -> None:
        self.now = now
        self.now_text = sql.moment(now)
        self.actor = actor
        self.viewer = hidden if hidden is not None and scope_of(hidden) is not RowScope.ALL else None
        self.inserts: list[sql.Row] = []
        self.updates: list[sql.Row] = []
        self.planned: list[tuple[_Pending, sql.Row]] = []
        self.outcomes: dict[int, Outcome] = {}
        self.results: dict[int, Outcome] = {}
        self._later_texts: dict[int, str | None] = {}

    def _later(self, hours: int) -> str | None:
        if hours not in self._later_texts:
            self._later_texts[hours] = sql.moment(self.now + dt.timedelta(hours=hours))
        return self._later_texts[hours]

    def decide(self, taking: list[_Pending]) -> list[_Pending]:
        """Fill the plan; returns the answers whose contact moved meanwhile and that must be looked up again."""
        found = sql.look_up(
            [
                {
                    "n": p.n,
                    "survey_id": p.answer.survey_id,
                    "invitation_id": p.answer.invitation_id,
                    "contact_id": p.contact_id,
                    "contact_external_id": p.answer.contact_external_id or None,
                    "email_key": p.email_key,
                    "phone_key": p.phone_key,
                    "source": p.answer.source,
                    "external_id": p.answer.external_id,
                }
                for p in taking
            ]
        )
        ids = [row["response_id"] for row in found.values() if row["response_id"]]
        known: dict[int, Response] = {}
        if ids:
            rows = Response.objects.filter(pk__in=ids).order_by("pk").select_for_update(no_key=True)
            known = {r.pk: r for r in rows}
        seen_accounts = self._visible_accounts(found, known)
        if self._look_again(taking, found, known):
            return taking
        again = []
        more_facts = _registered_facts(found)
        forms = _forms(taking, found, known)
        for p in taking:
            row = found[p.n]
            if row["merged_into_id"] is not None:
                p.contact_id = row["merged_into_id"]
                again.append(p)
                continue
            if row["erased_at"] is not None:
                if row["response_id"]:
                    self.outcomes[p.n] = _erased(row["response_id"])
                    continue
                row = {**row, "contact_id": None, "account_id": None, "role": None}
            refusal = _refusal(p.answer, row)
            if refusal is not None:
                self.outcomes[p.n] = refusal
                continue
            if seen_accounts is not None:
                earlier = known.get(row["response_id"])
                if earlier is not None and earlier.account_id not in seen_accounts:
                    self.outcomes[p.n] = _taken(p.answer)
                    continue
            if seen_accounts is not None and row["contact_id"] and row["account_id"] not in seen_accounts:
                if row["response_id"]:
                    self.outcomes[p.n] = _taken(p.answer)
                    continue
                row = {**row, "contact_id": None, "account_id": None, "role": None}
            facts = more_facts.get((row["account_id"], row["contact_id"]), {})
            if row["response_id"]:
                response = known.get(row["response_id"])
                if response is None or (response.contact_id or row["contact_id"]) != row["contact_id"]:
                    again.append(p)
                    continue
                self._change(p, row, response, facts, forms)
            else:
                self._create(p, row, facts, forms)
        return again

    def _look_again(
        self, taking: list[_Pending], found: Mapping[int, sql.Row], known: Mapping[int, Response]
    ) -> bool:
        """Give those nobody knows a second look (surveys/arrivals.py). True when somebody is known now: then all is looked
        up again, because what was written for it may have taken the ids that the lookup gave out (on SQLite)."""
        unknown = []
        for p in taking:
            row = found[p.n]
            old = known.get(row["response_id"])
            is_known = row["contact_id"] or row["invitation_id"] or (old is not None and old.contact_id)
            if p.is_looked_at or is_known or not p.hint:
                continue
            p.is_looked_at = True
            waits = old is None or (
                old.identity == Identity.INBOX and not old.identity_hint.get(identity.TAKEN_AWAY)
            )
            unknown.append(
                arrivals.Unknown(
                    p.n, p.email_key, p.phone_key, p.hint, p.answer.channel, p.answer.language,
                    p.answer.responded_at, p.answer.origin, waits,
                )
            )  # fmt: skip
        if not unknown:
            return False
        settled = arrivals.settle(unknown, viewer=self.viewer)
        for p in taking:
            if p.n in settled.forgotten:
                p.is_forgotten, p.hint, p.comment = True, {}, None
                p.answer = replace(p.answer, answers=None, may_contact=None, may_quote=None)
            elif p.n in settled.contacts:
                p.contact_id = settled.contacts[p.n]
        return bool(settled.contacts)

    def _visible_accounts(
        self, found: Mapping[int, sql.Row], known: Mapping[int, Response]
    ) -> set[int] | None:
        """Which of the accounts concerned the person may see; an answer without an account is for scope all only."""
        if self.viewer is None:
            return None
        ids = {row["account_id"] for row in found.values() if row["account_id"]}
        ids |= {earlier.account_id for earlier in known.values() if earlier.account_id}
        return set(Account.objects.visible_to(self.viewer).filter(pk__in=ids).values_list("pk", flat=True))

    def _create(
        self, p: _Pending, row: sql.Row, facts: Mapping[str, Any], forms: Mapping[int, Content]
    ) -> None:
        answer = p.answer
        more = _more_answers(answer, forms, answer.version_id or row["invitation_version_id"], row, {})
        if isinstance(more, Outcome):
            self.outcomes[p.n] = more
            return
        scale = domain.scale(row["metric"])
        who = identity.verdict(
            contact_id=row["contact_id"],
            hint=p.hint,
            channel=answer.channel,
            invited=row["invitation_id"] is not None or p.is_forgotten,
        )
        completed = answer.completed or bool(p.comment)
        state = ResponseState.COMPLETED if completed else ResponseState.SCORED
        account_id = row["account_id"] or (
            row["invitation_account_id"] if who is Identity.ANONYMOUS else None
        )
        counted = who in (Identity.MATCHED, Identity.ANONYMOUS)
        hours = row["edit_hours"] if row["edit_hours"] is not None else 24
        new: sql.Row = {
            "id": row["new_id"],
            "survey_id": row["survey_id"],
            "version_id": answer.version_id or row["invitation_version_id"],
            "invitation_id": row["invitation_id"],
            "contact_id": row["contact_id"],
            "account_id": account_id,
            "source": answer.source,
            "external_id": answer.external_id,
            "channel": answer.channel,
            "metric": row["metric"],
            "scale_min": scale.low,
            "scale_max": scale.high,
            "score": answer.score,
            "comment": p.comment or "",
            "language": answer.language,
            "state": state,
            "answers": more,
            "may_contact": bool(answer.may_contact),
            "may_quote": bool(answer.may_quote),
            "responded_at": sql.moment(min(answer.responded_at, self.now)),
            "received_at": self.now_text,
            "source_updated_at": sql.moment(answer.source_updated_at),
            "finalised_at": self.now_text if completed else None,
            "locked_at": self._later(hours),
            "excluded_reason": "",
            "superseded_at": None,
            "identity": who,
            "identity_hint": p.hint if who is Identity.INBOX else {},
            "attributes": _attributes(row, answer),
            "origin": answer.origin,
            "loop_status": "open",
            "was_counted": False,
            "was_contact_id": None,
            "counted": counted,
        }
        # An answer nobody knows is announced when it is matched: there is nobody yet to tell about it.
        self._beside(new, row, facts, "response.scored" if counted else None, "scored")
        self.inserts.append(new)
        self.planned.append((p, new))
        self.results[p.n] = Outcome("created", new["id"], who)

    def _change(
        self,
        p: _Pending,
        row: sql.Row,
        old: Response,
        facts: Mapping[str, Any],
        forms: Mapping[int, Content],
    ) -> None:
        answer = p.answer
        same = Outcome("unchanged", old.pk, old.identity)
        stale = (
            answer.source_updated_at is not None
            and old.source_updated_at is not None
            and answer.source_updated_at < old.source_updated_at
        )
        if stale:
            self.outcomes[p.n] = Outcome(
                "unchanged", old.pk, old.identity, "stale", "A newer version is known."
            )
            return
        more = _more_answers(answer, forms, old.version_id or answer.version_id, row, old.answers)
        if isinstance(more, Outcome):
            self.outcomes[p.n] = more
            return
        comment = old.comment if p.comment is None else p.comment
        completed = old.state == ResponseState.COMPLETED or answer.completed or bool(comment)
        may_find = old.identity != Identity.IGNORED and not old.identity_hint.get(identity.TAKEN_AWAY)
        contact_id = old.contact_id or (row["contact_id"] if may_find else None)
        is_newly_known = contact_id is not None and old.contact_id is None
        rescored = answer.score != old.score
        replaced = bool(old.comment) and comment != old.comment
        may_contact = old.may_contact if answer.may_contact is None else answer.may_contact
        may_quote = old.may_quote if answer.may_quote is None else answer.may_quote
        language = answer.language or old.language
        # The source shows a version that is younger than its deletion: it has the answer again.
        is_back = (
            old.deleted_upstream_at is not None
            and answer.source_updated_at is not None
            and answer.source_updated_at > old.deleted_upstream_at
        )
        hint = {} if is_newly_known else old.identity_hint
        if old.identity == Identity.INBOX and may_find and not is_newly_known:
            hint = {**old.identity_hint, **p.hint}  # more is said of the author than before
        nothing_new = (
            not (rescored or is_newly_known or is_back)
            and hint == old.identity_hint
            and comment == old.comment
            and completed == (old.state == ResponseState.COMPLETED)
            and more == old.answers
            and may_contact == old.may_contact
            and may_quote == old.may_quote
            and language == old.language
            and (answer.source_updated_at or old.source_updated_at) == old.source_updated_at
            and (old.invitation_id or row["invitation_id"]) == old.invitation_id
        )
        if nothing_new:
            self.outcomes[p.n] = same
            return
        is_locked = old.locked_at is not None and self.now >= old.locked_at
        changed = any(more.get(key) != value for key, value in old.answers.items())
        if is_locked and (rescored or replaced or changed) and answer.origin != Origin.CORRECTION:
            self.outcomes[p.n] = Outcome(
                "refused", old.pk, old.identity, "locked",
                "The time to change this answer is over. A comment can still be added where there is none.",
                "score" if rescored else "comment" if replaced else "answers",
            )  # fmt: skip
            return
        who = Identity.MATCHED if is_newly_known else Identity(old.identity)
        was_counted = is_counted(old)
        if is_back:
            # The row is locked; everything that follows from it is written below.
            Response.objects.filter(pk=old.pk).update(deleted_upstream_at=None)
            old.deleted_upstream_at = None
        counted = was_counted or (
            (is_newly_known or (is_back and is_counted(old)))
            and not old.excluded_reason
            and old.deleted_upstream_at is None
        )
        in_figures = was_counted != counted or rescored or is_newly_known
        now_completed = completed and old.state != ResponseState.COMPLETED
        new: sql.Row = {
            "id": old.pk,
            "survey_id": old.survey_id,
            "version_id": old.version_id or answer.version_id or row["invitation_version_id"],
            "invitation_id": old.invitation_id or row["invitation_id"],
            "contact_id": contact_id,
            "account_id": row["account_id"] if is_newly_known else old.account_id,
            "source": old.source,
            "channel": old.channel,
            "metric": old.metric,
            "score": answer.score,
            "comment": comment,
            "language": language,
            "state": ResponseState.COMPLETED if completed else ResponseState.SCORED,
            "answers": more,
            "may_contact": may_contact,
            "may_quote": may_quote,
            "responded_at": sql.moment(old.responded_at),
            "source_updated_at": sql.moment(answer.source_updated_at or old.source_updated_at),
            "finalised_at": sql.moment(old.finalised_at or (self.now if completed else None)),
            "excluded_reason": old.excluded_reason,
            "superseded_at": sql.moment(old.superseded_at),
            "identity": who,
            "identity_hint": hint,
            "attributes": _attributes(row, answer) if is_newly_known else old.attributes,
            "origin": old.origin,
            "is_deleted": old.deleted_upstream_at is not None,
            "counted": counted and in_figures,
            "was_counted": was_counted and in_figures,
            "was_score": old.score,
            "was_responded_at": sql.moment(old.responded_at),
            "was_superseded_at": sql.moment(old.superseded_at),
            "was_attributes": old.attributes,
            "was_contact_id": old.contact_id,
        }
        kind: str | None = "response.updated"
        transition = "updated"
        if is_newly_known and not was_counted:
            kind, transition = "response.scored", "scored"
        elif now_completed and not rescored:
            kind, transition = "response.completed", "completed"
        elif rescored:
            transition = "scored"
        if not counted and not was_counted:
            kind = None
        self._beside(new, row, facts, kind, transition, previous=old.score if rescored else None)
        if is_newly_known and was_counted and old.account_id != new["account_id"]:
            # The minus mark must carry the account it was counted for; that is the plain path's business.
            sql.mark([old.pk], -1)
            new["was_counted"] = False
        self.updates.append(new)
        self.planned.append((p, new))
        self.results[p.n] = Outcome("updated", old.pk, who)

    def _beside(
        self,
        new: sql.Row,
        row: sql.Row,
        facts: Mapping[str, Any],
        kind: str | None,
        transition: str,
        previous: int | None = None,
    ) -> None:
        metric = new["metric"]
        data = {
            "metric": metric,
            "score": new["score"],
            "category": domain.category_of(metric, new["score"]),
            "survey": new["survey_id"],
            "channel": new["channel"],
            "state": str(new["state"]),
            "has_comment": bool(new["comment"]),
        }
        if row["score_before"] is not None:
            before = row["score_before"]
            data |= {
                "contact_score_before": before,
                "contact_category_before": domain.category_of(metric, before),
            }
        if previous is not None:
            data |= {"previous_score": previous, "previous_category": domain.category_of(metric, previous)}
        new |= {
            "known_at": self.now_text,
            "event_id": row["new_event_id"],
            "event_kind": kind,
            "is_awaited": kind is not None and timeline.is_awaited(kind, new["origin"]),
            "cause_key": f"response:{new['id']}:{transition}",
            "actor_id": self.actor.pk if self.actor else None,
            "facts": {**_facts(row), **facts, "score": new["score"], "category": data["category"]},
            "data": data,
        }
        new.setdefault("is_deleted", False)

    def answered(self) -> list[sql.Row]:
        now = self.now_text
        return [
            {
                "invitation_id": row["invitation_id"],
                "scored_at": now,
                "commented_at": now if row["comment"] else None,
            }
            for _, row in self.planned
            if row["invitation_id"]
        ]


def _refusal(answer: Answer, row: sql.Row) -> Outcome | None:
    if row["survey_id"] is None:
        return Outcome(
            "refused", code="unknown_survey", message="There is no survey with this id.", field="survey_id"
        )
    if answer.invitation_id is not None:
        if row["invitation_id"] is None:
            return Outcome(
                "refused",
                code="unknown_invitation",
                message="There is no such invitation.",
                field="invitation_id",
            )
        if row["invitation_survey_id"] != row["survey_id"]:
            return Outcome(
                "refused", code="foreign_invitation", field="invitation_id",
                message="The invitation belongs to another survey.",
            )  # fmt: skip
        if row["is_test"]:
            return Outcome("unchanged", code="test", message="The answer to a test is not recorded.")
    scale = domain.scale(row["metric"])
    if answer.score not in scale.scores:
        return Outcome(
            "refused", code="off_scale", field="score",
            message=f"The score of this survey must be a whole number from {scale.low} to {scale.high} ({scale.label}).",
        )  # fmt: skip
    return None


def _forms(
    taking: Sequence[_Pending], found: Mapping[int, sql.Row], known: Mapping[int, Response]
) -> dict[int, Content]:
    """The contents that further answers are checked against, by version; one query, and none when nobody gave any."""
    wanted: set[int] = set()
    for p in taking:
        row = found[p.n]
        old = known.get(row["response_id"])
        if p.answer.answers or (old is not None and old.answers):
            versions = (old.version_id if old is not None else None, p.answer.version_id)
            wanted |= {
                key for key in (*versions, row["invitation_version_id"], row["current_version_id"]) if key
            }
    if not wanted:
        return {}
    rows = SurveyVersion.objects.filter(pk__in=wanted).values_list("pk", "content")
    return {key: Content.from_json(content) for key, content in rows}


def _more_answers(
    answer: Answer,
    forms: Mapping[int, Content],
    version_id: int | None,
    row: sql.Row,
    old: Mapping[str, Any],
) -> dict[str, Any] | Outcome:
    """The further answers as they are kept from now on, or why these cannot be taken."""
    given = answer.answers or {}
    if not given and not old:
        return {}
    content = forms.get(version_id or row["invitation_version_id"] or row["current_version_id"] or 0)
    if content is None:
        if not given:
            return dict(old)
        content = Content()
    checked = content.check_answers(answer.score, {**old, **given})
    for problem in checked.problems:
        if problem.key in given:
            return Outcome(
                "refused", code=problem.code, field=f"answers.{problem.key[:60]}", message=problem.message
            )
    return dict(checked.answers)


def _erased(response_id: int) -> Outcome:
    """The author was erased: the score is kept without them, and nothing they said comes back."""
    return Outcome(
        "unchanged", response_id, Identity.MATCHED, "erased", "The person was erased; nothing is added to their answer."
    )  # fmt: skip


def _taken(answer: Answer) -> Outcome:
    """An earlier copy is out of sight: it is neither changed nor told about."""
    if answer.external_id is None:
        return Outcome(
            "refused",
            code="conflict",
            field="invitation_id",
            message="This invitation cannot be answered with this key.",
        )
    return Outcome(
        "refused", code="conflict", field="external_id",
        message="This external id is taken. Use another one, or another source.",
    )  # fmt: skip


def is_counted(response: Response) -> bool:
    """Whether an answer enters figures: the same condition as `ResponseQuerySet.counted` and `sql.COUNTED`."""
    return (
        not response.excluded_reason
        and response.deleted_upstream_at is None
        and response.identity in (Identity.MATCHED, Identity.ANONYMOUS)
    )


def _attributes(row: sql.Row, answer: Answer) -> dict[str, Any]:
    """The account as it was at the answer: figures by plan or owner do not change when the account does."""
    found = {str(key): value for key, value in answer.attributes.items()}
    if row["account_id"] is not None:
        found |= {
            "plan": row["plan"],
            "segment": row["segment"],
            "country": row["country"],
            "owner": row["owner_id"],
            "stage": row["stage_id"],
        }
    return found


def _facts(row: sql.Row) -> dict[str, Any]:
    """The same as `timeline.current_facts`, of what was looked up; what other apps register comes beside."""
    found: dict[str, Any] = {}
    public = _public_fields(row["public_fields"] or "[]")
    for target, columns in (("account", timeline.ACCOUNT_FACTS), ("contact", timeline.CONTACT_FACTS)):
        if row[f"{target}_id"] is not None:
            found |= timeline.facts_of_columns({key: row[column] for key, column in columns.items()})
            if public:
                found |= timeline.custom_facts(target, json.loads(row[f"{target}_custom"]), public)
    return found


@lru_cache(maxsize=8)
def _public_fields(text: str) -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = json.loads(text)
    return found


def _registered_facts(found: Mapping[int, sql.Row]) -> dict[tuple[int | None, int | None], dict[str, Any]]:
    """Facts that other apps register, read only when there are any (ours are in `_beside`)."""
    readers = extend.registered.facts.values()
    if not readers:
        return {}
    keys = list(dict.fromkeys((row["account_id"], row["contact_id"]) for row in found.values()))
    facts: dict[tuple[int | None, int | None], dict[str, Any]] = {key: {} for key in keys}
    for read in readers:
        for pair, added in zip(keys, read(keys), strict=True):
            facts[pair] |= added
    return facts
