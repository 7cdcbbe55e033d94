"""People who were asked, as the tests of the hosted pages need them."""

import datetime as dt
import hashlib
import re
from typing import Any

from django.http import HttpResponse
from django.test import Client
from django.urls import reverse

from accounts.models import Account, Contact
from core import clock
from surveys import tokens
from surveys.models import Campaign, Invitation, Survey, SurveyVersion, Wave


def survey(name: str = "Product NPS", *, state: str = "active", **content: Any) -> Survey:
    """A survey about Fleetdesk in English and German, with one version."""
    made = Survey.objects.create(name=name, state=state)
    base = {"subject_name": "Fleetdesk", "reply_to": "mara@example.com", "languages": {"en": {}, "de": {}}}
    made.current = SurveyVersion.objects.create(survey=made, number=1, content=base | content)
    made.save(update_fields=["current"])
    return made


def contact(email: str = "jonas@example.com", *, account: Account | None = None, **fields: Any) -> Contact:
    fields = {"first_name": "Jonas", "last_name": "Weber", "language": "en"} | fields
    account = account or Account.objects.create(name="Nordwind")
    return Contact.objects.create(
        account=account,
        email=email,
        email_key=email,
        address_key=hashlib.sha256(email.encode()).hexdigest(),
        **fields,
    )


def invitation(*, person: Contact | None = None, asked: Survey | None = None, **fields: Any) -> Invitation:
    """An ask by mail that was handed over an hour ago, in a wave of its own."""
    person = person or contact()
    asked = asked or survey()
    campaign = Campaign.objects.create(
        name=f"Campaign {Campaign.objects.count() + 1}", survey=asked, state="running"
    )
    wave = Wave.objects.create(campaign=campaign, number=1, version=asked.current, state="sending")
    fields = {
        "state": "sent",
        "asked_at": clock.now() - dt.timedelta(hours=1),
        "expires_at": clock.now() + dt.timedelta(days=30),
        "language": person.language or "en",
    } | fields
    return Invitation.objects.create(
        wave=wave,
        version=asked.current,
        contact=person,
        account=person.account,
        recipient_key=person.address_key,
        **fields,
    )


class Respondent:
    """Somebody with a browser without cookies, who follows the links of one mail."""

    def __init__(self, asked: Invitation) -> None:
        self.client = Client(enforce_csrf_checks=True)
        self.token = tokens.answer_token(asked)
        self.invitation = asked

    def url(self, name: str = "respond", *args: Any) -> str:
        return reverse(f"surveys:{name}", args=[self.token, *args])

    def look(self, score: int | None = None, **query: Any) -> HttpResponse:
        url = self.url() if score is None else self.url("score_link", score)
        return self.client.get(url, query)

    def nonce(self, age: float = 10) -> str:
        return tokens.make_nonce(self.token, clock.now() - dt.timedelta(seconds=age))

    def send(self, score: Any = 9, comment: str = "", *, age: float = 10, **fields: Any) -> HttpResponse:
        """Press the button as a browser without script does, `age` seconds after the page came."""
        data = {"score": score, "comment": comment, "nonce": self.nonce(age), "via": "button", "script": ""}
        return self.client.post(self.url(), data | fields)

    def gesture(
        self, score: Any = 9, *, age: float = 10, kind: str = "pointer", **fields: Any
    ) -> HttpResponse:
        """What the page's script tells after the first touch."""
        data = {"score": score, "nonce": self.nonce(age), "gesture": kind, "script": "1", "via": "button"}
        return self.client.post(self.url("respond_confirm"), data | fields)


def nonce_in(page: HttpResponse) -> str:
    found = re.search(r'name="nonce" value="([^"]+)"', page.content.decode())
    assert found
    return found[1]


def chosen(page: HttpResponse) -> str:
    """The score that a page shows chosen."""
    inputs = re.findall(r"<input[^>]*name=\"score\"[^>]*>", page.content.decode())
    (found,) = [re.search(r'value="(\d+)"', one) for one in inputs if "checked" in one]
    assert found
    return found[1]
