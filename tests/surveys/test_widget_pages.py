"""The pages around the widget: who may open them, what they save and what they never show."""

import re

import pytest
from django.test import Client

from surveys.models import Invitation, Placement, Response, Visitor, Widget
from team.models import User
from tests.surveys import asking
from tests.surveys.in_app import Shop

pytestmark = pytest.mark.django_db


@pytest.fixture
def shop(lead: User) -> Shop:
    return Shop(lead)


def test_an_administrator_makes_a_widget_and_sees_its_secret_once(as_administrator: Client) -> None:
    form = {"name": "FleetDesk", "origins": "https://App.fleetdesk.example/\n\n", "theme": "dark"}
    page = as_administrator.post("/settings/widgets/new/", form).content.decode()
    found = re.search(r'id="new-secret">(ws_[^<]+)<', page)
    assert found
    widget = Widget.objects.get()
    assert (widget.origins, widget.theme) == (["https://app.fleetdesk.example"], "dark")

    detail = as_administrator.get(f"/settings/widgets/{widget.pk}/").content.decode()

    assert found[1] not in detail
    assert widget.key in detail
    assert "hash_hmac" in detail


def test_what_cannot_be_is_said_beside_the_field(as_administrator: Client, shop: Shop) -> None:
    answer = as_administrator.post(
        "/settings/widgets/new/", {"name": "X", "origins": "app.example.com", "theme": "auto"}
    )
    assert answer.status_code == 422
    assert "is no origin" in answer.content.decode()
    assert Widget.objects.count() == 1


def test_a_new_secret_is_shown_once_and_ends_the_old_one(as_administrator: Client, shop: Shop) -> None:
    before = shop.reread().secret
    page = as_administrator.post(
        f"/settings/widgets/{shop.widget.pk}/rotate/", {"days": "0"}
    ).content.decode()
    assert "ws_" in page
    after = shop.reread()
    assert after.secret != before
    assert (after.previous_secret, after.previous_until) == ("", None)


@pytest.mark.parametrize(
    ("path", "method"),
    [("settings/widgets/new/", "get"), ("settings/widgets/{pk}/edit/", "get"), ("settings/widgets/{pk}/rotate/", "post")],
)  # fmt: skip
def test_only_administrators_change_widgets(as_lead: Client, shop: Shop, path: str, method: str) -> None:
    answer = getattr(as_lead, method)("/" + path.format(pk=shop.widget.pk))
    assert answer.status_code == 403


def test_a_viewer_sees_neither_widgets_nor_their_test(as_viewer: Client, shop: Shop) -> None:
    assert as_viewer.get("/settings/widgets/").status_code == 403
    assert as_viewer.get(f"/settings/widgets/{shop.widget.pk}/test/").status_code == 403


def test_a_lead_says_where_a_campaign_shows(as_lead: Client, shop: Shop) -> None:
    campaign = asking.make_campaign(name="Placed", channels=["in_app"])
    url = f"/campaigns/{campaign.pk}/in-app/"
    form = {
        "widget": shop.widget.pk, "mode": "modal", "url_pattern": "/reports/*", "delay_seconds": "3",
        "sample_percent": "50", "devices": ["phone", "tablet"], "trait_0": "plan", "op_0": "is", "value_0": "pro",
    }  # fmt: skip
    assert as_lead.post(url, form).status_code == 302
    placement = Placement.objects.get()
    assert (placement.mode, placement.devices, placement.sample_percent) == ("modal", "tablet,phone", 50)
    assert placement.trait_conditions == [{"trait": "plan", "op": "is", "value": "pro"}]
    assert 'value="/reports/*"' in as_lead.get(url).content.decode()

    refused = as_lead.post(url, form | {"url_pattern": "reports"})
    assert refused.status_code == 422
    assert "Begin the address with" in refused.content.decode()
    as_lead.post(f"{url}remove/")
    assert not Placement.objects.exists()


def test_the_sample_page_is_a_stranger_and_counts_nothing(as_lead: Client, shop: Shop) -> None:
    shop.place()
    outer = as_lead.get(f"/settings/widgets/{shop.widget.pk}/test/").content.decode()
    found = re.search(r'src="(/widgets/sample/[^"]+)"', outer)
    assert found
    page = Client().get(found[1])
    policy = page["Content-Security-Policy"]
    assert "sandbox allow-scripts allow-popups" in policy
    assert "allow-same-origin" not in policy
    ticket = re.search(r'data-test="([^"]+)"', page.content.decode())
    assert ticket

    def send(what: str, **body: object) -> dict[str, object]:
        full = {"visitor": "visitor-0000000001", "session": "session-0000000001", "test": ticket[1], **body}
        answer = Client().post(
            f"/w/{shop.widget.key}/{what}", full, content_type="application/json", HTTP_ORIGIN="null"
        )
        assert answer.status_code == 200, answer.content
        assert answer["Access-Control-Allow-Origin"] == "null"
        told: dict[str, object] = answer.json()
        return told

    survey = send("decide")["survey"]
    assert isinstance(survey, dict)
    ask = send("answer", kind="view", ticket=survey["ticket"])["ticket"]
    assert send("answer", kind="answer", ticket=ask, score=9, gesture="pointer")["state"] == "test"
    assert not Invitation.objects.exists()
    assert not Response.objects.exists()
    assert not Visitor.objects.exists()


@pytest.mark.parametrize("ticket", ["x", "a:b", "%20"])
def test_a_made_up_sample_is_not_there(ticket: str, db: None) -> None:
    assert Client().get(f"/widgets/sample/{ticket}/").status_code == 404
