"""The shape of what is typed about widgets and placements. Their meaning is judged by surveys/widget/manage.py."""

from typing import Any

from django import forms

from surveys.choices import WidgetMode, WidgetTheme
from surveys.models import Placement, Widget
from surveys.widget import queries, targeting
from surveys.widget.manage import ROTATION_DAYS

THEMES = {
    WidgetTheme.AUTO: "As the visitor's device is set",
    WidgetTheme.LIGHT: "Always light",
    WidgetTheme.DARK: "Always dark",
}
MODES = {
    WidgetMode.CORNER: "Card in the corner",
    WidgetMode.MODAL: "Dialog over the page",
    WidgetMode.INLINE: "Within the page, where it has an element with data-nps-crm",
}
ROWS = 3


class WidgetForm(forms.Form):
    name = forms.CharField(
        max_length=80, help_text="For you and your colleagues, such as the product's name."
    )
    origins = forms.CharField(
        label="Where it may run", required=False, widget=forms.Textarea(attrs={"rows": 4, "spellcheck": "false"}),
        help_text="One origin a line, such as https://app.example.com. No other site can use it.",
    )  # fmt: skip
    theme = forms.ChoiceField(label="Look", choices=list(THEMES.items()))
    creates_contacts = forms.BooleanField(
        label="Make contacts of people we do not know yet", required=False,
        help_text="When somebody is asked whose signed token names one of your accounts by its external id.",
    )  # fmt: skip

    @property
    def lines(self) -> list[str]:
        return [line.strip() for line in self.cleaned_data["origins"].splitlines() if line.strip()]

    @classmethod
    def of(cls, widget: Widget) -> dict[str, Any]:
        return {
            "name": widget.name, "origins": "\n".join(widget.origins), "theme": widget.theme,
            "creates_contacts": widget.creates_contacts, "is_active": widget.is_active,
        }  # fmt: skip


class WidgetEditForm(WidgetForm):
    is_active = forms.BooleanField(
        label="Switched on",
        required=False,
        help_text="Switched off, it shows nothing anywhere and takes no answers.",
    )


class RotateForm(forms.Form):
    days = forms.TypedChoiceField(
        label="The present secret", coerce=int, initial=ROTATION_DAYS,
        choices=[(0, "stops working at once"), (1, "works for one more day"), (7, "works for seven more days")],
    )  # fmt: skip


class PlacementForm(forms.Form):
    """Where and to whom a campaign shows. `values` is what `manage.save_placement` takes."""

    widget: "forms.ModelChoiceField[Widget]" = forms.ModelChoiceField(
        queryset=Widget.objects.none(), empty_label=None
    )
    mode = forms.ChoiceField(label="Form", choices=list(MODES.items()))
    url_pattern = forms.CharField(
        label="Pages", required=False, max_length=200,
        help_text="Such as /reports/* or https://app.example.com/billing; * stands for anything. Empty: every page.",
    )  # fmt: skip
    event = forms.CharField(
        label="After the event", required=False, max_length=80,
        help_text="A name your product passes to track() in the same session. Empty: without waiting for one.",
    )  # fmt: skip
    devices = forms.MultipleChoiceField(
        required=False, choices=[(device, device.capitalize()) for device in targeting.DEVICES],
        widget=forms.CheckboxSelectMultiple, help_text="None ticked: all.",
    )  # fmt: skip
    delay_seconds = forms.IntegerField(
        label="Wait", min_value=0, max_value=600, initial=5, help_text="Seconds on the page before it shows."
    )
    sample_percent = forms.IntegerField(
        label="Ask this share", min_value=1, max_value=100, initial=100,
        help_text="Per cent of those who qualify; the same people for a whole quarter.",
    )  # fmt: skip
    asks_strangers = forms.BooleanField(
        label="Also ask visitors we cannot identify", required=False,
        help_text="Their answers are anonymous: they count in the company's figures and in no account's.",
    )  # fmt: skip

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["widget"].queryset = queries.list_widgets().filter(is_active=True)  # type: ignore[attr-defined]
        operators = [(key, operator.label) for key, operator in targeting.OPERATORS.items()]
        for row in range(ROWS):
            self.fields[f"trait_{row}"] = forms.CharField(label="Trait", required=False, max_length=60)
            self.fields[f"op_{row}"] = forms.ChoiceField(
                label="Comparison", choices=operators, required=False
            )
            self.fields[f"value_{row}"] = forms.CharField(label="Value", required=False, max_length=200)

    @property
    def rows(self) -> list[tuple[Any, Any, Any]]:
        return [(self[f"trait_{row}"], self[f"op_{row}"], self[f"value_{row}"]) for row in range(ROWS)]

    @property
    def values(self) -> dict[str, Any]:
        names = (
            "widget",
            "mode",
            "url_pattern",
            "event",
            "devices",
            "delay_seconds",
            "sample_percent",
            "asks_strangers",
        )
        found = {name: self.cleaned_data[name] for name in names}
        given = self.cleaned_data
        found["trait_conditions"] = [
            {"trait": given[f"trait_{row}"], "op": given[f"op_{row}"], "value": given[f"value_{row}"]}
            for row in range(ROWS)
            if given[f"trait_{row}"]
        ]
        return found

    @classmethod
    def of(cls, placement: Placement) -> dict[str, Any]:
        """Initial values of a placement."""
        names = ("mode", "url_pattern", "event", "delay_seconds", "sample_percent", "asks_strangers")
        initial: dict[str, Any] = {name: getattr(placement, name) for name in names}
        initial |= {
            "widget": placement.widget_id,
            "devices": placement.devices.split(",") if placement.devices else [],
        }
        for row, condition in enumerate(placement.trait_conditions[:ROWS]):
            initial |= {f"trait_{row}": condition["trait"], f"op_{row}": condition["op"]}
            initial[f"value_{row}"] = condition.get("value", "")
        return initial
