"""The shape of what people type about customers. Meaning is checked by the services; these only read and show."""

from collections.abc import Mapping, Sequence
from typing import Any, cast

from django import forms
from django.db.models import QuerySet
from django.urls import reverse_lazy
from django.utils import timezone

from accounts import queries
from accounts.domain import (
    OWNER_ROLE_LABELS,
    SHARING_LABELS,
    ContactRole,
    ContractOutcome,
    FieldType,
    InteractionKind,
    OwnerRole,
    Sharing,
)
from accounts.metric_values import Direction, MetricType, read_thresholds, stored_thresholds
from accounts.models import Account, Contact, Contract, CustomField, Interaction, Metric, choices
from core.errors import Invalid, Refused
from team import queries as team_queries
from team.models import User


def show_refusal(form: forms.Form, refusal: Refused) -> None:
    """Put a service's refusal beside the field it is about, or above the form."""
    name = refusal.field.replace(".", "_")
    form.add_error(name if name in form.fields else None, refusal.message)


class DateInput(forms.DateInput):
    input_type = "date"

    def __init__(self, **more: Any) -> None:
        super().__init__(format="%Y-%m-%d", **more)


def _date(label: str, *, required: bool = False, help_text: str = "") -> forms.DateField:
    return forms.DateField(label=label, required=required, widget=DateInput(), help_text=help_text)


def _money(label: str, *, required: bool = False, help_text: str = "") -> forms.DecimalField:
    return forms.DecimalField(
        label=label, required=required, max_digits=14, decimal_places=2, min_value=0, help_text=help_text
    )


class PersonField(forms.ModelChoiceField):  # type: ignore[type-arg]  # not generic at run time
    """Somebody to whom work can be given."""

    def __init__(self, label: str, *, required: bool = False, empty_label: str = "Nobody") -> None:
        super().__init__(
            queryset=User.objects.none(),
            label=label,
            required=required,
            empty_label=None if required else empty_label,
        )

    def offer(self, also: User | None = None) -> None:
        """Fill in the people; `also` stays on offer even when no work can be given to them any more."""
        people = team_queries.list_assignable()
        if also is not None:
            people = User.objects.filter(pk__in=[*people.values_list("pk", flat=True), also.pk]).order_by(
                "name", "pk"
            )
        self.queryset = people


class AccountPick(forms.CharField):
    """An account by its name, as `#id` when several share it. Only accounts in the person's sight can be found."""

    def __init__(self, label: str, *, required: bool = False, help_text: str = "") -> None:
        # The names come while one types; without script the exact name is typed.
        attrs = {
            "list": "account-options",
            "autocomplete": "off",
            "hx-get": reverse_lazy("accounts:account_options"),
            "hx-trigger": "input changed delay:200ms",
            "hx-target": "#account-options",
        }
        widget = forms.TextInput(attrs=attrs)
        super().__init__(label=label, required=required, max_length=220, help_text=help_text, widget=widget)

    def offer(self, user: User) -> None:
        self.user = user

    def clean(self, value: Any) -> Account | None:
        text = super().clean(value)
        if not text:
            return None
        visible: QuerySet[Account] = queries.list_accounts(self.user)
        number = text.rpartition("#")[2]
        if "#" in text and number.isascii() and number.isdigit() and len(number) < 19:
            found = list(visible.filter(pk=int(number))[:1])
        else:
            found = list(visible.filter(name__iexact=text).order_by("pk")[:2])
        if not found:
            raise forms.ValidationError(
                "There is no account of this name in your view. Choose one from the list."
            )
        if len(found) > 1:
            raise forms.ValidationError(
                f"Several accounts have this name. Write it with its number, such as #{found[0].pk}."
            )
        return found[0]


def _custom_form_field(field: CustomField) -> forms.Field:
    match FieldType(field.type):
        case FieldType.NUMBER:
            return forms.DecimalField(label=field.label, required=False, max_digits=15, decimal_places=6)
        case FieldType.DATE:
            return _date(field.label)
        case FieldType.BOOLEAN:
            options = [("", "–"), ("true", "Yes"), ("false", "No")]
            return forms.ChoiceField(label=field.label, required=False, choices=options)
        case FieldType.CHOICE:
            offered = [("", "–"), *((str(one), str(one)) for one in field.choices)]
            return forms.ChoiceField(label=field.label, required=False, choices=offered)
        case _:
            return forms.CharField(label=field.label, required=False, max_length=500)


class CustomisedForm(forms.Form):
    """A form with the custom fields of its target at its end, as `custom_<key>`."""

    version = forms.CharField(required=False, widget=forms.HiddenInput)

    def add_custom(self, definitions: Sequence[CustomField], stored: Mapping[str, Any]) -> None:
        self.definitions = definitions
        for field in definitions:
            made = _custom_form_field(field)
            held = stored.get(field.key)
            if isinstance(held, bool):
                held = "true" if held else "false"
            offered: list[Any] = list(cast(Any, made.choices)) if isinstance(made, forms.ChoiceField) else []
            if isinstance(made, forms.ChoiceField) and held not in (None, "") and not made.valid_value(held):
                # A choice that was taken away since stays until somebody chooses another.
                made.choices = [*offered, (held, f"{held} (no longer offered)")]
            self.fields[f"custom_{field.key}"] = made
            self.initial.setdefault(f"custom_{field.key}", held)

    def custom_fields(self) -> list[forms.BoundField]:
        return [self[f"custom_{field.key}"] for field in self.definitions]

    def values(self) -> dict[str, Any]:
        """What to hand to the service: every plain field, and the custom ones as one mapping."""
        plain = {k: v for k, v in self.cleaned_data.items() if k != "version" and not k.startswith("custom_")}
        plain = {k: v for k, v in plain.items() if not self.fields[k].disabled}
        return {
            **plain,
            "custom": {f.key: self.cleaned_data.get(f"custom_{f.key}") for f in self.definitions},
        }


class AccountForm(CustomisedForm):
    name = forms.CharField(label="Name", max_length=200)
    owner = PersonField("Primary owner")
    stage: Any = forms.ModelChoiceField(
        queryset=None, label="Lifecycle stage", required=False, empty_label="–"
    )
    parent = AccountPick("Parent account", help_text="The company it belongs to, if any.")
    plan = forms.CharField(label="Plan", required=False, max_length=60)
    segment = forms.CharField(label="Segment", required=False, max_length=60)
    industry = forms.CharField(label="Industry", required=False, max_length=80)
    domain = forms.CharField(label="Domain", required=False, max_length=300, help_text="example.com")
    city = forms.CharField(label="City", required=False, max_length=80)
    country = forms.CharField(
        label="Country", required=False, max_length=2, help_text="Two letters, such as DE."
    )
    seats = forms.IntegerField(label="Seats", required=False, min_value=0, max_value=999_999_999)
    currency = forms.CharField(label="Currency", max_length=3)
    arr = _money("ARR")
    renewal_on = _date("Renewal")
    lifetime_value = _money("Lifetime value")
    customer_since = _date("Customer since")
    churned_on = _date("Churned on")
    external_id = forms.CharField(
        label="External id", required=False, max_length=120, help_text="Its key in your other systems."
    )

    def __init__(self, data: Any = None, *, user: User, account: Account | None = None, **more: Any) -> None:
        if account is not None:
            names = [name for name in self.base_fields if name not in {"version", "parent"}]
            more["initial"] = {name: getattr(account, name) for name in names} | more.get("initial", {})
        super().__init__(data, **more)
        fields: dict[str, Any] = self.fields
        fields["owner"].offer(account.owner if account else None)
        fields["stage"].queryset = queries.list_stages()
        fields["parent"].offer(user)
        self.add_custom(
            [f for f in queries.list_custom_fields() if f.target == "account"],
            account.custom if account else {},
        )
        if account is None:
            self.initial.setdefault("currency", team_queries.workspace().currency)
            self.initial.setdefault("owner", user.pk if user.role != "viewer" else None)
            return
        if account.parent_id is not None:
            parent = queries.visible_parent(account, user)
            if parent is None:
                # What cannot be seen cannot be judged, so it is left as it is.
                self.fields["parent"].disabled = True
                self.initial["parent"] = ""
                self.fields["parent"].help_text = "It belongs to an account outside your view."
            else:
                self.initial["parent"] = f"{parent.name} #{parent.pk}"
        if queries.open_contracts_of(account).exists():
            for name in ("arr", "renewal_on"):
                self.fields[name].disabled = True
                self.fields[name].help_text = "Follows the open contracts."


class ContactForm(CustomisedForm):
    first_name = forms.CharField(label="First name", required=False, max_length=100)
    last_name = forms.CharField(label="Last name", required=False, max_length=100)
    email = forms.CharField(label="E-mail", required=False, max_length=300)
    phone = forms.CharField(label="Phone", required=False, max_length=40)
    account = AccountPick("Account")
    job_title = forms.CharField(label="Job title", required=False, max_length=120)
    role = forms.ChoiceField(label="Role", choices=choices(ContactRole), initial=ContactRole.USER)
    language = forms.CharField(
        label="Language", required=False, max_length=10, help_text="In which they are asked: en, de…"
    )
    time_zone = forms.CharField(label="Time zone", required=False, max_length=64, help_text="Europe/Berlin")
    external_id = forms.CharField(label="External id", required=False, max_length=120)

    def __init__(self, data: Any = None, *, user: User, contact: Contact | None = None, **more: Any) -> None:
        if contact is not None:
            names = [name for name in self.base_fields if name not in {"version", "account"}]
            more["initial"] = {name: getattr(contact, name) for name in names} | more.get("initial", {})
            if contact.account is not None:
                more["initial"]["account"] = f"{contact.account.name} #{contact.account.pk}"
        super().__init__(data, **more)
        cast(AccountPick, self.fields["account"]).offer(user)
        self.add_custom(
            [f for f in queries.list_custom_fields() if f.target == "contact"],
            contact.custom if contact else {},
        )


class OwnerRoleForm(forms.Form):
    user = PersonField("Person", required=True)
    role = forms.ChoiceField(label="Role", choices=[(r.value, OWNER_ROLE_LABELS[r]) for r in OwnerRole])

    def __init__(self, data: Any = None, **more: Any) -> None:
        super().__init__(data, **more)
        cast(PersonField, self.fields["user"]).offer()


class BulkOwnerForm(forms.Form):
    """Whom many accounts are given to. Leaving them without an owner has to be chosen, it is not the default."""

    owner = forms.ChoiceField(label="New owner")

    def __init__(self, data: Any = None, **more: Any) -> None:
        super().__init__(data, **more)
        self.people = {str(user.pk): user for user in team_queries.list_assignable()}
        named = [(key, str(user)) for key, user in self.people.items()]
        cast(forms.ChoiceField, self.fields["owner"]).choices = [("", "Choose…"), *named, ("none", "Nobody")]

    def chosen(self) -> User | None:
        return self.people.get(self.cleaned_data["owner"])


class ContractForm(forms.Form):
    starts_on = _date("Starts", required=True)
    ends_on = _date("Ends, and renews", required=True)
    arr = _money("ARR", required=True)
    currency = forms.CharField(label="Currency", max_length=3)
    external_id = forms.CharField(label="External id", required=False, max_length=120)
    note = forms.CharField(label="Note", required=False, max_length=500)
    version = forms.CharField(required=False, widget=forms.HiddenInput)

    @staticmethod
    def initial_of(contract: Contract) -> dict[str, Any]:
        return {name: getattr(contract, name) for name in ContractForm.base_fields if name != "version"}

    def values(self) -> dict[str, Any]:
        return {name: value for name, value in self.cleaned_data.items() if name != "version"}


class OutcomeForm(forms.Form):
    outcome = forms.ChoiceField(label="Outcome", choices=choices(ContractOutcome), widget=forms.RadioSelect)
    outcome_on = _date("On", help_text="The day it was decided; empty is today.")


class InteractionForm(forms.Form):
    kind = forms.ChoiceField(
        label="What was it",
        choices=[c for c in choices(InteractionKind) if c[0] != "mail"],
        widget=forms.RadioSelect,
    )
    contact: Any = forms.ModelChoiceField(
        queryset=None, label="With", required=False, empty_label="Nobody in particular"
    )
    subject = forms.CharField(label="Subject", required=False, max_length=200)
    body = forms.CharField(
        label="What was said",
        required=False,
        max_length=20_000,
        strip=False,
        widget=forms.Textarea(attrs={"rows": 5}),
    )
    outcome = forms.CharField(
        label="Outcome", required=False, max_length=200, help_text="What was agreed, in a line."
    )
    happened_at = forms.DateTimeField(
        label="When",
        required=False,
        widget=forms.DateTimeInput(attrs={"type": "datetime-local"}, format="%Y-%m-%dT%H:%M"),
        help_text="Empty is now.",
    )

    def __init__(
        self, data: Any = None, *, account: Account, interaction: Interaction | None = None, **more: Any
    ) -> None:
        super().__init__(data, **more)
        people = queries.contacts_of(account).order_by("last_name", "first_name", "pk")
        cast(Any, self.fields["contact"]).queryset = people
        if interaction is not None:
            del self.fields["contact"], self.fields["kind"]
            self.initial.update({name: getattr(interaction, name) for name in ("subject", "body", "outcome")})
            self.initial["happened_at"] = timezone.localtime(interaction.happened_at).replace(tzinfo=None)


class MailForm(forms.Form):
    subject = forms.CharField(label="Subject", max_length=200)
    body = forms.CharField(
        label="Message", max_length=20_000, strip=False, widget=forms.Textarea(attrs={"rows": 10})
    )


class StageForm(forms.Form):
    name = forms.CharField(label="Name", max_length=60)
    is_customer = forms.BooleanField(
        label="Accounts in this stage are customers",
        required=False,
        initial=True,
        help_text="Leads and churned accounts are not counted as customers.",
    )
    position = forms.IntegerField(label="Place in the order", required=False, min_value=0, max_value=999)


class CustomFieldForm(forms.Form):
    target = forms.ChoiceField(label="Belongs to", choices=[("account", "Accounts"), ("contact", "Contacts")])
    label = forms.CharField(label="Label", max_length=80)
    key = forms.CharField(
        label="Key",
        required=False,
        max_length=40,
        help_text="For imports and the API; empty makes one from the label.",
    )
    type = forms.ChoiceField(label="Type", choices=choices(FieldType))
    choices = forms.CharField(
        label="Choices",
        required=False,
        widget=forms.Textarea(attrs={"rows": 4}),
        help_text="For the type Choice, one a line.",
    )
    is_personal = forms.BooleanField(
        label="Holds personal data",
        required=False,
        help_text="Personal values are erased with the person, and never reach events or logs.",
    )
    position = forms.IntegerField(label="Place in the order", required=False, min_value=0, max_value=999)

    def __init__(self, data: Any = None, *, field: CustomField | None = None, **more: Any) -> None:
        if field is not None:
            more["initial"] = {
                "target": field.target,
                "label": field.label,
                "key": field.key,
                "type": field.type,
                "choices": "\n".join(str(one) for one in field.choices),
                "is_personal": field.is_personal,
                "position": field.position,
            }
        super().__init__(data, **more)
        if field is not None:
            for name in ("target", "key", "type"):
                self.fields[name].disabled = True

    def choice_list(self) -> list[str]:
        return [line.strip() for line in self.cleaned_data["choices"].splitlines() if line.strip()]


class SegmentForm(forms.Form):
    name = forms.CharField(label="Name", max_length=80)
    sharing = forms.ChoiceField(
        label="Who can use it",
        choices=[(s.value, SHARING_LABELS[s]) for s in Sharing],
        initial=Sharing.EVERYBODY,
        help_text="Each sees only rows in their own view.",
    )
    version = forms.CharField(required=False, widget=forms.HiddenInput)


class MetricForm(forms.Form):
    label = forms.CharField(label="Label", max_length=80)
    key = forms.CharField(
        label="Key",
        max_length=60,
        help_text="What other systems send, such as seats_used. Letters, digits, underscores, hyphens. For good.",
    )
    type = forms.ChoiceField(label="Type", choices=choices(MetricType))
    direction = forms.ChoiceField(label="What is good", choices=choices(Direction))
    choices = forms.CharField(
        label="Choices",
        required=False,
        widget=forms.Textarea(attrs={"rows": 4}),
        help_text="For the type Choice, one a line. Later ones can only be added at the end.",
    )
    unit = forms.CharField(
        label="Unit",
        required=False,
        max_length=20,
        help_text="Behind the number: seats, GB, h. Percent has its own.",
    )
    retention_days = forms.IntegerField(
        label="Keep points for",
        required=False,
        min_value=30,
        max_value=36_500,
        help_text="Days; empty keeps them. Points older than 90 days are thinned to the last of each day, older than 400"
        " days to the last of each week. The newest point of an account always stays.",
    )
    thresholds = forms.CharField(
        label="Tell when a value goes",
        required=False,
        widget=forms.Textarea(attrs={"rows": 2}),
        help_text="One a line: “below 10” or “above 95.5”. Each crossing is told once, on the account's timeline and to"
        " rules. Rules may have thresholds of their own.",
    )

    def __init__(self, data: Any = None, *, metric: Metric | None = None, **more: Any) -> None:
        if metric is not None:
            more["initial"] = {
                "label": metric.label,
                "key": metric.key,
                "type": metric.type,
                "choices": "\n".join(metric.choices),
                "unit": metric.unit,
                "direction": metric.direction,
                "retention_days": metric.retention_days,
                "thresholds": "\n".join(f"{one['side']} {one['value']}" for one in metric.thresholds),
            }
        super().__init__(data, **more)
        self.order_fields(["label", "key", "type", "choices", "unit", "direction"])
        if metric is not None:
            self.fields["key"].disabled = True

    def clean_thresholds(self) -> list[dict[str, str]]:
        found = []
        for line in self.cleaned_data["thresholds"].splitlines():
            words = line.lower().split()
            if not words:
                continue
            if len(words) != 2:
                raise forms.ValidationError(
                    f"“{line[:60]}” is not understood. Write below or above, and a number."
                )
            found.append({"side": words[0], "value": words[1]})
        try:
            return stored_thresholds(read_thresholds(found))
        except Invalid as refusal:
            raise forms.ValidationError(refusal.message) from None

    def values(self) -> dict[str, Any]:
        """What `define_metric` takes."""
        values = dict(self.cleaned_data)
        values["choices"] = [line.strip() for line in values["choices"].splitlines() if line.strip()]
        return values | {"keep_for_good": values["retention_days"] is None}
