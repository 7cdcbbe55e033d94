"""Where Twilio reports what became of SMS, and hands over replies.

Every call is signed with the account's auth token over the address it went to and all its fields; what is not, or not
rightly, is answered 403 whatever else it holds. Without a configured account there is no such address.
"""

from urllib.parse import parse_qsl
from xml.sax.saxutils import escape

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from surveys.channels.sms import twilio
from surveys.services import sms
from team.http import public

MAX_BODY = 64 * 1024
MAX_FIELDS = 200


class _Unproven(Exception):
    def __init__(self, status: int) -> None:
        self.status = status


def _fields(request: HttpRequest) -> dict[str, str]:
    """The fields of a call that Twilio has signed. Raises `_Unproven` with the status it is answered with."""
    if settings.SMS_PROVIDER != twilio.NAME or not twilio.is_configured():
        raise Http404
    length = request.META.get("CONTENT_LENGTH") or "0"
    if not length.isascii() or not length.isdigit() or int(length) > MAX_BODY:
        raise _Unproven(413)
    if request.content_type != "application/x-www-form-urlencoded":
        raise _Unproven(403)
    try:
        pairs = parse_qsl(
            request.body.decode(), keep_blank_values=True, max_num_fields=MAX_FIELDS, errors="strict"
        )
    except ValueError:
        raise _Unproven(403) from None
    # The address as Twilio called it: a proxy before us may have changed scheme and host.
    url = settings.BASE_URL + request.get_full_path()
    if not twilio.is_signed(url, pairs, request.headers.get("X-Twilio-Signature", "")):
        raise _Unproven(403)
    return dict(pairs)


@public("Twilio reports here; each call is signed.")
@csrf_exempt
@require_POST
def twilio_status(request: HttpRequest) -> HttpResponseBase:
    try:
        fields = _fields(request)
    except _Unproven as unproven:
        return HttpResponse(status=unproven.status)
    named = request.GET.get("delivery", "")
    sms.note_status(
        provider_id=fields.get("MessageSid", "")[:200],
        delivery_id=int(named) if named.isascii() and named.isdigit() and len(named) < 19 else None,
        fields=fields,
    )
    return HttpResponse(status=204)


@public("Twilio hands over replies here; each call is signed.")
@csrf_exempt
@require_POST
def twilio_inbound(request: HttpRequest) -> HttpResponseBase:
    try:
        fields = _fields(request)
    except _Unproven as unproven:
        return HttpResponse(status=unproven.status)
    reply = ""
    if fields.get("MessageSid"):
        reply = sms.take_in(
            sms.Incoming(
                provider=twilio.NAME,
                provider_id=fields["MessageSid"][:200],
                number=fields.get("From", ""),
                body=fields.get("Body", ""),
                is_handled=bool(fields.get("OptOutType")),
            )
        )
    message = f"<Message>{escape(reply)}</Message>" if reply else ""
    body = f'<?xml version="1.0" encoding="UTF-8"?><Response>{message}</Response>'
    return HttpResponse(body, content_type="text/xml")
