"""What holds for every page of a signed-in person: sessions end, and a second step is asked of those who must have one."""

from collections.abc import Callable

from allauth.mfa.models import Authenticator
from django.conf import settings
from django.contrib import messages
from django.contrib.auth import logout
from django.http import HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect
from django.urls import reverse
from django.utils import timezone

from core import clock
from team import queries
from team.domain import MFA_ROLES
from team.models import User

GetResponse = Callable[[HttpRequest], HttpResponseBase]
STARTED, SEEN, HAS_SECOND_STEP = "started_at", "seen_at", "has_second_step"
SEEN_NOTED_EVERY = 60


class SessionLimits:
    """A session ends after three hours without use, and twelve hours after it began however it is used."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        if request.user.is_authenticated:
            now = clock.now().timestamp()
            started = request.session.get(STARTED)
            seen = request.session.get(SEEN, now)
            if started is None:
                request.session[STARTED] = request.session[SEEN] = now
            elif now - seen > settings.SESSION_IDLE_SECONDS or now - started > settings.SESSION_COOKIE_AGE:
                logout(request)
                messages.info(request, "Your session has ended. Sign in again to go on where you were.")
            elif now - seen >= SEEN_NOTED_EVERY:
                request.session[SEEN] = now
        return self.get_response(request)


class SecondStep:
    """Administrators and leads without a second sign-in step are led to set one up, where the workspace demands it."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        user = request.user
        if (
            isinstance(user, User)
            and user.role in MFA_ROLES
            and not request.session.get(HAS_SECOND_STEP)
            and not request.path.startswith(("/static/", "/auth/"))
            and queries.workspace().require_mfa
        ):
            if not Authenticator.objects.filter(user=user).exists():
                return self._lead(request)
            request.session[HAS_SECOND_STEP] = True
        return self.get_response(request)

    def _lead(self, request: HttpRequest) -> HttpResponseBase:
        target = reverse("mfa_activate_totp")
        if request.headers.get("HX-Request"):
            response = HttpResponse(status=401)
            response["HX-Redirect"] = target
            return response
        messages.warning(request, "Your role needs a second sign-in step. Set it up to go on.")
        return HttpResponseRedirect(target)


class OwnZone:
    """Times on the pages are in the zone of the person who reads them, else in that of the workspace."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        user = request.user
        if not isinstance(user, User) or request.path.startswith("/static/"):
            return self.get_response(request)
        with timezone.override(queries.zone_of(user)):
            return self.get_response(request)
