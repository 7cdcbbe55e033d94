"""Experiments: defined while the campaign is a draft, drawn while it is planned, and worded anew for every round.

What an arm says differently is kept as it was typed; its version of the survey is made of that and of the survey as it
stands when a round begins, so that arms never drift apart in anything but what is tested.
"""

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from django.db import transaction
from django.db.models import Max

from core.errors import Invalid, Refused
from core.mail.address import clean_lines
from surveys import experiments
from surveys.choices import CampaignState, Channel
from surveys.content import Content
from surveys.models import Campaign, SurveyVersion, Variant
from team import audit
from team.models import User

NAME_LENGTH = 80
# What an arm may say differently: what a reader meets before the question. The question itself stays, else the scores
# could not be compared.
TEXTS = ("subject", "intro")
MAX_HORIZON = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class ArmPlan:
    """An arm as it is defined. `texts` holds what differs, {language: {"subject": …, "intro": …}}; the hour is local."""

    name: str
    weight: int = 1
    channel: str = ""
    send_hour: int | None = None
    texts: Mapping[str, Mapping[str, str]] = field(default_factory=dict)


@transaction.atomic
def define(*, campaign: Campaign, arms: Sequence[ArmPlan], horizon: int, actor: User) -> list[Variant]:
    """Replace the campaign's arms. They are compared once, when `horizon` people were asked in each.

    Raises `Refused` once the campaign is launched, `Invalid` naming `arms.<key>.<field>` for what cannot be.
    """
    held = _held(campaign)
    if not experiments.MIN_ARMS <= len(arms) <= experiments.MAX_ARMS:
        raise Invalid(
            f"An experiment has {experiments.MIN_ARMS} to {experiments.MAX_ARMS} arms. Name at least two.",
            field="arms",
        )
    if not experiments.MIN_HORIZON <= horizon <= MAX_HORIZON:
        raise Invalid(
            f"Compare after {experiments.MIN_HORIZON} to {MAX_HORIZON:,} people an arm; fewer say nothing.",
            field="horizon",
        )
    keys = experiments.letters(len(arms))
    content = _content(held)
    cleaned = [_checked(arm, key, held, content) for key, arm in zip(keys, arms, strict=True)]
    _check_apart(cleaned, keys)
    held.variants.all().delete()
    made = [
        Variant(
            campaign=held, key=key, name=arm.name, weight=arm.weight, texts=arm.texts, channel=arm.channel,
            send_hour=arm.send_hour,
        )
        for key, arm in zip(keys, cleaned, strict=True)
    ]  # fmt: skip
    Variant.objects.bulk_create(made)
    held.experiment_horizon = horizon
    _save(held, actor)
    audit.record(action="experiment.defined", actor=actor, obj=held, arms=len(made), horizon=horizon)
    return made


@transaction.atomic
def remove(*, campaign: Campaign, actor: User) -> None:
    """Everybody gets the same again. Raises `Refused` once the campaign is launched."""
    held = _held(campaign)
    held.variants.all().delete()
    held.experiment_horizon = None
    _save(held, actor)
    audit.record(action="experiment.removed", actor=actor, obj=held)


def settle(*, campaign: Campaign, version: SurveyVersion, now: dt.datetime) -> None:
    """Give every arm its version of the survey for a round that asks `version`. Call under the campaign's lock.

    Does nothing where the arm's version says just that already, so a second round of the same wording makes none.
    """
    base = Content.from_json(version.content)
    for variant in campaign.variants.select_related("version").order_by("key"):
        wanted = worded(base, variant.texts)
        if wanted == base:
            chosen = None
        elif (
            variant.version is not None
            and variant.version.content == wanted.to_json()
            and variant.version.logo.name == version.logo.name
        ):
            continue
        else:
            last = SurveyVersion.objects.filter(survey=version.survey_id).aggregate(n=Max("number"))["n"] or 0
            chosen = SurveyVersion(
                survey_id=version.survey_id, number=last + 1, content=wanted.to_json(), used_at=now,
                created_by=campaign.launched_by,
            )  # fmt: skip
            chosen.logo.name = version.logo.name
            chosen.save()
        if chosen != variant.version:
            variant.version = chosen
            variant.save(update_fields=["version"])


def worded(base: Content, texts: Mapping[str, Mapping[str, str]]) -> Content:
    """The content with an arm's texts in place of its own; what the arm leaves empty stays."""
    languages = dict(base.languages)
    for tag, own in texts.items():
        if tag in languages:
            said = {name: text for name, text in own.items() if name in TEXTS and text}
            words = languages[tag]
            languages[tag] = replace(
                words, subject=said.get("subject", words.subject), intro=said.get("intro", words.intro)
            )
    return replace(base, languages=languages)


def _held(campaign: Campaign) -> Campaign:
    held = (
        Campaign.objects.select_for_update(of=("self",)).select_related("survey__current").get(pk=campaign.pk)
    )
    if held.state not in {CampaignState.DRAFT, CampaignState.SCHEDULED}:
        raise Refused(
            "An experiment is fixed once its campaign is launched: changing it half-way would make its figures"
            " meaningless. Stop the campaign and make a new one.",
            code="launched",
        )
    return held


def _content(campaign: Campaign) -> Content:
    if campaign.survey.current is None:
        raise Refused("The survey has no wording yet. Write it first.", field="survey")
    return Content.from_json(campaign.survey.current.content)


def _checked(arm: ArmPlan, key: str, campaign: Campaign, content: Content) -> ArmPlan:
    name = " ".join(arm.name.split())
    if not name or len(name) > NAME_LENGTH:
        raise Invalid(f"Name each arm in 1 to {NAME_LENGTH} characters.", field=f"arms.{key}.name")
    if not 1 <= arm.weight <= experiments.MAX_WEIGHT:
        raise Invalid(
            f"A weight lies between 1 and {experiments.MAX_WEIGHT}: 1 and 1 are halves.",
            field=f"arms.{key}.weight",
        )
    if arm.channel and arm.channel not in campaign.channels:
        raise Invalid(
            "The campaign does not use this channel. Add it to the campaign's channels first.",
            field=f"arms.{key}.channel",
        )
    if arm.send_hour is not None and not 0 <= arm.send_hour <= 23:
        raise Invalid("An hour lies between 0 and 23.", field=f"arms.{key}.send_hour")
    texts: dict[str, dict[str, str]] = {}
    for tag, own in arm.texts.items():
        if tag not in content.languages:
            raise Invalid("The survey does not speak this language.", field=f"arms.{key}.texts.{tag}")
        unknown = set(own) - set(TEXTS)
        if unknown:
            raise Invalid(
                f"An arm can change {' and '.join(TEXTS)}, not {sorted(unknown)[0]!r}.",
                field=f"arms.{key}.texts.{tag}",
            )
        said = {name: text for name in TEXTS if (text := clean_lines(own.get(name, "")).strip())}
        if said:
            texts[tag] = said
    problems = worded(content, texts).problems()
    for problem in problems:
        parts = problem.field.split(".")
        if parts[-1] in TEXTS:
            raise Invalid(problem.message, field=f"arms.{key}.texts.{problem.language}.{parts[-1]}")
    return ArmPlan(
        name=name, weight=arm.weight, channel=Channel(arm.channel).value if arm.channel else "",
        send_hour=arm.send_hour, texts=texts,
    )  # fmt: skip


def _check_apart(arms: Sequence[ArmPlan], keys: Sequence[str]) -> None:
    """Two arms that are the same, by name or in what they do, are no experiment."""
    for n, arm in enumerate(arms):
        for other in arms[:n]:
            if arm.name.casefold() == other.name.casefold():
                raise Invalid("Another arm has this name. Choose another one.", field=f"arms.{keys[n]}.name")
            if (arm.texts, arm.channel, arm.send_hour) == (other.texts, other.channel, other.send_hour):
                raise Invalid(
                    f"“{arm.name}” does exactly what “{other.name}” does. Change its words, its channel or its hour.",
                    field=f"arms.{keys[n]}.name",
                )


def _save(campaign: Campaign, actor: User) -> None:
    campaign._history_user = actor  # type: ignore[attr-defined]  # read by simple-history
    campaign.save(update_fields=["experiment_horizon"])
