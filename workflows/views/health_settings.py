"""What health is made of: profiles in their order, their components, the bands, and the versions of it all."""

import re
from collections.abc import Callable, Mapping
from copy import deepcopy
from dataclasses import replace
from typing import Any

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.http import require_POST, require_safe

from accounts import segment_editor
from core.errors import Refused
from team.http import UserRequest, requires
from team.permissions import can_lead, can_view
from workflows.health import config as configuration
from workflows.health import differences, draft, queries, sources, versions, what_if
from workflows.health.domain import Config, Missing, Profile
from workflows.health.words import GROUPS, MISSING, ROLL_UP
from workflows.models import HealthVersion
from workflows.queries import backtests
from workflows.services import health as services

PREVIEW = "segment-preview"  # what the rows of conditions update as they are edited
EDITORS = {"segment-editor": "#conditions", "health-components": "#components", PREVIEW: "#what_if"}


def _current() -> HealthVersion:
    version = versions.in_force()
    if version is None:
        raise Http404
    return version


# --- The overview --------------------------------------------------------------------------------------------
@requires(can_lead)
@require_safe
def health_settings(request: UserRequest) -> HttpResponse:
    version = _current()
    config = versions.config_of(version)
    counts = queries.count_by_profile(user=request.user)
    profiles = [
        {
            "profile": one,
            "for_whom": differences.for_whom(one.conditions),
            "accounts": counts.get(one.key, 0),
            "is_first": place == 0,
            "is_last": place == len(config.profiles) - 1,
            "top": sorted(one.components, key=lambda component: -component.weight)[:4],
        }
        for place, one in enumerate(config.profiles)
    ]
    context = {
        "version": version,
        "config": config,
        "profiles": profiles,
        "unmatched": counts.get("", 0),
        "recent": list(queries.list_versions()[:4]),
    }
    return render(request, "workflows/health/settings.html", context)


@requires(can_lead)
@require_POST
def profile_action(request: UserRequest, key: str, action: str) -> HttpResponse:
    """Move up or down, copy, switch, or take a profile out: each is a version of its own."""
    version = _current()
    raw = deepcopy(version.config)
    place = next((n for n, one in enumerate(raw["profiles"]) if one["key"] == key), None)
    act = ACTIONS.get(action)
    if place is None or act is None:
        raise Http404
    note = act(raw["profiles"], place)
    try:
        saved = services.save_profiles(
            config=raw, note=note, actor=request.user, base=_base(request, version.number)
        )
    except Refused as refusal:
        messages.error(request, refusal.message)
    else:
        if saved.pk != version.pk:
            messages.success(
                request, f"{note}. This is version {saved.number}; health is being computed anew."
            )
    return redirect("workflows:health_settings")


def _base(request: UserRequest, default: int) -> int:
    text = request.POST.get("base", "")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else default


def _swap(profiles: list[Any], place: int, other: int) -> None:
    if 0 <= other < len(profiles):
        profiles[place], profiles[other] = profiles[other], profiles[place]


def _up(profiles: list[Any], place: int) -> str:
    name = profiles[place]["name"]
    _swap(profiles, place, place - 1)
    return f"Moved “{name}” up"


def _down(profiles: list[Any], place: int) -> str:
    name = profiles[place]["name"]
    _swap(profiles, place, place + 1)
    return f"Moved “{name}” down"


def _copy(profiles: list[Any], place: int) -> str:
    one = deepcopy(profiles[place])
    one["key"] = _free_key(one["key"], profiles)
    one["name"] = f"{one['name'][:70]} (copy)"
    one["is_active"] = False
    profiles.insert(place + 1, one)
    return f"Copied “{profiles[place]['name']}”, switched off"


def _switch(profiles: list[Any], place: int) -> str:
    one = profiles[place]
    one["is_active"] = not one.get("is_active", True)
    return f"Switched “{one['name']}” {'on' if one['is_active'] else 'off'}"


def _take_out(profiles: list[Any], place: int) -> str:
    return f"Took out “{profiles.pop(place)['name']}”"


ACTIONS: Mapping[str, Callable[[list[Any], int], str]] = {
    "up": _up, "down": _down, "copy": _copy, "switch": _switch, "remove": _take_out,
}  # fmt: skip


def _free_key(base: str, profiles: list[Any]) -> str:
    taken = {one["key"] for one in profiles}
    key, number = base, 2
    while key in taken:
        key, number = f"{base[:35]}-{number}", number + 1
    return key


# --- One profile ---------------------------------------------------------------------------------------------
@requires(can_lead)
def profile_create(request: UserRequest) -> HttpResponse:
    """A new profile: a copy of the last one's components to begin with, before all others."""
    version = _current()
    config = versions.config_of(version)
    start = draft.from_profile(config.profiles[-1]) if config.profiles else draft.Draft()
    start.name = ""
    return _edit(request, version, None, start, {})


@requires(can_lead)
def profile_edit(request: UserRequest, key: str) -> HttpResponse:
    version = _current()
    profile = versions.config_of(version).profile(key)
    if profile is None:
        raise Http404
    return _edit(request, version, key, draft.from_profile(_suggested(request, profile)), profile.conditions)


def _suggested(request: UserRequest, profile: Profile) -> Profile:
    """The profile with the weights of the back-test in the address; nothing is saved by that."""
    asked = request.GET.get("backtest", "")
    found = int(asked) if asked.isascii() and asked.isdigit() and len(asked) < 19 else 0
    weights = backtests.suggested_weights(found, profile.key, request.user)
    components = tuple(replace(one, weight=weights.get(one.key, one.weight)) for one in profile.components)
    return replace(profile, components=components)


def _edit(
    request: UserRequest, version: HealthVersion, key: str | None, start: draft.Draft, tree: Mapping[str, Any]
) -> HttpResponse:
    fields = configuration.own_fields()
    editor = segment_editor.from_tree(dict(tree))
    if request.method != "POST":
        shown = start
        conditions = dict(tree)
    else:
        shown = draft.from_post(request.POST)
        if editor is not None:
            editor = segment_editor.from_post(request.POST)
        action = request.POST.get("do", "")
        if editor is not None:
            segment_editor.carry_out(editor, action)
        draft.carry_out(shown, action, request.POST.get("new-source", ""))
        conditions = dict(tree) if editor is None else segment_editor.to_tree(editor, fields)
    if conditions == {"all": []}:
        conditions = {}
    raw = _with_profile(version, key, shown, conditions)
    trouble = ""
    if request.method == "POST" and request.POST.get("do") == "save" and not request.htmx:
        try:
            saved = services.save_profiles(
                config=raw, note=request.POST.get("note", ""), actor=request.user, base=_base(request, 0)
            )
        except Refused as refusal:
            trouble = _said(refusal, shown)
        else:
            return _saved(request, version, saved)
    if editor is not None:
        segment_editor.settle(editor, fields)
    target = request.htmx.target if request.htmx else ""
    edited = (request.htmx.trigger_name or "").partition("-")[0]
    for row in shown.rows:
        row.is_open = row.is_open or row.name == edited
    context: dict[str, Any] = {
        "version": version,
        "base": _base(request, version.number),
        "key": key,
        "draft": shown,
        "trouble": trouble,
        "note": request.POST.get("note", ""),
        "target": "account",
        "editor": editor,
        "groups": segment_editor.shown(editor, fields) if editor is not None else [],
        "for_whom": differences.for_whom(tree),
        "fields": segment_editor.grouped(fields),
        "modes": segment_editor.MODES,
        "sources": _sources(),
        "usual_groups": GROUPS,
        "kinds": draft.KINDS,
        "outside": draft.OUTSIDE,
        "missing": [(one.value, MISSING[one]) for one in Missing],
        "roll_ups": [(one.value, text) for one, text in ROLL_UP.items()],
        **_what_if(request, raw, shown, is_wanted=request.method == "POST"),
    }
    part = EDITORS.get(target or "", "")
    status = 422 if trouble else 200
    return render(request, f"workflows/health/profile_form.html{part}", context, status=status)


def _with_profile(
    version: HealthVersion, key: str | None, shown: draft.Draft, conditions: Mapping[str, Any]
) -> dict[str, Any]:
    """The configuration in force with this profile in its place; a new one comes first."""
    raw: dict[str, Any] = deepcopy(version.config)
    profiles = raw["profiles"]
    place = next((n for n, one in enumerate(profiles) if one["key"] == key), None)
    if place is not None:
        is_active = profiles[place].get("is_active", True)
        profiles[place] = draft.to_raw(shown, key=str(key), conditions=conditions, is_active=is_active)
    else:
        slug = re.sub(r"[^a-z0-9]+", "-", shown.name.lower()).strip("-")[:36] or "profile"
        new = draft.to_raw(shown, key=_free_key(slug, profiles), conditions=conditions, is_active=True)
        profiles.insert(0, new)
    return raw


def _sources() -> list[tuple[str, list[sources.Source]]]:
    found: dict[str, list[sources.Source]] = {}
    for one in sources.sources.values():
        found.setdefault(one.group, []).append(one)
    return list(found.items())


def _what_if(
    request: UserRequest, raw: Mapping[str, Any], shown: draft.Draft | None, *, is_wanted: bool
) -> dict[str, Any]:
    """What would change; nothing before anything was edited."""
    if not is_wanted:
        return {"preview": None, "refused": ""}
    try:
        return {"preview": what_if.what_if(raw, request.user), "refused": ""}
    except Refused as refusal:
        return {"preview": None, "refused": _said(refusal, shown)}


def _said(refusal: Refused, shown: draft.Draft | None) -> str:
    """A refusal with the name of the component it is about."""
    found = re.search(r"components\.(\d+)\.", f"{refusal.field}.")
    if shown is not None and found and int(found[1]) < len(shown.rows):
        return f"{shown.rows[int(found[1])].label or 'A component'}: {refusal.message}"
    return refusal.message


def _saved(request: UserRequest, before: HealthVersion, saved: HealthVersion) -> HttpResponse:
    if saved.pk == before.pk:
        messages.info(request, "Nothing was different, so there is no new version.")
    else:
        messages.success(request, f"Saved as version {saved.number}. Health is being computed anew.")
    return redirect("workflows:health_settings")


# --- Bands ---------------------------------------------------------------------------------------------------
@requires(can_lead)
def health_bands(request: UserRequest) -> HttpResponse:
    version = _current()
    action = request.POST.get("do", "")
    shown = (
        draft.bands_from_post(request.POST, action)
        if request.method == "POST"
        else draft.bands_of(versions.config_of(version))
    )
    raw = {**deepcopy(version.config), **draft.bands_to_raw(shown)}
    trouble = ""
    if request.method == "POST" and action == "save" and not request.htmx:
        try:
            saved = services.save_profiles(
                config=raw, note=request.POST.get("note", ""), actor=request.user, base=_base(request, 0)
            )
        except Refused as refusal:
            trouble = refusal.message
        else:
            return _saved(request, version, saved)
    context = {
        "version": version,
        "base": _base(request, version.number),
        "draft": shown,
        "trouble": trouble,
        "note": request.POST.get("note", ""),
        **_what_if(request, raw, None, is_wanted=request.method == "POST"),
    }
    part = EDITORS.get((request.htmx.target if request.htmx else "") or "", "")
    return render(request, f"workflows/health/bands_form.html{part}", context, status=422 if trouble else 200)


# --- Versions ------------------------------------------------------------------------------------------------
@requires(can_view)
@require_safe
def version_list(request: UserRequest) -> HttpResponse:
    context = {
        "versions": list(queries.list_versions()[:200]),
        "may_lead": can_lead(request.user),
    }
    return render(request, "workflows/health/version_list.html", context)


@requires(can_view)
@require_safe
def version_detail(request: UserRequest, number: int) -> HttpResponse:
    """A version against another, the one before it unless `against` names one."""
    version = get_object_or_404(queries.list_versions(), number=number)
    asked = request.GET.get("against", "")
    wanted = int(asked) if asked.isascii() and asked.isdigit() and len(asked) < 10 else number - 1
    against = queries.list_versions().filter(number=wanted).first() if wanted != number else None
    config = versions.config_of(version)
    former: Config | None = versions.config_of(against) if against else None
    current = _current()
    preview = None
    if can_lead(request.user) and version.pk != current.pk:
        preview = _what_if(request, version.config, None, is_wanted=True)
    context = {
        "version": version,
        "against": against,
        "config": config,
        "differences": differences.between(former, config) if former else [],
        "numbers": list(queries.list_versions().values_list("number", flat=True)[:200]),
        "current": current,
        "restoring": preview,
        "may_lead": can_lead(request.user),
    }
    return render(request, "workflows/health/version_detail.html", context)


@requires(can_lead)
@require_POST
def version_restore(request: UserRequest, number: int) -> HttpResponse:
    version = get_object_or_404(queries.list_versions(), number=number)
    try:
        saved = services.rollback(to=version, note=request.POST.get("note", ""), actor=request.user)
    except Refused as refusal:
        messages.error(request, refusal.message)
        return redirect(reverse("workflows:health_version", args=[number]))
    messages.success(
        request,
        f"Version {number} is in force again, as version {saved.number}. Health is being computed anew.",
    )
    return redirect("workflows:health_versions")
