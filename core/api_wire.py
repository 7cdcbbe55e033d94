"""How the API reads bodies and pages through lists: the parts that DRF's settings name.

Apart from core.api, which needs DRF's views, because DRF's views are made while these are imported.
"""

import base64
import datetime as dt
import json
import math
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any, NoReturn, cast

from django.core import signing
from django.db.models import Model, Q, QuerySet
from django.http import HttpRequest
from django_filters.rest_framework import DjangoFilterBackend
from rest_framework import exceptions
from rest_framework.pagination import BasePagination
from rest_framework.parsers import JSONParser
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.utils.urls import replace_query_param

from core.errors import Invalid, Refused

MAX_BODY_BYTES = 5_000_000
MAX_DEPTH = 50
_INT_LIMIT = 2**63


# --- Reading -------------------------------------------------------------------------------------------------
class TooLarge(Refused):
    code = "too_large"
    status = 413


class Malformed(Invalid):
    """The body is not the JSON we accept; the message says where the trouble is."""

    code = "parse_error"


def read_json(raw: bytes) -> Any:
    """Parse one JSON text, refusing what parsers disagree about.

    Refused: other encodings than UTF-8, a name twice in an object, NaN and Infinity (1e309 too), integers beyond 64
    bits, more than 50 levels, lone surrogates. NUL characters are taken out of texts: no database stores them.
    """
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise Malformed(
            f"The body is not UTF-8: the byte at position {error.start} does not belong there."
        ) from None
    try:
        value = _decoder.decode(text)
    except RecursionError:
        raise Malformed(f"The body is nested more than {MAX_DEPTH} levels deep.") from None
    except json.JSONDecodeError as error:
        raise Malformed(
            f"The body is not valid JSON: {error.msg} (line {error.lineno}, column {error.colno})."
        ) from None
    # Only an escape can write a NUL or half a surrogate pair, and depth cannot exceed the number of brackets.
    if "\\u" in text:
        return _clean(value, 0)
    if text.count("[") + text.count("{") > MAX_DEPTH:
        _check_depth(value, 0)
    return value


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        seen: set[str] = set()
        for name, _ in pairs:
            if name in seen:
                raise Malformed(f'The name "{name[:60]}" occurs twice in one object.')
            seen.add(name)
    return found


def _no_constant(name: str) -> NoReturn:
    raise Malformed(f"{name} is not a JSON number.")


def _float(digits: str) -> float:
    number = float(digits)
    if math.isinf(number):
        raise Malformed(f"The number {digits[:30]} is too large.")
    return number


def _int(digits: str) -> int:
    if len(digits) > 20 or not -_INT_LIMIT <= (number := int(digits)) < _INT_LIMIT:
        raise Malformed(f"The number {digits[:30]} does not fit into 64 bits.")
    return number


_decoder = json.JSONDecoder(
    object_pairs_hook=_object,
    parse_constant=_no_constant,
    parse_float=_float,
    parse_int=_int,
)


def _check_depth(value: Any, depth: int) -> None:
    if not isinstance(value, (dict, list)):
        return
    if depth >= MAX_DEPTH:
        raise Malformed(f"The body is nested more than {MAX_DEPTH} levels deep.")
    for inner in value.values() if isinstance(value, dict) else value:
        if isinstance(inner, (dict, list)):
            _check_depth(inner, depth + 1)


def _clean(value: Any, depth: int) -> Any:
    if isinstance(value, str):
        return clean_text(value)
    if depth >= MAX_DEPTH and isinstance(value, (dict, list)):
        raise Malformed(f"The body is nested more than {MAX_DEPTH} levels deep.")
    if isinstance(value, list):
        return [_clean(item, depth + 1) for item in value]
    if isinstance(value, dict):
        for name in value:
            if clean_text(name) != name:
                raise Malformed("The name of a field contains a NUL character.")
        return {name: _clean(item, depth + 1) for name, item in value.items()}
    return value


def clean_text(text: str) -> str:
    """`text` without NUL characters; half a surrogate pair is refused."""
    if not text.isascii():
        try:
            text.encode()
        except UnicodeEncodeError:
            raise Malformed("A text contains half a surrogate pair, which is not a character.") from None
    return text.replace("\x00", "")


def read_body(request: HttpRequest, limit: int = MAX_BODY_BYTES) -> bytes:
    """The raw body, at most `limit` bytes of it; also what `request.body` gives from then on."""
    if hasattr(request, "_body"):
        raw: bytes = request._body
    else:
        raw = request.read(limit + 1)
        request._body = raw
    if len(raw) > limit:
        raise TooLarge(f"The body is larger than {limit // 1000:,} kB. Send it in smaller parts.")
    return raw


def check_content_type(content_type: str) -> None:
    """Refuse with 415 what is not JSON in UTF-8."""
    media, _, rest = content_type.partition(";")
    if media.strip().lower() != "application/json":
        raise exceptions.UnsupportedMediaType(media.strip()[:60])
    for parameter in rest.split(";"):
        name, _, value = parameter.partition("=")
        if name.strip().lower() == "charset" and value.strip().strip('"').lower() not in {"utf-8", "utf8"}:
            raise exceptions.UnsupportedMediaType(
                content_type[:60],
                detail="Send JSON in UTF-8; other character sets are not read.",
            )


class StrictJSONParser(JSONParser):
    """DRF's door to `read_json`. A view's `max_body` lowers the cap of 5 MB."""

    def parse(
        self,
        stream: Any,
        media_type: str | None = None,
        parser_context: Mapping[str, Any] | None = None,
    ) -> Any:
        check_content_type(media_type or "application/json")
        context = parser_context or {}
        limit = getattr(context.get("view"), "max_body", MAX_BODY_BYTES)
        request = context.get("request")
        if request is not None:
            return read_json(read_body(request._request, limit))
        raw = stream.read(limit + 1)
        if len(raw) > limit:
            raise TooLarge(f"The body is larger than {limit // 1000:,} kB. Send it in smaller parts.")
        return read_json(raw)


# --- Lists ---------------------------------------------------------------------------------------------------
PAGING_PARAMETERS = {"cursor", "page_size", "ordering"}


class FilterBackend(DjangoFilterBackend):
    """django-filter that refuses a parameter it does not know, instead of answering with everything."""

    def filter_queryset(self, request: Request, queryset: QuerySet[Any], view: Any) -> QuerySet[Any]:
        if getattr(view, "detail", False):
            return queryset
        filterset = self.get_filterset(request, queryset, view)
        known = PAGING_PARAMETERS | set(getattr(view, "parameters", ()))
        if filterset is not None:
            for name, form_field in filterset.form.fields.items():
                suffixes = getattr(form_field.widget, "suffixes", None)
                known |= (
                    {f"{name}_{suffix}" if suffix else name for suffix in suffixes} if suffixes else {name}
                )
        for name in request.query_params:
            if name not in known:
                offered = ", ".join(sorted(known))
                raise Invalid(
                    f'There is no filter "{name[:60]}". Known are: {offered}.',
                    code="unknown_parameter",
                    field=name[:60],
                )
        return cast(QuerySet[Any], super().filter_queryset(request, queryset, view))


class CursorPagination(BasePagination):
    """Pages by position, so that rows written meanwhile neither repeat nor hide any.

    Unlike DRF's, the position is the whole ordering with the key at its end: a bulk import's thousand rows of one
    moment page like all others. The view names what may be asked for: `orderings = {"name": ("name",)}`, turned
    round by `-name`; the columns must not be null. Without it rows come by key.
    """

    page_size = 100
    max_page_size = 500
    salt = "core.api.cursor"

    def paginate_queryset(self, queryset: Any, request: Request, view: Any = None) -> list[Any]:
        self.request = request
        size = self._page_size(request)
        name, ordering = self._ordering(request, view)
        queryset = queryset.order_by(*ordering)
        if "cursor" in request.query_params:
            queryset = queryset.filter(self._after(queryset.model, name, ordering))
        rows = list(queryset[: size + 1])
        self.next_url = None
        if len(rows) > size:
            rows = rows[:size]
            token = self._encode(name, [_plain(_value(rows[-1], column)) for column in ordering])
            self.next_url = replace_query_param(request.build_absolute_uri(), "cursor", token)
        return rows

    def get_paginated_response(self, data: Any) -> Response:
        return Response({"next": self.next_url, "results": data})

    def get_paginated_response_schema(self, schema: dict[str, Any]) -> dict[str, Any]:
        address = {
            "type": "string",
            "format": "uri",
            "nullable": True,
            "description": "The next page, or null.",
        }
        return {
            "type": "object",
            "required": ["next", "results"],
            "properties": {"next": address, "results": schema},
        }

    def get_schema_operation_parameters(self, view: Any) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = [
            {
                "name": "cursor",
                "in": "query",
                "required": False,
                "description": "The position to go on from, taken from `next`.",
                "schema": {"type": "string"},
            },
            {
                "name": "page_size",
                "in": "query",
                "required": False,
                "description": "Rows on a page.",
                "schema": {
                    "type": "integer",
                    "minimum": 1,
                    "maximum": self.max_page_size,
                    "default": self.page_size,
                },
            },
        ]
        if orderings := getattr(view, "orderings", None):
            names = [sign + name for name in orderings for sign in ("", "-")]
            found.append(
                {
                    "name": "ordering",
                    "in": "query",
                    "required": False,
                    "description": "The order of the rows; `-` turns it round.",
                    "schema": {"type": "string", "enum": names},
                }
            )
        return found

    def _page_size(self, request: Request) -> int:
        asked = request.query_params.get("page_size")
        if asked is None:
            return self.page_size
        if not (
            asked.isascii() and asked.isdigit() and len(asked) <= 4 and 1 <= int(asked) <= self.max_page_size
        ):
            raise Invalid(f"Give a page_size from 1 to {self.max_page_size}.", field="page_size")
        return int(asked)

    def _ordering(self, request: Request, view: Any) -> tuple[str, tuple[str, ...]]:
        orderings: Mapping[str, Sequence[str]] = getattr(view, "orderings", {})
        asked = request.query_params.get("ordering", getattr(view, "default_ordering", ""))
        name = asked.removeprefix("-")
        if asked and name not in orderings:
            known = ", ".join(sorted(orderings)) or "none"
            raise Invalid(f"Rows cannot be ordered by that. Known are: {known}.", field="ordering")
        columns = [*orderings.get(name, ()), "pk"]
        if asked.startswith("-"):
            columns = [column[1:] if column.startswith("-") else f"-{column}" for column in columns]
        return asked, tuple(columns)

    def _after(self, model: type[Model], name: str, ordering: tuple[str, ...]) -> Q:
        values = self._decode(self.request.query_params["cursor"], name, len(ordering))
        beyond, same = Q(), Q()
        for column, value in zip(ordering, values, strict=True):
            path = column.removeprefix("-")
            comparison = "lt" if column.startswith("-") else "gt"
            beyond |= same & Q(**{f"{path}__{comparison}": value})
            same &= Q(**{path: value})
        # Implied by the rest, but the planner turns only this part into an index range.
        first = ordering[0].removeprefix("-")
        bound = "lte" if ordering[0].startswith("-") else "gte"
        return Q(**{f"{first}__{bound}": values[0]}) & beyond

    def _encode(self, name: str, values: list[Any]) -> str:
        # Signed, because what is in it goes into the query.
        signed = signing.dumps([name, values], salt=self.salt)
        return base64.urlsafe_b64encode(signed.encode()).decode().rstrip("=")

    def _decode(self, token: str, name: str, length: int) -> list[Any]:
        try:
            signed = base64.urlsafe_b64decode(token + "=" * (-len(token) % 4)).decode("ascii")
            ordered_by, values = signing.loads(signed, salt=self.salt)
        except (ValueError, signing.BadSignature):
            ordered_by, values = None, []
        if ordered_by != name or len(values) != length:
            raise Invalid(
                "This cursor was not made by this list. Begin again without one and follow `next`.",
                field="cursor",
            )
        return cast(list[Any], values)


def _value(row: Any, column: str) -> Any:
    for part in column.removeprefix("-").split("__"):
        row = getattr(row, part)
    return row


def _plain(value: Any) -> Any:
    if isinstance(value, (dt.datetime, dt.date)):
        return value.isoformat()
    if isinstance(value, Decimal):
        return str(value)
    return value
