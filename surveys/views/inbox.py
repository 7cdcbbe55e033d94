"""The identity inbox: answers of people nobody could be found for. For those who see all accounts."""

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_POST

from accounts import queries as account_queries
from core.errors import Refused
from surveys.forms import LinkForm, NewContactForm
from surveys.models import Response
from surveys.queries import feedback as queries
from surveys.services import inbox as services
from team.http import UserRequest, requires
from team.permissions import can_lead, can_view

PER_PAGE = 25


@requires(can_view)
def inbox_list(request: UserRequest) -> HttpResponse:
    ignored = request.GET.get("show") == "ignored"
    page = Paginator(queries.list_inbox(request.user, ignored=ignored), PER_PAGE).get_page(
        request.GET.get("page")
    )
    suggestions = queries.suggestions_for(list(page), request.user)
    rows = [
        (response, suggestions[response.pk], queries.accounts_by_domain(response, request.user))
        for response in page
    ]
    context = {"page": page, "rows": rows, "ignored": ignored, "may_lead": can_lead(request.user)}
    return render(request, "surveys/inbox_list.html", context)


def _waiting(request: UserRequest, pk: int) -> Response:
    rows = queries.list_responses(request.user).filter(identity__in=["inbox", "ignored"])
    return get_object_or_404(rows, pk=pk)


@requires(can_lead)
@require_POST
def inbox_link(request: UserRequest, pk: int) -> HttpResponse:
    """Link to a suggested contact (`contact`) or to one found by address (`email`)."""
    response = _waiting(request, pk)
    people = account_queries.list_contacts(request.user).filter(
        merged_into__isnull=True, erased_at__isnull=True
    )
    if request.POST.get("contact", "").isdigit():
        contact = people.filter(pk=int(request.POST["contact"])).first()
    else:
        form = LinkForm(request.POST)
        contact = None
        if form.is_valid():
            contact = people.filter(email__iexact=form.cleaned_data["email"].strip()).first()
    if contact is None:
        messages.error(
            request, "No contact with this address is in your sight. Check it, or make a new contact."
        )
        return redirect("surveys:inbox_list")
    try:
        services.link_response(response=response, contact=contact, actor=request.user)
    except Refused as refusal:
        messages.error(request, refusal.message)
    else:
        messages.info(request, f"The answer belongs to {contact.display_name} now and counts.")
    return redirect("surveys:inbox_list")


@requires(can_lead)
@require_POST
def inbox_create(request: UserRequest, pk: int) -> HttpResponse:
    """Make a contact of what the answer says about its author."""
    response = _waiting(request, pk)
    form = NewContactForm(request.POST, accounts=account_queries.list_accounts(request.user))
    if not form.is_valid():
        messages.error(request, "Choose the account the new contact belongs to.")
        return redirect("surveys:inbox_list")
    try:
        made = services.create_contact_from(
            response=response,
            account=form.cleaned_data["account"],
            name=form.cleaned_data["name"],
            actor=request.user,
        )
    except Refused as refusal:
        messages.error(request, refusal.message)
    else:
        messages.info(request, f"{made.contact} is a contact now, and the answer counts.")
    return redirect("surveys:inbox_list")


@requires(can_lead)
@require_POST
def inbox_ignore(request: UserRequest, pk: int) -> HttpResponse:
    """Set aside, or take back what was set aside."""
    response = _waiting(request, pk)
    try:
        if response.identity == "ignored":
            services.take_back(response=response, actor=request.user)
        else:
            services.ignore_response(response=response, actor=request.user)
    except Refused as refusal:
        messages.error(request, refusal.message)
    return redirect("surveys:inbox_list")
