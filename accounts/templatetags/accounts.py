"""Words for what the pages of customers show."""

import datetime as dt
from typing import Any

from django import template
from django.template.context import Context
from django.template.loader import render_to_string
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.safestring import SafeString, mark_safe

from accounts import metric_values
from accounts.domain import OWNER_ROLE_LABELS, OwnerRole
from accounts.metric_values import MetricType
from accounts.queries import METRIC_LINE, MetricNow
from core import charts, clock

register = template.Library()

FIELDS = {
    "arr": "ARR",
    "renewal_on": "renewal",
    "churned_on": "churn date",
    "external_id": "external id",
    "email": "e-mail",
    "lifetime_value": "lifetime value",
    "customer_since": "customer since",
    "custom": "custom fields",
    "first_name": "first name",
    "last_name": "last name",
    "job_title": "job title",
    "time_zone": "time zone",
    "starts_on": "start",
    "ends_on": "end",
}


@register.filter
def field_words(names: Any) -> str:
    """["arr", "plan"] → ARR and plan."""
    words = [FIELDS.get(str(name), str(name).replace("_", " ")) for name in names or []]
    return f"{', '.join(words[:-1])} and {words[-1]}" if len(words) > 1 else "".join(words)


@register.filter
def day_of(text: str) -> dt.date:
    """The date that an event keeps as text."""
    return dt.date.fromisoformat(text)


@register.filter
def merge_label(name: str) -> str:
    """A field's name as a heading: "job_title" is "Job title", "arr" is "ARR"."""
    text = FIELDS.get(name, name.replace("_", " "))
    return text[:1].upper() + text[1:]


@register.filter
def role_words(role: str) -> str:
    return OWNER_ROLE_LABELS[OwnerRole(role)]


@register.filter
def kind_words(kind: str) -> str:
    """survey.sent → Survey sent."""
    return kind.replace(".", " ").replace("_", " ").capitalize()


@register.simple_tag(takes_context=True)
def entry(context: Context, item: Any) -> SafeString:
    """One event of the timeline, by the template that its kind registered."""
    values = {
        "event": item.event,
        "subject": item.subject,
        "place": context["place"],
        "may_work": context.get("may_work"),
    }
    text = render_to_string(item.template, values, request=context.get("request"))
    return mark_safe(text)  # noqa: S308 - rendered by a template that escapes


@register.simple_tag(takes_context=True)
def cell(context: Context, column: Any, row: Any) -> SafeString:
    """The content of a registered column's cell."""
    text = render_to_string(column.template, {"row": row, "user": context.get("user")})
    return mark_safe(text.strip())  # noqa: S308 - rendered by a template that escapes


# --- Lists ---------------------------------------------------------------------------------------------------
@register.filter
def split(text: str) -> list[str]:
    return text.split()


@register.filter
def get(form: Any, name: str) -> Any:
    """A form's field by a name that the template holds."""
    return form[name]


@register.filter
def text_of(chosen: Any, param: str) -> str:
    """The words of a filter at work, empty when it is not."""
    return next((one.text for one in chosen if one.param == param), "")


@register.filter
def offered(bound: Any) -> list[tuple[Any, Any]]:
    """The choices of a field, the empty one left out."""
    return [(value, label) for value, label in bound.field.choices if value != ""]


@register.filter
def holds(value: Any, one: Any) -> bool:
    return str(one) in [str(part) for part in (value if isinstance(value, (list, tuple)) else [value])]


@register.filter
def same(value: Any, one: Any) -> bool:
    return bool(value) and str(value) == str(one)


@register.filter
def first_ones(rows: Any, count: int) -> list[Any]:
    return list(rows)[:count]


@register.filter
def after_ones(rows: Any, count: int) -> list[Any]:
    return list(rows)[count:]


@register.filter
def days_left(day: dt.date | None) -> int | None:
    """Days from today, in the reader's zone, to `day`."""
    return None if day is None else (day - timezone.localtime(clock.now()).date()).days


@register.filter
def in_days(days: int) -> str:
    return "today" if days == 0 else "tomorrow" if days == 1 else f"in {days} days"


@register.filter
def saved_in(segment: Any, url: str) -> str:
    """The address of a list cut by a saved segment."""
    return f"{url}?saved={segment.pk}"


@register.filter
def is_missing(value: Any) -> bool:
    return not value


@register.simple_tag
def metric_line(now: MetricNow) -> SafeString:
    """The last 180 days of a metric as a line, told in words by its title; a metric of words has none."""
    if now.metric.type == MetricType.CHOICE:
        return SafeString("<span></span>")
    end = clock.now()
    title = f"{now.metric.label}: {now.text}"
    if len(now.days) > 1:
        metric = now.metric
        first = metric_values.shown(metric.type, metric.choices, metric.unit, now.days[0][1])
        title = f"{metric.label}: {first} on {date_format(timezone.localtime(now.days[0][0]), 'j M')}, now {now.text}"
    points = [(at, float(value)) for at, value in now.days]
    return charts.time_sparkline(points, start=end - METRIC_LINE, end=end, title=title) or SafeString(
        "<span></span>"
    )
