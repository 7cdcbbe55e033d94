"""Settings of the company: its own page, teams, roles; and the page that leads to all settings."""

import hashlib

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseNotFound
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_POST, require_safe

from core.errors import Refused
from team import images, places, queries
from team.domain import ROLE_LABELS, Role
from team.forms import RoleScopesForm, TeamForm, WorkspaceForm, show_refusal
from team.http import UserRequest, public, requires
from team.permissions import can_administer, can_view
from team.services import workspace as services

# What each role may do, in the words of the roles page; team.permissions is what decides.
ABILITIES = (
    ("See accounts, contacts, answers and figures", {Role.ADMINISTRATOR, Role.LEAD, Role.CSM, Role.VIEWER}),
    ("Handle alerts and tasks, reply, edit customers, export", {Role.ADMINISTRATOR, Role.LEAD, Role.CSM}),
    ("Design surveys, launch campaigns, switch rules, import", {Role.ADMINISTRATOR, Role.LEAD}),
    ("People, roles, keys, fields, stages, company settings", {Role.ADMINISTRATOR}),
)


@requires(can_view)
def settings(request: UserRequest) -> HttpResponse:
    return render(request, "team/settings.html", {"groups": places.places_for(request.user)})


@requires(can_administer)
def workspace(request: UserRequest) -> HttpResponse:
    present = queries.workspace()
    initial = {name: getattr(present, name) for name in services.FIELDS}
    form = WorkspaceForm(request.POST or None, request.FILES or None, initial=initial)
    if request.method == "POST" and form.is_valid():
        changes = {name: form.cleaned_data[name] for name in services.FIELDS}
        try:
            services.update_workspace(
                actor=request.user,
                logo=form.cleaned_data["logo"],
                remove_logo=form.cleaned_data["remove_logo"],
                **changes,
            )
        except Refused as refusal:
            show_refusal(form, refusal)
        else:
            messages.success(request, "Settings saved.")
            return redirect("team:workspace")
    status = 422 if form.is_bound else 200
    return render(request, "team/workspace.html", {"form": form, "workspace": present}, status=status)


@public("The company's logo stands in survey mails and pages.")
@require_safe
def logo(request: HttpRequest) -> HttpResponse:
    stored = queries.workspace().logo
    if not stored:
        return HttpResponseNotFound(content_type="text/plain")
    with stored.open("rb") as file:
        data = file.read()
    response = HttpResponse(data, content_type=images.content_type(data))
    response["Cache-Control"] = "public, max-age=300"
    response["ETag"] = f'"{hashlib.sha256(data).hexdigest()[:24]}"'
    response["Content-Security-Policy"] = "default-src 'none'"
    return response


@requires(can_administer)
def team_list(request: UserRequest) -> HttpResponse:
    form = TeamForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            services.create_team(name=form.cleaned_data["name"], actor=request.user)
        except Refused as refusal:
            show_refusal(form, refusal)
        else:
            messages.success(request, "Team added.")
            return redirect("team:team_list")
    context = {"form": form, "teams": queries.list_teams()}
    return render(request, "team/team_list.html", context, status=422 if form.is_bound else 200)


@requires(can_administer)
def team_detail(request: UserRequest, pk: int) -> HttpResponse:
    team = get_object_or_404(queries.list_teams(), pk=pk)
    form = TeamForm(request.POST or None, initial={"name": team.name})
    if request.method == "POST" and form.is_valid():
        try:
            services.rename_team(team=team, name=form.cleaned_data["name"], actor=request.user)
        except Refused as refusal:
            show_refusal(form, refusal)
        else:
            messages.success(request, "Team renamed.")
            return redirect("team:team_list")
    context = {"form": form, "team": team, "members": queries.list_people().filter(team=team)}
    return render(request, "team/team_detail.html", context, status=422 if form.is_bound else 200)


@requires(can_administer)
@require_POST
def team_delete(request: UserRequest, pk: int) -> HttpResponse:
    team = get_object_or_404(queries.list_teams(), pk=pk)
    try:
        services.delete_team(team=team, actor=request.user)
    except Refused as refusal:
        messages.error(request, refusal.message)
        return redirect("team:team_detail", pk=pk)
    messages.success(request, "Team removed.")
    return redirect("team:team_list")


@requires(can_administer)
def roles(request: UserRequest) -> HttpResponse:
    present = queries.row_scopes()
    form = RoleScopesForm(
        request.POST or None, initial={role.value: scope.value for role, scope in present.items()}
    )
    if request.method == "POST" and form.is_valid():
        try:
            services.set_row_scopes(scopes=form.scopes(), actor=request.user)
        except Refused as refusal:
            show_refusal(form, refusal)
        else:
            messages.success(request, "Row scopes saved. They hold from the next click of everybody.")
            return redirect("team:roles")
    table = [(text, [(ROLE_LABELS[role], role in able) for role in Role]) for text, able in ABILITIES]
    context = {"form": form, "table": table, "role_labels": [ROLE_LABELS[role] for role in Role]}
    return render(request, "team/roles.html", context, status=422 if form.is_bound else 200)
