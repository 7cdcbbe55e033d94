"""The two windows of an alarm, counted in one statement from the answers themselves.

Both are "latest answer per contact" as of their own last day, like the figures of the NPS page (surveys/insight). The
kept tallies do not know who answered twice, and that is what makes the comparison sharp, so the answers of both windows
are read: at most nine rows come back, whatever their number. Anonymous answers are people of their own.
"""

import datetime as dt
from typing import TYPE_CHECKING

from django.db import connection
from django.db.models import Case, F, IntegerField, Max, Q, QuerySet, Value, When
from django.db.models.functions import Coalesce

from accounts import segments
from accounts.models import Account, Contact
from surveys.choices import MetricFamily
from surveys.domain import PASSIVE_FROM, PROMOTER_FROM, Counts
from surveys.insight import rollups
from surveys.models import Response
from workflows.alarms.evidence import Windows

if TYPE_CHECKING:
    from workflows.models import Alarm


def answers_of(alarm: "Alarm") -> QuerySet[Response]:
    """The answers an alarm is about, before any window: everybody's, whoever looks."""
    rows: QuerySet[Response] = Response.objects.counted().filter(metric=MetricFamily.NPS)
    if alarm.survey_id is not None:
        rows = rows.filter(survey=alarm.survey_id)
    if alarm.channel:
        rows = rows.filter(channel=alarm.channel)
    if alarm.segment is not None:
        if alarm.segment.target == segments.ACCOUNT:
            chosen = segments.narrow(
                Account.objects.live(), alarm.segment.conditions, target=segments.ACCOUNT
            )
            rows = rows.filter(account__in=chosen.order_by().values("pk"))
        else:
            people = segments.narrow(
                Contact.objects.live(), alarm.segment.conditions, target=segments.CONTACT
            )
            rows = rows.filter(contact__in=people.order_by().values("pk"))
    return rows


def windows_of(alarm: "Alarm", *, before_from: dt.date, now_from: dt.date, until: dt.date) -> Windows:
    """The windows [before_from, now_from) and [now_from, until) in the zone of the figures. Raises `Invalid` for a segment
    that cannot be read any more."""
    zone = rollups.zone()
    start, cut, end = (rollups.start_of(day, zone) for day in (before_from, now_from, until))
    is_now = Q(responded_at__gte=cut)
    lasted = Q(superseded_at__isnull=True) | (is_now & Q(superseded_at__gte=end)) | (
        Q(responded_at__lt=cut) & Q(superseded_at__gte=cut)
    )  # fmt: skip
    sign = Case(
        When(score__gte=PROMOTER_FROM, then=Value(1)),
        When(score__gte=PASSIVE_FROM, then=Value(0)),
        default=Value(-1),
        output_field=IntegerField(),
    )
    by_person = (
        answers_of(alarm)
        .filter(lasted, responded_at__gte=start, responded_at__lt=end)
        .annotate(who=Coalesce(F("contact_id"), 0 - F("pk")), sign=sign)
        .order_by()
        .values("who")
        .annotate(
            then=Max(Case(When(responded_at__lt=cut, then=F("sign")))),
            present=Max(Case(When(is_now, then=F("sign")))),
        )
        .values("then", "present", "who")
    )
    inner, params = by_person.query.sql_with_params()
    quote = connection.ops.quote_name
    then, present = quote("then"), quote("present")
    tallies: dict[tuple[int | None, int | None], int] = {}
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {then}, {present}, COUNT(*) FROM ({inner}) people GROUP BY 1, 2", params)
        for a, b, number in cursor.fetchall():
            tallies[a, b] = int(number)
    return Windows(
        before=_counts(tallies, 0),
        now=_counts(tallies, 1),
        shared={(a, b): number for (a, b), number in tallies.items() if a is not None and b is not None},
    )


def _counts(tallies: dict[tuple[int | None, int | None], int], side: int) -> Counts:
    def of(sign: int) -> int:
        return sum(number for signs, number in tallies.items() if signs[side] == sign)

    return Counts(of(1), of(0), of(-1))
