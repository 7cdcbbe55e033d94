"""Steps that change the account or the contact, through the same services as people do: history, audit and events alike."""

from collections.abc import Mapping, Sequence
from typing import Any

from accounts import custom
from accounts.models import Account, CustomField, LifecycleStage
from accounts.services import accounts, contacts
from core.errors import Refused
from team import queries as team_queries
from team.models import User
from workflows.models import RunStep
from workflows.rules import catalogue
from workflows.rules.catalogue import Setting, SettingKind, StepType

GROUP = "Customer"
_OF_ACCOUNT = {"plan": "Plan", "segment": "Segment", "industry": "Industry"}
_OF_CONTACT = {"role": "Role", "job_title": "Job title", "language": "Language"}


def _account(row: RunStep) -> Account:
    if row.run.account is None:
        raise Refused("This run is about no account, so there is nothing to change.", code="no_account")
    return row.run.account


def set_field(row: RunStep) -> Mapping[str, Any]:
    """Write one field of the account or the contact, custom fields included."""
    target, _, key = str(row.settings.get("field", "")).partition(".")
    value = str(row.settings.get("value") or "")
    if target == "contact":
        contact = row.run.contact
        if contact is None:
            raise Refused("This run is about no contact, so there is nothing to change.", code="no_contact")
        contacts.update_contact(contact=contact, values=_values(target, key, value), actor=None)  # type: ignore[arg-type]
    else:
        account = _account(row)
        accounts.update_account(account=account, values=_values(target, key, value), actor=None)  # type: ignore[arg-type]
    return {"field": f"{target}.{key}"}


def _values(target: str, key: str, value: str) -> dict[str, Any]:
    name = key.removeprefix("custom.")
    if name == key:
        return {key: value}
    if not CustomField.objects.filter(target=target, key=name).exists():
        raise Refused("This custom field is gone. Choose another one in the rule.", field="field")
    return {"custom": {name: value or None}}


def set_stage(row: RunStep) -> Mapping[str, Any]:
    stage = LifecycleStage.objects.filter(pk=_number(row.settings.get("stage"))).first()
    if stage is None:
        raise Refused("This lifecycle stage is gone. Choose another one in the rule.", field="stage")
    accounts.update_account(account=_account(row), values={"stage": stage}, actor=None)
    return {"stage": stage.pk}


def set_owner(row: RunStep) -> Mapping[str, Any]:
    user = User.objects.filter(pk=_number(row.settings.get("user"))).first()
    if user is None or not user.is_active:
        raise Refused("This person no longer works here. Choose somebody else in the rule.", field="user")
    accounts.update_account(account=_account(row), values={"owner": user}, actor=None)
    return {"owner": user.pk}


def add_tag(row: RunStep) -> Mapping[str, Any]:
    account, tag = _account(row), str(row.settings.get("tag", ""))
    accounts.update_account(account=account, values={"tags": [*account.tags, tag]}, actor=None)
    return {"tag": tag}


def remove_tag(row: RunStep) -> Mapping[str, Any]:
    account, tag = _account(row), str(row.settings.get("tag", ""))
    kept = [one for one in account.tags if one.casefold() != tag.strip().casefold()]
    accounts.update_account(account=account, values={"tags": kept}, actor=None)
    return {"tag": tag}


def _number(raw: object) -> int:
    text = str(raw or "")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 19 else 0


# --- In words ------------------------------------------------------------------------------------------------
def field_choices() -> Sequence[tuple[str, str]]:
    found = [(f"account.{key}", f"Account: {label}") for key, label in _OF_ACCOUNT.items()]
    found += [(f"account.custom.{f.key}", f"Account: {f.label}") for f in custom.definitions("account")]
    found += [(f"contact.{key}", f"Contact: {label}") for key, label in _OF_CONTACT.items()]
    found += [(f"contact.custom.{f.key}", f"Contact: {f.label}") for f in custom.definitions("contact")]
    return found


def stage_choices() -> Sequence[tuple[str, str]]:
    rows = LifecycleStage.objects.order_by("position", "name").values_list("pk", "name")
    return [(str(pk), name) for pk, name in rows]


def _field_words(settings: Mapping[str, Any]) -> str:
    label = dict(field_choices()).get(str(settings.get("field")), "a field that is gone")
    value = settings.get("value")
    return f"set “{label}” to “{value}”" if value else f"empty “{label}”"


def _stage_words(settings: Mapping[str, Any]) -> str:
    return f"move the account to the stage “{dict(stage_choices()).get(str(settings.get('stage')), '…')}”"


def _owner_words(settings: Mapping[str, Any]) -> str:
    people = {str(user.pk): str(user) for user in team_queries.list_assignable()}
    return f"make {people.get(str(settings.get('user')), 'somebody who is gone')} the owner of the account"


def register() -> None:
    tag = (Setting("tag", "Tag", SettingKind.TEXT, minimum=1, maximum=40),)
    for kind in (
        StepType(
            "set_field", "Set a field", GROUP, _field_words,
            (
                Setting("field", "Field", SettingKind.CHOICE, choices=field_choices),
                Setting("value", "Value", SettingKind.TEXT, is_required=False, maximum=200, help="Empty takes the value away."),
            ),
            do=set_field,
        ),
        StepType(
            "set_stage", "Set the lifecycle stage", GROUP, _stage_words,
            (Setting("stage", "Stage", SettingKind.CHOICE, choices=stage_choices),), do=set_stage,
        ),
        StepType(
            "set_owner", "Set the owner", GROUP, _owner_words, (Setting("user", "Person", SettingKind.USER),), do=set_owner,
        ),
        StepType("add_tag", "Add a tag", GROUP, lambda s: f"tag the account “{s.get('tag') or '…'}”", tag, do=add_tag),
        StepType(
            "remove_tag", "Remove a tag", GROUP, lambda s: f"take the tag “{s.get('tag') or '…'}” off the account", tag,
            do=remove_tag,
        ),
    ):  # fmt: skip
        catalogue.step_type(kind)
