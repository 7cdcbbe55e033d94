"""Who gets the work: the account's owner, somebody by role or by name, or whose turn it is; else the fall-back person.

Somebody who is deactivated gets nothing. For somebody on leave their stand-in does it, unless their leave says that new
work waits for them.
"""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from django.db import transaction

from accounts.models import Account, AccountOwner
from team import queries as team_queries
from team.domain import Role
from team.models import User
from workflows.calendars.domain import NewWork
from workflows.models import Leave, Turn
from workflows.queries import worktime
from workflows.work.domain import Route

CHAIN = 5
"""How many stand-ins of stand-ins are followed."""


@dataclass(frozen=True, slots=True)
class Chosen:
    """Who gets the work, and the leave because of which it is a stand-in."""

    user: User | None
    leave: Leave | None = None


def route(how: str, account: Account | None, settings: Mapping[str, Any] | None = None) -> User | None:
    """Who gets the work; None only in a workspace without people. See `choose`."""
    return choose(how, account, settings).user


def choose(how: str, account: Account | None, settings: Mapping[str, Any] | None = None) -> Chosen:
    """Who gets the work, and whether they stand in for somebody.

    `how` is "owner", "role" (`settings["role"]`: whoever has this role at the account), "person"
    (`settings["user"]`) or "round_robin" (`settings["users"]`, or everybody in `settings["team"]`, in turn). Where that
    finds nobody who works here now, the account's owner does it, then the fall-back person (`responsible_for`).
    """
    settings = settings or {}
    wanted: User | None = None
    if how == Route.ROLE:
        wanted = _by_role(account, str(settings.get("role", "")))
    elif how == Route.PERSON:
        wanted = _usable(User.objects.filter(pk=settings.get("user") or 0).first())
    elif how == Route.ROUND_ROBIN:
        wanted = _next_in_turn(settings)
    wanted = wanted or _usable(account.owner if account is not None else None)
    if wanted is not None:
        chosen = stand_in_of(wanted)
        if chosen.user is not None:
            return chosen
    return Chosen(_fall_back())


def responsible_for(account: Account | None) -> User | None:
    """The active primary owner or their stand-in; else the workspace's fall-back person; else the longest-serving
    active lead, then administrator. None only in a workspace without people."""
    return choose(Route.OWNER, account).user


def stand_in_of(user: User) -> Chosen:
    """The person, or while new work does not wait for them whoever stands in; nobody where that cannot be said."""
    first: Leave | None = None
    seen: set[int] = set()
    person: User | None = user
    while person is not None and len(seen) < CHAIN:
        leave = worktime.leave_of(person)
        if leave is None or leave.new_work == NewWork.WAIT:
            return Chosen(person, first)
        seen.add(person.pk)
        first = first or leave
        person = _usable(leave.stand_in)
        if person is not None and person.pk in seen:
            break
    return Chosen(None)


def _usable(user: User | None) -> User | None:
    return user if user is not None and user.is_active and user.role != Role.VIEWER else None


def _by_role(account: Account | None, role: str) -> User | None:
    if account is None or not role:
        return None
    found = AccountOwner.objects.filter(account=account, role=role).select_related("user").order_by("pk")
    return next((row.user for row in found if _usable(row.user)), None)


def _next_in_turn(settings: Mapping[str, Any]) -> User | None:
    """The person after the last one who had a turn, by id, without those on leave; their turn is taken."""
    people, key = team_queries.list_assignable(), _turn_key(settings)
    if settings.get("team"):
        people = people.filter(team=settings["team"])
    else:
        people = people.filter(pk__in=_ids(settings))
    candidates = sorted(people, key=lambda person: person.pk)
    away = worktime.leaves_now(candidates)
    candidates = [person for person in candidates if person.pk not in away] or candidates
    if not candidates:
        return None
    with transaction.atomic():
        Turn.objects.get_or_create(key=key)
        turn = Turn.objects.select_for_update().get(key=key)
        chosen = next((person for person in candidates if person.pk > turn.last), candidates[0])
        turn.last = chosen.pk
        turn.save(update_fields=["last"])
    return chosen


def hold_turns(every: Iterable[Mapping[str, Any]]) -> None:
    """Take all rounds by which several pieces of work are about to be given out, in one order: two who give out by the same
    rounds in another order would wait for each other in a circle. `every` are settings as `choose` reads them."""
    keys = sorted({_turn_key(settings) for settings in every})
    for key in keys:
        Turn.objects.get_or_create(key=key)
    list(Turn.objects.select_for_update().filter(key__in=keys).order_by("key"))


def _turn_key(settings: Mapping[str, Any]) -> str:
    return f"team:{settings['team']}" if settings.get("team") else f"users:{_digest(_ids(settings))}"


def _ids(settings: Mapping[str, Any]) -> list[int]:
    return sorted({int(pk) for pk in settings.get("users") or ()})


def _digest(ids: list[int]) -> str:
    return hashlib.sha256(",".join(map(str, ids)).encode()).hexdigest()[:32]


def _fall_back() -> User | None:
    fallback = team_queries.workspace().fallback_owner
    if fallback is not None and fallback.is_active:
        return stand_in_of(fallback).user or fallback
    for role in (Role.LEAD, Role.ADMINISTRATOR):
        found = User.objects.filter(role=role, is_active=True).order_by("created_at", "pk").first()
        if found is not None:
            return found
    return None
