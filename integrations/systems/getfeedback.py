"""GetFeedback (of the SurveyMonkey group, not GetFeedback Digital): its API. Facts and doubts: docs/connectors/getfeedback.md."""

import datetime as dt
import re
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any, ClassVar
from urllib.parse import quote

from integrations import reading, records
from integrations.contract import (
    AccessDenied,
    Ask,
    Gone,
    Input,
    Link,
    Page,
    RemoteField,
    RemoteSurvey,
    Role,
    Setting,
    System,
    Unusable,
)
from integrations.paging import Place, onward
from integrations.records import Metric, Person, Record, Status

HOSTS = {"us": "https://api.getfeedback.com", "eu": "https://api.eu.getfeedback.com"}
# With more, some pages have been seen to come back incomplete.
PAGE_SIZE = 30
MAX_SURVEY_PAGES = 50
# GetFeedback did not exist before. With a beginning the list is in order of change, without in the opposite of creation.
BEGINNING = dt.datetime(2011, 1, 1, tzinfo=dt.UTC)
DEFINITION_KEPT = 3_600

_RECOMMENDS = re.compile(
    r"recommend|recomend|recomand|recommand|consigli|raccomand|empfehl|weiterempf|aanbevel|aanrad|rekommend|anbefal|suosit"
    r"|polec|doporu|odporú|ajánl|tavsiye|рекоменд|порекоменд|勧め|薦め|推荐|推薦|추천|توصي",
    re.IGNORECASE,
)
_EMAIL_NAMES = (
    "email",
    "emailaddress",
    "contactemail",
    "customeremail",
    "useremail",
    "recipientemail",
    "mail",
)
_ID_NAMES = ("contactid", "externalid", "xid", "customerid", "userid", "personid")
_NAMES = ("name", "fullname", "contactname", "customername")
_PHONES = ("phone", "phonenumber", "mobile", "mobilephone", "contactphone")


# --- One answer ----------------------------------------------------------------------------------------------
def read_response(
    payload: Any,
    *,
    survey_id: str = "",
    components: Sequence[Mapping[str, Any]] = (),
    chosen: Mapping[Role, Sequence[str]] | None = None,
    zone: str = "UTC",
) -> Record:
    """A response of a survey whose questions are `components`. What an NPS answer is called there is documented nowhere: it
    is the component chosen for the score, else one whose type names NPS or promoters, else a number of 10 or 11 steps under a
    question about recommending. Any other number is never NPS. Raises `Unusable` for what is no object, or an empty one.
    """
    if not isinstance(payload, Mapping):
        raise Unusable("A response of GetFeedback must be an object.")
    mapped = chosen or {}
    known = {records.text(each.get("id")): each for each in components if isinstance(each, Mapping)}
    answers = [each for each in records.items(payload.get("answers")) if isinstance(each, Mapping)]
    answer, metric = _score_answer(answers, known, mapped.get(Role.SCORE, ()))
    low, high = _scale(answer, known, metric)
    score, trouble = reading.scored(answer.get("number"), low=low, high=high)
    fields = reading.flat(payload.get("merge_map"))
    status = records.text(payload.get("status")).lower()
    return Record(
        external_id=reading.identity(payload, keys=("id", "token")),
        survey_id=survey_id or records.text(payload.get("survey_id")),
        metric=metric,
        score=score,
        scale_min=low,
        scale_max=high,
        comment=_comment(answers, answer, mapped.get(Role.COMMENT, ())),
        status=Status.COMPLETED if status in {"", "completed"} else Status.PARTIAL,
        responded_at=records.moment(payload.get("created_at"), zone=zone),
        updated_at=records.moment(payload.get("updated_at"), zone=zone),
        person=Person(
            email=_of_person(payload, fields, mapped.get(Role.EMAIL, ()), email_key(fields)),
            external_id=_of_person(
                payload, fields, mapped.get(Role.PERSON_ID, ()), _named(fields, _ID_NAMES)
            ),
            name=_of_person(payload, fields, mapped.get(Role.NAME, ()), _named(fields, _NAMES)),
            phone=_of_person(payload, fields, mapped.get(Role.PHONE, ()), _named(fields, _PHONES)),
        ),
        properties=fields,
        language=records.text(payload.get("language")),
        raw=payload,
        trouble=trouble,
    )


def kind_of(type_name: Any) -> str:
    """A type's name without case and without its "Answer", which some have and some have not."""
    return records.text(type_name).lower().removesuffix("answer")


def _component_of(answer: Mapping[str, Any], known: Mapping[str, Mapping[str, Any]]) -> Mapping[str, Any]:
    return known.get(records.text(answer.get("component_id"))) or {}


def title_of(component: Mapping[str, Any]) -> str:
    """A question's words, whatever they are called, without markup."""
    for key in ("title", "text", "question", "label", "name"):
        said = re.sub(r"<[^<>]{0,500}>", " ", records.text(component.get(key)))
        if said.strip():
            return " ".join(said.split())
    return ""


def _kinds(answer: Mapping[str, Any], known: Mapping[str, Mapping[str, Any]]) -> str:
    return f"{kind_of(answer.get('type'))} {kind_of(_component_of(answer, known).get('type'))}"


def _steps(answer: Mapping[str, Any], known: Mapping[str, Mapping[str, Any]]) -> int | None:
    return next(
        (
            steps
            for part in (answer, _component_of(answer, known))
            if (steps := records.score(part.get("scale"), low=1, high=1_000)) is not None
        ),
        None,
    )


def _score_answer(
    answers: Sequence[Mapping[str, Any]], known: Mapping[str, Mapping[str, Any]], chosen: Sequence[str]
) -> tuple[Mapping[str, Any], Metric]:
    """The answer that holds the score, {} where there is none, and what it measures."""
    if chosen:
        wanted = {key.removeprefix("answers.") for key in chosen}
        found = next((a for a in answers if records.text(a.get("component_id")) in wanted), {})
        return found, _metric(found, known, is_chosen=True)
    numbers = [each for each in answers if each.get("number") is not None]
    by_type = next((each for each in numbers if _is_nps_by_type(each, known)), None)
    by_words = next((each for each in numbers if _is_nps_by_words(each, known)), None)
    found = by_type or by_words or (numbers[0] if numbers else {})
    return found, _metric(found, known)


def _is_nps_by_type(answer: Mapping[str, Any], known: Mapping[str, Mapping[str, Any]]) -> bool:
    kinds = _kinds(answer, known)
    return "nps" in kinds or "promoter" in kinds


def _is_nps_by_words(answer: Mapping[str, Any], known: Mapping[str, Mapping[str, Any]]) -> bool:
    return _steps(answer, known) in {10, 11} and bool(
        _RECOMMENDS.search(title_of(_component_of(answer, known)))
    )


def _metric(
    answer: Mapping[str, Any], known: Mapping[str, Mapping[str, Any]], *, is_chosen: bool = False
) -> Metric:
    if not answer or _is_nps_by_type(answer, known):
        return Metric.NPS
    kinds = _kinds(answer, known)
    if "csat" in kinds or "satisfaction" in kinds:
        return Metric.CSAT
    if re.search(r"\bces\b", kinds) or "effort" in kinds:
        return Metric.CES
    if _is_nps_by_words(answer, known) or (is_chosen and _steps(answer, known) in {None, 10, 11}):
        return Metric.NPS
    return Metric.OTHER


def _scale(
    answer: Mapping[str, Any], known: Mapping[str, Mapping[str, Any]], metric: Metric
) -> tuple[int, int]:
    if metric is Metric.NPS:
        return 0, 10
    kinds = _kinds(answer, known)
    low = 0 if "slider" in kinds else 1
    default = 7 if metric is Metric.CES else 5 if metric is Metric.CSAT or "rating" in kinds else 10
    return low, _steps(answer, known) or default


def _comment(
    answers: Sequence[Mapping[str, Any]], score: Mapping[str, Any], chosen: Sequence[str]
) -> str | None:
    """The answers chosen; else the first in words after the score, or before it where none follows."""
    if chosen:
        wanted = [key.removeprefix("answers.") for key in chosen]
        said = [
            _words(each)
            for key in wanted
            for each in answers
            if records.text(each.get("component_id")) == key
        ]
        return "\n\n".join(dict.fromkeys(text for text in said if text)) or None
    found = _comment_answer(answers, score)
    return None if found is None else _words(found)


def _comment_answer(
    answers: Sequence[Mapping[str, Any]], score: Mapping[str, Any]
) -> Mapping[str, Any] | None:
    behind = next((index for index, each in enumerate(answers) if each is score), -1)
    in_order = [*answers[behind + 1 :], *answers[: behind + 1]]
    return next((each for each in in_order if _is_in_words(each)), None)


def _is_in_words(answer: Mapping[str, Any]) -> bool:
    return (
        isinstance(answer.get("text"), str)
        and bool(answer["text"].strip())
        and answer.get("number") is None
        and not answer.get("choices")
        and not any(word in kind_of(answer.get("type")) for word in ("choice", "form", "image"))
    )


def _words(answer: Mapping[str, Any]) -> str | None:
    """What was answered, in words: a text, the texts of choices, or a number."""
    said = records.comment(answer.get("text"))
    if said is None:
        choices = (
            records.text(records.mapping(each).get("text")) for each in records.items(answer.get("choices"))
        )
        said = ", ".join(filter(None, choices)) or records.comment(answer.get("number"))
    return said


# --- Whose answer --------------------------------------------------------------------------------------------
@lru_cache(maxsize=1_000)  # a survey's merge fields are the same in each of its responses
def _plain(name: str) -> str:
    return "".join(c for c in name.lower() if c.isalnum())


def _named(fields: Mapping[str, Any], names: Sequence[str]) -> str:
    by_name = {_plain(key): key for key in reversed(list(fields))}
    return next((by_name[name] for name in names if name in by_name), "")


def email_key(fields: Mapping[str, Any]) -> str:
    """The merge field that holds an e-mail address: by its name, if an address stands in it."""
    holding = {key: value for key, value in fields.items() if "@" in records.text(value)}
    return _named(holding, _EMAIL_NAMES) or next((key for key in holding if "email" in _plain(key)), "")


def _of_person(
    payload: Mapping[str, Any], fields: Mapping[str, Any], chosen: Sequence[str], proposal: str
) -> str:
    if not chosen:
        return records.text(fields.get(proposal)) if proposal else ""
    values = (
        records.text(fields.get(key.removeprefix("merge_map."), reading.at(payload, key))) for key in chosen
    )
    return next((value for value in values if value), "")


# --- The system ----------------------------------------------------------------------------------------------
class GetFeedback(System):
    key: ClassVar[str] = "getfeedback"
    name: ClassVar[str] = "GetFeedback"
    about: ClassVar[str] = (
        "Responses of GetFeedback surveys by its API. Not GetFeedback Digital, which is another product."
    )
    verified: ClassVar[str] = "vendor documentation"
    settings: ClassVar[tuple[Setting, ...]] = (
        Setting(
            key="token",
            label="API token",
            input=Input.SECRET,
            where="In GetFeedback, under Account Settings → API. It is part of the Corporate plan and some Salesforce plans.",
        ),
        Setting(
            key="region",
            label="Region",
            input=Input.CHOICE,
            default="us",
            choices=(("us", "United States"), ("eu", "European Union")),
            where="EU accounts sign in at an address with .eu. in it.",
        ),
        Setting(
            key="per_page",
            label="Responses a page",
            is_required=False,
            default=str(PAGE_SIZE),
            where="Leave it at 30: larger pages have been seen to come back incomplete.",
        ),
        Setting(
            key="base_url", label="Address", input=Input.URL, is_required=False,
            where="Leave it empty, unless GetFeedback gave you the address of another region.",
        ),
    )  # fmt: skip
    every_minutes: ClassVar[int] = 15
    roles: ClassVar[tuple[Role, ...]] = (
        Role.SCORE,
        Role.COMMENT,
        Role.EMAIL,
        Role.PERSON_ID,
        Role.NAME,
        Role.PHONE,
    )

    def headers(self, link: Link) -> Mapping[str, str]:
        # Without this Accept it answers 406.
        return {"Authorization": f"Bearer {link.secrets.get('token', '')}", "Accept": "application/json"}

    def check(self, link: Link) -> str:
        try:
            found = self._list(link, "surveys", {"page": 1, "per_page": PAGE_SIZE})
        except (AccessDenied, Gone):
            raise AccessDenied(
                "GetFeedback does not accept the API token in this region. Copy it again from Account Settings → API, and"
                " check the region."
            ) from None
        many = " or more" if len(found) >= PAGE_SIZE else ""
        return f"GetFeedback, {len(found)}{many} survey{'' if len(found) == 1 and not many else 's'}"

    def surveys(self, link: Link) -> Sequence[RemoteSurvey]:
        """All surveys. What one measures is only told by its questions, which are looked at when its fields are."""
        found: dict[str, RemoteSurvey] = {}
        for page in range(1, MAX_SURVEY_PAGES + 1):
            listed = [
                each
                for each in self._list(link, "surveys", {"page": page, "per_page": PAGE_SIZE})
                if isinstance(each, Mapping) and records.text(each.get("id"))
            ]
            known = len(found)
            for each in listed:
                key = records.text(each["id"])
                count = records.score(each.get("responses_count"), high=10**9)
                found.setdefault(
                    key, RemoteSurvey(id=key, name=title_of(each) or f"Survey {key}", count=count)
                )
            if len(found) == known:
                break
        return list(found.values())

    def fields(self, link: Link, survey_id: str) -> Sequence[RemoteField]:
        components = self._components(link, survey_id)
        newest = self._list(
            link, f"surveys/{quote(survey_id, safe='')}/responses", {"page": 1, "per_page": PAGE_SIZE}
        )
        responses = [each for each in newest if isinstance(each, Mapping)]
        return reading.described(_described(responses, components))

    # -- Pulling --
    def pull(self, link: Link, ask: Ask) -> Page:
        """By time of change. How long a page may be is not known, so only an empty one ends the list."""
        if not ask.survey_id:
            raise Unusable("Choose a survey: GetFeedback lists responses by survey only.")
        place = Place.of(ask.cursor, since=(ask.since or BEGINNING).timestamp())
        size = _page_size(link)
        components = self._components(link, ask.survey_id)
        responses = self._list(
            link,
            f"surveys/{quote(ask.survey_id, safe='')}/responses",
            {
                "since": dt.datetime.fromtimestamp(place.since, dt.UTC).isoformat(),
                "since_field": "updated_at",
                "until": ask.until.astimezone(dt.UTC).isoformat(timespec="milliseconds"),
                "per_page": size,
                "page": place.page,
            },
        )
        rows = [(records.text(records.mapping(each).get("id")), _changed(each)) for each in responses]
        following, note = onward(place, rows, size=size, host="GetFeedback", back=1, is_short_end=False)
        found: list[Record] = []
        unreadable = 0
        for each in responses:
            try:
                found.append(
                    read_response(
                        each,
                        survey_id=ask.survey_id,
                        components=components,
                        chosen=link.mapping,
                        zone=link.zone,
                    )
                )
            except Unusable:
                unreadable += 1
        notes = [note] if note else []
        if unreadable:
            notes.append(f"{unreadable} entries of the page were no responses and were left out.")
        return Page(records=found, cursor=following.cursor() if following else None, notes=notes)

    def _components(self, link: Link, survey_id: str) -> list[dict[str, Any]]:
        """The questions of a survey; kept for an hour."""

        def ask() -> list[dict[str, Any]]:
            said = self._read(link, f"surveys/{quote(survey_id, safe='')}", {})
            survey = said
            for key in ("active_model", "active_models", "survey"):
                survey = records.mapping(survey).get(key, survey)
                survey = survey[0] if isinstance(survey, list) and survey else survey
            return [
                {
                    "id": each.get("id"),
                    "type": each.get("type"),
                    "title": title_of(each),
                    "scale": each.get("scale"),
                }
                for each in records.items(records.mapping(survey).get("components"))
                if isinstance(each, Mapping)
            ]

        known: list[dict[str, Any]] = link.remember(f"survey:{survey_id}", ask, seconds=DEFINITION_KEPT)
        return known

    def _list(self, link: Link, path: str, params: Mapping[str, Any]) -> list[Any]:
        said = self._read(link, path, params)
        found = [] if said is None else said
        if isinstance(found, Mapping):
            found = found.get("active_models")
        if not isinstance(found, list):
            raise Unusable("GetFeedback answered without a list. Check the address; it must be the API's.")
        return found

    def _read(self, link: Link, path: str, params: Mapping[str, Any]) -> Any:
        """What stands at a path; None for the empty answer (204) that GetFeedback gives where there is nothing."""
        url = f"{_base(link)}/{path}"
        reply = link.call("GET", url, params=params)
        if not reply.body.strip():
            return None
        try:
            return reply.json()
        except ValueError:
            page = "a web page" if reply.body.lstrip()[:1] == b"<" else "something that is no JSON"
            raise Unusable(f"{reading.host_of(url)} answered with {page} instead of data.") from None


SYSTEM = GetFeedback()


def _base(link: Link) -> str:
    region = records.text(link.options.get("region"))
    return reading.base_url(link, HOSTS.get(region, HOSTS["us"]))


def _page_size(link: Link) -> int:
    return records.score(link.options.get("per_page"), low=1, high=100) or PAGE_SIZE


def _changed(response: Any) -> float | None:
    changed = records.moment(records.mapping(response).get("updated_at"))
    return changed.timestamp() if changed else None


def _described(
    responses: Sequence[Mapping[str, Any]], components: Sequence[Mapping[str, Any]]
) -> Iterator[list[tuple[str, str, Role | None, Any]]]:
    """The questions first, then what responses hold; the score is proposed only where it is NPS by the rules above."""
    known = {records.text(each.get("id")): each for each in components}
    roles: dict[str, Role] = {}
    for each in responses:
        answers = [a for a in records.items(each.get("answers")) if isinstance(a, Mapping)]
        score, metric = _score_answer(answers, known, ())
        if score and metric is Metric.NPS and Role.SCORE not in roles.values():
            roles[_key_of(score)] = Role.SCORE
        comment = _comment_answer(answers, score)
        if comment is not None and Role.COMMENT not in roles.values():
            roles[_key_of(comment)] = Role.COMMENT
        merged = reading.flat(each.get("merge_map"))
        for key, role in (
            (email_key(merged), Role.EMAIL),
            (_named(merged, _ID_NAMES), Role.PERSON_ID),
            (_named(merged, _NAMES), Role.NAME),
            (_named(merged, _PHONES), Role.PHONE),
        ):
            if key and role not in roles.values():
                roles.setdefault(f"merge_map.{key}", role)
    yield [
        (f"answers.{key}", title_of(each) or f"Question {key}", roles.get(f"answers.{key}"), None)
        for key, each in known.items()
    ]
    for each in responses:
        answers = [a for a in records.items(each.get("answers")) if isinstance(a, Mapping)]
        yield [
            *(
                (
                    _key_of(a),
                    f"Question {records.text(a.get('component_id'))}",
                    roles.get(_key_of(a)),
                    _words(a),
                )
                for a in answers
                if records.text(a.get("component_id"))
            ),
            *(
                (f"merge_map.{key}", key, roles.get(f"merge_map.{key}"), value)
                for key, value in reading.flat(each.get("merge_map")).items()
            ),
        ]


def _key_of(answer: Mapping[str, Any]) -> str:
    return f"answers.{records.text(answer.get('component_id'))}"
