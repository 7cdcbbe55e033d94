"""What asking and listening forget of an erased person, beside their asks."""

import secrets

from django.db.models import Q

from accounts.models import Contact
from surveys.choices import Identity
from surveys.content import Content
from surveys.models import (
    ExternalAsk,
    IdentityMove,
    InboundMessage,
    Response,
    Trigger,
    Visitor,
)
from surveys.queries import inbox as queries
from surveys.questions import Kind


def forget_answers(contact: Contact) -> None:
    """The score and what was chosen stay for the figures; what the person wrote goes, and so do the consents.

    The source's own number of an answer stays, so that a late copy is known again; one that holds an address does not.
    Answers that wait in the inbox and name the person are set aside without that: they count nowhere either way.
    """
    answers = Response.objects.filter(contact=contact)
    answers.update(comment="", identity_hint={}, may_contact=False, may_quote=False)
    for answer in answers.exclude(answers={}).select_related("version"):
        kept = Content.from_json(answer.version.content).questions if answer.version is not None else ()
        chosen = {one.key for one in kept if one.kind != Kind.TEXT}
        Response.objects.filter(pk=answer.pk).update(
            answers={key: value for key, value in answer.answers.items() if key in chosen}
        )
    for pk in answers.filter(external_id__contains="@").values_list("pk", flat=True):
        Response.objects.filter(pk=pk).update(external_id=f"erased-{secrets.token_hex(16)}")
    Response.objects.filter(pk__in=queries.naming(contact)).update(
        identity=Identity.IGNORED,
        identity_hint={},
        comment="",
        answers={},
        may_contact=False,
        may_quote=False,
    )


def forget_moves(contact: Contact) -> None:
    """What the journal of the inbox remembers of the person; the answers themselves are dealt with above."""
    theirs = Q(response__contact=contact) | Q(from_contact=contact.pk) | Q(to_contact=contact.pk)
    ids = list(IdentityMove.objects.filter(theirs).exclude(hint={}).values_list("pk", flat=True))
    IdentityMove.objects.filter(pk__in=ids).update(hint={})


def forget_external_asks(contact: Contact, stand_in: str) -> None:
    """Asks by other tools stay in the count, under a stand-in for the address; their ids may name people."""
    for pk in ExternalAsk.objects.filter(contact=contact).values_list("pk", flat=True):
        ExternalAsk.objects.filter(pk=pk).update(
            recipient_key=stand_in, external_id=f"erased-{secrets.token_hex(16)}"
        )


def forget_messages(contact: Contact) -> None:
    """That something came back stays; what it said, and from where, goes."""
    for pk in InboundMessage.objects.filter(contact=contact).values_list("pk", flat=True):
        InboundMessage.objects.filter(pk=pk).update(
            from_key="", from_address="", subject="", body="", provider_id=f"erased-{secrets.token_hex(16)}"
        )


def forget_visits(contact: Contact) -> None:
    """A browser that comes back is a stranger."""
    Visitor.objects.filter(contact=contact).delete()


def forget_triggers(contact: Contact) -> None:
    """Nothing that is still waiting asks an erased person."""
    Trigger.objects.filter(contact=contact).delete()
