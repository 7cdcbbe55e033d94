"""Saying whose answers are whose: link, create, set aside, take away, split; one at a time or ten thousand; and undo.

Every decision is an `IdentityAction` with a journal of what it did to each answer. Whoever decides sees what it changed:
the figures before and after are read in the same transaction. Undoing puts back exactly the answers that are still where
the decision put them; what came or was decided since stays. Each change goes through `responses.changing`, so marks,
revisions, chains and scores follow.

An answer that waited is announced when it is first known whose it is (response.scored, at the time it was given). One
that changes hands, or was taken away and is given again, takes its events with it and is an update, so no rule acts on it
twice.
"""

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from django.db import transaction
from django.db.models import F, Q, QuerySet

from accounts import timeline
from accounts.domain import Origin
from accounts.models import Account, Contact, Event
from accounts.services import contacts as contact_services
from accounts.services.newcomers import Newcomer, make_contacts
from core import bulk, clock, jobs, outbox, schedules
from core.errors import Invalid, Refused
from core.models import Job
from surveys import arrivals, domain, identity, sql_identity
from surveys.choices import Identity, IdentityActionKind
from surveys.insight import restated, standing
from surveys.models import ContactScore, IdentityAction, IdentityMove, Response
from surveys.queries import inbox as queries
from surveys.services.responses import SLICE, changing, events_of
from team import audit
from team.models import User

JOB = "surveys.identity"
AT_ONCE = 200
MAX_ROWS = 50_000
UNDO_DAYS = 30
WAITING = (Identity.INBOX, Identity.IGNORED)
_SNAPSHOT = ("plan", "segment", "country", "owner", "stage")


def snapshot(account: Account | None) -> dict[str, object]:
    """The attributes by which figures are broken down, as the account is now."""
    if account is None:
        return {}
    return {
        "plan": account.plan,
        "segment": account.segment,
        "country": account.country,
        "owner": account.owner_id,
        "stage": account.stage_id,
    }


# --- The engine ----------------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class _Wish:
    """Where an answer is to go. `contact` None with identity INBOX takes it away from whoever has it."""

    contact: int | None
    identity: Identity
    hint: Mapping[str, Any] = field(default_factory=dict)
    attributes: Mapping[str, Any] | None = None
    account: int | None = None
    made_contact: bool = False


def _begin(kind: IdentityActionKind, actor: User) -> IdentityAction:
    action = IdentityAction.objects.create(kind=kind, done_at=clock.now(), done_by=actor)
    action.effect = {"before": standing.read([], [], actor), "after": {}}
    return action


@transaction.atomic
def _apply(
    action: IdentityAction,
    wishes: Mapping[int, _Wish],
    actor: User,
    *,
    may_come_from: Iterable[Identity],
    is_undo: bool = False,
) -> list[int]:
    """Do it for at most a slice of answers; returns the ids of those that changed.

    Answers that are not in one of the states `may_come_from`, or are where they are to go already, are passed over: somebody
    else has dealt with them meanwhile.
    """
    allowed = set(may_come_from)
    # Looked at before they are locked too: what is passed over gets no revision that says nothing.
    rows_now = Response.objects.filter(pk__in=wishes, identity__in=allowed)
    wishes = {
        pk: wishes[pk]
        for pk, contact, state in rows_now.values_list("pk", "contact_id", "identity")
        if (contact, state) != (wishes[pk].contact, wishes[pk].identity)
    }
    if not wishes:
        return []
    targets = {wish.contact for wish in wishes.values() if wish.contact is not None}
    with changing(wishes, more_contacts=targets) as rows:
        contacts = {
            contact.pk: contact
            for contact in Contact.objects.live().filter(pk__in=targets).select_related("account")
        }
        chosen = [
            row
            for row in rows
            if row.identity in allowed
            and (wish := wishes[row.pk])
            and (wish.contact is None or wish.contact in contacts)
            and (row.contact_id, row.identity) != (wish.contact, wish.identity)
        ]
        if not chosen:
            return []
        new = {row.pk: _placed(row, wishes[row.pk], contacts) for row in chosen}
        touched = {row.contact_id for row in chosen} | {one["contact_id"] for one in new.values()}
        places = {row.account_id for row in chosen} | {one["account_id"] for one in new.values()}
        _read_before(action, touched, places, actor)
        scores = _latest_scores(targets)
        sql_identity.set_owners(list(new.values()))
        if not is_undo:
            _journal(action, chosen, wishes, new)
        _tell(chosen, new, contacts, scores, actor, is_undo=is_undo)
    return [row.pk for row in chosen]


def _placed(row: Response, wish: _Wish, contacts: Mapping[int, Contact]) -> dict[str, Any]:
    """The columns of an answer once the wish is fulfilled."""
    contact = contacts.get(wish.contact) if wish.contact is not None else None
    attributes: Mapping[str, Any] = row.attributes
    if wish.attributes is not None:
        attributes = wish.attributes
    elif contact is not None:
        attributes = {**row.attributes, **snapshot(contact.account)}
    elif wish.identity in WAITING and row.identity not in WAITING:
        attributes = {key: value for key, value in row.attributes.items() if key not in _SNAPSHOT}
    account = wish.account if contact is None or wish.account is not None else contact.account_id
    return {
        "id": row.pk,
        "contact_id": wish.contact,
        "account_id": account,
        "identity": str(wish.identity),
        "identity_hint": dict(wish.hint),
        "attributes": dict(attributes),
    }


def _read_before(
    action: IdentityAction, contacts: Iterable[int | None], accounts: Iterable[int | None], actor: User
) -> None:
    """Note the figures of contacts and accounts before their first change by this action."""
    before = action.effect["before"]
    known_accounts = set(action.effect.setdefault("accounts", []))
    fresh_accounts = {pk for pk in accounts if pk is not None} - known_accounts
    known_contacts = set(action.effect.setdefault("contacts", []))
    fresh_contacts = {pk for pk in contacts if pk is not None} - known_contacts
    if len(known_contacts) + len(fresh_contacts) > standing.CONTACTS:
        fresh_contacts = set()  # of many people only the sums are told
    found = standing.read(fresh_contacts, fresh_accounts, None)
    before["accounts"] |= found["accounts"]
    before["contacts"] |= found["contacts"]
    action.effect["accounts"] = sorted(known_accounts | fresh_accounts)
    action.effect["contacts"] = sorted(known_contacts | fresh_contacts)


def _end(action: IdentityAction, actor: User | None, number: int) -> IdentityAction:
    """Note the figures as they are now, and how many answers it was."""
    effect = action.effect
    after = standing.read(effect.get("contacts", []), effect.get("accounts", []), actor)
    action.effect = standing.difference(effect["before"], after)
    action.number = number
    action.save(update_fields=["effect", "number", "contacts_made"])
    return action


def _latest_scores(contacts: Iterable[int]) -> dict[tuple[int, str], tuple[dt.datetime, int]]:
    rows = ContactScore.objects.filter(contact__in=list(contacts))
    return {
        (contact, metric): (at, score)
        for contact, metric, at, score in rows.values_list(
            "contact_id", "metric", "latest_at", "latest_score"
        )
    }


def _journal(
    action: IdentityAction,
    rows: Sequence[Response],
    wishes: Mapping[int, _Wish],
    new: Mapping[int, Mapping[str, Any]],
) -> None:
    bulk.insert(
        IdentityMove,
        [
            IdentityMove(
                action_id=action.pk,
                response_id=row.pk,
                from_contact=row.contact_id,
                from_account=row.account_id,
                from_identity=row.identity,
                to_contact=new[row.pk]["contact_id"],
                to_account=new[row.pk]["account_id"],
                to_identity=new[row.pk]["identity"],
                hint=row.identity_hint,
                attributes=row.attributes,
                made_contact=wishes[row.pk].made_contact,
            )
            for row in rows
        ],
    )


def _tell(
    rows: Sequence[Response],
    new: Mapping[int, Mapping[str, Any]],
    contacts: Mapping[int, Contact],
    scores: dict[tuple[int, str], tuple[dt.datetime, int]],
    actor: User,
    *,
    is_undo: bool,
) -> None:
    """Events follow their answers; one that waited is announced, one that changed hands is an update."""
    known_before = _known_before([row.pk for row in rows if row.identity in WAITING])
    # An anonymous one counted already, so it was announced.
    known_before |= {row.pk for row in rows if row.identity == Identity.ANONYMOUS}
    sql_identity.follow_events(
        [
            {
                "id": row.pk, "from_contact": row.contact_id, "contact_id": new[row.pk]["contact_id"],
                "account_id": new[row.pk]["account_id"],
            }
            for row in rows
            if row.contact_id != new[row.pk]["contact_id"]
            and (row.contact_id is not None or row.pk in known_before)
        ]
    )  # fmt: skip
    was_at = {row.pk: row.account_id for row in rows}
    announced: list[Response] = []
    moved: list[Response] = []
    left: list[Response] = []
    for row in sorted(rows, key=lambda row: (row.responded_at, row.pk)):
        place, was = new[row.pk], row.contact_id
        waited = row.identity in WAITING
        if place["contact_id"] is not None:
            contact = contacts[place["contact_id"]]
            row.contact, row.account_id = contact, place["account_id"]
            if contact.account_id == row.account_id:
                row.account = contact.account
            is_news = waited and not is_undo and row.pk not in known_before
            (announced if is_news else moved).append(row)
        elif was is not None:
            left.append(row)
        row.identity = place["identity"]
    events = events_of(
        announced, "response.scored", "scored", actor=actor, data=lambda row: _arrival(row, scores)
    )
    for event, row in zip(events, announced, strict=True):
        event.occurred_at, event.origin = row.responded_at, Origin(row.origin)
    stamp = f"{clock.now():%Y%m%d%H%M%S%f}"
    events += events_of(
        moved, "response.updated", f"relinked:{stamp}", actor=actor, data=lambda row: {"change": "relinked"}
    )
    events += events_of(
        left, "response.unlinked", f"unlinked:{stamp}", actor=actor, data=lambda row: {"change": "unlinked"}
    )
    timeline.record_many(events)
    # These no live event names: where an answer was before, and where one of the past is now.
    behind = {place for pk, place in was_at.items() if place != new[pk]["account_id"]}
    quiet = {row.account_id for row in announced if row.origin != Origin.LIVE}
    restated.tell(behind | quiet)


def _known_before(waiting: Sequence[int]) -> set[int]:
    """Of answers that wait those that were somebody's once: they have been announced, and have events to take along."""
    moves = IdentityMove.objects.filter(response__in=waiting)
    undone = Q(to_contact__isnull=False, action__undone_at__isnull=False)
    moves = moves.filter(Q(from_contact__isnull=False) | undone)
    return set(moves.values_list("response_id", flat=True))


def _arrival(row: Response, scores: dict[tuple[int, str], tuple[dt.datetime, int]]) -> dict[str, object]:
    """What ingest says of an answer that is matched at once."""
    found: dict[str, object] = {
        "state": row.state, "channel": row.channel, "has_comment": bool(row.comment)
    }  # fmt: skip
    key = (row.contact_id or 0, row.metric)
    before = scores.get(key)
    if before is not None:
        found |= {
            "contact_score_before": before[1],
            "contact_category_before": domain.category_of(row.metric, before[1]),
        }
    if before is None or before[0] <= row.responded_at:
        scores[key] = (row.responded_at, row.score)
    return found


# --- One answer ----------------------------------------------------------------------------------------------
@transaction.atomic
def link_response(*, response: Response, contact: Contact, actor: User) -> Response:
    """Say whose answer it is, or correct it: score, chain, figures and account follow.

    The attributes are those of the account today: what they were then is not known.
    """
    if response.contact_id != contact.pk:
        link(pairs={response.pk: contact.pk}, actor=actor)
    fresh: Response = Response.objects.select_related("contact", "account").get(pk=response.pk)
    return fresh


@transaction.atomic
def link(*, pairs: Mapping[int, int], actor: User) -> IdentityAction:
    """Link answers (by id) to contacts (by id), whoever has them now. Refused when one of them is gone.

    Returns the decision, with what it changed.
    """
    gone = set(pairs.values()) - set(
        Contact.objects.live().filter(pk__in=pairs.values()).values_list("pk", flat=True)
    )
    if gone:
        raise Refused(
            "This contact no longer exists. Choose another one.", code="contact_gone", field="contact"
        )
    action = _begin(IdentityActionKind.LINK, actor)
    changed: list[int] = []
    for ids in _cut(pairs):
        wishes = {pk: _Wish(pairs[pk], Identity.MATCHED) for pk in ids}
        changed += _apply(action, wishes, actor, may_come_from=Identity)
    return _finish(action, changed, "response.linked", actor)


def _cut(ids: Iterable[int]) -> list[list[int]]:
    listed = sorted(ids)
    return [listed[start : start + SLICE] for start in range(0, len(listed), SLICE)]


def _finish(action: IdentityAction, changed: Sequence[int], audited: str, actor: User) -> IdentityAction:
    if not changed:
        raise Refused("Somebody else has dealt with this answer meanwhile.", code="changed_meanwhile")
    _end(action, actor, len(changed))
    for pk in changed[:AT_ONCE]:
        move = IdentityMove.objects.get(action=action, response=pk)
        audit.record(
            action=audited, actor=actor, obj=Response(pk=pk), contact=move.to_contact, was=move.from_contact,
            decision=action.pk,
        )  # fmt: skip
    return action


@transaction.atomic
def create_contact_from(*, response: Response, account: Account, actor: User, name: str = "") -> Response:
    """Make a contact at `account` of what the answer said about its author, and link the answer to it.

    Raises `Refused` when the answer says neither a name nor an address, or the address belongs to somebody already.
    """
    create(response=response, account=account, actor=actor, name=name)
    fresh: Response = Response.objects.select_related("contact", "account").get(pk=response.pk)
    return fresh


@transaction.atomic
def create(*, response: Response, account: Account, actor: User, name: str = "") -> IdentityAction:
    """As `create_contact_from`; returns the decision."""
    hint = response.identity_hint
    action = _begin(IdentityActionKind.CREATE, actor)
    contact = _create_contact(
        {"account": account, "language": response.language, **_contact_values(hint, name)}, actor
    )
    wish = _Wish(contact.pk, Identity.MATCHED, made_contact=True)
    changed = _apply(action, {response.pk: wish}, actor, may_come_from=WAITING)
    action.contacts_made = 1
    return _finish(action, changed, "response.linked", actor)


def _contact_values(hint: Mapping[str, Any], name: str = "") -> dict[str, Any]:
    first, last = identity.split_name(name or hint.get("name", ""))
    return {
        "first_name": first,
        "last_name": last,
        "email": hint.get("email", ""),
        "phone": hint.get("phone", ""),
        "external_id": hint.get("external_id") or None,
    }


def _create_contact(values: Mapping[str, Any], actor: User) -> Contact:
    return contact_services.create_contact(values=values, actor=actor)  # type: ignore[arg-type]  # read from a hint


@transaction.atomic
def ignore_response(*, response: Response, actor: User) -> IdentityAction:
    """Set an unmatched answer aside: it counts nowhere, and can be taken back."""
    return _set_aside([response.pk], IdentityActionKind.IGNORE, "response.ignored", actor)


@transaction.atomic
def take_back(*, response: Response, actor: User) -> IdentityAction:
    """Put an answer that was set aside into the inbox again."""
    return _set_aside([response.pk], IdentityActionKind.RESTORE, "response.unignored", actor)


def _set_aside(ids: Sequence[int], kind: IdentityActionKind, audited: str, actor: User) -> IdentityAction:
    action = _begin(kind, actor)
    changed = _put_aside(action, ids, actor)
    return _finish(action, changed, audited, actor)


def _put_aside(action: IdentityAction, ids: Sequence[int], actor: User) -> list[int]:
    start, end = Identity.INBOX, Identity.IGNORED
    if action.kind == IdentityActionKind.RESTORE:
        start, end = end, start
    hints = dict(Response.objects.filter(pk__in=ids).values_list("pk", "identity_hint"))
    wishes = {pk: _Wish(None, end, hint) for pk, hint in hints.items()}
    return _apply(action, wishes, actor, may_come_from=[start])


@transaction.atomic
def unlink(*, responses: Sequence[Response], actor: User) -> IdentityAction:
    """Take answers away from whoever has them: they wait in the inbox again, and are not given back by themselves.

    What was said about the author comes back from the journal of the decision that linked it, if it is still known.
    """
    action = _begin(IdentityActionKind.UNLINK, actor)
    changed: list[int] = []
    for ids in _cut(row.pk for row in responses):
        hints = _remembered(ids)
        wishes = {
            pk: _Wish(None, Identity.INBOX, {**hints.get(pk, {}), identity.TAKEN_AWAY: True}) for pk in ids
        }
        changed += _apply(action, wishes, actor, may_come_from=[Identity.MATCHED])
    return _finish(action, changed, "response.unlinked", actor)


def _remembered(ids: Sequence[int]) -> dict[int, dict[str, Any]]:
    rows = IdentityMove.objects.filter(response__in=ids, from_identity__in=WAITING).order_by("pk")
    return {pk: hint for pk, hint in rows.values_list("response_id", "hint") if hint}


@transaction.atomic
def split(
    *, contact: Contact, response_ids: Sequence[int], values: Mapping[str, Any], actor: User
) -> tuple[IdentityAction, Contact]:
    """Make a second person of a contact that turned out to be two, and give them the chosen answers.

    `values` are those of a new contact; it stands at the same account unless they say otherwise. Refused when none of the
    answers is chosen; with all of them chosen the first person stays, without answers.
    """
    theirs = set(Response.objects.filter(contact=contact).values_list("pk", flat=True))
    chosen = theirs & set(response_ids)
    if not chosen:
        raise Invalid("Choose the answers that are the other person’s.", field="responses")
    action = _begin(IdentityActionKind.SPLIT, actor)
    other = _create_contact({"account": contact.account, **values}, actor)
    changed: list[int] = []
    for ids in _cut(chosen):
        wishes = {pk: _Wish(other.pk, Identity.MATCHED, made_contact=True) for pk in ids}
        changed += _apply(action, wishes, actor, may_come_from=[Identity.MATCHED])
    action.contacts_made = 1
    _finish(action, changed, "response.linked", actor)
    timeline.record(
        kind="contact.split",
        cause_key=f"contact:{contact.pk}:split:{action.pk}",
        account=contact.account,
        contact=contact,
        actor=actor,
        subject=("contact", other.pk),
        data={"other": other.pk, "answers": len(changed)},
    )
    audit.record(action="contact.split", actor=actor, obj=contact, other=other.pk, answers=len(changed))
    return action, other


# --- Many at once --------------------------------------------------------------------------------------------
MODES: Mapping[str, IdentityActionKind] = {
    "suggested": IdentityActionKind.LINK,
    "contact": IdentityActionKind.LINK,
    "create": IdentityActionKind.CREATE,
    "ignore": IdentityActionKind.IGNORE,
    "restore": IdentityActionKind.RESTORE,
}


def decide_many(
    *,
    response_ids: Sequence[int],
    mode: str,
    actor: User,
    contact: Contact | None = None,
    account: Account | None = None,
) -> IdentityAction:
    """One decision about many answers of the inbox. Few are done at once, more by a job; either way it is one action.

    "suggested" links each to the one person for whom something telling speaks; "contact" links all to `contact`; "create"
    makes contacts at `account`, or without one at the account that the domain makes certain; "ignore" and "restore" set
    aside and take back. Answers for which that is not possible stay where they are.
    """
    if mode not in MODES:
        raise Invalid(f"Choose one of: {', '.join(MODES)}.", field="action")
    if mode == "contact" and (contact is None or contact.merged_into_id or contact.erased_at):
        raise Invalid("Choose the contact these answers belong to.", field="contact")
    ids = sorted(set(response_ids))
    if not ids:
        raise Refused("Nothing waits under this filter any more.", code="nothing")
    if len(ids) > MAX_ROWS:
        raise Refused(f"At most {MAX_ROWS:,} answers at once. Narrow the filter.", code="too_many")
    payload = {
        "mode": mode,
        "ids": ids,
        "contact": None if contact is None else contact.pk,
        "account": None if account is None else account.pk,
    }
    with transaction.atomic():
        action = _begin(MODES[mode], actor)
        action.effect["job"] = len(ids) > AT_ONCE
        action.save(update_fields=["effect"])
        audit.record(action=f"inbox.{mode}", actor=actor, obj=action, count=len(ids))
        if len(ids) > AT_ONCE:
            jobs.submit(
                JOB, action.pk, key=f"identity:{action.pk}", requested_by=actor.pk,
                payload={**payload, "position": 0, "number": 0},
            )  # fmt: skip
            return action
        _decide(action, payload, ids, actor)
        return _end(action, actor, IdentityMove.objects.filter(action=action).count())


def _decide(action: IdentityAction, payload: Mapping[str, Any], ids: Sequence[int], actor: User) -> int:
    mode = payload["mode"]
    if mode in {"ignore", "restore"}:
        return len(_put_aside(action, ids, actor))
    if mode == "create":
        return _create_many(action, ids, payload["account"], actor)
    if mode == "contact":
        pairs = dict.fromkeys(ids, payload["contact"])
    else:
        pairs = queries.sure_suggestions(ids, actor)
    wishes = {pk: _Wish(contact, Identity.MATCHED) for pk, contact in pairs.items()}
    return len(_apply(action, wishes, actor, may_come_from=WAITING)) if wishes else 0


def count_creatable(ids: Sequence[int], account: Account | None) -> int:
    """For how many of these answers "create" would find or make a contact."""
    return sum(
        len(theirs)
        for start in range(0, len(ids), SLICE)
        for _, theirs in _newcomers(ids[start : start + SLICE], account).values()
    )


def _newcomers(ids: Sequence[int], chosen: Account | None) -> dict[str, tuple[Newcomer, list[int]]]:
    """One contact-to-be for each address, external id, phone number or name, with its answers."""
    rows = list(
        Response.objects.filter(pk__in=ids, identity__in=WAITING)
        .order_by("pk")
        .values_list("pk", "identity_hint", "language")
    )
    certain: Mapping[str, Account] = {}
    if chosen is None:
        domains = {identity.company_domain(identity.email_key(h.get("email", ""))) for _, h, _ in rows} - {""}
        certain = arrivals.certain_accounts(domains, None)
    wanted: dict[str, tuple[Newcomer, list[int]]] = {}
    for pk, hint, language in rows:
        key = identity.email_key(hint.get("email", ""))
        account = chosen or certain.get(identity.company_domain(key))
        who = key or hint.get("external_id") or hint.get("phone") or hint.get("name")
        if account is None or not who:
            continue
        _, theirs = wanted.setdefault(who, (arrivals.newcomer(account, hint, language), []))
        theirs.append(pk)
    return wanted


def _create_many(action: IdentityAction, ids: Sequence[int], account_id: int | None, actor: User) -> int:
    """Contacts for those whose account is chosen or certain, and their answers linked."""
    chosen = Account.objects.live().filter(pk=account_id).first() if account_id else None
    if account_id and chosen is None:
        raise Refused("The account was merged or removed meanwhile. Nothing more has been changed.")
    wanted = _newcomers(ids, chosen)
    known = _already_known(wanted)
    fresh = {who: one for who, one in wanted.items() if who not in known}
    made = make_contacts(newcomers=[new for new, _ in fresh.values()], actor=actor)
    wishes: dict[int, _Wish] = {}
    for (_, theirs), contact in zip(fresh.values(), made, strict=True):
        if contact is not None:
            action.contacts_made += 1
            wishes |= {pk: _Wish(contact.pk, Identity.MATCHED, made_contact=True) for pk in theirs}
    for who, contact_id in known.items():
        wishes |= {pk: _Wish(contact_id, Identity.MATCHED) for pk in wanted[who][1]}
    return len(_apply(action, wishes, actor, may_come_from=WAITING)) if wishes else 0


def _already_known(wanted: Mapping[str, tuple[Newcomer, list[int]]]) -> dict[str, int]:
    """Addresses and external ids that a contact has got since the answers came: those answers are theirs."""
    said = {who: (new.external_id, identity.email_key(new.email) or "") for who, (new, _) in wanted.items()}
    by_id, by_email = arrivals.owners({one for one, _ in said.values()}, {one for _, one in said.values()})
    known = {who: by_id.get(external_id) or by_email.get(key) for who, (external_id, key) in said.items()}
    return {who: contact for who, contact in known.items() if contact is not None}


def run_decision(job: "jobs.JobContext") -> None:
    """The job: a slice, the journal and the position in one transaction, so that a kill repeats nothing."""
    payload = job.payload
    actor = _actor(job)
    ids: list[int] = payload["ids"]
    position = int(payload["position"])
    while position < len(ids):
        with transaction.atomic():
            action = IdentityAction.objects.select_for_update(of=("self",)).get(pk=job.subject_id or 0)
            if action.undone_at is not None:
                raise Refused("This was undone meanwhile. Nothing more has been changed.")
            action.effect["job"] = True
            number = _decide(action, payload, ids[position : position + SLICE], actor)
            position += SLICE
            action.number = F("number") + number
            action.save(update_fields=["effect", "number", "contacts_made"])
            job.save(position=position)
        job.report(min(position, len(ids)), len(ids))
    with transaction.atomic():
        action = IdentityAction.objects.get(pk=job.subject_id or 0)
        if "after" in action.effect and action.effect.get("job"):
            _end(action, actor, action.number)


def _gave_up(job: Job) -> None:
    """What was done until then stands as the decision, and may be undone."""
    action = IdentityAction.objects.select_for_update(of=("self",)).filter(pk=job.subject_id or 0).first()
    if action is not None and action.effect.get("job"):
        _end(action, User.objects.filter(pk=job.requested_by or 0).first(), action.number)


def _actor(job: "jobs.JobContext") -> User:
    actor = User.objects.filter(pk=job.job.requested_by or 0).first()
    if actor is None or not actor.is_active:
        raise Refused("Whoever decided this is no longer active. Nothing more has been changed.")
    return actor


# --- Undoing -------------------------------------------------------------------------------------------------
UNDO_JOB = "surveys.identity_undo"


class UndoStanding(StrEnum):
    """Where undoing a decision stands, in `effect["undo"]["state"]`."""

    NONE = ""
    RUNNING = "running"
    FAILED = "failed"


def standing_of_undo(action: IdentityAction) -> UndoStanding:
    """Whether it is being undone, or that failed; none where it was undone or nobody has asked for it."""
    return UndoStanding(action.effect.get("undo", {}).get("state", ""))


def undo(*, action: IdentityAction, actor: User) -> IdentityAction:
    """Put back what a decision moved and nobody has moved since; contacts that it made go if nothing else is theirs.

    What takes long is done by a job, and the decision counts as undone when that has ended. Where it failed, this carries on
    where it stopped. Refused when it was undone already, is still being done, or is older than 30 days.
    """
    with transaction.atomic():
        action = IdentityAction.objects.select_for_update(of=("self",)).get(pk=action.pk)
        if action.undone_at is not None:
            raise Refused("This was undone already.", code="undone")
        if action.sealed_at is not None:
            raise Refused(
                f"This is more than {UNDO_DAYS} days ago, or one of the people was erased. Link the answers by hand.",
                code="sealed",
            )
        if action.effect.get("job"):
            raise Refused("This is still being done. Undo it when it is finished.", code="running")
        if standing_of_undo(action) is UndoStanding.RUNNING:
            raise Refused("This is being undone already.", code="undoing")
        if standing_of_undo(action) is UndoStanding.FAILED:
            return _carry_on(action, actor)
        moves = action.moves.count()
        before = standing.read([], [], actor)
        action.effect = {
            **action.effect,
            "undo": {"before": before, "after": {}, "moved": 0, "state": UndoStanding.RUNNING},
        }
        action.save(update_fields=["effect"])
        audit.record(action="inbox.undone", actor=actor, obj=action, kind=action.kind, count=moves)
        if moves > SLICE:
            jobs.submit(
                UNDO_JOB, action.pk, key=f"identity-undo:{action.pk}", requested_by=actor.pk, payload={"after": 0}
            )  # fmt: skip
            return action
        _, number = _put_back(action, 0, actor)
        _end_undo(action, number, actor)
        return action


def _carry_on(action: IdentityAction, actor: User) -> IdentityAction:
    """A job that failed goes on where it stopped, now for this person."""
    waiting = Job.objects.filter(key=f"identity-undo:{action.pk}")
    waiting.update(requested_by=actor.pk)
    if not outbox.retry_by_hand(waiting):
        raise Refused("This is being undone already.", code="undoing")
    action.effect["undo"] |= {"state": UndoStanding.RUNNING, "error": ""}
    action.save(update_fields=["effect"])
    audit.record(action="inbox.undone", actor=actor, obj=action, kind=action.kind)
    jobs.wake(jobs.LONG_JOB)
    return action


def _undo_gave_up(job: Job) -> None:
    """What went back stays; the decision is not undone, and says why."""
    action = IdentityAction.objects.select_for_update(of=("self",)).filter(pk=job.subject_id or 0).first()
    if action is not None and action.undone_at is None:
        action.effect["undo"] |= {"state": UndoStanding.FAILED, "error": job.error}
        action.save(update_fields=["effect"])


def run_undo(job: "jobs.JobContext") -> None:
    actor = _actor(job)
    after = int(job.payload["after"])
    total = IdentityMove.objects.filter(action=job.subject_id).count()
    done = int(job.payload.get("done", 0))
    while True:
        with transaction.atomic():
            action = IdentityAction.objects.select_for_update(of=("self",)).get(pk=job.subject_id or 0)
            last, number = _put_back(action, after, actor)
            action.effect["undo"]["moved"] += number
            action.effect["undo"] |= {"state": UndoStanding.RUNNING, "error": ""}
            action.save(update_fields=["effect"])
            if last is None:
                _end_undo(action, action.effect["undo"]["moved"], actor)
                return
            after, done = last, done + SLICE
            job.save(after=after, done=done)
        job.report(min(done, total - 1), total)


def _put_back(action: IdentityAction, after: int, actor: User) -> tuple[int | None, int]:
    moves = list(action.moves.filter(pk__gt=after).order_by("pk")[:SLICE])
    if not moves:
        return None, 0
    here = _still_there(moves)
    back = [move for move in moves if move.response_id in here]
    people = _living(Contact.objects.filter(erased_at__isnull=True), [move.from_contact for move in back])
    places = _living(Account.objects.all(), [move.from_account for move in back])
    wishes = {
        move.response_id: _Wish(
            people.get(move.from_contact or 0), Identity(move.from_identity), move.hint, move.attributes,
            places.get(move.from_account or 0),
        )
        for move in back
        if move.from_contact is None or move.from_contact in people
    }  # fmt: skip
    changed: list[int] = []
    if wishes:
        holder = IdentityAction(pk=action.pk, effect={"before": {"accounts": {}, "contacts": {}}})
        changed = _apply(holder, wishes, actor, may_come_from=Identity, is_undo=True)
    _remove_made({move.to_contact for move in back if move.made_contact and move.to_contact}, actor)
    return moves[-1].pk, len(changed)


def _living(rows: "QuerySet[Any]", wanted: Iterable[int | None]) -> dict[int, int]:
    """Where what these ids name lives on: by itself, or in what it was merged into since."""
    found = rows.filter(pk__in={pk for pk in wanted if pk is not None}).values_list("pk", "merged_into_id")
    return {pk: into or pk for pk, into in found}


def _still_there(moves: Sequence[IdentityMove]) -> set[int]:
    """The answers that are where the decision put them, and not because a later one did. An erased person's stay, or the
    past would change."""
    since = IdentityMove.objects.filter(
        response__in=[move.response_id for move in moves], pk__gt=moves[0].pk, action__undone_at__isnull=True
    ).exclude(action=moves[0].action_id)
    decided = dict(since.order_by("pk").values_list("response_id", "pk"))
    moves = [move for move in moves if decided.get(move.response_id, 0) < move.pk]
    wanted = {move.response_id: (move.to_contact, move.to_identity) for move in moves}
    rows = Response.objects.filter(pk__in=wanted, contact__erased_at__isnull=True).values_list(
        "pk", "contact_id", "identity"
    )
    return {pk for pk, contact, state in rows if wanted[pk] == (contact, state)}


def _remove_made(contacts: Iterable[int], actor: User) -> None:
    """Contacts that a decision made and that have nothing but their beginning go with it."""
    for contact in Contact.objects.live().filter(pk__in=list(contacts)).order_by("pk"):
        if not queries.has_history(contact):
            audit.record(action="contact.removed", actor=actor, obj=contact)
            Event.objects.filter(contact=contact).delete()
            Contact.history.filter(id=contact.pk).delete()
            contact.delete()


def _end_undo(action: IdentityAction, number: int, actor: User) -> None:
    undone = action.effect["undo"]
    chosen = [
        int(key) for key in {**action.effect["before"]["accounts"], **action.effect["after"]["accounts"]}
    ]
    people = [
        int(key) for key in {**action.effect["before"]["contacts"], **action.effect["after"]["contacts"]}
    ]
    after = standing.read(people, chosen, actor)
    undone |= {"moved": number, "after": after}
    undone["before"] = {**action.effect["after"], "nps": undone["before"].get("nps")}
    undone["state"] = UndoStanding.NONE
    action.undone_at, action.undone_by = clock.now(), actor
    action.save(update_fields=["undone_at", "undone_by", "effect"])


# --- What happens by itself ----------------------------------------------------------------------------------
def seal_old() -> int:
    """Every day: decisions older than 30 days keep their numbers and forget what was said about people."""
    before = clock.now() - dt.timedelta(days=UNDO_DAYS)
    aged = IdentityAction.objects.filter(sealed_at__isnull=True, done_at__lt=before).order_by("pk")[:1_000]
    # What is being put back still needs what was said.
    old = [action.pk for action in aged if standing_of_undo(action) is UndoStanding.NONE]
    IdentityMove.objects.filter(action__in=old).exclude(hint={}).update(hint={})
    return IdentityAction.objects.filter(pk__in=old).update(sealed_at=clock.now())


def register() -> None:
    """Make the jobs known (from `AppConfig.ready`)."""
    jobs.handler(JOB, long=True, on_failed=_gave_up)(run_decision)
    jobs.handler(UNDO_JOB, long=True, on_failed=_undo_gave_up)(run_undo)
    jobs.daily("surveys.identity.seal", at=dt.time(3, 40), zone=schedules.utc, func=lambda day: seal_old())
