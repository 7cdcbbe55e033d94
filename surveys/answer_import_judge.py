"""From rows of a file to answers, and through the one door for answers.

The check sends them through the same door in a transaction that is then taken back, so what it says is what the import
does. A row is known by the id its tool gave it. Without one it is known by what it says: the person and the moment, or,
where nobody is named, by all of it and by how often the same was said before in this file. Either way the same file
again changes nothing. What a connection brought already is not brought in twice (answer_import_twins.py).
"""

import datetime as dt
import hashlib
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from django.db import transaction

from accounts.domain import Origin
from accounts.imports import moments, words
from accounts.imports.checking import CREATED, REFUSED, UNCHANGED, UPDATED, Decision, Plan, Prepared
from accounts.imports.mapping import Columns, name_of
from accounts.imports.moments import Moment
from accounts.imports.reading import Dialect, Row
from accounts.models import Import
from core import bulk, clock
from surveys import answer_import_fields as fields
from surveys import answer_import_scale as scales
from surveys import ingest
from surveys.answer_import_options import GENERIC, REFUSE, Options
from surveys.answer_import_twins import ALREADY, Twins
from surveys.choices import Channel, Identity
from surveys.content import Content
from surveys.ingest import Answer, Outcome
from surveys.models import ImportedAnswer, Response
from surveys.services import surveys as survey_services
from team.models import User

FIRST, SHOWN = 8, 120
_PEOPLE = ("contact_external_id", "email", "phone", "name")
_ORDER = ("score", "answered_at")  # what is judged first is what the reason names


class AnswerJudge:
    """Judges the rows of one file for one person; see accounts.imports.targets.Judge."""

    def __init__(self, run: Import, actor: User, headers: Sequence[str]) -> None:
        self.run, self.actor, self.headers = run, actor, headers
        columns = Columns.of(run.mapping)
        self.options = Options.of(columns.options)
        self.scale = self.options.scale_of_survey
        self._zone = self.options.time_zone
        self._order = Dialect.of(run.dialect).dates
        ranked = {key: rank for rank, key in enumerate(_ORDER)}
        self._columns = sorted(columns.columns.items(), key=lambda one: (ranked.get(one[1], 9), one[0]))
        self._latest = clock.now() + ingest.CLOCK_SKEW
        self._seen: dict[int, int] = {}
        self._same: Counter[int] = Counter()
        self._twins = Twins(tool=self.options.tool or GENERIC, metric=self.scale.metric, zone=self._zone)

    # --- Without the database --------------------------------------------------------------------------------
    def remember(self, row: Row) -> None:
        self._prepare(row)

    def prepare(self, rows: Iterable[Row]) -> list[Prepared]:
        return [self._prepare(row) for row in rows]

    def forget_accounts(self) -> None:
        return None

    def _prepare(self, row: Row) -> Prepared:
        found = Prepared(row, reason=row.trouble)
        if found.reason:
            return found
        try:
            found.values = self._read(row)
            self._identify(found)
        except _Unfit as unfit:
            found.reason = str(unfit)
        return found

    def _read(self, row: Row) -> dict[str, Any]:
        values: dict[str, Any] = {"attributes": {}}
        for number, key in self._columns:
            cell = row.cells[number].replace("\x00", "").strip()
            if not cell:
                continue
            try:
                self._take(values, number, key, cell)
            except ValueError as error:
                raise _Unfit(f"Column {name_of(self.headers, number)}: the cell {error}.") from None
        if "score" not in values:
            raise _Unfit("The row has no score, so it is no answer.")
        if "answered_at" not in values:
            raise _Unfit("The row does not say when it was answered.")
        return values

    def _take(self, values: dict[str, Any], number: int, key: str, cell: str) -> None:
        """Read one cell into `values`; raises _Unfit for a row that is to stay out, ValueError for a cell."""
        if key == "score":
            values["score"] = scales.convert(cell, self.options.rule, self.scale)
            if scales.is_estimate(self.options.rule):
                values["attributes"]["file_score"] = cell[:SHOWN]
        elif key in {"answered_at", "updated_at"}:
            values[key] = self._moment(cell)
        elif key == "status":
            if state := fields.state(cell, self.options.tool):
                raise _Unfit(f"The answer is {state} (“{cell[:40]}”), so it stays out.")
        elif key == "finished":
            if words.boolean(cell) == "false":
                raise _Unfit("The answer is not finished, so it stays out.")
        elif key == "excluded":
            if words.boolean(cell) == "true":
                raise _Unfit(
                    "The answer was left out of figures where it comes from, so it stays out here too."
                )
        elif key == "kind":
            kind = fields.kind(cell)
            if kind != self.scale.metric:
                raise _Unfit(
                    f"The row belongs to a survey of another kind (“{cell[:40]}”); this one is {self.scale.label}."
                )
        elif key == "channel":
            channel = fields.channel(cell)
            if channel:
                values["channel"] = channel
            else:
                values["attributes"]["file_channel"] = cell[:SHOWN]
        elif key == "language":
            values["language"] = words.language(cell).lower()[:10]
        elif key == "tags":
            tags = [tag.strip()[:60] for tag in cell.replace("|", ",").replace(";", ",").split(",")]
            values["attributes"]["tags"] = list(dict.fromkeys(tag for tag in tags if tag))[:50]
        elif key == fields.ATTRIBUTE:
            values["attributes"][fields.attribute_key(self.headers[number], number)] = cell[:500]
        elif key == "phone":
            values["phone"] = cell.removeprefix("'")
        else:
            values[key] = cell

    def _moment(self, cell: str) -> Moment:
        found = moments.moment(cell, order=self._order, zone=self._zone)
        if found.at < ingest.EARLIEST:
            raise ValueError("lies before the year 2000")
        if found.is_day and found.at > self._latest and found.at - dt.timedelta(hours=13) <= self._latest:
            return Moment(self._latest - ingest.CLOCK_SKEW, is_day=True)  # today, and noon is still to come
        if found.at > self._latest:
            raise ValueError("lies in the future. Check the order of day and month, and the time zone")
        return found

    def _identify(self, found: Prepared) -> None:
        """Give the row its id, and refuse one that stands in the file already."""
        values, at = found.values, found.values["answered_at"]
        values["name"] = values.get("name") or " ".join(
            values.pop(key, "") for key in ("first_name", "last_name") if values.get(key)
        )
        if not values["name"]:
            del values["name"]
        who = [values.get(key, "") for key in _PEOPLE]
        given = values.pop("response_id", "")
        when = at.at.date().isoformat() if at.is_day else at.at.isoformat()
        if given:
            if len(given) > 150:
                raise _Unfit("The id of the answer is longer than 150 characters.")
            key, what = f"id {given}", "id"
        elif any(who):
            person = next(
                f"{name} {value.casefold()}" for name, value in zip(_PEOPLE, who, strict=True) if value
            )
            # Two answers of a person on one day differ in their scores, unless the file says at what time they came.
            key, what = f"who {person} {when}", "person and moment"
            if at.is_day:
                key = f"{key} {values['score']}"
        elif self.options.nobody == REFUSE:
            raise _Unfit("The row names nobody: no address, no id, no name.")
        else:
            said = f"nobody {when} {values['score']} {values.get('comment', '')}"
            self._same[hash(said)] += 1
            key, what = f"{said} {self._same[hash(said)]}", "words"
            values.setdefault("channel", Channel.LINK.value)
        line = self._seen.setdefault(hash(key), found.row.line)
        if line != found.row.line:
            raise _Unfit(
                f"The same {what} stands in line {line:,}. The first row counts; remove one of them."
            )
        values["has_id"] = bool(given)
        values["key"] = given or hashlib.sha256(key.encode()).hexdigest()[:40]

    # --- With the database -----------------------------------------------------------------------------------
    def preview(self, prepared: Sequence[Prepared]) -> Plan:
        with transaction.atomic():
            survey_id = self.options.survey_id or make_survey(self.options, self.actor)
            plan = self._bring_in(prepared, survey_id)
            transaction.set_rollback(True)
        return plan

    def carry_out(self, prepared: Sequence[Prepared]) -> Plan:
        survey_id = self.options.survey_id
        assert survey_id is not None  # made when the import began
        plan = self._bring_in(prepared, survey_id)
        made = [
            ImportedAnswer(response_id=decision.thing, run_id=self.run.pk)
            for decision in plan.decisions
            if decision.state == CREATED
        ]
        bulk.insert(ImportedAnswer, made)
        return plan

    def _bring_in(self, prepared: Sequence[Prepared], survey_id: int) -> Plan:
        source = self.options.tool or GENERIC
        sound = [one for one in prepared if not one.reason]
        answers = {id(one): self._answer(one, survey_id, source) for one in sound}
        known = self._known(source, [answer.external_id or "" for answer in answers.values()])
        new = [one for one in sound if (answers[id(one)].external_id or "") not in known]
        twins = self._twins.find(
            [answers[id(one)] for one in new],
            [one.row.line for one in new],
            [one.values["has_id"] for one in new],
        )
        here = {id(new[place]): pk for place, pk in twins.items()}
        taken = []
        for one in sound:
            if id(one) in here:
                continue
            before = known.get(answers[id(one)].external_id or "")
            if before is not None and before["survey_id"] != survey_id:
                one.reason = f"This answer is in the survey “{before['survey__name']}” already."
            else:
                taken.append(one)
        outcomes = ingest.ingest([answers[id(one)] for one in taken], actor=self.actor, visible_to=self.actor)
        by_row = dict(zip([id(one) for one in taken], outcomes, strict=True))
        plan = Plan()
        for one in prepared:
            if id(one) in here:
                plan.decisions.append(Decision(one.row, UNCHANGED, ALREADY, thing=here[id(one)]))
                continue
            outcome = by_row.get(id(one))
            if outcome is None:
                plan.decisions.append(Decision(one.row, REFUSED, one.reason))
                continue
            answer = answers[id(one)]
            plan.decisions.append(self._decision(one, answer, outcome, known.get(answer.external_id or "")))
            plan.unmatched += outcome.result == CREATED and outcome.identity == Identity.INBOX
        return plan

    def _answer(self, one: Prepared, survey_id: int, source: str) -> Answer:
        values = one.values
        updated = values.get("updated_at")
        # An id of a tool is one for all of its surveys; one of a plain list is only one within it.
        key = values["key"] if source != GENERIC else f"{survey_id}:{values['key']}"
        return Answer(
            survey_id=survey_id,
            score=values["score"],
            source=source,
            external_id=key,
            channel=values.get("channel", Channel.IMPORT.value),
            responded_at=values["answered_at"].at,
            source_updated_at=updated.at if updated else None,
            comment=values.get("comment"),
            contact_external_id=values.get("contact_external_id", ""),
            email=values.get("email", ""),
            name=values.get("name", ""),
            phone=values.get("phone", ""),
            language=values.get("language", ""),
            completed=True,
            origin=Origin.IMPORT.value,
            attributes=values["attributes"],
        )

    def _known(self, source: str, keys: Sequence[str]) -> dict[str, dict[str, Any]]:
        base = Response.objects.filter(source=source)
        rows = bulk.among(base, "external_id", keys) if keys else base.none()
        names = ("pk", "external_id", "survey_id", "survey__name", "score", "comment", "language")
        return {row["external_id"]: row for row in rows.values(*names)}

    def _decision(
        self, one: Prepared, answer: Answer, outcome: Outcome, before: dict[str, Any] | None
    ) -> Decision:
        if outcome.result == "refused":
            return Decision(one.row, REFUSED, self._reason(outcome))
        decision = Decision(one.row, outcome.result, thing=outcome.response_id)
        values = {"score": answer.score, "comment": answer.comment or "", "language": answer.language}
        if outcome.result == CREATED:
            decision.changes = {
                **values,
                "answered_at": answer.responded_at.astimezone(self._zone).strftime("%Y-%m-%d %H:%M"),
                "identity": outcome.identity,
                "name": answer.name or answer.email or answer.contact_external_id or answer.phone,
            }
        elif outcome.result == UPDATED and before is not None:
            decision.before = before
            decision.changes = {
                name: value for name, value in values.items() if value and value != before[name]
            }
        return decision

    def _reason(self, outcome: Outcome) -> str:
        names = {
            "responded_at": "answered_at",
            "external_id": "response_id",
            "source_updated_at": "updated_at",
        }
        key = names.get(outcome.field, outcome.field)
        column = next((name_of(self.headers, number) for number, to in self._columns if to == key), "")
        return f"Column {column}: {outcome.message}" if column else outcome.message

    # --- For the page ----------------------------------------------------------------------------------------
    def add_samples(self, checked: dict[str, Any], plan: Plan) -> None:
        already = sum(decision.reason == ALREADY for decision in plan.decisions)
        if already:
            checked["already_here"] = checked.get("already_here", 0) + already
        samples: dict[str, list[dict[str, Any]]] = checked.setdefault("samples", {})
        for decision in plan.decisions:
            kept = samples.setdefault(decision.state, [])
            if len(kept) < FIRST:
                kept.append(_sample(decision))


class _Unfit(Exception):
    """The row stays out, for the reason in the text."""


_IDENTITIES: dict[str, str] = {
    Identity.MATCHED: "a contact here",
    Identity.INBOX: "unknown; waits in the inbox",
    Identity.ANONYMOUS: "anonymous",
}
_LABELS: dict[str, tuple[str, Callable[[Any], str]]] = {
    "score": ("Score", str),
    "answered_at": ("Answered", str),
    "identity": ("Whose", lambda value: _IDENTITIES.get(value, str(value))),
    "comment": ("Comment", str),
    "language": ("Language", str),
}


def _sample(decision: Decision) -> dict[str, Any]:
    sample: dict[str, Any] = {"line": decision.row.line, "reason": decision.reason.replace("\x00", "")}
    if decision.state == REFUSED:
        sample["cells"] = [cell.replace("\x00", "")[:SHOWN] for cell in decision.row.cells[:8]]
        return sample
    if decision.state in {UPDATED, UNCHANGED}:
        sample["pk"] = decision.thing
    sample["name"] = str(decision.changes.get("name") or f"Line {decision.row.line:,}")[:SHOWN]
    sample["changes"] = [
        [
            label,
            shown(decision.before[key])[:SHOWN] if decision.before.get(key) is not None else "",
            shown(value)[:SHOWN],
        ]
        for key, (label, shown) in _LABELS.items()
        if (value := decision.changes.get(key)) not in {None, ""}
    ]
    return sample


def make_survey(options: Options, actor: User) -> int:
    """The new survey for a file's answers: a draft with the standard wording, which nobody has been asked here."""
    content = Content(metric=options.metric)
    return survey_services.create_survey(name=options.name, content=content, actor=actor).pk
