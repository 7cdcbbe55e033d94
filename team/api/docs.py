"""The schema of the API, its browsable documentation, and the answer to addresses below /api/ that do not exist."""

from typing import Any

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.views.decorators.csrf import csrf_exempt
from drf_spectacular.views import SpectacularAPIView
from rest_framework.authentication import SessionAuthentication
from rest_framework.permissions import BasePermission
from rest_framework.request import Request

from core.api import ApiView, error_body
from core.errors import Refused
from team.authentication import ApiKeyAuthentication
from team.http import UserRequest, public, requires
from team.models import User
from team.permissions import can_view


class SignedIn(BasePermission):
    """An API key of any scope, or a person who is signed in."""

    def has_permission(self, request: Request, view: Any) -> bool:
        return isinstance(request.user, User) and can_view(request.user)


class SchemaView(ApiView, SpectacularAPIView):
    """The OpenAPI 3 description of this API, as YAML or JSON by the Accept header."""

    authentication_classes = [ApiKeyAuthentication, SessionAuthentication]
    permission_classes = [SignedIn]


@requires(can_view)
def docs(request: UserRequest) -> HttpResponse:
    return render(request, "team/api_docs.html")


@public("Says only that there is nothing at this address.")
@csrf_exempt
def unknown(request: HttpRequest, **_: object) -> JsonResponse:
    refusal = Refused(
        "There is no such endpoint. The documentation is at /api/v1/docs/.", code="not_found", status=404
    )
    return JsonResponse(error_body(refusal), status=404)
