"""Delighted: its API and its signed webhooks, as long as they answer. Facts and doubts: docs/connectors/delighted.md."""

import base64
import datetime as dt
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any, ClassVar

from integrations import bodies, reading, records, signatures
from integrations.contract import (
    AccessDenied,
    Ask,
    Delivery,
    Forged,
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
    Unsubscribed,
    Unusable,
)
from integrations.paging import Place, onward
from integrations.records import Metric, Person, Record

BASE = "https://api.delighted.com/v1"
PAGE_SIZE = 100
# Delighted did not exist before.
BEGINNING = dt.datetime(2012, 1, 1, tzinfo=dt.UTC)
ENDED = (
    "Delighted ended its service on 30 June 2026. If its API answers no longer, bring your history from its export file"
    " instead: Imports → past answers."
)

_TYPES: Mapping[str, tuple[Metric, int, int]] = {
    "nps": (Metric.NPS, 0, 10),
    "csat": (Metric.CSAT, 1, 5),
    "ces": (Metric.CES, 1, 5),
    "five_star": (Metric.OTHER, 1, 5),
    "smileys": (Metric.OTHER, 1, 5),
    "thumbs": (Metric.OTHER, 0, 1),
}
_BASIC_FIELDS = (
    RemoteField(key="score", label="Score", role=Role.SCORE),
    RemoteField(key="comment", label="Comment", role=Role.COMMENT),
    RemoteField(key="person.email", label="Person: e-mail", role=Role.EMAIL),
    RemoteField(key="person.name", label="Person: name", role=Role.NAME),
    RemoteField(key="person.phone_number", label="Person: phone", role=Role.PHONE),
)
# Names under which projects keep their own id of a person, without case, blanks and underscores.
_ID_NAMES = {"customerid", "userid", "externalid", "contactid"}


# --- One answer ----------------------------------------------------------------------------------------------
def read_response(
    payload: Any, *, chosen: Mapping[Role, Sequence[str]] | None = None, zone: str = "UTC"
) -> Record:
    """An answer of the API, or a webhook's body (with `event_data`). Old ones have no `survey_type` and are NPS.

    Raises `Unusable` for what is no object, or an empty one.
    """
    if not isinstance(payload, Mapping):
        raise Unusable("An answer of Delighted must be an object.")
    answer = payload["event_data"] if isinstance(payload.get("event_data"), Mapping) else payload
    mapped = chosen or {}
    kind = records.text(answer.get("survey_type")).lower() or "nps"
    metric, low, high = _TYPES.get(kind, (Metric.OTHER, 0, 10))
    score, trouble = reading.scored(answer.get("score"), low=low, high=high)
    properties = reading.flat(answer.get("person_properties"))

    def said(role: Role, proposal: str) -> str:
        values = (records.text(_value(answer, key)) for key in mapped.get(role, ()) or (proposal,))
        return next((value for value in values if value), "")

    return Record(
        external_id=reading.identity(answer),
        metric=metric,
        score=score,
        scale_min=low,
        scale_max=high,
        comment=_comment(answer, mapped),
        responded_at=records.moment(answer.get("created_at"), zone=zone),
        updated_at=records.moment(answer.get("updated_at"), zone=zone),
        person=Person(
            email=said(Role.EMAIL, "person.email"),
            external_id=said(Role.PERSON_ID, ""),
            name=said(Role.NAME, "person.name"),
            phone=said(Role.PHONE, "person.phone_number"),
        ),
        properties=properties,
        channel=records.text(properties.get("Delighted Source")),
        raw=payload,
        trouble=trouble,
    )


def _comment(answer: Mapping[str, Any], mapped: Mapping[Role, Sequence[str]]) -> str | None:
    said = [records.comment(_value(answer, key)) for key in mapped.get(Role.COMMENT, ()) or ("comment",)]
    return "\n\n".join(dict.fromkeys(text for text in said if text)) or None


def _value(answer: Mapping[str, Any], key: str) -> Any:
    """What a field's key stands for: a path, or `additional_answers.ID` for one question's answer."""
    if key.startswith("additional_answers."):
        wanted = key.removeprefix("additional_answers.")
        return next((_said(each) for each in _additional(answer) if _question_id(each) == wanted), None)
    return reading.at(answer, key) if key else None


def _additional(answer: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    return (each for each in records.items(answer.get("additional_answers")) if isinstance(each, Mapping))


def _question_id(additional: Mapping[str, Any]) -> str:
    return records.text(reading.at(additional, "question.id"))


def _said(additional: Mapping[str, Any]) -> Any:
    value = records.mapping(additional.get("value"))
    for kind in ("free_response", "scale"):
        if value.get(kind) is not None:
            return value[kind]
    options = [value.get("select_one"), *records.items(value.get("select_many"))]
    return ", ".join(filter(None, (records.text(records.mapping(option).get("text")) for option in options)))


# --- The system ----------------------------------------------------------------------------------------------
class Delighted(System):
    key: ClassVar[str] = "delighted"
    name: ClassVar[str] = "Delighted"
    about: ClassVar[str] = "The history of a Delighted project by its API. The service ended on 30 June 2026."
    verified: ClassVar[str] = "vendor documentation"
    settings: ClassVar[tuple[Setting, ...]] = (
        Setting(
            key="api_key",
            label="API key",
            input=Input.SECRET,
            where="In Delighted, under Settings → API of the project. Every project has a key of its own.",
        ),
        Setting(
            key="hook",
            label="Key of the webhooks' signature",
            input=Input.SECRET,
            is_required=False,
            where="Leave it empty to use the API key, with which Delighted signs as far as is known.",
        ),
        Setting(
            key="base_url", label="Address", input=Input.URL, default=BASE, is_required=False, where="Leave it as it is."
        ),
    )  # fmt: skip
    hook: ClassVar[Hook] = Hook.BY_HAND
    hook_steps: ClassVar[str] = (
        "In Delighted, open Integrations → Webhooks, paste this address and add rules for new and updated responses, and for"
        " unsubscribes."
    )
    overlap: ClassVar[dt.timedelta] = dt.timedelta(minutes=2)
    roles: ClassVar[tuple[Role, ...]] = (Role.COMMENT, Role.EMAIL, Role.PERSON_ID, Role.NAME, Role.PHONE)

    def headers(self, link: Link) -> Mapping[str, str]:
        key = base64.b64encode(f"{link.secrets.get('api_key', '')}:".encode()).decode()
        return {"Authorization": f"Basic {key}"}

    def check(self, link: Link) -> str:
        newest = self._list(link, {"per_page": 1, "order": "desc"})
        answer = records.mapping(newest[0]) if newest else {}
        found = records.moment(answer.get("created_at"))
        return f"Delighted project, newest answer of {found:%Y-%m-%d}" if found else "Delighted project"

    def surveys(self, link: Link) -> Sequence[RemoteSurvey]:
        """A key opens one project, and a project asks one kind of question."""
        newest = self._list(link, {"per_page": 1, "order": "desc"})
        metric = read_response(newest[0]).metric if newest and isinstance(newest[0], Mapping) else None
        return [RemoteSurvey(id="", name="The project of this key", metric=metric)]

    def fields(self, link: Link, survey_id: str) -> Sequence[RemoteField]:
        newest = self._list(link, {"per_page": PAGE_SIZE, "order": "desc", "expand[]": "person"})
        return reading.described([_fields_of(each) for each in newest], always=_BASIC_FIELDS)

    # -- Pulling --
    def pull(self, link: Link, ask: Ask) -> Page:
        """By time of change. What changes while it is read moves to the end, and is read there or by the next run."""
        place = Place.of(ask.cursor, since=(ask.since or BEGINNING).timestamp())
        answers = self._list(
            link,
            {
                "updated_since": place.since,
                "order": "asc",
                "expand[]": "person",
                "per_page": PAGE_SIZE,
                "page": place.page,
            },
        )
        following, note = onward(place, _rows(answers), size=PAGE_SIZE, host="Delighted", back=1)
        found: list[Record] = []
        left_out = 0
        for each in answers:
            try:
                record = read_response(each, chosen=link.mapping, zone=link.zone)
            except Unusable:
                left_out += 1
                continue
            if record.score is None and not record.trouble:
                left_out += 1
            else:
                found.append(record)
        notes = [note] if note else []
        if left_out:
            notes.append(f"{left_out} entries of the page had no score and were left out.")
        return Page(records=found, cursor=following.cursor() if following else None, notes=notes)

    def _list(self, link: Link, params: Mapping[str, Any]) -> list[Any]:
        try:
            said = link.read("GET", f"{reading.base_url(link, BASE)}/survey_responses.json", params=params)
        except TryLater as trouble:
            if trouble.answered:
                raise
            raise TryLater(f"{trouble.message} {ENDED}") from None
        except AccessDenied:
            raise AccessDenied(
                f"Delighted does not accept the API key. Copy it again from Settings → API of the project. {ENDED}"
            ) from None
        except Trouble as trouble:
            raise type(trouble)(f"{trouble.message} {ENDED}") from None
        if not isinstance(said, list):
            raise Unusable(f"Delighted answered without a list of answers. {ENDED}")
        return said

    # -- Webhooks --
    def verify(self, link: Link, delivery: Delivery) -> None:
        said = delivery.headers.get("x-delighted-webhook-signature", "")
        secrets = [
            link.secrets.get("hook") or link.secrets.get("api_key", ""),
            link.secrets.get("hook_previous", ""),
        ]
        if not said:
            raise Forged("The delivery carries no signature.")
        if not signatures.is_signed(delivery.body, said, secrets=secrets, digest="sha256", prefix="sha256="):
            raise Forged("The signature does not fit the body.")

    def hear(self, link: Link, delivery: Delivery) -> Sequence[Record | Unsubscribed]:
        """Events of different content may bear the same `event_id`: it says nothing, and is not looked at."""
        said = bodies.json_of(delivery.body, trailing_commas=True)
        if not isinstance(said, Mapping):
            raise Unusable("The delivery is no object.")
        kind = records.text(said.get("event_type"))
        data = said.get("event_data")
        if not isinstance(data, Mapping) or not data:
            return ()
        if kind.startswith("unsubscribe"):
            return _unsubscribed(data, link.zone)
        if kind.startswith("survey_response") or (not kind and "score" in data):
            return [read_response(said, chosen=link.mapping, zone=link.zone)]
        return ()


SYSTEM = Delighted()


def _unsubscribed(data: Mapping[str, Any], zone: str) -> Sequence[Unsubscribed]:
    person = records.mapping(data.get("person")) or data
    found = Person(
        email=records.text(person.get("email")),
        name=records.text(person.get("name")),
        phone=records.text(person.get("phone_number")),
    )
    if not found.email and not found.phone:
        return ()
    times = (records.moment(data.get(key), zone=zone) for key in ("unsubscribed_at", "created_at"))
    return [Unsubscribed(person=found, at=next((at for at in times if at), None))]


def _rows(answers: Sequence[Any]) -> list[tuple[str, float | None]]:
    """Ids, and the times to go on from. Asked by time of change, the list may be in that order or in that of creation, which
    is documented nowhere. Whatever follows an answer was changed no earlier than that one was created, in either order; so its
    time of change is used only where the page proves that it is in that order."""
    created = [_seconds(each, "created_at") for each in answers]
    changed = [_seconds(each, "updated_at") or at for each, at in zip(answers, created, strict=True)]
    times = changed if _ascend(changed) and not _ascend(created) else created
    return [
        (records.text(records.mapping(each).get("id")), at) for each, at in zip(answers, times, strict=True)
    ]


def _seconds(answer: Any, key: str) -> float | None:
    moment = records.moment(records.mapping(answer).get(key))
    return moment.timestamp() if moment else None


def _ascend(times: Sequence[float | None]) -> bool:
    return all(a is not None and b is not None and a <= b for a, b in pairwise(times))


def _fields_of(answer: Any) -> Iterator[tuple[str, str, Role | None, Any]]:
    if not isinstance(answer, Mapping):
        return
    for field in _BASIC_FIELDS:
        yield field.key, field.label, field.role, reading.at(answer, field.key)
    for name, value in reading.flat(answer.get("person_properties")).items():
        is_id = "".join(c for c in name.lower() if c.isalnum()) in _ID_NAMES
        yield f"person_properties.{name}", name, Role.PERSON_ID if is_id else None, value
    for each in _additional(answer):
        if _question_id(each):
            label = records.text(reading.at(each, "question.text")) or _question_id(each)
            yield f"additional_answers.{_question_id(each)}", label, None, _said(each)
