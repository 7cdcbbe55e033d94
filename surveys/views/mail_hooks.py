"""Where mail providers report what became of mails, and hand over what came back.

django-anymail knows their formats and checks the shared secret and, where a provider has one, its signature. Around it:
one answer for everything that is not proven to come from the provider, no trace of it in the log, no page of an exception
for what cannot be read, and 503 for what we could not store, so that it is sent again.
"""

import base64
import binascii
import io
import logging
import re
import warnings
from functools import cache
from typing import Any, cast

import anymail.urls
from anymail.exceptions import AnymailConfigurationError, AnymailNotSupportedWarning
from anymail.webhooks.amazon_ses import AmazonSESInboundWebhookView, AmazonSESTrackingWebhookView
from anymail.webhooks.base import AnymailBaseWebhookView
from anymail.webhooks.resend import ResendInboundWebhookView, ResendTrackingWebhookView
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured, RequestDataTooBig, SuspiciousOperation
from django.db import DatabaseError
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.urls import Resolver404, ResolverMatch, URLPattern, URLResolver, path
from django.urls.resolvers import RegexPattern
from django.utils.crypto import constant_time_compare
from django.views.decorators.csrf import csrf_exempt
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from core.failures import describe, log_failure
from surveys import provider_events
from surveys.provider_events import NotTaken
from surveys.services import sns
from team.http import public

logger = logging.getLogger(__name__)
# A reply with its attachments, as the providers that put it into JSON send it. Read only from who knows the secret.
MAX_BODY = 40_000_000


# --- Amazon ----------------------------------------------------------------------------------------------------
class _Sns(AnymailBaseWebhookView):
    """Amazon's notifications without Amazon's library, which only sending over its API and mail kept in S3 would need.

    A subscription is never confirmed by itself: whoever knows our address could have us open any link. The link is
    shown to an administrator, and only if it leads to Amazon.
    """

    def __init__(self, **kwargs: Any) -> None:
        self.auto_confirm_enabled = False
        self.session_params: dict[str, Any] = {}
        self.client_params: dict[str, Any] = {}
        self.kms_key_id, self.chunk_size = None, 0
        AnymailBaseWebhookView.__init__(self, **kwargs)

    def validate_request(self, request: HttpRequest) -> None:
        # Validators run in no order to rely on, and a certificate is fetched only for who knows the secret.
        if not _knows_secret(request):
            raise SuspiciousOperation("Wrong secret")
        if not settings.SNS_VERIFY:
            return
        said = self._parse_sns_message(request)
        try:
            sns.verify(said if isinstance(said, dict) else {})
        except sns.NotSigned as refusal:
            raise SuspiciousOperation(refusal.message) from refusal
        except sns.Unavailable as trouble:
            raise NotTaken from trouble

    def auto_confirm_sns_subscription(self, sns_message: dict[str, Any]) -> None:
        sns.note_confirmation(
            topic=str(sns_message.get("TopicArn", "")), url=str(sns_message.get("SubscribeURL", ""))
        )


class SesTracking(_Sns, AmazonSESTrackingWebhookView):
    pass


class SesInbound(_Sns, AmazonSESInboundWebhookView):
    pass


# --- Resend ----------------------------------------------------------------------------------------------------
class _Svix(AnymailBaseWebhookView):
    """Resend signs as Svix does, which is Standard Webhooks under other header names; so the library of that reads it."""

    secret_name = ""

    def validate_request(self, request: HttpRequest) -> None:
        secret = dict(settings.ANYMAIL).get(self.secret_name)
        if not secret:
            return
        headers = {
            f"webhook-{name}": request.headers.get(f"svix-{name}", "")
            for name in ("id", "timestamp", "signature")
        }
        try:
            Webhook(secret).verify(request.body, headers, json_parse=False)
        except (WebhookVerificationError, ValueError) as error:
            # A malformed signature or number raises what its parser raises.
            raise SuspiciousOperation("Not signed by Resend") from error


class ResendTracking(_Svix, ResendTrackingWebhookView):
    secret_name = "RESEND_SIGNING_SECRET"  # noqa: S105 - the name of a setting


class ResendInbound(_Svix, ResendInboundWebhookView):
    secret_name = "RESEND_INBOUND_SECRET"  # noqa: S105 - the name of a setting


# --- The door --------------------------------------------------------------------------------------------------
@cache
def _known() -> URLResolver:
    own: list[URLPattern | URLResolver] = [
        path("amazon_ses/tracking/", SesTracking.as_view()),
        path("amazon_ses/inbound/", SesInbound.as_view()),
        # Without their own check, which wants a package that we do not need.
        path("resend/tracking/", ResendTracking.as_view(signing_secret=None)),
        path("resend/inbound/", ResendInbound.as_view(inbound_secret=None)),
    ]
    return URLResolver(RegexPattern(r""), [*own, *anymail.urls.urlpatterns])


def _find(hook: str) -> ResolverMatch:
    try:
        return _known().resolve(hook)
    except Resolver404:
        raise Http404 from None


@public("the mail provider's secret and signature are checked by django-anymail")
@csrf_exempt
def mail_hook(request: HttpRequest, hook: str) -> HttpResponseBase:
    """One report, or several, of a provider. 400 for what is not from it or cannot be read, 503 for "send it again"."""
    if not provider_events.is_configured():
        raise Http404
    found = _find(hook)
    if request.method not in {"POST", "HEAD"}:
        return HttpResponse(status=405, headers={"Allow": "POST, HEAD"})
    try:
        _make_room(request)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", AnymailNotSupportedWarning)
            response: HttpResponseBase = found.func(request, *found.args, **found.kwargs)
            return response
    except RequestDataTooBig:
        return _answer(413)
    except SuspiciousOperation:
        return _answer(400)
    except (AnymailConfigurationError, ImproperlyConfigured) as error:
        logger.warning("Mail hook %s: %s", hook, describe(error))
        return _answer(400)
    except (NotTaken, DatabaseError) as error:
        log_failure(logger, f"Mail hook {hook}", error.__cause__ or error)
        return _answer(503)
    except Exception as error:  # whatever a body can do to a parser
        log_failure(logger, f"Mail hook {hook}", error)
        return _answer(400)


def _answer(status: int) -> HttpResponse:
    response = HttpResponse(status=status)
    # Django would log the address; it may carry the secret.
    cast(Any, response)._has_been_logged = True
    return response


def _make_room(request: HttpRequest) -> None:
    """Let who knows the secret send more than the usual limit: mails with attachments come as JSON."""
    if request.content_type not in {"application/json", "text/plain"} or not _knows_secret(request):
        return
    length = int(request.META.get("CONTENT_LENGTH") or 0)
    if length > MAX_BODY:
        raise RequestDataTooBig
    if length > (settings.DATA_UPLOAD_MAX_MEMORY_SIZE or MAX_BODY):
        body = request.read(length)
        request._body = body
        request._stream = io.BytesIO(body)


def _knows_secret(request: HttpRequest) -> bool:
    secrets = dict(settings.ANYMAIL).get("WEBHOOK_SECRET") or []
    given = re.match(r"Basic\s+(\S+)$", request.META.get("HTTP_AUTHORIZATION", ""), re.IGNORECASE)
    if given is None:
        return False
    try:
        said = base64.b64decode(given[1], validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        return False
    return any(
        constant_time_compare(said, each) for each in ([secrets] if isinstance(secrets, str) else secrets)
    )
