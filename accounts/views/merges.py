"""Merging two records of one customer: choose the other, choose what stays, see what it changed, undo."""

from typing import Any

from django.contrib import messages
from django.core.paginator import Paginator
from django.db.models import QuerySet
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_POST, require_safe

from accounts import extend, queries
from accounts.filters import AccountFilter, ContactFilter
from accounts.models import Account, Contact, Merge
from accounts.services import merge as services
from core.errors import Refused
from team.http import UserRequest, requires
from team.permissions import can_lead, can_view, can_work

PER_PAGE = 25
OFFERED = 10


@requires(can_work)
def contact_merge(request: UserRequest, pk: int) -> HttpResponse:
    contact = get_object_or_404(queries.list_contacts(request.user), pk=pk)
    return _merge(request, "contact", contact, queries.list_contacts(request.user))


@requires(can_lead)
def account_merge(request: UserRequest, pk: int) -> HttpResponse:
    account = get_object_or_404(queries.list_accounts(request.user), pk=pk)
    return _merge(request, "account", account, queries.list_accounts(request.user))


def _merge(request: UserRequest, target: str, thing: Any, rows: QuerySet[Any]) -> HttpResponse:
    """Without `other` a search for it; with it both records side by side; posted, the merge."""
    values = request.POST if request.method == "POST" else request.GET
    other = _chosen(values.get("other", ""), rows.exclude(pk=thing.pk))
    context: dict[str, Any] = {"target": target, "thing": thing}
    if other is None:
        found = _search(request, target, rows.exclude(pk=thing.pk), thing)
        return render(request, "accounts/merge_choose.html", {**context, **found})
    keeps_other = values.get("keep") == str(other.pk)
    survivor, loser = (other, thing) if keeps_other else (thing, other)
    trouble = ""
    if request.method == "POST":
        chosen = {
            name.removeprefix("field-"): str(value)
            for name, value in request.POST.items()
            if name.startswith("field-")
        }
        do: Any = services.merge_contacts if target == "contact" else services.merge_accounts
        try:
            merge = do(survivor=survivor, loser=loser, actor=request.user, choices=chosen)
        except Refused as refusal:
            trouble = refusal.message
        else:
            messages.info(request, f"{survivor} is one record now.")
            return redirect("accounts:merge_detail", pk=merge.pk)
    try:
        preview = services.preview(survivor=survivor, loser=loser)
    except Refused as refusal:
        messages.error(request, refusal.message)
        return redirect(f"accounts:{target}_detail", pk=thing.pk)
    context |= {"preview": preview, "other": other, "survivor": survivor, "loser": loser, "trouble": trouble}
    return render(request, "accounts/merge_fields.html", context, status=422 if trouble else 200)


def _chosen(value: str, rows: QuerySet[Any]) -> Any:
    if not (value.isascii() and value.isdigit() and len(value) < 19):
        return None
    return rows.filter(pk=int(value)).first()


def _search(request: UserRequest, target: str, rows: QuerySet[Any], thing: Any) -> dict[str, Any]:
    """What the search finds; before anything is typed, those who look alike."""
    text = request.GET.get("q", "").strip()[:200]
    if text:
        kind = ContactFilter if target == "contact" else AccountFilter
        found = kind({"q": text}, rows, request=request)
        rows = found.qs if found.is_valid() else rows.none()
    else:
        rows = queries.alike(thing, rows)
    return {"q": text, "rows": rows[:OFFERED]}


@requires(can_view)
@require_safe
def merge_list(request: UserRequest) -> HttpResponse:
    page = Paginator(queries.list_merges(request.user), PER_PAGE).get_page(request.GET.get("page"))
    context = {"page": page, "rows": [(merge, _survivor(merge)) for merge in page]}
    return render(request, "accounts/merge_list.html", context)


def _survivor(merge: Merge) -> Contact | Account | None:
    return queries.record(merge.target, merge.survivor_key)


@requires(can_view)
@require_safe
def merge_detail(request: UserRequest, pk: int) -> HttpResponse:
    merge = get_object_or_404(queries.list_merges(request.user), pk=pk)
    effect = merge.effect.get("undone") if merge.undone_at is not None else merge.effect
    context = {
        "merge": merge,
        "survivor": _survivor(merge),
        "loser": queries.record(merge.target, merge.loser_key),
        "changes": extend.words_of_change(effect["before"], effect["after"], request.user) if effect else [],
        "may_undo": (can_lead if merge.target == "account" else can_work)(request.user)
        and merge.undone_at is None
        and merge.sealed_at is None,
    }
    return render(request, "accounts/merge_detail.html", context)


@requires(can_work)
@require_POST
def merge_undo(request: UserRequest, pk: int) -> HttpResponse:
    merge = get_object_or_404(queries.list_merges(request.user), pk=pk)
    if merge.target == "account" and not can_lead(request.user):
        messages.error(request, "Only a lead may undo a merge of accounts.")
        return redirect("accounts:merge_detail", pk=pk)
    try:
        services.undo_merge(merge=merge, actor=request.user)
    except Refused as refusal:
        messages.error(request, refusal.message)
    return redirect("accounts:merge_detail", pk=pk)
