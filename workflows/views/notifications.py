"""What a person is told: the bell, the list behind it, and how each wants to be told."""

import hashlib

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.cache import patch_cache_control
from django.views.decorators.http import require_POST, require_safe

from core.errors import Refused
from team import queries as team_queries
from team.forms import show_refusal
from team.http import UserRequest, requires
from team.permissions import can_view
from team.services import people
from workflows.forms import PreferencesForm
from workflows.notifying import words
from workflows.notifying.preferences import wishes_of
from workflows.queries import notifications as queries
from workflows.services import digests
from workflows.services import notifications as services

PAGE_SIZE = 50


@requires(can_view)
@require_safe
def bell(request: UserRequest) -> HttpResponse:
    """How many notifications are unread, for the bell of an open page. A browser that knows the number gets 304."""
    unread = queries.count_unread(request.user)
    etag = f'"{hashlib.sha256(f"{request.user.pk}:{unread}".encode()).hexdigest()[:20]}"'
    is_known = etag in {
        part.strip().removeprefix("W/") for part in request.headers.get("If-None-Match", "").split(",")
    }
    response: HttpResponse = HttpResponse(status=304) if is_known else JsonResponse({"unread": unread})
    response["ETag"] = etag
    patch_cache_control(response, private=True, no_cache=True)
    return response


@requires(can_view)
@require_safe
def notification_list(request: UserRequest) -> HttpResponse:
    found = queries.list_notifications(user=request.user)
    is_unread = request.GET.get("show") == "unread"
    page = Paginator(found.filter(read_at__isnull=True) if is_unread else found, PAGE_SIZE).get_page(
        request.GET.get("page")
    )
    context = {
        "page": page,
        "lines": [(row, words.of(row)) for row in page.object_list],
        "is_unread": is_unread,
        "unread": queries.count_unread(request.user),
    }
    return render(request, "workflows/notification_list.html", context)


@requires(can_view)
@require_POST
def notification_open(request: UserRequest, pk: int) -> HttpResponse:
    """Read one: off the bell, and on to what it is about."""
    row = get_object_or_404(queries.list_notifications(user=request.user), pk=pk)
    services.mark_read(user=request.user, pk=row.pk)
    path = words.of(row).path
    return redirect(path or "workflows:notification_list")


@requires(can_view)
@require_POST
def notifications_read(request: UserRequest) -> HttpResponse:
    """Take all off the bell."""
    number = services.mark_read(user=request.user)
    messages.info(request, "Nothing was unread." if not number else f"{number:,} marked as read.")
    return redirect("workflows:notification_list")


@requires(can_view)
def preferences(request: UserRequest) -> HttpResponse:
    """Which things reach this person in which way, when it is quiet, and the digest."""
    wishes = wishes_of(request.user)
    form = PreferencesForm(request.POST or None, wishes=wishes)
    if request.method == "POST" and form.is_valid():
        try:
            people.set_notifications(
                person=request.user, actor=request.user, choices=form.choices(), **form.settings()
            )
        except Refused as refusal:
            show_refusal(form, refusal)
        else:
            messages.success(request, "Your choice is saved.")
            return redirect("workflows:notification_preferences")
    context = {
        "form": form,
        "rows": form.rows(),
        "zone": wishes.zone,
        "cap": team_queries.workspace().notices_per_hour,
        "last": digests.last_of(request.user),
    }
    return render(
        request, "workflows/notification_preferences.html", context, status=422 if form.is_bound else 200
    )


@requires(can_view)
@require_POST
def digest_now(request: UserRequest) -> HttpResponse:
    """The digest as it would go now, to this person, whatever they chose."""
    digests.send_now(user=request.user)
    messages.info(request, "Today’s digest is on its way to you. Where nothing needs attention it says so.")
    return redirect("workflows:notification_preferences")
