"""What a rule sees of an event: its trigger, its cause and the values conditions speak about.

Conditions are the segment language (accounts/conditions.py) over recorded facts and event data, never over today's
rows, so that running a rule over history gives what it gave then.
"""

from collections.abc import Mapping
from typing import Any

from accounts import conditions as language
from accounts.conditions import Kind, Known
from accounts.models import Event
from team import queries as team_queries

# A score that moves to another category is, for rules, the same transition as the first score: each cause runs once.
_RESCORED = "response.updated"
_SCORED = "response.scored"

FIELDS: dict[str, Known] = {
    known.key: known
    for known in (
        Known("event.metric", "the kind of score", Kind.CHOICE),
        Known("event.score", "the NPS score", Kind.NUMBER),
        Known("event.csat_score", "the satisfaction score (CSAT)", Kind.NUMBER),
        Known("event.ces_score", "the effort score (CES)", Kind.NUMBER),
        Known("event.category", "the category", Kind.CHOICE),
        Known("event.contact_score_before", "the contact's score before", Kind.NUMBER),
        Known("event.contact_category_before", "the contact's category before", Kind.CHOICE),
        Known("event.survey", "the survey", Kind.NUMBER),
        Known("event.channel", "the channel", Kind.CHOICE),
        Known("owner", "the owner", Kind.USER),
        Known("plan", "the plan", Kind.TEXT),
        Known("segment", "the segment", Kind.TEXT),
        Known("country", "the country", Kind.TEXT),
        Known("arr", "ARR", Kind.NUMBER),
        Known("role", "the contact's role", Kind.CHOICE),
    )
}


def trigger_of(event: Event) -> str:
    if event.kind == _RESCORED:
        return (
            _SCORED
            if event.data.get("previous_category", event.data.get("category")) != event.data.get("category")
            else ""
        )
    return event.kind


def cause_of(event: Event) -> str:
    """Subject and transition. An edit that changes the category shares the cause of the score itself."""
    if event.kind == _RESCORED:
        return f"response:{event.subject_id}:scored"
    return event.cause_key


def values_of(event: Event) -> dict[str, Any]:
    """The values by the names conditions use: facts as `plan`, `role`…, event data as `event.score`…

    `event.score` and the scores before are the NPS alone: a satisfaction of 4 of 5 is good, and a rule that waits for
    scores up to 6 must not take it for a detractor. Other scales have names of their own. An event that names no metric
    is from before there were others.
    """
    data = dict(event.data)
    metric = data.get("metric", "nps")
    if metric != "nps":
        for name in ("score", "contact_score_before", "previous_score"):
            if name in data:
                data[f"{metric}_score" if name == "score" else f"{metric}_{name}"] = data.pop(name)
    facts = {key: value for key, value in event.facts.items() if metric == "nps" or key != "score"}
    return {**facts, **{f"event.{key}": value for key, value in data.items()}}


def hold(conditions: Mapping[str, Any], event: Event) -> bool:
    """Whether the rule's conditions hold for the event; without conditions, always. Raises `Invalid`."""
    if not conditions:
        return True
    zone = team_queries.zone()
    now = language.Now(today=event.occurred_at.astimezone(zone).date(), zone=zone)
    return language.matches(language.parse(conditions, FIELDS), values_of(event), now)
