"""What asking adds to the customer pages: who was asked when, when the next ask is possible, and its part in merge and erase."""

import datetime as dt
import secrets
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from accounts import extend
from accounts.extend import Panel, Relation
from accounts.models import Account, Contact, Event
from core import clock
from surveys import eligibility, texts
from surveys.queries import campaigns as queries
from surveys.queries import in_app_messages as in_app_queries
from surveys.queries import messages
from surveys.queries import preferences as preference_queries
from surveys.services import campaigns as services
from surveys.services import forgetting, in_app_messages, preferences
from team import queries as team_queries
from team.models import User
from team.permissions import can_lead

LEDGER = 50


def _contact_asks(contact: Contact, user: User) -> Mapping[str, Any]:
    verdict = eligibility.judge_contact(contact)
    asks = list(queries.asks_of(contact)[:LEDGER])
    return {"verdict": verdict, "asks": asks, "now": clock.now(), "may_ask": can_lead(user)}


def _account_asks(account: Account, user: User) -> Mapping[str, Any]:
    workspace = team_queries.workspace()
    since = clock.now() - dt.timedelta(days=workspace.account_ask_days)
    return {
        "asked": queries.asked_since(account, since),
        "planned": queries.planned_at(account),
        "limit": workspace.account_ask_limit,
        "days": workspace.account_ask_days,
    }


def _invitations_of(events: Sequence[Event]) -> Mapping[int, Any]:
    found = queries.by_ids([e.subject_id for e in events if e.subject_id is not None])
    return {e.pk: found.get(e.subject_id) for e in events if e.subject_id is not None}


def _messages_of(events: Sequence[Event]) -> Mapping[int, Any]:
    found = messages.by_ids(e.subject_id for e in events if e.subject_id is not None)
    return {e.pk: found.get(e.subject_id) for e in events if e.subject_id is not None}


def _in_app_messages_of(events: Sequence[Event]) -> Mapping[int, Any]:
    found = in_app_queries.by_ids(e.subject_id for e in events if e.subject_id is not None)
    return {e.pk: found.get(e.subject_id) for e in events if e.subject_id is not None}


def _export(contact: Contact) -> Iterable[Mapping[str, Any]]:
    for ask in queries.asks_of(contact):
        yield {
            "campaign": ask.wave.campaign.name if ask.wave else "",
            "survey": ask.version.survey.name,
            "state": ask.state,
            "asked_at": ask.asked_at,
            "opened_at": ask.opened_at,
            "scored_at": ask.scored_at,
            "declined_at": ask.declined_at,
        }


def _languages_of(events: Sequence[Event]) -> Mapping[int, Any]:
    """The name of the language that was chosen, and the day until which nothing is asked."""
    found = {}
    for event in events:
        until = event.data.get("paused_until", "")
        found[event.pk] = {
            "language": texts.language_for(event.data["language"]).name if event.data.get("language") else "",
            "paused_until": dt.datetime.fromisoformat(until) if until else None,
        }
    return found


def _erase(contact: Contact) -> None:
    # Every person gets a stand-in of their own, so that nobody can tell who was asked by comparing keys.
    services.forget_person(contact=contact, stand_in=secrets.token_hex(32))


def register() -> None:
    extend.panel(
        Panel(
            "surveys.asks.contact", "contact", "overview", "Surveys", "surveys/_contact_asks.html", _contact_asks,
            position=40,
        )
    )  # fmt: skip
    extend.panel(
        Panel(
            "surveys.asks.account", "account", "overview", "Asks", "surveys/_account_asks.html", _account_asks,
            position=80,
        )
    )  # fmt: skip
    for kind in ("survey.sent", "survey.reminded", "survey.opened", "survey.declined", "survey.bounced"):
        extend.event_renderer(kind, "surveys/_event_ask.html", _invitations_of, group="mails")
    extend.event_renderer(
        "preferences.changed", "surveys/_event_preferences.html", _languages_of, group="mails"
    )
    for what in ("queued", "shown", "clicked", "dismissed"):
        extend.event_renderer(
            f"in_app_message.{what}", "surveys/_event_in_app.html", _in_app_messages_of, group="people"
        )
    extend.event_renderer("message.received", "surveys/_event_message.html", _messages_of, group="mails")
    extend.relation(
        Relation(
            "surveys.Invitation", erase=_erase, export=_export,
            reason="What a person was asked follows the person; erased, a random stand-in keeps the counts.",
        )
    )  # fmt: skip
    extend.relation(
        Relation(
            "surveys.Exclusion",
            reason="Why somebody was left out follows the person, once a wave.",
        )
    )  # fmt: skip
    extend.relation(
        Relation(
            "surveys.Trigger", erase=forgetting.forget_triggers,
            reason="What is about to ask a person follows the person.",
        )
    )  # fmt: skip
    extend.relation(
        Relation(
            "surveys.ExternalAsk", erase=lambda c: forgetting.forget_external_asks(c, secrets.token_hex(32)),
            reason="Asks by other tools follow the person; erased, a random stand-in keeps the counts.",
        )
    )  # fmt: skip
    extend.relation(
        Relation(
            "surveys.InboundMessage", erase=forgetting.forget_messages,
            reason="What a person wrote follows the person; erased, the words go.",
        )
    )  # fmt: skip
    extend.relation(
        Relation(
            "surveys.InAppMessage", erase=in_app_messages.forget, export=in_app_messages.export,
            reason="What waits for a person in the product follows the person; erased, its words go.",
        )
    )  # fmt: skip
    extend.relation(
        Relation("surveys.Visitor", erase=forgetting.forget_visits, reason="Browsers follow the person.")
    )
    extend.relation(
        Relation(
            "surveys.Preference", merge="stay", erase=preferences.forget,
            export=preference_queries.export, reason="What an address chose stays with the address.",
        )
    )  # fmt: skip
    extend.segment_user("surveys.campaigns", queries.campaigns_of_segment)
