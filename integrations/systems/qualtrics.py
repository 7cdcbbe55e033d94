"""Qualtrics (API v3): answers by export jobs, events that bring ids only, and the files that people export by hand.

Written from the vendor's documentation. A record is flat: metadata, answers under the ids of their questions (QID2) and embedded data
under plain names, side by side. A score is QIDn with QIDn_NPS_GROUP beside it, or of a question whose selector is NPS; keys
that merely end alike (QID21_0_GROUP) are not. The group is never read.
"""

import csv
import datetime as dt
import io
import itertools
import json
import re
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import IO, Any, ClassVar
from urllib.parse import urlsplit

from core.fetch import Reply
from integrations import bodies, packed, picking, reading, records, signatures
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
    Reference,
    RemoteField,
    RemoteSurvey,
    Role,
    Setting,
    System,
    Trouble,
    TryLater,
    Unusable,
)  # fmt: skip
from integrations.picking import Chosen
from integrations.records import Metric, Person, Record, Status

SCOPES = "read:survey_responses read:surveys manage:all read:subscriptions write:subscriptions"
EARLY = 300
POLL = 5.0  # seconds between two looks at an export: more often burns the limit
PAGE_SIZE = 5_000  # answers of an export's file that are taken in at once
MAX_FILE = 128 * 1024 * 1024
RESTARTS = 3

# What is known of every answer; all else that is no question is embedded data.
_METADATA = frozenset(
    {
        "startDate", "endDate", "status", "ipAddress", "progress", "duration", "finished", "recordedDate", "_recordId", "responseId",
        "recipientLastName", "recipientFirstName", "recipientEmail", "externalDataReference", "locationLatitude",
        "locationLongitude", "distributionChannel", "userLanguage", "responseSet", "name",
    }
)  # fmt: skip
_QUESTION = re.compile(r"(?:\d+_)?QID\d+(?:[_#].*)?", re.ASCII | re.DOTALL)
_SCORE = re.compile(r"QID\d+", re.ASCII)
_TEXT = re.compile(r"QID\d+_TEXT", re.ASCII)
_ANSWER_ID = re.compile(r"R_\w{4,}", re.ASCII)
_TEST_CHANNELS = frozenset({"preview", "test"})


# --- Definitions ---------------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """A question of a survey. `values` are what its choices are recoded to, None where one of them is no number."""

    id: str
    type: str = ""
    selector: str = ""
    title: str = ""
    values: tuple[int, ...] | None = None

    @property
    def is_nps(self) -> bool:
        return self.type == "MC" and self.selector == "NPS"

    @property
    def is_text(self) -> bool:
        return self.type == "TE" and self.selector not in {"FORM", "PW"}


def questions_of(definition: Any) -> list[Question]:
    """The questions of a survey in the order they are asked, from either of the two forms of its definition. Never raises."""
    survey = _unwrapped(definition)
    found = survey.get("questions", survey.get("Questions"))
    if not isinstance(found, Mapping):  # a list of them, each with its id
        listed = records.items(found) or records.items(survey.get("elements"))
        found = {records.text(records.mapping(each).get("QuestionID")): each for each in listed}
    questions = {}
    for key, each in found.items():
        question = records.mapping(each)
        kind = records.mapping(question.get("questionType"))
        choices = question.get("choices", question.get("Choices"))
        questions[str(key)] = Question(
            id=str(key),
            type=records.text(kind.get("type")) or records.text(question.get("QuestionType")),
            selector=records.text(kind.get("selector")) or records.text(question.get("Selector")),
            title=_plain(question.get("questionText", question.get("QuestionText"))),
            values=_values(choices, question.get("RecodeValues")),
        )
    order = [key for key in _order(survey) if key in questions]
    return [questions[key] for key in dict.fromkeys([*order, *questions])]


def _unwrapped(payload: Any) -> Mapping[str, Any]:
    """What was asked for, without the envelope in which the API answers."""
    outer = records.mapping(payload)
    inner = outer.get("result")
    return inner if isinstance(inner, Mapping) else outer


def _values(choices: Any, recodes: Any) -> tuple[int, ...] | None:
    """The numbers that choices stand for; they come as an object by id or as a list."""
    if isinstance(choices, Mapping):
        listed = [(str(key), records.mapping(choice)) for key, choice in choices.items()]
    else:
        listed = [
            (str(place), records.mapping(choice)) for place, choice in enumerate(records.items(choices))
        ]
    recoded = records.mapping(recodes)
    found = []
    for key, choice in listed:
        number = records.score(choice.get("recode", recoded.get(key, key)), low=-1_000, high=1_000)
        if number is None:
            return None
        found.append(number)
    return tuple(sorted(set(found))) or None


def _order(survey: Mapping[str, Any]) -> Iterator[str]:
    """Ids of questions as the survey's flow asks them, as far as it tells."""
    blocks = records.mapping(survey.get("blocks", survey.get("Blocks")))
    flow = survey.get("flow")
    named = [records.text(records.mapping(step).get("id")) for step in records.items(flow)]
    for block in dict.fromkeys([*(name for name in named if name in blocks), *blocks]):
        content = records.mapping(blocks[block])
        for each in records.items(content.get("elements", content.get("BlockElements"))):
            element = records.mapping(each)
            yield records.text(element.get("questionId", element.get("QuestionID")))


def _plain(text: Any) -> str:
    return " ".join(re.sub(r"<[^<>]*>|&nbsp;", " ", records.text(text)).split())


def slim(definition: Any) -> dict[str, Any]:
    """What is kept of a definition: enough to read answers and to show their fields."""
    survey = _unwrapped(definition)
    embedded = []
    for each in records.items(survey.get("embeddedData")):
        name = records.text(records.mapping(each).get("name"))
        if name:
            embedded.append(name)
    return {
        "id": records.text(survey.get("id")) or records.text(survey.get("SurveyID")),
        "name": _plain(survey.get("name")),
        "embeddedData": [{"name": name} for name in embedded],
        "questions": {
            question.id: {
                "questionType": {"type": question.type, "selector": question.selector},
                "questionText": question.title,
                "choices": None
                if question.values is None
                else [{"recode": value} for value in question.values],
            }
            for question in questions_of(survey)
        },
    }


# --- Answers -------------------------------------------------------------------------------------------------
def read_response(
    payload: Any,
    definition: Any = None,
    *,
    mapping: Chosen | None = None,
    survey_id: str = "",
    zone: str = "UTC",
) -> Record:
    """One response, as an export (JSON) or a single call tells it. Never raises; `external_id` may be empty.

    The time of an answer is when it was recorded; Qualtrics does not tell when one was changed last.
    """
    response = _unwrapped(payload)
    values = response.get("values")
    told: Mapping[str, Any] = values if isinstance(values, Mapping) else response
    return _read(
        told,
        questions_of(definition),
        identity=picking.first(response, ("responseId",)) or picking.first(told, ("_recordId", "responseId")),
        survey_id=survey_id or picking.first(_unwrapped(definition), ("id", "SurveyID")),
        mapping=mapping,
        zone=zone,
        raw=payload,
    )


def _read(
    told: Mapping[str, Any],
    questions: Sequence[Question],
    *,
    identity: str,
    survey_id: str,
    mapping: Chosen | None,
    zone: str,
    raw: Any,
) -> Record:
    key = _score_key(told, questions, mapping)
    score, metric, low, high, trouble = _score(key, told, questions)
    embedded = {
        name: value
        for name, value in reading.flat(told).items()
        if name not in _METADATA and not _QUESTION.fullmatch(name)
    }
    status, why = _status(told)
    moments = (records.moment(told.get(name), zone=zone) for name in ("recordedDate", "endDate", "startDate"))

    def chosen(role: Role) -> str:
        return picking.first(told, picking.keys(mapping, role))

    names = (records.text(told.get(name)) for name in ("recipientFirstName", "recipientLastName"))
    return Record(
        external_id=identity,
        survey_id=survey_id,
        metric=metric,
        score=score,
        scale_min=low,
        scale_max=high,
        comment=_comment(key, told, questions, mapping),
        status=status,
        responded_at=next((moment for moment in moments if moment is not None), None),
        person=Person(
            email=picking.email(chosen(Role.EMAIL))
            or picking.email(records.text(told.get("recipientEmail")))
            or picking.email(picking.like(embedded, picking.EMAILS)),
            external_id=chosen(Role.PERSON_ID)
            or records.text(told.get("externalDataReference"))
            or picking.like(embedded, picking.PERSON_IDS),
            name=chosen(Role.NAME)
            or " ".join(name for name in names if name)
            or records.text(told.get("name"))
            or picking.like(embedded, picking.NAMES),
            phone=chosen(Role.PHONE) or picking.like(embedded, picking.PHONES),
        ),
        properties=embedded,
        language=chosen(Role.LANGUAGE) or records.text(told.get("userLanguage")),
        channel=records.text(told.get("distributionChannel")),
        raw=raw,
        trouble=trouble or why,
    )


def _score_key(told: Mapping[str, Any], questions: Sequence[Question], mapping: Chosen | None) -> str:
    """The key of the score: the chosen one, else that of an NPS question, by definition or by the group beside it."""
    wanted = picking.keys(mapping, Role.SCORE)
    for key in wanted:
        if key in told:
            return key
    if wanted:
        return wanted[0]
    found = [question.id for question in questions if question.is_nps]
    found += [
        key for key in told if _SCORE.fullmatch(str(key)) and f"{key}_NPS_GROUP" in told and key not in found
    ]
    for key in found:
        if _present(told.get(key)):
            return key
    return found[0] if found else ""


def _present(value: Any) -> bool:
    return value is not None and value != ""


def _score(
    key: str, told: Mapping[str, Any], questions: Sequence[Question]
) -> tuple[int | None, Metric, int, int, str]:
    if not key:
        return None, Metric.OTHER, 0, 10, ""
    question = next((each for each in questions if each.id == key), None)
    metric, low, high = Metric.NPS, 0, 10
    if question is not None and not question.is_nps and question.values is not None:
        low, high = question.values[0], question.values[-1]
        metric = Metric.NPS if (low, high) == (0, 10) else Metric.CSAT
    value = told.get(key)
    score = records.score(value, low=low, high=high)
    unread = score is None and _present(value)
    return score, metric, low, high, f"The score is no whole number from {low} to {high}." if unread else ""


def _comment(
    key: str, told: Mapping[str, Any], questions: Sequence[Question], mapping: Chosen | None
) -> str | None:
    wanted = picking.keys(mapping, Role.COMMENT)
    if wanted:
        return picking.joined(told.get(each) for each in wanted)
    order = [question.id for question in questions]
    if key in order:
        following = questions[order.index(key) + 1 :]
        texts = [f"{question.id}_TEXT" for question in following if question.is_text]
    else:
        keys = [str(each) for each in told]
        texts = [each for each in keys[keys.index(key) + 1 :] if _TEXT.fullmatch(each)] if key in keys else []
        # Where the keys are in no order of the survey, the number of the question tells what came later.
        others = (
            [each for each in keys if _TEXT.fullmatch(each) and _number(each) > _number(key)] if key else []
        )
        texts += sorted(others, key=_number)
    return next((said for each in texts if (said := records.comment(told.get(each)))), None)


def _number(key: str) -> int:
    """The number of the question that a key belongs to."""
    found = re.match(r"QID(\d{1,9})", key, re.ASCII)
    return int(found.group(1)) if found else 10**9


def _status(told: Mapping[str, Any]) -> tuple[Status, str]:
    """What an answer counts as, and why not if it does not: previews, tests and what Qualtrics sorted out."""
    status = told.get("status")
    label = records.text(status).lower()
    number = records.score(status, low=0, high=10_000)
    channel = records.text(told.get("distributionChannel")).lower()
    if (
        number in {1, 2, 9, 17}
        or channel in _TEST_CHANNELS
        or re.search(r"preview|vorschau|\btest\b|test$", label)
    ):
        return Status.TEST, ""
    if number is not None and number != 0:
        return Status.EXCLUDED, f"Qualtrics gives the answer the status {number}, which is no regular one."
    if label in {"spam", "imported", "possible spam"}:
        return Status.EXCLUDED, f"Qualtrics gives the answer the status “{label}”."
    finished = records.text(told.get("finished")).lower() or str(told.get("finished")).lower()
    if finished in {"0", "false", "0.0"}:
        return Status.PARTIAL, ""
    progress = records.score(told.get("progress"), low=0, high=1_000)
    # Labels are in the language of the account; the progress is a number in all of them.
    is_partial = finished not in {"1", "true", "1.0"} and progress is not None and progress < 100
    return (Status.PARTIAL if is_partial else Status.COMPLETED), ""


# --- Files --------------------------------------------------------------------------------------------------
# Names of columns as today's and the files of 2017 have them, by what the third header row calls them.
_COLUMNS = {
    "startdate": "startDate", "enddate": "endDate", "status": "status", "ipaddress": "ipAddress", "progress": "progress",
    "durationinseconds": "duration", "duration": "duration", "finished": "finished", "recordeddate": "recordedDate",
    "responseid": "_recordId", "recipientlastname": "recipientLastName", "recipientfirstname": "recipientFirstName",
    "recipientemail": "recipientEmail", "externalreference": "externalDataReference",
    "externaldatareference": "externalDataReference", "locationlatitude": "locationLatitude",
    "locationlongitude": "locationLongitude", "distributionchannel": "distributionChannel", "userlanguage": "userLanguage",
    "responseset": "responseSet", "name": "name", "emailaddress": "recipientEmail",
}  # fmt: skip
_LEGACY = (
    "_recordId", "responseSet", "name", "externalDataReference", "recipientEmail", "ipAddress", "status", "startDate", "endDate",
    "finished",
)  # fmt: skip
_DATES = frozenset({"startDate", "endDate", "recordedDate"})


def read_csv(
    content: bytes,
    definition: Any = None,
    *,
    mapping: Chosen | None = None,
    survey_id: str = "",
    zone: str = "UTC",
) -> list[Record]:
    """All answers of a file that Qualtrics exported, packed or plain. Raises `Unusable` for what is no such file."""
    source = packed.Stream(packed.unpacked(content).chunks())
    return list(read_csv_file(source, definition, mapping=mapping, survey_id=survey_id, zone=zone))


def read_csv_file(
    source: io.RawIOBase | IO[bytes],
    definition: Any = None,
    *,
    mapping: Chosen | None = None,
    survey_id: str = "",
    zone: str = "UTC",
) -> Iterator[Record]:
    """The answers of a CSV or TSV file, row by row.

    Three header rows (names, texts, ImportIds), two (the ids of 2017 with their names, or one of the others missing) or one.
    Columns are known by the ImportIds where the file has them, else by name. Raises `Unusable`.
    """
    buffered = io.BufferedReader(source)  # type: ignore[type-var] # whatever can be read from
    # Tables with tabs come in UTF-16.
    encoding = "utf-16" if buffered.peek(2)[:2] in {b"\xff\xfe", b"\xfe\xff"} else "utf-8-sig"
    text = io.TextIOWrapper(buffered, encoding=encoding, errors="replace", newline="")
    try:
        first = text.readline()
        delimiter = "\t" if first.count("\t") > first.count(",") else ","
        rows = csv.reader(itertools.chain([first], text), delimiter=delimiter)
        head = list(itertools.islice(rows, 3))
        keys, zones, count = _columns(head)
        questions = questions_of(definition)
        for row in itertools.chain(head[count:], rows):
            told = _cells(row, keys, zones, zone)
            identity = records.text(told.get("_recordId"))
            if not identity:
                continue
            renamed, original = _with_ids(told)
            record = _read(
                renamed,
                questions,
                identity=identity,
                survey_id=survey_id,
                mapping=mapping,
                zone=zone,
                raw=original,
            )
            yield record
    except csv.Error as error:
        raise Unusable(f"The file is no CSV: {error}.") from None


def _columns(head: Sequence[Sequence[str]]) -> tuple[list[str], list[str], int]:
    """Key and time zone of each column, and how many header rows there are."""
    if not head or not any(cell.strip() for cell in head[0]):
        raise Unusable("The file is empty.")
    names = [cell.strip() for cell in head[0]]
    for count, row in enumerate(head[1:3], start=2):
        told = [_import_id(cell) for cell in row]
        if any(key for key, _ in told):
            keys = [
                key or _named(name)
                for (key, _), name in itertools.zip_longest(told, names, fillvalue=("", ""))
            ]
            return keys, [zone for _, zone in told], count
    if names[0] == "V1":
        known = dict(zip((f"V{number}" for number in range(1, 11)), _LEGACY, strict=True))
        return [known.get(name, name) for name in names], [], 2
    keys = [_named(name) for name in names]
    if "_recordId" not in keys:
        raise Unusable(
            "The file has no column of response ids. Export it from Qualtrics with all its columns."
        )
    place = keys.index("_recordId")
    count = 1
    for row in head[1:3]:
        if len(row) > place and not _ANSWER_ID.fullmatch(row[place].strip()):
            count += 1
    return keys, [], count


def _named(name: Any) -> str:
    text = str(name)
    return _COLUMNS.get(re.sub(r"[^a-z]", "", text.lower()), text)


def _import_id(cell: str) -> tuple[str, str]:
    """Key and zone that a cell of the third header row names."""
    if not cell.lstrip().startswith("{"):
        return "", ""
    try:
        told = records.mapping(json.loads(cell))
    except (ValueError, RecursionError):
        return "", ""
    key = records.text(told.get("ImportId"))
    choice = records.text(told.get("choiceId"))
    zone = records.text(told.get("timeZone"))
    return (f"{key}_{choice}" if key and choice else key), ("UTC" if zone == "Z" else zone)


def _cells(row: Sequence[str], keys: Sequence[str], zones: Sequence[str], zone: str) -> dict[str, Any]:
    told: dict[str, Any] = {}
    for place, (key, cell) in enumerate(zip(keys, row, strict=False)):
        if not key or not cell.strip() or key in told:
            continue
        told[key] = cell
        if key in _DATES:
            moment = records.moment(cell, zone=(zones[place] if place < len(zones) else "") or zone)
            told[key] = None if moment is None else moment.isoformat()
    return told


def _with_ids(told: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Files without ImportIds call a score Q1 and its group Q1_NPS_GROUP: read it as if the name were an id."""
    for key in told:
        stem = key.removesuffix("_NPS_GROUP")
        if stem != key and not _QUESTION.fullmatch(stem) and stem in told:
            renamed = {
                "QID0" if name == stem else "QID0_NPS_GROUP" if name == key else name: value
                for name, value in told.items()
            }
            return renamed, told
    return told, told


# --- The system ----------------------------------------------------------------------------------------------
class Qualtrics(System):
    key: ClassVar[str] = "qualtrics"
    name: ClassVar[str] = "Qualtrics"
    about: ClassVar[str] = (
        "Surveys with an NPS question: events as people finish, edits and history by export."
    )
    verified: ClassVar[str] = "vendor documentation"
    hook: ClassVar[Hook] = Hook.BY_CALL
    per_minute: ClassVar[int] = 60
    overlap: ClassVar[dt.timedelta] = dt.timedelta(minutes=10)
    every_minutes: ClassVar[int] = 60
    roles: ClassVar[tuple[Role, ...]] = (
        Role.SCORE, Role.COMMENT, Role.EMAIL, Role.PERSON_ID, Role.NAME, Role.PHONE, Role.LANGUAGE,
    )  # fmt: skip
    settings: ClassVar[tuple[Setting, ...]] = (
        Setting(
            key="base_url",
            names_server=True,
            label="Data centre or address",
            where="In Qualtrics: Account settings, Qualtrics IDs, Datacenter ID, such as fra1 or iad1; or the address of your"
            " brand, such as https://acme.fra1.qualtrics.com.",
        ),
        Setting(
            key="access",
            label="How to connect",
            input=Input.CHOICE,
            default="token",
            choices=(("token", "With an API token"), ("client", "With an OAuth client")),
        ),
        Setting(
            key="token",
            label="API token",
            input=Input.SECRET,
            is_required=False,
            where="In Qualtrics: Account settings, Qualtrics IDs, API, Generate token. It has the rights of the user it belongs to.",
        ),
        Setting(
            key="client_id",
            label="Client ID",
            is_required=False,
            where="Only with an OAuth client. In Qualtrics: Account settings, Qualtrics IDs, OAuth client manager.",
        ),
        Setting(
            key="client_secret",
            label="Client secret",
            input=Input.SECRET,
            is_required=False,
            where="Only with an OAuth client. Qualtrics shows it once, when the client is made.",
        ),
        Setting(
            key="scopes",
            label="Scopes",
            is_required=False,
            default=SCOPES,
            where="Only with an OAuth client: what it was given, with blanks between.",
        ),
        Setting(
            key="partial",
            label="Answers that were not finished",
            input=Input.CHOICE,
            default="no",
            choices=(("no", "Leave out"), ("yes", "Read them as partial answers")),
            where="Qualtrics exports them separately: each run then takes two exports.",
        ),
    )

    # -- Getting in --
    def headers(self, link: Link) -> Mapping[str, str]:
        if link.options.get("access") != "client":
            token = link.secrets.get("token", "")
            if not token:
                raise AccessDenied("Enter an API token of Qualtrics.")
            return {"X-API-TOKEN": token}
        ends = records.moment(link.secrets.get("expires_at"))
        if not link.secrets.get("access_token") or (
            ends is not None and ends.timestamp() - EARLY < time.time()
        ):
            self._mint(link)
        return {"Authorization": f"Bearer {link.secrets['access_token']}"}

    def renew(self, link: Link) -> bool:
        if link.options.get("access") != "client":
            return False
        self._mint(link)
        return True

    def _mint(self, link: Link) -> None:
        identity, secret = records.text(link.options.get("client_id")), link.secrets.get("client_secret", "")
        if not identity or not secret:
            raise AccessDenied("Enter the client ID and the client secret of an OAuth client of Qualtrics.")
        form = {
            "grant_type": "client_credentials",
            "scope": records.text(link.options.get("scopes")) or SCOPES,
        }
        told = records.mapping(
            link.read("POST", f"{_host(link)}/oauth2/token", form=form, auth=(identity, secret), signed=False)
        )
        token = records.text(told.get("access_token"))
        if not token:
            raise Unusable("Qualtrics answered without a token.")
        seconds = records.score(told.get("expires_in"), low=0, high=10**9)
        link.keep(access_token=token, expires_at="" if seconds is None else str(int(time.time()) + seconds))

    def trouble(self, reply: Reply) -> Trouble | None:
        if reply.status == 401:
            return AccessDenied(
                "Qualtrics does not accept the credentials (401). Check the token, and that the data centre is the account's own."
            )
        if reply.status == 403:
            return AccessDenied(
                "Qualtrics refuses access (403). The user needs the permission to use the API, and to read this survey's answers."
            )
        if reply.status == 429:
            return TryLater(
                "Qualtrics asks us to slow down (429).",
                after=POLL if reply.retry_after is None else reply.retry_after,
            )
        return None

    def check(self, link: Link) -> str:
        told = _result(link.read("GET", f"{_api(link)}/surveys"))
        elements = told.get("elements")
        if not isinstance(elements, list):
            raise Unusable("This does not look like Qualtrics' API. Check the data centre.")
        count = f"{len(elements)}{' or more' if told.get('nextPage') else ''}"
        return f"Qualtrics at {urlsplit(_host(link)).hostname}, {count} {'survey' if count == '1' else 'surveys'}"

    # -- Describing --
    def surveys(self, link: Link) -> Sequence[RemoteSurvey]:
        found: dict[str, RemoteSurvey] = {}
        url = f"{_api(link)}/surveys"
        for _ in range(500):
            told = _result(link.read("GET", url))
            before = len(found)
            for each in records.items(told.get("elements")):
                survey = records.mapping(each)
                identity = records.text(survey.get("id"))
                if identity:
                    found[identity] = RemoteSurvey(id=identity, name=_plain(survey.get("name")) or identity)
            following = urlsplit(records.text(told.get("nextPage")))
            if not following.query or len(found) == before:
                break
            # Only where in the list it goes on is taken from there, never the host.
            url = f"{_api(link)}/surveys?{following.query}"
        return list(found.values())

    def fields(self, link: Link, survey_id: str) -> Sequence[RemoteField]:
        """Questions and embedded data of the definition. Examples cannot be had without an export, which takes minutes."""
        survey = self._survey(link, survey_id)
        questions = questions_of(survey)
        asked = next((question for question in questions if question.is_nps), None)
        fields = []
        is_after = False
        for question in questions:
            role = Role.SCORE if question is asked else None
            if question.is_text and is_after:
                role, is_after = Role.COMMENT, False
            is_after = is_after or question is asked
            key = f"{question.id}_TEXT" if question.is_text else question.id
            if question.type in {"MC", "TE", "Slider", "Matrix"}:
                examples = reading.examples(question.values or ())
                fields.append(RemoteField(key=key, label=question.title or key, role=role, examples=examples))
        names = [records.text(records.mapping(each).get("name")) for each in survey["embeddedData"]]
        own = picking.like({name: name for name in names}, picking.PERSON_IDS)
        fields += [
            RemoteField(key="recipientEmail", label="E-mail address of the recipient", role=Role.EMAIL),
            RemoteField(
                key="externalDataReference",
                label="External data reference",
                role=None if own else Role.PERSON_ID,
            ),
        ]
        fields += [
            RemoteField(
                key=name, label=f"Embedded data “{name}”", role=Role.PERSON_ID if name == own else None
            )
            for name in dict.fromkeys(names)
            if name not in _METADATA
        ]
        return fields

    def _survey(self, link: Link, survey_id: str) -> dict[str, Any]:
        survey: dict[str, Any] = link.remember(
            f"survey:{survey_id}",
            lambda: slim(link.read("GET", f"{_api(link)}/surveys/{survey_id}")),
            seconds=3600,
        )
        return survey

    # -- Pulling --
    def pull(self, link: Link, ask: Ask) -> Page:
        """An export in three steps, each a page of its own: begin, look whether it is ready, take the file in pieces."""
        cursor = dict(ask.cursor or {"step": "begin", "part": "finished", "restarts": 0})
        try:
            if cursor.get("step") == "look":
                return self._look(link, ask, cursor)
            if cursor.get("step") == "take":
                return self._take(link, ask, cursor)
        except Gone:
            return _again(cursor, "The export is no longer there")
        return self._begin(link, ask, cursor)

    def _begin(self, link: Link, ask: Ask, cursor: dict[str, Any]) -> Page:
        wanted: dict[str, Any] = {"format": "json", "compress": True}
        if cursor["part"] == "finished":
            # The order of the last change: then the beginning is meant by it too, and edits are seen.
            wanted |= {"sortByLastModifiedDate": True, "endDate": _second(ask.until)}
            if ask.since is not None:
                wanted["startDate"] = _second(ask.since)
        else:
            wanted |= {"exportResponsesInProgress": True}
        told = _result(
            link.read("POST", f"{_api(link)}/surveys/{ask.survey_id}/export-responses", json=wanted)
        )
        progress = records.text(told.get("progressId"))
        if not progress:
            raise Unusable("Qualtrics took the export but gave it no number.")
        return Page(cursor={**_place(cursor), "step": "look", "progress": progress, "looks": 0}, wait=POLL)

    def _look(self, link: Link, ask: Ask, cursor: dict[str, Any]) -> Page:
        url = f"{_api(link)}/surveys/{ask.survey_id}/export-responses/{cursor['progress']}"
        told = _result(link.read("GET", url))
        status = records.text(told.get("status"))
        file = records.text(told.get("fileId"))
        if status == "failed":
            return _again(cursor, "Qualtrics' export failed")
        if not file:
            looks = int(cursor.get("looks", 0)) + 1
            # A long export is looked at less often, at most every half minute.
            return Page(cursor={**cursor, "looks": looks}, wait=min(POLL + looks, 30.0))
        return Page(cursor={**_place(cursor), "step": "take", "file": file, "at": 0})

    def _take(self, link: Link, ask: Ask, cursor: dict[str, Any]) -> Page:
        survey = self._survey(link, ask.survey_id)
        questions = questions_of(survey)
        url = f"{_api(link)}/surveys/{ask.survey_id}/export-responses/{cursor['file']}/file"
        reply = link.call("GET", url, max_bytes=MAX_FILE)
        at = int(cursor.get("at", 0))
        found = packed.objects_in(packed.unpacked(reply.body), under="responses")
        read: list[Record] = []
        skipped = 0
        for payload in itertools.islice(found, at, at + PAGE_SIZE):
            record = self._record(link, payload, questions, ask.survey_id, part=cursor["part"])
            if record.external_id:
                read.append(record)
            else:
                skipped += 1
        notes = [f"{skipped} answers without an id were left out."] if skipped else []
        if len(read) + skipped == PAGE_SIZE:
            return Page(records=read, cursor={**cursor, "at": at + PAGE_SIZE}, notes=notes)
        following = None
        if cursor["part"] == "finished" and link.options.get("partial") == "yes":
            following = {"step": "begin", "part": "in_progress", "restarts": 0}
        return Page(
            records=read, cursor=following, total=at + len(read) if following is None else None, notes=notes
        )

    def _record(
        self, link: Link, payload: Any, questions: Sequence[Question], survey_id: str, *, part: str
    ) -> Record:
        response = records.mapping(payload)
        values = response.get("values")
        told = values if isinstance(values, Mapping) else response
        record = _read(
            told,
            questions,
            identity=picking.first(response, ("responseId",)) or picking.first(told, ("_recordId",)),
            survey_id=survey_id,
            mapping=link.mapping,
            zone=link.zone,
            raw=payload,
        )
        if part == "in_progress" and record.status is Status.COMPLETED:
            record = replace(record, status=Status.PARTIAL)
        return record

    def fetch(self, link: Link, reference: Reference) -> Record:
        """One answer. It may not be there for some seconds after its event: `Gone` then does not yet mean deleted."""
        url = f"{_api(link)}/surveys/{reference.survey_id}/responses/{reference.external_id}"
        told = link.read("GET", url)
        survey = self._survey(link, reference.survey_id)
        record = read_response(
            told, survey, mapping=link.mapping, survey_id=reference.survey_id, zone=link.zone
        )
        if not record.external_id:
            raise Unusable("Qualtrics answered without a response.")
        return record

    # -- Webhooks --
    def subscribe(self, link: Link, *, survey_ids: Sequence[str], url: str, secret: str) -> Mapping[str, Any]:
        """One subscription a survey. They cannot be changed, so ours are replaced, the new ones first: those made before (the
        address may have been another) and those with our address."""
        old = {identity for identity in link.secrets.get("subscriptions", "").split(",") if identity}
        ids: dict[str, str] = {}
        try:
            old |= set(self._subscriptions(link, url))
            for survey_id in survey_ids:
                wanted = {
                    "topics": f"surveyengine.completedResponse.{survey_id}",
                    "publicationUrl": url,
                    "encrypt": False,
                    "sharedKey": secret,
                }
                told = _result(link.read("POST", f"{_api(link)}/eventsubscriptions", json=wanted))
                ids[survey_id] = records.text(told.get("id"))
        except AccessDenied as error:
            raise AccessDenied(
                "Qualtrics refuses event subscriptions: as a rule only a brand administrator may make them. Connect with such a"
                f" user's token, or go on without: answers are then read every hour. ({error.message})"
            ) from None
        self.unsubscribe(link, {"ids": {identity: identity for identity in old - set(ids.values())}})
        link.keep(subscriptions=",".join(ids.values()))
        return {"ids": ids}

    def _subscriptions(self, link: Link, url: str) -> list[str]:
        told = _result(link.read("GET", f"{_api(link)}/eventsubscriptions"))
        found = [records.mapping(each) for each in records.items(told.get("elements"))]
        return [
            records.text(each.get("id"))
            for each in found
            if each.get("publicationUrl") == url and records.text(each.get("id"))
        ]

    def unsubscribe(self, link: Link, state: Mapping[str, Any]) -> None:
        for identity in records.mapping(state.get("ids")).values():
            try:
                link.call("DELETE", f"{_api(link)}/eventsubscriptions/{identity}")
            except Gone:
                continue

    def verify(self, link: Link, delivery: Delivery) -> None:
        secrets = signatures.hook_secrets(link)
        if not secrets:
            raise Forged("there is no shared key to verify with")
        try:
            fields = bodies.form_pairs(delivery.body)
        except Unusable:
            raise Forged("too many fields") from None
        messages = [value for name, value in fields if name == "MSG"]
        said = [value.decode("utf-8", "replace") for name, value in fields if name == "HMAC"]
        if len(messages) != 1 or len(said) != 1:
            raise Forged("no signature, or several")
        if not signatures.is_signed(messages[0], said[0], secrets=secrets, digest="sha512"):
            raise Forged("the signature does not fit")

    def hear(self, link: Link, delivery: Delivery) -> Sequence[Record | Reference]:
        """Only what is signed is believed where something is: the topic is outside."""
        event = _event(delivery)
        identity = records.text(event.get("ResponseID"))
        survey_id = records.text(event.get("SurveyID"))
        topic = records.text(event.get("Topic"))
        if topic and "completedResponse" not in topic:
            return ()
        if not identity or not survey_id:
            raise Unusable("The delivery does not say which response of which survey it is about.")
        return [Reference(external_id=identity, survey_id=survey_id, wait=POLL)]


def _event(delivery: Delivery) -> Mapping[str, Any]:
    told = bodies.json_or_form(delivery.body, form=bodies.plain_form)
    if not bodies.is_json(delivery.body) and "MSG" in told:
        topic = told.get("Topic", "")
        told = bodies.json_of(told["MSG"].encode())
        told = {**told, "Topic": topic} if isinstance(told, Mapping) else told
    if not isinstance(told, Mapping):
        raise Unusable("The delivery is no event.")
    return told


def _place(cursor: Mapping[str, Any]) -> dict[str, Any]:
    return {"part": cursor["part"], "restarts": cursor.get("restarts", 0)}


def _again(cursor: Mapping[str, Any], why: str) -> Page:
    """The export from its beginning: files expire. What was taken in already is taken in again, to no effect."""
    restarts = int(cursor.get("restarts", 0)) + 1
    if restarts > RESTARTS:
        raise Unusable(
            f"{why}, {restarts} times in a row. The run stops; the next one begins at the same place."
        )
    following = {"step": "begin", "part": cursor["part"], "restarts": restarts}
    return Page(cursor=following, wait=POLL, notes=[f"{why}; it is made again."])


def _result(told: Any) -> Mapping[str, Any]:
    result = records.mapping(told).get("result")
    if not isinstance(result, Mapping):
        raise Unusable("Qualtrics answered without a result.")
    return result


def _host(link: Link) -> str:
    """The address without the path: from a data centre's id, a host or an address."""
    told = records.text(link.options.get("base_url")).rstrip("/")
    told = re.sub(r"/API(/v3)?\Z", "", told, flags=re.IGNORECASE).rstrip("/")
    if not told:
        raise AccessDenied("Name the data centre of your account at Qualtrics.")
    if "://" in told:
        return told
    return f"https://{told}" if "." in told else f"https://{told}.qualtrics.com"


def _api(link: Link) -> str:
    return f"{_host(link)}/API/v3"


def _second(moment: dt.datetime) -> str:
    return moment.astimezone(dt.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


SYSTEM = Qualtrics()
