"""A channel tells of everybody's customers: whoever sees only some of them neither reads its log nor sets one up."""

import pytest
from django.test import Client

from core.errors import Refused
from integrations.services import chat
from team.domain import Role, RowScope
from team.models import RoleScope, User
from tests import factories
from workflows.services.alerts import raise_alert

pytestmark = pytest.mark.django_db
TOPIC = "alert.detractor"


def test_a_lead_who_sees_some_customers_keeps_no_channel(
    administrator: User, lead: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("core.fetch.check", lambda url: type("Target", (), {"host": "hooks.slack.com"}))
    given = {"kind": "slack", "url": "https://hooks.slack.com/services/T/B/x", "topics": [TOPIC]}
    channel = chat.create_channel(name="#all", actor=administrator, **given)
    alert = raise_alert(
        kind="detractor", account=factories.an_account("Out Of Sight"), assignee=administrator
    )
    chat.say(channel=channel, key="one", alert=alert)
    browser = Client()
    browser.force_login(lead)
    assert "Out Of Sight" in browser.get(f"/settings/chat/{channel.pk}/").content.decode()

    RoleScope.objects.update_or_create(role=Role.LEAD, defaults={"scope": RowScope.TEAM})
    narrowed = User.objects.get(pk=lead.pk)

    assert browser.get(f"/settings/chat/{channel.pk}/").status_code == 404
    with pytest.raises(Refused) as refused:
        chat.create_channel(name="#mine", actor=narrowed, **given)
    assert refused.value.status == 403
