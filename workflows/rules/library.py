"""Ready rules: journeys that a customer-success team starts from. Using one makes a draft to be changed."""

from dataclasses import dataclass
from typing import Any

from workflows.rules import catalogue
from workflows.rules.definition import walk


@dataclass(frozen=True, slots=True)
class Ready:
    """One rule of the library. `about` says whom it is for; `needs` what has to be there before it works."""

    key: str
    about: str
    values: dict[str, Any]
    needs: str = ""


def find(key: str) -> Ready | None:
    """The ready rule of this key."""
    return next((one for one in READY if one.key == key), None)


def is_possible(ready: Ready) -> bool:
    """Whether this installation knows the trigger and every kind of step of a ready rule."""
    kinds = {str(step.get("kind")) for _, step in walk(ready.values["steps"])}
    return ready.values["trigger"] in catalogue.triggers and kinds <= catalogue.step_types.keys()


def _asks(*conditions: dict[str, Any]) -> dict[str, Any]:
    return {"all": list(conditions)}


def _is(field: str, *values: str) -> dict[str, Any]:
    return {"field": field, "op": "in", "value": list(values)}


def _task(title: str, days: int, *, priority: str = "normal") -> dict[str, Any]:
    return {"kind": "create_task", "title": title, "due_business_days": days, "priority": priority}


def _mail(subject: str, *paragraphs: str) -> dict[str, Any]:
    return {"kind": "email_contact", "subject": subject, "body": "\n\n".join(paragraphs)}


def _in_product(title: str, text: str, *, days: int = 14) -> dict[str, Any]:
    return {"kind": "in_app_message", "title": title, "text": text, "has_button": False, "days": days}


def _wait(amount: int, *, until: str = "duration", unit: str = "days") -> dict[str, Any]:
    return {"kind": "wait", "until": until, "amount": amount, "unit": unit}


def _alert(kind: str) -> dict[str, Any]:
    return {"kind": "create_alert", "alert": kind}


def _branch(
    conditions: dict[str, Any], then: list[dict[str, Any]], otherwise: list[dict[str, Any]]
) -> dict[str, Any]:
    return {"kind": "branch", "conditions": conditions, "then": then, "else": otherwise}


_HELLO = "Hello {{ first_name|there }},"
_BYE = "Kind regards\n{{ owner_name|your team }}"
_ONCE_A_QUARTER: dict[str, Any] = {"reentry": "after_days", "reentry_days": 90, "one_run_per": "contact"}

READY: list[Ready] = [
    Ready(
        "detractor_recovery",
        "A person calls within a day. Only if nobody has been in touch after three, a short mail goes out in the owner's"
        " name, and the lead hears of it after a week.",
        {
            "name": "Detractor recovery",
            "description": "From a score of 0 to 6 to a conversation, with a safety net.",
            "trigger": "response.scored",
            "conditions": _asks(_is("event.category", "detractor")),
            "steps": [
                _alert("detractor"),
                _task(
                    "Call {{ full_name|the respondent }} about the score of {{ score|0 to 6 }}",
                    1,
                    priority="high",
                ),
                _wait(3, until="business"),
                _mail(
                    "Your answer to our survey",
                    _HELLO,
                    "thank you for telling us plainly how it is going. A score like yours means that we have let you down"
                    " somewhere, and I would like to understand where.",
                    "Would you have fifteen minutes this week? Just reply with a time that suits you, or write to me what"
                    " went wrong, and I will take it from there.",
                    _BYE,
                ),
                _wait(4, until="business"),
                _task(
                    "Nobody has reached {{ full_name|this detractor }} in a week: decide what to do",
                    1,
                    priority="high",
                ),
            ],
            "exit_on": ["replied", "task_closed", "alert_closed"],
            **_ONCE_A_QUARTER,
            "reply_suppresses": True,
        },
    ),
    Ready(
        "passive_nudge",
        "Passives are a conversation away from being promoters. Asks by mail what would make the difference, and has the"
        " owner look at large accounts.",
        {
            "name": "Passive nudge",
            "description": "Asks those who gave 7 or 8 what is missing.",
            "trigger": "response.scored",
            "conditions": _asks(_is("event.category", "passive")),
            "steps": [
                _wait(1, until="business"),
                _mail(
                    "One more question, if you like",
                    _HELLO,
                    "thank you for your answer. A 7 or an 8 usually means: it works, but something is missing.",
                    "What is the one thing that would make it a 9? A line in reply is enough; I read every one of them.",
                    _BYE,
                ),
                _wait(5, until="business"),
                _branch(
                    _asks({"field": "arr", "op": "gte", "value": "25000"}),
                    [_task("Ask {{ full_name|the respondent }} what is missing for a 9", 3)],
                    [],
                ),
            ],
            "exit_on": ["replied", "unsubscribed"],
            **_ONCE_A_QUARTER,
            "reply_suppresses": True,
        },
    ),
    Ready(
        "promoter_referral",
        "Thanks new promoters at once and asks, a few days later and only once a year, whether they know somebody.",
        {
            "name": "Promoter referral",
            "description": "From a 9 or 10 to a recommendation.",
            "trigger": "response.scored",
            "conditions": _asks(
                _is("event.category", "promoter"),
                {"not": _is("event.contact_category_before", "promoter")},
            ),
            "steps": [
                _wait(2, until="business"),
                _mail(
                    "Thank you, and a small favour",
                    _HELLO,
                    "your answer made our day: thank you.",
                    "Is there somebody in your trade who struggles with what we solved for you? If you connect us by mail,"
                    " I will take good care of them. And if you would rather not, that is perfectly fine.",
                    _BYE,
                ),
                _wait(7),
                _task("Ask {{ full_name|the respondent }} for a referral or a review", 5),
            ],
            "exit_on": ["replied", "unsubscribed"],
            "reentry": "after_days",
            "reentry_days": 365,
            "one_run_per": "contact",
            "reply_suppresses": True,
        },
    ),
    Ready(
        "answer_heard",
        "Who tells you what is wrong wonders whether anybody reads it. Says so where they work, without another mail, once a"
        " quarter at most, and leaves it to the owner where they have already been in touch. Your product needs the widget,"
        " and has to say who is signed in.",
        {
            "name": "Your answer was read",
            "description": "A line in the product, a working day after somebody gave 8 or less.",
            "trigger": "response.completed",
            "conditions": _asks(_is("event.category", "detractor", "passive")),
            "steps": [
                _wait(1, until="business"),
                _in_product(
                    "Thank you, {{ first_name|there }}",
                    "We have read your answer to our survey, and it is with the people who can change it."
                    " If you would like to say more, {{ owner_name|your team at our side }} is glad to hear it.",
                ),
            ],
            "exit_on": ["replied", "unsubscribed"],
            **_ONCE_A_QUARTER,
            "reply_suppresses": True,
        },
    ),
    Ready(
        "silent_account",
        "An account that lets three surveys in a row go by is telling you something too.",
        {
            "name": "Silent account",
            "description": "When somebody has ignored three invitations in a row.",
            "trigger": "invitation.ignored",
            "trigger_settings": {"times": 3},
            "conditions": {},
            "steps": [
                _task("Check in with {{ account_name|the account }}: three surveys went unanswered", 5),
                _wait(10, until="business"),
                _mail(
                    "Is now a bad time?",
                    _HELLO,
                    "our last questions came at a bad moment, it seems, so I will not send another survey.",
                    "I would only like to know whether everything runs as it should, and whether you are still the right"
                    " person to ask. A single line is plenty.",
                    _BYE,
                ),
            ],
            "exit_on": ["replied", "answered", "task_closed", "unsubscribed"],
            "reentry": "after_days",
            "reentry_days": 180,
            "one_run_per": "account",
            "reply_suppresses": True,
        },
    ),
    Ready(
        "onboarding",
        "The first ninety days of a new customer, as tasks for the owner: kick-off, a look at the first results, a review. Choose"
        " the stage in which your customers begin before you switch it on; until then every change of stage starts it.",
        {
            "name": "Onboarding",
            "description": "The first ninety days after an account becomes a customer.",
            "trigger": "account.stage_changed",
            "trigger_settings": {},
            "conditions": {},
            "steps": [
                _task("Kick-off with {{ account_name|the new customer }}", 2, priority="high"),
                _wait(14),
                _task("Do the people at {{ account_name|the customer }} use it? Look, and call", 2),
                _wait(30),
                _task("First results with {{ account_name|the customer }}: what has changed for them?", 5),
                _wait(45),
                _task("Ninety-day review with {{ account_name|the customer }}", 5),
            ],
            "exit_on": [],
            "reentry": "never",
            "one_run_per": "account",
        },
    ),
    Ready(
        "renewal",
        "Four months before a contract ends there is still time to change what has to change.",
        {
            "name": "Renewal in 120 days",
            "description": "Prepares every renewal in time, and looks twice where the account is not green.",
            "trigger": "renewal.in_days",
            "trigger_settings": {"days": 120},
            "conditions": {},
            "steps": [
                _task("Prepare the renewal of {{ account_name|the account }}: goals, use, open issues", 10),
                _wait(45),
                _task(
                    "Talk to the decision maker of {{ account_name|the account }} about the renewal",
                    10,
                    priority="high",
                ),
                _wait(45),
                _task(
                    "Is the renewal of {{ account_name|the account }} agreed? Four weeks are left",
                    3,
                    priority="high",
                ),
            ],
            "exit_on": [],
            "reentry": "after_days",
            "reentry_days": 200,
            "one_run_per": "account",
        },
    ),
    Ready(
        "fell_two_categories",
        "A promoter who becomes a detractor has a story. It is told on the telephone, today.",
        {
            "name": "From promoter to detractor",
            "description": "When somebody who gave 9 or 10 before gives 6 or less.",
            "trigger": "response.scored",
            "conditions": _asks(
                _is("event.category", "detractor"), _is("event.contact_category_before", "promoter")
            ),
            "steps": [
                _alert("detractor"),
                _task(
                    "Call {{ full_name|the respondent }} today: from promoter to {{ score|a low score }}",
                    0,
                    priority="high",
                ),
            ],
            "exit_on": [],
            **_ONCE_A_QUARTER,
        },
    ),
    Ready(
        "csat_bad",
        "After a ticket that ended badly, somebody reads the case before the customer has to tell it twice.",
        {
            "name": "Bad support rating",
            "description": "When support is rated 1 or 2 of 5.",
            "trigger": "response.scored",
            "conditions": _asks({"field": "event.csat_score", "op": "lte", "value": 2}),
            "steps": [
                _alert("detractor"),
                _task("Read the case of {{ full_name|the respondent }} and call back", 1, priority="high"),
                _wait(2, until="business"),
                _mail(
                    "About your case with our support",
                    _HELLO,
                    "you told us that our support did not help you this time. I am sorry about that.",
                    "I have asked for your case to be looked at again. If there is something we should know first, please"
                    " reply to this mail.",
                    _BYE,
                ),
            ],
            "exit_on": ["replied", "task_closed", "alert_closed"],
            "reentry": "after_days",
            "reentry_days": 14,
            "one_run_per": "contact",
            "reply_suppresses": True,
        },
    ),
    Ready(
        "health_red",
        "When an account turns red, somebody owns it the same day, and somebody asks two weeks later.",
        {
            "name": "Health turned red",
            "description": "An owner, a plan, and a second look after two weeks.",
            "trigger": "health.band_changed",
            "trigger_settings": {},
            "conditions": _asks(_is("event.to", "red")),
            "steps": [
                _alert("health"),
                _task("{{ account_name|The account }} is red: read why, and make a plan", 1, priority="high"),
                _wait(10, until="business"),
                _task(
                    "Two weeks on: is the plan for {{ account_name|the account }} working?",
                    2,
                    priority="high",
                ),
            ],
            "exit_on": ["alert_closed"],
            "reentry": "after_days",
            "reentry_days": 30,
            "one_run_per": "account",
        },
    ),
]
