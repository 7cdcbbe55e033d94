"""What asking and listening forget of an erased person, beside their asks and answers."""

from accounts.models import Contact
from surveys.models import ExternalAsk, InboundMessage, Trigger, Visitor


def forget_external_asks(contact: Contact, stand_in: str) -> None:
    """Asks by other tools keep their number, under a stand-in for the address."""
    ExternalAsk.objects.filter(contact=contact).update(recipient_key=stand_in)


def forget_messages(contact: Contact) -> None:
    """That something came back stays; what it said, and from where, goes."""
    InboundMessage.objects.filter(contact=contact).update(from_key="", from_address="", subject="", body="")


def forget_visits(contact: Contact) -> None:
    """A browser that comes back is a stranger."""
    Visitor.objects.filter(contact=contact).delete()


def forget_triggers(contact: Contact) -> None:
    """Nothing that is still waiting asks an erased person."""
    Trigger.objects.filter(contact=contact).delete()
