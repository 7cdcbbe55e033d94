"""Roles and what each may see and do, on plain values."""

from enum import StrEnum


class Role(StrEnum):
    ADMINISTRATOR = "administrator"
    LEAD = "lead"
    CSM = "csm"
    VIEWER = "viewer"


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
SCOPE_LABELS = {RowScope.OWN: "Own accounts", RowScope.TEAM: "The team's accounts", RowScope.ALL: "All accounts"}


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
    TEAM_READ = "team:read"
