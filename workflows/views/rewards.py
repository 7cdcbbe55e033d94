"""Settings pages of reward lists: what is left, to whom codes went, more codes. Codes themselves are never shown."""

from typing import Any

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_POST

from core.errors import Refused
from team.forms import show_refusal
from team.http import UserRequest, requires
from team.permissions import can_lead
from workflows.models import RewardList
from workflows.queries import rewards as queries
from workflows.reward_forms import CodesForm, NewRewardListForm, RewardListForm
from workflows.services import rewards as services

PAGE_SIZE = 50


@requires(can_lead)
def reward_lists(request: UserRequest) -> HttpResponse:
    """All lists with what is left of each, and the form of a new one."""
    form = NewRewardListForm(request.POST or None, request.FILES or None)
    if request.method == "POST" and form.is_valid():
        lines = [line for line in form.lines() if line.strip()]
        try:
            made = services.create_list(
                name=form.cleaned_data["name"], description=form.cleaned_data["description"], codes=lines,
                actor=request.user,
            )  # fmt: skip
        except Refused as refusal:
            show_refusal(form, refusal)
        else:
            messages.info(request, f"The list “{made.name}” is there. Rules can give its codes.")
            return redirect("workflows:reward_list", pk=made.pk)
    context = {"lists": queries.list_reward_lists(), "form": form}
    return render(request, "workflows/reward_lists.html", context, status=422 if form.is_bound else 200)


def _page(request: UserRequest, found: RewardList, *, status: int = 200, **forms: Any) -> HttpResponse:
    given = queries.list_given(found, user=request.user)
    page = Paginator(given, PAGE_SIZE).get_page(request.GET.get("page"))
    context = {
        "list": found,
        "page": page,
        "unseen": found.given - page.paginator.count,  # type: ignore[attr-defined]
        "codes_form": CodesForm(),
        "list_form": RewardListForm(initial={"name": found.name, "description": found.description}),
        **forms,
    }
    return render(request, "workflows/reward_list.html", context, status=status)


@requires(can_lead)
def reward_list(request: UserRequest, pk: int) -> HttpResponse:
    """One list; posting changes its name and description."""
    found = get_object_or_404(queries.list_reward_lists(), pk=pk)
    if request.method != "POST":
        return _page(request, found)
    form = RewardListForm(request.POST)
    if form.is_valid():
        try:
            services.update_list(list=found, actor=request.user, **form.cleaned_data)
        except Refused as refusal:
            show_refusal(form, refusal)
        else:
            messages.info(request, "Saved.")
            return redirect("workflows:reward_list", pk=pk)
    return _page(request, found, status=422, list_form=form)


@requires(can_lead)
@require_POST
def reward_codes_add(request: UserRequest, pk: int) -> HttpResponse:
    found = get_object_or_404(queries.list_reward_lists(), pk=pk)
    form = CodesForm(request.POST, request.FILES)
    if form.is_valid():
        try:
            added, known = services.add_codes(list=found, codes=form.lines(), actor=request.user)
        except Refused as refusal:
            show_refusal(form, refusal)
        else:
            doubled = f" {known:,} were on it already or came twice." if known else ""
            messages.info(request, f"{added:,} code{'' if added == 1 else 's'} added.{doubled}")
            return redirect("workflows:reward_list", pk=pk)
    return _page(request, found, status=422, codes_form=form)
