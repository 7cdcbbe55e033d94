"""What a rule sees of an event: the values that conditions speak about.

Conditions are the segment language (accounts/conditions.py) over recorded facts and event data, never over today's
rows, so that running a rule over history gives what it gave then.
"""

from typing import Any

from accounts.conditions import Kind, Known
from accounts.models import Event

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
        Known("event.survey", "the survey", Kind.CHOICE),
        Known("event.channel", "the channel", Kind.CHOICE),
        Known("owner", "the owner", Kind.USER),
        Known("plan", "the plan", Kind.CHOICE),
        Known("segment", "the segment", Kind.CHOICE),
        Known("industry", "the industry", Kind.CHOICE),
        Known("country", "the country", Kind.CHOICE),
        Known("stage", "the stage", Kind.CHOICE),
        Known("currency", "the currency", Kind.CHOICE),
        Known("seats", "the seats", Kind.NUMBER),
        Known("arr", "ARR", Kind.NUMBER),
        Known("customer_since", "customer since", Kind.DATE),
        Known("renewal_on", "the renewal", Kind.DATE),
        Known("health.band", "the health band", Kind.CHOICE),
        Known("health.score", "the health score", Kind.NUMBER),
        Known("role", "the contact's role", Kind.CHOICE),
    )
}


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
