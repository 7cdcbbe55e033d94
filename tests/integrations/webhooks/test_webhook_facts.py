"""What an event remembers of an account goes to keys that may read accounts."""

import pytest

from accounts.models import Event
from integrations.outgoing import payload
from integrations.outgoing.models import Webhook
from team.models import ApiKey, User
from tests import factories
from tests.integrations.webhooks.conftest import someone_answers

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    ("scopes", "is_told"), [(("responses:read",), False), (("responses:read", "accounts:read"), True)]
)
def test_facts_of_an_account_are_told_to_who_may_read_accounts(
    lead: User, scopes: tuple[str, ...], is_told: bool
) -> None:
    factories.an_api_key(lead, "webhooks:write", *scopes)
    webhook = Webhook(owner=lead, api_key=ApiKey.objects.get(), kinds=["response.scored"])
    response = someone_answers(3)
    Event.objects.filter(kind="response.scored").update(facts={"arr": "12000.00", "plan": "Scale"})
    event = Event.objects.get(kind="response.scored", subject_id=response.pk)

    data = payload.of_event(event, webhook)["data"]

    assert data["response"]["score"] == 3
    assert data["facts"] == ({"arr": "12000.00", "plan": "Scale"} if is_told else {})
