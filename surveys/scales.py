"""The built-in words of a survey's scale in one language: one shape for NPS, CSAT and CES."""

from collections.abc import Mapping
from dataclasses import dataclass

from surveys import domain, texts

LOOKS: Mapping[str, tuple[str, ...]] = {
    "nps": ("numbers",),
    "csat": ("smileys", "stars", "numbers"),
    "ces": ("numbers",),
}
LOOK_LABELS: Mapping[str, str] = {"numbers": "Numbers", "smileys": "Smileys", "stars": "Stars"}
# Signs beside the numbers, for eyes only: what is heard is the name of the score.
SMILEYS = ("😠", "😞", "😐", "😊", "😄")
STAR = "★"


@dataclass(frozen=True, slots=True, kw_only=True)
class ScaleWords:
    """What is said of one scale. Texts may carry {subject}; mappings are keyed by the levels of surveys.domain."""

    question: str
    low: str
    high: str
    low_labelled: str
    high_labelled: str
    choose_score: str
    score_missing: str
    mail_preheader: str
    names: Mapping[int, str]  # what a screen reader hears, by score
    follow_up: Mapping[str, str]
    thanks: Mapping[str, str]
    thanks_link: Mapping[str, str]


def words_of(metric: str, words: texts.Texts) -> ScaleWords:
    scale = domain.scale(metric)
    levels = scale.names

    def by_level(said: texts.ByCategory) -> Mapping[str, str]:
        return dict(zip(levels, (said.promoter, said.passive, said.detractor), strict=True))

    if metric == domain.NPS.metric:
        return ScaleWords(
            question=words.question,
            low=words.scale_low,
            high=words.scale_high,
            low_labelled=words.scale_low_labelled,
            high_labelled=words.scale_high_labelled,
            choose_score=words.choose_score,
            score_missing=words.score_missing,
            mail_preheader=words.mail_preheader,
            names={score: texts.fill(words.score_name, score=score) for score in scale.scores},
            follow_up=by_level(words.follow_up),
            thanks=by_level(words.thanks),
            thanks_link=by_level(words.thanks_link),
        )
    said: texts.ScaleTexts = getattr(words, metric)
    names = dict(zip(scale.scores, said.points, strict=True))
    return ScaleWords(
        question=said.question,
        low=said.low,
        high=said.high,
        low_labelled=f"{scale.low} – {said.low}",
        high_labelled=f"{scale.high} – {said.high}",
        choose_score=said.choose_score,
        score_missing=said.score_missing,
        mail_preheader=said.mail_preheader,
        names={
            score: f"{texts.fill(words.point_name, score=score, high=scale.high)}, {name}"
            for score, name in names.items()
        },
        follow_up=dict(
            zip(levels, (said.follow_up.good, said.follow_up.middle, said.follow_up.bad), strict=True)
        ),
        thanks=by_level(words.thanks),
        thanks_link=by_level(words.thanks_link),
    )


def sign(look: str, score: int) -> str:
    """What stands on a score's button."""
    return SMILEYS[score - 1] if look == "smileys" else STAR if look == "stars" else str(score)
