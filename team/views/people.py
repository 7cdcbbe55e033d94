"""Who may sign in: invite, change, end access."""

from collections.abc import Callable

from allauth.account.decorators import reauthentication_required
from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_POST

from core.errors import Refused
from team import queries
from team.domain import Role
from team.forms import InviteForm, PersonForm, show_refusal
from team.http import UserRequest, requires
from team.models import User
from team.permissions import can_administer
from team.services import people as services

PAGE_SIZE = 50


@requires(can_administer)
def person_list(request: UserRequest) -> HttpResponse:
    found = queries.search_people(
        queries.list_people(), request.GET.get("q", ""), request.GET.get("state", "active")
    )
    page = Paginator(found, PAGE_SIZE).get_page(request.GET.get("page"))
    context = {
        "page": page,
        "q": request.GET.get("q", ""),
        "state": request.GET.get("state", "active"),
        "states": (("active", "Active"), ("inactive", "Deactivated"), ("all", "All")),
        "waiting": queries.count_open_invitations(),
        "require_mfa": queries.workspace().require_mfa,
    }
    return render(request, "team/person_list.html", context)


@requires(can_administer)
def person_invite(request: UserRequest) -> HttpResponse:
    form = InviteForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            person = services.invite_person(**form.cleaned_data, actor=request.user)
        except Refused as refusal:
            show_refusal(form, refusal)
        else:
            messages.success(request, f"Invited. A link to set a password is on its way to {person.email}.")
            return redirect("team:person_list")
    return render(request, "team/person_invite.html", {"form": form}, status=422 if form.is_bound else 200)


@requires(can_administer)
def person_detail(request: UserRequest, pk: int) -> HttpResponse:
    person = get_object_or_404(queries.list_people(), pk=pk)
    initial = {name: getattr(person, name) for name in ("email", "name", "title", "role", "team")}
    form = PersonForm(request.POST or None, initial=initial)
    if request.method == "POST" and form.is_valid():
        try:
            services.update_person(person=person, actor=request.user, **form.cleaned_data)
        except Refused as refusal:
            show_refusal(form, refusal)
        else:
            messages.success(request, f"{form.cleaned_data['name']} saved.")
            return redirect("team:person_detail", pk=pk)
    context = {
        "form": form,
        "person": person,
        "keys": queries.usable_keys_of(person),
        "is_self": person.pk == request.user.pk,
        "is_last_administrator": person.role == Role.ADMINISTRATOR and queries.count_administrators() == 1,
        "recent": [(e, queries.action_text(e.action)) for e in queries.audit_of_person(person)[:8]],
        "second_step": queries.has_second_step(person),
    }
    return render(request, "team/person_detail.html", context, status=422 if form.is_bound else 200)


def _act(request: UserRequest, pk: int, act: Callable[[User], object], done: str) -> HttpResponse:
    person = get_object_or_404(queries.list_people(), pk=pk)
    try:
        act(person)
    except Refused as refusal:
        messages.error(request, refusal.message)
    else:
        messages.success(request, done)
    return redirect("team:person_detail", pk=pk)


@requires(can_administer)
@require_POST
def person_deactivate(request: UserRequest, pk: int) -> HttpResponse:
    return _act(
        request,
        pk,
        lambda person: services.deactivate_person(person=person, actor=request.user),
        "Access ended: sessions and API keys no longer work.",
    )


@requires(can_administer)
@require_POST
def person_activate(request: UserRequest, pk: int) -> HttpResponse:
    return _act(
        request,
        pk,
        lambda person: services.activate_person(person=person, actor=request.user),
        "They can sign in again. Revoked API keys stay revoked.",
    )


@requires(can_administer)
@require_POST
def person_link(request: UserRequest, pk: int) -> HttpResponse:
    return _act(
        request,
        pk,
        lambda person: services.send_set_password_link(person=person, actor=request.user),
        "A link to set a password is on its way.",
    )


@requires(can_administer)
@require_POST
@reauthentication_required  # type: ignore[untyped-decorator]
def person_second_step(request: UserRequest, pk: int) -> HttpResponse:
    return _act(
        request,
        pk,
        lambda person: services.reset_second_step(person=person, actor=request.user),
        "Their second step is removed; they sign in with the password and set up a new one.",
    )
