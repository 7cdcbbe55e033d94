"""What a password must not be, beyond Django's own rules."""

from django.contrib.auth.base_user import AbstractBaseUser
from django.core.exceptions import ValidationError

MAX_LENGTH = 128


class BoundedPasswordValidator:
    """At most 128 characters, since hashing a megabyte is work for us, not for who sends it; and not only blanks."""

    def validate(self, password: str, user: AbstractBaseUser | None = None) -> None:
        if len(password) > MAX_LENGTH:
            raise ValidationError(f"Use at most {MAX_LENGTH} characters.", code="password_too_long")
        if not password.strip():
            raise ValidationError("Use more than blanks.", code="password_blank")

    def get_help_text(self) -> str:
        return f"At most {MAX_LENGTH} characters."
