"""No page breaks a rule of WCAG 2.2 AA that axe can check, nor the Content-Security-Policy, nor scrolls sideways."""

from collections.abc import Iterator

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page

from tests.browser import demo, pages
from tests.browser.screenshots import fill

pytestmark = pytest.mark.browser
RULES = {
    "runOnly": {
        "type": "tag",
        "values": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"],
    }
}
# Django's own admin and Swagger's page are not our markup.
FOREIGN = {"admin", "api-docs"}


@pytest.fixture(scope="module", params=["light", "dark"])
def signed_in(request: pytest.FixtureRequest, browser: Browser, running: demo.Demo) -> Iterator[Page]:
    context = browser.new_context(viewport={"width": 1360, "height": 900}, color_scheme=request.param)
    page = context.new_page()
    demo.sign_in(page, running.url, "admin@fleetdesk.example")
    yield page
    context.close()


def _problems(page: Page) -> list[str]:
    found = Axe().run(page, options=RULES)
    return [
        f"{violation['id']}: {node['html'][:160]}"
        for violation in found.response["violations"]
        for node in violation["nodes"]
    ]


@pytest.mark.parametrize(("name", "path"), [p for p in pages.SIGNED_IN if p[0] not in FOREIGN])
def test_page_is_accessible(signed_in: Page, running: demo.Demo, name: str, path: str) -> None:
    messages: list[str] = []
    signed_in.on("console", lambda message: messages.append(message.text))

    response = signed_in.goto(running.url + fill(path, running))

    assert response is not None
    assert response.status == 200
    assert _problems(signed_in) == []
    assert [m for m in messages if "Content Security Policy" in m or "Uncaught" in m] == []


@pytest.mark.parametrize(("name", "path"), pages.PUBLIC)
def test_public_page_is_accessible(page: Page, running: demo.Demo, name: str, path: str) -> None:
    page.goto(running.url + fill(path, running))

    assert _problems(page) == []


@pytest.fixture(scope="module")
def phone(browser: Browser, running: demo.Demo) -> Iterator[Page]:
    context = browser.new_context(viewport={"width": 390, "height": 844})
    page = context.new_page()
    demo.sign_in(page, running.url, "admin@fleetdesk.example")
    yield page
    context.close()


@pytest.mark.parametrize(("name", "path"), [p for p in pages.SIGNED_IN if p[0] not in FOREIGN])
def test_nothing_scrolls_sideways_on_a_phone(phone: Page, running: demo.Demo, name: str, path: str) -> None:
    phone.goto(running.url + fill(path, running))

    widths = phone.evaluate("[document.documentElement.scrollWidth, window.innerWidth]")
    assert widths[0] <= widths[1]
