"""Answers of a file that came in already through a connection to the same tool: they are not brought in twice.

The other way round, a connection takes over what a file brought before it (services/responses.adopt_responses).
"""

import datetime as dt
import re
from collections import defaultdict
from collections.abc import Mapping, Sequence

from django.db.models import QuerySet

from core import bulk
from surveys import arrivals, identity, sources
from surveys.answer_import_options import GENERIC
from surveys.ingest import Answer
from surveys.models import Response

ALREADY = "It came in through a connection already."


class Twins:
    """What is known of the answers that connections brought, for one file of one tool (GENERIC: any list)."""

    def __init__(self, *, tool: str, metric: str, zone: dt.tzinfo) -> None:
        self._is_plain = tool == GENERIC
        self._sources = sources.connected("" if self._is_plain else tool)
        self._metric = metric
        self._zone = zone
        self._used: dict[int, int] = {}
        self._named: dict[int, str] = {}

    def find(self, answers: Sequence[Answer], lines: Sequence[int], has_id: Sequence[bool]) -> dict[int, int]:
        """The stored answer of each that is here already, by position: the one of the same id, else one of the same person
        with the same score on the same day, each for one row (`lines`) only. A plain list is compared within its survey.

        Of an export, a row that has an id (`has_id`) is no answer that has another id of the same kind: there the tool
        itself says that they are two.
        """
        self._named = {
            n: _kind(one.external_id or "")
            for n, one in enumerate(answers)
            if has_id[n] and not self._is_plain
        }
        if not self._sources or not answers:
            return {}
        found = self._by_id(answers)
        for n, pk in found.items():
            self._used[pk] = lines[n]
        return found | self._by_person({n: one for n, one in enumerate(answers) if n not in found}, lines)

    def _rows(self, survey_id: int) -> "QuerySet[Response]":
        rows: QuerySet[Response] = Response.objects.filter(source__in=self._sources, metric=self._metric)
        return rows.filter(survey_id=survey_id) if self._is_plain else rows

    def _by_id(self, answers: Sequence[Answer]) -> dict[int, int]:
        keys = {n: self._key_over_there(one) for n, one in enumerate(answers)}
        rows = bulk.among(self._rows(answers[0].survey_id), "external_id", list(keys.values()))
        known = dict(rows.values_list("external_id", "pk"))
        return {n: known[key] for n, key in keys.items() if key in known}

    def _key_over_there(self, answer: Answer) -> str:
        key = answer.external_id or ""
        return key.removeprefix(f"{answer.survey_id}:") if self._is_plain else key

    def _by_person(self, answers: Mapping[int, Answer], lines: Sequence[int]) -> dict[int, int]:
        owners = self._owners(answers) if answers else {}
        if not owners:
            return {}
        moments = [answers[n].responded_at for n in owners]
        rows = self._rows(next(iter(answers.values())).survey_id).filter(
            contact_id__in=set(owners.values()),
            responded_at__gte=min(moments) - dt.timedelta(days=1),
            responded_at__lte=max(moments) + dt.timedelta(days=1),
        )
        there: dict[tuple[int, int, dt.date], list[tuple[int, str]]] = defaultdict(list)
        values = rows.order_by("pk").values_list("pk", "contact_id", "score", "responded_at", "external_id")
        for pk, contact, score, at, key in values:
            if contact is not None:
                there[contact, score, self._day(at)].append((pk, _kind(key or "")))
        found: dict[int, int] = {}
        for n, contact in owners.items():
            same = there.get((contact, answers[n].score, self._day(answers[n].responded_at)), [])
            free = next(
                (
                    pk
                    for pk, kind in same
                    if self._used.get(pk, lines[n]) == lines[n] and self._named.get(n) != kind
                ),
                None,
            )
            if free is not None:
                found[n] = free
                self._used[free] = lines[n]
        return found

    def _owners(self, answers: Mapping[int, Answer]) -> dict[int, int]:
        """Whose the answers are, as far as an id or an address says it."""
        said = {
            n: (one.contact_external_id, identity.email_key(one.email) or "") for n, one in answers.items()
        }
        by_id, by_email = arrivals.owners(
            {key for key, _ in said.values()}, {key for _, key in said.values()}
        )
        known = {n: by_id.get(external_id) or by_email.get(key) for n, (external_id, key) in said.items()}
        return {n: contact for n, contact in known.items() if contact is not None}

    def _day(self, at: dt.datetime) -> dt.date:
        return at.astimezone(self._zone).date()


def _kind(key: str) -> str:
    """How an id is written: a number, or so many letters and digits with signs between them."""
    return "number" if key.isdecimal() else re.sub(r"\w", "x", key.replace("_", "-"))
