"""What a person says about themselves, and the audit log."""

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpResponse
from django.shortcuts import redirect, render

from core.errors import Refused
from team import queries
from team.forms import AuditFilter, ProfileForm, show_refusal
from team.http import UserRequest, requires
from team.permissions import can_administer, can_view
from team.services import people as services


@requires(can_view)
def profile(request: UserRequest) -> HttpResponse:
    person = request.user
    initial = {
        "name": person.name,
        "title": person.title,
        "time_zone": person.time_zone,
        "phone": person.phone,
    }
    form = ProfileForm(request.POST or None, initial=initial)
    if request.method == "POST" and form.is_valid():
        try:
            services.update_profile(person=person, **form.cleaned_data)
        except Refused as refusal:
            show_refusal(form, refusal)
        else:
            messages.success(request, "Your profile is saved.")
            return redirect("team:profile")
    context = {
        "form": form,
        "second_step": queries.has_second_step(person),
        "keys": queries.usable_keys_of(person),
        "row_scope": queries.row_scope_text(person),
    }
    return render(request, "team/profile.html", context, status=422 if form.is_bound else 200)


@requires(can_administer)
def audit_list(request: UserRequest) -> HttpResponse:
    form = AuditFilter(request.GET or {})
    page = Paginator(form.entries(), 100).get_page(request.GET.get("page"))
    context = {
        "form": form,
        "page": page,
        "lines": [(entry, queries.action_text(entry.action), queries.audit_text(entry)) for entry in page],
        "filtered": "on" if any(request.GET.get(name) for name in form.fields) else "",
    }
    return render(request, "team/audit_list.html", context)
