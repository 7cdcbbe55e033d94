"""The shape of what is typed about webhooks. Its meaning is judged by services.py."""

import datetime as dt
from typing import Any

from django import forms

from core import clock
from integrations.outgoing import catalogue
from integrations.outgoing.models import Webhook


class WebhookForm(forms.Form):
    url = forms.CharField(
        label="Address", max_length=2_000,
        widget=forms.URLInput(attrs={"spellcheck": "false", "placeholder": "https://"}),
        help_text="Where messages are posted to. It must be reachable from here by https or http; redirects are not followed.",
    )  # fmt: skip
    name = forms.CharField(
        max_length=120, required=False, help_text="For you and your colleagues. Empty: the host."
    )
    kinds = forms.MultipleChoiceField(required=False, widget=forms.CheckboxSelectMultiple)
    includes_imports = forms.BooleanField(
        label="Also tell of imported and older events", required=False,
        help_text="Without it only what happens now is told: importing years of history reaches nobody.",
    )  # fmt: skip

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        kinds = self.fields["kinds"]
        assert isinstance(kinds, forms.MultipleChoiceField)
        kinds.choices = [(one.kind, one.label) for one in catalogue.all_types().values()]

    @classmethod
    def initial_of(cls, webhook: Webhook) -> dict[str, Any]:
        return {
            "url": webhook.url, "name": webhook.name, "kinds": webhook.kinds,
            "includes_imports": webhook.includes_imports,
        }  # fmt: skip

    @property
    def chosen(self) -> set[str]:
        """The kinds that are ticked, as typed or as stored."""
        return set(self["kinds"].value() or [])


class TestForm(forms.Form):
    kind = forms.ChoiceField(label="Event")

    def __init__(self, *args: Any, webhook: Webhook, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        kind = self.fields["kind"]
        assert isinstance(kind, forms.ChoiceField)
        own = [one for one in catalogue.all_types().values() if one.kind in webhook.kinds]
        others = [one for one in catalogue.all_types().values() if one.kind not in webhook.kinds]
        kind.choices = [(one.kind, one.label) for one in [*own, *others]]


class ReplayForm(forms.Form):
    since = forms.DateTimeField(
        label="From", widget=forms.DateTimeInput(attrs={"type": "datetime-local"}, format="%Y-%m-%dT%H:%M")
    )
    until = forms.DateTimeField(
        label="To", required=False, help_text="Empty: now.",
        widget=forms.DateTimeInput(attrs={"type": "datetime-local"}, format="%Y-%m-%dT%H:%M"),
    )  # fmt: skip
    everything = forms.BooleanField(
        label="Also what was taken already", required=False,
        help_text="Each keeps its id, so a receiver that remembers ids takes nothing twice.",
    )  # fmt: skip

    @property
    def moments(self) -> tuple[dt.datetime, dt.datetime | None]:
        return self.cleaned_data["since"], self.cleaned_data["until"]


class ClearForm(forms.Form):
    days = forms.IntegerField(
        label="Forget messages that ended more than so many days ago", min_value=0, max_value=3_650, initial=7
    )

    @property
    def before(self) -> dt.datetime:
        return clock.now() - dt.timedelta(days=self.cleaned_data["days"])
