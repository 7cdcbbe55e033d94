"""Past answers as a target of an import: files of any list, and exports of other survey tools.

Answers come in with origin `import`, so they enter figures and alert nobody.
"""

import zoneinfo
from collections.abc import Mapping
from pathlib import PurePath
from typing import Any

from django.urls import reverse

from accounts import extend
from accounts.imports import words
from accounts.imports.mapping import Columns, Target, name_of
from accounts.imports.moments import date_part, zone_named
from accounts.imports.reading import Dialect, Reader, Row
from accounts.imports.targets import ImportTarget, Inspector, Judge, Look, Result, TakenBack
from accounts.models import Import
from core import jobs
from core.errors import Invalid, Refused
from core.models import Job
from surveys import answer_import_fields as fields
from surveys import answer_import_scale as scales
from surveys import domain
from surveys.answer_import_judge import AnswerJudge, make_survey
from surveys.answer_import_options import ANONYMOUS, NEW, REFUSE, Options, score_column, subject
from surveys.answer_import_scale import Finding, Seen
from surveys.models import Response, Survey
from surveys.services import responses as response_services
from surveys.services.surveys import NAME_LENGTH
from team import queries as team_queries
from team.models import User

TAKE_BACK = "surveys.import_take_back"
_NOBODY = {
    ANONYMOUS: "Count as anonymous answers, like those of a public link",
    REFUSE: "Refuse the row",
}


class ScaleInspector:
    """Looks at every cell of the score column before the check begins, and asks where they are no plain scores."""

    def __init__(self, run: Import, reader: Reader) -> None:
        self._run = run
        self._columns = Columns.of(run.mapping)
        self._number = score_column(self._columns)
        self._options = Options.of(self._columns.options)
        look = Look(reader.headers, [], reader.ids)
        self._is_known = fields.says_its_scale(look, self._columns.columns)
        self._seen = Seen()

    def see(self, row: Row) -> None:
        if not row.trouble and self._number is not None:
            self._seen.add(row.cells[self._number])

    def settle(self) -> None:
        found = self._seen.finding()
        about = subject(self._columns, self._options)
        self._run.checked = {**self._run.checked, "scale": {"for": about, "found": found.as_json()}}
        Import.objects.filter(pk=self._run.pk).update(checked=self._run.checked)
        question = open_question(found, self._options, is_known=self._is_known)
        if question:
            raise Refused(question, field="option_scale", code="scale")


def open_question(found: Finding, options: Options, *, is_known: bool) -> str:
    """Why the scores cannot be taken yet, with what to do; empty when they can, or it was decided."""
    scale = options.scale_of_survey
    reasons = scales.doubts(found, scale, is_known=is_known)
    offered = {rule.key for rule in scales.rules(found, scale)}
    if not reasons or (options.scale and options.scale in offered):
        return ""
    if not offered:
        return f"{' '.join(reasons)} They cannot be scores of {scale.label}. Choose another column, or another survey."
    return f"{' '.join(reasons)} Choose below which scale they are on, or another column."


class Answers(ImportTarget):
    key, label, title, one, position = "answer", "Past answers", "Answer", "an answer", 30
    options_template = "surveys/_answer_import_options.html"
    has_unmatched = True

    # --- Columns ---------------------------------------------------------------------------------------------
    def fields(self) -> dict[str, Target]:
        return dict(fields.BY_KEY)

    def propose(self, run: Import, look: Look) -> Columns:
        tool = fields.recognise(look)
        zone = _zone_of(look, tool)
        options = Options(
            survey=_survey_for(run),
            name=_name_for(run),
            zone=zone,
            tool=tool.key if tool else "",
        )
        return Columns(columns=fields.propose(look, tool), options=options.as_json())

    def questions(self, columns: Columns, look: Look, dialect: Dialect) -> dict[str, str]:
        """The order of day and month; scores have their own question."""
        values = [
            part
            for number, key in columns.columns.items()
            if key in {"answered_at", "updated_at"} and number < len(look.samples)
            for cell in look.samples[number]
            if (part := date_part(cell))
        ]
        order = words.date_order(values)
        return {} if order is None else {"dates": order}

    def check(self, run: Import, columns: Columns, *, look: Look, dialect: Dialect, actor: User) -> None:
        _check_columns(columns, look)
        for question, proved in self.questions(columns, look, dialect).items():
            if not proved and not getattr(dialect, question):
                raise Invalid(
                    "Say whether the day or the month comes first in dates: the file can be read both ways.",
                    field=question,
                )
        options = self._settled(run, columns, look)
        columns.options = options.as_json()

    def _settled(self, run: Import, columns: Columns, look: Look) -> Options:
        """The options, made whole; raises `Invalid` for what has to be chosen first."""
        # Whose export it is follows from the file, not from what a browser says.
        tool = fields.recognise(look)
        given = {**columns.options, "tool": tool.key if tool else ""}
        options = Options.of(given)
        options.metric, options.time_zone  # noqa: B018 - both raise when they cannot be had
        if options.nobody not in _NOBODY:
            options = Options.of({**given, "nobody": ANONYMOUS})
        if options.is_new:
            options = Options.of({**options.as_json(), "name": _free_name(options.name or _name_for(run))})
        about = subject(columns, options)
        if options.scale_for != about:
            # Chosen for another column or another survey: it is another question now.
            options = Options.of({**options.as_json(), "scale": "", "scale_for": about})
        number = score_column(columns)
        found = self._found(run, about) or Seen(look.samples[number] if number is not None else ()).finding()
        if options.scale.startswith(scales.METRIC):
            metric = options.scale.removeprefix(scales.METRIC)
            changed = {
                "survey": f"{NEW}{metric}",
                "name": _free_name(options.name or _name_for(run)),
                "scale": "",
            }
            options = Options.of({**options.as_json(), **changed})
            about = subject(columns, options)
            options = Options.of(
                {**options.as_json(), "scale_for": about, "scale": _plainest(found, options)}
            )
        elif options.scale and not scales.is_rule(options.scale):
            raise Invalid("Choose one of the scales.", field="option_scale")
        question = open_question(found, options, is_known=fields.says_its_scale(look, columns.columns))
        if question:
            raise Invalid(question, field="option_scale")
        return options

    def _found(self, run: Import, about: str) -> Finding | None:
        """What a check that stopped to ask saw of all cells."""
        kept = run.checked.get("scale") or {}
        return Finding.of(kept["found"]) if kept.get("for") == about else None

    def options(self, run: Import, look: Look, columns: Columns, actor: User) -> Mapping[str, Any]:
        options = Options.of(columns.options)
        about = subject(columns, options)
        number = score_column(columns)
        found = self._found(run, about) or (
            Seen(look.samples[number]).finding()
            if number is not None and number < len(look.samples)
            else Finding()
        )
        try:
            scale = options.scale_of_survey
        except Invalid:
            scale = domain.NPS
        is_known = fields.says_its_scale(look, columns.columns)
        tool = fields.tool_named(options.tool)
        return {
            "chosen": options,
            "about": about,
            "tool": tool,
            "surveys": Survey.objects.order_by("name").values_list("pk", "name", "metric"),
            "new_surveys": [(f"{NEW}{one.metric}", one.label) for one in domain.SCALES.values()],
            "name": options.name or _name_for(run),
            "doubts": scales.doubts(found, scale, is_known=is_known) if found.total else [],
            "rules": scales.rules(found, scale) if found.total else [],
            "scale_chosen": options.scale if options.scale_for == about else "",
            "scale": scale,
            "zones": sorted(zoneinfo.available_timezones()),
            "nobody": _NOBODY,
        }

    # --- Rows ------------------------------------------------------------------------------------------------
    def inspector(self, run: Import, reader: Reader) -> Inspector | None:
        return ScaleInspector(run, reader)

    def judge(self, run: Import, actor: User, reader: Reader) -> Judge:
        return AnswerJudge(run, actor, reader.headers)

    def begin(self, run: Import, columns: Columns, actor: User) -> Columns:
        options = Options.of(columns.options)
        if options.is_new:
            options = Options.of({**options.as_json(), "name": _free_name(options.name)})
            made = make_survey(options, actor)
            columns.options = Options.of({**options.as_json(), "survey": str(made)}).as_json()
        elif not Survey.objects.filter(pk=options.survey_id or 0).exists():
            raise Refused(
                "The survey of these answers no longer exists. Choose another one under “Change columns”."
            )
        return columns

    # --- Pages -----------------------------------------------------------------------------------------------
    def choices(self, run: Import) -> list[str]:
        columns = Columns.of(run.mapping)
        options = Options.of(columns.options)
        try:
            scale = options.scale_of_survey
        except Invalid:
            return []
        said = []
        if tool := fields.tool_named(options.tool):
            said.append(f"It is read as an export of {tool.label}.")
        if options.is_new:
            said.append(f"A new {scale.label} survey, “{options.name}”, is made for its answers.")
        else:
            name = Survey.objects.filter(pk=options.survey_id or 0).values_list("name", flat=True).first()
            said.append(
                f"Its answers belong to the survey “{name}” ({scale.label}, {scale.low}–{scale.high})."
            )
        said.append(_scale_sentence(options))
        said.append(f"Times without an offset are {options.zone} time.")
        said.append(
            f"Rows that name nobody: {_NOBODY[options.nobody][0].lower()}{_NOBODY[options.nobody][1:]}."
        )
        return said

    def url_of(self, key: int) -> str:
        return reverse("surveys:response_detail", args=[key])

    def results(self, run: Import, user: User) -> list[Result]:
        found = [Result("See these answers", f"{reverse('surveys:response_list')}?imported={run.pk}")]
        if run.unmatched_count:
            found.append(Result("Find whose the unmatched are", reverse("surveys:inbox_list")))
        return found if run.created_count else []

    def taken_back(self, run: Import, user: User) -> TakenBack | None:
        made = Response.objects.filter(imported__run=run)
        total = made.count()
        if not total:
            return None
        standing = made.filter(excluded_reason="").count()
        return TakenBack(
            standing,
            total - standing,
            "The answers this import made are excluded from all figures, with the reason “Import taken back”. They stay listed,"
            " and can be counted again one by one or all together under Feedback. Answers it only changed stay as they are.",
            is_running=Job.objects.filter(
                kind=TAKE_BACK, subject_id=run.pk, state__in=("pending", "claimed", "sending")
            ).exists(),
        )

    def take_back(self, run: Import, actor: User) -> None:
        jobs.submit(TAKE_BACK, run.pk, requested_by=actor.pk)


def _check_columns(columns: Columns, look: Look) -> None:
    used: dict[str, int] = {}
    for number, key in sorted(columns.columns.items()):
        if key not in fields.BY_KEY or not 0 <= number < len(look.headers):
            raise Invalid("One of the fields does not exist. Choose again.", field=f"column_{number}")
        if key in used and key not in fields.MANY:
            raise Invalid(
                f"“{fields.BY_KEY[key].label}” is chosen for two columns ({name_of(look.headers, used[key])} and"
                f" {name_of(look.headers, number)}). Ignore one of them.",
                field=f"column_{number}",
            )
        used[key] = number
    if "score" not in used:
        raise Invalid(
            "No column is the score. Choose its column: without a score a row is no answer.", field="columns"
        )
    if "answered_at" not in used:
        raise Invalid(
            "No column says when somebody answered. Choose its column: figures need the day of each answer.",
            field="columns",
        )
    if "name" in used and {"first_name", "last_name"} & set(used):
        raise Invalid(
            "Choose either the full name or first and last name, not both.", field=f"column_{used['name']}"
        )


def _plainest(found: Finding, options: Options) -> str:
    """In a survey made for these scores they are taken as they are, or as the words they are."""
    offered = [rule.key for rule in scales.rules(found, options.scale_of_survey)]
    return next((key for key in (scales.AS_IS, scales.WORDS) if key in offered), "")


def _zone_of(look: Look, tool: "fields.Tool | None") -> str:
    said = zone_named(look.zone) or (zone_named(tool.zone) if tool else None)
    return said.key if said else str(team_queries.workspace().time_zone)


def _name_for(run: Import) -> str:
    """A survey named after the file, without its ending."""
    return (
        " ".join(PurePath(run.file_name).stem.replace("_", " ").split())[:NAME_LENGTH] or "Imported answers"
    )


def _survey_for(run: Import) -> str:
    """Where the same file went before, else the survey of the file's name, else a new one."""
    before = Import.objects.filter(sha256=run.sha256, target=run.target, state="done").order_by("-pk").first()
    if before is not None:
        kept = Options.of(Columns.of(before.mapping).options).survey_id
        if kept is not None and Survey.objects.filter(pk=kept).exists():
            return str(kept)
    named = Survey.objects.filter(name=_name_for(run)).values_list("pk", flat=True).first()
    return str(named) if named else f"{NEW}{domain.NPS.metric}"


def _free_name(name: str) -> str:
    name = " ".join(name.split())[: NAME_LENGTH - 5] or "Imported answers"
    taken = set(Survey.objects.filter(name__startswith=name).values_list("name", flat=True))
    return next(
        free for n in range(1, len(taken) + 2) if (free := name if n == 1 else f"{name} ({n})") not in taken
    )


def _scale_sentence(options: Options) -> str:
    scale = options.scale_of_survey
    if not options.scale:
        return f"The scores are taken as they stand, {scale.low}–{scale.high}."
    rule = scales.rule_named(options.scale, scale)
    return f"About the scores it was said: “{rule.label}”. {rule.says}"


# --- Taking back ---------------------------------------------------------------------------------------------
def _take_back(job: jobs.JobContext) -> None:
    """Exclude what an import made; what is excluded already is left alone, so it goes on after a kill."""
    run = Import.objects.filter(pk=job.subject_id or 0).first()
    actor = User.objects.filter(pk=job.job.requested_by or 0).first()
    if run is None or actor is None:
        return
    reason = f"{response_services.TAKEN_BACK}: file of {run.created_at:%Y-%m-%d}"
    answers = Response.objects.filter(imported__run=run, excluded_reason="")
    total, done = answers.count(), 0
    for keys in response_services.slices(answers):
        done += response_services.exclude_responses(
            responses=Response.objects.filter(pk__in=keys), reason=reason, actor=actor
        )
        job.report(done, total)


def register() -> None:
    extend.import_target(Answers())
    jobs.handler(TAKE_BACK, long=True)(_take_back)
