"""Mails to the people who use the product, about their access. Made and sent by a job, which carries only an id."""

from enum import StrEnum

from allauth.account.utils import user_pk_to_url_str
from django.conf import settings
from django.core.mail import EmailMessage
from django.template.loader import render_to_string
from django.urls import reverse

from core import jobs
from team import queries
from team.models import User
from team.tokens import set_password_tokens

KIND = "team.mail"


class Mail(StrEnum):
    INVITATION = "invitation"
    RESET = "reset"
    PASSWORD_CHANGED = "password_changed"  # noqa: S105 - the name of a mail


SUBJECTS = {
    Mail.INVITATION: "Your access to NPS CRM of {company}",
    Mail.RESET: "Set a new password for NPS CRM",
    Mail.PASSWORD_CHANGED: "Your password for NPS CRM was changed",
}


def queue(mail: Mail, person: User | None) -> None:
    """Have a mail written in the caller's transaction. None queues the same work to no effect.

    That is for the page on which anybody may ask for a new password: it takes as long for an unknown address.
    """
    jobs.submit(KIND, subject_id=person.pk if person else None, payload={"mail": mail.value})


def set_password_url(person: User) -> str:
    """Where a person sets a password; the address is ours, whatever host a request named."""
    link = reverse(
        "account_reset_password_from_key",
        kwargs={"uidb36": user_pk_to_url_str(person), "key": set_password_tokens.make_token(person)},
    )
    return f"{settings.BASE_URL}{link}"


@jobs.handler(KIND)
def send(job: jobs.JobContext) -> None:
    """Write and send one mail; a person gone or deactivated meanwhile gets none."""
    person = User.objects.filter(pk=job.subject_id or 0, is_active=True).first()
    if person is None:
        return
    mail = Mail(job.payload["mail"])
    company = queries.workspace().name
    context = {
        "person": person,
        "company": company,
        "base_url": settings.BASE_URL,
        "hours": settings.PASSWORD_RESET_TIMEOUT // 3600,
    }
    if mail is not Mail.PASSWORD_CHANGED:
        context["link"] = set_password_url(person)
    subject = " ".join(SUBJECTS[mail].format(company=company).split())
    EmailMessage(subject, render_to_string(f"team/mail/{mail}.txt", context), to=[person.email]).send()
