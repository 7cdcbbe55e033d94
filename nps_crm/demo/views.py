"""Reading the demo's caught mail and SMS, and replying to the latter. Mounted in demos only."""

from csp.decorators import csp_replace
from django.core.paginator import Paginator
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.clickjacking import xframe_options_sameorigin

from nps_crm.demo import mailbox, phone
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
