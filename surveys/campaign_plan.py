"""All that can be settled about a campaign before it is launched, as one value that checks itself.

Pages, the API and imports of campaigns build a `Plan`; surveys/services/campaigns.py takes it. What each part means:
docs/campaigns.md.
"""

import datetime as dt
import re
from collections.abc import Iterable
from dataclasses import dataclass, fields, replace
from typing import Any

from dateutil.relativedelta import relativedelta

from accounts.domain import FieldType
from accounts.models import CustomField, Segment
from core.errors import Invalid
from surveys import trigger_conditions
from surveys.choices import Cadence, Channel, SurveyState
from surveys.models import Campaign, Survey

# On which a campaign can ask: three by itself, and personal links that somebody else carries.
CHANNELS = (Channel.EMAIL, Channel.SMS, Channel.IN_APP, Channel.LINK)
ANCHORS = {"customer_since": "Customer since", "renewal_on": "Renewal"}
CUSTOM = "custom."
MAX_EXPIRY_DAYS = 365
MAX_LIMIT = 10_000_000
MAX_OFFSETS = 12
# Nobody is asked twice in the round of a month.
MIN_EVERY_DAYS = 30
MAX_REMINDERS = 3
MAX_DELAY_MINUTES = 90 * 24 * 60
PERIODS = (1, 2, 3, 4, 6, 12)
_OFFSET = re.compile(r"([+-]?)(\d{1,4})([dm])")

# What only one cadence has; the others keep the default, so that a change of mind leaves nothing behind.
_OF_CADENCE: dict[str, frozenset[Cadence]] = {
    "every_days": frozenset({Cadence.RECURRING}),
    "period_months": frozenset({Cadence.CALENDAR}),
    "anchor": frozenset({Cadence.ACCOUNT_DATE}),
    "offsets": frozenset({Cadence.ACCOUNT_DATE}),
    "grace_days": frozenset({Cadence.ACCOUNT_DATE}),
    "trigger_event": frozenset({Cadence.EVENT}),
    "trigger_conditions": frozenset({Cadence.EVENT}),
    "delay_minutes": frozenset({Cadence.EVENT}),
}
# What can still be changed while a campaign runs: how fast and when it asks, not whom and what.
CHANGEABLE = frozenset(
    (
        "name", "fallback_days", "send_as_owner", "daily_limit", "hourly_limit", "spread_days", "daily_answers_limit",
        "target_answers", "target_days", "account_week_limit", "send_weekdays", "send_from", "send_until",
        "in_contact_zone", "skip_holidays", "reminders", "reminder_gap_days",
    )
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Who is asked what, when, on which channels and how fast. Defaults: everybody, once, by mail, all at once.

    `send_weekdays` are digits, 1 is Monday; `offsets` are days or months from the anchor, such as "-90d" or "6m".
    """

    name: str
    survey: Survey
    segment: Segment | None = None
    channels: tuple[str, ...] = (Channel.EMAIL.value,)
    fallback_days: int | None = None
    send_as_owner: bool = False
    starts_at: dt.datetime | None = None
    cadence: str = Cadence.ONCE.value
    every_days: int | None = None
    period_months: int | None = None
    anchor: str = ""
    offsets: tuple[str, ...] = ()
    grace_days: int = 14
    trigger_event: str = ""
    trigger_conditions: dict[str, Any] | None = None
    delay_minutes: int = 0
    daily_limit: int | None = None
    hourly_limit: int | None = None
    spread_days: int | None = None
    daily_answers_limit: int | None = None
    target_answers: int | None = None
    target_days: int | None = None
    account_week_limit: int | None = None
    sample_percent: int = 100
    send_weekdays: str = ""
    send_from: dt.time | None = None
    send_until: dt.time | None = None
    in_contact_zone: bool = True
    skip_holidays: bool = False
    reminders: int = 0
    reminder_gap_days: int = 5
    expires_after_days: int = 30

    @classmethod
    def of(cls, campaign: Campaign) -> "Plan":
        """The plan of a campaign as it stands."""
        values = {name: getattr(campaign, name) for name in NAMES}
        values["channels"], values["offsets"] = tuple(values["channels"]), tuple(values["offsets"])
        return cls(**values)

    def tidy(self) -> "Plan":
        """The same without stray spaces, and without what belongs to another cadence than the chosen one."""
        changes: dict[str, Any] = {
            "name": " ".join(self.name.split()),
            "trigger_event": self.trigger_event.strip(),
            "offsets": tuple(dict.fromkeys(one.strip().lower() for one in self.offsets)),
            "send_weekdays": "".join(sorted(set(self.send_weekdays.strip()))),
        }
        for name, cadences in _OF_CADENCE.items():
            if self.cadence not in cadences:
                changes[name] = DEFAULTS[name]
        return replace(self, **changes)

    def apply(self, campaign: Campaign) -> None:
        """Write it to a campaign's fields, without saving."""
        for name in NAMES:
            setattr(campaign, name, getattr(self, name))
        campaign.channels, campaign.offsets = list(self.channels), list(self.offsets)
        campaign.trigger_conditions = self.trigger_conditions or {}

    def differs(self, other: "Plan") -> set[str]:
        """The names of what is not the same in both."""
        return {
            name
            for name in NAMES
            if (getattr(self, name) or DEFAULTS.get(name)) != (getattr(other, name) or DEFAULTS.get(name))
        }

    def check(self) -> None:
        """Raise `Invalid`, naming the field and the remedy, for what cannot be carried out."""
        self._check_who()
        self._check_cadence()
        self._check_pace()
        self._check_hours()
        self._check_reminders()

    def _check_who(self) -> None:
        if not self.name or len(self.name) > 120:
            raise Invalid("A campaign needs a name of 1 to 120 characters.", field="name")
        if self.survey.state == SurveyState.ARCHIVED:
            raise Invalid("This survey is archived. Choose another, or bring it back first.", field="survey")
        if (
            not self.channels
            or len(set(self.channels)) != len(self.channels)
            or set(self.channels) - set(CHANNELS)
        ):
            raise Invalid(
                "Choose at least one channel, each once: email, sms, in_app, link. The first that reaches a person is used.",
                field="channels",
            )
        if Channel.LINK in self.channels and len(self.channels) > 1:
            raise Invalid(
                "Personal links are carried by yourself and reach everybody. Choose them alone, or leave them out.",
                field="channels",
            )
        _between(
            self.sample_percent,
            1,
            100,
            "sample_percent",
            "Which share of the audience? Write 1 to 100 percent.",
        )
        _between(
            self.expires_after_days, 1, MAX_EXPIRY_DAYS, "expires_after_days",
            f"Answers can be accepted for 1 to {MAX_EXPIRY_DAYS} days.",
        )  # fmt: skip

    def _check_cadence(self) -> None:
        match self.cadence:
            case Cadence.ONCE:
                pass
            case Cadence.RECURRING:
                _between(
                    self.every_days, MIN_EVERY_DAYS, 1830, "every_days",
                    f"Every how many days is each person asked again? Write {MIN_EVERY_DAYS} to 1830.",
                )  # fmt: skip
            case Cadence.CALENDAR:
                if self.period_months not in PERIODS:
                    raise Invalid(
                        "Every how many months does a round begin? Choose 1, 2, 3, 4, 6 or 12.",
                        field="period_months",
                    )
                if self.spread_days is not None and self.spread_days > 28 * self.period_months:
                    raise Invalid(
                        "A round has to be over before the next begins. Spread it over"
                        f" {28 * self.period_months} days or fewer.",
                        field="spread_days",
                    )
            case Cadence.ACCOUNT_DATE:
                self._check_account_date()
            case Cadence.EVENT:
                self._check_event()
            case _:
                raise Invalid(
                    f"Choose how often it asks: {', '.join(Cadence)}.", field="cadence", code="bad_cadence"
                )

    def _check_account_date(self) -> None:
        if self.anchor.startswith(CUSTOM):
            known = CustomField.objects.filter(
                target="account", type=FieldType.DATE, key=self.anchor.removeprefix(CUSTOM)
            ).exists()
        else:
            known = self.anchor in ANCHORS
        if not known:
            raise Invalid(
                "Which date of the account does it follow? Choose customer_since, renewal_on, or custom.<key> of one of"
                " your own date fields of accounts.",
                field="anchor",
            )
        if not 1 <= len(self.offsets) <= MAX_OFFSETS:
            raise Invalid(
                f"How long before or after the date? Give 1 to {MAX_OFFSETS} distances such as -90d or 6m.",
                field="offsets",
            )
        for one in self.offsets:
            parse_offset(one)
        _between(
            self.grace_days, 0, 90, "grace_days",
            "For how many days is somebody tried again who may not be asked on the date? Write 0 to 90.",
        )  # fmt: skip

    def _check_event(self) -> None:
        if not self.trigger_event or len(self.trigger_event) > 80:
            raise Invalid(
                "Which event leads to the ask? Give its name as it is sent to /api/v1/events, at most 80 characters.",
                field="trigger_event",
            )
        trigger_conditions.parse(self.trigger_conditions or {})
        _between(
            self.delay_minutes, 0, MAX_DELAY_MINUTES, "delay_minutes",
            "How long after the event? At most 90 days (129,600 minutes).",
        )  # fmt: skip

    def _check_pace(self) -> None:
        for name, what in (
            ("daily_limit", "At most how many a day? "),
            ("hourly_limit", "At most how many an hour? "),
            ("daily_answers_limit", "How many answers a day are enough? "),
            ("target_answers", "How many answers are wanted in all? "),
            ("account_week_limit", "At most how many people of one account within seven days? "),
        ):
            _optional(
                getattr(self, name), 1, 1000 if name == "account_week_limit" else MAX_LIMIT, name,
                f"{what}Write a number from 1, or leave it empty for no limit.",
            )  # fmt: skip
        for name, what in (("spread_days", "Over how many days"), ("target_days", "Within how many days")):
            _optional(getattr(self, name), 1, 366, name, f"{what}? Write 1 to 366, or leave it empty.")
        if (self.target_answers is None) != (self.target_days is None):
            raise Invalid(
                "A target is a number of answers and the days to get them in. Give both or neither.",
                field="target_days" if self.target_days is None else "target_answers",
            )

    def _check_hours(self) -> None:
        if set(self.send_weekdays) - set("1234567"):
            raise Invalid(
                "Give weekdays as digits, 1 for Monday to 7 for Sunday, such as 12345.", field="send_weekdays"
            )
        if (self.send_from is None) != (self.send_until is None):
            raise Invalid(
                "The hours need both a beginning and an end. Fill in both, or neither.",
                field="send_until" if self.send_until is None else "send_from",
            )
        if self.send_from is None or self.send_until is None:
            return
        minutes = (
            (self.send_until.hour - self.send_from.hour) * 60 + self.send_until.minute - self.send_from.minute
        )
        if minutes < 60:
            raise Invalid(
                "The hours have to end at least one hour after they begin, on the same day.",
                field="send_until",
            )
        if set(self.channels) == {Channel.SMS} and (
            self.send_until <= dt.time(8) or self.send_from >= dt.time(21)
        ):
            raise Invalid(
                "No SMS is sent between 21:00 and 08:00. Choose hours that reach into the day.",
                field="send_from",
            )

    def _check_reminders(self) -> None:
        _between(
            self.reminders, 0, MAX_REMINDERS, "reminders", f"At most {MAX_REMINDERS} reminders can be sent."
        )
        _between(self.reminder_gap_days, 1, 90, "reminder_gap_days", "After how many days? Write 1 to 90.")
        if self.reminders * self.reminder_gap_days >= self.expires_after_days and self.reminders:
            raise Invalid(
                "The last reminder would come when answers are no longer accepted. Shorten the gap, or accept answers"
                " for longer.",
                field="reminder_gap_days",
            )
        if self.reminders and Channel.LINK in self.channels:
            raise Invalid(
                "Personal links are sent by yourself, and so are their reminders. Choose no reminders.",
                field="reminders",
            )
        if self.fallback_days is None:
            return
        if len(self.channels) < 2:
            raise Invalid(
                "Another channel can be tried only if there are two. Add one.", field="fallback_days"
            )
        _between(
            self.fallback_days, 1, self.expires_after_days - 1, "fallback_days",
            "The next channel has to be tried while answers are still accepted:"
            f" after 1 to {self.expires_after_days - 1} days.",
        )  # fmt: skip


NAMES: tuple[str, ...] = tuple(field.name for field in fields(Plan))
DEFAULTS: dict[str, Any] = {
    field.name: {} if field.name == "trigger_conditions" else field.default
    for field in fields(Plan)
    if field.name not in {"name", "survey"}
}


def _between(value: int | None, low: int, high: int, field: str, message: str) -> None:
    if value is None or isinstance(value, bool) or not low <= value <= high:
        raise Invalid(message, field=field)


def _optional(value: int | None, low: int, high: int, field: str, message: str) -> None:
    if value is not None:
        _between(value, low, high, field, message)


def parse_offset(text: str) -> relativedelta:
    """The distance from an account date: "-90d", "14d", "6m", "+1m". Months keep the day, the 31st becomes the last.

    Raises `Invalid` for anything else, or for more than ten years.
    """
    found = _OFFSET.fullmatch(text)
    number = int(found[1] + found[2]) if found else 0
    if found is None or abs(number) > (120 if found[3] == "m" else 3650):
        raise Invalid(
            f"“{text[:20]}” is no distance. Write days or months such as -90d, 14d or 6m, at most ten years.",
            field="offsets",
        )
    return relativedelta(months=number) if found[3] == "m" else relativedelta(days=number)


def offsets_of(texts: Iterable[str]) -> list[relativedelta]:
    return [parse_offset(text) for text in texts]
