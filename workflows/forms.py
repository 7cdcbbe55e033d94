"""The shape of what people type about alerts, tasks and loops."""

import datetime as dt
from collections.abc import Sequence
from typing import Any
from zoneinfo import ZoneInfo

from django import forms

from accounts.domain import InteractionKind
from accounts.models import Contact
from team import queries as team_queries
from team.models import User
from workflows.domain import Priority
from workflows.notifying import topics
from workflows.notifying.domain import WAY_LABELS, Way
from workflows.notifying.preferences import Wishes
from workflows.notifying.topics import Topic
from workflows.queries import loops
from workflows.services.health import SENTIMENTS

_TIME = forms.TimeInput(attrs={"type": "time"}, format="%H:%M")


class PreferencesForm(forms.Form):
    """Topics by channels as boxes to tick, quiet hours, and the digest."""

    quiet_from = forms.TimeField(label="Quiet from", required=False, widget=_TIME)
    quiet_until = forms.TimeField(label="Quiet until", required=False, widget=_TIME)
    is_quiet_at_weekends = forms.BooleanField(
        label="Quiet on Saturdays and Sundays", required=False,
        help_text="Mails wait until the quiet time is over and come as one. The app shows everything at once.",
    )  # fmt: skip
    digest = forms.BooleanField(
        label="Mail me what needs attention today", required=False,
        help_text="Open alerts, tasks, answers nobody has replied to, renewals. A day with nothing sends nothing.",
    )  # fmt: skip
    digest_at = forms.TimeField(
        label="At", required=False, widget=_TIME, help_text="Empty: when the company’s working day starts."
    )
    digest_on_workdays_only = forms.BooleanField(label="On workdays only", required=False)

    def __init__(self, data: Any = None, *, wishes: Wishes) -> None:
        stored = wishes.stored
        initial = {name: getattr(stored, name) for name in self.base_fields} | {"digest": wishes.wants_digest}
        super().__init__(data, initial=initial)
        self.wishes = wishes
        self.topics = topics.all_topics()
        for topic in self.topics:
            for way in Way:
                self.fields[_box(topic, way)] = forms.BooleanField(
                    label=f"{topic.label}: {WAY_LABELS[way].lower()}", required=False,
                    initial=way in wishes.ways_of(topic),
                )  # fmt: skip

    def rows(self) -> list[tuple[Topic, list[tuple[str, Any]]]]:
        """Each topic with its boxes, for the table."""
        return [(topic, [(WAY_LABELS[way], self[_box(topic, way)]) for way in Way]) for topic in self.topics]

    def choices(self) -> dict[str, list[str]]:
        """What differs from what held before, by topic."""
        chosen = {
            topic: frozenset(way for way in Way if self.cleaned_data[_box(topic, way)])
            for topic in self.topics
        }
        return {
            topic.key: sorted(way.value for way in ways)
            for topic, ways in chosen.items()
            if ways != self.wishes.ways_of(topic)
        }

    def settings(self) -> dict[str, Any]:
        """Quiet hours and digest. A digest left as its role has it stays unset, so that another role brings its own."""
        values = {name: self.cleaned_data[name] for name in self.base_fields}
        if values["digest"] == self.wishes.wants_digest:
            values["digest"] = self.wishes.stored.digest
        return values


def _box(topic: Topic, way: Way) -> str:
    return f"{topic.key}:{way.value}"


class SnoozeForm(forms.Form):
    """Until when, in the person's zone, and why."""

    until = forms.DateTimeField(
        label="Until", widget=forms.DateTimeInput(attrs={"type": "datetime-local"}, format="%Y-%m-%dT%H:%M")
    )
    reason = forms.CharField(label="Why it can wait", max_length=200)


class PersonField(forms.ModelChoiceField):  # type: ignore[type-arg]  # not generic at run time
    """A colleague to whom work can be given."""

    def __init__(self, **kwargs: Any) -> None:
        kwargs.setdefault("queryset", User.objects.none())
        super().__init__(**kwargs)


class OutcomeField(forms.ModelChoiceField):  # type: ignore[type-arg]  # not generic at run time
    """One of the company's outcomes, by which loops are counted."""

    def __init__(self, **kwargs: Any) -> None:
        options = {"label": "What came of it", "required": False, "empty_label": "Not counted", **kwargs}
        super().__init__(queryset=loops.outcomes(), **options)


class ContactField(forms.ModelChoiceField):  # type: ignore[type-arg]  # not generic at run time
    """One of the people an alert is about; asked for only where there are several."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(queryset=Contact.objects.none(), required=False, **kwargs)

    def label_from_instance(self, obj: Any) -> str:
        return str(obj.display_name)


class AboutAlert(forms.Form):
    """What is done about an alert concerns one of its people."""

    def __init__(self, *args: Any, people: Sequence[Contact] = (), **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if len(people) < 2:
            del self.fields["contact"]
        else:
            field: Any = self.fields["contact"]
            field.queryset = Contact.objects.filter(pk__in=[one.pk for one in people])
            field.initial, field.empty_label = people[0], None


class ReplyForm(AboutAlert):
    contact = ContactField(label="To")
    subject = forms.CharField(max_length=200)
    body = forms.CharField(label="Message", widget=forms.Textarea(attrs={"rows": 7}), max_length=20_000)


class LogForm(AboutAlert):
    contact = ContactField(label="With")
    kind = forms.ChoiceField(
        label="What happened",
        choices=[(k.value, k.value.capitalize()) for k in (InteractionKind.CALL, InteractionKind.MEETING, InteractionKind.MAIL, InteractionKind.NOTE)],
    )  # fmt: skip
    body = forms.CharField(label="What was said", widget=forms.Textarea(attrs={"rows": 4}), max_length=20_000)
    outcome = forms.CharField(
        label="Outcome", required=False, max_length=200, help_text="One line: what was agreed, what changes."
    )
    close = forms.BooleanField(label="Close the loop with this", required=False)
    code = OutcomeField()

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        if cleaned.get("close") and not cleaned.get("outcome", "").strip() and not cleaned.get("code"):
            self.add_error("outcome", "Write the outcome in a line before you close the loop.")
        return cleaned


class CloseForm(forms.Form):
    code = OutcomeField()
    outcome = forms.CharField(
        label="Outcome",
        required=False,
        max_length=200,
        help_text="One line: what was agreed, what changes. It may stay empty where the choice above says it.",
    )

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        if not cleaned.get("outcome", "").strip() and not cleaned.get("code"):
            self.add_error("outcome", "Write the outcome in a line, or choose what came of it.")
        return cleaned


class AssignForm(forms.Form):
    assignee = PersonField(label="Give to")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["assignee"].queryset = team_queries.list_assignable()  # type: ignore[attr-defined]


class TaskForm(forms.Form):
    title = forms.CharField(label="What is to be done", max_length=200)
    due_on = forms.DateField(
        label="Due", required=False, widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d")
    )
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
