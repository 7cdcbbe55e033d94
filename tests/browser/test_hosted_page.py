"""The hosted page in a real Chromium: a person's first touch counts, a program's clicks do not."""

import os
from typing import Any

import pytest
from playwright.sync_api import Browser, Page

from surveys.models import Response, ScoreIntent
from tests.surveys import hosted
from tests.surveys.hosted import Respondent

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(scope="module", autouse=True)
def _beside_the_browsers_loop() -> None:
    """The browser's driver keeps an event loop in this thread to the end, which Django takes for an async program."""
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "1"


@pytest.fixture
def jonas() -> Respondent:
    return Respondent(hosted.invitation())


def scores() -> list[int]:
    return list(Response.objects.values_list("score", flat=True))


def visit(page: Page, live_server: Any, jonas: Respondent, score: int = 7) -> None:
    page.goto(live_server.url + jonas.url("score_link", score))


def settle(page: Page) -> None:
    """Longer than the page waits before it tells anything."""
    page.wait_for_timeout(3200)


@pytest.mark.parametrize(
    "script",
    [
        "0",
        "document.querySelector('form').submit()",
        "document.querySelector('button').click()",
        "document.querySelector('input[value=\"3\"]').click()",
        "window.scrollTo(0, 500)",
        "for (const kind of ['pointerdown', 'keydown', 'touchstart', 'wheel', 'click'])"
        " document.body.dispatchEvent(new Event(kind, {bubbles: true}))",
    ],
    ids=["nothing", "form-submit", "button-click", "score-click", "scroll", "made-up-events"],
)
def test_a_script_that_runs_on_the_page_records_nothing(
    page: Page, live_server: Any, jonas: Respondent, script: str
) -> None:
    visit(page, live_server, jonas)
    page.wait_for_timeout(1800)
    page.evaluate(script)
    settle(page)

    assert scores() == []
    assert ScoreIntent.objects.get().state == "waiting"


def test_the_first_touch_commits_the_chosen_score(page: Page, live_server: Any, jonas: Respondent) -> None:
    visit(page, live_server, jonas)
    page.click("textarea")
    page.get_by_text("Your score is saved").wait_for()

    assert scores() == [7]
    page.fill("textarea", "More reports")
    page.get_by_role("button", name="Send").click()
    page.get_by_role("heading", name="Thank you").wait_for()
    (answer,) = Response.objects.all()
    assert (answer.score, answer.comment, answer.state) == (7, "More reports", "completed")


def test_the_keyboard_alone_is_enough(page: Page, live_server: Any, jonas: Respondent) -> None:
    visit(page, live_server, jonas)
    page.keyboard.press("Tab")
    page.keyboard.press("ArrowRight")
    page.get_by_text("Your score is saved").wait_for()

    assert scores() == [8]


def test_who_presses_at_once_is_not_held_back(page: Page, live_server: Any, jonas: Respondent) -> None:
    visit(page, live_server, jonas, 10)
    page.get_by_role("button", name="Send").click()
    page.get_by_role("heading", name="Thank you").wait_for()

    assert scores() == [10]


def test_trying_several_numbers_sends_the_last(page: Page, live_server: Any, jonas: Respondent) -> None:
    visit(page, live_server, jonas, 2)
    for score in (3, 6, 9):
        page.locator(f'input[value="{score}"]').check(force=True)
    page.get_by_text("Your score is saved").wait_for()

    assert scores() == [9]
    assert page.get_by_text("What do you value most about Fleetdesk?").is_visible()
    assert not page.get_by_text("What should we put right first?").is_visible()


def test_without_script_the_button_answers_and_the_question_follows_the_number(
    browser: Browser, live_server: Any, jonas: Respondent
) -> None:
    context = browser.new_context(java_script_enabled=False, viewport={"width": 360, "height": 740})
    page = context.new_page()
    visit(page, live_server, jonas, 9)
    assert page.get_by_text("What do you value most about Fleetdesk?").is_visible()
    page.locator('input[value="4"]').check(force=True)
    assert page.get_by_text("What should we put right first?").is_visible()
    page.wait_for_timeout(1600)
    page.get_by_role("button", name="Send").click()
    page.get_by_role("heading", name="Thank you").wait_for()
    context.close()

    assert scores() == [4]
