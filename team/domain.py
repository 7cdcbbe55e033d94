"""Roles and what each may see and do, on plain values."""

from enum import StrEnum


class Role(StrEnum):
    ADMINISTRATOR = "administrator"
    LEAD = "lead"
    CSM = "csm"
    VIEWER = "viewer"


# Who can be made to have a second sign-in step.
MFA_ROLES = frozenset({Role.ADMINISTRATOR, Role.LEAD})


class RowScope(StrEnum):
    """Which accounts, and all that belongs to them, a person sees."""

    OWN = "own"
    TEAM = "team"
    ALL = "all"


DEFAULT_SCOPES = {
    Role.ADMINISTRATOR: RowScope.ALL,
    Role.LEAD: RowScope.ALL,
    Role.CSM: RowScope.TEAM,
    Role.VIEWER: RowScope.ALL,
}
ROLE_LABELS = {
    Role.ADMINISTRATOR: "Administrator",
    Role.LEAD: "Lead",
    Role.CSM: "CSM",
    Role.VIEWER: "Viewer",
}
SCOPE_LABELS = {
    RowScope.OWN: "Own accounts",
    RowScope.TEAM: "The team's accounts",
    RowScope.ALL: "All accounts",
}


class ApiScope(StrEnum):
    """What an API key may do; `write` includes `read` of the same thing."""

    ACCOUNTS_READ = "accounts:read"
    ACCOUNTS_WRITE = "accounts:write"
    RESPONSES_READ = "responses:read"
    RESPONSES_WRITE = "responses:write"
    SURVEYS_READ = "surveys:read"
    SURVEYS_WRITE = "surveys:write"
    WORK_READ = "work:read"
    WORK_WRITE = "work:write"
    CONNECTIONS_READ = "connections:read"
    CONNECTIONS_WRITE = "connections:write"
    WEBHOOKS_READ = "webhooks:read"
    WEBHOOKS_WRITE = "webhooks:write"
    TEAM_READ = "team:read"


WRITING_SCOPES = {scope.value for scope in ApiScope if scope.endswith(":write")}
SCOPE_TEXTS = {
    ApiScope.ACCOUNTS_READ: "Read accounts, contacts, contracts, segments and the timeline",
    ApiScope.ACCOUNTS_WRITE: "Create and change accounts, contacts and contracts",
    ApiScope.RESPONSES_READ: "Read answers and NPS figures",
    ApiScope.RESPONSES_WRITE: "Send answers in",
    ApiScope.SURVEYS_READ: "Read surveys, campaigns and invitations",
    ApiScope.SURVEYS_WRITE: "Change surveys and campaigns, and invite people",
    ApiScope.WORK_READ: "Read tasks and alerts",
    ApiScope.WORK_WRITE: "Create and change tasks and alerts",
    ApiScope.CONNECTIONS_READ: "Read connections to other systems and the log of their runs",
    ApiScope.CONNECTIONS_WRITE: "For an administrator's key: set up, run, pause and end connections",
    ApiScope.WEBHOOKS_READ: "Read one's own webhooks, their log and examples of events",
    ApiScope.WEBHOOKS_WRITE: "Set up, change and end webhooks; they tell no more than the key may read",
    ApiScope.TEAM_READ: "Read people and teams; for an administrator's key, the audit log",
}

LANGUAGES = {"en": "English", "de": "Deutsch"}
CURRENCIES = [
    "AED",
    "AUD",
    "BGN",
    "BRL",
    "CAD",
    "CHF",
    "CLP",
    "CNY",
    "CZK",
    "DKK",
    "EUR",
    "GBP",
    "HKD",
    "HUF",
    "IDR",
    "ILS",
    "INR",
    "ISK",
    "JPY",
    "KRW",
    "MXN",
    "MYR",
    "NOK",
    "NZD",
    "PHP",
    "PLN",
    "RON",
    "SAR",
    "SEK",
    "SGD",
    "THB",
    "TRY",
    "TWD",
    "UAH",
    "USD",
    "VND",
    "ZAR",
]
