"""The shape of what people type about tasks: changes to many, comments, lines of a checklist, and how they repeat."""

from typing import Any

from django import forms

from team import queries as team_queries
from workflows.domain import Priority
from workflows.forms import PersonField
from workflows.work import recurrence
from workflows.work.domain import NextAt

NEXT_LABELS = {
    NextAt.DONE: "once this one is finished",
    NextAt.DUE: "on the day, whether this one is finished or not",
}


class CommentForm(forms.Form):
    body = forms.CharField(
        label="Comment", widget=forms.Textarea(attrs={"rows": 3}), max_length=5_000, strip=True
    )


class ChecklistForm(forms.Form):
    lines = forms.CharField(
        label="Add lines",
        widget=forms.Textarea(attrs={"rows": 2}),
        max_length=10_000,
        help_text="One a line.",
    )

    def texts(self) -> list[str]:
        return str(self.cleaned_data["lines"]).splitlines()


class RepeatForm(forms.Form):
    every = forms.IntegerField(label="Every", min_value=1, max_value=recurrence.MAX_INTERVAL, initial=1)
    unit = forms.ChoiceField(
        label="Unit",
        choices=[(key, f"{name}(s)") for key, name in recurrence.FREQUENCIES.items()],
        initial="WEEKLY",
    )
    weekdays = forms.MultipleChoiceField(
        label="On", required=False, choices=list(zip(recurrence.WEEKDAYS, recurrence.DAY_NAMES, strict=True)),
        widget=forms.CheckboxSelectMultiple, help_text="For weeks; without one, the weekday of the due date.",
    )  # fmt: skip
    next_at = forms.ChoiceField(
        label="Make the next one", choices=[(key.value, text) for key, text in NEXT_LABELS.items()]
    )

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        if not self.errors:
            try:
                cleaned["rule"] = recurrence.rule(
                    cleaned["unit"], interval=cleaned["every"], weekdays=cleaned["weekdays"]
                )
            except recurrence.NotARule as error:
                self.add_error("weekdays", str(error))
        return cleaned


class BulkForm(forms.Form):
    """One change to many tasks; which of the values counts depends on the button."""

    assignee = PersonField(required=False)
    priority = forms.ChoiceField(
        required=False, choices=[("", "")] + [(p.value, p.value.capitalize()) for p in Priority]
    )
    days = forms.IntegerField(required=False, min_value=1, max_value=250)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["assignee"].queryset = team_queries.list_assignable()  # type: ignore[attr-defined]
