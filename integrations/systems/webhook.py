"""Any system that can send its answers as JSON or as a form: a person says where in it what stands.

Who sends is proven as that system does it: an HMAC over the body (with a timestamp before it, where it signs one), the
scheme of standardwebhooks.com, a fixed token in a header, or Basic authentication. Presets name the places and the
scheme of systems whose documentation was read; `Preset.verified` says how far that goes.
"""

import datetime as dt
import json
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

from core import clock
from integrations import bodies, paths, reading, records, signatures
from integrations.contract import (
    Delivery,
    Forged,
    Hook,
    Input,
    Link,
    Reference,
    RemoteField,
    RemoteSurvey,
    Role,
    Setting,
    System,
    Unusable,
)
from integrations.records import Metric, Person, Record, Status

MAX_RECORDS = 5_000
MAX_FIELDS = 200
# Of what stands around a list of answers; it is kept with each of them.
MAX_AROUND = 10_000
_KEPT = "one_of_a_list"
TOLERANCE = dt.timedelta(minutes=5)
SCALES: Mapping[Metric, tuple[int, int]] = {Metric.NPS: (0, 10), Metric.CSAT: (1, 5), Metric.CES: (1, 7)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Preset:
    """What is known of a system that sends such webhooks. `example` is a body as it sends it, invented by us."""

    key: str
    name: str
    verified: str
    steps: str
    mapping: Mapping[Role, Sequence[str]] = field(default_factory=dict)
    options: Mapping[str, str] = field(default_factory=dict)
    example: Mapping[str, Any] = field(default_factory=dict)


_DOCUMENTED = "verified against documentation"
_UNVERIFIED = "unverified"
PRESETS: Mapping[str, Preset] = {
    preset.key: preset
    for preset in (
        Preset(
            key="other",
            name="Another system",
            verified="",
            steps="Have the other system send its answers to the address shown, as JSON or as a form. Send one, then choose"
            " in it what stands where.",
            example={
                "id": "r-1", "score": 9, "comment": "Quick and friendly", "email": "ann@example.org",
                "answered_at": "2026-03-01T10:00:00Z",
            },
        ),
        Preset(
            key="asknicely",
            name="AskNicely",
            verified=_DOCUMENTED,
            steps="In AskNicely open the App Store, then Webhooks, and add the address shown. Add a header of your own with a"
            " token, and enter the same token here.",
            mapping={
                Role.ANSWER_ID: ["question.id"], Role.SCORE: ["question.score"], Role.COMMENT: ["question.comment"],
                Role.RESPONDED_AT: ["question.responded"], Role.EMAIL: ["person.email"], Role.NAME: ["person.name"],
            },
            options={"scheme": "token", "header": "X-Webhook-Token"},
            example={
                "count": 1,
                "person": {"id": "501", "name": "Ann Lee", "email": "ann@example.org", "segment": "general"},
                "question": {
                    "id": "9001", "score": "9", "comment": "Quick and friendly", "responded": "1772359200",
                    "deliverymethod": "email",
                },
            },
        ),
        Preset(
            key="formbricks",
            name="Formbricks",
            verified=_DOCUMENTED,
            steps="In Formbricks open Integrations, then Webhooks, and add the address shown with the trigger Response"
            " Finished (and Response Updated for corrections). The score and the comment stand in data.data under the ids"
            " of your questions: send one answer and choose them.",
            mapping={
                Role.ANSWER_ID: ["data.id"], Role.SURVEY_ID: ["data.surveyId"], Role.RESPONDED_AT: ["data.createdAt"],
                Role.UPDATED_AT: ["data.updatedAt"], Role.STATUS: ["data.finished"],
                Role.EMAIL: ["data.contactAttributes.email"], Role.PERSON_ID: ["data.contactAttributes.userId"],
                Role.LANGUAGE: ["data.language"],
            },
            options={"scheme": "standard"},
            example={
                "webhookId": "wh1", "event": "responseFinished",
                "data": {
                    "id": "resp1", "surveyId": "survey1", "finished": True, "createdAt": "2026-03-01T10:00:00.000Z",
                    "updatedAt": "2026-03-01T10:00:20.000Z", "data": {"q_nps": 9, "q_why": "Quick and friendly"},
                    "contactAttributes": {"email": "ann@example.org", "userId": "501"}, "language": "en",
                },
            },
        ),
        Preset(
            key="posthog",
            name="PostHog surveys",
            verified=_DOCUMENTED,
            steps="In PostHog add a destination of the kind Webhook for the event survey sent, with the address shown and its"
            " body as it is proposed. Add a header with a token, and enter the same token here. With several questions"
            " the score stands under $survey_response_ and the question's id: send one answer and choose it.",
            mapping={
                Role.ANSWER_ID: ["event.uuid"], Role.SCORE: ["event.properties.$survey_response"],
                Role.SURVEY_ID: ["event.properties.$survey_id"], Role.RESPONDED_AT: ["event.timestamp"],
                Role.PERSON_ID: ["event.distinct_id"], Role.EMAIL: ["person.properties.email"], Role.NAME: ["person.name"],
            },
            options={"scheme": "token", "header": "X-Webhook-Token"},
            example={
                "event": {
                    "uuid": "0190-1", "event": "survey sent", "distinct_id": "501", "timestamp": "2026-03-01T10:00:00Z",
                    "properties": {"$survey_id": "survey1", "$survey_response": 9},
                },
                "person": {"id": "p1", "name": "Ann Lee", "properties": {"email": "ann@example.org", "plan": "pro"}},
            },
        ),
        Preset(
            key="retently",
            name="Retently",
            verified=_UNVERIFIED,
            steps="In Retently open the campaign, then Export, and create a webhook for the event New feedback with the"
            " address shown. Its body can be changed there, so send one answer and choose in it what stands where. Add a"
            " header with a token, and enter the same token here.",
            options={"scheme": "token", "header": "X-Webhook-Token"},
            example={
                "id": "fb1", "score": 9, "comments": "Quick and friendly", "email": "ann@example.org",
                "createdDate": "2026-03-01T10:00:00.000Z",
            },
        ),
    )
}  # fmt: skip

# Names under which others keep these things; the last step of a path, without case and punctuation. The first that fits.
_NAMES: Mapping[Role, Sequence[str]] = {
    Role.SCORE: ("score", "npsscore", "nps", "rating", "surveyresponse", "value"),
    Role.COMMENT: ("comment", "comments", "feedback", "text", "reason", "why"),
    Role.EMAIL: ("email", "emailaddress", "useremail", "customeremail"),
    Role.PERSON_ID: ("externalid", "userid", "customerid", "contactid", "distinctid", "personid"),
    Role.NAME: ("name", "fullname", "customername", "username"),
    Role.PHONE: ("phone", "phonenumber", "mobile"),
    Role.RESPONDED_AT: (
        "respondedat", "responded", "answeredat", "submittedat", "createdat", "createddate", "timestamp", "date",
    ),
    Role.UPDATED_AT: ("updatedat", "modifiedat", "changedat", "updateddate"),
    Role.ANSWER_ID: ("responseid", "answerid", "feedbackid", "submissionid", "id", "uuid"),
    Role.SURVEY_ID: ("surveyid", "formid", "campaignid", "projectid"),
    Role.LANGUAGE: ("language", "locale", "lang"),
    Role.STATUS: ("status", "state", "finished", "completed"),
}  # fmt: skip
_STATUS: Mapping[str, Status] = {
    **dict.fromkeys(
        ("partial", "incomplete", "started", "pending", "false", "0", "in_progress"), Status.PARTIAL
    ),
    **dict.fromkeys(("declined", "dismissed", "rejected"), Status.DECLINED),
    **dict.fromkeys(("deleted", "removed"), Status.DELETED),
    **dict.fromkeys(("excluded", "hidden", "spam"), Status.EXCLUDED),
    **dict.fromkeys(("test", "preview"), Status.TEST),
    **dict.fromkeys(("disqualified", "screened_out"), Status.DISQUALIFIED),
}


class Webhook(System):
    key: ClassVar[str] = "webhook"
    name: ClassVar[str] = "Webhook"
    about: ClassVar[str] = "Any system that can send its answers to an address, as JSON or as a form."
    verified: ClassVar[str] = "our own tests"
    can_pull: ClassVar[bool] = False
    can_reread: ClassVar[bool] = True
    hook: ClassVar[Hook] = Hook.BY_HAND
    hook_steps: ClassVar[str] = PRESETS["other"].steps
    roles: ClassVar[tuple[Role, ...]] = tuple(Role)
    settings: ClassVar[tuple[Setting, ...]] = (
        Setting(
            key="preset", label="System", input=Input.CHOICE, default="other",
            choices=tuple((p.key, f"{p.name} ({p.verified})" if p.verified else p.name) for p in PRESETS.values()),
            where="What sends the answers. It only proposes where what stands; everything can be changed.",
        ),
        Setting(
            key="metric", label="What is measured", input=Input.CHOICE, default="nps",
            choices=(("nps", "NPS, 0 to 10"), ("csat", "CSAT, 1 to 5"), ("ces", "CES, 1 to 7")),
        ),
        Setting(
            key="records", label="List of answers", is_required=False,
            where="Where the list stands if one delivery holds several answers, such as data.responses; empty for one.",
        ),
        Setting(
            key="scheme", label="How it proves itself", input=Input.CHOICE, default="none",
            choices=(
                ("none", "Only by the address"), ("hmac", "Signature (HMAC)"), ("standard", "Standard Webhooks"),
                ("token", "Token in a header"), ("basic", "User and password (Basic)"),
            ),
        ),
        Setting(
            key="hook", label="Secret", input=Input.SECRET, is_required=False,
            where="The key of the signature, the token, or user:password.",
        ),
        Setting(key="header", label="Header", is_required=False, where="The header that carries signature or token."),
        Setting(
            key="algorithm", label="Algorithm", input=Input.CHOICE, default="sha256",
            choices=(("sha1", "SHA-1"), ("sha256", "SHA-256"), ("sha512", "SHA-512")), is_required=False,
        ),
        Setting(
            key="encoding", label="Written as", input=Input.CHOICE, default="hex",
            choices=(("hex", "hexadecimal"), ("base64", "Base64")), is_required=False,
        ),
        Setting(
            key="prefix", label="Prefix", is_required=False, where="What stands before the signature, such as sha256=",
        ),
        Setting(
            key="timestamp_header", label="Header of the timestamp", is_required=False,
            where="Only where the system signs the time as well: timestamp, a dot, and the body. Older than five minutes"
            " is refused.",
        ),
    )  # fmt: skip

    def check(self, link: Link) -> str:
        if link.options.get("scheme", "none") != "none" and not link.secrets.get("hook"):
            raise Unusable("Enter the secret: without it every delivery is refused.")
        preset = PRESETS.get(str(link.options.get("preset", "")), PRESETS["other"])
        return "" if preset.key == "other" else preset.name

    def surveys(self, link: Link) -> Sequence[RemoteSurvey]:
        return [RemoteSurvey(id="", name="Everything that is sent", metric=_metric(link))]

    # -- Who sends --
    def verify(self, link: Link, delivery: Delivery) -> None:
        scheme = str(link.options.get("scheme", "none"))
        if scheme == "none":
            return
        secrets = signatures.hook_secrets(link)
        if not secrets:
            raise Forged("no secret is set, so nothing is accepted")
        if scheme == "basic":
            _verify_basic(secrets, delivery)
        elif scheme == "token":
            _verify_token(secrets, delivery, _header(link, "authorization"))
        elif scheme == "standard":
            _verify_standard(secrets, delivery)
        else:
            _verify_hmac(link, secrets, delivery)

    def delivery_id(self, link: Link, delivery: Delivery) -> str:
        # Elsewhere nothing vouches for such a header.
        is_standard = link.options.get("scheme") == "standard"
        return delivery.headers.get("webhook-id", "") if is_standard else ""

    # -- What is sent --
    def hear(self, link: Link, delivery: Delivery) -> Sequence[Record | Reference]:
        return _Reader(link).records(read(delivery))

    def reread(self, link: Link, kept: Any) -> Sequence[Record]:
        if not isinstance(kept, Mapping):
            raise Unusable("What is kept of it is no object.")
        reader = _Reader(link)
        packed = kept.get(_KEPT)
        if isinstance(packed, Mapping) and isinstance(packed.get("answer"), Mapping):
            return [reader.record(packed["answer"], packed.get("around"), kept=kept)]
        path = str(link.options.get("records", ""))
        if path and paths.find(kept, path) is None:
            # One of a list, kept without what stood around it.
            return [reader.record(kept, kept)]
        return reader.records(kept)

    def sample(self, link: Link) -> str:
        preset = PRESETS.get(str(link.options.get("preset", "")), PRESETS["other"])
        return json.dumps(preset.example, indent=2)

    def fields_heard(self, link: Link, deliveries: Sequence[Delivery]) -> Sequence[RemoteField]:
        found: dict[str, list[Any]] = {}
        for delivery in deliveries:
            try:
                document = read(delivery)
            except Unusable:
                continue
            for item in list(_items(document, str(link.options.get("records", ""))))[:5]:
                for path, value in paths.leaves(item, with_empty=True):
                    found.setdefault(path, []).append(value)
        proposed = _propose(link, list(found))
        return [
            RemoteField(key=path, label=path, role=proposed.get(path), examples=reading.examples(seen))
            for path, seen in list(found.items())[:MAX_FIELDS]
        ]


# --- Proofs --------------------------------------------------------------------------------------------------
def _header(link: Link, otherwise: str = "") -> str:
    return str(link.options.get("header", "")).strip().lower() or otherwise


def _verify_basic(secrets: Sequence[str], delivery: Delivery) -> None:
    if not signatures.is_one_of(signatures.basic_of(delivery.headers.get("authorization", "")), secrets):
        raise Forged("user or password do not fit")


def _verify_token(secrets: Sequence[str], delivery: Delivery, header: str) -> None:
    given = delivery.headers.get(header, "").strip()
    if header == "authorization":
        given = signatures.bearer_of(given) or given
    if not signatures.is_one_of(given, secrets):
        raise Forged(f"the token in {header} does not fit")


def _verify_standard(secrets: Sequence[str], delivery: Delivery) -> None:
    """standardwebhooks.com: base64 of HMAC-SHA256 over id.timestamp.body, a list of `v1,…` in one header."""
    ident = delivery.headers.get("webhook-id", "")
    stamp = delivery.headers.get("webhook-timestamp", "")
    if not ident or len(ident) > 200 or "." in ident:
        raise Forged("webhook-id is missing or none")
    _refuse_old(stamp)
    given = [
        part.partition(",")[2]
        for part in delivery.headers.get("webhook-signature", "").split(" ")
        if part.startswith("v1,")
    ]
    keys = [signatures.base64_of(secret.removeprefix("whsec_")) for secret in secrets]
    signed = f"{ident}.{stamp}.".encode() + delivery.body
    if not any(
        signatures.is_signed(signed, said, secrets=keys, digest="sha256", encoding="base64")
        for said in given[:10]
    ):
        raise Forged("the signature does not fit")


_DIGESTS: Mapping[str, signatures.Digest] = {"sha1": "sha1", "sha256": "sha256", "sha512": "sha512"}


def _verify_hmac(link: Link, secrets: Sequence[str], delivery: Delivery) -> None:
    header = _header(link)
    if not header:
        raise Forged("no header is set for the signature")
    signed = delivery.body
    stamp_header = str(link.options.get("timestamp_header", "")).strip().lower()
    if stamp_header:
        stamp = delivery.headers.get(stamp_header, "").strip()
        _refuse_old(stamp)
        signed = f"{stamp}.".encode() + delivery.body
    digest = _DIGESTS.get(str(link.options.get("algorithm") or "sha256"))
    if digest is None:
        raise Forged("no such algorithm")
    if not signatures.is_signed(
        signed,
        delivery.headers.get(header, ""),
        secrets=secrets,
        digest=digest,
        prefix=str(link.options.get("prefix", "")).strip(),
        encoding="base64" if link.options.get("encoding") == "base64" else "hex",
    ):
        raise Forged("the signature does not fit")


def _refuse_old(stamp: str) -> None:
    if not re.fullmatch(r"[0-9]{1,12}", stamp):
        raise Forged("the timestamp is missing or none")
    if abs(clock.now().timestamp() - int(stamp)) > TOLERANCE.total_seconds():
        raise Forged("the timestamp is too old or lies ahead")


# --- Reading -------------------------------------------------------------------------------------------------
def read(delivery: Delivery) -> Any:
    """The body as a document: JSON by its first letter or its kind, else a form. Raises `Unusable` in words."""
    # Some send a form and call it JSON.
    if "json" in delivery.content_type and (bodies.is_json(delivery.body) or b"=" not in delivery.body):
        return bodies.json_of(delivery.body)
    document = bodies.json_or_form(delivery.body, form=bodies.plain_form)
    if bodies.is_json(delivery.body) or len(document) > 3:
        return document
    # Some put their JSON into one field of a form.
    return {name: _inner(value) for name, value in document.items()}


def _inner(value: str) -> Any:
    if not bodies.is_json(value.encode()):
        return value
    try:
        return bodies.json_of(value.encode())
    except Unusable:
        return value


def _items(document: Any, path: str) -> Iterator[Any]:
    found = paths.find(document, path) if path else document
    rows = found if isinstance(found, list) else [found]
    if path and found is None:
        raise Unusable(f"There is no list of answers at {path[:100]}.")
    for row in rows[:MAX_RECORDS]:
        if not isinstance(row, Mapping):
            raise Unusable("An answer in the delivery is no object.")
        yield row


def _without(document: Any, path: str) -> Any:
    """A delivery without its list of answers; nothing where that is long, or stands inside another list."""
    if not isinstance(document, Mapping) or not path:
        return None
    names = (path,) if path in document else paths.steps(path)
    if not all(isinstance(name, str) for name in names):
        return None
    around: dict[str, Any] = dict(document)
    inner = around
    for name in names[:-1]:
        inside = dict(inner[str(name)])
        inner[str(name)] = inside
        inner = inside
    inner.pop(str(names[-1]), None)
    return around if len(json.dumps(around, default=str)) <= MAX_AROUND else None


def _metric(link: Link) -> Metric:
    said = str(link.options.get("metric", "nps"))
    return Metric(said) if said in {"nps", "csat", "ces"} else Metric.NPS


def mapping_of(link: Link) -> dict[Role, Sequence[str]]:
    """What the person chose; for a role without a choice what the preset knows."""
    preset = PRESETS.get(str(link.options.get("preset", "")), PRESETS["other"])
    return {**preset.mapping, **{role: keys for role, keys in link.mapping.items() if keys}}


def _propose(link: Link, found: Sequence[str]) -> dict[str, Role]:
    proposed: dict[str, Role] = {}
    taken: set[Role] = set()
    for role, keys in mapping_of(link).items():
        for key in keys:
            if key in found:
                proposed[key] = role
                taken.add(role)
    for role, names in _NAMES.items():
        if role in taken:
            continue
        by_name: dict[str, str] = {}
        for path in found:
            if path not in proposed:
                last = str((paths.steps(path) or ("",))[-1])
                by_name.setdefault(re.sub(r"[^a-z0-9]", "", last.lower()), path)
        chosen = next((by_name[name] for name in names if name in by_name), None)
        if chosen is not None:
            proposed[chosen] = role
    return proposed


class _Reader:
    def __init__(self, link: Link) -> None:
        self._mapping = mapping_of(link)
        self._metric = _metric(link)
        self._low, self._high = SCALES[self._metric]
        self._zone = link.zone

        self._list = str(link.options.get("records", ""))

    def records(self, document: Any) -> list[Record]:
        """Every answer of a delivery. One of a list is kept with what stands around the list, as a place that was chosen may
        lie there."""
        found = list(_items(document, self._list))
        if len(found) == 1 and found[0] is document:
            return [self.record(document, document)]
        around = _without(document, self._list)
        return [
            self.record(item, document, kept={_KEPT: {"answer": item, "around": around}}) for item in found
        ]

    def record(
        self, item: Mapping[str, Any], document: Any, *, kept: Mapping[str, Any] | None = None
    ) -> Record:
        def at(role: Role) -> Any:
            for key in self._mapping.get(role, ()):
                found = paths.find(item, key)
                if found is None and item is not document:
                    found = paths.find(document, key)
                if found not in (None, ""):
                    return found
            return None

        said = at(Role.SCORE)
        score = records.score(said, low=self._low, high=self._high)
        trouble = ""
        if said is not None and score is None:
            trouble = f"What stands at the score is no whole number from {self._low} to {self._high}."
        comments = [records.text(paths.find(item, key)) for key in self._mapping.get(Role.COMMENT, ())]
        return Record(
            external_id=_id(at(Role.ANSWER_ID)) or reading.identity_by_content(item),
            survey_id=_id(at(Role.SURVEY_ID)),
            metric=self._metric,
            score=score,
            scale_min=self._low,
            scale_max=self._high,
            comment="\n\n".join(text for text in comments if text) or None,
            status=_status(at(Role.STATUS)),
            responded_at=records.moment(at(Role.RESPONDED_AT), zone=self._zone),
            updated_at=records.moment(at(Role.UPDATED_AT), zone=self._zone),
            person=Person(
                email=records.text(at(Role.EMAIL)),
                external_id=_id(at(Role.PERSON_ID)),
                name=records.text(at(Role.NAME)),
                phone=records.text(at(Role.PHONE)),
            ),
            properties=self._properties(item),
            language=records.text(at(Role.LANGUAGE)),
            raw=item if kept is None else kept,
            trouble=trouble,
        )

    def _properties(self, item: Mapping[str, Any]) -> dict[str, Any]:
        used = {key for keys in self._mapping.values() for key in keys}
        return {path: value for path, value in paths.leaves(item) if path not in used}


def _id(value: Any) -> str:
    if isinstance(value, float) and math.isfinite(value) and value == int(value):
        value = int(value)
    return records.text(value)


def _status(value: Any) -> Status:
    if isinstance(value, bool):
        return Status.COMPLETED if value else Status.PARTIAL
    return _STATUS.get(records.text(value).lower().replace(" ", "_"), Status.COMPLETED)


SYSTEM = Webhook()
