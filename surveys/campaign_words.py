"""What a campaign's plan says, as the sentences of the review and the campaign page."""

from collections.abc import Iterator
from dataclasses import dataclass

from surveys.campaign_plan import ANCHORS, CUSTOM, Plan
from surveys.choices import Cadence, Channel

CHANNELS = {
    Channel.EMAIL: "e-mail",
    Channel.SMS: "SMS",
    Channel.IN_APP: "in your product",
    Channel.LINK: "personal link",
}
PERIODS = {
    1: "every month", 2: "every two months", 3: "every quarter", 4: "every four months", 6: "every half-year",
    12: "every year",
}  # fmt: skip
WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")


@dataclass(frozen=True, slots=True)
class Line:
    """One thing a plan says; `step` is the page of the draft on which it is changed."""

    label: str
    text: str
    step: str

    @property
    def url(self) -> str:
        """The name of that page's URL."""
        return f"surveys:campaign_{self.step}"


def lines(plan: Plan) -> list[Line]:
    """Everything worth reading before a launch, in the order of the steps."""
    return list(_lines(plan))


def _lines(plan: Plan) -> Iterator[Line]:
    if plan.sample_percent < 100:
        yield Line("Sample", f"{plan.sample_percent} % of them, by chance", "audience")
    yield Line("How often", how_often(plan), "when")
    yield Line("Channel", channels(plan), "channels")
    yield Line("Hours", hours(plan), "limits")
    yield Line("Pace", pace(plan), "limits")
    yield Line("Reminders", reminders(plan), "limits")
    yield Line("Answers", f"Accepted for {_count(plan.expires_after_days, 'day')}", "limits")


def how_often(plan: Plan) -> str:
    """ "Once", "Every 90 days after a person's last ask", "60 days before the renewal"."""
    match plan.cadence:
        case Cadence.RECURRING:
            return f"Each person {_count(plan.every_days or 0, 'day')} after their last ask"
        case Cadence.CALENDAR:
            spread = f", spread over {_count(plan.spread_days, 'day')}" if plan.spread_days else ""
            return f"In waves, {PERIODS.get(plan.period_months or 0, '')}{spread}"
        case Cadence.ACCOUNT_DATE:
            when = _and([distance(one) for one in plan.offsets])
            return _first_large(f"{when} {anchor(plan.anchor)}")
        case Cadence.EVENT:
            wait = f", {_duration(plan.delay_minutes)} later" if plan.delay_minutes else ", at once"
            only = " that meet the conditions" if plan.trigger_conditions else ""
            return f"At events “{plan.trigger_event}”{only}{wait}"
        case _:
            return "To whoever comes by" if list(plan.channels) == [Channel.IN_APP] else "Once"


def anchor(key: str) -> str:
    """The account date as part of a sentence."""
    if key == "renewal_on":
        return "the renewal"
    if key == "customer_since":
        return "becoming a customer"
    return f"the account's {key.removeprefix(CUSTOM)}" if key.startswith(CUSTOM) else ANCHORS.get(key, key)


def distance(offset: str) -> str:
    """ "-90d" is "90 days before"."""
    number = int(offset[:-1])
    unit = "day" if offset.endswith("d") else "month"
    if number == 0:
        return "on the day of"
    return f"{_count(abs(number), unit)} {'before' if number < 0 else 'after'}"


def channel_names(plan: Plan) -> str:
    """ "E-mail, else SMS"."""
    names = [CHANNELS[Channel(one)] for one in plan.channels]
    return _first_large(names[0] + "".join(f", else {name}" for name in names[1:]))


def channels(plan: Plan) -> str:
    """ "E-mail, else SMS; after 5 days without an answer the next one"."""
    text = channel_names(plan)
    if plan.fallback_days and len(plan.channels) > 1:
        text += f"; after {_count(plan.fallback_days, 'day')} without an answer the next one"
    if plan.send_as_owner and Channel.EMAIL in plan.channels:
        text += "; from the account's owner"
    return text


def hours(plan: Plan) -> str:
    """ "Mon, Tue, 09:00–17:00 where the person is, not on holidays", or "At any time"."""
    days = ", ".join(WEEKDAYS[int(one) - 1] for one in plan.send_weekdays)
    if plan.send_weekdays == "12345":
        days = "Monday to Friday"
    parts = [days] if days else []
    if plan.send_from and plan.send_until:
        parts.append(f"{plan.send_from:%H:%M} to {plan.send_until:%H:%M}")
    if plan.skip_holidays:
        parts.append("not on public holidays")
    if not parts:
        return "At any time"
    where = "where the person is" if plan.in_contact_zone else "in the workspace's time zone"
    return f"{', '.join(parts)}, {where}"


def pace(plan: Plan) -> str:
    """The limits that are set, or "All at once"."""
    parts = []
    if plan.daily_limit:
        parts.append(f"at most {plan.daily_limit:,} a day")
    if plan.hourly_limit:
        parts.append(f"at most {plan.hourly_limit:,} an hour")
    if plan.spread_days and plan.cadence != Cadence.CALENDAR:
        parts.append(f"spread over {_count(plan.spread_days, 'day')}")
    if plan.account_week_limit:
        parts.append(f"at most {_count(plan.account_week_limit, 'person', 'people')} of one account a week")
    if plan.daily_answers_limit:
        parts.append(f"pausing for the day after {_count(plan.daily_answers_limit, 'answer')}")
    if plan.target_answers and plan.target_days:
        parts.append(
            f"aiming for {_count(plan.target_answers, 'answer')} in {_count(plan.target_days, 'day')}"
        )
    return _first_large(", ".join(parts) or "as soon as somebody is due")


def reminders(plan: Plan) -> str:
    if not plan.reminders:
        return "None"
    if plan.reminders == 1:
        return f"1 reminder, after {_count(plan.reminder_gap_days, 'day')}"
    return f"{_count(plan.reminders, 'reminder')}, {_count(plan.reminder_gap_days, 'day')} apart"


def channel(code: str) -> str:
    """One channel as a label: "E-mail", "In your product"."""
    return _first_large(CHANNELS.get(Channel(code), code.upper() if code == Channel.API else code))


def _first_large(text: str) -> str:
    return text[0].upper() + text[1:]


def _count(number: int, one: str, many: str = "") -> str:
    return f"{number:,} {one if number == 1 else many or f'{one}s'}"


def _duration(minutes: int) -> str:
    for size, name in ((1440, "day"), (60, "hour")):
        if minutes % size == 0:
            return _count(minutes // size, name)
    return _count(minutes, "minute")


def _and(parts: list[str]) -> str:
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"
