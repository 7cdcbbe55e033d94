"""The door of every page: who is asking, and may they."""

from collections.abc import Callable
from functools import wraps
from typing import Any, Concatenate, ParamSpec, cast

from django.conf import settings
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import resolve_url
from django_htmx.middleware import HtmxDetails

from team.models import User

P = ParamSpec("P")


class UserRequest(HttpRequest):
    """A request whose sender is signed in."""

    user: User
    htmx: HtmxDetails


View = Callable[Concatenate[UserRequest, P], HttpResponseBase]


def requires(
    predicate: Callable[[User], bool],
) -> Callable[[View[P]], Callable[Concatenate[HttpRequest, P], HttpResponseBase]]:
    """Guard a view: sign-in page when anonymous, 403 when `predicate` says no.

    Marks the view with `guard`, which the architecture test looks for on every URL.
    """

    def decorate(view: View[P]) -> Callable[Concatenate[HttpRequest, P], HttpResponseBase]:
        @wraps(view)
        def guarded(request: HttpRequest, /, *args: P.args, **kwargs: P.kwargs) -> HttpResponseBase:
            if not request.user.is_authenticated:
                if request.headers.get("HX-Request"):
                    response = HttpResponse(status=401)
                    response["HX-Redirect"] = resolve_url(settings.LOGIN_URL)
                    return response
                return redirect_to_login(request.get_full_path())
            if not predicate(request.user):
                raise PermissionDenied
            return view(cast(UserRequest, request), *args, **kwargs)

        cast(Any, guarded).guard = predicate
        return cast(Callable[Concatenate[HttpRequest, P], HttpResponseBase], guarded)

    return decorate


def public(reason: str) -> Callable[[Callable[..., HttpResponseBase]], Callable[..., HttpResponseBase]]:
    """Mark a view as open to anybody, with the reason; listed by the architecture test."""

    def decorate(view: Callable[..., HttpResponseBase]) -> Callable[..., HttpResponseBase]:
        cast(Any, view).public_reason = reason
        return view

    return decorate
