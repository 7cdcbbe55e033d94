"""How allauth behaves here: accounts are made by administrators, and tries are counted before they are checked."""

import ipaddress
from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from allauth.mfa.adapter import DefaultMFAAdapter
from allauth.mfa.models import Authenticator
from django.contrib.auth.base_user import AbstractBaseUser
from django.core.exceptions import ValidationError
from django.http import HttpRequest
from django.utils.crypto import salted_hmac

from core import ratelimit, secrets
from team import queries
from team.domain import MFA_ROLES
from team.passwords import MAX_LENGTH

HOUR = 3600
TRIES_PER_ADDRESS_OF_ORIGIN = 20
TRIES_PER_EMAIL = 10
CODES_PER_PERSON = 10
RESETS_PER_ADDRESS_OF_ORIGIN = 20
RESETS_PER_EMAIL = 5


def count_try(kind: str, value: str, limit: int) -> None:
    """Count one try against its hourly limit; refuse it in plain words when the limit is reached.

    The bucket's name is an HMAC: tables of the machinery hold no addresses.
    """
    name = salted_hmac(f"team.tries.{kind}", value.lower(), algorithm="sha256").hexdigest()[:40]
    verdict = ratelimit.take(f"tries:{kind}:{name}", limit=limit, per_seconds=HOUR)
    if not verdict.allowed:
        minutes = max(1, -(-int(verdict.reset_seconds) // 60))
        raise ValidationError(
            f"Too many tries. Wait {minutes} minute{'' if minutes == 1 else 's'} and try again.",
            code="too_many_login_attempts",
        )


def origin_of(request: HttpRequest, adapter: DefaultAccountAdapter) -> str:
    """The client's address as we trust it; of IPv6 the network, since one client has billions of addresses there."""
    address = ipaddress.ip_address(adapter.get_client_ip(request))
    if address.version == 6:
        return str(ipaddress.ip_network(f"{address}/64", strict=False).network_address)
    return str(address)


class AccountAdapter(DefaultAccountAdapter):
    def count_reset(self, email: str) -> None:
        """Count a request for a new password, whether the address is known or not."""
        count_try("reset_origin", origin_of(self.request, self), RESETS_PER_ADDRESS_OF_ORIGIN)
        count_try("reset_email", email, RESETS_PER_EMAIL)

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        return False

    def pre_authenticate(self, request: HttpRequest, **credentials: Any) -> None:
        """Count the try before the password is looked at, right or wrong, known address or not."""
        count_try("origin", origin_of(request, self), TRIES_PER_ADDRESS_OF_ORIGIN)
        count_try("email", str(credentials.get("email") or ""), TRIES_PER_EMAIL)
        if len(str(credentials.get("password") or "")) > MAX_LENGTH:
            raise self.validation_error("email_password_mismatch")

    def reauthenticate(self, user: AbstractBaseUser, password: str) -> bool:
        # By the address of the person: allauth's own way asks a table that people made by administrators are not in.
        found = self.authenticate(self.request, email=user.email, password=password)  # type: ignore[attr-defined]
        return found is not None and found.pk == user.pk


class MFAAdapter(DefaultMFAAdapter):
    def encrypt(self, text: str) -> str:
        return secrets.encrypt(text, place="team.second_step")

    def decrypt(self, encrypted_text: str) -> str:
        return secrets.decrypt(encrypted_text, place="team.second_step")

    def can_delete_authenticator(self, authenticator: Authenticator) -> bool:
        """The last second step stays where the workspace demands one."""
        user = authenticator.user
        if user.role not in MFA_ROLES or not queries.workspace().require_mfa:
            return True
        others = Authenticator.objects.filter(user=user).exclude(pk=authenticator.pk)
        return bool(others.exclude(type=Authenticator.Type.RECOVERY_CODES).exists())
