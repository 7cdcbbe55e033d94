"""The shape of what people type about alerts, tasks and loops."""

import datetime as dt
from collections.abc import Sequence
from typing import Any
from zoneinfo import ZoneInfo

from django import forms

from accounts.domain import InteractionKind
from team import queries as team_queries
from team.models import User
from workflows.domain import Priority
from workflows.services.health import SENTIMENTS


class PersonField(forms.ModelChoiceField):  # type: ignore[type-arg]  # not generic at run time
    """A colleague to whom work can be given."""

    def __init__(self, **kwargs: Any) -> None:
        kwargs.setdefault("queryset", User.objects.none())
        super().__init__(**kwargs)


class ReplyForm(forms.Form):
    subject = forms.CharField(max_length=200)
    body = forms.CharField(label="Message", widget=forms.Textarea(attrs={"rows": 7}), max_length=20_000)


class LogForm(forms.Form):
    kind = forms.ChoiceField(
        label="What happened",
        choices=[(k.value, k.value.capitalize()) for k in (InteractionKind.CALL, InteractionKind.MEETING, InteractionKind.MAIL, InteractionKind.NOTE)],
    )  # fmt: skip
    body = forms.CharField(label="What was said", widget=forms.Textarea(attrs={"rows": 4}), max_length=20_000)
    outcome = forms.CharField(
        label="Outcome", required=False, max_length=200, help_text="One line: what was agreed, what changes."
    )
    close = forms.BooleanField(label="Close the loop with this", required=False)

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        if cleaned.get("close") and not cleaned.get("outcome", "").strip():
            self.add_error("outcome", "Write the outcome in a line before you close the loop.")
        return cleaned


class CloseForm(forms.Form):
    outcome = forms.CharField(
        label="Outcome", max_length=200, help_text="One line: what was agreed, what changes."
    )


class AssignForm(forms.Form):
    assignee = PersonField(label="Give to")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["assignee"].queryset = team_queries.list_assignable()  # type: ignore[attr-defined]


class TaskForm(forms.Form):
    title = forms.CharField(label="What is to be done", max_length=200)
    due_on = forms.DateField(label="Due", required=False, widget=forms.DateInput(attrs={"type": "date"}))
    priority = forms.ChoiceField(
        choices=[(p.value, p.value.capitalize()) for p in Priority], initial=Priority.NORMAL
    )
    assignee = PersonField(label="For")
    description = forms.CharField(
        label="Notes", required=False, widget=forms.Textarea(attrs={"rows": 4}), max_length=20_000
    )

    def __init__(self, *args: Any, zone: ZoneInfo, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.zone = zone
        self.fields["assignee"].queryset = team_queries.list_assignable()  # type: ignore[attr-defined]

    def due_at(self) -> dt.datetime | None:
        """The end of the working day on the date given, in the person's zone."""
        day = self.cleaned_data.get("due_on")
        if day is None:
            return None
        return dt.datetime.combine(day, team_queries.workspace().day_end, tzinfo=self.zone).astimezone(dt.UTC)


class OverrideForm(forms.Form):
    band = forms.ChoiceField(label="Health")
    score = forms.IntegerField(
        label="Score",
        required=False,
        min_value=0,
        max_value=100,
        help_text="Within the band. Empty shows the computed score beside it.",
    )
    reason = forms.CharField(
        label="Why",
        max_length=500,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text="Stands beside the score.",
    )
    expires_on = forms.DateField(
        label="Until",
        widget=forms.DateInput(format="%Y-%m-%d", attrs={"type": "date"}),
        help_text="Then the computed score counts again. At most a year from now.",
    )

    def __init__(self, *args: Any, bands: Sequence[tuple[str, str]], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["band"].choices = list(bands)  # type: ignore[attr-defined]


class SentimentForm(forms.Form):
    value = forms.TypedChoiceField(
        label="How do you feel about them?",
        coerce=int,
        choices=list(SENTIMENTS.items()),
        widget=forms.RadioSelect,
    )
    note = forms.CharField(
        label="Why", required=False, max_length=500, widget=forms.Textarea(attrs={"rows": 3})
    )
