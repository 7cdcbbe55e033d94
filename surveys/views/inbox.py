"""The identity inbox: answers of people nobody could be found for. For those who see all accounts."""

from django.contrib import messages
from django.core.paginator import Paginator
from django.db.models import QuerySet
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.http import require_POST, require_safe

from accounts import queries as account_queries
from accounts.forms import ContactForm, show_refusal
from accounts.models import Account, Contact
from core.errors import Refused
from surveys import sources
from surveys.forms import LinkForm, NewContactForm
from surveys.inbox_filters import InboxFilter
from surveys.models import IdentityAction, Response
from surveys.queries import feedback
from surveys.queries import inbox as queries
from surveys.services import inbox as services
from team.http import UserRequest, requires
from team.permissions import can_lead, can_view

PER_PAGE = 25
FILTERS = ("survey", "source", "domain", "known", "since", "until", "q")


def _filtered(request: UserRequest) -> InboxFilter:
    ignored = request.GET.get("show") == "ignored"
    return InboxFilter(request.GET, feedback.list_inbox(request.user, ignored=ignored), request=request)


@requires(can_view)
@require_safe
def inbox_list(request: UserRequest) -> HttpResponse:
    ignored = request.GET.get("show") == "ignored"
    found = _filtered(request)
    rows = found.qs if found.is_valid() else found.queryset.none()
    page = Paginator(rows, PER_PAGE).get_page(request.GET.get("page"))
    looked = queries.look(list(page), request.user)
    named = sources.names({response.source for response in page})
    context = {
        "page": page,
        "rows": [
            (response, looked[response.pk].suggestions, looked[response.pk], named[response.source])
            for response in page
        ],
        "form": found.form,
        "troubles": []
        if found.is_valid()
        else [f"{k}: {' '.join(map(str, e))}" for k, e in found.errors.items()],
        "is_filtered": any(request.GET.get(name) for name in FILTERS),
        "ignored": ignored,
        "waiting_count": feedback.list_inbox(request.user).count(),
        "ignored_count": feedback.list_inbox(request.user, ignored=True).count(),
        "latest": queries.list_actions(request.user)[:3],
        "may_lead": can_lead(request.user),
    }
    return render(request, "surveys/inbox_list.html", context)


def _waiting(request: UserRequest, pk: int) -> Response:
    return get_object_or_404(queries.list_waiting(request.user), pk=pk)


def _people(request: UserRequest) -> QuerySet[Contact]:
    return account_queries.list_contacts(request.user)


def _named_contact(request: UserRequest) -> Contact | None:
    """The contact a form names, by id or by e-mail address; None when there is none in sight."""
    chosen = request.POST.get("contact", "")
    if chosen.isascii() and chosen.isdigit() and len(chosen) < 19:
        return _people(request).filter(pk=int(chosen)).first()
    form = LinkForm(request.POST)
    if not form.is_valid():
        return None
    return _people(request).filter(email__iexact=form.cleaned_data["email"].strip()).first()


def _done(request: UserRequest, action: IdentityAction) -> HttpResponse:
    """To the page that says what a decision changed, from where it can be undone."""
    return redirect("surveys:inbox_decision", pk=action.pk)


def _back(request: UserRequest) -> HttpResponse:
    return redirect(f"{reverse('surveys:inbox_list')}?{request.GET.urlencode()}")


NOBODY = "No contact with this address is in your sight. Check it, or make a new contact."


@requires(can_lead)
@require_POST
def inbox_link(request: UserRequest, pk: int) -> HttpResponse:
    """Link to a suggested contact (`contact`) or to one found by address (`email`)."""
    response = _waiting(request, pk)
    contact = _named_contact(request)
    if contact is None:
        messages.error(request, NOBODY)
        return _back(request)
    try:
        action = services.link(pairs={response.pk: contact.pk}, actor=request.user)
    except Refused as refusal:
        messages.error(request, refusal.message)
        return _back(request)
    messages.info(request, f"The answer belongs to {contact.display_name} now and counts.")
    return _done(request, action)


@requires(can_lead)
@require_POST
def inbox_create(request: UserRequest, pk: int) -> HttpResponse:
    """Make a contact of what the answer says about its author."""
    response = _waiting(request, pk)
    form = NewContactForm(request.POST, accounts=account_queries.list_accounts(request.user))
    if not form.is_valid():
        messages.error(request, "Choose the account the new contact belongs to.")
        return _back(request)
    try:
        action = services.create(
            response=response,
            account=form.cleaned_data["account"],
            name=form.cleaned_data["name"],
            actor=request.user,
        )
    except Refused as refusal:
        messages.error(request, refusal.message)
        return _back(request)
    messages.info(request, "The author is a contact now, and the answer counts.")
    return _done(request, action)


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
    return _back(request)


# --- Many at once --------------------------------------------------------------------------------------------
@requires(can_lead)
@require_POST
def inbox_bulk(request: UserRequest) -> HttpResponse:
    """One decision about the ticked answers or everything under the filter; of many it first says what it would do."""
    found = _filtered(request)
    rows = found.qs if found.is_valid() else found.queryset.none()
    if not request.POST.get("all_matching"):
        rows = rows.filter(
            pk__in=[int(pk) for pk in request.POST.getlist("ids") if pk.isdigit() and len(pk) < 19]
        )
    ids = list(rows.order_by("pk").values_list("pk", flat=True)[: services.MAX_ROWS + 1])
    mode = request.POST.get("action", "")
    try:
        contact, account = _target(request, mode)
        if mode in {"suggested", "create"} and not request.POST.get("confirmed") and ids:
            return _ask(request, ids, mode, account)
        action = services.decide_many(
            response_ids=ids, mode=mode, actor=request.user, contact=contact, account=account
        )
    except Refused as refusal:
        messages.error(request, refusal.message)
        return _back(request)
    return _done(request, action)


def _target(request: UserRequest, mode: str) -> tuple[Contact | None, Account | None]:
    if mode == "contact":
        contact = _named_contact(request)
        if contact is None:
            raise Refused(NOBODY, field="email")
        return contact, None
    chosen = request.POST.get("account", "")
    if mode == "create" and chosen:
        account = (
            account_queries.list_accounts(request.user).filter(pk=int(chosen)).first()
            if chosen.isascii() and chosen.isdigit() and len(chosen) < 19
            else None
        )
        if account is None:
            raise Refused("There is no such account in your sight.", field="account")
        return None, account
    return None, None


def _ask(request: UserRequest, ids: list[int], mode: str, account: Account | None) -> HttpResponse:
    """What a bulk decision would do, before it is done."""
    if len(ids) > services.MAX_ROWS:
        raise Refused(f"At most {services.MAX_ROWS:,} answers at once. Narrow the filter.", code="too_many")
    number = (
        queries.count_sure(ids, request.user)
        if mode == "suggested"
        else services.count_creatable(ids, account)
    )
    context = {
        "number": number,
        "total": len(ids),
        "rest": len(ids) - number,
        "mode": mode,
        "account": account,
        "ids": [] if request.POST.get("all_matching") else ids,
        "all_matching": bool(request.POST.get("all_matching")),
        "query": request.GET.urlencode(),
    }
    return render(request, "surveys/inbox_confirm.html", context)


# --- Decisions -----------------------------------------------------------------------------------------------
@requires(can_view)
@require_safe
def inbox_decisions(request: UserRequest) -> HttpResponse:
    page = Paginator(queries.list_actions(request.user), PER_PAGE).get_page(request.GET.get("page"))
    context = {"page": page, "rows": [(action, queries.title_of(action)) for action in page]}
    return render(request, "surveys/inbox_decisions.html", context)


@requires(can_view)
@require_safe
def inbox_decision(request: UserRequest, pk: int) -> HttpResponse:
    """What one decision did and changed; while it still runs, how far it is."""
    action = get_object_or_404(queries.list_actions(request.user), pk=pk)
    context = {
        "action": action,
        "title": queries.title_of(action),
        "changes": queries.words_of(action, request.user),
        "job": queries.job_of(action),
        "answers": queries.answers_of(action, request.user)[:PER_PAGE],
        "may_undo": can_lead(request.user) and action.undone_at is None and action.sealed_at is None,
        "undo_days": services.UNDO_DAYS,
        "undo_state": services.standing_of_undo(action).value,
    }
    return render(request, "surveys/inbox_decision.html", context)


@requires(can_lead)
@require_POST
def inbox_undo(request: UserRequest, pk: int) -> HttpResponse:
    action = get_object_or_404(queries.list_actions(request.user), pk=pk)
    try:
        services.undo(action=action, actor=request.user)
    except Refused as refusal:
        messages.error(request, refusal.message)
    return redirect("surveys:inbox_decision", pk=pk)


# --- From an answer or a contact -----------------------------------------------------------------------------
@requires(can_lead)
@require_POST
def response_unlink(request: UserRequest, pk: int) -> HttpResponse:
    """It is not theirs: back to the inbox. With a contact or address, straight to whom it belongs."""
    response = get_object_or_404(feedback.list_responses(request.user), pk=pk, identity="matched")
    try:
        if request.POST.get("email") or request.POST.get("contact"):
            contact = _named_contact(request)
            if contact is None:
                raise Refused(NOBODY, field="email")
            action = services.link(pairs={response.pk: contact.pk}, actor=request.user)
        else:
            action = services.unlink(responses=[response], actor=request.user)
    except Refused as refusal:
        messages.error(request, refusal.message)
        return redirect("surveys:response_detail", pk=pk)
    if not queries.list_actions(request.user).filter(pk=action.pk).exists():
        return redirect("surveys:response_list")
    return _done(request, action)


@requires(can_lead)
def contact_split(request: UserRequest, pk: int) -> HttpResponse:
    """Two people under one contact: choose the answers of the second and say who that is."""
    contact = get_object_or_404(_people(request), pk=pk)
    account = contact.account
    initial = {"account": f"{account.name} #{account.pk}"} if account else {}
    form = ContactForm(request.POST or None, user=request.user, initial=initial)
    answers = feedback.list_responses(request.user).filter(contact=contact)
    if request.method == "POST" and form.is_valid():
        chosen = [int(one) for one in request.POST.getlist("responses") if one.isdigit() and len(one) < 19]
        try:
            _, other = services.split(
                contact=contact, response_ids=chosen, values=form.values(), actor=request.user
            )
        except Refused as refusal:
            if refusal.field == "responses":
                form.add_error(None, refusal.message)
            else:
                show_refusal(form, refusal)
        else:
            messages.info(request, f"{other.display_name} is a contact of their own now.")
            return redirect("accounts:contact_detail", pk=other.pk)
    context = {
        "contact": contact,
        "form": form,
        "answers": answers[:200],
        "chosen": request.POST.getlist("responses"),
    }
    return render(request, "surveys/contact_split.html", context, status=422 if form.errors else 200)
