"""The playbooks and outcomes every company starts with. What people change in them stays changed."""

from typing import Any

from workflows.models import LoopOutcome, Playbook, PlaybookTask

OUTCOMES = (
    ("solved", "Solved"),
    ("explained", "Explained, nothing to mend"),
    ("planned", "Improvement planned"),
    ("not_possible", "Cannot be changed"),
    ("unreachable", "Nobody could be reached"),
)

PLAYBOOKS: list[dict[str, Any]] = [
    {
        "key": "detractor-recovery",
        "name": "Detractor recovery",
        "description": "After a poor score: listen, mend, come back with what changed.",
        "tasks": [
            {
                "title": "Call {contact}", "offset": 1, "priority": "high",
                "description": "Listen first. What happened, since when, who else is affected?",
                "checklist": ["Read the answer and the last contacts", "Call", "Log what was said"],
            },
            {
                "title": "Agree on what changes for {account}", "offset": 3, "priority": "high",
                "checklist": ["Find who can mend it", "Agree on a date", "Tell {contact}"],
            },
            {"title": "Tell {contact} what changed", "offset": 10},
            {"title": "Ask {contact} whether it helped", "offset": 30},
        ],
    },
    {
        "key": "onboarding",
        "name": "Onboarding 30, 60, 90",
        "description": "From the first day as a customer to the first proof of value.",
        "tasks": [
            {
                "title": "Welcome call with {account}", "offset": 2, "priority": "high", "route": "role",
                "route_settings": {"role": "onboarding"},
                "checklist": ["Goals of the first quarter", "Who decides, who uses it", "Dates of the next calls"],
            },
            {
                "title": "30 days: is {account} set up?", "offset": 30, "unit": "calendar_days", "route": "role",
                "route_settings": {"role": "onboarding"},
                "checklist": ["People invited", "Data connected", "First open questions answered"],
            },
            {"title": "60 days: does {account} use it every week?", "offset": 60, "unit": "calendar_days"},
            {
                "title": "90 days: review the goals with {account}", "offset": 90, "unit": "calendar_days",
                "checklist": ["Compare with the goals of the welcome call", "Name what comes next"],
            },
        ],
    },
    {
        "key": "renewal-120",
        "name": "Renewal, 120 days out",
        "description": "Counted back from the renewal date, so that nothing comes as a surprise.",
        "tasks": [
            {
                "title": "Look at where {account} stands", "anchor": "renewal", "offset": -120,
                "unit": "calendar_days",
                "checklist": ["Answers and comments of the last year", "Use against seats", "Open matters"],
            },
            {"title": "Review with {account}", "anchor": "renewal", "offset": -90, "unit": "calendar_days"},
            {
                "title": "Send {account} the offer", "anchor": "renewal", "offset": -60, "unit": "calendar_days",
                "priority": "high", "route": "role", "route_settings": {"role": "account_manager"},
            },
            {
                "title": "Signature of {account}", "anchor": "renewal", "offset": -20, "unit": "business_days",
                "priority": "high", "route": "role", "route_settings": {"role": "account_manager"},
            },
        ],
    },
    {
        "key": "silent-account",
        "name": "Silent account",
        "description": "Nobody answers and nobody calls: find out whether anybody is still there.",
        "tasks": [
            {
                "title": "Find out who uses it at {account} now", "offset": 2,
                "checklist": ["Have people left?", "When did somebody sign in last?", "Who could introduce us?"],
            },
            {"title": "Call the decision maker at {account}", "offset": 5, "priority": "high"},
            {"title": "Decide with the lead how {account} goes on", "offset": 15},
        ],
    },
    {
        "key": "promoter-referral",
        "name": "Promoter referral",
        "description": "Thank a promoter, and ask while the goodwill is fresh.",
        "tasks": [
            {"title": "Thank {contact} in person", "offset": 2},
            {
                "title": "Ask {contact} for a referral or a quote", "offset": 5,
                "checklist": ["Ask what they would say to a colleague", "Ask whether we may quote them"],
            },
            {"title": "Tell {contact} what became of it", "offset": 25, "priority": "low"},
        ],
    },
]  # fmt: skip


def ensure() -> None:
    """Lay down what is missing of it. A playbook that exists keeps its tasks as people changed them."""
    for position, (key, label) in enumerate(OUTCOMES, start=1):
        if not LoopOutcome.objects.filter(label=label).exists():
            LoopOutcome.objects.get_or_create(key=key, defaults={"label": label, "position": position})
    for described in PLAYBOOKS:
        if Playbook.objects.filter(name=described["name"]).exists():
            continue
        values = {name: described[name] for name in ("name", "description")}
        playbook, is_new = Playbook.objects.get_or_create(key=described["key"], defaults=values)
        if is_new:
            for position, task in enumerate(described["tasks"], start=1):
                PlaybookTask.objects.create(playbook=playbook, position=position, **task)
