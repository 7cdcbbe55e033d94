"""No page breaks a rule of WCAG 2.2 AA that axe can check, nor the Content-Security-Policy, nor scrolls sideways."""

from collections.abc import Iterator
from typing import Any

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
# In the dark the page is the same but for its colours.
COLOURS = {"runOnly": {"type": "rule", "values": ["color-contrast", "link-in-text-block"]}}
# Django's own admin and Swagger's page are not our markup.
FOREIGN = {"admin", "api-docs"}


DESKTOP = {"width": 1360, "height": 900}
PHONE = {"width": 390, "height": 844}


@pytest.fixture(scope="module")
def signed_in(browser: Browser, running: demo.Demo) -> Iterator[Page]:
    context = browser.new_context(viewport=DESKTOP, color_scheme="light")
    page = context.new_page()
    demo.sign_in(page, running.url, "admin@fleetdesk.example")
    yield page
    context.close()


def _problems(page: Page, options: dict[str, Any] = RULES) -> list[str]:
    found = Axe().run(page, options=options)
    return [
        f"{violation['id']}: {node['html'][:160]}"
        for violation in found.response["violations"]
        for node in violation["nodes"]
    ]


def _too_wide(page: Page) -> int:
    """By how many pixels the page scrolls sideways."""
    return int(page.evaluate("Math.max(0, document.documentElement.scrollWidth - window.innerWidth)"))


@pytest.mark.parametrize(("name", "path"), [p for p in pages.SIGNED_IN if p[0] not in FOREIGN])
def test_page_is_accessible(signed_in: Page, running: demo.Demo, name: str, path: str) -> None:
    """In the light, in the dark, and as narrow as a phone."""
    messages: list[str] = []
    signed_in.set_viewport_size(DESKTOP)
    signed_in.emulate_media(color_scheme="light")
    signed_in.on("console", lambda message: messages.append(message.text))

    response = signed_in.goto(running.url + fill(path, running))

    assert response is not None
    assert response.status == 200
    assert _problems(signed_in) == []

    # Colours that change under one's eyes pass through others, so the page comes anew.
    signed_in.emulate_media(color_scheme="dark")
    signed_in.reload()
    assert _problems(signed_in, COLOURS) == []

    signed_in.set_viewport_size(PHONE)
    signed_in.reload()
    assert _too_wide(signed_in) == 0
    assert [m for m in messages if "Content Security Policy" in m or "Uncaught" in m] == []


@pytest.mark.parametrize(("name", "path"), pages.PUBLIC)
def test_public_page_is_accessible(page: Page, running: demo.Demo, name: str, path: str) -> None:
    page.goto(running.url + fill(path, running))

    assert _problems(page) == []
