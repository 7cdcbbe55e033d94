"""Medallia Experience Cloud: answers by its Query API (GraphQL), news by a feed whose body the administrator writes after our template.

Written from the vendor's documentation. Every instance names its fields itself, so nothing is read by a name of ours except from the
template: which field is the score, the comment, the time is chosen by a person, from the fields that the instance tells.
"""

import datetime as dt
import re
import time
import zoneinfo
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar
from urllib.parse import urlsplit

from integrations import bodies, picking, reading, records, signatures
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
    TryLater,
    Unusable,
)  # fmt: skip
from integrations.picking import Chosen
from integrations.records import Metric, Person, Record, Status

PAGE_SIZE = 1_000
EARLY = 300
EVERYTHING = (
    "feedback"  # an instance has no surveys of its own, only answers; a program is a property of theirs
)
ID_FIELD = "a_surveyid"
DATE_FIELD = "e_creationdate"
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,99}")
_PLACEHOLDER = re.compile(r"\$\{[^}]*\}|\{\{[^}]*\}\}")

TEMPLATE = (
    '{"source":"medallia","records":[{"survey_id":"${a_surveyid}","score":"${q_ltr}","comment":"${q_comment}","email":"${e_email}",'
    '"external_id":"${a_customerid}","responded_at":"${e_responsedate}","event":"create"}]}'
)

# Where nobody chose: the names of our template, and those that several instances were seen to have.
_USUAL: Mapping[Role, tuple[str, ...]] = {
    Role.ANSWER_ID: ("survey_id", ID_FIELD, "id"),
    Role.SCORE: ("score", "nps", "ltr", "e_nps", "q_ltr"),
    Role.COMMENT: ("comment", "text", "e_comment", "q_comment"),
    Role.EMAIL: ("email", "e_email", "e_responder_email"),
    Role.PERSON_ID: ("external_id", "customer_id", "a_customerid"),
    Role.NAME: ("name",),
    Role.PHONE: ("phone",),
    Role.RESPONDED_AT: ("responded_at", "e_responsedate", "created", DATE_FIELD),
    Role.UPDATED_AT: ("updated_at",),
    Role.LANGUAGE: ("language",),
    Role.STATUS: ("status", "e_status"),
}
_STATUSES = {"excluded": Status.EXCLUDED, "autoexcluded": Status.EXCLUDED, "completed": Status.COMPLETED}


# --- Answers -------------------------------------------------------------------------------------------------
def read_response(
    payload: Any,
    definition: Any = None,
    *,
    mapping: Chosen | None = None,
    survey_id: str = "",
    zone: str = "UTC",
) -> Record:
    """One record, as the Query API (a node of `feedback`, under any aliases) or the feed's template tells it.

    Never raises; `external_id` may be empty. Values are lists of texts there, and empty lists mean nothing. What a choice
    means is its name, never its id. Times without a zone are in `zone`, the instance's. `definition` is not needed.
    """
    del definition
    node = records.mapping(payload)
    told = {str(key): _said(value) for key, value in node.items()}

    def chosen(role: Role) -> str:
        return picking.first(told, [*picking.keys(mapping, role), *_USUAL[role]])

    score, trouble = _score(node, told, mapping)
    comment = picking.joined(told.get(key) for key in picking.keys(mapping, Role.COMMENT))
    if comment is None:  # deliveries after our template have its names
        comment = records.comment(picking.first(told, _USUAL[Role.COMMENT]))
    mapped = {key for names in (mapping or {}).values() for key in names}
    usual = {name for names in _USUAL.values() for name in names} | {"event", "source"}
    return Record(
        external_id=chosen(Role.ANSWER_ID),
        survey_id=survey_id or EVERYTHING,
        metric=Metric.NPS,
        score=score,
        comment=comment,
        status=_STATUSES.get(chosen(Role.STATUS).lower(), Status.COMPLETED),
        responded_at=records.moment(chosen(Role.RESPONDED_AT), zone=zone),
        updated_at=records.moment(chosen(Role.UPDATED_AT), zone=zone),
        person=Person(
            email=picking.email(chosen(Role.EMAIL)),
            external_id=chosen(Role.PERSON_ID),
            name=chosen(Role.NAME),
            phone=chosen(Role.PHONE),
        ),
        properties={
            key: said for key, said in told.items() if said and key not in mapped and key not in usual
        },
        language=chosen(Role.LANGUAGE),
        raw=payload,
        trouble=trouble,
    )


def _said(value: Any) -> str:
    """What a field tells, as text: the name of a choice, else the first of its values, else the plain value."""
    if isinstance(value, Mapping):
        for kind in ("options", "units"):
            for option in records.items(value.get(kind)):
                name = records.text(records.mapping(option).get("name"))
                if name:
                    return name
        return next((text for each in records.items(value.get("values")) if (text := _plain(each))), "")
    if isinstance(value, list):
        return next((text for each in value if (text := _plain(each))), "")
    return _plain(value)


def _plain(value: Any) -> str:
    """A text; a placeholder that the feed did not fill in says nothing."""
    text = records.text(value)
    return "" if _PLACEHOLDER.fullmatch(text) or text.lower() == "null" else text


def _score(
    node: Mapping[str, Any], told: Mapping[str, str], mapping: Chosen | None
) -> tuple[int | None, str]:
    wanted = picking.keys(mapping, Role.SCORE)
    for key in [*wanted, "score"] if wanted else _USUAL[Role.SCORE]:
        said = told.get(key, "")
        if not said:
            continue
        # What was shown comes first: of a choice the value may be its id.
        value = records.mapping(node.get(key))
        label = next(iter(records.items(value.get("labels"))), None)
        option = records.mapping(next(iter(records.items(value.get("options"))), None))
        for shown in (option.get("name"), label, said, option.get("numericValue")):
            score = records.score(shown)
            score = _numbered(records.text(shown)) if score is None else score
            if score is not None:
                return score, ""
        return None, "The score is no whole number from 0 to 10."
    return None, ""


def _numbered(name: str) -> int | None:
    """The score in the name of a choice that begins or ends with it: "10 - Extremely likely"."""
    found = re.fullmatch(
        r"(\d{1,2})(?:\s*[-–—:=(.]?\s+|\s*[-–—:=(]\s*)\D*|\D+\s[-–—:=(]?\s*(\d{1,2})\)?", name, re.ASCII
    )
    return records.score((found.group(1) or found.group(2)) if found else None)


# --- Queries -------------------------------------------------------------------------------------------------
def query_of(fields: Sequence[str], conditions: str, declared: str, order: Sequence[str]) -> str:
    """The query for a page of answers; each field under its own name. Values go in as variables, never as text."""
    asked = "\n".join(
        f'{field}: fieldData(fieldId: "{field}") {{ values labels ... on EnumFieldData {{ options {{ id name }} }} }}'
        for field in fields
    )
    ordered = ", ".join(f'{{fieldId: "{field}", direction: ASC}}' for field in order)
    return (
        f"query Answers({declared}) {{ feedback(first: $first, filter: {{and: [{conditions}]}}, orderBy: [{ordered}])"
        f" {{ totalCount nodes {{ id\n{asked}\n}} }} }}"
    )


def _leaf(field: str, test: str, variable: str) -> str:
    return f'{{fieldIds: ["{field}"], {test}: ${variable}}}'


# --- The system ----------------------------------------------------------------------------------------------
class Medallia(System):
    key: ClassVar[str] = "medallia"
    name: ClassVar[str] = "Medallia"
    about: ClassVar[str] = (
        "Experience Cloud: answers by the Query API, with the fields of your instance, and by a feed of yours."
    )
    verified: ClassVar[str] = "vendor documentation"
    hook: ClassVar[Hook] = Hook.BY_HAND
    hook_steps: ClassVar[str] = (
        "In Medallia, an administrator makes a web feed (webhook) that fires when a record is created or updated. Method POST, our"
        " address, content type application/json. Authentication: a header X-Webhook-Token with the secret shown here, or Basic with"
        " any user name and the secret as the password. Body, with your fields' names in the placeholders: "
        + TEMPLATE
    )
    per_minute: ClassVar[int] = 300  # of 10 a second in older contracts
    overlap: ClassVar[dt.timedelta] = dt.timedelta(minutes=30)
    # For edits. What is excluded there is still listed, and the field by which we read may be of before the answer.
    rescan: ClassVar[dt.timedelta | None] = dt.timedelta(days=30)
    missing_is_gone: ClassVar[bool] = False
    roles: ClassVar[tuple[Role, ...]] = (
        Role.SCORE, Role.COMMENT, Role.EMAIL, Role.PERSON_ID, Role.NAME, Role.PHONE, Role.RESPONDED_AT, Role.UPDATED_AT,
        Role.STATUS, Role.LANGUAGE,
    )  # fmt: skip
    settings: ClassVar[tuple[Setting, ...]] = (
        Setting(
            key="token_url",
            label="Address of tokens",
            input=Input.URL,
            where="From your Medallia administrator: https://INSTANCE.medallia.com/oauth/COMPANY/token.",
        ),
        Setting(
            key="api_url",
            label="Address of the Query API",
            input=Input.URL,
            where="From your Medallia administrator: https://INSTANCE-TENANT.apis.medallia.com/data/v0/query. It does not follow"
            " from the address of tokens.",
        ),
        Setting(
            key="client_id",
            label="Client ID",
            where="Of an OAuth client for the Query API that your Medallia administrator makes for NPS CRM.",
        ),
        Setting(
            key="client_secret",
            label="Client secret",
            input=Input.SECRET,
            where="Shown to your Medallia administrator when the client is made.",
        ),
        Setting(
            key="zone",
            label="Time zone of the instance",
            input=Input.ZONE,
            default="UTC",
            where="Medallia writes times without a zone; they are in that of the instance.",
        ),
        Setting(
            key="date_field",
            label="Field by which to read",
            default=DATE_FIELD,
            where="The ID of a date that is set when an answer comes in; better one of the last change, if your instance has one.",
        ),
        Setting(
            key="date_form",
            label="What that field holds",
            input=Input.CHOICE,
            default="local",
            choices=(("local", "A date and time"), ("epoch", "Seconds since 1970 (a custom K-field)")),
        ),
        Setting(
            key="properties",
            label="More fields to keep",
            is_required=False,
            where="IDs of further fields, with commas between, which are kept with each answer as properties.",
        ),
    )

    # -- Getting in --
    def headers(self, link: Link) -> Mapping[str, str]:
        ends = records.moment(link.secrets.get("expires_at"))
        if not link.secrets.get("access_token") or (
            ends is not None and ends.timestamp() - EARLY < time.time()
        ):
            self.renew(link)
        return {"Authorization": f"Bearer {link.secrets['access_token']}"}

    def renew(self, link: Link) -> bool:
        identity = records.text(link.options.get("client_id"))
        secret = link.secrets.get("client_secret", "")
        url = records.text(link.options.get("token_url"))
        if not identity or not secret or not url:
            raise AccessDenied("Enter the address of tokens, the client ID and the client secret.")
        told = records.mapping(
            link.read(
                "POST", url, form={"grant_type": "client_credentials"}, auth=(identity, secret), signed=False
            )
        )
        token = records.text(told.get("access_token"))
        if not token:
            raise Unusable("Medallia answered without a token. Check the address of tokens.")
        seconds = records.score(told.get("expires_in"), low=0, high=10**9)
        link.keep(access_token=token, expires_at="" if seconds is None else str(int(time.time()) + seconds))
        return True

    def _ask(
        self, link: Link, query: str, variables: Mapping[str, Any]
    ) -> tuple[Mapping[str, Any], list[str]]:
        """The data of an answer, and what Medallia remarked beside it. Errors come with status 200."""
        url = records.text(link.options.get("api_url"))
        if not url:
            raise AccessDenied("Enter the address of the Query API.")
        try:
            told = link.read("POST", url, json={"query": query, "variables": dict(variables)})
        except Gone:
            raise Unusable(
                "There is no Query API at that address (404). Check it in the connection's settings."
            ) from None
        if not isinstance(told, Mapping):
            raise Unusable("Medallia answered with something else than data.")
        said = [
            " ".join(records.text(records.mapping(error).get("message")).split())[:200]
            or "an error without a message"
            for error in records.items(told.get("errors"))
        ]
        data = told.get("data")
        if isinstance(data, Mapping) and any(value is not None for value in data.values()):
            return data, said
        whole = " ".join(said).lower()
        if re.search(r"rate.?limit|too many|quota|throttl|timed? ?out", whole):
            raise TryLater(f"Medallia asks us to slow down: “{said[0]}”.")
        if re.search(r"unauthori|forbidden|permission|access denied", whole):
            raise AccessDenied(
                f"Medallia refuses the query: “{said[0]}”. The client needs the right to read these fields."
            )
        if said:
            raise Unusable(f"Medallia does not carry out the query: “{said[0]}”.")
        raise Unusable("Medallia answered without data. Check the address of the Query API.")

    def check(self, link: Link) -> str:
        data, _ = self._ask(
            link, "query Check($first: Int!) { feedback(first: $first) { totalCount } }", {"first": 1}
        )
        feedback = data.get("feedback")
        if not isinstance(feedback, Mapping):
            raise Unusable("Medallia answered without answers. Check the address of the Query API.")
        host = urlsplit(records.text(link.options.get("api_url"))).hostname
        count = records.score(feedback.get("totalCount"), low=0, high=10**12)
        return f"Medallia at {host}" if count is None else f"Medallia at {host}, {count:,} answers"

    # -- Describing --
    def surveys(self, link: Link) -> Sequence[RemoteSurvey]:
        """An instance has no list of surveys. Where a field tells programs apart, keep it as a property."""
        return [RemoteSurvey(id=EVERYTHING, name="All answers of the instance")]

    def fields(self, link: Link, survey_id: str) -> Sequence[RemoteField]:
        query = "query Fields($first: Int!) { fields(first: $first) { nodes { id name dataType } } }"
        data, _ = self._ask(link, query, {"first": 1_000})
        nodes = [
            records.mapping(node) for node in records.items(records.mapping(data.get("fields")).get("nodes"))
        ]
        listed = {
            identity: (records.text(node.get("name")) or identity, records.text(node.get("dataType")))
            for node in nodes
            if _NAME.fullmatch(identity := records.text(node.get("id")))
        }
        proposed = _proposals(listed)
        seen: dict[str, list[str]] = {}
        if proposed:
            query = query_of(list(proposed), "", "$first: Int!", [])
            query = query.replace(", filter: {and: []}, orderBy: []", "")
            data, _ = self._ask(link, query, {"first": 20})
            for each in records.items(records.mapping(data.get("feedback")).get("nodes")):
                for key, value in records.mapping(each).items():
                    seen.setdefault(key, []).append(_said(value))
        return [
            RemoteField(
                key=key, label=name, role=proposed.get(key), examples=reading.examples(seen.get(key, ()))
            )
            for key, (name, _) in listed.items()
        ]

    # -- Pulling --
    def pull(self, link: Link, ask: Ask) -> Page:
        """By the date and the id together, both rising: nothing is passed over where many answers have the same second."""
        date, identity = _named(link.options.get("date_field"), DATE_FIELD), ID_FIELD
        cursor = ask.cursor or {}
        variables: dict[str, Any] = {"first": PAGE_SIZE, "end": _written(link, ask.until)}
        declared = "$first: Int!, $end: String!"
        conditions = [_leaf(date, "lt", "end")]
        if cursor:
            variables |= {"last": records.text(cursor.get("date")), "lastId": records.text(cursor.get("id"))}
            declared += ", $last: String!, $lastId: String!"
            later = _leaf(date, "gt", "last")
            equal = f"{{and: [{_leaf(date, 'gte', 'last')}, {_leaf(identity, 'gt', 'lastId')}]}}"
            conditions.append(f"{{or: [{later}, {equal}]}}")
        elif ask.since is not None:
            variables["start"] = _written(link, ask.since)
            declared += ", $start: String!"
            conditions.append(_leaf(date, "gte", "start"))
        query = query_of(_asked(link, date, identity), ", ".join(conditions), declared, [date, identity])
        data, said = self._ask(link, query, variables)
        feedback = data.get("feedback")
        if not isinstance(feedback, Mapping) or not isinstance(feedback.get("nodes"), list):
            raise Unusable("Medallia answered without a list of answers.")
        nodes = [records.mapping(node) for node in feedback["nodes"]]
        mapping = _mapping(link, date)
        read = [
            read_response(node, mapping=mapping, survey_id=ask.survey_id, zone=_zone(link)) for node in nodes
        ]
        whole = [record for record in read if record.external_id]
        notes = [f"Medallia remarks: “{message}”" for message in said[:5]]
        if len(read) > len(whole):
            notes.append(f"{len(read) - len(whole)} answers without an id were left out.")
        total = records.score(feedback.get("totalCount"), low=0, high=10**12)
        # What is left under this page's own filter, this page included.
        is_more = total > len(nodes) if total is not None else len(nodes) >= PAGE_SIZE
        return Page(
            records=whole,
            cursor=_onward(nodes, date, identity, cursor) if nodes and is_more else None,
            total=total if ask.cursor is None else None,
            notes=notes,
        )

    def fetch(self, link: Link, reference: Reference) -> Record:
        date = _named(link.options.get("date_field"), DATE_FIELD)
        query = query_of(
            _asked(link, date, ID_FIELD),
            f'{{fieldIds: ["{ID_FIELD}"], in: $ids}}',
            "$first: Int!, $ids: [String!]!",
            [date],
        )
        data, _ = self._ask(link, query, {"first": 1, "ids": [reference.external_id]})
        for node in records.items(records.mapping(data.get("feedback")).get("nodes")):
            return read_response(
                node, mapping=_mapping(link, date), survey_id=reference.survey_id, zone=_zone(link)
            )
        raise Gone("Medallia has no such answer.")

    # -- Webhooks --
    def verify(self, link: Link, delivery: Delivery) -> None:
        """A static token in a header, or Basic with it as the password: Medallia signs nothing."""
        secrets = signatures.hook_secrets(link)
        if not secrets:
            raise Forged("there is no secret to compare with")
        authorization = delivery.headers.get("authorization", "")
        told = (
            delivery.headers.get("x-webhook-token", "").strip()
            or signatures.basic_of(authorization).partition(":")[2]
            or signatures.bearer_of(authorization)
        )
        if not signatures.is_one_of(told, secrets):
            raise Forged("the token is missing or does not fit")

    def hear(self, link: Link, delivery: Delivery) -> Sequence[Record | Reference]:
        """One object, a list, or `{"records": […]}`, after our template or with the instance's own field names."""
        told = bodies.json_of(delivery.body)
        if isinstance(told, Mapping) and "records" in told:
            told = told["records"]
        listed = told if isinstance(told, list) else [told]
        heard: list[Record | Reference] = []
        for each in listed:
            if not isinstance(each, Mapping):
                raise Unusable("The delivery holds something else than records.")
            record = read_response(each, mapping=link.mapping, zone=_zone(link))
            if not record.external_id:
                raise Unusable(
                    "A record has no survey_id. Put the field of the answer's id into the template."
                )
            if _said(each.get("event")).lower() in {"delete", "deleted"}:
                heard.append(
                    Reference(external_id=record.external_id, survey_id=record.survey_id, is_deleted=True)
                )
            else:
                heard.append(record)
        return heard


def _proposals(listed: Mapping[str, tuple[str, str]]) -> dict[str, Role]:
    """What fields are likely to be, by the parts of their ids and names; a person confirms it."""
    wanted: tuple[tuple[Role, str], ...] = (
        (Role.SCORE, r"likelihood.?to.?recommend|\bltr\b|_ltr|\bnps\b|_nps\b|recommend"),
        (Role.COMMENT, r"comment|verbatim|reason"),
        (Role.EMAIL, r"e-?mail"),
        (Role.PERSON_ID, r"customer.?id|contact.?id|member.?id"),
        (Role.RESPONDED_AT, r"response.?date|creation.?date"),
    )
    proposed: dict[str, Role] = {}
    for role, pattern in wanted:
        found = [
            key
            for key, (name, _) in listed.items()
            if key not in proposed and re.search(pattern, f"{key} {name}", re.IGNORECASE)
        ]
        if role is Role.SCORE:  # a group of scores is named after the score, and is none
            found = [
                key
                for key in found
                if not re.search(r"segment|group|category|bucket", f"{key} {listed[key][0]}", re.IGNORECASE)
            ]
        if found:
            proposed[found[0]] = role
    return proposed


def _mapping(link: Link, date: str) -> Chosen:
    """What was chosen, and for the time of the answer the field by which we read where nothing was."""
    chosen = dict(link.mapping)
    chosen.setdefault(Role.RESPONDED_AT, (date,))
    chosen[Role.ANSWER_ID] = (ID_FIELD,)
    return chosen


def _asked(link: Link, date: str, identity: str) -> list[str]:
    """All fields to ask for, each once; what cannot be the name of a field is left out, so that no text gets into a query."""
    more = re.split(r"[\s,;]+", records.text(link.options.get("properties")))
    wanted = [identity, date, *(key for keys in link.mapping.values() for key in keys), *more]
    return [key for key in dict.fromkeys(wanted) if _NAME.fullmatch(key)]


def _onward(
    nodes: Sequence[Mapping[str, Any]], date: str, identity: str, cursor: Mapping[str, Any]
) -> Mapping[str, Any]:
    reached = {"date": _said(nodes[-1].get(date)), "id": _said(nodes[-1].get(identity))}
    if not reached["date"] or not reached["id"]:
        raise Unusable(
            f"The last answer of the page has no {identity} or no {date}: choose another field by which to read."
        )
    if reached == dict(cursor):
        raise Unusable("Medallia sent the same page twice. The run stops and begins there again.")
    return reached


def _named(value: Any, default: str) -> str:
    name = records.text(value) or default
    if not _NAME.fullmatch(name):
        raise Unusable(f"“{name[:40]}” is no ID of a field. Correct it in the connection's settings.")
    return name


def _zone(link: Link) -> str:
    return records.text(link.options.get("zone")) or link.zone


def _written(link: Link, moment: dt.datetime) -> str:
    """A time as the instance compares it: in its own zone, or in seconds."""
    if link.options.get("date_form") == "epoch":
        return str(int(moment.timestamp()))
    try:
        zone: dt.tzinfo = zoneinfo.ZoneInfo(_zone(link))
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        raise Unusable(
            "The time zone of the instance is unknown. Correct it in the connection's settings."
        ) from None
    return moment.astimezone(zone).strftime("%Y-%m-%d %H:%M:%S")


SYSTEM = Medallia()
