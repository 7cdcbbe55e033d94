"""The customer's vocabulary as plain values: no framework here."""

import re
import unicodedata
from enum import StrEnum

OWNER_CHANGE = "accounts.owner_change"
"""The kind of job that gives many accounts to another owner."""


class OwnerRole(StrEnum):
    CSM = "csm"
    ACCOUNT_MANAGER = "account_manager"
    ONBOARDING = "onboarding"
    SUPPORT = "support"
    EXECUTIVE = "executive"


OWNER_ROLE_LABELS = {
    OwnerRole.CSM: "CSM",
    OwnerRole.ACCOUNT_MANAGER: "Account manager",
    OwnerRole.ONBOARDING: "Onboarding",
    OwnerRole.SUPPORT: "Support",
    OwnerRole.EXECUTIVE: "Executive sponsor",
}


class ContactRole(StrEnum):
    DECISION_MAKER = "decision_maker"
    CHAMPION = "champion"
    USER = "user"
    BILLING = "billing"
    OTHER = "other"


class ContractOutcome(StrEnum):
    OPEN = "open"
    RENEWED = "renewed"
    DOWNGRADED = "downgraded"
    CHURNED = "churned"


class InteractionKind(StrEnum):
    NOTE = "note"
    CALL = "call"
    MEETING = "meeting"
    MAIL = "mail"


class FieldType(StrEnum):
    TEXT = "text"
    NUMBER = "number"
    DATE = "date"
    BOOLEAN = "boolean"
    CHOICE = "choice"


class ImportState(StrEnum):
    """Where an uploaded file stands. Checking and running are a job's work; all others wait for a person."""

    UPLOADED = "uploaded"
    CHECKING = "checking"
    CHECKED = "checked"
    RUNNING = "running"
    DONE = "done"
    CANCELLED = "cancelled"
    FAILED = "failed"


class Sharing(StrEnum):
    """Who besides its owner may use a saved filter. The rows it yields are always those of the person looking."""

    PRIVATE = "private"
    TEAM = "team"
    EVERYBODY = "everybody"


SHARING_LABELS = {
    Sharing.PRIVATE: "Only me",
    Sharing.TEAM: "My team",
    Sharing.EVERYBODY: "Everybody",
}


class Origin(StrEnum):
    """Where an event came from. Rules and alerts act on `live` only; figures and health see all."""

    LIVE = "live"
    IMPORT = "import"
    BACKFILL = "backfill"
    CORRECTION = "correction"
    DEMO = "demo"


_LABEL = "[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_PLAIN_ADDRESS = re.compile(
    rf"(?=.{{3,254}}\Z)[A-Za-z0-9.!#$%&'*+/=?^_`{{|}}~-]{{1,64}}@(?:{_LABEL}\.)+{_LABEL}", re.ASCII
)


def normalise_email(address: str) -> str:
    """The form by which two spellings of an address are the same person.

    NFKC (full-width forms), trimmed, case-folded, the domain in ASCII (IDNA). Plus-tags are kept: they are
    different addresses to many servers. Raises ValueError, with a text that may be shown, when it is no address.
    """
    if _PLAIN_ADDRESS.fullmatch(address):
        return address.lower()  # what the rest of this function comes to for nearly every address
    text = unicodedata.normalize("NFKC", address).strip().casefold()
    local, at, domain = text.rpartition("@")
    if not at or not local or not domain:
        raise ValueError("An e-mail address needs a name, an @ and a domain.")
    if len(text) > 254 or len(local) > 64:
        raise ValueError("The e-mail address is longer than 254 characters (64 before the @).")
    if any(c.isspace() or unicodedata.category(c) in {"Cc", "Cf"} or c in '<>()[]",;:\\@' for c in local):
        raise ValueError("The part before the @ holds a character that addresses cannot have.")
    try:
        ascii_domain = domain.encode("idna").decode("ascii")
    except UnicodeError:
        raise ValueError("The domain after the @ is not valid.") from None
    labels = ascii_domain.split(".")
    if len(labels) < 2 or any(not label or label.startswith("-") or label.endswith("-") for label in labels):
        raise ValueError("The domain after the @ is not valid.")
    if not all(c.isalnum() or c == "-" for label in labels for c in label):
        raise ValueError("The domain after the @ is not valid.")
    return f"{local}@{ascii_domain}"
