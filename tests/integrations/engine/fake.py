"""A system that exists only here: pages of answers over HTTP, a signed webhook, and a vendor that plays the other side."""

import datetime as dt
import hashlib
import hmac
import json
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from integrations import records
from integrations.contract import (
    Ask,
    CursorExpired,
    Delivery,
    Forged,
    Hook,
    Input,
    Link,
    Page,
    Reference,
    RemoteSurvey,
    Role,
    Setting,
    System,
    Unsubscribed,
    Unusable,
)
from integrations.records import Metric, Person, Record, Status
from tests.integrations.vendor import Answer, Call, Vendor, reply


class Fake(System):
    key: ClassVar[str] = "fake"
    name: ClassVar[str] = "Fake"
    about: ClassVar[str] = "A system of the tests."
    settings: ClassVar = (
        Setting(key="base", label="Address", input=Input.URL),
        Setting(key="token", label="Token", input=Input.SECRET),
    )
    hook: ClassVar[Hook] = Hook.BY_HAND
    per_minute: ClassVar[int] = 1_000_000
    rescan: ClassVar = dt.timedelta(days=30)
    roles: ClassVar = (Role.SCORE, Role.COMMENT, Role.EMAIL, Role.PERSON_ID)

    def headers(self, link: Link) -> Mapping[str, str]:
        return {"Authorization": f"Bearer {link.secrets['token']}"}

    def renew(self, link: Link) -> bool:
        if link.secrets.get("token") != "old":
            return False
        link.keep(token="sesame")
        return True

    def check(self, link: Link) -> str:
        return str(link.read("GET", f"{link.options['base']}/me")["name"])

    def surveys(self, link: Link) -> Sequence[RemoteSurvey]:
        return [RemoteSurvey(id="s1", name="First", metric=Metric.NPS)]

    def pull(self, link: Link, ask: Ask) -> Page:
        params: dict[str, Any] = {"survey": ask.survey_id, "until": ask.until.isoformat()}
        if ask.since is not None:
            params["since"] = ask.since.isoformat()
        if ask.cursor is not None:
            params["after"] = ask.cursor["after"]
        said = link.read("GET", f"{link.options['base']}/answers", params=params)
        if said.get("expired"):
            raise CursorExpired("expired")
        return Page(
            records=[record(item) for item in said["items"]],
            cursor={"after": said["next"]} if said["next"] else None,
            total=said.get("total"),
            wait=said.get("wait", 0),
        )

    def fetch(self, link: Link, reference: Reference) -> Record:
        return record(link.read("GET", f"{link.options['base']}/answers/{reference.external_id}"))

    def verify(self, link: Link, delivery: Delivery) -> None:
        given = delivery.headers.get("x-signature", "")
        for key in ("hook", "hook_previous"):
            secret = link.secrets.get(key)
            if secret and hmac.compare_digest(sign(secret, delivery.body), given.encode().decode("latin-1")):
                return
        raise Forged("the signature does not fit")

    def hear(self, link: Link, delivery: Delivery) -> Sequence[Record | Reference | Unsubscribed]:
        try:
            said = json.loads(delivery.body)
        except (ValueError, RecursionError):
            raise Unusable("The delivery is no JSON.") from None
        if "wants_no_more" in said:
            return [Unsubscribed(person=Person(email=said["wants_no_more"]))]
        if "only" in said:
            return [
                Reference(external_id=said["only"], survey_id="s1", is_deleted=said.get("deleted", False))
            ]
        return [record(item) for item in records.items(said.get("items"))]


def sign(secret: str, body: bytes) -> str:
    return hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


def record(item: Mapping[str, Any]) -> Record:
    return Record(
        external_id=str(item["id"]),
        survey_id=item.get("survey", "s1"),
        metric=Metric(item.get("metric", "nps")),
        score=records.score(item.get("score")),
        scale_max=item.get("scale_max", 10),
        comment=records.comment(item.get("comment")),
        status=Status(item.get("status", "completed")),
        responded_at=records.moment(item.get("at")),
        updated_at=records.moment(item.get("changed")),
        person=Person(email=item.get("email", ""), external_id=item.get("person", "")),
        properties=records.mapping(item.get("properties")),
        raw=item,
    )


def item(id: str, score: Any = 9, **more: Any) -> dict[str, Any]:
    return {"id": id, "score": score, "at": "2026-03-10T10:00:00Z", **more}


class Shelf:
    """The other side: answers in order, listed in pages of `size`, with the token it wants."""

    def __init__(self, vendor: Vendor) -> None:
        self.items: list[dict[str, Any]] = []
        self.size = 2
        self.token = "sesame"
        self.asked: list[Call] = []
        self.url = vendor.url
        self.vendor = vendor
        vendor.on("GET", "/answers", self._list)
        vendor.on("GET", "/answers/(.+)", self._one)
        vendor.on("GET", "/me", lambda call: self._guard(call) or reply({"name": "Acme"}))

    def _guard(self, call: Call) -> Answer | None:
        return None if call.headers.get("authorization") == f"Bearer {self.token}" else reply({}, 401)

    def _list(self, call: Call) -> Answer:
        refused = self._guard(call)
        if refused is not None:
            return refused
        self.asked.append(call)
        since = records.moment(call.first("since"))
        rows = [
            row
            for row in self.items
            if row.get("survey", "s1") == call.first("survey")
            and (since is None or (records.moment(row.get("changed") or row["at"]) or since) >= since)
        ]
        start = int(call.first("after", "0"))
        end = start + self.size
        return reply(
            {"items": rows[start:end], "next": str(end) if end < len(rows) else "", "total": len(rows)}
        )

    def _one(self, call: Call) -> Answer:
        refused = self._guard(call)
        if refused is not None:
            return refused
        found = [row for row in self.items if row["id"] == call.found[0]]
        return reply(found[0]) if found else reply({}, 404)
