"""What follows from allauth's signals. Connected when the app is ready."""

from functools import lru_cache
from typing import Any

from allauth.account import signals as account_signals
from allauth.account.adapter import get_adapter
from allauth.account.authentication import AUTHENTICATION_METHODS_SESSION_KEY
from allauth.mfa import signals as mfa_signals
from django.conf import settings
from django.contrib.auth import signals as auth_signals
from django.core.signals import request_finished, request_started
from django.dispatch import receiver
from django.http import HttpRequest

from team import audit, mails
from team.middleware import HAS_SECOND_STEP
from team.models import User
from team.services import people


def ip_of(request: HttpRequest | None) -> str | None:
    """The address of the browser, behind as many proxies as are trusted. Raises `PermissionDenied` if there is none."""
    if request is None:
        return None
    said = (request.META.get(name, "") for name in ("REMOTE_ADDR", "HTTP_X_FORWARDED_FOR"))
    return _ip_of(*said, proxies=settings.ALLAUTH_TRUSTED_PROXY_COUNT)


@lru_cache(maxsize=4096)
def _ip_of(remote: str, forwarded: str, *, proxies: int) -> str:
    # Asked of allauth once for each, which reads all headers for it. It goes by the setting that `proxies` is.
    request = HttpRequest()
    request.META |= {"REMOTE_ADDR": remote, "HTTP_X_FORWARDED_FOR": forwarded}
    found: str = get_adapter().get_client_ip(request)
    return found


@receiver([request_started, request_finished])
def forget_key(**_: Any) -> None:
    """Threads serve one request after the other: what one was called with is not said of the next."""
    audit.calling_key.set(None)


@receiver(account_signals.user_logged_in)
def note_sign_in(request: HttpRequest, user: User, **_: Any) -> None:
    # Who typed the password this minute is not asked for it again by the first page that wants it confirmed.
    records = request.session.get(AUTHENTICATION_METHODS_SESSION_KEY, [])
    if records and records[-1].get("method") in {"password", "mfa"}:
        records[-1]["reauthenticated"] = True
        request.session[AUTHENTICATION_METHODS_SESSION_KEY] = records
    audit.record(action="signed_in", actor=user, obj=user, ip=ip_of(request))


@receiver(auth_signals.user_login_failed)
def note_failed_sign_in(request: HttpRequest | None = None, **_: Any) -> None:
    audit.record(action="sign_in_failed", actor=None, ip=ip_of(request))


@receiver([account_signals.password_changed, account_signals.password_set])
def note_password_change(user: User, **_: Any) -> None:
    people.note_password_change(person=user, by_mail=False)
    mails.queue(mails.Mail.PASSWORD_CHANGED, user)


@receiver(account_signals.password_reset)
def note_password_reset(user: User, **_: Any) -> None:
    people.note_password_change(person=user, by_mail=True)


@receiver(mfa_signals.authenticator_added)
def note_second_step(user: User, authenticator: Any, **_: Any) -> None:
    audit.record(action="second_step.added", actor=user, obj=user, kind=str(authenticator.type))


@receiver(mfa_signals.authenticator_removed)
def note_second_step_removed(request: HttpRequest, user: User, authenticator: Any, **_: Any) -> None:
    request.session.pop(HAS_SECOND_STEP, None)
    audit.record(action="second_step.removed", actor=user, obj=user, kind=str(authenticator.type))
