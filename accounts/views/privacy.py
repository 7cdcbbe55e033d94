"""What a person may ask of whoever keeps data about them: to see all of it, and to be forgotten."""

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.template.loader import render_to_string

from accounts import queries
from accounts.services import erase
from accounts.services import person_export as exporting
from core.errors import Refused
from team.http import UserRequest, requires
from team.permissions import can_export, can_lead

WORD = "erase"


@requires(can_lead)
def contact_erase(request: UserRequest, pk: int) -> HttpResponse:
    """Asks once more, with what goes and what stays; the word has to be typed, since it cannot be undone."""
    contact = get_object_or_404(queries.list_contacts(request.user), pk=pk)
    trouble = ""
    if request.method == "POST":
        if request.POST.get("word", "").strip().lower() != WORD:
            trouble = f"Type “{WORD}” to confirm."
        else:
            try:
                erase.request_erasure(contact=contact, actor=request.user)
            except Refused as refusal:
                trouble = refusal.message
            else:
                messages.info(request, "The person is being erased. It takes a moment.")
                return redirect("accounts:contact_list")
    context = {"contact": contact, "trouble": trouble, "word": WORD}
    return render(request, "accounts/contact_erase.html", context, status=422 if trouble else 200)


@requires(can_export)
def person_export(request: UserRequest, pk: int) -> HttpResponse:
    """All that is known about a person. GET says what that is; POST gives the file, as JSON or as a page to read."""
    contact = get_object_or_404(queries.list_contacts(request.user), pk=pk)
    if request.method != "POST":
        return render(request, "accounts/person_export.html", {"contact": contact})
    found = exporting.export_person(contact=contact, actor=request.user)
    if request.POST.get("form") == "json":
        response = HttpResponse(found.as_json(), content_type="application/json")
        name = f"person-{contact.pk}.json"
    else:
        text = render_to_string("accounts/person_export_file.html", {"found": found, "contact": contact})
        response = HttpResponse(text)
        name = f"person-{contact.pk}.html"
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    response["Cache-Control"] = "no-store"
    return response
