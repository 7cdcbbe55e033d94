"""Wootric (InMoment): API v1 and its signed webhooks. Facts and doubts: docs/connectors/wootric.md."""

import datetime as dt
import hashlib
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar
from urllib.parse import quote
from weakref import WeakKeyDictionary

from core import clock
from integrations import bodies, reading, records, signatures
from integrations.contract import (
    AccessDenied,
    Ask,
    Delivery,
    Forged,
    Gone,
    Hook,
    Input,
    Link,
    Page,
    RemoteField,
    RemoteSurvey,
    Role,
    Setting,
    System,
    Trouble,
    TryLater,
    Unusable,
)
from integrations.paging import Place, onward
from integrations.records import Metric, Person, Record, Status

BASE = "https://api.wootric.com"
PAGE_SIZE = 50
MAX_PAGES = 30
# Wootric did not exist before.
BEGINNING = dt.datetime(2010, 1, 1, tzinfo=dt.UTC)
TOKEN_SECONDS = 7_200
# Fewer unknown people than this are asked for one by one.
BATCH_FROM = 5
PEOPLE_KEPT = 5_000

# What the scales of CSAT and CES are is documented nowhere; the connection's setting goes before these.
SCALES: Mapping[Metric, tuple[int, int]] = {
    Metric.NPS: (0, 10),
    Metric.CSAT: (1, 5),
    Metric.CES: (1, 7),
    Metric.OTHER: (0, 10),
}

_BASIC_FIELDS = (
    RemoteField(key="score", label="Score", role=Role.SCORE),
    RemoteField(key="text", label="Comment", role=Role.COMMENT),
    RemoteField(key="email", label="End user: e-mail", role=Role.EMAIL),
    RemoteField(key="external_id", label="End user: external id", role=Role.PERSON_ID),
    RemoteField(key="phone_number", label="End user: phone", role=Role.PHONE),
)


# --- One answer ----------------------------------------------------------------------------------------------
def read_response(
    payload: Any,
    *,
    is_decline: bool = False,
    chosen: Mapping[Role, Sequence[str]] | None = None,
    metric: Metric = Metric.NPS,
    scale: tuple[int, int] | None = None,
    zone: str = "UTC",
) -> Record:
    """An answer of API v1 (with `end_user` as far as it was joined), or a webhook's body, from JSON or from a form.

    `metric` is for what names no `survey_mode`; `chosen` are the fields mapped to roles. A decline's id is another than an
    answer's, so it gets a prefix. Raises `Unusable` for what is no object, or an empty one.
    """
    if not isinstance(payload, Mapping):
        raise Unusable("An answer of Wootric must be an object.")
    answer: Mapping[str, Any] = payload
    if isinstance(payload.get("response"), Mapping):
        answer = payload["response"]
    elif isinstance(payload.get("decline"), Mapping):
        answer, is_decline = payload["decline"], True
    measured = metric_of_mode(payload.get("survey_mode") or answer.get("survey_mode"), metric)
    low, high = SCALES[measured] if measured is Metric.NPS or scale is None else scale
    user = records.mapping(answer.get("end_user"))
    properties = reading.flat(
        answer.get("end_user_properties")
        if answer.get("end_user_properties") is not None
        else user.get("properties")
    )
    parts = {
        "score": answer.get("score"),
        "text": answer.get("text"),
        "email": answer.get("email") or user.get("email"),
        "external_id": answer.get("external_id") or user.get("external_id"),
        "phone_number": answer.get("phone_number") or user.get("phone_number"),
        "properties": properties,
    }
    mapped = chosen or {}
    score, trouble = reading.scored(_first(parts, mapped, Role.SCORE, "score"), low=low, high=high)
    status = Status.COMPLETED
    if is_decline:
        score, trouble, status = None, "", Status.DECLINED
    elif reading.is_true(answer.get("excluded_from_calculations")):
        status = Status.EXCLUDED
    identity = reading.identity(answer)
    return Record(
        external_id=f"decline-{identity}" if is_decline else identity,
        survey_id=records.text(answer.get("survey_id")),
        metric=measured,
        score=score,
        scale_min=low,
        scale_max=high,
        comment=_comment(parts, mapped),
        status=status,
        responded_at=records.moment(answer.get("created_at"), zone=zone),
        updated_at=records.moment(answer.get("updated_at"), zone=zone)
        or records.moment(payload.get("timestamp"), zone=zone),
        person=Person(
            email=records.text(_first(parts, mapped, Role.EMAIL, "email")),
            external_id=records.text(_first(parts, mapped, Role.PERSON_ID, "external_id")),
            name=records.text(_first(parts, mapped, Role.NAME, "name")),
            phone=records.text(_first(parts, mapped, Role.PHONE, "phone_number")),
        ),
        properties=properties,
        raw=payload,
        trouble=trouble,
    )


def metric_of_mode(mode: Any, default: Metric) -> Metric:
    """What a `survey_mode` measures; one we do not know is no NPS."""
    said = records.text(mode).lower()
    if not said:
        return default
    return Metric(said) if said in set(Metric) else Metric.OTHER


def _first(parts: Mapping[str, Any], mapped: Mapping[Role, Sequence[str]], role: Role, proposal: str) -> Any:
    """The first that says something of the fields chosen for a role."""
    values = (reading.at(parts, key) for key in mapped.get(role, ()) or (proposal,))
    return next((value for value in values if value not in (None, "")), None)


def _comment(parts: Mapping[str, Any], mapped: Mapping[Role, Sequence[str]]) -> str | None:
    said = [records.comment(reading.at(parts, key)) for key in mapped.get(Role.COMMENT, ()) or ("text",)]
    return "\n\n".join(dict.fromkeys(text for text in said if text)) or None


# --- Signing in ----------------------------------------------------------------------------------------------
SIGN_IN_SETTINGS: tuple[Setting, ...] = (
    Setting(
        key="grant",
        label="Sign in with",
        input=Input.CHOICE,
        default="client_credentials",
        choices=(("client_credentials", "Client id and secret"), ("password", "User name and password")),
        where="Client id and secret are better: they need no person's password.",
    ),
    Setting(
        key="client_id", label="Client id", is_required=False, where="In Wootric, under Settings → API."
    ),
    Setting(
        key="client_secret", label="Client secret", input=Input.SECRET, is_required=False,
        where="Beside the client id.",
    ),
    Setting(
        key="username", label="User name", is_required=False, where="Only to sign in with a password: the address of a user."
    ),
    Setting(key="password", label="Password", input=Input.SECRET, is_required=False, where="That user's password."),
    Setting(
        key="account_token",
        label="Account token",
        is_required=False,
        where="Only when that user has several accounts: NPS-… of the one to read, on its Settings page.",
    ),
)  # fmt: skip


def token(link: Link) -> str:
    """A token that is good for a minute at least; a new one is fetched where there is none, or where the credentials are
    others than those it was made with."""
    secrets = link.secrets
    if (
        not secrets.get("access_token")
        or secrets.get("token_for") != _credentials_mark(link)
        or float(secrets.get("token_until") or 0) < clock.now().timestamp() + 60
    ):
        sign_in(link)
    return link.secrets.get("access_token", "")


def sign_in(link: Link) -> None:
    """Fetch a token and keep it: with the refresh token where there is one, else with the credentials."""
    mark = _credentials_mark(link)
    refresh = link.secrets.get("refresh_token") if link.secrets.get("token_for") == mark else ""
    if refresh:
        try:
            _fetch_token(link, {"grant_type": "refresh_token", "refresh_token": refresh}, mark)
            return
        except AccessDenied:
            pass  # used up or revoked: the credentials themselves may still be good
    if link.options.get("grant") == "password":
        _fetch_token(
            link,
            {
                "grant_type": "password",
                "username": records.text(link.options.get("username")),
                "password": link.secrets.get("password", ""),
            },
            mark,
        )
    else:
        _fetch_token(link, {"grant_type": "client_credentials"}, mark)


def _fetch_token(link: Link, form: dict[str, str], mark: str) -> None:
    client_id, client_secret = (
        records.text(link.options.get("client_id")),
        link.secrets.get("client_secret", ""),
    )
    if client_id:
        form |= {"client_id": client_id, "client_secret": client_secret}
    account = records.text(link.options.get("account_token"))
    try:
        said = link.read(
            "POST",
            f"{reading.base_url(link, BASE)}/oauth/token",
            params={"account_token": account} if account and form["grant_type"] == "password" else None,
            form=form,
            signed=False,
        )
    except TryLater:
        raise
    except Trouble as trouble:
        if trouble.answered in {400, 401, 403, 422}:
            raise AccessDenied(
                "Wootric does not accept the credentials. Check client id and secret (or user name and password) under"
                " Settings → API; they may have been replaced."
            ) from None
        raise
    answer = records.mapping(said)
    access = records.text(answer.get("access_token"))
    if not access:
        raise Unusable("Wootric answered the sign-in without a token. Check the address of the API.")
    seconds = answer.get("expires_in")
    until = clock.now().timestamp() + (
        seconds if isinstance(seconds, int | float) and seconds > 0 else TOKEN_SECONDS
    )
    # A refresh gives a new refresh token, and the old one is worth nothing from then on.
    link.keep(
        access_token=access,
        refresh_token=records.text(answer.get("refresh_token")) or form.get("refresh_token", ""),
        token_until=str(int(until)),
        token_for=mark,
    )


def _credentials_mark(link: Link) -> str:
    """Tells other credentials apart, so that no token of the account before is used on."""
    parts = [
        records.text(link.options.get(key))
        for key in ("grant", "client_id", "username", "account_token", "base_url")
    ]
    parts += [link.secrets.get("client_secret", ""), link.secrets.get("password", "")]
    return hashlib.sha256("\x00".join(parts).encode()).hexdigest()[:16]


# --- The people of answers -----------------------------------------------------------------------------------
@dataclass(slots=True)
class _People:
    """End users already asked for, while one line lives. Not kept any longer: they are personal data."""

    known: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    is_batch_worth: bool = True

    def learn(self, end_user: Mapping[str, Any], *, as_id: str = "") -> None:
        if len(self.known) >= PEOPLE_KEPT:
            self.known.pop(next(iter(self.known)))
        self.known[as_id or records.text(end_user.get("id"))] = {
            key: end_user.get(key) for key in ("id", "email", "external_id", "phone_number")
        }


# --- The system ----------------------------------------------------------------------------------------------
class Wootric(System):
    key: ClassVar[str] = "wootric"
    name: ClassVar[str] = "Wootric (InMoment)"
    about: ClassVar[str] = (
        "NPS, CSAT and CES answers of a Wootric account, with their history and their end users."
    )
    verified: ClassVar[str] = "vendor documentation"
    settings: ClassVar[tuple[Setting, ...]] = (
        *SIGN_IN_SETTINGS,
        Setting(
            key="hook",
            label="Secret token of webhooks",
            input=Input.SECRET,
            is_required=False,
            where="In Wootric, under Settings → Outgoing Webhooks. Without it no delivery is accepted.",
        ),
        reading.metric_setting("What the account measures", where="The API does not say it. Webhooks do, and go before this."),
        reading.scale_setting(where="The survey's settings in Wootric show it."),
        Setting(
            key="base_url", label="Address", input=Input.URL, default=BASE, is_required=False,
            where="Leave it as it is, unless Wootric gave you the address of another region.",
        ),
    )  # fmt: skip
    hook: ClassVar[Hook] = Hook.BY_HAND
    hook_steps: ClassVar[str] = (
        "In Wootric, open Settings → Outgoing Webhooks, paste this address, choose JSON or URL-encoded (both are read), and"
        " switch on response created, response updated and decline created. Copy the secret token from the same page into"
        " this connection."
    )
    per_minute: ClassVar[int] = 90
    # Comments and changed scores of old answers cannot be asked for, and deletions are not told.
    rescan: ClassVar[dt.timedelta | None] = dt.timedelta(days=60)
    roles: ClassVar[tuple[Role, ...]] = (
        Role.SCORE,
        Role.COMMENT,
        Role.EMAIL,
        Role.PERSON_ID,
        Role.NAME,
        Role.PHONE,
    )

    def __init__(self) -> None:
        self._people: WeakKeyDictionary[Link, _People] = WeakKeyDictionary()

    def headers(self, link: Link) -> Mapping[str, str]:
        return {"Authorization": f"Bearer {token(link)}"}

    def renew(self, link: Link) -> bool:
        sign_in(link)
        return True

    def check(self, link: Link) -> str:
        newest = self._list(link, "responses", {"per_page": 1, "sort_order": "desc"})
        account = records.text(link.options.get("account_token"))
        found = read_response(newest[0], zone=link.zone).responded_at if newest else None
        name = f"Wootric account {account}".strip()
        return f"{name}, newest answer of {found:%Y-%m-%d}" if found else f"{name}, no answers yet"

    def surveys(self, link: Link) -> Sequence[RemoteSurvey]:
        """The account as a whole (id ""), and the surveys that its newest answers name: there is no list of them."""
        newest = self._list(link, "responses", {"per_page": PAGE_SIZE, "sort_order": "desc"})
        ids = {records.text(records.mapping(each).get("survey_id")) for each in newest} - {""}
        return [
            RemoteSurvey(id="", name="All answers of the account", metric=reading.metric_set(link)),
            *(RemoteSurvey(id=each, name=f"Survey {each}") for each in sorted(ids)),
        ]

    def fields(self, link: Link, survey_id: str) -> Sequence[RemoteField]:
        newest = self._list(link, "responses", {"per_page": 20, "sort_order": "desc"})
        newest = [each for each in newest if _belongs(each, survey_id)]
        return reading.described(
            [_fields_of(each) for each in self._joined(link, newest)], always=_BASIC_FIELDS
        )

    # -- Pulling --
    def pull(self, link: Link, ask: Ask) -> Page:
        """Answers, then declines, by time of creation: each page is asked for from the last answer on, because no list goes
        beyond page 30."""
        cursor = dict(ask.cursor or {})
        part = records.text(cursor.pop("part", "")) or "responses"
        start = (ask.since or BEGINNING).timestamp()
        place = Place.of(cursor, since=start)
        try:
            answers = self._list(
                link,
                part,
                {
                    "created[gte]": place.since,
                    "created[lt]": math.ceil(ask.until.timestamp()),
                    "sort_order": "asc",
                    "per_page": PAGE_SIZE,
                    "page": place.page,
                },
            )
        except Gone:
            if part != "declines":
                raise
            return Page(notes=["Wootric lists no declined surveys for this account."])
        rows = [
            (records.text(records.mapping(each).get("id")), _created(each, link.zone)) for each in answers
        ]
        following, note = onward(place, rows, size=PAGE_SIZE, host="Wootric", max_pages=MAX_PAGES)
        mine = [each for each in answers if _belongs(each, ask.survey_id)]
        found, unreadable = [], len(answers) - len([each for each in answers if isinstance(each, Mapping)])
        for each in mine if part == "declines" else self._joined(link, mine):
            try:
                found.append(self._read(link, each, is_decline=part == "declines"))
            except Unusable:
                unreadable += 1
        notes = [note] if note else []
        if unreadable:
            notes.append(f"{unreadable} entries of the page were no answers and were left out.")
        onto: Mapping[str, Any] | None = None
        if following is not None:
            onto = {"part": part, **following.cursor()}
        elif part == "responses":
            onto = {"part": "declines", **Place.of(None, since=start).cursor()}
        return Page(records=found, cursor=onto, notes=notes)

    def _list(self, link: Link, path: str, params: Mapping[str, Any]) -> list[Any]:
        said = link.read("GET", f"{reading.base_url(link, BASE)}/v1/{path}", params=params)
        if not isinstance(said, list):
            raise Unusable("Wootric answered without a list. Check the address; it must be the API's.")
        return said

    def _read(self, link: Link, payload: Any, *, is_decline: bool = False) -> Record:
        return read_response(
            payload,
            is_decline=is_decline,
            chosen=link.mapping,
            metric=reading.metric_set(link),
            scale=reading.scale_set(link),
            zone=link.zone,
        )

    # -- End users --
    def _joined(self, link: Link, answers: Sequence[Any]) -> list[Mapping[str, Any]]:
        """The answers with what their end users say of themselves; answers bring an id only."""
        people = self._people.setdefault(link, _People())
        readable = [each for each in answers if isinstance(each, Mapping)]
        wanted = {_end_user_id(each) for each in readable if not _names_a_person(each)} - {""}
        learned = {key: people.known[key] for key in wanted & people.known.keys()}
        if missing := wanted - learned.keys():
            first = min((_created(each, link.zone) or 0.0 for each in readable), default=0.0)
            self._ask_for_people(link, people, missing, since=first)
            learned |= {key: people.known[key] for key in missing if key in people.known}
        return [
            {**each, "end_user": {**learned[_end_user_id(each)], **records.mapping(each.get("end_user"))}}
            if _end_user_id(each) in learned
            else each
            for each in readable
        ]

    def _ask_for_people(self, link: Link, people: _People, missing: set[str], *, since: float) -> None:
        """Whoever answered was changed then, so a list of the changed since holds many at once; it is read as long as a page
        brings more than single calls would."""
        missing, gained, page, is_more = set(missing), 0, 0, people.is_batch_worth
        while is_more and len(missing) >= BATCH_FROM and page < MAX_PAGES:
            page += 1
            params = {
                "updated[gte]": math.floor(since), "sort_key": "updated_at", "sort_order": "asc",
                "per_page": PAGE_SIZE, "page": page,
            }  # fmt: skip
            listed = [each for each in self._list(link, "end_users", params) if isinstance(each, Mapping)]
            hits = missing & {records.text(each.get("id")) for each in listed}
            for each in listed:
                if records.text(each.get("id")) in hits:
                    people.learn(each)
            missing -= hits
            gained += len(hits)
            is_more = len(hits) > 1 and len(listed) >= PAGE_SIZE
        people.is_batch_worth = people.is_batch_worth and gained >= page
        for each_id in sorted(missing):
            try:
                said = link.read(
                    "GET", f"{reading.base_url(link, BASE)}/v1/end_users/{quote(each_id, safe='')}"
                )
            except Gone:
                said = {}  # deleted over there: the answer stays, nobody's
            people.learn(records.mapping(said), as_id=each_id)

    # -- Webhooks --
    def verify(self, link: Link, delivery: Delivery) -> None:
        said = delivery.headers.get("x-wootric-signature", "")
        secrets = signatures.hook_secrets(link)
        if not secrets:
            raise Forged("The connection holds no secret token of webhooks.")
        if not said:
            raise Forged("The delivery carries no signature.")
        if not signatures.is_signed(delivery.body, said, secrets=secrets, digest="sha1", prefix="sha1="):
            raise Forged("The signature does not fit the body.")

    def hear(self, link: Link, delivery: Delivery) -> Sequence[Record]:
        said = bodies.json_or_form(delivery.body, form=bodies.nested_form, trailing_commas=True)
        if not isinstance(said, Mapping):
            raise Unusable("The delivery is no object.")
        if not any(isinstance(said.get(key), Mapping) for key in ("response", "decline")):
            return ()
        return [self._read(link, said)]


SYSTEM = Wootric()


def _belongs(answer: Any, survey_id: str) -> bool:
    """Whether an answer is one of the survey asked for; "" is the whole account."""
    return not survey_id or records.text(records.mapping(answer).get("survey_id")) == survey_id


def _created(answer: Any, zone: str) -> float | None:
    created = records.moment(records.mapping(answer).get("created_at"), zone=zone)
    return created.timestamp() if created else None


def _end_user_id(answer: Mapping[str, Any]) -> str:
    return records.text(answer.get("end_user_id"))


def _names_a_person(answer: Mapping[str, Any]) -> bool:
    user = records.mapping(answer.get("end_user"))
    return bool(records.text(answer.get("email")) or records.text(user.get("email")))


def _fields_of(answer: Mapping[str, Any]) -> Iterator[tuple[str, str, Role | None, Any]]:
    user = records.mapping(answer.get("end_user"))
    for each in _BASIC_FIELDS:
        yield each.key, each.label, each.role, answer.get(each.key, user.get(each.key))
    for name, value in reading.flat(user.get("properties")).items():
        yield f"properties.{name}", name, None, value
