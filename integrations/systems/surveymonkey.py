"""SurveyMonkey (API v3): answers joined to the survey's definition, listed by their last change; events bring ids only.

Written from the vendor's documentation. An NPS question is a rating matrix of one row and eleven choices; the weights of its
choices are what each adds to the NPS (-100, 0, 100) and never the score, which is the place of the choice.
"""

import datetime as dt
import hashlib
import html
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar
from urllib.parse import urlencode, urlsplit

from core.fetch import Reply
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
    Trouble,
    TryLater,
    Unusable,
)  # fmt: skip
from integrations.picking import Chosen
from integrations.records import Metric, Person, Record, Status

PAGE_SIZE = 100
LIST_SIZE = 1_000
# An update is told once a page of the survey: several come within a minute, and one reading is enough.
DEBOUNCE = 60.0
EVENTS = (
    "response_completed", "response_updated", "response_disqualified", "response_overquota", "response_deleted",
)  # fmt: skip
_PREVIEWS = frozenset({"preview", "survey_preview"})
_DAY = "x-ratelimit-app-global-day-"
_MINUTE = "x-ratelimit-app-global-minute-"


# --- Definitions ---------------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """A question of a survey, its choices in the order of their positions."""

    id: str
    family: str = ""
    subtype: str = ""
    title: str = ""
    choices: tuple[Mapping[str, Any], ...] = ()
    rows: int = 0  # those that are shown

    @property
    def is_open(self) -> bool:
        return self.family == "open_ended" and self.subtype in {"essay", "single", ""}

    @property
    def is_rating(self) -> bool:
        return (
            self.family == "matrix" and self.subtype == "rating" and self.rows == 1 and len(self.choices) > 1
        )

    def nps_scores(self) -> dict[str, int] | None:
        """Score by choice where this is an NPS question by the rule; None where it is not."""
        if not self.is_rating or len(self.choices) != 11:
            return None
        weights = {records.score(choice.get("weight"), low=-100, high=100) for choice in self.choices}
        numbers = [_number(choice.get("text")) for choice in self.choices]
        # Translated ends say no number; all that do must be in their place.
        rising = all(number in {None, place} for place, number in enumerate(numbers)) and numbers[1:10] == [
            *range(1, 10)
        ]
        falling = numbers[1:10] == [*range(9, 0, -1)] and all(
            number in {None, 10 - place} for place, number in enumerate(numbers)
        )
        if not weights <= {-100, 0, 100} and not rising and not falling:
            return None
        if weights == {0} and not rising and not falling:
            return None
        return {
            records.text(choice.get("id")): 10 - place if falling else place
            for place, choice in enumerate(self.choices)
        }

    def scale(self, *, is_chosen: bool = False) -> tuple[Metric, int, int, dict[str, int]] | None:
        """What the choices measure: metric, ends, and the score of each choice. None where that is not known.

        Choices with numbers as texts count only where a person pointed to the question.
        """
        scores = self.nps_scores()
        if scores is not None:
            return Metric.NPS, 0, 10, scores
        if self.is_rating:
            weighed = {
                records.text(choice.get("id")): records.score(
                    choice.get("weight"), low=1, high=len(self.choices)
                )
                for choice in self.choices
            }
            whole = {choice: weight for choice, weight in weighed.items() if weight is not None}
            return (Metric.CSAT, 1, len(self.choices), whole) if len(whole) == len(self.choices) else None
        if is_chosen and self.family in {"single_choice", "matrix"} and self.rows <= 1:
            numbers = {records.text(choice.get("id")): _number(choice.get("text")) for choice in self.choices}
            plain = {choice: number for choice, number in numbers.items() if number is not None}
            if len(plain) == len(self.choices) > 1:
                low, high = min(plain.values()), max(plain.values())
                return (Metric.NPS if (low, high) == (0, 10) else Metric.CSAT), low, high, plain
        return None


def questions_of(definition: Any) -> list[Question]:
    """The questions of a survey's details, in the order of pages and positions. Never raises."""
    found = []
    for page in _placed(records.mapping(definition).get("pages")):
        for question in _placed(page.get("questions")):
            identity = records.text(question.get("id"))
            if not identity:
                continue
            answers = records.mapping(question.get("answers"))
            rows = [row for row in _placed(answers.get("rows")) if row.get("visible") is not False]
            choices = [
                choice for choice in _placed(answers.get("choices")) if choice.get("is_na") is not True
            ]
            found.append(
                Question(
                    id=identity,
                    family=records.text(question.get("family")),
                    subtype=records.text(question.get("subtype")),
                    title=_title(question),
                    choices=tuple(choices),
                    rows=len(rows),
                )
            )
    return found


def _placed(found: Any) -> list[Mapping[str, Any]]:
    """The objects of a list by their position; those without one stay where they are."""
    objects = [records.mapping(each) for each in records.items(found)]

    def place(item: tuple[int, Mapping[str, Any]]) -> tuple[int, int]:
        position = records.score(item[1].get("position"), low=0, high=10**6)
        return (item[0] + 1 if position is None else position), item[0]

    return [each for _, each in sorted(enumerate(objects), key=place)]


def _title(question: Mapping[str, Any]) -> str:
    headings = records.items(question.get("headings"))
    told = records.mapping(headings[0]).get("heading") if headings else question.get("heading")
    return _plain(told)


def _plain(text: Any) -> str:
    """A text without the markup that headings and choices may hold."""
    return " ".join(html.unescape(re.sub(r"<[^<>]*>", " ", records.text(text))).split())


def _number(text: Any) -> int | None:
    """The number that a choice's text is, ends with, or holds alone: "Not at all likely - 0"."""
    numbers = re.findall(r"(?<![\d.,])\d{1,3}(?![\d.,]*\d)", _plain(text), re.ASCII)
    if len(numbers) == 1:
        return int(numbers[0])
    ending = re.search(r"(?<![\d.,])(\d{1,3})\Z", _plain(text), re.ASCII)
    return int(ending.group(1)) if ending else None


def slim(definition: Any) -> dict[str, Any]:
    """What is kept of a survey's details: enough to read answers."""
    survey = records.mapping(definition)
    questions = []
    for question in questions_of(survey):
        choices = [
            {name: choice[name] for name in ("id", "position", "text", "weight") if name in choice}
            for choice in question.choices
        ]
        questions.append(
            {
                "id": question.id,
                "family": question.family,
                "subtype": question.subtype,
                "heading": question.title,
                "answers": {"choices": choices, "rows": [{"visible": True}] * min(question.rows, 2)},
            }
        )
    return {
        "id": records.text(survey.get("id")),
        "title": _plain(survey.get("title")),
        "language": records.text(survey.get("language")),
        "variables": sorted(str(name) for name in records.mapping(survey.get("custom_variables"))),
        "pages": [{"questions": questions}],
    }


# --- Answers -------------------------------------------------------------------------------------------------
def _answered(payload: Mapping[str, Any]) -> Iterator[tuple[Mapping[str, Any], list[Mapping[str, Any]]]]:
    for page in records.items(payload.get("pages")):
        for each in records.items(records.mapping(page).get("questions")):
            question = records.mapping(each)
            answers = [records.mapping(answer) for answer in records.items(question.get("answers"))]
            if records.text(question.get("id")) and answers:
                yield question, answers


def read_response(
    payload: Any,
    definition: Any = None,
    *,
    mapping: Chosen | None = None,
    survey_id: str = "",
    zone: str = "UTC",
) -> Record:
    """One response with its answers, as `bulk` and `details` list it; `definition` is the survey's details.

    Never raises; `external_id` may be empty. Without a definition there is no score, except where the response itself was asked
    for with texts (`simple=true`) and its NPS weight and text agree.
    """
    response = records.mapping(payload)
    survey = records.mapping(definition)
    questions = questions_of(survey)
    answered = {
        records.text(question.get("id")): (question, answers) for question, answers in _answered(response)
    }
    asked = _score_question(questions, answered, mapping)
    variables = reading.flat(response.get("custom_variables"))
    said = _said(response, answered, variables)

    score, metric, low, high, trouble = _score(asked, answered, mapping)
    if asked is None and not questions:
        asked, score = _told_by_texts(answered)
        metric = Metric.OTHER if score is None else Metric.NPS
    created = records.moment(response.get("date_created"), zone=zone)
    modified = records.moment(response.get("date_modified"), zone=zone)
    return Record(
        external_id=records.text(response.get("id")),
        survey_id=records.text(response.get("survey_id")) or survey_id or records.text(survey.get("id")),
        metric=metric,
        score=score,
        scale_min=low,
        scale_max=high,
        comment=_comment(asked, questions, answered, said, mapping),
        status=_status(response),
        responded_at=created or modified,
        updated_at=modified,
        person=_person(response, variables, said, mapping),
        properties=variables | ({"custom_value": value} if (value := records.text(response.get("custom_value"))) else {}),
        language=picking.first(said, picking.keys(mapping, Role.LANGUAGE)) or records.text(survey.get("language")),
        raw=_without_secrets(payload),
        trouble=trouble,
    )  # fmt: skip


_Answered = Mapping[str, tuple[Mapping[str, Any], list[Mapping[str, Any]]]]


def _without_secrets(payload: Any) -> Any:
    """The payload without the address at which whoever has it can change the answer."""
    if isinstance(payload, Mapping) and "edit_url" in payload:
        return {name: value for name, value in payload.items() if name != "edit_url"}
    return payload


def _score_question(
    questions: Sequence[Question], answered: _Answered, mapping: Chosen | None
) -> Question | None:
    known = {question.id: question for question in questions}
    for key in picking.keys(mapping, Role.SCORE):
        if key in known:
            return known[key]
    found = [question for question in questions if question.nps_scores() is not None]
    for question in found:
        if question.id in answered:
            return question
    if found:
        return found[0]
    ratings = [question for question in questions if question.is_rating]
    return ratings[0] if len(ratings) == 1 else None


def _score(
    asked: Question | None, answered: _Answered, mapping: Chosen | None
) -> tuple[int | None, Metric, int, int, str]:
    if asked is None:
        return None, Metric.OTHER, 0, 10, ""
    is_chosen = asked.id in picking.keys(mapping, Role.SCORE)
    scale = asked.scale(is_chosen=is_chosen)
    answers = answered[asked.id][1] if asked.id in answered else []
    if is_chosen and scale is None and asked.family == "open_ended":
        written = next((answer["text"] for answer in answers if "text" in answer), None)
        score = records.score(written)
        unread = written is not None and score is None
        return score, Metric.NPS, 0, 10, "The score is no whole number from 0 to 10." if unread else ""
    if scale is None:
        return (
            None,
            Metric.OTHER,
            0,
            10,
            "The question of the score has no scale that can be read." if answers else "",
        )
    metric, low, high, scores = scale
    chosen = [choice for answer in answers if (choice := records.text(answer.get("choice_id")))]
    for choice in chosen:
        if choice in scores:
            return scores[choice], metric, low, high, ""
    trouble = (
        "The choice is not among those of the survey's definition, or means “not applicable”."
        if chosen
        else ""
    )
    return None, metric, low, high, trouble


def _told_by_texts(answered: _Answered) -> tuple[Question | None, int | None]:
    """The score of a response with texts: where one rating's text ends in a number whose group is that of its weight."""
    found = []
    for identity, (question, answers) in answered.items():
        for answer in answers:
            weight = records.score(
                records.mapping(answer.get("choice_metadata")).get("weight"), low=-100, high=100
            )
            number = _number(answer.get("simple_text"))
            if question.get("family") not in ("matrix", None) or weight is None or number is None:
                continue
            group = 100 if number >= 9 else 0 if number >= 7 else -100
            if number <= 10 and weight == group:
                found.append((Question(id=identity), number))
    return found[0] if len(found) == 1 else (None, None)


def _comment(
    asked: Question | None,
    questions: Sequence[Question],
    answered: _Answered,
    said: Mapping[str, Any],
    mapping: Chosen | None,
) -> str | None:
    wanted = picking.keys(mapping, Role.COMMENT)
    if wanted:
        return picking.joined(said.get(key) for key in wanted)
    if asked is None:
        return None
    order = [question.id for question in questions if question.is_open or question.id == asked.id]
    if not questions:  # told by texts alone: in the order of the response
        order = [
            identity
            for identity, (_, answers) in answered.items()
            if identity == asked.id or any("text" in answer and "row_id" not in answer for answer in answers)
        ]
    following = order[order.index(asked.id) + 1 :] if asked.id in order else []
    for identity in following:
        if said.get(identity):
            return records.comment(said[identity])
    for answer in answered[asked.id][1] if asked.id in answered else []:
        if "other_id" in answer and records.comment(answer.get("text")):
            return records.comment(answer["text"])
    return None


def _said(response: Mapping[str, Any], answered: _Answered, variables: Mapping[str, Any]) -> dict[str, Any]:
    """Everything told as text, by the keys of `SurveyMonkey.fields`."""
    said: dict[str, Any] = {f"custom.{name}": value for name, value in variables.items()}
    for name in ("custom_value", "email_address", "first_name", "last_name"):
        said[name] = response.get(name)
    for identity, (_, answers) in answered.items():
        texts = picking.joined(answer.get("text") for answer in answers)
        said[identity] = texts or picking.joined(answer.get("simple_text") for answer in answers)
    return said


def _person(
    response: Mapping[str, Any], variables: Mapping[str, Any], said: Mapping[str, Any], mapping: Chosen | None
) -> Person:
    contact = records.mapping(records.mapping(response.get("metadata")).get("contact"))

    def chosen(role: Role) -> str:
        return picking.first(said, picking.keys(mapping, role))

    def of_contact(*names: str) -> str:
        for name in names:
            told = contact.get(name)
            text = records.text(told.get("value") if isinstance(told, Mapping) else told)
            if text:
                return text
        return ""

    first = records.text(response.get("first_name")) or of_contact("first_name")
    last = records.text(response.get("last_name")) or of_contact("last_name")
    return Person(
        email=picking.email(chosen(Role.EMAIL))
        or picking.email(records.text(response.get("email_address")))
        or picking.email(picking.like(variables, picking.EMAILS))
        or picking.email(of_contact("email", "email_address")),
        external_id=chosen(Role.PERSON_ID) or picking.like(variables, picking.PERSON_IDS),
        name=chosen(Role.NAME)
        or " ".join(part for part in (first, last) if part)
        or picking.like(variables, picking.NAMES),
        phone=chosen(Role.PHONE)
        or picking.like(variables, picking.PHONES)
        or of_contact("phone_number", "phone"),
    )


def _status(response: Mapping[str, Any]) -> Status:
    if records.text(response.get("collection_mode")) in _PREVIEWS:
        return Status.TEST
    told = records.text(response.get("response_status"))
    return {
        "partial": Status.PARTIAL,
        "overquota": Status.OVERQUOTA,
        "disqualified": Status.DISQUALIFIED,
    }.get(told, Status.COMPLETED)


# --- The system ----------------------------------------------------------------------------------------------
class SurveyMonkey(System):
    key: ClassVar[str] = "surveymonkey"
    name: ClassVar[str] = "SurveyMonkey"
    about: ClassVar[str] = "Surveys with an NPS question: news by webhook, answers read by their last change."
    verified: ClassVar[str] = "vendor documentation"
    hook: ClassVar[Hook] = Hook.BY_CALL
    needs_consent: ClassVar[bool] = True
    per_minute: ClassVar[int] = 100  # of 120 that an app may make
    overlap: ClassVar[dt.timedelta] = dt.timedelta(minutes=5)
    roles: ClassVar[tuple[Role, ...]] = (
        Role.SCORE, Role.COMMENT, Role.EMAIL, Role.PERSON_ID, Role.NAME, Role.PHONE, Role.LANGUAGE,
    )  # fmt: skip
    settings: ClassVar[tuple[Setting, ...]] = (
        Setting(
            key="base_url",
            label="Address of the API",
            input=Input.URL,
            default="https://api.surveymonkey.com",
            where="By where your account's data is kept: https://api.surveymonkey.com (USA), https://api.eu.surveymonkey.com"
            " (EU), https://api.surveymonkey.ca (Canada). After consent SurveyMonkey names it itself.",
        ),
        Setting(
            key="access",
            label="How to connect",
            input=Input.CHOICE,
            default="token",
            choices=(
                ("token", "With the access token of a private app"),
                ("oauth", "By consent, through an app of yours"),
            ),
        ),
        Setting(
            key="token",
            label="Access token",
            input=Input.SECRET,
            is_required=False,
            where="At developer.surveymonkey.com: My Apps, your app, Settings, Access Token. Not needed when you connect by"
            " consent.",
        ),
        Setting(
            key="client_id",
            label="Client ID",
            where="At developer.surveymonkey.com: My Apps, your app, Settings. Events are verified with it.",
        ),
        Setting(
            key="client_secret",
            label="Secret",
            input=Input.SECRET,
            where="At developer.surveymonkey.com: My Apps, your app, Settings, beside the client ID.",
        ),
        Setting(
            key="recipients",
            label="Who was asked",
            input=Input.CHOICE,
            default="no",
            choices=(
                ("no", "As the answers say it"),
                ("yes", "Look up the recipient of answers without an e-mail address"),
            ),
            where="Looking up takes one more call an answer, of the 500 a day that a private app has.",
        ),
    )

    # -- Getting in --
    def asks_consent(self, link: Link) -> bool:
        return link.options.get("access") == "oauth"

    def headers(self, link: Link) -> Mapping[str, str]:
        name = "access_token" if self.asks_consent(link) else "token"
        token = link.secrets.get(name, "")
        if not token:
            raise AccessDenied(
                "SurveyMonkey has not been asked for its consent yet. Connect again."
                if self.asks_consent(link)
                else "Enter the access token of your app at SurveyMonkey."
            )
        return {"Authorization": f"bearer {token}"}

    def trouble(self, reply: Reply) -> Trouble | None:
        code = _error_of(reply)
        if reply.status == 429 or code == "1040":
            if reply.headers.get(f"{_DAY}remaining", "").strip() == "0":
                return TryLater(
                    "SurveyMonkey's calls of the day are used up (429). It goes on after midnight GMT.",
                    after=_seconds(reply, _DAY) or reply.retry_after,
                )
            return TryLater(
                "SurveyMonkey asks us to slow down (429).",
                after=reply.retry_after or _seconds(reply, _MINUTE),
            )
        if code in {"1014", "1015"} or (reply.status == 403 and code == "1016"):
            return AccessDenied(
                "SurveyMonkey refuses answers (403): the app needs the scopes to view surveys, responses and response details,"
                " and the last one needs a paid plan."
            )
        if code == "1018":
            return AccessDenied(
                "The account's data is kept in another region (403). Choose the API's address of the EU or of Canada."
            )
        if code in {"1052", "1053"}:
            return AccessDenied(
                "SurveyMonkey says that the user has been deleted. Connect with another user's token."
            )
        if code == "1030":
            return Unusable(
                "The survey has more than 1,000 questions, which SurveyMonkey does not give out (413)."
            )
        if code == "1013" or reply.status == 401:
            return AccessDenied(
                "SurveyMonkey does not accept the token (401): it was revoked or replaced. Connect again."
            )
        return None

    def consent_url(self, link: Link, *, redirect: str, state: str) -> str:
        asked = {
            "response_type": "code",
            "client_id": _client(link)[0],
            "redirect_uri": redirect,
            "state": state,
        }
        return f"{_entry(link)}/oauth/authorize?{urlencode(asked)}"

    def redeem(self, link: Link, *, code: str, redirect: str) -> None:
        identity, secret = _client(link)
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "client_id": identity,
            "client_secret": secret,
            "redirect_uri": redirect,
        }
        told = records.mapping(link.read("POST", f"{_entry(link)}/oauth/token", form=form, signed=False))
        token = records.text(told.get("access_token"))
        if not token:
            raise AccessDenied(
                "SurveyMonkey answered without a token. The consent lasts five minutes: connect again."
            )
        # Where the account's data is kept: the address of all further calls.
        link.keep(access_token=token, access_url=records.text(told.get("access_url")))

    def check(self, link: Link) -> str:
        reply = link.call("GET", f"{_base(link)}/v3/surveys", params={"per_page": 1})
        told = records.mapping(_json(reply))
        if not isinstance(told.get("data"), list):
            raise Unusable("This does not look like SurveyMonkey's API. Check its address.")
        granted = reply.headers.get("x-oauth-scopes-granted", "")
        missing = [
            scope for scope in ("surveys_read", "responses_read", "responses_read_detail") if scope not in granted.replace(",", " ").split()
        ]  # fmt: skip
        if granted.strip() and missing:
            raise AccessDenied(
                f"The app lacks the scope {' and '.join(missing)}. Add it in the app's settings at SurveyMonkey and connect again."
            )
        count = records.score(told.get("total"), low=0, high=10**9)
        if count is None:
            return "SurveyMonkey"
        return f"SurveyMonkey, {count} {'survey' if count == 1 else 'surveys'}"

    # -- Describing --
    def surveys(self, link: Link) -> Sequence[RemoteSurvey]:
        found: dict[str, RemoteSurvey] = {}
        for page in range(1, 101):
            told = records.mapping(
                link.read("GET", f"{_base(link)}/v3/surveys", params={"page": page, "per_page": LIST_SIZE})
            )
            before = len(found)
            for each in records.items(told.get("data")):
                survey = records.mapping(each)
                identity = records.text(survey.get("id"))
                if identity:
                    name = _plain(survey.get("title")) or _plain(survey.get("nickname")) or identity
                    found[identity] = RemoteSurvey(id=identity, name=name)
            if len(found) == before or not _next(told):
                break
        return list(found.values())

    def fields(self, link: Link, survey_id: str) -> Sequence[RemoteField]:
        survey = self._survey(link, survey_id)
        told = records.mapping(
            link.read(
                "GET",
                f"{_base(link)}/v3/surveys/{survey_id}/responses/bulk",
                params={"per_page": 25, "sort_by": "date_modified", "sort_order": "DESC"},
            )
        )
        questions = questions_of(survey)
        texts = {
            records.text(choice.get("id")): _plain(choice.get("text"))
            for question in questions
            for choice in question.choices
        }
        seen: dict[str, list[Any]] = {}
        names = list(survey["variables"])
        for each in records.items(told.get("data")):
            response = records.mapping(each)
            variables = reading.flat(response.get("custom_variables"))
            names += [name for name in variables if name not in names]
            answered = {
                records.text(question.get("id")): (question, answers)
                for question, answers in _answered(response)
            }
            for key, value in _said(response, answered, variables).items():
                seen.setdefault(key, []).append(value)
            for key, (_, answers) in answered.items():
                seen.setdefault(key, []).extend(
                    texts.get(records.text(answer.get("choice_id"))) for answer in answers
                )
        proposed = _proposals(questions, names)
        listed = [
            (question.id, question.title or question.id)
            for question in questions
            if question.family != "presentation"
        ]
        listed += [(f"custom.{name}", f"Custom variable “{name}”") for name in names]
        listed += [
            ("custom_value", "Custom value of the link"),
            ("email_address", "E-mail address of the recipient"),
        ]
        return [
            RemoteField(
                key=key, label=label, role=proposed.get(key), examples=reading.examples(seen.get(key, ()))
            )
            for key, label in listed
        ]

    def _survey(self, link: Link, survey_id: str, *, is_fresh: bool = False) -> dict[str, Any]:
        """The survey's definition. It costs a call of the day's budget and is kept for six hours, a fresh one for one."""
        survey: dict[str, Any] = link.remember(
            f"details:{survey_id}{':fresh' if is_fresh else ''}",
            lambda: slim(link.read("GET", f"{_base(link)}/v3/surveys/{survey_id}/details")),
            seconds=3600 if is_fresh else 6 * 3600,
        )
        return survey

    # -- Pulling --
    def pull(self, link: Link, ask: Ask) -> Page:
        cursor = ask.cursor or {}
        start = records.text(cursor.get("from")) or (_second(ask.since) if ask.since else "")
        number = records.score(cursor.get("page"), low=1, high=10**6) or 1
        params: dict[str, Any] = {
            "page": number,
            "per_page": PAGE_SIZE,
            "sort_by": "date_modified",
            "sort_order": "ASC",
            "end_modified_at": _second(ask.until),
        }
        if start:
            params["start_modified_at"] = start
        reply = link.call("GET", f"{_base(link)}/v3/surveys/{ask.survey_id}/responses/bulk", params=params)
        told = records.mapping(_json(reply))
        found = told.get("data")
        if not isinstance(found, list):
            raise Unusable("SurveyMonkey answered without a list of responses.")
        read = [self._read(link, each, ask.survey_id) for each in found]
        whole = [record for record in read if record.external_id]
        notes = (
            [f"{len(read) - len(whole)} answers without an id were left out."]
            if len(read) > len(whole)
            else []
        )
        ids = _digest(whole)
        if number > 1 and whole and ids == cursor.get("before"):
            raise Unusable("SurveyMonkey sent the same page twice. The run stops and begins there again.")
        following: Mapping[str, Any] | None = None
        wait = 0.0
        if found and _next(told):
            following = _onward(whole, start=start, number=number, ids=ids)
            wait, note = _pause(reply)
            notes += [note] if note else []
        total = records.score(told.get("total"), low=0, high=10**9) if ask.cursor is None else None
        return Page(records=whole, cursor=following, total=total, wait=wait, notes=notes)

    def _read(self, link: Link, payload: Any, survey_id: str) -> Record:
        survey = self._survey(link, survey_id)
        known = {question["id"] for page in survey["pages"] for question in page["questions"]}
        told = {records.text(question.get("id")) for question, _ in _answered(records.mapping(payload))}
        record = read_response(payload, survey, mapping=link.mapping, survey_id=survey_id, zone=link.zone)
        if record.trouble or not told <= known:  # the survey may have been changed since
            survey = self._survey(link, survey_id, is_fresh=True)
            record = read_response(payload, survey, mapping=link.mapping, survey_id=survey_id, zone=link.zone)
        return self._with_recipient(link, record) if link.options.get("recipients") == "yes" else record

    def _with_recipient(self, link: Link, record: Record) -> Record:
        """The record with its recipient's address; of e-mail collectors only, and where we may see it."""
        response = records.mapping(record.raw)
        collector, recipient = (
            records.text(response.get("collector_id")),
            records.text(response.get("recipient_id")),
        )
        if record.person.email or not collector or recipient in {"", "0"}:
            return record
        try:
            told = records.mapping(
                link.read(
                    "GET",
                    f"{_base(link)}/v3/collectors/{collector}/recipients/{recipient}",
                    params={"include": "custom_fields,extra_fields"},
                )
            )
        except (Gone, AccessDenied, Unusable):
            return record
        name = " ".join(part for key in ("first_name", "last_name") if (part := records.text(told.get(key))))
        person = replace(
            record.person,
            email=picking.email(records.text(told.get("email"))),
            phone=record.person.phone or records.text(told.get("phone_number")),
            name=record.person.name or name,
        )
        return replace(record, person=person)

    def fetch(self, link: Link, reference: Reference) -> Record:
        if not reference.survey_id:
            raise Unusable(
                "The event does not say which survey it belongs to. The next pull brings the answer."
            )
        told = link.read(
            "GET",
            f"{_base(link)}/v3/surveys/{reference.survey_id}/responses/{reference.external_id}/details",
        )
        record = self._read(link, told, reference.survey_id)
        if not record.external_id:
            raise Unusable("SurveyMonkey answered without a response.")
        return record

    # -- Webhooks --
    def subscribe(self, link: Link, *, survey_ids: Sequence[str], url: str, secret: str) -> Mapping[str, Any]:
        """One webhook for each kind of event. Those made before are changed, also when our address is another by now."""
        mark = hashlib.sha256(url.encode()).hexdigest()[:8]
        known = self._webhooks(link)
        kept = dict(pair.split("=", 1) for pair in link.secrets.get("webhooks", "").split(",") if "=" in pair)
        ids: dict[str, str] = {}
        made: list[str] = []
        try:
            for event in EVENTS:
                wanted = {
                    "name": f"NPS CRM {mark} {event}",
                    "object_ids": list(survey_ids),
                    # No two webhooks of an account may have the same address.
                    "subscription_url": f"{url}{'&' if '?' in url else '?'}event={event}",
                    "authorization": f"Bearer {secret}",
                }
                identity = kept.get(event, "")
                if identity not in known.values():
                    identity = known.get(f"NPS CRM {mark} {event}", "")
                if identity:
                    link.call("PATCH", f"{_base(link)}/v3/webhooks/{identity}", json=wanted)
                else:
                    wanted |= {"event_type": event, "object_type": "survey"}
                    told = records.mapping(link.read("POST", f"{_base(link)}/v3/webhooks", json=wanted))
                    identity = records.text(told.get("id"))
                    made.append(identity)
                ids[event] = identity
        except Trouble as error:
            self.unsubscribe(link, {"ids": dict(enumerate(made))})
            if isinstance(error, Unusable):
                raise Unusable(
                    "SurveyMonkey did not take our address. It calls it with HEAD while the webhook is made, so it must be"
                    f" reachable from the internet over https. ({error.message})"
                ) from None
            raise
        link.keep(webhooks=",".join(f"{event}={identity}" for event, identity in ids.items()))
        return {"ids": ids}

    def _webhooks(self, link: Link) -> dict[str, str]:
        """Ids of the account's webhooks by name."""
        known: dict[str, str] = {}
        for page in range(1, 21):
            told = records.mapping(
                link.read("GET", f"{_base(link)}/v3/webhooks", params={"page": page, "per_page": LIST_SIZE})
            )
            for each in records.items(told.get("data")):
                hook = records.mapping(each)
                known[records.text(hook.get("name"))] = records.text(hook.get("id"))
            if not _next(told):
                break
        return known

    def unsubscribe(self, link: Link, state: Mapping[str, Any]) -> None:
        for identity in records.mapping(state.get("ids")).values():
            try:
                link.call("DELETE", f"{_base(link)}/v3/webhooks/{identity}")
            except Gone:
                continue

    def verify(self, link: Link, delivery: Delivery) -> None:
        """Signature by the app's secret and, where we made the webhook, the value that only it was told: the app's secret is
        the same for all accounts that use it."""
        try:
            identity, secret = _client(link)
        except AccessDenied:
            raise Forged("there is no client secret to verify with") from None
        said = delivery.headers.get("sm-signature", "")
        if not signatures.is_signed(
            delivery.body, said, secrets=[f"{identity}&{secret}"], digest="sha1", encoding="base64"
        ):
            raise Forged("the signature is missing or does not fit")
        secrets = signatures.hook_secrets(link)
        told = delivery.headers.get("authorization", "").strip()
        told = signatures.bearer_of(told) or told
        if secrets and not signatures.is_one_of(told, secrets):
            raise Forged("the authorization is missing or does not fit")

    def hear(self, link: Link, delivery: Delivery) -> Sequence[Record | Reference]:
        event = bodies.json_of(delivery.body)
        if not isinstance(event, Mapping):
            raise Unusable("A delivery of SurveyMonkey is an object.")
        kind = records.text(event.get("event_type"))
        if not kind:
            raise Unusable("The delivery does not say what happened.")
        if not kind.startswith("response_"):
            return ()
        identity = records.text(event.get("object_id"))
        if not identity:
            raise Unusable("The delivery does not say which response it is about.")
        survey = records.text(records.mapping(event.get("resources")).get("survey_id"))
        if not survey and event.get("filter_type") == "survey":
            survey = records.text(event.get("filter_id"))
        return [
            Reference(
                external_id=identity,
                survey_id=survey,
                is_deleted=kind == "response_deleted",
                wait=DEBOUNCE if kind in {"response_updated", "response_created"} else 0.0,
            )
        ]


def _proposals(questions: Sequence[Question], names: Sequence[str]) -> dict[str, Role]:
    proposed = {"email_address": Role.EMAIL}
    asked = next((question for question in questions if question.nps_scores() is not None), None)
    if asked is not None:
        proposed[asked.id] = Role.SCORE
        after = [question.id for question in questions].index(asked.id)
        comment = next((question for question in questions[after + 1 :] if question.is_open), None)
        if comment is not None:
            proposed[comment.id] = Role.COMMENT
    name = picking.like({each: each for each in names}, picking.PERSON_IDS)
    if name:
        proposed[f"custom.{name}"] = Role.PERSON_ID
    return proposed


def _onward(whole: Sequence[Record], *, start: str, number: int, ids: str) -> Mapping[str, Any]:
    """Where the next page begins: at the last change read, not at a page's number.

    An answer that is changed while we read leaves its place, and all behind it move up by one: numbers would skip one of them. A
    second is read again, because it is not said whether the beginning is inclusive. Only answers of the same second are reached
    by numbers.
    """
    times = [record.updated_at for record in whole if record.updated_at is not None]
    reached = _second(times[-1] - dt.timedelta(seconds=1)) if times and times[-1] == max(times) else ""
    if reached > start:
        return {"from": reached, "page": 1, "before": ids}
    return {"from": start, "page": number + 1, "before": ids}


def _pause(reply: Reply) -> tuple[float, str]:
    """How long the next page waits, by the calls that are left: a twentieth of the day's is kept for single answers."""
    left, limit = (_count(reply, f"{_DAY}{name}") for name in ("remaining", "limit"))
    if left is not None and left <= (limit or 0) / 20:
        seconds = _seconds(reply, _DAY) or 3_600.0
        return (
            seconds,
            "SurveyMonkey's calls of the day are nearly used up; the run goes on after midnight GMT.",
        )
    if _count(reply, f"{_MINUTE}remaining") == 0:
        return _seconds(reply, _MINUTE) or 60.0, ""
    return 0.0, ""


def _count(reply: Reply, name: str) -> int | None:
    return records.score(reply.headers.get(name), low=0, high=10**9)


def _seconds(reply: Reply, prefix: str) -> float | None:
    """Seconds until the budget begins anew."""
    told = _count(reply, f"{prefix}reset")
    return None if told is None else min(float(told), 86_400.0) + 1.0


def _error_of(reply: Reply) -> str:
    """The vendor's own number of an error, "" where it tells none."""
    if reply.is_success or len(reply.body) > 100_000:
        return ""
    try:
        told = records.mapping(reply.json())
    except ValueError:
        return ""
    if told.get("errmsg") == "Client revoked access grant":
        return "1013"
    return records.text(records.mapping(told.get("error")).get("id"))


def _json(reply: Reply) -> Any:
    try:
        told = reply.json()
    except ValueError:
        raise Unusable(
            "SurveyMonkey answered with something that is no data, perhaps its login page. Check the API's address."
        ) from None
    if isinstance(told, Mapping) and told.get("errmsg") == "Client revoked access grant":
        raise AccessDenied("SurveyMonkey's consent was revoked. Connect again.")
    return told


def _next(told: Mapping[str, Any]) -> bool:
    """Whether a list goes on. Where to is never taken from it: it may name another host than the account's."""
    return bool(records.text(records.mapping(told.get("links")).get("next")))


def _digest(whole: Sequence[Record]) -> str:
    return hashlib.sha256("\n".join(record.external_id for record in whole).encode()).hexdigest()[:16]


def _client(link: Link) -> tuple[str, str]:
    identity = records.text(link.options.get("client_id")) or link.secrets.get("client_id", "")
    secret = link.secrets.get("client_secret", "")
    if not identity or not secret:
        raise AccessDenied(
            "Connecting by consent needs the client ID and the secret of an app of yours at SurveyMonkey."
        )
    return identity, secret


def _entry(link: Link) -> str:
    return (records.text(link.options.get("base_url")) or "https://api.surveymonkey.com").rstrip("/")


def _base(link: Link) -> str:
    """The address of calls: what SurveyMonkey named at the consent, else the setting."""
    told = link.secrets.get("access_url", "") if link.options.get("access") == "oauth" else ""
    entry = _entry(link)
    return told.rstrip("/") if urlsplit(told).scheme in {"https", urlsplit(entry).scheme} else entry


def _second(moment: dt.datetime) -> str:
    return moment.astimezone(dt.UTC).strftime("%Y-%m-%dT%H:%M:%S")


SYSTEM = SurveyMonkey()
