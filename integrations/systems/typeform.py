"""Typeform: answers with their form's definition, pulled newest first and heard whole.

Written from the vendor's documentation of the Responses, Webhooks and Create APIs. What a question's number means is only in the
form's definition (its type, number of steps, first step), so answers are always joined to it by the question's id or ref.
"""

import datetime as dt
import hashlib
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar
from urllib.parse import urlencode, urlsplit

from core.fetch import Reply
from integrations import bodies, picking, reading, records, signatures
from integrations.contract import (
    AccessDenied,
    Ask,
    CursorExpired,
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
    Unusable,
)  # fmt: skip
from integrations.picking import Chosen
from integrations.records import Metric, Person, Record, Status

HOSTS = frozenset({"api.typeform.com", "api.eu.typeform.com", "api.typeform.eu"})
PAGE_SIZE = 1_000
SCOPES = "offline accounts:read forms:read responses:read webhooks:read webhooks:write"
EARLY = 300  # seconds before its end in which a token is no longer used
# A response younger than half an hour may still be missing from the list.
LAG = dt.timedelta(minutes=30)

# The names of 2016, and spellings of them, as they are called today.
_TYPES = {
    "textfield": "short_text", "textarea": "long_text", "opinionscale": "opinion_scale", "list": "multiple_choice",
    "yesno": "yes_no", "terms": "legal", "fileupload": "file_upload", "phone": "phone_number",
}  # fmt: skip
_TEXTS = frozenset({"short_text", "long_text"})
_SCALES = frozenset({"nps", "opinion_scale", "rating"})
# Groups whose parts say who somebody is: none of them is a comment.
_PERSONAL_GROUPS = frozenset({"contact_info", "address"})


# --- Definitions ---------------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """A question of a form. `steps` None: the definition does not say how long the scale is."""

    id: str
    ref: str = ""
    type: str = ""
    title: str = ""
    steps: int | None = None
    starts_at_one: bool = False
    part: str = ""  # what it is within a group of contact data: "email", "first_name"
    is_personal: bool = False

    def scale(self) -> tuple[Metric, int, int] | None:
        """What its number measures, and the ends of the scale; None where that is not known."""
        if self.type == "nps":
            return Metric.NPS, 0, 10
        if self.steps is None or self.steps < 2:
            return None
        if self.type == "rating":
            return Metric.CSAT, 1, self.steps
        if self.type == "opinion_scale":
            first = 1 if self.starts_at_one else 0
            return Metric.OTHER, first, first + self.steps - 1
        return None

    @property
    def is_zero_to_ten(self) -> bool:
        return self.type == "opinion_scale" and self.steps == 11 and not self.starts_at_one


def questions_of(definition: Any) -> list[Question]:
    """The questions of a form in their order, those of groups in the place of the group. Never raises."""
    fields = records.items(records.mapping(definition).get("fields"))
    return list(_questions(fields, is_personal=False, depth=0))


def _questions(fields: Sequence[Any], *, is_personal: bool, depth: int) -> Iterator[Question]:
    for found in fields:
        field = records.mapping(found)
        properties = records.mapping(field.get("properties"))
        kind = _kind(field.get("type"))
        identity = records.text(field.get("id"))
        inner = records.items(properties.get("fields"))
        if identity:
            steps = records.score(properties.get("steps"), low=1, high=1_000)
            yield Question(
                id=identity,
                ref=records.text(field.get("ref")),
                type=kind,
                title=records.text(field.get("title")),
                steps=steps,
                starts_at_one=properties.get("start_at_one") is True,
                part=records.text(field.get("subfield_key")),
                is_personal=is_personal,
            )
        if inner and depth < 5:
            yield from _questions(inner, is_personal=is_personal or kind in _PERSONAL_GROUPS, depth=depth + 1)


def _kind(value: Any) -> str:
    kind = records.text(value).lower().replace("-", "_")
    return _TYPES.get(kind, kind)


def slim(definition: Any) -> dict[str, Any]:
    """What is kept of a definition: enough to read answers, not the pictures and texts around it."""
    form = records.mapping(definition)

    def field(found: Any, depth: int = 0) -> dict[str, Any]:
        whole = records.mapping(found)
        properties = records.mapping(whole.get("properties"))
        kept = {name: properties[name] for name in ("steps", "start_at_one") if name in properties}
        inner = records.items(properties.get("fields"))
        if inner and depth < 5:
            kept["fields"] = [field(each, depth + 1) for each in inner]
        named = {
            name: whole[name] for name in ("id", "ref", "type", "title", "subfield_key") if name in whole
        }
        return {**named, "properties": kept}

    return {
        "id": records.text(form.get("id")),
        "title": records.text(form.get("title")),
        "hidden": [name for each in records.items(form.get("hidden")) if (name := records.text(each))],
        "fields": [field(each) for each in records.items(form.get("fields"))],
        "responses": records.text(records.mapping(form.get("_links")).get("responses")),
    }


def home_of(base: str, responses: str) -> str:
    """The host that holds a form's answers: `base`, or another of Typeform's own where the form points to it.

    Asked at the wrong one, Typeform answers 200 with an empty list. Hosts that are not Typeform's are never followed.
    """
    own, other = urlsplit(base), urlsplit(responses)
    if own.hostname in HOSTS and other.scheme == "https" and other.hostname in HOSTS:
        return f"https://{other.hostname}"
    return base


# --- Answers -------------------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    question: Question
    value: Any


def _answers(found: Any, known: Mapping[str, Question]) -> list[Answer]:
    """The answers of an item, joined to their questions by id, else by ref, never by place."""
    answers = []
    for each in records.items(found):
        answer = records.mapping(each)
        field = records.mapping(answer.get("field"))
        identity = records.text(field.get("id")) or records.text(answer.get("field_id"))
        ref = records.text(field.get("ref"))
        question = known.get(identity) or known.get(ref)
        kind = _kind(field.get("type"))
        if question is None:
            question = Question(id=identity or ref, ref=ref, type=kind)
        elif kind and kind != question.type:
            # The answer knows what was asked at the time; the form may have been changed since.
            question = replace(question, type=kind, steps=question.steps if kind in _SCALES else None)
        if question.id:
            answers.append(Answer(question=question, value=_value(answer)))
    return answers


def _value(answer: Mapping[str, Any]) -> Any:
    kind = records.text(answer.get("type"))
    value = answer.get(kind)
    if value is None:
        value = answer.get(kind.replace("_", "-"))
    if value is None:
        value = answer.get("value")
    if isinstance(value, Mapping):
        for name in ("label", "other", "amount", "number", "text", "address", "url"):
            if name in value and value[name] is not None:
                return value[name]
        labels = [*records.items(value.get("labels")), value.get("other")]
        return ", ".join(text for label in labels if (text := records.text(label)))
    return value


def read_response(
    payload: Any,
    definition: Any = None,
    *,
    mapping: Chosen | None = None,
    form_id: str = "",
    zone: str = "UTC",
) -> Record:
    """One response, as the list, a webhook event or its `form_response` tells it. Never raises; `external_id` may be empty.

    The score is that of the question chosen for it, else of the form's `nps` question, else of the one 0-10 scale that asks for
    a recommendation, else of the form's only rating. `calculated.score` is a quiz's and is never read.
    """
    event = records.mapping(payload)
    item = records.mapping(event["form_response"]) if "form_response" in event else event
    own = records.mapping(item.get("definition"))
    outer = questions_of(definition)
    inner = questions_of(own)
    questions = _with_scales(inner, outer) if inner else outer
    known = {question.ref: question for question in questions if question.ref}
    known |= {question.id: question for question in questions}
    answers = _answers(item.get("answers"), known)
    # Questions that the form had or has got, other than when its definition was read.
    questions = [*questions, *(answer.question for answer in answers if answer.question.id not in known)]
    variables = _variables(item.get("variables"))
    hidden = reading.flat(item.get("hidden"))
    said = _said(answers, hidden, variables)

    asked = _score_question(questions, answers, mapping)
    score, metric, low, high, trouble = _score(asked, answers, is_chosen=_is_chosen(asked, mapping))
    status = _status(event, item)
    submitted, staged, landed = (
        _moment(item.get(name), zone) for name in ("submitted_at", "staged_at", "landed_at")
    )
    responded = submitted or staged or landed
    chosen_time = picking.first(said, picking.keys(mapping, Role.RESPONDED_AT))
    return Record(
        external_id=picking.first(item, ("token", "response_id", "landing_id")),
        survey_id=picking.first(item, ("form_id", "uid")) or form_id or records.text(own.get("id"))
        or records.text(records.mapping(definition).get("id")),
        metric=metric,
        score=score,
        scale_min=low,
        scale_max=high,
        comment=_comment(asked, questions, answers, said, mapping),
        status=status,
        responded_at=records.moment(chosen_time, zone=zone) or responded,
        updated_at=responded,
        person=_person(answers, hidden, said, mapping),
        properties={**variables, **hidden},
        language=picking.first(said, picking.keys(mapping, Role.LANGUAGE)),
        raw=payload,
        trouble=trouble,
    )  # fmt: skip


def _with_scales(questions: list[Question], others: list[Question]) -> list[Question]:
    """`questions`, with the scales of `others` where their own definition is silent, as that of a webhook may be."""
    known = {question.id: question for question in others}
    filled = []
    for question in questions:
        other = known.get(question.id)
        if question.steps is None and other is not None and other.type == question.type:
            question = replace(question, steps=other.steps, starts_at_one=other.starts_at_one)
        filled.append(question)
    return filled


def _score_question(
    questions: Sequence[Question], answers: Sequence[Answer], mapping: Chosen | None
) -> Question | None:
    answered = {answer.question.id: answer.question for answer in answers}
    current = [answered.get(question.id, question) for question in questions]
    for key in picking.keys(mapping, Role.SCORE):
        for question in current:
            if key in {question.id, question.ref}:
                return question
    for wanted in (_asks_nps, _asks_nps_by_scale):
        found = [question for question in current if wanted(question)]
        # Where a form has several, branches of it have: the one that was asked is the one that was answered.
        for question in found:
            if question.id in answered:
                return question
        if found:
            return found[0]
    rated = [question for question in current if question.type in _SCALES]
    return rated[0] if len(rated) == 1 else None


def _asks_nps(question: Question) -> bool:
    return question.type == "nps"


def _asks_nps_by_scale(question: Question) -> bool:
    return question.is_zero_to_ten and picking.asks_to_recommend(question.title)


def _is_chosen(question: Question | None, mapping: Chosen | None) -> bool:
    return question is not None and any(
        key in {question.id, question.ref} for key in picking.keys(mapping, Role.SCORE)
    )


def _score(
    asked: Question | None, answers: Sequence[Answer], *, is_chosen: bool
) -> tuple[int | None, Metric, int, int, str]:
    if asked is None:
        return None, Metric.OTHER, 0, 10, ""
    scale = asked.scale()
    if scale is not None and asked.is_zero_to_ten and (is_chosen or _asks_nps_by_scale(asked)):
        scale = (Metric.NPS, 0, 10)
    value = next((answer.value for answer in answers if answer.question.id == asked.id), None)
    if scale is None and is_chosen and asked.type != "rating":
        scale = (Metric.NPS, 0, 10)
    if scale is None:
        known = (
            "" if value is None else "The form's definition does not say how long the scale of the score is."
        )
        return None, Metric.OTHER, 0, 10, known
    metric, low, high = scale
    score = records.score(value, low=low, high=high)
    trouble = (
        "" if score is not None or value is None else f"The score is no whole number from {low} to {high}."
    )
    return score, metric, low, high, trouble


def _comment(
    asked: Question | None,
    questions: Sequence[Question],
    answers: Sequence[Answer],
    said: Mapping[str, Any],
    mapping: Chosen | None,
) -> str | None:
    wanted = picking.keys(mapping, Role.COMMENT)
    if wanted:
        return picking.joined(said.get(key) for key in wanted)
    if asked is None:
        return None
    places = {question.id: place for place, question in enumerate(questions)}
    after = places.get(asked.id, -1)
    texts = [
        answer
        for answer in answers
        if answer.question.type in _TEXTS
        and not answer.question.is_personal
        and places.get(answer.question.id, -1) > after
        and records.comment(answer.value)
    ]
    texts.sort(key=lambda answer: places[answer.question.id])
    return records.comment(texts[0].value) if texts else None


def _said(
    answers: Sequence[Answer], hidden: Mapping[str, Any], variables: Mapping[str, Any]
) -> dict[str, Any]:
    """Everything told, by the keys of `Typeform.fields`; a question also by its ref, which authors set to last."""
    said: dict[str, Any] = {f"variable.{name}": value for name, value in variables.items()}
    said |= {f"hidden.{name}": value for name, value in hidden.items()}
    for answer in answers:
        if answer.question.ref:
            said[answer.question.ref] = answer.value
    return said | {answer.question.id: answer.value for answer in answers}


def _variables(found: Any) -> dict[str, Any]:
    variables = {}
    for each in records.items(found):
        variable = records.mapping(each)
        name = records.text(variable.get("key"))
        value = variable.get(records.text(variable.get("type")))
        if name and isinstance(value, str | int | float) and value != "":
            variables[name] = value
    return variables


def _person(
    answers: Sequence[Answer], hidden: Mapping[str, Any], said: Mapping[str, Any], mapping: Chosen | None
) -> Person:
    def chosen(role: Role) -> str:
        return picking.first(said, picking.keys(mapping, role))

    def answered(kind: str, part: str = "") -> str:
        for answer in answers:
            if answer.question.type == kind or (part and answer.question.part == part):
                text = records.text(answer.value)
                if text:
                    return text
        return ""

    parts = [answered("", "first_name"), answered("", "last_name")]
    hidden_parts = [picking.like(hidden, ["first_name"]), picking.like(hidden, ["last_name"])]
    return Person(
        email=picking.email(chosen(Role.EMAIL))
        or picking.email(picking.like(hidden, picking.EMAILS))
        or picking.email(answered("email", "email")),
        external_id=chosen(Role.PERSON_ID) or picking.like(hidden, picking.PERSON_IDS),
        name=chosen(Role.NAME)
        or picking.like(hidden, picking.NAMES)
        or " ".join(part for part in hidden_parts if part)
        or " ".join(part for part in parts if part),
        phone=chosen(Role.PHONE)
        or picking.like(hidden, picking.PHONES)
        or answered("phone_number", "phone_number"),
    )


def _status(event: Mapping[str, Any], item: Mapping[str, Any]) -> Status:
    told = records.text(event.get("event_type"))
    if told:
        return Status.PARTIAL if told.endswith("_partial") else Status.COMPLETED
    kind = records.text(item.get("response_type"))
    if kind:
        return Status.COMPLETED if kind == "completed" else Status.PARTIAL
    # Items of before there were kinds: a response that was not submitted has no time, or one of the year 1.
    if "submitted_at" in item or "landed_at" in item:
        return Status.COMPLETED if _moment(item.get("submitted_at"), "UTC") else Status.PARTIAL
    return Status.COMPLETED


def _moment(value: Any, zone: str) -> dt.datetime | None:
    moment = records.moment(value, zone=zone)
    return moment if moment is not None and moment.year > 1970 else None


# --- The system ----------------------------------------------------------------------------------------------
class Refused400(Unusable):
    """A request that Typeform calls wrong: with a place in the list it means that the place is gone."""


class Typeform(System):
    key: ClassVar[str] = "typeform"
    name: ClassVar[str] = "Typeform"
    about: ClassVar[str] = (
        "Forms with an NPS question: answers come within seconds by webhook, and hourly by pull."
    )
    verified: ClassVar[str] = "vendor documentation"
    hook: ClassVar[Hook] = Hook.BY_CALL
    needs_consent: ClassVar[bool] = True
    per_minute: ClassVar[int] = 100  # of the 2 a second that Typeform allows an account
    overlap: ClassVar[dt.timedelta] = dt.timedelta(hours=1)
    roles: ClassVar[tuple[Role, ...]] = (
        Role.SCORE, Role.COMMENT, Role.EMAIL, Role.PERSON_ID, Role.NAME, Role.PHONE, Role.LANGUAGE,
    )  # fmt: skip
    settings: ClassVar[tuple[Setting, ...]] = (
        Setting(
            key="base_url",
            label="Address of the API",
            input=Input.URL,
            default="https://api.typeform.com",
            where="Leave it as it is, unless your data is kept in the EU: then https://api.eu.typeform.com, or"
            " https://api.typeform.eu for accounts made in the EU data centre.",
        ),
        Setting(
            key="access",
            label="How to connect",
            input=Input.CHOICE,
            default="token",
            choices=(
                ("token", "With a personal access token"),
                ("oauth", "By consent, through an app of yours"),
            ),
        ),
        Setting(
            key="token",
            label="Personal access token",
            input=Input.SECRET,
            is_required=False,
            where="In Typeform: your account's menu, Personal tokens, Generate a new token, with the scopes to read forms and"
            " responses and to read and write webhooks. Not needed when you connect by consent.",
        ),
        Setting(
            key="client_id",
            label="Client ID",
            is_required=False,
            where="Only for connecting by consent. In Typeform: your organization's Developer apps, Register a new app.",
        ),
        Setting(
            key="client_secret",
            label="Client secret",
            input=Input.SECRET,
            is_required=False,
            where="Only for connecting by consent. Typeform shows it once, when the app is registered.",
        ),
        Setting(
            key="partial",
            label="Answers that were not submitted",
            input=Input.CHOICE,
            default="no",
            choices=(("no", "Leave out"), ("yes", "Read them as partial answers")),
            where="Typeform keeps them only where the form's settings say so.",
        ),
    )

    # -- Getting in --
    def asks_consent(self, link: Link) -> bool:
        return link.options.get("access") == "oauth"

    def headers(self, link: Link) -> Mapping[str, str]:
        if not self.asks_consent(link):
            token = link.secrets.get("token", "") or link.secrets.get("access_token", "")
            if not token:
                raise AccessDenied("Enter a personal access token of Typeform.")
            return {"Authorization": f"Bearer {token}"}
        ends = records.moment(link.secrets.get("expires_at"))
        if ends is not None and ends.timestamp() - EARLY < time.time():
            link.renew()
        token = link.secrets.get("access_token", "")
        if not token:
            raise AccessDenied("Typeform has not been asked for its consent yet. Connect again.")
        return {"Authorization": f"Bearer {token}"}

    def trouble(self, reply: Reply) -> Trouble | None:
        if reply.status == 400:
            return Refused400("Typeform calls the request wrong (400).")
        if reply.status == 403:
            return AccessDenied(
                "Typeform refuses access (403). The token needs the scopes to read forms and responses, and to read and write"
                " webhooks; the account must be a member of the form's workspace."
            )
        return None

    def renew(self, link: Link) -> bool:
        refresh = link.secrets.get("refresh_token", "")
        if not self.asks_consent(link) or not refresh:
            return False
        try:
            self._take_token(link, {"grant_type": "refresh_token", "refresh_token": refresh})
        except (Unusable, Gone):
            raise AccessDenied(
                "Typeform does not renew its consent. Connect again, with the scope “offline”."
            ) from None
        return True

    def consent_url(self, link: Link, *, redirect: str, state: str) -> str:
        asked = {
            "client_id": _client(link)[0],
            "redirect_uri": redirect,
            "response_type": "code",
            "scope": SCOPES,
            "state": state,
        }
        return f"{_base(link)}/oauth/authorize?{urlencode(asked)}"

    def redeem(self, link: Link, *, code: str, redirect: str) -> None:
        self._take_token(link, {"grant_type": "authorization_code", "code": code, "redirect_uri": redirect})

    def _take_token(self, link: Link, grant: Mapping[str, str]) -> None:
        identity, secret = _client(link)
        form = {**grant, "client_id": identity, "client_secret": secret}
        if grant["grant_type"] == "refresh_token":
            form["scope"] = SCOPES
        told = records.mapping(link.read("POST", f"{_base(link)}/oauth/token", form=form, signed=False))
        token = records.text(told.get("access_token"))
        if not token:
            raise Unusable("Typeform answered without a token.")
        seconds = records.score(told.get("expires_in"), low=0, high=10**9)
        link.keep(
            access_token=token,
            # It may be replaced with every use; the old one is then worthless.
            refresh_token=records.text(told.get("refresh_token")) or link.secrets.get("refresh_token", ""),
            expires_at="" if seconds is None else str(int(time.time()) + seconds),
        )

    def check(self, link: Link) -> str:
        told = records.mapping(link.read("GET", f"{_base(link)}/forms", params={"page_size": 1}))
        if "items" not in told and "total_items" not in told:
            raise Unusable("This does not look like Typeform's API. Check its address.")
        count = records.score(told.get("total_items"), low=0, high=10**9) or 0
        if not count:
            return "Typeform, no forms. If there are some, the token belongs to another account, or the address to another region."
        return f"Typeform, {count} {'form' if count == 1 else 'forms'}"

    # -- Describing --
    def surveys(self, link: Link) -> Sequence[RemoteSurvey]:
        found: dict[str, RemoteSurvey] = {}
        for page in range(1, 501):
            told = records.mapping(
                link.read("GET", f"{_base(link)}/forms", params={"page": page, "page_size": 200})
            )
            before = len(found)
            for each in records.items(told.get("items")):
                form = records.mapping(each)
                identity = records.text(form.get("id"))
                if identity:
                    found[identity] = RemoteSurvey(
                        id=identity, name=records.text(form.get("title")) or identity
                    )
            last = records.score(told.get("page_count"), low=0, high=10**6)
            if len(found) == before or (last is not None and page >= last):
                break
        return list(found.values())

    def fields(self, link: Link, survey_id: str) -> Sequence[RemoteField]:
        form = self._form(link, survey_id)
        home = home_of(_base(link), form["responses"])
        told = records.mapping(
            link.read("GET", f"{home}/forms/{survey_id}/responses", params={"page_size": 25})
        )
        questions = questions_of(form)
        known = {question.id: question for question in questions}
        hidden = list(form["hidden"])
        seen: dict[str, list[Any]] = {}
        for each in records.items(told.get("items")):
            item = records.mapping(each)
            item_hidden = reading.flat(item.get("hidden"))
            hidden += [name for name in item_hidden if name not in hidden]
            said = _said(_answers(item.get("answers"), known), item_hidden, _variables(item.get("variables")))
            for key, value in said.items():
                seen.setdefault(key, []).append(value)
        asked = _score_question(questions, [], None)
        if asked is not None and not (_asks_nps(asked) or _asks_nps_by_scale(asked)):
            asked = None
        proposed = _proposals(questions, asked, hidden)
        listed = [
            RemoteField(
                key=question.id,
                label=question.title or question.id,
                role=proposed.get(question.id),
                examples=reading.examples(seen.get(question.id, ())),
            )
            for question in questions
            if question.type not in {"group", "statement", "contact_info", "address"}
        ]
        named = [
            RemoteField(
                key=f"hidden.{name}",
                label=f"Hidden field “{name}”",
                role=proposed.get(f"hidden.{name}"),
                examples=reading.examples(seen.get(f"hidden.{name}", ())),
            )
            for name in hidden
        ]
        return [*listed, *named]

    def _form(self, link: Link, survey_id: str) -> dict[str, Any]:
        form: dict[str, Any] = link.remember(
            f"form:{survey_id}",
            lambda: slim(link.read("GET", f"{_base(link)}/forms/{survey_id}")),
            seconds=6 * 3600,
        )
        return form

    # -- Pulling --
    def pull(self, link: Link, ask: Ask) -> Page:
        form = self._form(link, ask.survey_id)
        home = home_of(_base(link), form["responses"])
        cursor = ask.cursor or {}
        kind = records.text(cursor.get("type")) or "completed"
        before = records.text(cursor.get("before"))
        params: dict[str, Any] = {"page_size": PAGE_SIZE, "response_type": kind, "until": _second(ask.until)}
        if ask.since is not None:
            params["since"] = _second(ask.since)
        if before:
            params["before"] = before
        try:
            told = records.mapping(link.read("GET", f"{home}/forms/{ask.survey_id}/responses", params=params))
        except Refused400:
            if before:
                raise CursorExpired(
                    "Typeform no longer knows the answer at which the last page ended."
                ) from None
            raise
        found = told.get("items")
        if not isinstance(found, list):
            raise Unusable("Typeform answered without a list of responses.")
        read = [
            read_response(item, form, mapping=link.mapping, form_id=ask.survey_id, zone=link.zone)
            for item in found
        ]
        whole = [
            replace(record, status=Status.PARTIAL) if kind == "partial" else record
            for record in read
            if record.external_id
        ]
        notes = (
            [f"{len(read) - len(whole)} answers without a token were left out."]
            if len(read) > len(whole)
            else []
        )
        last = _token(found[-1]) if found else ""
        if last and last == before:
            raise Unusable("Typeform sent the same page twice. The run stops and begins there again.")
        following: Mapping[str, Any] | None = None
        if last:
            following = {"type": kind, "before": last}
        elif kind == "completed" and link.options.get("partial") == "yes":
            following = {"type": "partial"}
        total = records.score(told.get("total_items"), low=0, high=10**9) if ask.cursor is None else None
        return Page(records=whole, cursor=following, total=total, notes=notes)

    def fetch(self, link: Link, reference: Reference) -> Record:
        form = self._form(link, reference.survey_id)
        home = home_of(_base(link), form["responses"])
        params = {"included_response_ids": reference.external_id, "page_size": 25}
        told = records.mapping(
            link.read("GET", f"{home}/forms/{reference.survey_id}/responses", params=params)
        )
        for item in records.items(told.get("items")):
            if _token(item) == reference.external_id:
                return read_response(
                    item, form, mapping=link.mapping, form_id=reference.survey_id, zone=link.zone
                )
        raise Gone(
            "Typeform does not have this response (yet): new ones take up to half an hour to be listed."
        )

    # -- Webhooks --
    def subscribe(self, link: Link, *, survey_ids: Sequence[str], url: str, secret: str) -> Mapping[str, Any]:
        # One tag an installation: the same form may also be heard by a trial one.
        tag = "nps-crm-" + hashlib.sha256((urlsplit(url).hostname or "").encode()).hexdigest()[:8]
        wanted = {"form_response": True, "form_response_partial": link.options.get("partial") == "yes"}
        for survey_id in survey_ids:
            link.call(
                "PUT",
                f"{_base(link)}/forms/{survey_id}/webhooks/{tag}",
                json={
                    "url": url,
                    "enabled": True,
                    "secret": secret,
                    "verify_ssl": True,
                    "event_types": wanted,
                },
            )
            # Events may come with a definition that leaves the scales out: have them at hand.
            self._form(link, survey_id)
        known = {form for form in link.secrets.get("forms", "").split(",") if form}
        self.unsubscribe(link, {"tag": tag, "forms": sorted(known - set(survey_ids))})
        link.keep(forms=",".join(survey_ids))
        return {"tag": tag, "forms": list(survey_ids)}

    def unsubscribe(self, link: Link, state: Mapping[str, Any]) -> None:
        tag = records.text(state.get("tag"))
        for survey_id in records.items(state.get("forms")):
            try:
                link.call("DELETE", f"{_base(link)}/forms/{survey_id}/webhooks/{tag}")
            except Gone:
                continue

    def verify(self, link: Link, delivery: Delivery) -> None:
        secrets = signatures.hook_secrets(link)
        if not secrets:
            raise Forged("there is no secret to verify with")
        said = delivery.headers.get("typeform-signature", "")
        if not signatures.is_signed(
            delivery.body, said, secrets=secrets, digest="sha256", prefix="sha256=", encoding="base64"
        ):
            raise Forged("the signature is missing or does not fit")

    def hear(self, link: Link, delivery: Delivery) -> Sequence[Record | Reference]:
        event = bodies.json_of(delivery.body)
        if not isinstance(event, Mapping):
            raise Unusable("A delivery of Typeform is an object.")
        kind = event.get("event_type")
        if isinstance(kind, str) and kind and not kind.startswith("form_response"):
            return ()
        if not isinstance(event.get("form_response"), Mapping) and "answers" not in event:
            raise Unusable("The delivery holds no response.")
        record = read_response(event, mapping=link.mapping, zone=link.zone)
        known = self._known_form(link, record.survey_id)
        if known is not None:
            record = read_response(event, known, mapping=link.mapping, zone=link.zone)
        if not record.external_id:
            raise Unusable("The response has no token.")
        return [record]

    def _known_form(self, link: Link, survey_id: str) -> Mapping[str, Any] | None:
        """The definition if we have it at hand: no call is made while hearing."""

        def missing() -> Any:
            raise LookupError

        try:
            return records.mapping(link.remember(f"form:{survey_id}", missing))
        except LookupError:
            return None


def _proposals(
    questions: Sequence[Question], asked: Question | None, hidden: Sequence[str]
) -> dict[str, Role]:
    proposed: dict[str, Role] = {}
    if asked is not None:
        proposed[asked.id] = Role.SCORE
        after = [question.id for question in questions].index(asked.id)
        text = next(
            (each for each in questions[after + 1 :] if each.type in _TEXTS and not each.is_personal), None
        )
        if text is not None:
            proposed[text.id] = Role.COMMENT
    by_role = (
        (Role.PERSON_ID, picking.PERSON_IDS, ""),
        (Role.EMAIL, picking.EMAILS, "email"),
        (Role.NAME, picking.NAMES, ""),
        (Role.PHONE, picking.PHONES, "phone_number"),
    )
    for role, names, kind in by_role:
        name = picking.like({each: each for each in hidden}, names)
        question = next((each for each in questions if kind and each.type == kind), None)
        if name:
            proposed[f"hidden.{name}"] = role
        elif question is not None:
            proposed[question.id] = role
    return proposed


def _client(link: Link) -> tuple[str, str]:
    identity = records.text(link.options.get("client_id"))
    secret = link.secrets.get("client_secret", "")
    if not identity or not secret:
        raise AccessDenied(
            "Connecting by consent needs the client ID and the client secret of an app of yours at Typeform."
        )
    return identity, secret


def _base(link: Link) -> str:
    return (records.text(link.options.get("base_url")) or "https://api.typeform.com").rstrip("/")


def _second(moment: dt.datetime) -> str:
    return moment.astimezone(dt.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _token(item: Any) -> str:
    return picking.first(records.mapping(item), ("token", "response_id", "landing_id"))


SYSTEM = Typeform()
