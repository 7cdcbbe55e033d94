"""The tokens in links that set a password."""

from typing import Any

from django.contrib.auth.tokens import PasswordResetTokenGenerator


class SetPasswordTokens(PasswordResetTokenGenerator):
    """Spent by its use, by a sign-in, by a changed address, and by the end of the person's access."""

    key_salt = "team.tokens.SetPasswordTokens"

    def _make_hash_value(self, user: Any, timestamp: int) -> str:
        return f"{super()._make_hash_value(user, timestamp)}|{user.session_epoch}|{user.is_active}"


set_password_tokens = SetPasswordTokens()
