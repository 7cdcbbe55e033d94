"""The shape of what is typed on the campaign pages, one form a step. Their meaning is judged by the services.

Fields carry the names of `surveys.campaign_plan.Plan`, so that a step is `replace(plan, **form.changes())`.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from django import forms
from django.utils import timezone

from accounts.models import Segment
from surveys import campaign_words
from surveys.campaign_plan import Plan
from surveys.choices import Cadence, Channel
from surveys.models import Survey
from surveys.queries import campaigns as queries
from team import queries as team_queries
from team.models import User

EVERYONE = "everyone"
CADENCES = (
    (Cadence.ONCE, "Once"),
    (Cadence.RECURRING, "Again and again, each person in their own rhythm"),
    (Cadence.CALENDAR, "In waves by the calendar"),
    (Cadence.ACCOUNT_DATE, "Around a date of the account"),
    (Cadence.EVENT, "When something happens"),
)
PERIODS = tuple(campaign_words.PERIODS.items())
WEEKDAYS = tuple((str(number), name) for number, name in enumerate(campaign_words.WEEKDAYS, start=1))
# Offsets from an account date that people ask for; others are written below them.
OFFSETS = (
    ("30d", "30 days after"),
    ("90d", "90 days after"),
    ("6m", "6 months after"),
    ("12m", "12 months after"),
    ("-120d", "120 days before"),
    ("-90d", "90 days before"),
    ("-30d", "30 days before"),
)
# Of the many comparisons there are (surveys/trigger_conditions.py) those that read well in one line.
OPERATORS = (
    ("is", "is"), ("is_not", "is not"), ("contains", "contains"), ("gte", "at least"), ("lte", "at most"),
    ("true", "is yes"), ("false", "is no"),
)  # fmt: skip
WITHOUT_VALUE = frozenset({"true", "false"})
CHANNELS = (
    (Channel.EMAIL, "E-mail"),
    (Channel.SMS, "SMS"),
    (Channel.IN_APP, "In your product"),
    (Channel.LINK, "Personal links, sent by yourself"),
)
CONDITION_ROWS = 3


class PlanForm(forms.Form):
    """A step: which of the plan's values it edits (`EDITS`), and how they become its fields."""

    EDITS: ClassVar[Sequence[str]] = ()

    @classmethod
    def initial_of(cls, plan: Plan) -> dict[str, Any]:
        return {name: getattr(plan, name) for name in cls.EDITS}

    def changes(self) -> dict[str, Any]:
        """The plan's values as this form has them. Only after `is_valid()`."""
        return {name: self.cleaned_data[name] for name in self.EDITS}


class BasicsForm(PlanForm):
    """Step one: what is asked, and what the campaign is called."""

    EDITS = ("survey", "name")
    survey: "forms.ModelChoiceField[Survey]" = forms.ModelChoiceField(
        queryset=Survey.objects.none(), empty_label=None, help_text="Only published surveys can be asked."
    )
    name = forms.CharField(max_length=120, help_text="For you and your colleagues; customers do not see it.")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["survey"].queryset = queries.list_surveys()  # type: ignore[attr-defined]


class AudienceForm(PlanForm):
    """Step two: to whom it is addressed, and whether to all of them."""

    EDITS = ("segment", "sample_percent")
    segment = forms.ChoiceField(label="Audience")
    sample_percent = forms.IntegerField(
        label="Ask what part of them, in percent", min_value=1, max_value=100, initial=100,
        help_text="Below 100, chance decides for each person, the same for a whole quarter; raising it only adds people.",
    )  # fmt: skip

    def __init__(self, *args: Any, user: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.segments = {str(segment.pk): segment for segment in queries.list_segments(user)}
        self.fields["segment"].choices = [  # type: ignore[attr-defined]
            (EVERYONE, "Every contact"),
            *((key, segment.name) for key, segment in self.segments.items()),
        ]

    @classmethod
    def initial_of(cls, plan: Plan) -> dict[str, Any]:
        return {
            "segment": str(plan.segment.pk) if plan.segment else EVERYONE,
            "sample_percent": plan.sample_percent,
        }

    @property
    def chosen(self) -> Segment | None:
        return self.segments.get(self.cleaned_data["segment"])

    def changes(self) -> dict[str, Any]:
        return {"segment": self.chosen, "sample_percent": self.cleaned_data["sample_percent"]}


class TimingForm(PlanForm):
    """Step three: when and how often. Times are those of the workspace's zone."""

    EDITS = ("every_days", "period_months", "anchor", "grace_days", "trigger_event")
    cadence = forms.ChoiceField(
        label="How often", choices=CADENCES, initial=Cadence.ONCE, widget=forms.RadioSelect
    )
    every_days = forms.IntegerField(
        label="Days between a person's asks", required=False, min_value=7, max_value=1830,
        help_text="Counted from when that person was last asked this survey, not by the calendar.",
    )  # fmt: skip
    period_months = forms.TypedChoiceField(
        label="A wave", choices=PERIODS, coerce=int, empty_value=None, required=False, initial=3
    )
    spread_days = forms.IntegerField(
        label="Days to spread a wave over", required=False, min_value=1, max_value=366,
        help_text="Empty: evenly over the whole period.",
    )  # fmt: skip
    anchor = forms.ChoiceField(label="The date", required=False)
    offset_presets = forms.MultipleChoiceField(
        label="When", choices=OFFSETS, required=False, widget=forms.CheckboxSelectMultiple
    )
    offsets_text = forms.CharField(
        label="Other distances", required=False, max_length=120,
        help_text="Days or months, with a minus for before, such as -45d, 18m.",
    )  # fmt: skip
    grace_days = forms.IntegerField(
        label="Days to keep trying", min_value=0, max_value=90, initial=14, required=False,
        help_text="Somebody who may not be asked on the day is asked later within this time.",
    )  # fmt: skip
    trigger_event = forms.CharField(
        label="Event", required=False, max_length=80,
        help_text="The name under which your systems report it to POST /api/v1/events, such as ticket_solved.",
    )  # fmt: skip
    delay_number = forms.IntegerField(label="Wait", required=False, min_value=0, max_value=1000, initial=0)
    delay_unit = forms.TypedChoiceField(
        label="Unit",
        choices=((1, "minutes"), (60, "hours"), (1440, "days")),
        coerce=int,
        required=False,
        initial=60,
    )
    start = forms.ChoiceField(
        label="Start", choices=[("now", "As soon as I launch it"), ("at", "At a time")], initial="now",
        widget=forms.RadioSelect,
    )  # fmt: skip
    starts_at = forms.DateTimeField(
        label="Date and time", required=False,
        widget=forms.DateTimeInput(attrs={"type": "datetime-local"}, format="%Y-%m-%dT%H:%M"),
        input_formats=["%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M"],
    )  # fmt: skip

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["anchor"].choices = [("", "Choose a date"), *queries.anchors()]  # type: ignore[attr-defined]
        for row in range(CONDITION_ROWS):
            self.fields[f"condition_{row}_key"] = forms.CharField(
                label="Only if", required=False, max_length=50
            )
            self.fields[f"condition_{row}_op"] = forms.ChoiceField(
                label="How", choices=OPERATORS, required=False
            )
            self.fields[f"condition_{row}_value"] = forms.CharField(
                label="What", required=False, max_length=200
            )

    @property
    def condition_rows(self) -> list[Sequence[Any]]:
        return [
            [self[f"condition_{row}_{part}"] for part in ("key", "op", "value")]
            for row in range(CONDITION_ROWS)
        ]

    @classmethod
    def initial_of(cls, plan: Plan) -> dict[str, Any]:
        zone = team_queries.zone()
        presets = {key for key, _ in OFFSETS}
        number, unit = _delay(plan.delay_minutes)
        initial = super().initial_of(plan) | {
            "cadence": plan.cadence,
            "spread_days": plan.spread_days if plan.cadence == Cadence.CALENDAR else None,
            "offset_presets": [o for o in plan.offsets if o in presets],
            "offsets_text": ", ".join(o for o in plan.offsets if o not in presets),
            "delay_number": number,
            "delay_unit": unit,
            "start": "at" if plan.starts_at else "now",
            "starts_at": plan.starts_at.astimezone(zone).strftime("%Y-%m-%dT%H:%M")
            if plan.starts_at
            else None,
        }
        for row, (key, op, value) in enumerate(_conditions(plan.trigger_conditions)[:CONDITION_ROWS]):
            initial |= {
                f"condition_{row}_key": key,
                f"condition_{row}_op": op,
                f"condition_{row}_value": value,
            }
        return initial

    def clean(self) -> dict[str, Any]:
        values: dict[str, Any] = super().clean() or {}
        if values.get("start") == "at" and not values.get("starts_at") and "starts_at" not in self.errors:
            self.add_error("starts_at", "Choose the date and time to start at.")
        if values.get("start") == "now":
            values["starts_at"] = None
        return values

    def changes(self) -> dict[str, Any]:
        """What belongs to another cadence than the chosen one is put back, so that nothing hidden has an effect."""
        said = self.cleaned_data
        cadence = Cadence(said["cadence"])
        by_cadence: dict[str, Any] = {
            "every_days": None, "period_months": None, "anchor": "", "offsets": (), "grace_days": 14,
            "trigger_event": "", "trigger_conditions": {}, "delay_minutes": 0,
        }  # fmt: skip
        if cadence == Cadence.RECURRING:
            by_cadence["every_days"] = said["every_days"]
        elif cadence == Cadence.CALENDAR:
            by_cadence |= {"period_months": said["period_months"], "spread_days": said["spread_days"]}
        elif cadence == Cadence.ACCOUNT_DATE:
            by_cadence |= {
                "anchor": said["anchor"],
                "offsets": (*said["offset_presets"], *re.findall(r"[^,\s]+", said["offsets_text"])),
                "grace_days": 14 if said["grace_days"] is None else said["grace_days"],
            }
        elif cadence == Cadence.EVENT:
            by_cadence |= {
                "trigger_event": said["trigger_event"].strip(),
                "trigger_conditions": self._trigger_conditions(),
                "delay_minutes": (said["delay_number"] or 0) * (said["delay_unit"] or 60),
            }
        return {"cadence": cadence, "starts_at": said["starts_at"], **by_cadence}

    def _trigger_conditions(self) -> dict[str, Any]:
        rows = [
            [self.cleaned_data[f"condition_{row}_{part}"].strip() for part in ("key", "op", "value")]
            for row in range(CONDITION_ROWS)
        ]
        leaves = [
            {"field": key, "op": op or "is"} | ({} if op in WITHOUT_VALUE else {"value": value})
            for key, op, value in rows
            if key
        ]
        return {"all": leaves} if leaves else {}

    @classmethod
    def read(cls, data: Any) -> "TimingForm":
        """The form as posted, its times understood in the workspace's zone; validated."""
        with timezone.override(team_queries.zone()):
            form = cls(data)
            form.is_valid()
        return form


class ChannelsForm(PlanForm):
    """Step four: how each person is reached. The first channel that reaches somebody is used."""

    EDITS = ("send_as_owner", "fallback_days")
    first = forms.ChoiceField(label="First", choices=CHANNELS)
    second = forms.ChoiceField(
        label="If that does not reach somebody", choices=(("", "nothing else"), *CHANNELS), required=False
    )
    third = forms.ChoiceField(
        label="And if that does not either", choices=(("", "nothing else"), *CHANNELS), required=False
    )
    fallback_days = forms.IntegerField(
        label="Days without an answer before the next channel is tried", required=False, min_value=1, max_value=364,
        help_text="Empty: no. Each further message counts against what a person is asked at most.",
    )  # fmt: skip
    send_as_owner = forms.BooleanField(
        label="Mail appears from the account's owner", required=False,
        help_text="Their name stands in it and replies go to them; the address stays yours, so that it arrives.",
    )  # fmt: skip

    @classmethod
    def initial_of(cls, plan: Plan) -> dict[str, Any]:
        chosen = [*plan.channels, "", ""]
        return super().initial_of(plan) | dict(zip(("first", "second", "third"), chosen, strict=False))

    def clean(self) -> dict[str, Any]:
        values: dict[str, Any] = super().clean() or {}
        chosen = [values.get(name) for name in ("first", "second", "third") if values.get(name)]
        if len(set(chosen)) != len(chosen):
            self.add_error("second", "Choose each channel once.")
        return values

    def changes(self) -> dict[str, Any]:
        said = self.cleaned_data
        return super().changes() | {
            "channels": tuple(said[name] for name in ("first", "second", "third") if said[name])
        }


class LimitsForm(PlanForm):
    """Step five: at what hours, how fast, and how often once more."""

    EDITS = (
        "send_from", "send_until", "in_contact_zone", "skip_holidays", "daily_limit", "hourly_limit",
        "account_week_limit", "daily_answers_limit", "target_answers", "target_days", "reminders", "reminder_gap_days",
        "expires_after_days",
    )  # fmt: skip
    weekdays = forms.MultipleChoiceField(
        label="Weekdays", choices=WEEKDAYS, required=False, widget=forms.CheckboxSelectMultiple,
        help_text="None chosen: every day.",
    )  # fmt: skip
    send_from = forms.TimeField(
        label="From", required=False, widget=forms.TimeInput(attrs={"type": "time"}, format="%H:%M")
    )
    send_until = forms.TimeField(
        label="Until", required=False, widget=forms.TimeInput(attrs={"type": "time"}, format="%H:%M")
    )
    in_contact_zone = forms.BooleanField(
        label="In the time zone of each person", required=False,
        help_text="Where it is not known, in the workspace's. No SMS is ever sent between 21:00 and 08:00.",
    )  # fmt: skip
    skip_holidays = forms.BooleanField(
        label="Not on public holidays of the account's country", required=False
    )
    daily_limit = forms.IntegerField(label="At most a day", required=False, min_value=1, max_value=10_000_000)
    hourly_limit = forms.IntegerField(
        label="At most an hour", required=False, min_value=1, max_value=10_000_000
    )
    spread_days = forms.IntegerField(
        label="Days to spread it over evenly", required=False, min_value=1, max_value=366
    )
    account_week_limit = forms.IntegerField(
        label="Of one account, at most a week", required=False, min_value=1, max_value=1000,
        help_text="The others of it are asked later.",
    )  # fmt: skip
    daily_answers_limit = forms.IntegerField(
        label="Answers a day that are enough", required=False, min_value=1, max_value=10_000_000
    )
    target_answers = forms.IntegerField(
        label="Answers to aim for", required=False, min_value=1, max_value=10_000_000,
        help_text="The pace follows the share that answers.",
    )  # fmt: skip
    target_days = forms.IntegerField(label="Days to get them in", required=False, min_value=1, max_value=366)
    reminders = forms.TypedChoiceField(
        label="Reminders", coerce=int, initial=0,
        choices=((0, "none"), (1, "one"), (2, "two"), (3, "three")),
        help_text="Never to somebody who answered, declined, unsubscribed or cannot be reached.",
    )  # fmt: skip
    reminder_gap_days = forms.IntegerField(label="Days between them", min_value=1, max_value=90, initial=5)
    expires_after_days = forms.IntegerField(
        label="Days an answer is accepted", min_value=1, max_value=365, initial=30,
        help_text="Counted from the day somebody was asked.",
    )  # fmt: skip

    def __init__(self, *args: Any, cadence: str = Cadence.ONCE, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        # A wave by the calendar has its spread beside its period (step three).
        self.spreads = cadence != Cadence.CALENDAR
        if not self.spreads:
            del self.fields["spread_days"]

    @classmethod
    def initial_of(cls, plan: Plan) -> dict[str, Any]:
        return super().initial_of(plan) | {
            "weekdays": list(plan.send_weekdays),
            "spread_days": plan.spread_days,
        }

    def changes(self) -> dict[str, Any]:
        spread = {"spread_days": self.cleaned_data["spread_days"]} if self.spreads else {}
        return super().changes() | {"send_weekdays": "".join(self.cleaned_data["weekdays"])} | spread


def _delay(minutes: int) -> tuple[int, int]:
    """A delay as people say it: the largest unit that divides it."""
    for unit in (1440, 60):
        if minutes and minutes % unit == 0:
            return minutes // unit, unit
    return (minutes, 1) if minutes else (0, 60)


def _conditions(tree: Mapping[str, Any] | None) -> list[tuple[str, str, str]]:
    """The rows of a tree that this form can show: plain comparisons that must all hold."""
    leaves = (tree or {}).get("all", [])
    return [
        (str(leaf["field"]), str(leaf["op"]), str(leaf.get("value", "")))
        for leaf in leaves
        if isinstance(leaf, Mapping) and leaf.get("op") in dict(OPERATORS)
    ]


class SuppressForm(forms.Form):
    """An address or a number that must not be asked."""

    email = forms.CharField(label="E-mail address", max_length=254, required=False)
    phone = forms.CharField(
        label="Or telephone number", max_length=40, required=False, help_text="Stops SMS to it."
    )
    detail = forms.CharField(
        label="Why", max_length=200, required=False, help_text="Shown to your colleagues."
    )


class LiftForm(forms.Form):
    why = forms.CharField(label="Why may this address be asked again?", max_length=200)


class SuppressionFileForm(forms.Form):
    """A CSV file with one address or number a line."""

    file = forms.FileField(
        label="CSV file",
        help_text="Addresses or telephone numbers in the first column, or in columns called email and phone; columns"
        " channel (email, sms) and reason are optional.",
    )
