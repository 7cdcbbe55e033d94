"""The plumbing of the REST API: what comes in is read strictly, what goes out has one shape.

Every failure answers `{"type", "errors": [{"code", "detail", "attr"}]}`. Views build on `ApiViewSet`; authentication
and scopes are `team.authentication`.
"""

import hashlib
import logging
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

from django.core import exceptions as django_exceptions
from django.core import signals
from django.http import HttpResponse
from drf_standardized_errors.handler import ExceptionHandler as StandardExceptionHandler
from rest_framework import exceptions, serializers
from rest_framework.fields import get_error_detail
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView
from rest_framework.viewsets import GenericViewSet

from core import idempotency
from core.api_wire import (
    MAX_BODY_BYTES,
    CursorPagination,
    FilterBackend,
    Malformed,
    StrictJSONParser,
    TooLarge,
    check_content_type,
    clean_text,
    read_body,
    read_json,
)
from core.errors import Invalid, Refused
from core.failures import log_failure

__all__ = [
    "MAX_BODY_BYTES",
    "ApiView",
    "ApiViewSet",
    "BulkResultSerializer",
    "CursorPagination",
    "ExceptionHandler",
    "FilterBackend",
    "Malformed",
    "RowResult",
    "StrictJSONParser",
    "TooLarge",
    "bulk_response",
    "bulk_rows",
    "check_content_type",
    "clean_text",
    "error_body",
    "rate_headers",
    "read_body",
    "read_json",
    "validate_rows",
]

logger = logging.getLogger(__name__)

MAX_BULK_ROWS = 1_000


# --- Refusing ------------------------------------------------------------------------------------------------
class _RefusedException(exceptions.APIException):
    """A `Refused` on its way through DRF."""

    def __init__(self, refusal: Refused) -> None:
        super().__init__(refusal.message, refusal.code)
        self.status_code = refusal.status
        self.refusal = refusal
        if refusal.status == 401:
            self.auth_header = "Bearer"
        wait = getattr(refusal, "wait", None)
        if wait:
            self.wait = wait


def error_body(refusal: Refused) -> dict[str, Any]:
    """The one error shape, for plain views that answer without DRF."""
    kind = "validation_error" if refusal.status == 400 and refusal.code != "parse_error" else "client_error"
    return {
        "type": kind,
        "errors": [
            {
                "code": refusal.code,
                "detail": refusal.message,
                "attr": refusal.field or None,
            }
        ],
    }


class ExceptionHandler(StandardExceptionHandler):
    """Turns refusals into the one error shape; an unforeseen failure says nothing about its inside."""

    def convert_known_exceptions(self, exc: Exception) -> Exception:
        if isinstance(exc, Refused):
            return _RefusedException(exc)
        if isinstance(exc, django_exceptions.RequestDataTooBig):
            return _RefusedException(TooLarge("The body is too large. Send it in smaller parts."))
        if isinstance(exc, (django_exceptions.SuspiciousOperation, django_exceptions.BadRequest)):
            return exceptions.ParseError("The request could not be read.")
        if isinstance(exc, django_exceptions.ValidationError):
            return exceptions.ValidationError(get_error_detail(exc))
        return super().convert_known_exceptions(exc)

    def format_exception(self, exc: exceptions.APIException) -> Any:
        if isinstance(exc, _RefusedException):
            return error_body(exc.refusal)
        return super().format_exception(exc)

    def report_exception(self, exc: exceptions.APIException, response: Response) -> None:
        # Not Django's log line: it would end in the message of the failure, which may quote the data.
        if exc.status_code < 500:
            return
        request = getattr(self.context.get("request"), "_request", None)
        signals.got_request_exception.send(sender=None, request=request)
        log_failure(logger, "API", self.exc)


# --- Many rows in one call -----------------------------------------------------------------------------------
@dataclass(slots=True)
class RowResult:
    """What became of one row of a bulk call. `index` counts from 0."""

    index: int
    status: str
    id: int | None = None
    external_id: str | None = None
    errors: list[dict[str, Any]] = field(default_factory=list)

    @classmethod
    def refused(cls, index: int, refusal: Refused, external_id: str | None = None) -> "RowResult":
        return cls(
            index,
            "refused",
            external_id=external_id,
            errors=error_body(refusal)["errors"],
        )


class RowErrorSerializer(serializers.Serializer[Any]):
    code = serializers.CharField()
    detail = serializers.CharField()
    attr = serializers.CharField(allow_null=True)


class RowResultSerializer(serializers.Serializer[Any]):
    index = serializers.IntegerField(help_text="Position of the row in the request, from 0.")
    status = serializers.ChoiceField(choices=["created", "updated", "unchanged", "refused"])
    id = serializers.IntegerField(allow_null=True)
    external_id = serializers.CharField(allow_null=True)
    errors = RowErrorSerializer(many=True)  # type: ignore[assignment]  # a field, not the errors found


class BulkResultSerializer(serializers.Serializer[Any]):
    """Counts, and what became of each row in the order sent."""

    created = serializers.IntegerField()
    updated = serializers.IntegerField()
    unchanged = serializers.IntegerField()
    refused = serializers.IntegerField()
    results = RowResultSerializer(many=True)


def bulk_response(results: Iterable[RowResult]) -> Response:
    """200 with counts and a result per row; refused rows carry the errors a single call would have answered."""
    rows = sorted(results, key=lambda row: row.index)
    counts = dict.fromkeys(("created", "updated", "unchanged", "refused"), 0)
    for row in rows:
        counts[row.status] += 1
    listed = [
        {
            "index": row.index,
            "status": row.status,
            "id": row.id,
            "external_id": row.external_id,
            "errors": row.errors,
        }
        for row in rows
    ]
    return Response({**counts, "results": listed})


def bulk_rows(data: Any) -> list[Any]:
    """The rows of a bulk call: a JSON list of 1 to 1,000 objects."""
    if not isinstance(data, list):
        raise Invalid("Send a list of objects.", code="not_a_list")
    if not data:
        raise Invalid("The list is empty. Send at least one object.", code="empty")
    if len(data) > MAX_BULK_ROWS:
        raise TooLarge(f"The list has {len(data):,} rows; one call takes at most {MAX_BULK_ROWS:,}.")
    return data


def validate_rows(
    rows: Sequence[Any],
    serializer_class: type[serializers.Serializer[Any]],
    context: dict[str, Any] | None = None,
) -> tuple[list[tuple[int, dict[str, Any]]], list[RowResult]]:
    """Check each row by itself; returns the good ones with their positions, and the refusals of the others."""
    good: list[tuple[int, dict[str, Any]]] = []
    refused: list[RowResult] = []
    for index, row in enumerate(rows):
        serializer = serializer_class(data=row, context=context or {})
        if serializer.is_valid():
            good.append((index, serializer.validated_data))
            continue
        external_id = row.get("external_id") if isinstance(row, dict) else None
        refused.append(
            RowResult(
                index,
                "refused",
                external_id=external_id if isinstance(external_id, str) else None,
                errors=list(_flatten(serializer.errors)),
            )
        )
    return good, refused


def _flatten(detail: Any, attr: str = "") -> Iterable[dict[str, Any]]:
    if isinstance(detail, Mapping):
        for name, inner in detail.items():
            yield from _flatten(inner, f"{attr}.{name}" if attr else str(name))
    elif isinstance(detail, list):
        for position, inner in enumerate(detail):
            nested = isinstance(inner, (Mapping, list))
            yield from _flatten(inner, f"{attr}.{position}" if nested else attr)
    else:
        yield {
            "code": getattr(detail, "code", "invalid"),
            "detail": str(detail),
            "attr": attr or None,
        }


# --- Views ---------------------------------------------------------------------------------------------------
def rate_headers(verdict: Any) -> dict[str, str]:
    """The headers that tell a client how much it may still ask."""
    return {
        "RateLimit-Limit": str(verdict.limit),
        "RateLimit-Remaining": str(max(0, int(verdict.remaining))),
        "RateLimit-Reset": str(max(0, math.ceil(verdict.reset_seconds))),
    }


class ApiView(APIView):
    """Base of all API views: the rate is counted before rights are looked at, and told in every answer."""

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        self.format_kwarg = self.get_format_suffix(**kwargs)
        neg = self.perform_content_negotiation(request)
        request.accepted_renderer, request.accepted_media_type = neg
        request.version, request.versioning_scheme = self.determine_version(request, *args, **kwargs)
        self.perform_authentication(request)
        self.check_throttles(request)
        self.check_permissions(request)

    def finalize_response(self, request: Request, response: Any, *args: Any, **kwargs: Any) -> Any:
        response = super().finalize_response(request, response, *args, **kwargs)
        verdict = getattr(getattr(request, "_request", None), "rate_verdict", None)
        if verdict is not None:
            for name, value in rate_headers(verdict).items():
                response[name] = value
        response["Cache-Control"] = "no-store"
        return response


class _Idempotent(ApiView):
    """POST with an `Idempotency-Key` header is done once per API key and address; a repetition gets the first answer.

    The view's own work runs in the transaction that stores the answer.
    """

    is_idempotent = True

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        key = request.headers.get("Idempotency-Key")
        # A resource that takes no POST answers 405 by itself.
        if request.method != "POST" or key is None or not hasattr(self, "post"):
            return
        idempotency.check_key(key)
        raw = read_body(request._request, getattr(self, "max_body", MAX_BODY_BYTES))
        address = request.get_full_path().encode()
        route = hashlib.sha256(request.path.encode()).hexdigest()[:24]
        owner = getattr(request.auth, "pk", None)
        handler: Callable[..., Response] = getattr(self, "post")  # noqa: B009 - bound by the router

        def once(request: Request, *args: Any, **kwargs: Any) -> Any:
            made: list[Response] = []

            def work() -> idempotency.Answer:
                response = handler(request, *args, **kwargs)
                made[:] = [response]
                body = JSONRenderer().render(response.data) if response.data is not None else b""
                return idempotency.Answer(response.status_code, body)

            answer = idempotency.once(
                scope=f"api:{owner}:{route}",
                key=key,
                request=idempotency.request_hash(b"POST", address, raw),
                work=work,
            )
            if not answer.replayed:
                return made[0]
            stored = HttpResponse(answer.body, status=answer.status, content_type=answer.content_type)
            stored["Idempotency-Replayed"] = "true"
            return stored

        # Dispatch looks the handler up on the instance after this; authentication and rate come first either way.
        setattr(self, "post", once)  # noqa: B010


class ApiViewSet(_Idempotent, GenericViewSet[Any]):
    """Base of the resources.

    A subclass gives `scopes = {"read": ApiScope.…, "write": ApiScope.…}`, and `get_queryset()` returning rows from
    `visible_to(self.request.user)`: an object outside sight is then 404 like one that is not there. Who may write is
    `can_work` unless `allowed = {"write": can_lead}` says otherwise.
    Every POST takes an `Idempotency-Key`.
    """

    scopes: ClassVar[Mapping[str, str]] = {}
    allowed: ClassVar[Mapping[str, Callable[[Any], bool]]] = {}
    filter_backends = [FilterBackend]
    lookup_value_regex = "[0-9]{1,18}"
