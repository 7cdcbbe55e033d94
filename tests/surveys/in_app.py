"""A widget with its campaign, and a browser that talks to it, as the tests of asking in the product need them."""

import datetime as dt
import json
from typing import Any

import jwt
from django.http import HttpResponse
from django.test import Client

from accounts.models import Account, Contact
from core import clock
from surveys.models import Campaign, Placement, Survey, Widget
from surveys.widget import identity, manage
from team.models import User
from tests.surveys import asking

ORIGIN = "https://app.shop.example"


class Shop:
    """A widget on one origin, its secret, and (by default) a running campaign that asks signed people on sight."""

    def __init__(
        self, actor: User, *, name: str = "Shop", origins: tuple[str, ...] = (ORIGIN,), **fields: Any
    ) -> None:
        self.actor = actor
        self.widget, self.secret = manage.create_widget(name=name, origins=origins, actor=actor, **fields)

    def place(self, *, name: str = "In the shop", survey: Survey | None = None, **placement: Any) -> Campaign:
        campaign = asking.make_campaign(
            survey, name=name, channels=["in_app"], launched_at=clock.now(), launched_by=self.actor
        )
        manage.save_placement(campaign=campaign, widget=self.widget, actor=self.actor, **placement)
        return campaign

    def placement(self, campaign: Campaign) -> Placement:
        return Placement.objects.get(campaign=campaign)

    def reread(self) -> Widget:
        return Widget.objects.get(pk=self.widget.pk)


def person(external_id: str = "u-1", email: str = "ida@fjord.example", **fields: Any) -> Contact:
    account = fields.pop("account", None) or Account.objects.create(name=f"Account of {external_id}")
    return asking.make_contact(account, email, external_id=external_id, **fields)


class Browser:
    """A browser with the widget's script: it keeps its visitor and session and remembers what it was told."""

    def __init__(
        self, shop: Shop, *, visitor: str = "visitor-0000000001", origin: str | None = ORIGIN
    ) -> None:
        self.shop, self.visitor, self.session, self.origin = shop, visitor, "session-0000000001", origin
        self.client = Client(enforce_csrf_checks=True)
        self.identity: Any = None
        self.more: dict[str, Any] = {}

    def sign_in(self, external_id: str = "u-1", *, secret: str = "") -> "Browser":
        self.identity = {
            "id": external_id,
            "signature": identity.sign(external_id, secret or self.shop.secret),
        }
        return self

    def token(self, *, secret: str = "", algorithm: str = "HS256", **claims: Any) -> "Browser":
        claims = {"sub": "u-1", "exp": int(clock.now().timestamp()) + 600} | claims
        claims = {name: value for name, value in claims.items() if value is not None}
        self.identity = {"token": jwt.encode(claims, secret or self.shop.secret, algorithm=algorithm)}
        return self

    def send(self, what: str, body: Any = None, *, raw: Any = None, **headers: Any) -> HttpResponse:
        if raw is None:
            full = {
                "visitor": self.visitor,
                "session": self.session,
                "url": f"{ORIGIN}/home",
                "device": "desktop",
            }
            if self.identity is not None:
                full["identity"] = self.identity
            raw = json.dumps(full | self.more | (body or {}))
        extra = {} if self.origin is None else {"HTTP_ORIGIN": self.origin}
        kind = headers.pop("content_type", "text/plain;charset=UTF-8")
        return self.client.post(
            f"/w/{self.shop.widget.key}/{what}", raw, content_type=kind, **extra, **headers
        )

    def decide(self, **body: Any) -> dict[str, Any]:
        answer = self.send("decide", body)
        assert answer.status_code == 200, answer.content
        found: dict[str, Any] = answer.json()
        return found

    def view(self, offered: dict[str, Any] | None = None) -> dict[str, Any]:
        survey = (offered or self.decide())["survey"]
        assert survey is not None
        answer = self.send("answer", {"kind": "view", "ticket": survey["ticket"]})
        assert answer.status_code == 200, answer.content
        found: dict[str, Any] = answer.json()
        return found

    def shown(self) -> str:
        """Be shown the survey; returns the ticket of the ask."""
        seen = self.view()
        assert seen["shown"], seen
        return str(seen["ticket"])

    def answer(self, ticket: str, score: Any = 9, **body: Any) -> HttpResponse:
        return self.send(
            "answer", {"kind": "answer", "ticket": ticket, "score": score, "gesture": "pointer"} | body
        )


def milliseconds(at: dt.datetime) -> int:
    return int(at.timestamp() * 1000)
