"""The states and codes of asking and listening, as plain values."""

from enum import StrEnum


class MetricFamily(StrEnum):
    NPS = "nps"


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
    DUPLICATE_ADDRESS = "duplicate_address"


class ResponseState(StrEnum):
    SCORED = "scored"
    COMPLETED = "completed"


class LoopStatus(StrEnum):
    OPEN = "open"
    CONTACTED = "contacted"
    CLOSED = "closed"


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
