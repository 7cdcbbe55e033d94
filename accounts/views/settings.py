"""Settings of customers: lifecycle stages and custom fields, for administrators."""

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_POST

from accounts import queries
from accounts.forms import CustomFieldForm, StageForm, show_refusal
from accounts.services import fields as services
from core.errors import Refused
from team.http import UserRequest, requires
from team.permissions import can_administer


@requires(can_administer)
def stage_list(request: UserRequest) -> HttpResponse:
    form = StageForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            services.save_stage(actor=request.user, **form.cleaned_data)
        except Refused as refusal:
            show_refusal(form, refusal)
        else:
            messages.success(request, "Stage added.")
            return redirect("accounts:stage_list")
    context = {"form": form, "stages": queries.list_stages_with_counts(request.user)}
    return render(request, "accounts/stage_list.html", context, status=422 if form.errors else 200)


@requires(can_administer)
def stage_edit(request: UserRequest, pk: int) -> HttpResponse:
    stage = get_object_or_404(queries.list_stages(), pk=pk)
    initial = {"name": stage.name, "is_customer": stage.is_customer, "position": stage.position}
    form = StageForm(request.POST or None, initial=initial)
    if request.method == "POST" and form.is_valid():
        try:
            services.save_stage(stage=stage, actor=request.user, **form.cleaned_data)
        except Refused as refusal:
            show_refusal(form, refusal)
        else:
            messages.success(request, "Stage saved.")
            return redirect("accounts:stage_list")
    return render(
        request,
        "accounts/stage_form.html",
        {"form": form, "stage": stage},
        status=422 if form.errors else 200,
    )


@requires(can_administer)
@require_POST
def stage_delete(request: UserRequest, pk: int) -> HttpResponse:
    stage = get_object_or_404(queries.list_stages(), pk=pk)
    try:
        services.delete_stage(stage=stage, actor=request.user)
    except Refused as refusal:
        messages.error(request, refusal.message)
    else:
        messages.success(request, "Stage deleted.")
    return redirect("accounts:stage_list")


@requires(can_administer)
def field_list(request: UserRequest) -> HttpResponse:
    return render(request, "accounts/field_list.html", {"fields": queries.list_custom_fields()})


@requires(can_administer)
def field_create(request: UserRequest) -> HttpResponse:
    target = request.GET.get("target", "account")
    form = CustomFieldForm(
        request.POST or None, initial={"target": target, "is_personal": target == "contact"}
    )
    if request.method == "POST" and form.is_valid():
        values = form.cleaned_data
        try:
            services.create_custom_field(
                target=values["target"],
                label=values["label"],
                key=values["key"],
                type=values["type"],
                choices=form.choice_list(),
                is_personal=values["is_personal"],
                actor=request.user,
            )
        except Refused as refusal:
            show_refusal(form, refusal)
        else:
            messages.success(request, f"The field “{values['label']}” was added.")
            return redirect("accounts:field_list")
    return render(request, "accounts/field_form.html", {"form": form}, status=422 if form.errors else 200)


@requires(can_administer)
def field_edit(request: UserRequest, pk: int) -> HttpResponse:
    field = get_object_or_404(queries.list_custom_fields(), pk=pk)
    form = CustomFieldForm(request.POST or None, field=field)
    if request.method == "POST" and form.is_valid():
        values = form.cleaned_data
        try:
            services.update_custom_field(
                field=field,
                label=values["label"],
                choices=form.choice_list(),
                is_personal=values["is_personal"],
                position=values["position"],
                actor=request.user,
            )
        except Refused as refusal:
            show_refusal(form, refusal)
        else:
            messages.success(request, "Field saved.")
            return redirect("accounts:field_list")
    return render(
        request,
        "accounts/field_form.html",
        {"form": form, "field": field},
        status=422 if form.errors else 200,
    )


@requires(can_administer)
@require_POST
def field_delete(request: UserRequest, pk: int) -> HttpResponse:
    field = get_object_or_404(queries.list_custom_fields(), pk=pk)
    try:
        services.delete_custom_field(field=field, actor=request.user)
    except Refused as refusal:
        messages.error(request, refusal.message)
    else:
        messages.success(
            request,
            "Field deleted. Its values stay stored and come back if a field with its key is added again.",
        )
    return redirect("accounts:field_list")
