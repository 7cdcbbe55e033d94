"""The door for what other systems send. Whatever comes, the answer is one of a few plain ones and never an exception.

200: taken, known already, or a look whether we are there (HEAD, GET). 400: it cannot be read; where it proves where it comes
from it is kept all the same, and the connection says so. 401: it does not prove that. 404: no connection has this address. 411: in chunks, where this server cannot tell their end. 413, 415: too large, or packed. 503: it
could not be stored; send it again. A connection that is paused or broken takes deliveries all the same.
"""

import logging
import re
from collections.abc import Callable
from typing import Any, cast

from django.core.exceptions import DisallowedHost
from django.db import DatabaseError
from django.http import HttpRequest, HttpResponse
from django.views.decorators.csrf import csrf_exempt

from core.errors import Refused
from core.failures import log_failure
from integrations import bodies
from integrations.contract import Delivery, Forged
from integrations.services import hooks
from team.http import public

logger = logging.getLogger(__name__)
MAX_BODY = 5 * 1024 * 1024
MAX_HEADER = 16_000


@public("the token in the address, and the system's signature where it has one")
@csrf_exempt
def door(request: HttpRequest, token: str) -> HttpResponse:
    """One delivery of another system."""
    try:
        return _answer(_status(request, token))
    except DatabaseError as error:
        log_failure(logger, "A delivery could not be stored", error)
        return _answer(503)
    except Exception as error:  # whatever a request can do to a parser
        log_failure(logger, "A delivery could not be read", error)
        return _answer(400)


def _status(request: HttpRequest, token: str) -> int:
    if request.method not in {"POST", "HEAD", "GET"}:
        return 405
    connection = hooks.find(token)
    if connection is None:
        return 404
    if request.method != "POST":
        return 200
    if request.headers.get("Content-Encoding", "identity").lower() not in {"", "identity"}:
        return 415
    length = request.META.get("CONTENT_LENGTH") or "0"
    if not length.isdigit():
        return 400
    if int(length) > MAX_BODY:
        return 413
    headers = {name.lower(): value for name, value in request.headers.items()}
    if any(len(value) > MAX_HEADER for value in headers.values()):
        return 400
    stream: Any = request
    if "chunked" in headers.get("transfer-encoding", "").lower() and not request.META.get("CONTENT_LENGTH"):
        # Django takes a body without a length for none, and the delivery would be lost with a 200.
        if not request.META.get("wsgi.input_terminated"):
            return 411
        stream = request.META["wsgi.input"]
    body = stream.read(MAX_BODY + 1)
    if len(body) > MAX_BODY:
        return 413
    if len(body) < int(length):
        return 400
    query = {key: values[-1] for key, values in request.GET.lists() if values}
    try:
        hooks.receive(connection, Delivery(body=body, headers=headers, query=query))
    except Forged:
        return 401
    except Refused as refusal:
        logger.warning("Connection %s: %s", connection.pk, refusal.message)
        return 503
    return 200 if bodies.is_readable(body) else 400


def _answer(status: int) -> HttpResponse:
    response = HttpResponse(status=status)
    if status == 405:
        response["Allow"] = "POST, HEAD, GET"
    # Django would log the address, and it is a secret.
    cast(Any, response)._has_been_logged = True
    return response


_PATH = re.compile(r"/(?:hooks/in/([^/]+)/|api/v1/ingest/([^/]+)/?)")


class DeliveryLane:
    """Middleware that leads a delivery past sessions, CSRF, messages and the rest, which have nothing to do for it.

    It stands behind SecurityMiddleware, whose headers the answer keeps. A name of ours that is not allowed is answered as
    everywhere.
    """

    def __init__(self, get_response: Callable[[HttpRequest], Any]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> Any:
        found = _PATH.fullmatch(request.path_info) if request.method == "POST" else None
        if found is None:
            return self.get_response(request)
        try:
            request.get_host()
        except DisallowedHost:
            return self.get_response(request)
        return door(request, found[1] or found[2])
