"""SatisMeter: API v3, its older export, and its unsigned webhook. Facts and doubts: docs/connectors/satismeter.md."""

import datetime as dt
import hashlib
import json as jsonlib
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, ClassVar
from urllib.parse import quote

from core import clock
from integrations import bodies, reading, records
from integrations.contract import (
    AccessDenied,
    Ask,
    CursorExpired,
    Delivery,
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
    Unusable,
)
from integrations.records import Metric, Person, Record, Status

BASE = "https://app.satismeter.com"
PAGE_SIZE = 100
# SatisMeter did not exist before. Without an explicit start it gives the last 30 days only.
BEGINNING = dt.datetime(2013, 1, 1, tzinfo=dt.UTC)
# The older export has no pages and gives up on long periods.
LEGACY_WINDOW = dt.timedelta(days=30)
CAMPAIGNS_KEPT = 7_200

# The scale of CES and of other kinds is documented nowhere; the connection's setting goes before these.
_SCALES: Mapping[Metric, tuple[int, int]] = {
    Metric.NPS: (0, 10),
    Metric.CSAT: (1, 5),
    Metric.CES: (1, 7),
    Metric.OTHER: (0, 10),
}
_NPS_GROUPS = {"promoter", "passive", "neutral", "detractor"}
_NUMBER = re.compile(r"\s*[+-]?\d{1,9}(?:\.\d{1,9})?\s*")
_CHOICES = ("choice", "select", "radio", "checkbox", "dropdown")

_BASIC_FIELDS = (
    RemoteField(key="rating", label="Rating", role=Role.SCORE),
    RemoteField(key="feedback", label="Feedback", role=Role.COMMENT),
    RemoteField(key="user.email", label="User: e-mail", role=Role.EMAIL),
    RemoteField(key="user.userId", label="User: id in your product", role=Role.PERSON_ID),
    RemoteField(key="user.name", label="User: name", role=Role.NAME),
)


# --- One answer ----------------------------------------------------------------------------------------------
def read_response(
    payload: Any,
    *,
    event: str = "",
    campaign_id: str = "",
    campaigns: Mapping[str, Mapping[str, Any]] | None = None,
    chosen: Mapping[Role, Sequence[str]] | None = None,
    metric: Metric = Metric.NPS,
    scale: tuple[int, int] | None = None,
    zone: str = "UTC",
) -> Record:
    """An answer of API v3, of the older export, or a webhook's body (with `response` and `event`).

    `campaigns` are those of the project by id, and `campaign_id` the one whose list it stood in; `metric` and `scale` are for what they do not tell; `chosen` are the fields
    mapped to roles. Raises `Unusable` for what is no object, or an empty one.
    """
    if not isinstance(payload, Mapping):
        raise Unusable("An answer of SatisMeter must be an object.")
    answer: Mapping[str, Any] = payload
    if isinstance(payload.get("response"), Mapping):
        answer = payload["response"]
        event = event or records.text(payload.get("event"))
    event = event.lower()
    known = campaigns or {}
    mapped = chosen or {}
    is_dismissed = reading.is_true(answer.get("dismissed")) or event == "dismissed"
    campaign_id = _campaign_id(answer) or campaign_id
    measured = _metric_of(answer, campaign_id, known, metric)
    low, high = _SCALES[measured] if measured is Metric.NPS or scale is None else scale
    score, trouble = reading.scored(
        None if is_dismissed and answer.get("rating") is None else _rating(answer, mapped), low=low, high=high
    )
    user = records.mapping(answer.get("user"))
    if reading.is_true(user.get("deleted")):
        user = {}  # anonymised over there: the person must not come back here
    return Record(
        external_id=reading.identity(answer, keys=("id", "_id")),
        survey_id=campaign_id or _only(known),
        metric=measured,
        score=score,
        scale_min=low,
        scale_max=high,
        comment=_comment(answer, mapped),
        status=_status(answer, event=event, is_dismissed=is_dismissed),
        responded_at=records.moment(answer.get("created"), zone=zone),
        person=_person(answer, user, mapped),
        properties=reading.flat(user.get("traits")),
        language=records.text(answer.get("language")),
        channel=records.text(answer.get("method")),
        raw=payload,
        trouble=trouble,
    )


def _status(answer: Mapping[str, Any], *, event: str, is_dismissed: bool) -> Status:
    if is_dismissed:
        return Status.DECLINED
    if reading.is_true(answer.get("pending")):
        return Status.PARTIAL
    if event != "completed" and answer.get("completed") is False:
        return Status.PARTIAL
    return Status.COMPLETED


def _campaign_id(answer: Mapping[str, Any]) -> str:
    campaign = answer.get("campaign")
    if isinstance(campaign, Mapping):
        campaign = campaign.get("id")
    return records.text(campaign) or records.text(answer.get("campaignId"))


def _only(campaigns: Mapping[str, Mapping[str, Any]]) -> str:
    """The campaign of an answer that names none, where the project has no other."""
    return next(iter(campaigns)) if len(campaigns) == 1 else ""


def _metric_of(
    answer: Mapping[str, Any], campaign_id: str, campaigns: Mapping[str, Mapping[str, Any]], default: Metric
) -> Metric:
    """By the campaign's type; what has a group of promoters is NPS; else as set. Never guessed from the value."""
    campaign = campaigns.get(campaign_id) or records.mapping(answer.get("campaign"))
    kinds = {records.text(campaign.get("type")).lower()} - {""}
    if not kinds and not campaign_id:
        kinds = _kinds(campaigns)
    if len(kinds) == 1:
        return metric_of_type(kinds.pop())
    if records.text(answer.get("category")).lower() in _NPS_GROUPS:
        return Metric.NPS
    return default


def _kinds(campaigns: Mapping[str, Mapping[str, Any]]) -> set[str]:
    return {records.text(each.get("type")).lower() for each in campaigns.values()} - {""}


def metric_of_type(kind: str) -> Metric:
    """What a campaign's type measures."""
    kind = kind.lower()
    return Metric(kind) if kind in set(Metric) else Metric.OTHER


def _answers(answer: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    return (each for each in records.items(answer.get("answers")) if isinstance(each, Mapping))


def _mapped_value(answer: Mapping[str, Any], key: str) -> Any:
    """What a field's key stands for: a path, or `answers.ID` for one question's answer."""
    if key.startswith("answers."):
        wanted = key.removeprefix("answers.")
        return next((a.get("value") for a in _answers(answer) if records.text(a.get("id")) == wanted), None)
    return reading.at(answer, key)


def _rating(answer: Mapping[str, Any], mapped: Mapping[Role, Sequence[str]]) -> Any:
    """The rating; newer answers have none, and then it is the first answer that is a number."""
    for key in mapped.get(Role.SCORE, ()):
        value = _mapped_value(answer, key)
        if value is not None:
            return value
    if answer.get("rating") is not None:
        return answer["rating"]
    return next((a.get("value") for a in _answers(answer) if _is_number(a.get("value"))), None)


def _is_number(value: Any) -> bool:
    if isinstance(value, str):
        return _NUMBER.fullmatch(value) is not None
    return isinstance(value, int | float) and not isinstance(value, bool)


def _comment(answer: Mapping[str, Any], mapped: Mapping[Role, Sequence[str]]) -> str | None:
    keys = [key for key in mapped.get(Role.COMMENT, ()) if key != "feedback"]
    said = [records.comment(_mapped_value(answer, key)) for key in keys]
    if not keys or "feedback" in mapped.get(Role.COMMENT, ()):
        said.insert(0, _feedback(answer, except_for=keys))
    return "\n\n".join(dict.fromkeys(text for text in said if text)) or None


def _feedback(answer: Mapping[str, Any], *, except_for: Sequence[str]) -> str | None:
    """`feedback`; where there is none, the last answer in words that was not chosen from a list."""
    if answer.get("feedback") is not None:
        return records.comment(answer["feedback"])
    for each in reversed(list(_answers(answer))):
        value = each.get("value")
        is_chosen = any(word in records.text(each.get("type")).lower() for word in _CHOICES)
        if isinstance(value, str) and value.strip() and not _is_number(value) and not is_chosen:
            return None if f"answers.{records.text(each.get('id'))}" in except_for else value.strip()
    return None


def _person(
    answer: Mapping[str, Any], user: Mapping[str, Any], mapped: Mapping[Role, Sequence[str]]
) -> Person:
    if not user:
        return Person()

    def said(role: Role, proposal: str) -> str:
        own = f"user.{proposal}"
        values = (
            user.get(proposal) if key == own else _mapped_value(answer, key)
            for key in mapped.get(role) or (own,)
        )
        return next((text for text in map(records.text, values) if text), "")

    return Person(
        email=said(Role.EMAIL, "email"),
        external_id=said(Role.PERSON_ID, "userId"),
        name=said(Role.NAME, "name"),
        phone=said(Role.PHONE, "phone"),
    )


# --- The system ----------------------------------------------------------------------------------------------
class SatisMeter(System):
    key: ClassVar[str] = "satismeter"
    name: ClassVar[str] = "SatisMeter"
    about: ClassVar[str] = (
        "Answers of one project: by webhook as they come, and by its API with their history."
    )
    verified: ClassVar[str] = "vendor documentation"
    settings: ClassVar[tuple[Setting, ...]] = (
        Setting(
            key="api_key",
            label="API key",
            input=Input.SECRET,
            where="In SatisMeter, open Settings → Integrations → API of the project. Every project has a key of its own.",
        ),
        Setting(
            key="project",
            label="Project id",
            where="It stands beside the API key, and in the address of the project's pages.",
        ),
        Setting(
            key="api",
            label="API",
            input=Input.CHOICE,
            default="v3",
            choices=(("v3", "API v3"), ("legacy", "Older export (/api/responses)")),
            where="Choose the older export only where API v3 refuses the key.",
        ),
        reading.metric_setting("What answers without a campaign measure", where="Webhooks and the older export do not say it. The campaign's type goes before this."),
        reading.scale_setting(where="The campaign's settings in SatisMeter show it."),
        Setting(
            key="base_url", label="Address", input=Input.URL, default=BASE, is_required=False,
            where="Leave it as it is, unless SatisMeter gave you another address.",
        ),
    )  # fmt: skip
    hook: ClassVar[Hook] = Hook.BY_HAND
    hook_steps: ClassVar[str] = (
        "In SatisMeter, open Settings → Integrations → Webhooks, add a webhook and paste this address. SatisMeter signs"
        " nothing: the address itself is the secret, so share it with nobody. A person who leaves after the score is sent"
        " 12 hours later."
    )
    # A comment may follow a score by 12 hours, and nothing tells what changed.
    overlap: ClassVar[dt.timedelta] = dt.timedelta(days=2)
    roles: ClassVar[tuple[Role, ...]] = (
        Role.SCORE,
        Role.COMMENT,
        Role.EMAIL,
        Role.PERSON_ID,
        Role.NAME,
        Role.PHONE,
    )

    def headers(self, link: Link) -> Mapping[str, str]:
        return {} if _is_legacy(link) else {"Authorization": f"Bearer {link.secrets.get('api_key', '')}"}

    def check(self, link: Link) -> str:
        try:
            if _is_legacy(link):
                self._legacy_window(link, BEGINNING, BEGINNING + dt.timedelta(days=1))
                return f"Project {_project(link)}, by the older export"
            project = records.mapping(link.read("GET", _project_url(link)))
            campaigns = self._campaigns(link)
        except AccessDenied:
            raise AccessDenied(
                "SatisMeter does not accept the API key for this project. Copy it again from Settings → Integrations → API"
                " of the same project; each project has a key of its own."
            ) from None
        except Gone:
            raise Gone(
                "SatisMeter does not know this project. Check the project id, and the address if you changed it."
            ) from None
        project = records.mapping(project.get("data")) or project
        count = len(campaigns)
        name = records.text(project.get("name")) or _project(link)
        return f"{name}, {count} campaign{'' if count == 1 else 's'}"

    def surveys(self, link: Link) -> Sequence[RemoteSurvey]:
        """The project as a whole (id ""), and each of its campaigns."""
        campaigns = {} if _is_legacy(link) else self._campaigns(link)
        metrics = {metric_of_type(kind) for kind in _kinds(campaigns)}
        whole = RemoteSurvey(
            id="", name="All campaigns of the project", metric=metrics.pop() if len(metrics) == 1 else None
        )
        return [
            whole,
            *(
                RemoteSurvey(
                    id=key,
                    name=records.text(each.get("name")) or key,
                    metric=metric_of_type(records.text(each.get("type"))) if each.get("type") else None,
                )
                for key, each in campaigns.items()
            ),
        ]

    def fields(self, link: Link, survey_id: str) -> Sequence[RemoteField]:
        until = clock.now()
        if _is_legacy(link):
            seen = self._legacy_window(link, until - LEGACY_WINDOW, until)
        else:
            params = {"startDate": _iso(until - dt.timedelta(days=180)), "endDate": _iso(until)}
            try:
                seen, _ = self._page(link, survey_id, params)
            except Gone:
                if not survey_id:
                    raise
                seen, _ = self._page(link, "", params)
                seen = [each for each in seen if _belongs(each, survey_id)]
        return reading.described([_fields_of(each) for each in seen], always=_BASIC_FIELDS)

    # -- Pulling --
    def pull(self, link: Link, ask: Ask) -> Page:
        """The list of the campaign asked for, or of the whole project. Where the project measures different things and its
        answers do not name their campaigns, the lists of its campaigns instead; where there are no lists by campaign, the
        project's again, and what names no campaign is measured as set.
        """
        if _is_legacy(link):
            return self._pull_legacy(link, ask)
        cursor = ask.cursor or {}
        window = {
            "startDate": cursor.get("start") or _iso(ask.since or BEGINNING),
            "endDate": cursor.get("end") or _iso(ask.until),
        }
        onward = {"start": window["startDate"], "end": window["endDate"]}
        campaigns = self._campaigns(link)
        lists = [str(each) for each in cursor.get("lists") or [ask.survey_id]]
        current, waiting = lists[0], lists[1:]
        asked = records.text(cursor.get("page"))
        try:
            answers, following = self._page(
                link, current, {**window, **({"pageCursor": asked} if asked else {})}
            )
        except Trouble as trouble:
            if asked and trouble.answered in {400, 404, 410, 422}:
                raise CursorExpired(
                    "SatisMeter no longer knows the place where the run stopped. It begins its period again."
                ) from None
            if not isinstance(trouble, Gone) or not current:
                raise
            if not cursor.get("by_campaign"):
                return Page(cursor={**onward, "lists": [""], "as_it_is": True})
            note = f"Campaign {current} is no longer there and was left out."
            onto = {**onward, "lists": waiting, "by_campaign": True} if waiting else None
            return Page(notes=[note], cursor=onto)
        mark = hashlib.sha256(jsonlib.dumps(answers, sort_keys=True).encode()).hexdigest()[:16]
        if following and (following == asked or (answers and mark == cursor.get("mark"))):
            raise Unusable("SatisMeter sent the same page twice. The run stops here instead of going round.")
        notes: list[str] = []
        nameless = 0 if current else sum(map(_names_no_campaign, answers))
        if nameless and not ask.survey_id and len(_kinds(campaigns)) > 1 and not cursor.get("as_it_is"):
            return Page(cursor={**onward, "lists": list(campaigns)})
        if nameless and ask.survey_id and not _only(campaigns):
            notes = [
                f"{nameless} answers name no campaign and were left out. Choose all campaigns of the project."
            ]
        mine = answers if current else [each for each in answers if _belongs(each, ask.survey_id, campaigns)]
        found, remarks = self._records(link, mine, campaigns, campaign_id=current)
        onto = {**onward, "by_campaign": bool(current), "as_it_is": bool(cursor.get("as_it_is"))}
        if following:
            onto |= {"lists": lists, "page": following, "mark": mark}
        elif waiting:
            onto |= {"lists": waiting}
        return Page(records=found, notes=[*notes, *remarks], cursor=onto if following or waiting else None)

    def _page(self, link: Link, campaign_id: str, params: Mapping[str, Any]) -> tuple[Sequence[Any], str]:
        """One page of the answers of a campaign, or of the project for "", and the cursor of the next, "" at the end."""
        path = f"campaigns/{quote(campaign_id, safe='')}/responses" if campaign_id else "responses"
        said = link.read("GET", f"{_project_url(link)}/{path}", params={"pageSize": PAGE_SIZE, **params})
        answers, page = records.mapping(said).get("data"), records.mapping(records.mapping(said).get("page"))
        if not isinstance(answers, list):
            raise Unusable(
                "SatisMeter answered without a list of answers. Check the address; it must be the API's."
            )
        following = records.text(page.get("nextPageCursor"))
        if not reading.is_true(page.get("hasNextPage")):
            return answers, ""
        if not following:
            raise Unusable("SatisMeter says that there are more answers, but not where. The run stops here.")
        return answers, following

    def _pull_legacy(self, link: Link, ask: Ask) -> Page:
        """The older export has no pages: a window of 30 days at a time."""
        cursor = ask.cursor or {}
        begin = records.moment(cursor.get("from")) or ask.since or BEGINNING
        end = min(begin + LEGACY_WINDOW, ask.until)
        answers = [a for a in self._legacy_window(link, begin, end) if _belongs(a, ask.survey_id)]
        found, notes = self._records(link, answers, {})
        return Page(records=found, notes=notes, cursor={"from": _iso(end)} if end < ask.until else None)

    def _legacy_window(self, link: Link, begin: dt.datetime, end: dt.datetime) -> Sequence[Any]:
        said = link.read(
            "GET",
            f"{reading.base_url(link, BASE)}/api/responses",
            params={
                "format": "json",
                "project": _project(link),
                "startDate": _iso(begin),
                "endDate": _iso(end),
            },
            auth=(link.secrets.get("api_key", ""), ""),
        )
        answers = records.mapping(said).get("responses")
        if not isinstance(answers, list):
            raise Unusable(
                "SatisMeter answered without a list of answers. Check the address; it must be the API's."
            )
        return answers

    def _records(
        self,
        link: Link,
        answers: Sequence[Any],
        campaigns: Mapping[str, Mapping[str, Any]],
        *,
        campaign_id: str = "",
    ) -> tuple[list[Record], list[str]]:
        found: list[Record] = []
        unreadable = 0
        for each in answers:
            try:
                found.append(_read(link, each, campaigns, campaign_id=campaign_id))
            except Unusable:
                unreadable += 1
        notes = [f"{unreadable} entries of the page were no answers and were left out."] if unreadable else []
        return found, notes

    def _campaigns(self, link: Link) -> dict[str, dict[str, Any]]:
        """The project's campaigns by id, kept over hourly runs: webhooks are read with them and make no call."""

        def ask() -> dict[str, dict[str, Any]]:
            try:
                said = link.read("GET", f"{_project_url(link)}/campaigns")
            except Gone:
                return {}
            entries = said if isinstance(said, list) else records.items(records.mapping(said).get("data"))
            return {
                records.text(each.get("id")): {"name": each.get("name"), "type": each.get("type")}
                for each in entries
                if isinstance(each, Mapping) and records.text(each.get("id"))
            }

        known: dict[str, dict[str, Any]] = link.remember("campaigns", ask, seconds=CAMPAIGNS_KEPT)
        return known

    # -- Webhooks --
    def hear(self, link: Link, delivery: Delivery) -> Sequence[Record]:
        said = bodies.json_of(delivery.body, trailing_commas=True)
        if not isinstance(said, Mapping):
            raise Unusable("The delivery is no object.")
        if not isinstance(said.get("response"), Mapping) and not _looks_like_an_answer(said):
            return ()
        # What a pull remembers, or nothing: no call is made here.
        return [_read(link, said, link.remember("campaigns", dict, seconds=0))]


SYSTEM = SatisMeter()


def _read(
    link: Link, payload: Any, campaigns: Mapping[str, Mapping[str, Any]], *, campaign_id: str = ""
) -> Record:
    return read_response(
        payload,
        campaign_id=campaign_id,
        campaigns=campaigns,
        chosen=link.mapping,
        metric=reading.metric_set(link),
        scale=reading.scale_set(link),
        zone=link.zone,
    )


def _is_legacy(link: Link) -> bool:
    return link.options.get("api") == "legacy"


def _project(link: Link) -> str:
    return records.text(link.options.get("project"))


def _project_url(link: Link) -> str:
    return f"{reading.base_url(link, BASE)}/api/v3/projects/{quote(_project(link), safe='')}"


def _iso(moment: dt.datetime) -> str:
    return moment.astimezone(dt.UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _belongs(answer: Any, survey_id: str, campaigns: Mapping[str, Mapping[str, Any]] | None = None) -> bool:
    """Whether an answer of the project's list is one of the survey asked for, "" being all; one that names no campaign
    belongs to the only one there is."""
    if not survey_id or not isinstance(answer, Mapping):
        return True
    return (_campaign_id(answer) or _only(campaigns or {})) == survey_id


def _names_no_campaign(answer: Any) -> bool:
    return isinstance(answer, Mapping) and bool(answer) and not _campaign_id(answer)


def _looks_like_an_answer(said: Mapping[str, Any]) -> bool:
    return "rating" in said or isinstance(said.get("answers"), list)


def _fields_of(answer: Any) -> Iterator[tuple[str, str, Role | None, Any]]:
    if not isinstance(answer, Mapping):
        return
    for field in _BASIC_FIELDS:
        yield field.key, field.label, field.role, reading.at(answer, field.key)
    for each in _answers(answer):
        key = records.text(each.get("id"))
        if key:
            yield f"answers.{key}", records.text(each.get("label")) or key, None, each.get("value")
    for name, value in reading.flat(reading.at(answer, "user.traits")).items():
        yield f"user.traits.{name}", name, None, value
    for key, label in (("method", "Channel"), ("referrer", "Page"), ("location.country", "Country")):
        yield key, label, None, reading.at(answer, key)
