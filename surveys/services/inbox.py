"""Answers nobody could be found for: link them to a contact, make a contact of them, or set them aside."""

from django.db import transaction

from accounts import timeline
from accounts.models import Account, Contact
from accounts.services import contacts as contact_services
from core.errors import Refused
from surveys import domain
from surveys.choices import Identity
from surveys.models import ContactScore, Response
from surveys.services.responses import changing, event_of
from team import audit
from team.models import User


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


@transaction.atomic
def link_response(*, response: Response, contact: Contact, actor: User) -> Response:
    """Say whose answer it is, or correct it: score, chain, figures and account follow.

    An answer that waited is announced now (response.scored); one that belonged to somebody else is an update, so no
    rule acts on it twice. The attributes are those of the account today: what they were then is not known.
    """
    if contact.merged_into_id is not None or contact.erased_at is not None:
        raise Refused(
            "This contact no longer exists. Choose another one.", code="contact_gone", field="contact"
        )
    if response.contact_id == contact.pk:
        return response
    with changing([response.pk], more_contacts=[contact.pk]) as rows:
        (row,) = rows
        was = Identity(row.identity)
        before = (
            ContactScore.objects.filter(contact=contact, metric=row.metric)
            .values_list("latest_score", flat=True)
            .first()
        )
        Response.objects.filter(pk=row.pk).update(
            contact=contact,
            account=contact.account,
            identity=Identity.MATCHED,
            identity_hint={},
            attributes={**row.attributes, **snapshot(contact.account)},
        )
        fresh: Response = Response.objects.select_related("contact", "account").get(pk=row.pk)
        if was in (Identity.INBOX, Identity.IGNORED):
            event = event_of(fresh, "response.scored", "scored", actor=actor, state=fresh.state,
                             channel=fresh.channel, has_comment=bool(fresh.comment), **_before(row.metric, before))  # fmt: skip
            event.occurred_at, event.origin = fresh.responded_at, fresh.origin
        else:
            event = event_of(fresh, "response.updated", "updated", actor=actor, change="relinked")
        timeline.record_many([event])
        audit.record(action="response.linked", actor=actor, obj=fresh, contact=contact.pk, was=row.contact_id)
    return fresh


def _before(metric: str, score: int | None) -> dict[str, object]:
    """What the contact's latest score was, as ingest says it of an answer that is matched at once."""
    if score is None:
        return {}
    return {"contact_score_before": score, "contact_category_before": domain.category_of(metric, score)}


@transaction.atomic
def create_contact_from(*, response: Response, account: Account, actor: User, name: str = "") -> Response:
    """Make a contact at `account` of what the answer said about its author, and link the answer to it.

    Raises `Refused` when the answer says neither a name nor an address, or the address belongs to somebody already.
    """
    hint = response.identity_hint
    said = " ".join((name or hint.get("name", "")).split())
    first, _, last = said.rpartition(" ")
    contact = contact_services.create_contact(
        values={
            "account": account,
            "first_name": first or last,
            "last_name": last if first else "",
            "email": hint.get("email", ""),
            "phone": hint.get("phone", ""),
            "external_id": hint.get("external_id") or None,
            "language": response.language,
        },
        actor=actor,
    )
    return link_response(response=response, contact=contact, actor=actor)


@transaction.atomic
def ignore_response(*, response: Response, actor: User) -> None:
    """Set an unmatched answer aside: it counts nowhere, and can be taken back."""
    _move(response, Identity.INBOX, Identity.IGNORED, "response.ignored", actor)


@transaction.atomic
def take_back(*, response: Response, actor: User) -> None:
    """Put an answer that was set aside into the inbox again."""
    _move(response, Identity.IGNORED, Identity.INBOX, "response.unignored", actor)


def _move(response: Response, start: Identity, end: Identity, action: str, actor: User) -> None:
    if not Response.objects.filter(pk=response.pk, identity=start).update(identity=end):
        raise Refused("Somebody else has dealt with this answer meanwhile.", code="changed_meanwhile")
    audit.record(action=action, actor=actor, obj=response)
