"""The weights of health in a real browser: a slider is moved, the page says what would change, and it is saved."""

import os
import re
from copy import deepcopy
from typing import Any

import pytest
from django.test import Client
from playwright.sync_api import Page, expect

from accounts.services import metrics
from core import clock
from team.domain import Role
from tests import factories
from workflows.health import compute, defaults, queries
from workflows.services import health as services

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(scope="module", autouse=True)
def _beside_the_browsers_loop() -> None:
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "1"


def component(key: str, weight: int) -> dict[str, Any]:
    return {
        "key": key, "group": "Product use", "label": key.capitalize(), "weight": weight, "source": "metric",
        "settings": {"metric": key}, "transform": {"kind": "linear", "worst": 0, "best": 100},
    }  # fmt: skip


def test_a_slider_is_moved_the_page_says_what_would_change_and_it_is_saved(
    page: Page, live_server: Any
) -> None:
    lead = factories.user("lead@example.com", role=Role.LEAD, name="Lea Lead")
    defaults.ensure()
    for key in ("use", "mood"):
        metrics.define_metric(key=key, actor=lead)
    config = deepcopy(defaults.CONFIG)
    config["profiles"][0]["components"] = [component("use", 30), component("mood", 10)]
    services.save_profiles(config=config, note="Before", actor=lead)
    account = factories.an_account("Nordwind", owner=lead, arr=5000, currency="EUR")
    metrics.put_values(account=account, values={"use": 90, "mood": 30}, observed_at=clock.now(), actor=lead)
    compute.recompute()
    client = Client()
    client.force_login(lead)
    page.context.add_cookies(
        [{"name": "sessionid", "value": client.cookies["sessionid"].value, "url": live_server.url}]
    )
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))

    page.goto(f"{live_server.url}/settings/health/profiles/standard/")
    slider = page.get_by_role("slider", name="Weight of Mood")
    slider.focus()
    for _ in range(60):
        page.keyboard.press("ArrowRight")

    preview = page.locator("#segment-preview")
    expect(page.locator("#c1-weight")).to_have_value("70")
    expect(page.locator("[data-share]").nth(1)).to_have_text("70 %")
    expect(preview).to_contain_text("1 healthy → watch")
    expect(preview).to_contain_text("Nordwind")
    assert queries.list_versions()[0].note == "Before"

    page.get_by_label("What you changed, and why").fill("Mood first")
    page.get_by_role("button", name="Save as a new version").click()
    expect(page.get_by_text(re.compile(r"Saved as version \d+"))).to_be_visible()
    assert queries.list_versions()[0].note == "Mood first"
    assert errors == []
