"""The shape of what is typed of a public link. Its meaning is judged by surveys/services/links.py."""

from typing import Any

from django import forms

from core.errors import Invalid
from surveys.services.links import MAX_LIMIT, NAME_LENGTH, TAG_LENGTH, LinkPlan, read_origins


class LinkForm(forms.Form):
    name = forms.CharField(max_length=NAME_LENGTH, help_text="Only your team sees it.")
    source_tag = forms.CharField(
        max_length=TAG_LENGTH,
        required=False,
        label="Source tag",
        help_text="Answers carry it, so that figures can be told apart: booth-hamburg, receipt, newsletter.",
        widget=forms.TextInput(attrs={"autocapitalize": "none", "spellcheck": "false"}),
    )
    asks_email = forms.BooleanField(
        required=False,
        label="Ask for an e-mail address",
        help_text="Optional for the respondent. A known address makes it that person's answer, an unknown one waits in"
        " the inbox. Anybody can type any address, so use it where you trust who answers.",
    )
    is_kiosk = forms.BooleanField(
        required=False,
        label="Kiosk",
        help_text="For a screen that many people use: large controls, back to the start after each answer and when"
        " nobody touches it for a minute.",
    )
    kiosk_seconds = forms.IntegerField(
        min_value=3,
        max_value=300,
        initial=10,
        label="Start again after",
        help_text="Seconds the thanks stay.",
    )
    origins = forms.CharField(
        required=False,
        label="Web sites that may embed it",
        widget=forms.Textarea(
            attrs={"rows": 3, "placeholder": "https://www.example.com", "spellcheck": "false"}
        ),
        help_text="One a line. Without any, no web site can show it in a frame.",
    )
    address_hourly_limit = forms.IntegerField(
        min_value=1, max_value=MAX_LIMIT, initial=60, label="Answers an hour from one network address",
        help_text="An office, a trade fair or a kiosk shares one address.",
    )  # fmt: skip
    hourly_limit = forms.IntegerField(
        min_value=1, max_value=MAX_LIMIT, initial=1000, label="Answers an hour in all"
    )

    @classmethod
    def initial_of(cls, plan: LinkPlan) -> dict[str, Any]:
        return {name: getattr(plan, name) for name in cls.base_fields} | {"origins": "\n".join(plan.origins)}

    def clean_origins(self) -> tuple[str, ...]:
        try:
            return read_origins(self.cleaned_data["origins"])
        except Invalid as refusal:
            raise forms.ValidationError(refusal.message) from None

    @property
    def plan(self) -> LinkPlan:
        return LinkPlan(**self.cleaned_data)
