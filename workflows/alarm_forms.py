"""The shape of what people type about alarms."""

from typing import Any

from django import forms

from surveys.choices import Channel, pairs
from surveys.insight.rollups import SPANS
from team import queries as team_queries
from team.models import User
from workflows.alarms.evidence import MIN_N_FLOOR, Direction
from workflows.choices import choices
from workflows.forms import PersonField
from workflows.models import Alarm
from workflows.queries import alarms as queries

_CADENCES = ((1, "Every week"), (2, "Every two weeks"), (4, "Every four weeks"), (13, "Every quarter"))


class AlarmForm(forms.Form):
    name = forms.CharField(label="Name", max_length=120)
    segment: Any = forms.ModelChoiceField(
        queryset=None, label="Whose NPS", required=False, empty_label="Everybody’s",
        help_text="Shared segments; who is in one is read on the day of the look.",
    )  # fmt: skip
    survey: Any = forms.ModelChoiceField(
        queryset=None, label="Survey", required=False, empty_label="All surveys"
    )
    channel = forms.ChoiceField(
        label="Channel", required=False, choices=[("", "All channels"), *pairs(Channel)]
    )
    direction = forms.ChoiceField(
        label="Watch for", choices=choices(Direction), initial=Direction.FALL,
        help_text="Watching both ways costs a little of what a look can see.",
    )  # fmt: skip
    window_days = forms.TypedChoiceField(
        label="Compare", coerce=int, initial=90,
        help_text="The latest answer of each person in the window, against the window of the same length before.",
    )  # fmt: skip
    threshold = forms.IntegerField(
        label="At least so many points", min_value=1, max_value=100, initial=10,
        help_text="Smaller changes are not worth a message, even where they are certain.",
    )  # fmt: skip
    min_n = forms.IntegerField(
        label="At least so many answers in each window",
        min_value=MIN_N_FLOOR,
        max_value=1_000_000,
        initial=50,
    )
    every_weeks = forms.TypedChoiceField(
        label="Look", coerce=int, choices=_CADENCES, initial=1,
        help_text="All looks of a year share 5 % for a false alarm: fewer looks see smaller changes.",
    )  # fmt: skip
    assignee = PersonField(label="The alert goes to", required=False, empty_label="Whoever leads")
    is_active = forms.BooleanField(label="It is on", required=False, initial=True)

    def __init__(self, *args: Any, user: User, alarm: Alarm | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        fields: dict[str, Any] = self.fields
        fields["segment"].queryset = queries.choosable_segments(user)
        fields["survey"].queryset = queries.choosable_surveys()
        fields["assignee"].queryset = team_queries.list_assignable()
        spans = sorted({*SPANS, *([alarm.window_days] if alarm else [])})
        fields["window_days"].choices = [(days, f"{days} days with the {days} before") for days in spans]
