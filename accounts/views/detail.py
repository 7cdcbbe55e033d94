"""What the pages of an account and of a contact share: tabs, panels of higher apps, the timeline."""

from typing import Any

from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.safestring import SafeString, mark_safe

from accounts import extend, queries
from accounts.extend import Panel
from accounts.models import Account, Contact
from team.http import UserRequest
from team.permissions import can_work

OWN_TABS = {"account": ("overview", "contacts", "contracts"), "contact": ("overview",)}


def draw(panel: Panel, request: UserRequest, thing: Account | Contact, base: dict[str, Any]) -> SafeString:
    """A panel as text, so that an empty one leaves no gap. Its template escapes what it shows."""
    text = render_to_string(
        panel.template, {**base, "panel": panel, **panel.context(thing, request.user)}, request
    )
    return mark_safe(text.strip())  # noqa: S308 - rendered by a template that escapes


def detail_context(request: UserRequest, target: str, thing: Account | Contact) -> dict[str, Any]:
    """Head, tabs, the panels of the current tab, and the timeline."""
    panels = extend.panels_of(target)
    tabs = list(dict.fromkeys([*OWN_TABS[target], *(p.tab for p in panels)]))
    tab = request.GET.get("tab", "overview")
    if tab not in tabs:
        tab = "overview"
    own: dict[str, Any] = {target: thing}
    if target == "contact" and isinstance(thing, Contact):
        own["account"] = thing.account
    base = {**own, "place": target, "may_work": can_work(request.user)}
    context: dict[str, Any] = {**base, "tab": tab, "tabs": _tabs(request, target, thing, panels, tab)}
    if request.htmx.target != "timeline":
        for column in ("top", "actions", "menu"):
            context[f"{column}_panels"] = [
                draw(p, request, thing, base) for p in panels if p.tab == "overview" and p.column == column
            ]
        context["panels"] = [
            draw(p, request, thing, base) for p in panels if p.tab == tab and p.column == "main"
        ]
        context["wide_panels"] = [
            draw(p, request, thing, base) for p in panels if p.tab == tab and p.column == "wide"
        ]
    if tab == "overview":
        context |= timeline_context(request, target, thing)
    return context


def timeline_context(request: UserRequest, target: str, thing: Account | Contact) -> dict[str, Any]:
    if isinstance(thing, Account):
        events = queries.account_events(thing, request.user)
    else:
        events = queries.contact_events(thing, request.user)
    group = request.GET.get("show", "")
    page = queries.timeline_of(events, group=group, before=request.GET.get("before", ""))
    used = {r.group for r in extend.registered.renderers.values()}
    return {
        "timeline": page,
        "timeline_group": group if group in queries.GROUPS else "",
        "timeline_groups": [(key, label) for key, label in queries.GROUPS.items() if key in used],
        "timeline_url": reverse(f"accounts:{target}_detail", args=[thing.pk]),
        "is_older": bool(request.GET.get("before")),
    }


def _tabs(
    request: UserRequest, target: str, thing: Account | Contact, panels: list[Panel], current: str
) -> list[dict[str, Any]]:
    url = reverse(f"accounts:{target}_detail", args=[thing.pk])
    found: list[tuple[int, str, str, int | None]] = [(0, "overview", "Overview", None)]
    if isinstance(thing, Account):
        found.append((1, "contacts", "Contacts", queries.contacts_of(thing).count()))
        found.append((90, "contracts", "Contracts", queries.contracts_of(thing).count()))
    seen = set(OWN_TABS[target])
    for panel in panels:
        if panel.tab not in seen:
            seen.add(panel.tab)
            count = panel.count(thing, request.user) if panel.count else None
            found.append((panel.position, panel.tab, panel.label, count))
    return [
        {
            "label": label,
            "url": url if key == "overview" else f"{url}?tab={key}",
            "count": count,
            "is_current": key == current,
        }
        for _, key, label, count in sorted(found, key=lambda one: one[0])
    ]
