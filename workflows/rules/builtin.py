"""The rules every workspace starts with. They can be switched off and on, and their numbers changed, not deleted."""

from typing import Any

from workflows.models import Rule

BUILTIN: list[dict[str, Any]] = [
    {
        "key": "detractor-recovery",
        "name": "Detractor recovery",
        "description": "A score of 0 to 6 alerts the account's owner and asks for a call within one business day.",
        "trigger": "response.scored",
        "conditions": {"all": [{"field": "event.category", "op": "in", "value": ["detractor"]}]},
        "steps": [
            {"kind": "create_alert", "alert": "detractor"},
            {
                "kind": "create_task",
                "title": "Call {contact}",
                "due_business_days": 1,
                "priority": "high",
            },
        ],
    },
    {
        "key": "promoter-referral",
        "name": "Promoter referral",
        "description": "A score of 9 or 10 by somebody who was not a promoter before asks the owner to follow up.",
        "trigger": "response.scored",
        "conditions": {
            "all": [
                {"field": "event.category", "op": "in", "value": ["promoter"]},
                {"not": {"field": "event.contact_category_before", "op": "in", "value": ["promoter"]}},
            ]
        },
        "steps": [
            {
                "kind": "create_task",
                "title": "Ask {contact} for a referral",
                "due_business_days": 5,
                "priority": "normal",
            }
        ],
    },
    {
        "key": "reply-received",
        "name": "Reply received",
        "description": "What a customer writes back to a survey mail or SMS alerts the account's owner.",
        "trigger": "message.received",
        "conditions": {},
        "steps": [{"kind": "create_alert", "alert": "reply"}],
    },
]


def ensure() -> None:
    """Lay down the built-in rules that are missing; those that exist keep what people changed in them."""
    for described in BUILTIN:
        Rule.objects.get_or_create(key=described["key"], defaults=described)
