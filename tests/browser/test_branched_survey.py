"""A survey that branches, in a real Chromium: with script questions come and go on one page, without it in steps."""

import os
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Page

from surveys.models import Response
from tests.surveys import hosted
from tests.surveys.hosted import Respondent
from tests.surveys.test_questions import CONTENT

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(scope="module", autouse=True)
def _beside_the_browsers_loop() -> None:
    """The browser's driver keeps an event loop in this thread to the end, which Django takes for an async program."""
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "1"


@pytest.fixture
def jonas() -> Respondent:
    return Respondent(hosted.invitation(asked=hosted.survey(**CONTENT, asks_quote=True)))


@pytest.fixture
def plain(browser: Browser) -> Iterator[Page]:
    """A browser without script."""
    context = browser.new_context(java_script_enabled=False)
    yield context.new_page()
    context.close()


def test_with_script_the_questions_follow_the_answers(
    page: Page, live_server: Any, jonas: Respondent
) -> None:
    page.goto(live_server.url + jonas.url("score_link", 3))
    page.get_by_role("group", name="What was wrong?").wait_for()
    assert page.get_by_role("group", name="How slow?").count() == 0

    page.get_by_label("Too slow").check()
    page.get_by_role("group", name="How slow?").get_by_label("4 of 5").check(force=True)
    page.locator(".scale-nps").get_by_label("10 of 10").check(force=True)
    assert page.get_by_role("group", name="What was wrong?").count() == 0
    page.get_by_role("group", name="Who uses it?").get_by_label("Operations").check()
    page.get_by_label("You may quote me by name").check()
    page.get_by_role("button", name="Send").click()
    page.get_by_role("heading", name="Thank you").wait_for()

    answer = Response.objects.get()
    assert (answer.score, answer.answers, answer.may_quote) == (10, {"teams": ["ops"]}, True)


def test_without_script_they_come_in_steps(plain: Page, live_server: Any, jonas: Respondent) -> None:
    plain.goto(live_server.url + jonas.url("score_link", 3))
    assert plain.locator("fieldset.question:visible").count() == 0
    plain.fill("textarea[name=comment]", "Hm")
    plain.wait_for_timeout(1800)
    plain.get_by_role("button", name="Send").click()

    plain.get_by_role("heading", name="A few more questions").wait_for()
    plain.get_by_label("Too slow").check()
    plain.get_by_role("button", name="Send").click()
    plain.get_by_role("group", name="How slow?").get_by_label("5 of 5").check(force=True)
    plain.get_by_role("button", name="Send").click()
    plain.get_by_role("heading", name="Thank you").wait_for()

    answer = Response.objects.get()
    assert (answer.comment, answer.answers) == ("Hm", {"reason": "slow", "how_slow": 5})
