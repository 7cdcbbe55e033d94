"""The shape of what is typed on the campaign and suppression pages. Their meaning is judged by the services."""

from typing import Any

from django import forms
from django.utils import timezone

from accounts.models import Segment
from surveys.models import Campaign, Survey
from surveys.queries import campaigns as queries
from team import queries as team_queries
from team.models import User

EVERYONE = "everyone"


class BasicsForm(forms.Form):
    """Step one: what is asked, and what the campaign is called."""

    survey: "forms.ModelChoiceField[Survey]" = forms.ModelChoiceField(
        queryset=Survey.objects.none(), empty_label=None, help_text="Only published surveys can be asked."
    )
    name = forms.CharField(max_length=120, help_text="For you and your colleagues; customers do not see it.")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["survey"].queryset = queries.list_surveys()  # type: ignore[attr-defined]


class AudienceForm(forms.Form):
    """Step two: to whom it is addressed."""

    segment = forms.ChoiceField(label="Audience")

    def __init__(self, *args: Any, user: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.segments = {str(segment.pk): segment for segment in queries.list_segments(user)}
        self.fields["segment"].choices = [  # type: ignore[attr-defined]
            (EVERYONE, "Every contact"),
            *((key, segment.name) for key, segment in self.segments.items()),
        ]

    @property
    def chosen(self) -> Segment | None:
        return self.segments.get(self.cleaned_data["segment"])


class TimingForm(forms.Form):
    """Step three: when, how many a day, and how long answers are welcome. Times are those of the workspace's zone."""

    start = forms.ChoiceField(
        label="Start", choices=[("now", "As soon as I launch it"), ("at", "At a time")], initial="now",
        widget=forms.RadioSelect,
    )  # fmt: skip
    starts_at = forms.DateTimeField(
        label="Date and time", required=False,
        widget=forms.DateTimeInput(attrs={"type": "datetime-local"}, format="%Y-%m-%dT%H:%M"),
        input_formats=["%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M"],
    )  # fmt: skip
    daily_limit = forms.IntegerField(
        label="At most how many a day", required=False, min_value=1, max_value=10_000_000,
        help_text="Empty: all at once. The first day begins with the launch, each further one with your working day.",
    )  # fmt: skip
    expires_after_days = forms.IntegerField(
        label="Accept answers for",
        min_value=1,
        max_value=365,
        initial=30,
        help_text="Days after the mail was sent.",
    )

    def clean(self) -> dict[str, Any]:
        values: dict[str, Any] = super().clean() or {}
        if values.get("start") == "at" and not values.get("starts_at") and "starts_at" not in self.errors:
            self.add_error("starts_at", "Choose the date and time to start at.")
        if values.get("start") == "now":
            values["starts_at"] = None
        return values

    @classmethod
    def of(cls, campaign: Campaign) -> "TimingForm":
        zone = team_queries.zone()
        with timezone.override(zone):
            at = campaign.starts_at
            return cls(
                initial={
                    "start": "at" if at else "now",
                    "starts_at": at.astimezone(zone).strftime("%Y-%m-%dT%H:%M") if at else None,
                    "daily_limit": campaign.daily_limit,
                    "expires_after_days": campaign.expires_after_days,
                }
            )


class SuppressForm(forms.Form):
    """An address that must not be asked."""

    email = forms.CharField(label="E-mail address", max_length=254)
    detail = forms.CharField(
        label="Why", max_length=200, required=False, help_text="Shown to your colleagues."
    )


class LiftForm(forms.Form):
    why = forms.CharField(label="Why may this address be asked again?", max_length=200)


class SuppressionFileForm(forms.Form):
    """A CSV file with one address a line."""

    file = forms.FileField(
        label="CSV file",
        help_text="Addresses in the first column or in one called email; a column reason is optional.",
    )
