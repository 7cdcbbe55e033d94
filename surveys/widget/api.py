"""The widget's endpoints: `POST /w/<key>/decide`, `answer`, `identify` and `track`.

They are open to browsers of the origins that the widget lists, without credentials and without cookies; what a request
may do rests on signatures alone (identity.py, tickets.py). Bodies are JSON objects of at most 16 KB, sent as
application/json or, as beacons are, as text/plain. Limits hold per visitor, per address and per widget (limits.py).

A decision costs two statements, the count of the limits and the look at the visitor; "nothing for you" that is still
good costs none. Everything else it needs is kept by the process (config.py).
"""

import datetime as dt
import json
import logging
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from django.core.exceptions import DisallowedHost
from django.db import DatabaseError
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from rest_framework.exceptions import APIException

from core import clock, ratelimit
from core.api import error_body
from core.api_wire import read_body, read_json
from core.errors import Invalid, Refused
from core.failures import log_failure
from surveys.ingest import clean_comment
from surveys.services import in_app_messages
from surveys.widget import identity, lane, limits, messages, services, targeting, tickets, words
from surveys.widget.config import Config, config_of, content_of
from surveys.widget.decision import HONOURED, Nothing, Offer, Scope, decide
from surveys.widget.identity import Person, Untrusted
from surveys.widget.limits import short
from surveys.widget.services import Given, Happened, Said, Somebody
from surveys.widget.targeting import Visit
from surveys.widget.tickets import Kind
from team.http import public

logger = logging.getLogger(__name__)
MAX_BODY = 16_384
MAX_COMMENT = 5_000
REASON = "browsers of the listed origins; what they may do rests on signatures"
PREFLIGHT_SECONDS = "7200"
OFFER_GOOD_FOR = dt.timedelta(hours=1)
TEST_GOOD_FOR = dt.timedelta(hours=2)
GESTURES = frozenset({"pointer", "key"})
_ID = re.compile(r"[A-Za-z0-9_-]{16,60}")
_EVENT_NAME = re.compile(r"[^\x00-\x1f\x7f]{1,80}")
PATH = re.compile(r"/w/(?P<key>[A-Za-z0-9_-]{8,24})/(?P<what>decide|answer|identify|track)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """A request as far as it is understood: the widget, the body, who is there. `test`: of a page of ours that tries it."""

    config: Config
    body: Mapping[str, Any]
    who: Somebody
    untrusted: Untrusted | None
    test: Mapping[str, Any] | None
    now: dt.datetime

    @property
    def key(self) -> str:
        return self.who.keys[0]


class WidgetLane:
    """Middleware that leads the widget's requests past sessions, CSRF and the rest, none of which they have to do with.

    It stands behind SecurityMiddleware, whose headers the answers keep.
    """

    def __init__(self, get_response: Callable[[HttpRequest], Any]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> Any:
        if request.path_info.startswith("/w/") and (found := PATH.fullmatch(request.path_info)):
            try:
                request.get_host()
            except DisallowedHost:
                return self.get_response(request)
            return door(request, found["key"], found["what"])
        return self.get_response(request)


# --- The door --------------------------------------------------------------------------------------------------
@public(REASON)
def door(request: HttpRequest, key: str, what: str) -> HttpResponseBase:
    """All four endpoints: who may call, what is said, what becomes of it."""
    origin = request.META.get("HTTP_ORIGIN")
    cors = False
    response: HttpResponse
    try:
        config = config_of(key)
        if config is None:
            raise Refused("There is no active widget with this key.", code="unknown_widget", status=404)
        if request.method == "OPTIONS":
            return _preflight(config, origin)
        if request.method != "POST":
            raise Refused("Only POST is possible here.", code="method_not_allowed", status=405)
        body = _body(request)
        now = clock.now()
        test = tickets.read(Kind.TEST, body.get("test"), now=now, good_for=TEST_GOOD_FOR)
        if test is not None and test.get("w") != config.widget_id:
            test = None
        # Without an Origin it is no browser: there is nothing to protect a page from, and signatures count the same.
        if origin is not None and origin not in config.origins and not (test and origin == "null"):
            raise Refused(
                "This origin is not on the widget's list. Add it in the widget's settings.",
                code="origin_not_allowed",
                status=403,
            )
        cors = origin is not None
        call = _call(config, body, test, now)
        response = _ANSWERS[what](call, request)
    except Refused as refusal:
        response = _json(error_body(refusal), refusal.status)
        wait = getattr(refusal, "wait", None)
        if wait:
            response["Retry-After"] = str(wait)
    except APIException as error:
        response = _json(error_body(Refused(str(error.detail), status=error.status_code)), error.status_code)
    except DatabaseError as error:
        # The host's page must not suffer: its script hears "later" and tries again with the next page.
        log_failure(logger, f"widget {what}", error)
        response = _json(error_body(Refused("Try again later.", code="unavailable")), 503)
    if cors:
        response["Access-Control-Allow-Origin"] = str(origin)
    response.headers.setdefault("Cache-Control", "no-store")
    response["Vary"] = "Origin"
    # Refusals are answers, not faults: django.request would log every one.
    response._has_been_logged = True  # type: ignore[attr-defined]
    return response


door.csrf_exempt = True  # type: ignore[attr-defined]


def _preflight(config: Config, origin: str | None) -> HttpResponse:
    if origin not in config.origins:
        return HttpResponse(status=403, headers={"Vary": "Origin"})
    return HttpResponse(
        status=204,
        headers={
            "Access-Control-Allow-Origin": str(origin),
            "Access-Control-Allow-Methods": "POST",
            "Access-Control-Allow-Headers": "content-type",
            "Access-Control-Max-Age": PREFLIGHT_SECONDS,
            "Vary": "Origin",
        },
    )


def _body(request: HttpRequest) -> Mapping[str, Any]:
    media = request.META.get("CONTENT_TYPE", "").partition(";")[0].strip().lower()
    if media not in {"application/json", "text/plain"}:
        raise Refused("Send JSON.", code="unsupported_media_type", status=415)
    body = read_json(read_body(request, MAX_BODY))
    if not isinstance(body, Mapping):
        raise Invalid("The body must be a JSON object.", code="parse_error")
    return body


def _call(config: Config, body: Mapping[str, Any], test: Mapping[str, Any] | None, now: dt.datetime) -> Call:
    visitor, session = (_identifier(body, name) for name in ("visitor", "session"))
    person: Person | None = None
    untrusted: Untrusted | None = None
    try:
        person = identity.verify(
            body.get("identity"), key=config.key, secrets=config.secrets_now(now), now=now
        )
    except Untrusted as error:
        untrusted = error
    keys = (person.key, f"b:{visitor}") if person else (f"b:{visitor}",)
    who = Somebody(keys=keys, session=session, person=person, traits=targeting.traits_of(body.get("traits")))
    return Call(config=config, body=body, who=who, untrusted=untrusted, test=test, now=now)


def _identifier(body: Mapping[str, Any], name: str) -> str:
    value = body.get(name)
    if not isinstance(value, str) or not _ID.fullmatch(value):
        raise Invalid("This must be 16 to 60 letters, digits, dashes or underscores.", field=name)
    return value


# --- Limits ----------------------------------------------------------------------------------------------------
def _count(call: Call, request: HttpRequest) -> None:
    """Count this request against the visitor, the address and the widget; refuse when one of them is over its limit."""
    due = limits.buckets(call.config, call.key, request)
    limits.settle(ratelimit.take_each(due, per_seconds=limits.PER_SECONDS))


# --- Deciding --------------------------------------------------------------------------------------------------
def _decide(call: Call, request: HttpRequest) -> HttpResponse:
    """What to show here and now, if anything."""
    config, now, person = call.config, call.now, call.who.person
    if call.test is not None:
        return _offered(call, _offer_of_test(call.test, call.body), is_test=True)
    kept = (
        Nothing(reason="nothing_for_you", scope=Scope.VISITOR, until=now + HONOURED)
        if config.asks_nobody or (person is None and not config.asks_strangers)
        else _kept_nothing(call)
    )
    if kept is not None:
        return _message_or(
            call, kept, limits.buckets(config, call.key, request) if _may_have_one(call) else None
        )
    due = limits.buckets(config, call.key, request)
    standing, counted = lane.look_up(
        lane.Visit(config=config, keys=call.who.keys, person=person, due=due, now=now)
    )
    limits.settle(counted)
    found = decide(
        config=config,
        standing=standing,
        visit=_visit(call),
        session=call.who.session,
        who=str(standing.contact_id) if standing.contact_id else call.key,
        is_new_person=config.creates_contacts and person is not None and bool(person.account),
        now=now,
    )
    return _message_or(call, found, None) if isinstance(found, Nothing) else _offered(call, found)


def _may_have_one(call: Call) -> bool:
    return call.who.person is not None and call.config.has_messages


def _message_or(call: Call, nothing: Nothing, due: Mapping[str, int] | None) -> HttpResponse:
    """No survey, so the message that waits for this person, if one does. `due`: what is still to be counted."""
    person = call.who.person
    if person is None or not call.config.has_messages:
        return _nothing(call, nothing)
    found = messages.waiting_for(config=call.config, visitor=call.who, person=person, now=call.now, due=due)
    if found is None:
        return _nothing(call, nothing)
    asked = call.body.get("language")
    said = messages.payload(found, language=asked[:20] if isinstance(asked, str) else "", config=call.config)
    ticket = {"w": call.config.widget_id, "m": found.id, "k": short(call.key)}
    said["ticket"] = tickets.seal(Kind.MESSAGE, ticket, now=call.now)
    return _json({"survey": None, "message": said, **_heard(call)})


def _visit(call: Call) -> Visit:
    device, events = call.body.get("device"), call.body.get("events")
    return Visit(
        url=targeting.page_of(call.body.get("url")),
        device=device if isinstance(device, str) and device in targeting.DEVICES else "desktop",
        events=frozenset(e for e in events[:MAX_NAMES] if isinstance(e, str) and len(e) <= 80)
        if isinstance(events, list)
        else frozenset(),
        traits=call.who.traits,
    )


MAX_NAMES = 50


def _kept_nothing(call: Call) -> Nothing | None:
    """A "nothing for you" of ours that this visitor brings back and that still holds: worth no look at the database."""
    told = call.body.get("nothing")
    found = tickets.read(Kind.NOTHING, told, now=call.now, good_for=HONOURED) if told else None
    if (
        found is None
        or found["k"] != short(call.key)
        or found["s"] != call.config.stamp
        or found["u"] <= call.now.timestamp()
        or found.get("x", call.who.session) != call.who.session
    ):
        return None
    until = dt.datetime.fromtimestamp(found["u"], tz=dt.UTC)
    return Nothing(reason=found["r"], scope=Scope.VISITOR, until=until)


def _nothing(call: Call, nothing: Nothing) -> HttpResponse:
    seconds = nothing.max_age(call.now)
    said: dict[str, Any] = {
        "survey": None, "reason": nothing.reason, "scope": nothing.scope, "max_age": seconds, **_heard(call)
    }  # fmt: skip
    if nothing.scope is Scope.VISITOR:
        ticket: dict[str, Any] = {
            "k": short(call.key), "s": call.config.stamp, "u": int(nothing.until.timestamp()), "r": nothing.reason,
        }  # fmt: skip
        if nothing.reason == "seen_this_session":
            ticket["x"] = call.who.session
        said["nothing"] = tickets.seal(Kind.NOTHING, ticket, now=call.now)
    response = _json(said)
    response["Cache-Control"] = f"private, max-age={seconds}"
    return response


def _heard(call: Call) -> dict[str, Any]:
    """What became of the identity, so that the developer sees in the console why it was not believed."""
    if call.untrusted is not None:
        return {"identity": {"ok": False, "code": call.untrusted.code, "message": call.untrusted.message}}
    return {"identity": {"ok": True}} if call.who.person else {}


def _offered(call: Call, offer: Offer, *, is_test: bool = False) -> HttpResponse:
    content = content_of(offer.version_id)
    asked = call.body.get("language")
    wanted = offer.language or (asked[:20] if isinstance(asked, str) else "")
    survey = words.survey_payload(
        content, language=wanted, company=call.config.company, first_name=offer.first_name
    )
    ticket = {
        "w": call.config.widget_id, "c": offer.campaign_id, "v": offer.version_id, "i": offer.invitation_id,
        "k": short(call.key), "l": survey["language"],
    }  # fmt: skip
    survey |= {
        "ticket": tickets.seal(Kind.OFFER, ticket | ({"test": 1} if is_test else {}), now=call.now),
        "mode": offer.mode,
        "delay": offer.delay_seconds,
        "theme": call.config.theme,
    }
    return _json({"survey": survey, **_heard(call)})


def _offer_of_test(test: Mapping[str, Any], body: Mapping[str, Any]) -> Offer:
    language = body.get("language")
    return Offer(
        campaign_id=test["c"],
        version_id=test["v"],
        mode=test["m"],
        language=test.get("l") or (language[:20] if isinstance(language, str) else ""),
    )


# --- Answering -------------------------------------------------------------------------------------------------
def _answer(call: Call, request: HttpRequest) -> HttpResponse:
    """A survey was seen, answered (wholly or in part), declined or closed; a message was seen, followed or closed."""
    kind = call.body.get("kind")
    if not isinstance(kind, str) or kind not in _KINDS:
        raise Invalid(f"The kind must be one of: {', '.join(_KINDS)}.", field="kind")
    _count(call, request)
    message = tickets.read(Kind.MESSAGE, call.body.get("ticket"), now=call.now, good_for=services.MAX_AGE)
    if message is not None and message["w"] == call.config.widget_id:
        said = _SAID_OF_MESSAGE.get(kind)
        if said is None:
            raise Invalid("A message is viewed, clicked or dismissed.", field="kind")
        return said(call, message)
    if kind not in _SAID:
        raise Invalid("Only a message is clicked.", field="kind")
    return _SAID[kind](call)


def _ticket(call: Call, kind: Kind, good_for: dt.timedelta) -> dict[str, Any]:
    found = tickets.read(kind, call.body.get("ticket"), now=call.now, good_for=good_for)
    if found is None or found["w"] != call.config.widget_id:
        raise Refused("This survey was not shown here, or too long ago.", code="unknown_ticket", status=410)
    return found


def _view(call: Call) -> HttpResponse:
    offer = _ticket(call, Kind.OFFER, OFFER_GOOD_FOR)
    if offer["k"] != short(call.key):
        raise Refused("This survey was offered to somebody else.", code="unknown_ticket", status=410)
    ask = {"w": offer["w"], "v": offer["v"], "i": 0, "r": 0, "l": offer["l"]}
    if offer.get("test"):
        return _json({"shown": True, "ticket": tickets.seal(Kind.ASK, ask | {"test": 1}, now=call.now)})
    seen = services.show(
        config=call.config, visitor=call.who, campaign_id=offer["c"], version_id=offer["v"],
        invitation_id=offer["i"], language=offer["l"], page=targeting.page_of(call.body.get("url")), now=call.now,
    )  # fmt: skip
    if not seen.shown:
        return _json({"shown": False, "reason": seen.reason})
    ask |= {"i": seen.invitation_id, "r": seen.visitor_id}
    return _json({"shown": True, "ticket": tickets.seal(Kind.ASK, ask, now=call.now)})


def _scored(call: Call) -> HttpResponse:
    ask = _ticket(call, Kind.ASK, services.MAX_AGE)
    given = _given(call, ask)
    if ask.get("test"):
        return _json({"saved": True, "state": "test"})
    said = services.answer(
        config=call.config,
        invitation_id=ask["i"],
        visitor_id=ask["r"],
        version_id=ask["v"],
        # The same showing is the same answer, however often it is sent.
        stranger_key=f"{ask['w']}:{ask['r']}:{ask['v']}:{ask['t']}",
        given=given,
        now=call.now,
    )
    return _json({"saved": said is Said.SAVED, "state": said}, 200 if said is Said.SAVED else 409)


def _given(call: Call, ask: Mapping[str, Any]) -> Given:
    body = call.body
    score, content = body.get("score"), content_of(ask["v"])
    # bool is a kind of int in Python; "true" is not a score.
    if type(score) is not int or score not in content.scale.scores:
        low, high = content.scale.low, content.scale.high
        raise Invalid(f"The score must be a whole number from {low} to {high}.", field="score")
    if body.get("gesture") not in GESTURES:
        raise Invalid("A score counts when a person has clicked it or pressed a key.", field="gesture")
    comment = body.get("comment")
    if comment is not None:
        if not isinstance(comment, str) or len(comment) > MAX_COMMENT:
            raise Invalid(
                f"The comment must be a text of at most {MAX_COMMENT:,} characters.", field="comment"
            )
        comment = clean_comment(comment)
    answers = body.get("answers")
    if answers is not None:
        answers = _checked_answers(content, score, answers)
    for name in ("may_contact", "may_quote", "completed"):
        if body.get(name) is not None and not isinstance(body[name], bool):
            raise Invalid("This must be true or false.", field=name)
    shown_at = dt.datetime.fromtimestamp(ask["t"], tz=dt.UTC)
    return Given(
        score=score,
        at=max(services.plausible(body.get("at"), now=call.now), min(shown_at, call.now)),
        comment=comment,
        answers=answers,
        may_contact=body.get("may_contact"),
        may_quote=body.get("may_quote"),
        language=ask["l"],
        page=targeting.page_of(body.get("url")),
        completed=bool(body.get("completed")),
    )


def _checked_answers(content: Any, score: int, answers: Any) -> Mapping[str, Any]:
    if not isinstance(answers, Mapping):
        raise Invalid("The answers must be an object by question.", field="answers")
    checked = content.check_answers(score, answers)
    if checked.problems:
        problem = checked.problems[0]
        raise Invalid(problem.message, code=problem.code, field=f"answers.{problem.key[:60]}")
    kept: Mapping[str, Any] = checked.answers
    return kept


def _declined(call: Call) -> HttpResponse:
    ask = _ticket(call, Kind.ASK, services.MAX_AGE)
    if not ask.get("test"):
        services.decline(config=call.config, invitation_id=ask["i"], visitor_id=ask["r"], now=call.now)
    return _json({"saved": True})


def _dismissed(call: Call) -> HttpResponse:
    ask = _ticket(call, Kind.ASK, services.MAX_AGE)
    if not ask.get("test"):
        services.dismiss(invitation_id=ask["i"], now=call.now)
    return _json({"saved": True})


_SAID: Mapping[str, Callable[[Call], HttpResponse]] = {
    "view": _view,
    "answer": _scored,
    "decline": _declined,
    "dismiss": _dismissed,
}


# --- Messages --------------------------------------------------------------------------------------------------
def _message_seen(call: Call, ticket: Mapping[str, Any]) -> HttpResponse:
    # Offered to a person who is signed in: nobody else may say that they see it.
    is_theirs = (
        ticket["k"] == short(call.key)
        and call.now.timestamp() - ticket["t"] <= OFFER_GOOD_FOR.total_seconds()
    )
    if not is_theirs:
        raise Refused(
            "This message was offered to somebody else, or too long ago.", code="unknown_ticket", status=410
        )
    seen = messages.show(config=call.config, visitor=call.who, message_id=ticket["m"], now=call.now)
    if not seen.shown:
        return _json({"shown": False, "reason": seen.reason})
    return _json({"shown": True, "ticket": call.body["ticket"]})


def _message_ended(call: Call, ticket: Mapping[str, Any]) -> HttpResponse:
    at = services.plausible(call.body.get("at"), now=call.now)
    in_app_messages.note_end(message_id=ticket["m"], is_click=call.body["kind"] == "click", at=at)
    return _json({"saved": True})


_SAID_OF_MESSAGE: Mapping[str, Callable[[Call, Mapping[str, Any]], HttpResponse]] = {
    "view": _message_seen,
    "click": _message_ended,
    "dismiss": _message_ended,
}
_KINDS = tuple({**_SAID, **_SAID_OF_MESSAGE})


# --- Knowing and tracking --------------------------------------------------------------------------------------
def _identify(call: Call, request: HttpRequest) -> HttpResponse:
    """Remember that a person was here. The browser tells it once a day, and when the traits change."""
    if call.test is None:
        _count(call, request)
        services.note_visit(config=call.config, visitor=call.who, now=call.now)
    return _json(_heard(call))


def _track(call: Call, request: HttpRequest) -> HttpResponse:
    """Events in the product. Those of strangers are forgotten: they only matter to what is shown on this page."""
    events = call.body.get("events")
    if not isinstance(events, list) or len(events) > services.MAX_EVENTS:
        raise Invalid(f"The events must be a list of at most {services.MAX_EVENTS}.", field="events")
    happened = [_happened(event, call.now) for event in events]
    if call.test is not None or call.who.person is None:
        return _json({"accepted": 0, "refused": [], **_heard(call)})
    _count(call, request)
    accepted, refused = services.track(
        config=call.config, person=call.who.person, events=happened, now=call.now
    )
    return _json({"accepted": accepted, "refused": refused, **_heard(call)})


def _happened(event: Any, now: dt.datetime) -> Happened:
    if not isinstance(event, Mapping):
        raise Invalid("An event is an object with id, name and data.", field="events")
    name, ident, data = event.get("name"), event.get("id"), event.get("data") or {}
    if not isinstance(name, str) or not _EVENT_NAME.fullmatch(name):
        raise Invalid("An event has a name of 1 to 80 characters.", field="events.name")
    if not isinstance(ident, str) or not _ID.fullmatch(ident):
        raise Invalid(
            "An event has an id of 16 to 60 letters, digits, dashes or underscores.", field="events.id"
        )
    if not isinstance(data, Mapping):
        raise Invalid("An event's data is an object of plain values.", field="events.data")
    return Happened(id=ident, name=name, at=services.plausible(event.get("at"), now=now), data=data)


_ANSWERS: Mapping[str, Callable[[Call, HttpRequest], HttpResponse]] = {
    "decide": _decide,
    "answer": _answer,
    "identify": _identify,
    "track": _track,
}


def _json(body: Any, status: int = 200) -> HttpResponse:
    return HttpResponse(
        json.dumps(body, ensure_ascii=False, separators=(",", ":")),
        status=status,
        content_type="application/json",
    )
