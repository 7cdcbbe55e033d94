"""What lists and choices tell about things that somebody may not see."""

import pytest
from django.urls import reverse

from accounts import segments
from accounts.filters import AccountFilter
from accounts.models import Account, Segment
from surveys.choices import SuppressionReason
from surveys.models import Campaign
from surveys.queries import suppressions as queries
from surveys.services import suppressions
from tests import factories

pytestmark = pytest.mark.django_db


def test_the_name_of_a_private_segment_stays_with_its_owner(client, lead, csm):
    secret = Segment.objects.create(
        name="About to churn", target="account", conditions={"all": []}, owner=lead, sharing="private"
    )
    made = Campaign.objects.create(
        name="Spring", survey=factories.a_survey(), segment=secret, state="running"
    )

    for user, shown in ((csm, False), (lead, True)):
        client.force_login(user)
        for url in (reverse("surveys:campaign_list"), reverse("surveys:campaign_detail", args=[made.pk])):
            assert ("About to churn" in client.get(url).content.decode()) is shown


@pytest.mark.parametrize("name", ["campaign_review", "campaign_people"])
def test_the_review_is_over_once_a_campaign_runs(client, lead, name):
    made = Campaign.objects.create(name="Spring", survey=factories.a_survey(), state="running")
    client.force_login(lead)

    page = client.get(reverse(f"surveys:{name}", args=[made.pk]))

    assert page["Location"] == reverse("surveys:campaign_detail", args=[made.pk])


def test_suppressed_addresses_of_hidden_people_are_not_listed(csm, lead, stranger):
    for email, owner in (("ann@acme.example", csm), ("bo@other.example", stranger)):
        key = suppressions.key_of(email)
        account = factories.an_account(email, owner=owner)
        factories.a_contact(email, account=account, address_key=key)
        suppressions.suppress(address_key=key, reason=SuppressionReason.BOUNCED)

    assert [entry.address_key for entry in queries.list_suppressions(csm)] == [
        suppressions.key_of("ann@acme.example")
    ]
    assert queries.list_suppressions(lead).count() == 2


def test_choices_are_those_of_visible_accounts(csm, lead, stranger, rf):
    factories.an_account("Acme", owner=csm, plan="Gold")
    factories.an_account("Other", owner=stranger, plan="Secret")
    request = rf.get("/")

    for user, plans in ((csm, ["Gold"]), (lead, ["Gold", "Secret"])):
        request.user = user
        found = AccountFilter({}, Account.objects.all(), request=request).form.fields["plan"].choices
        assert [value for value, _ in found] == plans
        assert [value for value, _ in segments.fields_for("account", user)["plan"].choices()] == plans
