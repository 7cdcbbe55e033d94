"""What the settings page leads to. Higher apps add their places in AppConfig.ready()."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.urls import NoReverseMatch, reverse

from team.models import User
from team.permissions import can_administer, can_lead, can_view

GROUPS = ("You", "Company", "People and access", "Customers and surveys")


@dataclass(frozen=True, slots=True)
class Place:
    group: str
    label: str
    text: str
    icon: str
    url_name: str
    permission: Callable[[User], bool] = can_administer


_places: dict[str, Place] = {}


def register(place: Place) -> None:
    """Add a place, or replace the one of the same label."""
    _places[place.label] = place


def places_for(user: User) -> list[tuple[str, list[dict[str, Any]]]]:
    """Groups of what this person may open; a place whose page does not exist is left out."""
    found: dict[str, list[dict[str, Any]]] = {group: [] for group in GROUPS}
    for place in _places.values():
        if not place.permission(user):
            continue
        try:
            url = reverse(place.url_name)
        except NoReverseMatch:
            continue
        found.setdefault(place.group, []).append(
            {"label": place.label, "text": place.text, "icon": place.icon, "url": url}
        )
    return [(group, links) for group, links in found.items() if links]


def addresses() -> list[str]:
    """The addresses of all places, whoever may open them."""
    found = []
    for place in _places.values():
        try:
            found.append(reverse(place.url_name))
        except NoReverseMatch:
            continue
    return found


for _place in (
    Place("You", "Your profile", "Name, time zone and which mails you get", "user", "team:profile", can_view),
    Place("You", "Password", "Change the password you sign in with", "lock", "account_change_password", can_view),
    Place("You", "Second sign-in step", "Authenticator app, passkeys, recovery codes", "key", "mfa_index", can_view),
    Place("You", "Sessions", "Where you are signed in, and sign out elsewhere", "clock", "usersessions_list", can_view),
    Place("Company", "Company", "Name, address, brand, zone, limits, sign-in rules", "settings", "team:workspace"),
    Place("People and access", "People", "Invite, change role and team, end access", "contacts", "team:person_list"),
    Place("People and access", "Teams", "Who works together and sees the same accounts", "accounts", "team:team_list"),
    Place("People and access", "Roles", "What each role may do, and whose accounts it sees", "flag", "team:roles"),
    Place("People and access", "API keys", "For integrations: scopes, rate, expiry", "link", "team:key_list"),
    Place("People and access", "Audit log", "Who changed what, and when", "file", "team:audit_list"),
    Place(
        "Customers and surveys", "Asking", "How long people are left alone, and how much asking they bear", "clock",
        "surveys:ask_rules",
    ),
    Place(
        "Customers and surveys", "Suppressions", "Addresses that are never asked", "stop",
        "surveys:suppression_list", can_lead,
    ),
    Place(
        "Customers and surveys", "Widgets", "Surveys inside your own product", "globe", "surveys:widget_list", can_lead,
    ),
    Place(
        "Customers and surveys", "Sending domain", "SPF, DKIM and DMARC of the address mail comes from", "globe",
        "surveys:sending_domain",
    ),
    Place(
        "Customers and surveys", "Lifecycle stages", "The stages an account goes through", "segments",
        "accounts:stage_list",
    ),
    Place(
        "Customers and surveys", "Custom fields", "Your own fields of accounts and contacts", "edit",
        "accounts:field_list",
    ),
    Place(
        "Customers and surveys", "Imports", "Accounts and contacts from CSV files", "imports",
        "accounts:import_list", can_lead,
    ),
    Place("Company", "Back office", "All tables, and the state of background work", "key", "admin:index"),
    Place("Company", "API documentation", "Every endpoint, with its fields", "globe", "api_docs", can_view),
):  # fmt: skip
    register(_place)
