"""What is read of surveys: the list with its figures, one survey, its versions."""

import datetime as dt
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from django.db.models import Count, OuterRef, Q, QuerySet, Subquery

from surveys import domain, texts
from surveys.choices import IntentState
from surveys.content import Content, QuestionWords
from surveys.models import Invitation, Response, ScoreIntent, Survey, SurveyVersion, Wave
from surveys.questions import RATINGS, Kind, Question
from team.models import User


def list_surveys(user: User) -> QuerySet[Survey]:
    """All surveys. A survey is nobody's in particular: whoever may sign in sees what is asked."""
    return Survey.objects.filter().select_related("current", "created_by").order_by("name", "pk")


def get_survey(user: User, survey_id: int) -> Survey | None:
    return list_surveys(user).filter(pk=survey_id).first()


@dataclass(frozen=True, slots=True, kw_only=True)
class SurveyRow:
    """A survey in the list. The counts are of what the reader may see."""

    survey: Survey
    last_asked_at: dt.datetime | None
    counts: domain.Counts
    summary: domain.Summary

    @property
    def n(self) -> int:
        return self.counts.n or self.summary.n

    @property
    def languages(self) -> list[str]:
        """The survey's languages by their own names."""
        version = self.survey.current
        tags = version.content.get("languages", {}) if version is not None else {}
        return [texts.language_for(tag).name for tag in tags]


def list_rows(user: User, *, state: str = "") -> list[SurveyRow]:
    """Surveys with their last wave and their NPS over all counted answers in the reader's sight; archived ones last."""
    waves = Wave.objects.filter(campaign__survey=OuterRef("pk")).order_by("-created_at", "-pk")
    surveys = list_surveys(user).annotate(last_asked_at=Subquery(waves.values("created_at")[:1]))
    if state:
        surveys = surveys.filter(state=state)
    counts = counts_by_survey(user)
    summaries = summaries_by_survey(user)
    rows = [
        SurveyRow(
            survey=survey,
            last_asked_at=survey.last_asked_at,
            counts=counts.get(survey.pk, domain.Counts()),
            summary=summaries.get(survey.pk, domain.summary(survey.metric, {})),
        )
        for survey in surveys
    ]
    rows.sort(key=lambda row: (row.survey.state == "archived", row.survey.name.casefold(), row.survey.pk))
    return rows


def counts_by_survey(user: User, *, survey_id: int | None = None) -> dict[int, domain.Counts]:
    """Promoters, passives and detractors of each survey among the counted answers `user` may see."""
    answers = Response.objects.visible_to(user).counted().filter(metric=domain.NPS.metric)
    if survey_id is not None:
        answers = answers.filter(survey=survey_id)
    rows = (
        answers.order_by()
        .values("survey")
        .annotate(
            promoters=Count("pk", filter=Q(score__gte=domain.PROMOTER_FROM)),
            passives=Count("pk", filter=Q(score__gte=domain.PASSIVE_FROM, score__lt=domain.PROMOTER_FROM)),
            detractors=Count("pk", filter=Q(score__lt=domain.PASSIVE_FROM)),
        )
    )
    return {
        row["survey"]: domain.Counts(row["promoters"], row["passives"], row["detractors"]) for row in rows
    }


def summaries_by_survey(user: User) -> dict[int, domain.Summary]:
    """The figures of every survey that measures satisfaction or effort."""
    rows = (
        Response.objects.visible_to(user)
        .counted()
        .exclude(metric=domain.NPS.metric)
        .order_by()
        .values_list("survey", "metric", "score")
        .annotate(n=Count("pk"))
    )
    found: dict[tuple[int, str], dict[int, int]] = {}
    for survey, metric, score, n in rows:
        found.setdefault((survey, metric), {})[score] = n
    return {survey: domain.summary(metric, histogram) for (survey, metric), histogram in found.items()}


def figures_of(user: User, survey: Survey) -> domain.Summary:
    """A survey's answers by score, over all counted ones in the reader's sight."""
    rows = (
        Response.objects.visible_to(user)
        .counted()
        .filter(survey=survey, metric=survey.metric)
        .order_by()
        .values_list("score")
        .annotate(n=Count("pk"))
    )
    return domain.summary(survey.metric, dict(rows))


@dataclass(frozen=True, slots=True, kw_only=True)
class OptionCount:
    text: str
    number: int
    share: float  # of those who answered the question, in percent; several options may be chosen, so it may add up to more


@dataclass(frozen=True, slots=True, kw_only=True)
class QuestionCount:
    """What was said to one further question: `n` answered it; texts are not counted, only how many there are."""

    question: Question
    text: str
    n: int
    options: list[OptionCount]
    mean: float | None


def count_options(user: User, survey: Survey, content: Content) -> list[QuestionCount]:
    """Counts of every further question over all counted answers in the reader's sight, all versions together: options
    keep their key from version to version. An option that no longer exists is listed after the others by its key."""
    if not content.questions:
        return []
    counted: dict[str, Counter[str]] = {question.key: Counter() for question in content.questions}
    given: Counter[str] = Counter()
    rows = (
        Response.objects.visible_to(user)
        .counted()
        .filter(survey=survey)
        .exclude(answers={})
        .order_by()
        .values_list("answers", flat=True)
    )
    for answers in rows.iterator(chunk_size=2000):
        for key in counted.keys() & answers.keys():
            value = answers[key]
            given[key] += 1
            counted[key].update(value if isinstance(value, list) else [str(value)])
    said = content.wording(content.default_language).questions
    return [
        _question_count(one, said[one.key], counted[one.key], given[one.key]) for one in content.questions
    ]


def _question_count(
    question: Question, said: QuestionWords, counted: Mapping[str, int], n: int
) -> QuestionCount:
    if question.kind == Kind.TEXT:
        return QuestionCount(question=question, text=said.text, n=n, options=[], mean=None)
    known = [str(rating) for rating in RATINGS] if question.kind == Kind.RATING else list(question.options)
    texts_of = said.options if question.has_options else {}
    return QuestionCount(
        question=question,
        text=said.text,
        n=n,
        options=[
            OptionCount(
                text=texts_of.get(key, key),
                number=counted.get(key, 0),
                share=100 * counted.get(key, 0) / n if n else 0,
            )
            for key in [*known, *sorted(key for key in counted if key not in known)]
        ],
        mean=sum(int(key) * number for key, number in counted.items() if key.isdigit()) / n
        if question.kind == Kind.RATING and n
        else None,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class VersionRow:
    version: SurveyVersion
    answers: int
    asked: int
    is_current: bool


def list_versions(user: User, survey: Survey) -> list[VersionRow]:
    """The versions of a survey, newest first, with how many were asked and answered in each, in the reader's sight."""
    answers = dict(
        Response.objects.visible_to(user)
        .filter(survey=survey)
        .order_by()
        .values_list("version")
        .annotate(n=Count("pk"))
    )
    asked = dict(
        Invitation.objects.visible_to(user)
        .real()
        .filter(version__survey=survey, asked_at__isnull=False)
        .order_by()
        .values_list("version")
        .annotate(n=Count("pk"))
    )
    versions = SurveyVersion.objects.filter(survey=survey).select_related("created_by").order_by("-number")
    return [
        VersionRow(
            version=version,
            answers=answers.get(version.pk, 0),
            asked=asked.get(version.pk, 0),
            is_current=version.pk == survey.current_id,
        )
        for version in versions
    ]


def get_version(survey: Survey, number: int) -> SurveyVersion | None:
    return SurveyVersion.objects.filter(survey=survey, number=number).select_related("created_by").first()


def count_waiting_clicks(user: User, survey: Survey) -> int:
    return (
        ScoreIntent.objects.visible_to(user)
        .filter(state=IntentState.WAITING, invitation__version__survey=survey)
        .count()
    )
