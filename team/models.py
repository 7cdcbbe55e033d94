"""Who uses the product: people, teams, what each role sees, API keys and the audit log."""

import unicodedata
from typing import Any, ClassVar

from django.conf import settings
from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.contrib.auth.models import PermissionsMixin
from django.db import models
from django.db.models.functions import Lower
from django.utils.crypto import salted_hmac

from team.domain import ROLE_LABELS, SCOPE_LABELS, Role, RowScope


class Workspace(models.Model):
    """The one row of settings that belong to the company as a whole. Read it through `team.queries.workspace()`."""

    name = models.CharField("company name", max_length=120, default="My company")
    time_zone = models.CharField(max_length=64, default="Europe/Berlin")
    currency = models.CharField(max_length=3, default="EUR")
    language = models.CharField(max_length=10, default="en")
    postal_address = models.CharField(max_length=200, blank=True, default="")
    logo = models.FileField(upload_to="brand/", blank=True)
    colour = models.CharField(max_length=7, default="#1f4e8c")
    fallback_owner = models.ForeignKey(
        "team.User", on_delete=models.SET_NULL, null=True, blank=True, related_name="+",
        help_text="Receives alerts of accounts that have no active owner.",
    )  # fmt: skip
    day_start = models.TimeField(default="09:00")
    day_end = models.TimeField(default="17:00")
    account_ask_limit = models.PositiveSmallIntegerField(default=5)
    account_ask_days = models.PositiveSmallIntegerField(default=7)
    minimum_tenure_days = models.PositiveSmallIntegerField(default=0)
    partial_hours = models.PositiveSmallIntegerField(default=12)
    edit_hours = models.PositiveSmallIntegerField(default=24)
    creates_contacts = models.BooleanField(
        default=False,
        db_default=False,
        help_text="Whether somebody unknown becomes a contact when the domain of their address is certain.",
    )
    notices_per_hour = models.PositiveSmallIntegerField(
        default=10,
        db_default=10,
        help_text="More mails than this are gathered into one, for each person and hour.",
    )
    require_mfa = models.BooleanField(default=False)
    is_demo = models.BooleanField(default=False)

    class Meta:
        constraints = [models.CheckConstraint(condition=models.Q(id=1), name="team_workspace_single_row")]

    def __str__(self) -> str:
        return self.name


class Team(models.Model):
    name = models.CharField(max_length=80, unique=True)

    def __str__(self) -> str:
        return self.name


class UserManager(BaseUserManager["User"]):
    def create_user(self, email: str, password: str | None = None, **fields: Any) -> "User":
        user = self.model(email=self.normalize_email(email).lower(), **fields)
        user.set_password(password)
        user.save(using=self._db)
        return user

    def create_superuser(self, email: str, password: str | None = None, **fields: Any) -> "User":
        return self.create_user(email, password, role=Role.ADMINISTRATOR, is_superuser=True, **fields)

    def get_by_natural_key(self, username: str | None) -> "User":
        return self.get(email__iexact=username)


class User(AbstractBaseUser, PermissionsMixin):
    email = models.EmailField(max_length=254, unique=True)
    name = models.CharField(max_length=120)
    title = models.CharField(max_length=120, blank=True, default="")
    role = models.CharField(
        max_length=20, choices=[(r.value, ROLE_LABELS[r]) for r in Role], default=Role.CSM
    )
    team = models.ForeignKey(Team, on_delete=models.SET_NULL, null=True, blank=True, related_name="members")
    time_zone = models.CharField(max_length=64, blank=True, default="")
    phone = models.CharField(
        max_length=20, blank=True, default="", db_default="", help_text="Mobile number as +49…, for test SMS."
    )
    is_active = models.BooleanField(default=True)
    session_epoch = models.PositiveIntegerField(default=0)
    created_at = models.DateTimeField(auto_now_add=True)

    USERNAME_FIELD = "email"
    EMAIL_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = ["name"]
    objects: ClassVar[UserManager] = UserManager()

    class Meta:
        constraints = [
            models.CheckConstraint(condition=models.Q(email=Lower("email")), name="team_user_email_lower"),
            models.CheckConstraint(
                condition=models.Q(role__in=[r.value for r in Role]), name="team_user_role"
            ),
        ]

    def __str__(self) -> str:
        return self.name or self.email

    @property
    def is_staff(self) -> bool:
        """Who may enter the admin: administrators only."""
        return self.is_active and self.role == Role.ADMINISTRATOR

    def set_password(self, raw_password: str | None) -> None:
        super().set_password(_one_form(raw_password))

    def check_password(self, raw_password: str | None) -> bool:
        return super().check_password(_one_form(raw_password))

    def get_session_auth_hash(self) -> str:
        """What a session is bound to: it ends with the password, the role, or a raised `session_epoch`."""
        return self._session_hash()

    def get_session_auth_fallback_hash(self) -> Any:
        for secret in settings.SECRET_KEY_FALLBACKS:
            yield self._session_hash(secret)

    def _session_hash(self, secret: str | None = None) -> str:
        bound_to = f"{self.password}|{self.role}|{self.session_epoch}"
        return salted_hmac("team.session", bound_to, secret=secret, algorithm="sha256").hexdigest()

    def get_full_name(self) -> str:
        return self.name

    def get_short_name(self) -> str:
        return self.name.split(" ")[0] if self.name else self.email


def _one_form(password: str | None) -> str | None:
    """Keyboards differ in how they compose accents; the same password typed on another one is still the same."""
    return unicodedata.normalize("NFKC", password) if password else password


class RoleScope(models.Model):
    """The row scope of a role; a role without a row here has its default (team.domain.DEFAULT_SCOPES)."""

    role = models.CharField(max_length=20, unique=True, choices=[(r.value, ROLE_LABELS[r]) for r in Role])
    scope = models.CharField(max_length=10, choices=[(s.value, SCOPE_LABELS[s]) for s in RowScope])

    def __str__(self) -> str:
        return f"{self.role}: {self.scope}"


class ApiKey(models.Model):
    """A key of an integration. Only a prefix and a digest are kept; rights are those of `user`, cut by `scopes`."""

    name = models.CharField(max_length=80)
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="api_keys")
    prefix = models.CharField(max_length=12, unique=True)
    digest = models.CharField(max_length=64, unique=True)
    scopes = models.JSONField(default=list)
    rate_limit = models.PositiveIntegerField("requests a minute", default=100)
    created_at = models.DateTimeField(auto_now_add=True)
    created_by = models.ForeignKey(User, on_delete=models.SET_NULL, null=True, related_name="+")
    expires_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)
    last_used_at = models.DateTimeField(null=True, blank=True)

    def __str__(self) -> str:
        return f"{self.name} ({self.prefix}…)"


class AuditEntry(models.Model):
    """Who did what to which thing. Append-only; holds names of fields and neutral values, never personal text."""

    at = models.DateTimeField(db_index=True)
    actor = models.ForeignKey(User, on_delete=models.SET_NULL, null=True, blank=True, related_name="+")
    api_key = models.ForeignKey(ApiKey, on_delete=models.SET_NULL, null=True, blank=True, related_name="+")
    action = models.CharField(max_length=80, db_index=True)
    object_type = models.CharField(max_length=60, blank=True, default="")
    object_id = models.BigIntegerField(null=True, blank=True)
    detail = models.JSONField(default=dict)
    ip = models.GenericIPAddressField(null=True, blank=True)

    class Meta:
        verbose_name_plural = "audit entries"
        indexes = [models.Index(fields=["object_type", "object_id"], name="team_audit_object")]

    def __str__(self) -> str:
        return f"{self.action} {self.object_type} {self.object_id or ''}".strip()


class NotificationPreference(models.Model):
    """How a person wants to be told. None, and a topic that is not named, mean the default of their role.

    `choices` holds by topic the channels that are on: {"alert.detractor": ["app", "mail"]}; a topic's group ("alert")
    speaks for all of it that are not named. Times are in the person's zone.
    """

    user = models.OneToOneField(User, on_delete=models.CASCADE, related_name="notifications")
    choices = models.JSONField(default=dict)
    quiet_from = models.TimeField(null=True, blank=True)
    quiet_until = models.TimeField(null=True, blank=True)
    is_quiet_at_weekends = models.BooleanField(default=False, db_default=False)
    digest = models.BooleanField(null=True, blank=True)
    digest_at = models.TimeField(null=True, blank=True)
    digest_on_workdays_only = models.BooleanField(default=True, db_default=True)

    def __str__(self) -> str:
        return f"Notifications of user {self.user_id}"
