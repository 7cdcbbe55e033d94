"""The shape of what people type about playbooks."""

from typing import Any

from django import forms

from accounts.domain import OWNER_ROLE_LABELS
from team import queries as team_queries
from workflows.domain import Priority
from workflows.forms import PersonField
from workflows.models import PlaybookTask
from workflows.queries import playbooks as queries
from workflows.work.domain import Anchor, Route, Unit

ROUTES = {
    Route.OWNER: "The account's owner",
    Route.ROLE: "Whoever has a role at the account",
    Route.PERSON: "One person",
    Route.ROUND_ROBIN: "Several people in turn",
}
ANCHORS = {
    Anchor.START: "the start of the playbook",
    Anchor.RENEWAL: "the account's renewal date",
    Anchor.CUSTOMER_SINCE: "the account's first day as a customer",
}
UNITS = {Unit.BUSINESS_DAYS: "business days of whoever does it", Unit.CALENDAR_DAYS: "days of the calendar"}


class PlaybookForm(forms.Form):
    name = forms.CharField(max_length=120)
    description = forms.CharField(
        label="What it is for", required=False, max_length=300, widget=forms.Textarea(attrs={"rows": 2})
    )


class PlaybookTaskForm(forms.Form):
    title = forms.CharField(
        label="What is to be done", max_length=200, help_text="{contact} and {account} become their names."
    )
    description = forms.CharField(
        label="Notes", required=False, widget=forms.Textarea(attrs={"rows": 3}), max_length=20_000
    )
    days = forms.IntegerField(label="Days", min_value=0, max_value=730, initial=1)
    unit = forms.ChoiceField(label="Counted in", choices=[(u.value, text) for u, text in UNITS.items()])
    side = forms.ChoiceField(label="Before or after", choices=[("after", "after"), ("before", "before")])
    anchor = forms.ChoiceField(label="Counted from", choices=[(a.value, text) for a, text in ANCHORS.items()])
    route = forms.ChoiceField(label="Who does it", choices=[(r.value, text) for r, text in ROUTES.items()])
    role = forms.ChoiceField(
        label="Role", required=False, choices=[("", "None chosen")] + [(r.value, text) for r, text in OWNER_ROLE_LABELS.items()],
        help_text="Where nobody has it, the owner does it.",
    )  # fmt: skip
    user = PersonField(label="Person", required=False, empty_label="Nobody chosen")
    users: Any = forms.ModelMultipleChoiceField(
        label="People", required=False, queryset=None, widget=forms.CheckboxSelectMultiple
    )
    priority = forms.ChoiceField(
        choices=[(p.value, p.value.capitalize()) for p in Priority], initial=Priority.NORMAL
    )
    checklist = forms.CharField(
        required=False,
        widget=forms.Textarea(attrs={"rows": 5}),
        max_length=12_000,
        help_text="One line each.",
    )

    def __init__(self, *args: Any, task: PlaybookTask | None = None, **kwargs: Any) -> None:
        if task is not None:
            kwargs["initial"] = {
                "title": task.title, "description": task.description, "days": abs(task.offset), "unit": task.unit,
                "side": "before" if task.offset < 0 else "after", "anchor": task.anchor, "route": task.route,
                "role": task.route_settings.get("role", ""), "user": task.route_settings.get("user"),
                "users": task.route_settings.get("users", []), "priority": task.priority,
                "checklist": "\n".join(task.checklist),
            }  # fmt: skip
        super().__init__(*args, **kwargs)
        for name in ("user", "users"):
            self.fields[name].queryset = team_queries.list_assignable()  # type: ignore[attr-defined]

    def values(self) -> dict[str, Any]:
        """What workflows.services.playbook_editing.save_task takes."""
        cleaned = self.cleaned_data
        return {
            "title": cleaned["title"],
            "description": cleaned["description"],
            "priority": cleaned["priority"],
            "anchor": cleaned["anchor"],
            "offset": -cleaned["days"] if cleaned["side"] == "before" else cleaned["days"],
            "unit": cleaned["unit"],
            "route": cleaned["route"],
            "route_settings": {
                "role": cleaned["role"],
                "user": cleaned["user"].pk if cleaned["user"] else None,
                "users": [person.pk for person in cleaned["users"]],
            },
            "checklist": cleaned["checklist"].splitlines(),
        }


class StartForm(forms.Form):
    playbook: Any = forms.ModelChoiceField(queryset=None, empty_label=None)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["playbook"].queryset = queries.startable()  # type: ignore[attr-defined]
