"""Writing surveys: drafted, edited, activated, archived, copied, tried out.

A version that somebody may have seen is frozen: an edit makes the next one, and answers keep the wording they saw.
"""

import hashlib
import json
from dataclasses import replace
from typing import Any

from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.db import IntegrityError, transaction

from accounts import cleaning
from core.errors import Invalid, Refused
from surveys.channels import sms
from surveys.channels.sms import text as sms_text
from surveys.choices import CampaignState, Channel, SurveyKind, SurveyState
from surveys.content import Content, Issue, Logo
from surveys.logo import Picture
from surveys.models import Campaign, Delivery, Invitation, Response, Survey, SurveyVersion, Wave
from surveys.services import delivery
from team import audit
from team import queries as team_queries
from team.models import User
from team.services import people

NAME_LENGTH = 120
LIVE_CAMPAIGNS = (CampaignState.SCHEDULED, CampaignState.RUNNING, CampaignState.PAUSED)


class Unfit(Invalid):
    """Content with problems; all of them are in `issues`."""

    def __init__(self, issues: list[Issue]) -> None:
        self.issues = issues
        first = issues[0]
        super().__init__(f"{first.label}: {first.message}", field=first.field)


class Stale(Refused):
    """Somebody else saved in the meantime."""

    code = "stale"


def revision_of(survey: Survey) -> str:
    """A word that changes with anything the editor shows; an edit names the one it was made on."""
    version = survey.current
    seen = [
        survey.pk, survey.name, survey.external_id, survey.kind,
        version.pk if version else None, version.content if version else None, version.logo.name if version else "",
    ]  # fmt: skip
    return hashlib.sha256(json.dumps(seen, sort_keys=True).encode()).hexdigest()[:20]


@transaction.atomic
def create_survey(
    *,
    name: str,
    content: Content,
    actor: User | None,
    external_id: str | None = None,
    picture: Picture | None = None,
    activate_now: bool = False,
    kind: str = SurveyKind.RELATIONSHIP,
) -> Survey:
    """A draft with its first version; the content's metric is the survey's for good. Raises `Unfit` for content that cannot be used, `Refused` for a name taken."""
    _check(content)
    survey = Survey(
        name=_name(name),
        external_id=external_id or None,
        created_by=actor,
        metric=content.metric,
        kind=_kind(kind),
    )
    _save_named(survey)
    version = SurveyVersion(survey=survey, number=1, created_by=actor)
    _fill(version, content, picture=picture, logo="")
    version.save()
    survey.current = version
    survey.save(update_fields=["current"])
    audit.record(action="survey.created", actor=actor, obj=survey)
    return activate(survey=survey, actor=actor) if activate_now else survey


@transaction.atomic
def update_survey(
    *,
    survey: Survey,
    name: str,
    content: Content,
    actor: User | None,
    seen: str | None = None,
    picture: Picture | None = None,
    keep_logo: bool = True,
    kind: str | None = None,
) -> Survey:
    """Save an edit: in place while nobody has seen the version, else as the next one.

    `seen` is the revision the edit was made on; raises `Stale` when the survey has changed since. Raises `Unfit` for
    content that cannot be used, `Refused` for a name taken. What is the same as before makes no new version.
    """
    _check(content)
    held = _held(survey)
    if seen is not None and seen != revision_of(held):
        raise Stale(
            "Somebody else saved this survey while you were editing. Your text is still here: compare it with theirs,"
            " then save once more to replace theirs with yours."
        )
    if content.metric != held.metric:
        raise Invalid(
            "What a survey measures cannot be changed: its answers could no longer be compared. Make a new survey.",
            field="metric",
        )
    if kind is not None and _kind(kind) != held.kind:
        held.kind = _kind(kind)
        held.save(update_fields=["kind"])
        audit.record(action="survey.kind_changed", actor=actor, obj=held, kind=held.kind)
    if _name(name) != held.name:
        held.name = _name(name)
        _save_named(held)
        audit.record(action="survey.renamed", actor=actor, obj=held)
    old = held.current
    assert old is not None, "Every survey has a version."
    logo = (old.logo.name or "") if keep_logo else ""
    version = old
    if is_frozen(old):
        number = (
            SurveyVersion.objects.filter(survey=held).order_by("-number").values_list("number", flat=True)[0]
            + 1
        )
        version = SurveyVersion(survey=held, number=number, created_by=actor)
    _fill(version, content, picture=picture, logo=logo)
    if version.pk is not None:
        version.save(update_fields=["content", "logo"])
    elif _is_other(version.content, old.content) or version.logo.name != old.logo.name:
        version.save()
        held.current = version
        held.save(update_fields=["current"])
    audit.record(
        action="survey.edited", actor=actor, obj=held, version=held.current.number if held.current else 0
    )
    return held


@transaction.atomic
def change_survey(
    *,
    survey: Survey,
    actor: User | None,
    name: str | None = None,
    content: Content | None = None,
    kind: str | None = None,
    state: str | None = None,
    seen: str | None = None,
) -> Survey:
    """Several changes at once, all or none; None leaves a thing as it is. The uploaded logo stays."""
    held = _held(survey)
    assert held.current is not None
    old = Content.from_json(held.current.content)
    if any(given is not None for given in (seen, name, content, kind)):
        held = update_survey(
            survey=held,
            name=held.name if name is None else name,
            content=old if content is None else replace(content, logo=old.logo),
            kind=kind,
            seen=seen,
            actor=actor,
        )
    if state == SurveyState.ACTIVE:
        held = activate(survey=held, actor=actor)
    elif state == SurveyState.ARCHIVED:
        held = archive(survey=held, actor=actor)
    return held


@transaction.atomic
def activate(*, survey: Survey, actor: User | None) -> Survey:
    """From now on campaigns can ask it. Also brings an archived survey back."""
    held = _held(survey)
    assert held.current is not None
    _check(Content.from_json(held.current.content))
    if held.state != SurveyState.ACTIVE:
        held.state = SurveyState.ACTIVE
        held.save(update_fields=["state"])
        audit.record(action="survey.activated", actor=actor, obj=held)
    return held


@transaction.atomic
def archive(*, survey: Survey, actor: User | None) -> Survey:
    """No campaign asks it any more and its open links close; its answers stay. Refused while a campaign is under way."""
    held = _held(survey)
    live = Campaign.objects.filter(survey=held, state__in=LIVE_CAMPAIGNS).order_by("name", "pk").first()
    if live is not None:
        raise Refused(
            f"The campaign “{live.name}” still asks this survey. Stop it, or wait until it has finished.",
            code="in_use",
        )
    if held.state != SurveyState.ARCHIVED:
        held.state = SurveyState.ARCHIVED
        held.save(update_fields=["state"])
        audit.record(action="survey.archived", actor=actor, obj=held)
    return held


@transaction.atomic
def copy_survey(*, survey: Survey, actor: User | None) -> Survey:
    """A new draft with the same words, look and logo."""
    assert survey.current is not None
    made = Survey(name=_free_name(survey.name), created_by=actor, metric=survey.metric, kind=survey.kind)
    _save_named(made)
    version = SurveyVersion(survey=made, number=1, content=survey.current.content, created_by=actor)
    version.logo.name = survey.current.logo.name
    version.save()
    made.current = version
    made.save(update_fields=["current"])
    audit.record(action="survey.copied", actor=actor, obj=made, source=survey.pk)
    return made


@transaction.atomic
def send_test(*, survey: Survey, language: str, actor: User) -> Delivery:
    """Send the current version to the address of who asks, through the same path as any survey mail."""
    assert survey.current is not None
    _check(Content.from_json(survey.current.content))
    made = delivery.send_test(version=survey.current, language=language, actor=actor)
    audit.record(action="survey.tested", actor=actor, obj=survey)
    return made


@transaction.atomic
def send_test_sms(*, survey: Survey, language: str, number: str, actor: User) -> Delivery:
    """Send the SMS of the current version to the telephone of who asks, whose number is kept with their profile.

    Raises `Refused` where SMS are not set up, and `Invalid` for a number that is none and a text that cannot be sent.
    """
    if not sms.is_configured():
        raise Refused("SMS are not set up on this installation (NPS_SMS_PROVIDER).", code="sms_not_set_up")
    assert survey.current is not None
    content = Content.from_json(survey.current.content)
    _check(content)
    workspace = team_queries.workspace()
    spoken = content.language_for(language)
    issues = [
        issue for issue in sms_text.problems(content, company=workspace.name) if issue.language == spoken
    ]
    if issues:
        raise Unfit(issues)
    phone = cleaning.international(number, country=cleaning.country_of_zone(workspace.time_zone))
    if not phone:
        raise Invalid("Write your number in international form, such as +49 151 1234 5678.", field="phone")
    people.set_phone(person=actor, phone=phone)
    made = delivery.send_test(version=survey.current, language=spoken, actor=actor, channel=Channel.SMS)
    audit.record(action="survey.tested", actor=actor, obj=survey, channel=Channel.SMS.value)
    return made


def is_frozen(version: SurveyVersion) -> bool:
    """Whether somebody outside may have seen this version, so that it must never change again."""
    return (
        version.used_at is not None
        or Wave.objects.filter(version=version).exists()
        or Response.objects.filter(version=version).exists()
        or Invitation.objects.filter(version=version, is_test=False).exists()
    )


def _held(survey: Survey) -> Survey:
    """The survey under its lock, with its current version as it is now."""
    return Survey.objects.select_for_update(of=("self",)).select_related("current").get(pk=survey.pk)


def _is_other(new: dict[str, Any], old: dict[str, Any]) -> bool:
    """Whether two stored contents say different things; one from before a field existed says its default."""
    return Content.from_json(new) != Content.from_json(old)


def _kind(kind: str) -> str:
    if kind not in set(SurveyKind):
        raise Invalid(f"The kind must be one of: {', '.join(SurveyKind)}.", field="kind")
    return str(kind)


def _check(content: Content) -> None:
    issues = content.problems()
    if issues:
        raise Unfit(issues)


def _name(name: str) -> str:
    name = " ".join(name.split())
    if not name:
        raise Invalid("Give the survey a name; only your team sees it.", field="name")
    if len(name) > NAME_LENGTH:
        raise Invalid(
            f"The name has {len(name)} characters; at most {NAME_LENGTH} are possible.", field="name"
        )
    return name


def _save_named(survey: Survey) -> None:
    try:
        with transaction.atomic():
            if survey.pk is None:
                survey.save()
            else:
                survey.save(update_fields=["name"])
    except IntegrityError:
        if (
            survey.external_id
            and Survey.objects.filter(external_id=survey.external_id).exclude(pk=survey.pk).exists()
        ):
            raise Refused(
                "Another survey has this external id. Use another one, or change that survey.",
                code="taken", field="external_id",
            ) from None  # fmt: skip
        raise Refused(
            "Another survey has this name. Choose another one.", code="taken", field="name"
        ) from None


def _free_name(name: str) -> str:
    for number in range(1, 1000):
        ending = " (copy)" if number == 1 else f" (copy {number})"
        wanted = name[: NAME_LENGTH - len(ending)] + ending
        if not Survey.objects.filter(name=wanted).exists():
            return wanted
    raise Refused("This survey has a thousand copies. Rename some of them first.", code="taken", field="name")


def _fill(version: SurveyVersion, content: Content, *, picture: Picture | None, logo: str) -> None:
    size = content.logo
    if picture is not None:
        logo, size = f"brand/{picture.name}", Logo(width=picture.width, height=picture.height)
        if not default_storage.exists(logo):
            default_storage.save(logo, ContentFile(picture.data))
    elif not logo:
        size = Logo()
    version.content = replace(content, logo=size).to_json()
    version.logo.name = logo
