"""The shape of input on sign-in and settings pages."""

import datetime as dt
import re
import zoneinfo
from functools import cache
from typing import Any

from allauth.account import forms as account_forms
from allauth.account.adapter import get_adapter
from allauth.mfa.base import forms as mfa_forms
from allauth.mfa.totp import forms as totp_forms
from django import forms
from django.core.validators import RegexValidator
from django.http import HttpRequest

from core.errors import Refused
from team import adapters, mails, queries
from team.domain import (
    CURRENCIES,
    LANGUAGES,
    ROLE_LABELS,
    SCOPE_LABELS,
    SCOPE_TEXTS,
    ApiScope,
    Role,
    RowScope,
)
from team.images import MAX_BYTES
from team.models import Team, User
from team.permissions import can_work


# --- Sign-in -------------------------------------------------------------------------------------------------
class ResetPasswordForm(account_forms.ResetPasswordForm):
    def clean_email(self) -> str:
        get_adapter().count_reset(self.cleaned_data["email"])
        return str(super().clean_email())

    def save(self, request: HttpRequest, **kwargs: Any) -> str:
        """Queue the mail; for an unknown address the same work to no effect, so that time tells nothing."""
        mails.queue(mails.Mail.RESET, next(iter(self.users), None))
        return str(self.cleaned_data["email"])


class AuthenticateForm(mfa_forms.AuthenticateForm):
    def clean_code(self) -> str:
        adapters.count_try("code", str(self.user.pk), adapters.CODES_PER_PERSON)
        return str(super().clean_code())


class ReauthenticateForm(mfa_forms.ReauthenticateForm):
    def clean_code(self) -> str:
        adapters.count_try("code", str(self.user.pk), adapters.CODES_PER_PERSON)
        return str(super().clean_code())


class ActivateTOTPForm(totp_forms.ActivateTOTPForm):
    def clean_code(self) -> str:
        adapters.count_try("code", str(self.user.pk), adapters.CODES_PER_PERSON)
        return str(super().clean_code())


# --- Settings ------------------------------------------------------------------------------------------------
ROLES = [(role.value, ROLE_LABELS[role]) for role in Role]


def show_refusal(form: forms.Form, refusal: Refused) -> None:
    """Put a service's refusal beside the field it is about, or above the form."""
    form.add_error(refusal.field if refusal.field in form.fields else None, refusal.message)


@cache
def zones() -> list[tuple[str, str]]:
    names = sorted(
        name for name in zoneinfo.available_timezones() if "/" in name and not name.startswith("Etc/")
    )
    return [("UTC", "UTC"), *((name, name.replace("_", " ")) for name in names)]


class WorkspaceForm(forms.Form):
    name = forms.CharField(
        label="Company name", max_length=120, help_text="As respondents read it in mails and pages."
    )
    postal_address = forms.CharField(
        max_length=200,
        required=False,
        help_text="Stands at the foot of every survey mail. Many countries demand it.",
    )
    logo = forms.FileField(
        required=False,
        help_text=f"PNG or JPEG, at most {MAX_BYTES // 1000} kB. Surveys without a logo of their own use it.",
        widget=forms.FileInput(attrs={"accept": "image/png,image/jpeg"}),
    )
    remove_logo = forms.BooleanField(label="Remove the present logo", required=False)
    colour = forms.CharField(
        max_length=7,
        validators=[RegexValidator(r"^#[0-9a-fA-F]{6}$", "Write the colour as #1f4e8c.")],
        widget=forms.TextInput(attrs={"type": "color"}),
        help_text="Buttons and links of survey mails and pages.",
    )
    time_zone = forms.ChoiceField(
        choices=zones,
        help_text="Days of figures and daily limits are counted in it. Changing it counts all figures anew.",
    )
    currency = forms.ChoiceField(choices=[(code, code) for code in CURRENCIES], help_text="For new accounts.")
    language = forms.ChoiceField(
        choices=list(LANGUAGES.items()), help_text="Of surveys, where nothing better is known."
    )
    fallback_owner = forms.ModelChoiceField(
        User.objects.none(),
        required=False,
        empty_label="Nobody",
        help_text="Receives alerts and tasks of accounts without an active owner.",
    )
    day_start = forms.TimeField(
        label="Mails go out from", widget=forms.TimeInput(attrs={"type": "time"}, format="%H:%M")
    )
    day_end = forms.TimeField(
        label="Mails go out until",
        widget=forms.TimeInput(attrs={"type": "time"}, format="%H:%M"),
        help_text="On the clock of each recipient, where their zone is known.",
    )
    account_ask_limit = forms.IntegerField(
        label="People asked per account",
        min_value=1,
        max_value=10000,
        help_text="At most so many within the days counted.",
    )
    account_ask_days = forms.IntegerField(label="Counted over days", min_value=1, max_value=365)
    minimum_tenure_days = forms.IntegerField(
        label="Days a customer must be with you",
        min_value=0,
        max_value=3650,
        help_text="0 asks new ones too.",
    )
    partial_hours = forms.IntegerField(
        label="Hours until a score without a comment is final", min_value=1, max_value=720
    )
    notices_per_hour = forms.IntegerField(
        label="Mails to a colleague in an hour, at most",
        min_value=1,
        max_value=200,
        help_text="Alerts and tasks beyond it are gathered into one mail. They stand in the app at once either way.",
    )
    edit_hours = forms.IntegerField(
        label="Hours in which an answer can be edited", min_value=0, max_value=720
    )
    creates_contacts = forms.BooleanField(
        label="Make a contact of somebody unknown whose account is certain",
        required=False,
        help_text="Certain: the domain of their e-mail address is that of exactly one account. Everybody else waits in the identity inbox.",
    )
    require_mfa = forms.BooleanField(
        label="Administrators and leads need a second sign-in step",
        required=False,
        help_text="Those without one are led to set it up at their next click.",
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field = self.fields["fallback_owner"]
        assert isinstance(field, forms.ModelChoiceField)
        field.queryset = queries.list_assignable()

    def clean_logo(self) -> bytes | None:
        upload = self.cleaned_data.get("logo")
        # One byte more than allowed is enough to refuse it.
        return upload.read(MAX_BYTES + 1) if upload else None


class InviteForm(forms.Form):
    email = forms.EmailField(label="E-mail address", max_length=254, help_text="They sign in with it.")
    name = forms.CharField(max_length=120)
    title = forms.CharField(label="Job title", max_length=120, required=False)
    role = forms.ChoiceField(choices=ROLES, initial=Role.CSM.value)
    team = forms.ModelChoiceField(
        Team.objects.none(),
        required=False,
        empty_label="No team",
        help_text="Where a role sees the team's accounts, this is the team.",
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field = self.fields["team"]
        assert isinstance(field, forms.ModelChoiceField)
        field.queryset = queries.list_teams()

    def clean_role(self) -> Role:
        return Role(self.cleaned_data["role"])


class PersonForm(InviteForm):
    pass


class TeamForm(forms.Form):
    name = forms.CharField(max_length=80)


class RoleScopesForm(forms.Form):
    """One choice for each role but the administrators, who see everything."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for role in Role:
            if role is not Role.ADMINISTRATOR:
                self.fields[role.value] = forms.ChoiceField(
                    label=ROLE_LABELS[role],
                    choices=[(scope.value, SCOPE_LABELS[scope]) for scope in RowScope],
                    widget=forms.RadioSelect,
                )

    def scopes(self) -> dict[Role, RowScope]:
        return {Role(name): RowScope(value) for name, value in self.cleaned_data.items()}


class KeyForm(forms.Form):
    name = forms.CharField(max_length=80, help_text="What will use it, for example: Data warehouse.")
    user = forms.ModelChoiceField(
        User.objects.none(),
        label="Acts for",
        help_text="The key sees and does what this person may, cut down to the scopes below.",
    )
    scopes = forms.MultipleChoiceField(
        choices=[(scope.value, SCOPE_TEXTS[scope]) for scope in ApiScope], widget=forms.CheckboxSelectMultiple
    )
    rate_limit = forms.IntegerField(
        label="Requests a minute",
        min_value=1,
        max_value=100_000,
        initial=100,
        help_text="A bulk call counts once.",
    )
    expires_on = forms.DateField(
        label="Last day",
        required=False,
        widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
        help_text="Empty: until it is revoked.",
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field = self.fields["user"]
        assert isinstance(field, forms.ModelChoiceField)
        field.queryset = User.objects.filter(is_active=True).order_by("name", "pk")

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        user = cleaned.get("user")
        if (
            user is not None
            and not can_work(user)
            and any(s.endswith(":write") for s in cleaned.get("scopes", []))
        ):
            self.add_error("scopes", "A viewer changes nothing, so neither can their key.")
        return cleaned

    def expires_at(self) -> dt.datetime | None:
        """The end of the chosen day in the workspace's zone."""
        day: dt.date | None = self.cleaned_data["expires_on"]
        if day is None:
            return None
        if day.year >= dt.MAXYEAR:
            return dt.datetime.max.replace(tzinfo=dt.UTC)
        return dt.datetime.combine(day + dt.timedelta(days=1), dt.time(), tzinfo=queries.zone())


class ProfileForm(forms.Form):
    name = forms.CharField(max_length=120)
    title = forms.CharField(label="Job title", max_length=120, required=False)
    time_zone = forms.ChoiceField(choices=lambda: [("", "As the company"), *zones()], required=False)
    phone = forms.CharField(
        label="Mobile number",
        max_length=40,
        required=False,
        help_text="In international form, such as +49 151 1234 5678. Test SMS of surveys go there, nothing else.",
        widget=forms.TextInput(attrs={"type": "tel", "autocomplete": "tel"}),
    )

    def clean_phone(self) -> str:
        written = re.sub(r"[\s()./-]", "", self.cleaned_data["phone"])
        if written and not re.fullmatch(r"\+[1-9][0-9]{6,14}", written):
            raise forms.ValidationError("Write the number in international form, such as +49 151 1234 5678.")
        return written


class AuditFilter(forms.Form):
    """Reads the query string; whatever makes no sense is left out."""

    q = forms.CharField(required=False, max_length=80)
    actor = forms.ModelChoiceField(User.objects.none(), required=False, empty_label="Anybody")
    action = forms.ChoiceField(required=False)
    since = forms.DateField(label="From", required=False, widget=forms.DateInput(attrs={"type": "date"}))
    until = forms.DateField(label="Until", required=False, widget=forms.DateInput(attrs={"type": "date"}))

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        actor, action = self.fields["actor"], self.fields["action"]
        assert isinstance(actor, forms.ModelChoiceField)
        assert isinstance(action, forms.ChoiceField)
        actor.queryset = User.objects.order_by("name", "pk")
        action.choices = [
            ("", "Anything"),
            *((name, queries.action_text(name)) for name in queries.audit_actions()),
        ]

    def entries(self) -> Any:
        self.is_valid()
        chosen = self.cleaned_data
        found = queries.list_audit()
        zone = queries.zone()
        if chosen.get("actor"):
            found = found.filter(actor=chosen["actor"])
        if chosen.get("action"):
            found = found.filter(action=chosen["action"])
        if chosen.get("q"):
            found = queries.search_audit(found, chosen["q"])
        if chosen.get("since"):
            found = found.filter(at__gte=dt.datetime.combine(chosen["since"], dt.time(), tzinfo=zone))
        if chosen.get("until") and chosen["until"] < dt.date.max:
            day = chosen["until"] + dt.timedelta(days=1)
            found = found.filter(at__lt=dt.datetime.combine(day, dt.time(), tzinfo=zone))
        return found
