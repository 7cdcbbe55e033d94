"""A journey built, tried on the past and switched on, in a real Chromium: with script, and by keyboard-plain forms without."""

import os
from collections.abc import Iterator
from typing import Any

import pytest
from django.test import Client
from playwright.sync_api import Browser, Page

from team.models import User
from tests import factories
from workflows.models import Rule
from workflows.rules import builtin

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(scope="module", autouse=True)
def _beside_the_browsers_loop() -> None:
    """The browser's driver keeps an event loop in this thread to the end, which Django takes for an async program."""
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "1"


@pytest.fixture
def history(csm: User) -> None:
    """Two detractors and a promoter of the last days, whom no rule told anybody of."""
    builtin.ensure()
    Rule.objects.update(is_active=False)
    survey = factories.a_survey()
    for number, score in enumerate((2, 5, 10)):
        account = factories.an_account(f"Customer {number}", owner=csm)
        contact = factories.a_contact(
            f"p{number}@customer.example", account=account, first_name=f"Person {number}"
        )
        factories.respond(survey, score, email=contact.email, external_id=f"a{number}")


def _signed_in(browser: Browser, url: str, user: User, **options: Any) -> Page:
    client = Client()
    client.force_login(user)
    context = browser.new_context(viewport={"width": 1360, "height": 900}, **options)
    context.add_cookies([{"name": "sessionid", "value": client.cookies["sessionid"].value, "url": url}])
    return context.new_page()


@pytest.fixture
def page(browser: Browser, live_server: Any, lead: User, history: None) -> Iterator[Page]:
    page = _signed_in(browser, live_server.url, lead)
    yield page
    page.context.close()


@pytest.fixture
def plain(browser: Browser, live_server: Any, lead: User, history: None) -> Iterator[Page]:
    """A browser without script."""
    page = _signed_in(browser, live_server.url, lead, java_script_enabled=False)
    yield page
    page.context.close()


def _switch_on(page: Page) -> None:
    page.get_by_role("button", name="Switch on…").click()
    page.get_by_role("heading", name="Switch on Call every detractor").wait_for()
    assert "Would have run 2 times in 90 days, on 2 accounts" in page.locator("#dry-run").inner_text()
    page.get_by_role("button", name="Switch on", exact=True).click()
    page.get_by_text("Call every detractor is on.").wait_for()


def _check(rule: Rule) -> None:
    assert rule.is_active
    assert rule.conditions == {"all": [{"field": "event.category", "op": "in", "value": ["detractor"]}]}
    assert [step["kind"] for step in rule.steps] == ["create_task", "wait", "branch"]
    assert [step["kind"] for step in rule.steps[2]["then"]] == ["create_alert"]


def test_with_script_a_journey_grows_on_one_page_and_its_sentence_beside_it(
    page: Page, live_server: Any
) -> None:
    page.goto(f"{live_server.url}/rules/new/")
    page.get_by_label("Name").fill("Call every detractor")
    page.get_by_label("What starts it").select_option("response.scored")
    page.locator("#rule-preview").get_by_text("When somebody answers").wait_for()
    page.locator("#conditions").get_by_role("button", name="Condition", exact=True).click()
    page.locator("#c-g0-r0-field").select_option("event.category")
    page.locator("#c-g0-r0-summary").click()
    page.get_by_label("Detractor (0–6)").check()
    page.locator("#rule-preview").get_by_text("the category is Detractor (0–6)").wait_for()
    page.locator("#c-g0-r0-summary").click()
    for number, kind in enumerate(("create_task", "wait", "branch")):
        page.locator("#s-add-open").click()
        page.locator(f'#s-add button[value="add::{kind}"]').click()
        page.locator(f"#s-{number}").wait_for()
    page.locator("#s-0-title").fill("Call {{ full_name|them }}")
    page.locator("#rule-preview").get_by_text("Call [the contact's name, or ‘them’]").wait_for()
    page.locator("#s-2").get_by_role("button", name="Condition", exact=True).click()
    page.locator("#s-2-conditions-g0-r0-field").select_option("arr")
    page.locator("#s-2-conditions-g0-r0-op").select_option("gte")
    page.locator("#s-2-conditions-g0-r0-value").fill("25000")
    page.locator("#s-2-then-add-open").click()
    page.locator('#s-2-then-add button[value="add:2.then:create_alert"]').click()
    page.locator("#s-2-then-0").wait_for()
    page.get_by_role("button", name="Save", exact=True).click()
    page.get_by_text("is saved as version 1").wait_for()
    _switch_on(page)
    _check(Rule.objects.get(name="Call every detractor"))


def test_without_script_the_same_journey_comes_about_by_plain_forms(plain: Page, live_server: Any) -> None:
    plain.goto(f"{live_server.url}/rules/new/")
    plain.locator("#rule-name").fill("Call every detractor")
    plain.locator("#rule-trigger").select_option("response.scored")
    plain.get_by_role("button", name="Use it").click()
    plain.locator("#conditions").get_by_role("button", name="Condition", exact=True).click()
    plain.locator("#c-g0-r0-field").select_option("event.category")
    plain.get_by_role("button", name="Show it as a sentence").click()
    plain.locator("#c-g0-r0-summary").click()
    plain.get_by_label("Detractor (0–6)").check()
    for kind in ("create_task", "wait", "branch"):
        plain.locator("#s-add-open").click()
        plain.locator(f'#s-add button[value="add::{kind}"]').click()
    plain.locator("#s-0-title").fill("Call {{ full_name|them }}")
    plain.locator("#s-2").get_by_role("button", name="Condition", exact=True).click()
    plain.locator("#s-2-conditions-g0-r0-field").select_option("arr")
    plain.get_by_role("button", name="Show it as a sentence").click()
    plain.locator("#s-2-conditions-g0-r0-op").select_option("gte")
    plain.locator("#s-2-conditions-g0-r0-value").fill("25000")
    plain.locator("#s-2-then-add-open").click()
    plain.locator('#s-2-then-add button[value="add:2.then:create_alert"]').click()
    assert "Call [the contact's name, or ‘them’]" in plain.locator("#rule-preview").inner_text()
    plain.get_by_role("button", name="Save", exact=True).click()
    _switch_on(plain)
    _check(Rule.objects.get(name="Call every detractor"))
