"""Which lists a rule may name: rules are everybody's, so only lists that are shared with everybody."""

import json

import pytest
from django.test import Client

from accounts.services import segments
from core.errors import Refused
from team.models import User
from tests import factories
from workflows.rules.sentences import Speaker
from workflows.services import authoring

pytestmark = pytest.mark.django_db


def a_list(owner: User, name: str, sharing: str) -> int:
    made = segments.create_segment(
        name=name, target="account", conditions={}, sharing=sharing, owner=owner, actor=owner
    )
    return made.pk


def test_a_private_list_is_named_to_nobody_by_what_rules_are_made_of(csm: User, lead: User) -> None:
    a_list(csm, "Accounts I gave up", "private")
    a_list(csm, "Of the team", "team")
    a_list(csm, "Known to all", "everybody")

    key = factories.an_api_key(lead, "work:read")
    answer = Client().get("/api/v1/rules/catalogue/", headers={"Authorization": key})

    offered = json.dumps(answer.json())
    assert "Known to all" in offered
    assert "Accounts I gave up" not in offered
    assert "Of the team" not in offered


def test_a_rule_cannot_watch_somebody_elses_private_list(csm: User, lead: User) -> None:
    private = a_list(csm, "Accounts I gave up", "private")
    values = {
        "name": "Watch", "trigger": "segment.entered", "trigger_settings": {"segment": str(private)},
        "conditions": {}, "steps": [{"kind": "notify", "route": "owner", "text": "Look"}],
    }  # fmt: skip

    with pytest.raises(Refused):
        authoring.create_rule(values=values, actor=lead)

    assert "gave up" not in Speaker(lead).values(values).when


def test_a_list_that_a_rule_uses_stays_shared_with_everybody(csm: User, lead: User) -> None:
    pk = a_list(lead, "Known to all", "everybody")
    values = {
        "name": "Watch", "trigger": "segment.entered", "trigger_settings": {"segment": str(pk)},
        "conditions": {}, "steps": [],
    }  # fmt: skip
    rule = authoring.create_rule(values=values, actor=lead, is_draft=True)
    assert "Known to all" in Speaker(csm).rule(rule).when
