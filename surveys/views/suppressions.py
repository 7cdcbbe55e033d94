"""The suppression list: search an address, add, lift with a reason, import and export."""

from collections.abc import Iterator
from typing import Any

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_POST, require_safe

from accounts.exports import csv_response
from core.errors import Invalid, Refused
from surveys.campaign_forms import LiftForm, SuppressForm, SuppressionFileForm
from surveys.choices import Channel, SuppressionReason
from surveys.queries import suppressions as queries
from surveys.services import suppressions as services
from team.http import UserRequest, requires
from team.permissions import can_export, can_lead, can_view, can_work

PAGE_SIZE = 50


@requires(can_view)
@require_safe
def suppression_list(request: UserRequest) -> HttpResponseBase:
    return _list(request)


def _list(request: UserRequest, *, status: int = 200, **forms: Any) -> HttpResponseBase:
    asked = request.GET.get("q", "").strip()
    reason = request.GET.get("reason", "")
    reason = reason if reason in set(SuppressionReason) else ""
    channel = request.GET.get("channel", "")
    channel = channel if channel in {Channel.EMAIL, Channel.SMS} else ""
    key, problem = "", ""
    if asked:
        try:
            key, _ = services.whose(asked)
        except Invalid as refusal:
            problem = refusal.message
    found = queries.list_suppressions(request.user, reason=reason, channel=channel, address_key=key)
    page = Paginator(found.none() if problem else found, PAGE_SIZE).get_page(request.GET.get("page"))
    context = {
        "page": page,
        "lines": queries.lines(list(page.object_list), request.user),
        "asked": asked,
        "problem": problem,
        "reason": reason,
        "channel": channel,
        "channels": [(value.value, queries.CHANNELS[value]) for value in (Channel.EMAIL, Channel.SMS)],
        "reasons": [(value.value, label) for value, (label, _) in queries.LABELS.items()],
        "add_form": forms.get("add_form") or SuppressForm(prefix="add"),
        "file_form": forms.get("file_form") or SuppressionFileForm(),
        "open_dialog": forms.get("open_dialog", ""),
        "may_add": can_work(request.user),
        "may_lead": can_lead(request.user),
        "may_export": can_export(request.user),
    }
    return render(request, "surveys/suppression_list.html", context, status=status)


@requires(can_work)
@require_POST
def suppression_add(request: UserRequest) -> HttpResponseBase:
    form = SuppressForm(request.POST, prefix="add")
    if form.is_valid():
        try:
            services.suppress_by_hand(
                email=form.cleaned_data["email"], phone=form.cleaned_data["phone"],
                detail=form.cleaned_data["detail"], actor=request.user,
            )  # fmt: skip
        except Refused as refusal:
            form.add_error(refusal.field or None, refusal.message)
        else:
            messages.info(request, "It is on the list, and asked no more, starting now.")
            return redirect("surveys:suppression_list")
    return _list(request, status=422, add_form=form)


@requires(can_lead)
def suppression_lift(request: UserRequest, pk: int) -> HttpResponseBase:
    """Take an entry off the list, with the reason."""
    entry = get_object_or_404(queries.list_suppressions(request.user), pk=pk)
    form = LiftForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            services.lift_by_hand(entry=entry, why=form.cleaned_data["why"], actor=request.user)
        except Refused as refusal:
            form.add_error("why" if refusal.field == "why" else None, refusal.message)
        else:
            messages.info(request, "The address may be asked again.")
            return redirect("surveys:suppression_list")
    (line,) = queries.lines([entry], request.user)
    status = 422 if form.is_bound else 200
    return render(request, "surveys/suppression_lift.html", {"line": line, "form": form}, status=status)


@requires(can_lead)
@require_POST
def suppression_import(request: UserRequest) -> HttpResponseBase:
    form = SuppressionFileForm(request.POST, request.FILES)
    if not form.is_valid():
        return _list(request, status=422, file_form=form)
    file = form.cleaned_data["file"]
    try:
        if file.size > services.MAX_FILE_BYTES:
            raise Invalid("The file is larger than 5 MB. Split it.", field="file")
        result = services.import_addresses(data=file.read(), actor=request.user)
    except Refused as refusal:
        form.add_error("file", refusal.message)
        return _list(request, status=422, file_form=form)
    messages.info(
        request,
        f"{result.added:,} added, {result.known:,} were on the list already, {result.refused_count:,} refused.",
    )
    for number, why in result.refused:
        messages.warning(request, f"Line {number}: {why}")
    return redirect("surveys:suppression_list")


@requires(can_export)
@require_safe
def suppression_export(request: UserRequest) -> HttpResponseBase:
    """The list with the addresses of contacts we still have; of the others only the key is known."""
    services.note_export(actor=request.user)
    entries = list(queries.list_suppressions(request.user))

    def rows() -> Iterator[list[Any]]:
        for start in range(0, len(entries), 1000):
            for line in queries.lines(entries[start : start + 1000], request.user):
                entry = line.entry
                is_number = entry.channel == Channel.SMS
                yield [
                    "" if is_number else line.address, line.address if is_number else "", entry.channel, entry.address_key,
                    entry.reason, entry.detail, entry.created_at,
                ]  # fmt: skip

    head = ["email", "phone", "channel", "address_key", "reason", "detail", "since"]
    return csv_response("suppressions", head, rows())
