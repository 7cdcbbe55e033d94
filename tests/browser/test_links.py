"""Public links in a real Chromium: a kiosk forgets, a frame shows on its own web sites and nowhere else."""

import os
import re
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from django.test import override_settings
from django.urls import reverse
from playwright.sync_api import Browser, Page, expect

from surveys.models import PublicLink, Response
from surveys.queries import links as queries
from surveys.views.links import snippet
from tests.surveys import hosted

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(scope="module", autouse=True)
def _beside_the_browsers_loop() -> None:
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "1"


def make_link(**fields: Any) -> PublicLink:
    return PublicLink.objects.create(survey=hosted.survey(), name="Booth", **fields)


def address(live_server: Any, link: PublicLink, *, embedded: bool = False) -> str:
    route = "surveys:link_embed" if embedded else "surveys:link"
    return str(live_server.url + reverse(route, args=[queries.token_of(link)]))


def answer(page: Any, score: int, comment: str = "") -> None:
    page.locator(f'input[value="{score}"]').check(force=True)
    if comment:
        page.locator("textarea").fill(comment)
    page.get_by_role("button", name="Send").click()


# --- Kiosk ---------------------------------------------------------------------------------------------------
def test_a_kiosk_counts_down_and_starts_again_with_nothing_left(page: Page, live_server: Any) -> None:
    link = make_link(is_kiosk=True, kiosk_seconds=3)
    start = address(live_server, link)
    page.goto(start)
    answer(page, 3, "Only for your eyes")
    page.get_by_role("heading", name="Thank you").wait_for()
    expect(page.locator("[data-countdown]")).to_have_text(re.compile(r"starts again in [123] s"))
    assert page.get_by_text("3", exact=True).count() == 0

    expect(page).to_have_url(start)  # script and header both lead there, and one breaks off the other
    page.locator("input[name=score]").first.wait_for(state="attached")
    assert page.locator("input[name=score]:checked").count() == 0
    for _ in range(3):
        page.go_back()
        page.wait_for_timeout(400)
        assert "Only for your eyes" not in page.content()
        assert page.locator("textarea").count() == 0 or page.locator("textarea").input_value() == ""
        assert page.locator("input[name=score]:checked").count() == 0
    assert list(Response.objects.values_list("score", "identity")) == [(3, "anonymous")]


def test_a_kiosk_works_without_script_and_by_keyboard(browser: Browser, live_server: Any) -> None:
    link = make_link(is_kiosk=True, kiosk_seconds=3)
    context = browser.new_context(java_script_enabled=False, viewport={"width": 1024, "height": 768})
    page = context.new_page()
    page.goto(address(live_server, link))
    page.wait_for_timeout(1700)
    page.keyboard.press("Tab")
    page.keyboard.press("Space")
    for _ in range(8):
        page.keyboard.press("ArrowRight")
    page.get_by_role("button", name="Send").focus()
    page.keyboard.press("Enter")
    page.get_by_role("heading", name="Thank you").wait_for()
    page.wait_for_url(address(live_server, link), timeout=8000)
    context.close()

    assert Response.objects.count() == 1


def test_a_kiosk_that_is_left_in_the_middle_forgets(
    page: Page, live_server: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(queries, "IDLE_SECONDS", 4)
    link = make_link(is_kiosk=True)
    page.goto(address(live_server, link))
    page.locator('input[value="2"]').check(force=True)
    page.locator("textarea").fill("Half a thou")
    page.get_by_text("Are you still there?").wait_for()
    page.keyboard.press("Shift")
    assert page.locator("[data-idle]").is_hidden()

    expect(page.locator("textarea")).to_have_value("", timeout=10_000)
    assert page.locator("input[name=score]:checked").count() == 0
    assert not Response.objects.exists()


def test_controls_of_a_kiosk_are_large_and_fit_its_screen(page: Page, live_server: Any) -> None:
    page.set_viewport_size({"width": 1024, "height": 768})
    page.goto(address(live_server, make_link(is_kiosk=True)))
    sizes = page.eval_on_selector_all(
        ".scale label",
        "all => all.map(one => one.getBoundingClientRect()).map(box => [box.width, box.height])",
    )
    assert len(sizes) == 11
    assert all(width >= 60 and height >= 60 for width, height in sizes)
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


# --- Inside another web site ---------------------------------------------------------------------------------
class Site:
    """A stranger's web site on a port of its own, which is an origin of its own."""

    def __init__(self) -> None:
        self.html = ""
        self.policy = ""
        site = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                body = site.html.encode()
                self.send_response(200)
                self.send_header("Content-Type", "text/html; charset=utf-8")
                if site.policy:
                    self.send_header("Content-Security-Policy", site.policy)
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()


@pytest.fixture
def site() -> Iterator[Site]:
    made = Site()
    yield made
    made.server.shutdown()
    made.server.server_close()


def framed(live_server: Any, link: PublicLink, site: Site, *, more: str = "") -> None:
    frame = snippet(link, address(live_server, link, embedded=True))
    site.html = (
        f"<!doctype html><title>Shop</title><h1>Shop</h1>{frame}"
        f'<script type="module" src="{live_server.url}/l/frame.js"></script>{more}'
    )


@override_settings(DEBUG=False)
def test_an_allowed_web_site_shows_it_and_an_answer_comes_through(
    page: Page, live_server: Any, site: Site
) -> None:
    link = make_link(origins=[site.url], source_tag="shop")
    framed(live_server, link, site)
    # The site's own policy may be strict: the snippet needs nothing but a frame and one script of ours.
    site.policy = f"default-src 'none'; frame-src {live_server.url}; script-src {live_server.url}"
    page.goto(site.url)
    inside = page.frame_locator("iframe")
    inside.get_by_role("heading", name="How likely").wait_for()
    page.wait_for_function("Number(document.querySelector('iframe').height) !== 640")
    first = page.evaluate("Number(document.querySelector('iframe').height)")
    assert abs(first - inside.locator("body").evaluate("body => body.getBoundingClientRect().height")) < 2

    answer(inside, 9, "Nice shop")
    inside.get_by_role("heading", name="Thank you").wait_for()
    page.wait_for_function(f"Number(document.querySelector('iframe').height) < {first}")

    found = Response.objects.get()
    assert (found.score, found.source, found.comment) == (9, "link:shop", "Nice shop")
    assert page.context.cookies() == []


def test_a_foreign_web_site_shows_nothing(page: Page, live_server: Any, site: Site) -> None:
    link = make_link(origins=["https://www.example.com"])
    refused: list[str] = []
    page.on("console", lambda message: refused.append(message.text))
    framed(live_server, link, site)
    page.goto(site.url)
    page.wait_for_timeout(800)

    assert page.frame_locator("iframe").locator("form").count() == 0
    assert any("frame-ancestors" in text for text in refused), refused
    # Neither does the page that is not meant for frames, also where the site is an allowed one.
    PublicLink.objects.update(origins=[site.url])
    site.html = f'<!doctype html><title>x</title><iframe src="{address(live_server, link)}"></iframe>'
    page.goto(site.url)
    page.wait_for_timeout(800)
    assert page.frame_locator("iframe").locator("form").count() == 0


def test_an_allowed_site_inside_a_foreign_one_shows_nothing(page: Page, live_server: Any, site: Site) -> None:
    """All frames above count: a page that frames an allowed web site does not become one."""
    link = make_link(origins=[site.url])
    framed(live_server, link, site)
    outer = Site()
    outer.html = f'<!doctype html><title>outer</title><iframe src="{site.url}"></iframe>'
    page.goto(outer.url)
    page.wait_for_timeout(1000)
    middle = page.frame_locator("iframe")
    assert middle.get_by_role("heading", name="Shop").count() == 1
    assert middle.frame_locator("iframe").locator("form").count() == 0
    outer.server.shutdown()
    outer.server.server_close()


def test_messages_answer_nothing_and_move_nothing(page: Page, live_server: Any, site: Site) -> None:
    link = make_link(origins=[site.url])
    forged = """<script>
      addEventListener("load", () => {
        const frame = document.querySelector("iframe").contentWindow;
        for (const data of [{type: "submit", score: 10}, {type: "submit", score: 10, origin: "%s"}, "x".repeat(1e7), null])
          frame.postMessage(data, "*");
        postMessage({type: "nps-crm:height", height: 4999}, "*");
        document.title = "sent";
      });
    </script>""".replace("%s", live_server.url)
    framed(live_server, link, site, more=forged)
    page.goto(site.url)
    page.wait_for_function("document.title === 'sent'")
    page.wait_for_timeout(2500)

    assert not Response.objects.exists()
    assert page.evaluate("document.querySelector('iframe').height") != "4999"
    assert page.frame_locator("iframe").locator("form").count() == 1
