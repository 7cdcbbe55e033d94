"""The main job in a real browser: launch a campaign, read the caught mail, click a score, see the alert, reply, close."""

import re

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser import demo

pytestmark = pytest.mark.browser
PATIENCE = 30_000
COMMENT = "Reports are slow <b>since</b> September 🐌"


@pytest.fixture(scope="module")
def lead(browser: Browser, running: demo.Demo) -> Page:
    page = browser.new_context(viewport={"width": 1360, "height": 900}).new_page()
    page.set_default_timeout(PATIENCE)
    demo.sign_in(page, running.url, "lead@fleetdesk.example")
    return page


def _launch_waiting_campaign(page: Page, url: str) -> None:
    page.goto(f"{url}/campaigns/")
    page.get_by_role("link", name=re.compile("second half")).first.click()
    if "/review/" not in page.url:
        page.get_by_role("link", name=re.compile("review", re.IGNORECASE)).first.click()
    page.get_by_role("button", name=re.compile("Launch")).first.click()
    page.locator("dialog[open] button.primary").click()
    expect(page.get_by_text(re.compile("Running|Planning"))).not_to_have_count(0)


def _open_first_survey_mail(page: Page, url: str) -> Page:
    """The newest caught survey mail, and the page its score 3 opens."""
    # Colleagues get mails too: of what customers answered, and of what they have to do.
    to_customers = 'tbody tr:has(td[data-label="to"]:not(:has-text("@fleetdesk.example")))'
    mail = page.locator(to_customers).first
    for _ in range(60):
        page.goto(f"{url}/mail/")
        if mail.count():
            break
        page.wait_for_timeout(500)
    mail.get_by_role("link").first.click()
    score = page.frame_locator("iframe").get_by_role("link", name=re.compile(r"^3\b")).first
    with page.context.expect_page() as opened:
        score.click()
    return opened.value


def test_from_the_launch_to_the_closed_loop_and_the_reply_in_the_mailbox(
    lead: Page, running: demo.Demo
) -> None:
    _launch_waiting_campaign(lead, running.url)
    answer = _open_first_survey_mail(lead, running.url)

    expect(answer.locator("input[name=score][value='3']")).to_be_checked()
    answer.get_by_role("textbox", name=re.compile("wrong|schief")).fill(COMMENT)
    answer.wait_for_timeout(1600)  # people need longer than this to read; the page refuses what is faster
    answer.locator("button[name=via]").click()
    expect(answer).to_have_url(re.compile("/thanks/"))

    alert = lead.locator("tbody tr", has_text="Reports are slow").get_by_role("link").first
    for _ in range(120):
        lead.goto(f"{running.url}/alerts/?whose=all")
        if alert.count():
            break
        lead.wait_for_timeout(250)
    alert.click()
    expect(lead.get_by_text(COMMENT)).to_be_visible()

    lead.locator("#reply textarea").fill("Thank you for telling us. I call you tomorrow at ten.")
    lead.get_by_role("button", name="Send reply").click()
    expect(lead.get_by_text("Contacted.")).to_be_visible()

    lead.locator("#log textarea").fill("They export to Excel on Mondays.")
    lead.locator("#log input[name=outcome]").fill("Report engine update by Friday")
    lead.locator("#log input[name=close]").check()
    lead.get_by_role("button", name="Log it").click()
    expect(lead.get_by_text("The loop is closed.").first).to_be_visible()

    lead.locator(".crumb a").last.click()
    timeline = lead.locator(".tl").first
    expect(timeline.get_by_text("Report engine update by Friday").first).to_be_visible()
    expect(timeline.get_by_text("Reports are slow").first).to_be_visible()

    _open_reply(lead, running.url)
    expect(lead.get_by_text("I call you tomorrow at ten.")).to_be_visible()


def _open_reply(page: Page, url: str) -> None:
    # Survey mails of the campaign may come after it, so it can be on any of the first pages.
    reply = page.get_by_role("link", name="Your feedback")
    for attempt in range(120):
        page.goto(f"{url}/mail/?page={attempt % 4 + 1}")
        if reply.count():
            break
        page.wait_for_timeout(250)
    reply.first.click()
