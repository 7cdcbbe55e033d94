"""What a person decides about a file of answers: into which survey, on which scale, in which time zone, and the like.

The decisions stand in the import's mapping (`Columns.options`), so that its page can say them long afterwards.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from zoneinfo import ZoneInfo

from accounts.imports.mapping import Columns
from accounts.imports.moments import zone_named
from core.errors import Invalid
from surveys import answer_import_scale as scales
from surveys import domain
from surveys.domain import Scale
from surveys.models import Survey

NEW = "new:"
ANONYMOUS, REFUSE = "anonymous", "refuse"
GENERIC = "import"


@dataclass(frozen=True, slots=True)
class Options:
    """`survey` is the key of a survey or "new:nps"; `scale` a rule of answer_import_scale or empty; `scale_for` names
    the column and survey that rule was chosen for; `tool` is whose export this is, or empty."""

    survey: str = ""
    name: str = ""
    scale: str = ""
    scale_for: str = ""
    zone: str = ""
    nobody: str = ANONYMOUS
    tool: str = ""

    @classmethod
    def of(cls, stored: Mapping[str, str]) -> "Options":
        return cls(**{key: str(value) for key, value in stored.items() if key in cls.__dataclass_fields__})

    def as_json(self) -> dict[str, str]:
        return {name: getattr(self, name) for name in self.__dataclass_fields__}

    @property
    def is_new(self) -> bool:
        return self.survey.startswith(NEW)

    @property
    def survey_id(self) -> int | None:
        return int(self.survey) if self.survey.isdecimal() and len(self.survey) < 19 else None

    @property
    def metric(self) -> str:
        """The metric of the survey; Raises `Invalid` when there is no such survey."""
        if self.is_new:
            metric = self.survey.removeprefix(NEW)
            if metric in domain.SCALES:
                return metric
        elif self.survey_id is not None:
            found = Survey.objects.filter(pk=self.survey_id).values_list("metric", flat=True).first()
            if found is not None:
                return str(found)
        raise Invalid("Choose the survey these answers belong to, or a new one.", field="option_survey")

    @property
    def scale_of_survey(self) -> Scale:
        return domain.scale(self.metric)

    @property
    def time_zone(self) -> ZoneInfo:
        found = zone_named(self.zone)
        if found is None:
            raise Invalid(
                "Choose the time zone in which times without an offset are written, such as Europe/Berlin.",
                field="option_zone",
            )
        return found

    @property
    def rule(self) -> str:
        return self.scale or scales.AS_IS


def score_column(columns: Columns) -> int | None:
    return next((number for number, key in sorted(columns.columns.items()) if key == "score"), None)


def subject(columns: Columns, options: Options) -> str:
    """What a rule for scores was chosen for; another column or another survey is another question."""
    return f"{score_column(columns)}|{options.survey}"
