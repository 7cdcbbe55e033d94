"""What an answer looks like in the API, read by hand: the same for one, for a batch and for the fast door.

A DRF serializer would cost more than writing the answer does (docs/performance.md); its twin for the documentation is
`surveys.api.serializers.AnswerSerializer`, and a test keeps the two alike.
"""

import datetime as dt
from collections.abc import Mapping
from typing import Any

from accounts.domain import Origin
from core.errors import Invalid, Refused
from surveys.choices import Channel
from surveys.ingest import Answer, Outcome
from surveys.questions import MAX_OPTIONS, MAX_QUESTIONS
from team.models import User
from team.permissions import can_lead

# Field of the API → field of an answer, with the kinds of JSON value it takes.
_TEXTS = {
    "source": "source",
    "external_id": "external_id",
    "comment": "comment",
    "contact_external_id": "contact_external_id",
    "email": "email",
    "name": "name",
    "phone": "phone",
    "language": "language",
    "channel": "channel",
    "origin": "origin",
}
_IDS = {"survey": "survey_id", "contact": "contact_id", "invitation": "invitation_id"}
_FLAGS = {"may_contact": "may_contact", "may_quote": "may_quote", "completed": "completed"}
_TIMES = {"responded_at": "responded_at", "source_updated_at": "source_updated_at"}
FIELDS = frozenset({*_TEXTS, *_IDS, *_FLAGS, *_TIMES, "score", "attributes", "answers"})
API_NAMES = {inner: outer for outer, inner in _IDS.items()}
# "hosted" answers carry proof of a person; "demo" is for the demo company alone.
RESERVED_SOURCES = frozenset({"hosted"})
ORIGINS = frozenset({"live", "import", "backfill", "correction"})
MAX_ATTRIBUTES = 20


def answer_from(data: Any, *, now: dt.datetime) -> Answer:
    """The answer in one JSON object; raises `Invalid` naming the field. What it means is checked by ingest."""
    if not isinstance(data, dict):
        raise Invalid("An answer is a JSON object.", code="not_an_object")
    if not data.keys() <= FIELDS:
        unknown = sorted(data.keys() - FIELDS)[0][:60]
        raise Invalid(
            f'There is no field "{unknown}". Known are: {", ".join(sorted(FIELDS))}.',
            code="unknown_field",
            field=unknown,
        )
    values: dict[str, Any] = {"source": "api", "channel": Channel.API, "responded_at": now}
    for name, value in data.items():
        if name == "score":
            values["score"] = value
        elif value is None:
            continue
        elif name in _TEXTS:
            if type(value) is not str:
                raise Invalid("This must be a text.", field=name)
            values[_TEXTS[name]] = value
        elif name in _TIMES:
            values[name] = _time(name, value)
        elif name in _IDS:
            if type(value) is not int or value < 1:
                raise Invalid("This must be an id: a whole number above zero.", field=name)
            values[_IDS[name]] = value
        elif name in _FLAGS:
            if type(value) is not bool:
                raise Invalid("This must be true or false.", field=name)
            values[name] = value
        elif name == "answers":
            values["answers"] = _answers(value)
        else:
            values["attributes"] = _attributes(value)
    if "survey_id" not in values:
        raise Invalid("Say which survey was answered.", code="required", field="survey")
    if "score" not in values:
        raise Invalid("Give the score: a whole number on the survey's scale.", code="required", field="score")
    if values["source"] in RESERVED_SOURCES:
        raise Invalid("This source is reserved for our own pages. Choose another name.", field="source")
    if values.get("origin", "live") not in ORIGINS:
        raise Invalid(f"The origin must be one of: {', '.join(sorted(ORIGINS))}.", field="origin")
    return Answer(**values)


def _time(name: str, value: Any) -> dt.datetime:
    if type(value) is str and len(value) <= 40:
        try:
            found = dt.datetime.fromisoformat(value)
            if found.tzinfo is not None:
                found.astimezone(dt.UTC)
        except (ValueError, OverflowError):
            pass
        else:
            return found
    raise Invalid(
        "Give the time as ISO 8601 with its offset, for example 2026-03-17T10:00:00+01:00.", field=name
    )


def _answers(value: Any) -> Mapping[str, Any]:
    """Answers to further questions by key; which keys and options there are is known to ingest."""
    if not isinstance(value, dict) or len(value) > MAX_QUESTIONS:
        raise Invalid(f"Answers are a JSON object of at most {MAX_QUESTIONS} values.", field="answers")
    for key, given in value.items():
        listed = given if isinstance(given, list) else [given]
        if (
            len(key) > 40
            or len(listed) > MAX_OPTIONS
            or any(type(one) not in {str, int} for one in listed if one is not None)
        ):
            raise Invalid(
                "An answer is an option's key, a list of them, a whole number from 1 to 5, or a text.",
                field=f"answers.{key[:60]}",
            )
    return value


def _attributes(value: Any) -> Mapping[str, Any]:
    if not isinstance(value, dict) or len(value) > MAX_ATTRIBUTES:
        raise Invalid(f"Attributes are a JSON object of at most {MAX_ATTRIBUTES} values.", field="attributes")
    for key, inner in value.items():
        if (
            not 0 < len(key) <= 60
            or isinstance(inner, (dict, list))
            or (isinstance(inner, str) and len(inner) > 60)
        ):
            raise Invalid("Names and values of attributes have at most 60 characters.", field="attributes")
    return value


def check_origin(answer: Answer, user: User) -> None:
    """A correction changes answers that are locked for everybody else; raises `Refused` (403) unless `user` leads."""
    if answer.origin == Origin.CORRECTION and not can_lead(user):
        raise Refused(
            "Only the key of a lead or an administrator may correct answers.",
            code="permission_denied", field="origin", status=403,
        )  # fmt: skip


STATUS = {"created": 201, "updated": 200, "unchanged": 200}
_REFUSED_STATUS = {"locked": 409, "conflict": 409}


def refusal_of(outcome: Outcome) -> Refused:
    """A refused outcome as the error the API answers with."""
    name = API_NAMES.get(outcome.field, outcome.field)
    return Refused(
        outcome.message, code=outcome.code, field=name, status=_REFUSED_STATUS.get(outcome.code, 400)
    )


def body_of(outcome: Outcome) -> dict[str, Any]:
    """What became of an accepted answer."""
    return {
        "id": outcome.response_id,
        "result": outcome.result,
        "identity": outcome.identity,
        "message": outcome.message,
    }
