"""The shape of what is typed when somebody is asked by hand and when the rules of asking are set."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from django import forms
from django.db.models import QuerySet

from surveys.ask_rules import Scope
from surveys.choices import Channel
from surveys.models import Survey
from surveys.services.asks import MAX_REASON


class AskForm(forms.Form):
    survey: "forms.ModelChoiceField[Survey]" = forms.ModelChoiceField(
        queryset=Survey.objects.none(), empty_label="Choose a survey", help_text="Published surveys."
    )
    channel = forms.ChoiceField(
        choices=[(Channel.EMAIL.value, "E-mail"), (Channel.SMS.value, "SMS")], initial=Channel.EMAIL.value
    )
    reason = forms.CharField(
        label="Why nevertheless",
        max_length=MAX_REASON,
        required=False,
        help_text="Needed where a quiet time, limit or budget stands against it. It is kept with the ask.",
    )

    def __init__(self, *args: Any, surveys: QuerySet[Survey], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["survey"].queryset = surveys  # type: ignore[attr-defined]


class RuleForm(forms.Form):
    """One line of the table. The budget is typed in asks and kept in tenths."""

    quiet_days_answered = forms.IntegerField(label="Days after an answer", min_value=0, max_value=3650)
    quiet_days_declined = forms.IntegerField(label="Days after a refusal", min_value=0, max_value=3650)
    quiet_days_ignored = forms.IntegerField(label="Days after silence", min_value=0, max_value=3650)
    budget = forms.DecimalField(label="Asks at most", min_value=0, max_value=1000, decimal_places=1)
    budget_days = forms.IntegerField(label="Within days", min_value=1, max_value=3650)

    def __init__(self, *args: Any, rule: Scope, **kwargs: Any) -> None:
        initial = {name: getattr(rule, name) for name in self.base_fields}
        budget = Decimal(rule.budget) / 10
        initial["budget"] = int(budget) if budget == int(budget) else budget
        kwargs["initial"] = initial
        super().__init__(*args, **kwargs)

    def values(self) -> Mapping[str, int]:
        return {**self.cleaned_data, "budget": int(self.cleaned_data["budget"] * 10)}
