"""A message in the product, seen by a customer of the demo company in its own product."""

import pytest
from playwright.sync_api import Browser, expect

from tests.browser import demo


@pytest.mark.browser
def test_the_demos_product_shows_it_until_it_is_closed(running: demo.Demo, browser: Browser) -> None:
    page = browser.new_context(viewport={"width": 1360, "height": 900}).new_page()
    demo.sign_in(page, running.url, "lead@fleetdesk.example")
    page.goto(f"{running.url}/mail/product/")
    page.get_by_role("link", name="Sign in as").first.click()
    where = page.url

    page.get_by_role("dialog").wait_for()
    expect(page.get_by_role("heading", level=2, name="Route planning got faster")).to_be_visible()
    page.reload()
    page.get_by_role("dialog").wait_for()
    page.get_by_role("dialog").get_by_role("button").click()  # its name is in the reader's language
    expect(page.get_by_role("dialog")).to_have_count(0)

    page.goto(where)
    page.wait_for_timeout(1500)
    assert page.get_by_role("dialog").count() == 0
    page.goto(f"{running.url}/in-product/messages/?state=dismissed")
    expect(page.get_by_role("link", name="Route planning got faster")).not_to_have_count(0)
    page.context.close()
