"""The shape of what people type about working time, leave, and the promises of the company."""

from typing import Any

from django import forms

from surveys import domain as survey_domain
from team import queries as team_queries
from team.models import User
from workflows.calendars.domain import NewWork, OpenWork
from workflows.forms import PersonField
from workflows.models import WorkHours, WorkSettings

WEEKDAYS = [
    ("1", "Monday"), ("2", "Tuesday"), ("3", "Wednesday"), ("4", "Thursday"), ("5", "Friday"), ("6", "Saturday"),
    ("7", "Sunday"),
]  # fmt: skip
NEW_WORK = {
    NewWork.STAND_IN: "goes to the stand-in",
    NewWork.WAIT: "waits: dates leave these days out",
}
OPEN_WORK = {
    OpenWork.KEEP: "stays as it is",
    OpenWork.MOVE: "stays, and what is due meanwhile moves to the first day back",
    OpenWork.HAND_OVER: "goes to the stand-in, and comes back",
}


def _time(label: str, help_text: str = "") -> forms.TimeField:
    return forms.TimeField(
        label=label,
        required=False,
        help_text=help_text,
        widget=forms.TimeInput(attrs={"type": "time"}, format="%H:%M"),
    )


class HoursForm(forms.Form):
    weekdays = forms.MultipleChoiceField(
        label="Working days", choices=WEEKDAYS, widget=forms.CheckboxSelectMultiple
    )
    day_start = _time("From")
    day_end = _time("Until", "Empty: the company's hours.")
    country = forms.CharField(
        label="Country of the holidays",
        required=False,
        max_length=2,
        help_text="Two letters, such as DE. Empty: the company's.",
    )
    region = forms.CharField(
        label="Region",
        required=False,
        max_length=6,
        help_text="Its code where its holidays differ, such as BY.",
    )

    def __init__(self, *args: Any, hours: WorkHours, **kwargs: Any) -> None:
        kwargs["initial"] = {
            "weekdays": list(hours.weekdays), "day_start": hours.day_start, "day_end": hours.day_end,
            "country": hours.country, "region": hours.region,
        }  # fmt: skip
        super().__init__(*args, **kwargs)

    def clean_weekdays(self) -> str:
        return "".join(self.cleaned_data["weekdays"])


class LeaveForm(forms.Form):
    starts_on = forms.DateField(
        label="First day away", widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d")
    )
    ends_on = forms.DateField(
        label="Last day away", widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d")
    )
    stand_in = PersonField(label="Who stands in", required=False, empty_label="Nobody")
    new_work = forms.ChoiceField(
        label="What comes meanwhile", choices=[(key.value, text) for key, text in NEW_WORK.items()]
    )
    open_work = forms.ChoiceField(
        label="What is open then", choices=[(key.value, text) for key, text in OPEN_WORK.items()]
    )

    def __init__(self, *args: Any, person: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        colleagues = team_queries.list_assignable().exclude(pk=person.pk)
        self.fields["stand_in"].queryset = colleagues  # type: ignore[attr-defined]

    def values(self) -> dict[str, Any]:
        return {
            **self.cleaned_data,
            "new_work": NewWork(self.cleaned_data["new_work"]),
            "open_work": OpenWork(self.cleaned_data["open_work"]),
        }


def _range(low: int, high: int) -> str:
    return str(low) if low == high else f"{low} to {high}"


def _categories() -> list[tuple[str, str]]:
    return [
        (level.name, f"{level.name.capitalize()} ({scale.label} {_range(level.low, level.high)})")
        for scale in survey_domain.SCALES.values()
        for level in reversed(scale.levels)
    ]


class PromisesForm(forms.Form):
    loop_categories = forms.MultipleChoiceField(
        label="Which answers are followed up", required=False, choices=_categories, widget=forms.CheckboxSelectMultiple,
        help_text="Live answers of people we know. Without one, none.",
    )  # fmt: skip
    contact_days = forms.IntegerField(
        label="Somebody gets in touch within",
        min_value=1,
        max_value=90,
        help_text="Business days of the owner, from the score.",
    )
    resolution_days = forms.IntegerField(
        label="The matter is settled within",
        min_value=1,
        max_value=90,
        help_text="Business days of the owner, from the score.",
    )
    escalations = forms.IntegerField(
        label="Tell a lead about a broken promise",
        min_value=0,
        max_value=3,
        help_text="Times at most for a loop; 0 is never.",
    )
    escalation_minutes = forms.IntegerField(
        label="At least so many minutes apart", min_value=60, max_value=10_080
    )
    country = forms.CharField(
        label="Country of the company's holidays", required=False, max_length=2,
        help_text="Two letters, such as DE. Empty: holidays are working days.",
    )  # fmt: skip
    region = forms.CharField(label="Region", required=False, max_length=6)

    def __init__(self, *args: Any, settings: WorkSettings, **kwargs: Any) -> None:
        names = (
            "loop_categories", "contact_days", "resolution_days", "escalations", "escalation_minutes", "country",
            "region",
        )  # fmt: skip
        kwargs["initial"] = {name: getattr(settings, name) for name in names}
        super().__init__(*args, **kwargs)


class OutcomeForm(forms.Form):
    label = forms.CharField(label="Outcome", max_length=80)
    is_active = forms.BooleanField(label="Can be chosen", required=False, initial=True)
