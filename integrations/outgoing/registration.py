"""What webhooks out register with the rest of the product when it starts."""

from accounts import extend
from accounts.extend import Relation
from accounts.models import Contact
from core import jobs
from integrations.outgoing import hearing, notices, sending, services, standing, steps
from integrations.outgoing.models import WebhookAttempt


def _erase(contact: Contact) -> None:
    """What receivers answered about this person is not kept; what was sent to them is theirs to erase (contact.erased)."""
    WebhookAttempt.objects.filter(delivery__event__contact=contact).exclude(excerpt="").update(excerpt="")


def register() -> None:
    hearing.register()
    sending.register()
    notices.register()
    steps.register()
    jobs.on_tick("webhooks_orphans", standing.pause_orphans)
    jobs.hourly("webhooks_forget", minute=25, func=lambda _: services.forget_old())
    extend.relation(
        Relation(
            "integrations.WebhookAttempt", merge="stay", erase=_erase, export=lambda contact: (),
            reason="A log of calls; it names nobody but in what the other side answered.",
        )
    )  # fmt: skip
