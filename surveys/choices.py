"""The states and codes of asking and listening, as plain values."""

from enum import StrEnum


def pairs(values: type[StrEnum]) -> list[tuple[str, str]]:
    """The choices of a model field: each value with its label."""
    return [(v.value, v.value.replace("_", " ").capitalize()) for v in values]


class MetricFamily(StrEnum):
    NPS = "nps"
    CSAT = "csat"
    CES = "ces"


class SurveyKind(StrEnum):
    """What an ask is about: the customer's view of us as a whole, or one thing that just happened."""

    RELATIONSHIP = "relationship"
    TRANSACTIONAL = "transactional"


class AskScope(StrEnum):
    """Which asks a rule of the fatigue budget counts and binds."""

    ALL = "all"
    RELATIONSHIP = "relationship"
    TRANSACTIONAL = "transactional"


class Cadence(StrEnum):
    """When a campaign asks."""

    ONCE = "once"
    RECURRING = "recurring"
    CALENDAR = "calendar"
    ACCOUNT_DATE = "account_date"
    EVENT = "event"


class TriggerState(StrEnum):
    WAITING = "waiting"
    ASKED = "asked"
    LEFT_OUT = "left_out"
    CANCELLED = "cancelled"


class MessageKind(StrEnum):
    """What came back."""

    REPLY = "reply"
    SCORE = "score"
    STOP = "stop"
    START = "start"
    HELP = "help"
    AUTO_REPLY = "auto_reply"


class WidgetMode(StrEnum):
    MODAL = "modal"
    CORNER = "corner"
    INLINE = "inline"


class WidgetTheme(StrEnum):
    AUTO = "auto"
    LIGHT = "light"
    DARK = "dark"


class SurveyState(StrEnum):
    DRAFT = "draft"
    ACTIVE = "active"
    ARCHIVED = "archived"


class CampaignState(StrEnum):
    DRAFT = "draft"
    SCHEDULED = "scheduled"
    RUNNING = "running"
    PAUSED = "paused"
    STOPPED = "stopped"
    FINISHED = "finished"


class WaveState(StrEnum):
    PLANNING = "planning"
    SENDING = "sending"
    STOPPED = "stopped"
    FINISHED = "finished"


class Channel(StrEnum):
    EMAIL = "email"
    SMS = "sms"
    IN_APP = "in_app"
    LINK = "link"
    API = "api"
    IMPORT = "import"


class InvitationState(StrEnum):
    PLANNED = "planned"
    SENDING = "sending"
    SENT = "sent"
    ANSWERED = "answered"
    DECLINED = "declined"
    EXPIRED = "expired"
    WITHDRAWN = "withdrawn"
    FAILED = "failed"


class Reason(StrEnum):
    """Why somebody is not asked. The text shown for each is in surveys/eligibility.py."""

    CONTACT_GONE = "contact_gone"
    NO_ADDRESS = "no_address"
    INVALID_ADDRESS = "invalid_address"
    UNSUBSCRIBED = "unsubscribed"
    BOUNCED = "bounced"
    COMPLAINED = "complained"
    SUPPRESSED = "suppressed"
    RECENTLY_ANSWERED = "recently_answered"
    RECENTLY_DECLINED = "recently_declined"
    RECENTLY_ASKED = "recently_asked"
    ALREADY_PLANNED = "already_planned"
    ACCOUNT_LIMIT = "account_limit"
    TENURE = "tenure"
    ACCOUNT_CHURNED = "account_churned"
    NOT_SAMPLED = "not_sampled"
    PAUSED = "paused"
    UNWANTED_KIND = "unwanted_kind"
    BUDGET_SPENT = "budget_spent"
    RESERVED = "reserved"
    DUPLICATE_ADDRESS = "duplicate_address"
    EMPTY_FIELD = "empty_field"


class ResponseState(StrEnum):
    SCORED = "scored"
    COMPLETED = "completed"


class LoopStatus(StrEnum):
    OPEN = "open"
    CONTACTED = "contacted"
    CLOSED = "closed"


class IdentityActionKind(StrEnum):
    """What somebody decided about whose answers are whose."""

    LINK = "link"
    CREATE = "create"
    IGNORE = "ignore"
    RESTORE = "restore"
    UNLINK = "unlink"
    SPLIT = "split"


class Identity(StrEnum):
    MATCHED = "matched"
    INBOX = "inbox"
    IGNORED = "ignored"
    ANONYMOUS = "anonymous"


class IntentState(StrEnum):
    WAITING = "waiting"
    CONFIRMED = "confirmed"
    ACCEPTED = "accepted"
    DISMISSED = "dismissed"


class InAppState(StrEnum):
    """What became of a message in the product. Clicked is stronger than dismissed: two tabs may show the same one."""

    WAITING = "waiting"
    SHOWN = "shown"
    CLICKED = "clicked"
    DISMISSED = "dismissed"
    EXPIRED = "expired"
    WITHDRAWN = "withdrawn"


# What may still be shown.
IN_APP_LIVE = (InAppState.WAITING, InAppState.SHOWN)


class SuppressionReason(StrEnum):
    UNSUBSCRIBED = "unsubscribed"
    BOUNCED = "bounced"
    COMPLAINED = "complained"
    MANUAL = "manual"
    ERASED = "erased"


class Unit(StrEnum):
    """Which answers a figure counts."""

    ALL_RESPONSES = "all_responses"
    LATEST_PER_CONTACT = "latest_per_contact"
    MEAN_PER_ACCOUNT = "mean_per_account"
    MEDIAN_PER_ACCOUNT = "median_per_account"
