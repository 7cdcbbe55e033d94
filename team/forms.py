"""The shape of input on sign-in and settings pages."""

from typing import Any

from allauth.account import forms as account_forms
from allauth.mfa.base import forms as mfa_forms
from allauth.mfa.totp import forms as totp_forms
from django.http import HttpRequest

from team import adapters, mails


# --- Sign-in -------------------------------------------------------------------------------------------------
class ResetPasswordForm(account_forms.ResetPasswordForm):  # type: ignore[misc]
    def save(self, request: HttpRequest, **kwargs: Any) -> str:
        """Queue the mail; for an unknown address the same work to no effect, so that time tells nothing."""
        mails.queue(mails.Mail.RESET, next(iter(self.users), None))
        return str(self.cleaned_data["email"])


class AuthenticateForm(mfa_forms.AuthenticateForm):  # type: ignore[misc]
    def clean_code(self) -> str:
        adapters.count_try("code", str(self.user.pk), adapters.CODES_PER_PERSON)
        return str(super().clean_code())


class ReauthenticateForm(mfa_forms.ReauthenticateForm):  # type: ignore[misc]
    def clean_code(self) -> str:
        adapters.count_try("code", str(self.user.pk), adapters.CODES_PER_PERSON)
        return str(super().clean_code())


class ActivateTOTPForm(totp_forms.ActivateTOTPForm):  # type: ignore[misc]
    def clean_code(self) -> str:
        adapters.count_try("code", str(self.user.pk), adapters.CODES_PER_PERSON)
        return str(super().clean_code())
