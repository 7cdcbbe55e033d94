"""Reading the demo's caught mail and SMS, replying to the latter, and its product with the widget. In demos only."""

from csp.constants import NONCE, NONE, SELF
from csp.decorators import csp, csp_replace
from django.core.paginator import Paginator
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.clickjacking import xframe_options_sameorigin

from accounts.models import Contact
from nps_crm.demo import in_app, mailbox, phone
from team.http import UserRequest, requires
from team.permissions import can_view

PAGE_SIZE = 40


@requires(can_view)
def mail_list(request: UserRequest) -> HttpResponse:
    page = Paginator(mailbox.keys(), PAGE_SIZE).get_page(request.GET.get("page"))
    mails = [mail for mail in map(mailbox.read, page.object_list) if mail is not None]
    return render(request, "demo/mail_list.html", {"page": page, "mails": mails})


def _mail(key: str) -> mailbox.Caught:
    caught = mailbox.read(key)
    if caught is None:
        raise Http404
    return caught


@requires(can_view)
def mail_detail(request: UserRequest, key: str) -> HttpResponse:
    caught = _mail(key)
    view = request.GET.get("view", "html" if caught.html else "text")
    return render(request, "demo/mail_detail.html", {"mail": caught, "view": view})


@requires(can_view)
@xframe_options_sameorigin
@csp_replace(  # type: ignore[arg-type]  # typed for views without arguments
    {
        "default-src": ["'none'"],
        "style-src": ["'unsafe-inline'"],
        "img-src": ["'self'", "data:", "https:"],
        "frame-ancestors": ["'self'"],
        "sandbox": ["allow-popups", "allow-popups-to-escape-sandbox"],
    }
)
def mail_frame(request: UserRequest, key: str) -> HttpResponse:
    """The HTML as a mail client would show it, without scripts and apart from our pages."""
    return HttpResponse(mailbox.html_for_frame(_mail(key)))


@requires(can_view)
def sms_list(request: UserRequest) -> HttpResponse:
    page = Paginator(phone.conversations(), PAGE_SIZE).get_page(request.GET.get("page"))
    return render(request, "demo/sms_list.html", {"page": page})


@requires(can_view)
def sms_detail(request: UserRequest, number: str) -> HttpResponse:
    """The customer's telephone: what came from us, and a field to reply."""
    if not phone.messages_of(number):
        raise Http404
    if request.method == "POST":
        body = request.POST.get("body", "").strip()[: phone.MAX_REPLY]
        if body:
            phone.reply(number=number, body=body)
        return redirect("demo:sms_detail", number)
    return render(
        request, "demo/sms_detail.html", {"number": number, "messages_shown": phone.messages_of(number)}
    )


@never_cache
@csp(
    {
        "default-src": [NONE],
        "script-src": [NONCE],
        "style-src": [SELF],
        "connect-src": [SELF],
        "base-uri": [NONE],
        "form-action": [NONE],
        "frame-ancestors": [NONE],
    }
)
@requires(can_view)
def product(request: UserRequest) -> HttpResponse:
    """The demo company's product, signed in as the contact `as` or as nobody, under a strict policy."""
    chosen = request.GET.get("as", "")
    contact = None
    if chosen.isascii() and chosen.isdigit() and len(chosen) < 19:
        contact = get_object_or_404(Contact.objects.visible_to(request.user).live(), pk=int(chosen))
    widget = in_app.widget()
    context = {
        "contact": contact,
        "widget": widget,
        "token": in_app.token_of(contact, widget) if contact and widget else "",
        "people": in_app.people_with_messages(request.user),
        "server": f"{request.scheme}://{request.get_host()}",
    }
    return render(request, "demo/product.html", context)
