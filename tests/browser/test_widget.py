"""The widget in a real Chromium, in a page of another origin with a strict policy, hostile style and hostile scripts."""

import http.server
import os
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, BrowserContext, Page, expect

from accounts.models import Contact, TrackedEvent
from surveys import content as contents
from surveys.models import InAppMessage, Invitation, PageVisit, Response, Visitor
from surveys.questions import Question, When
from surveys.services import in_app_messages
from surveys.widget import config, identity, installing, limits
from team.domain import Role
from tests import factories
from tests.browser.test_accessibility import RULES
from tests.surveys import asking
from tests.surveys.in_app import Shop, person

pytestmark = pytest.mark.django_db(transaction=True)
PATIENCE = 8_000
FOLLOW_UP = "What do you value most"
STUB = "window.npsCrm=window.npsCrm||function(){(npsCrm.q=npsCrm.q||[]).push(arguments)};"
STRICT = (
    "default-src 'none'; script-src 'nonce-host'; style-src 'nonce-host'; connect-src {server};"
    " base-uri 'none'; form-action 'none'; require-trusted-types-for 'script'; trusted-types 'none'"
)


@pytest.fixture(scope="module", autouse=True)
def _beside_the_browsers_loop() -> None:
    """The browser's driver keeps an event loop in this thread to the end, which Django takes for an async program."""
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "1"


class Host:
    """Somebody else's web site, on a port of its own: it serves whatever `page` holds."""

    def __init__(self) -> None:
        self.html, self.policy = "", ""
        host = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.send_response(200)
                self.send_header("Content-Type", "text/html; charset=utf-8")
                if host.policy:
                    self.send_header("Content-Security-Policy", host.policy)
                self.end_headers()
                self.wfile.write(host.html.encode())

            def log_message(self, *_: Any) -> None: ...

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.origin = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def stop(self) -> None:
        self.server.shutdown()
        self.server.server_close()


@pytest.fixture
def host() -> Iterator[Host]:
    started = Host()
    yield started
    started.stop()


class Stage:
    """A host page with the widget in it, and the browser that looks at it."""

    def __init__(self, host: Host, server: str, shop: Shop, context: BrowserContext) -> None:
        self.host, self.server, self.shop, self.context = host, server, shop, context
        self.said: list[str] = []

    def write(
        self, *, head: str = "", body: str = "", before: str = "", after: str = "", attributes: str = "",
        strict: bool = True, script: str = "",
    ) -> None:  # fmt: skip
        tag = script or (
            f'<script async nonce="host" src="{self.server}/static/widget.js" data-key="{self.shop.widget.key}"'
            f" {attributes}></script>"
        )
        self.host.policy = STRICT.format(server=self.server) + f"; img-src {self.server}" if strict else ""
        self.host.html = (
            f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Host</title>'
            f'<meta name="viewport" content="width=device-width, initial-scale=1">{head}'
            f'<script nonce="host">{STUB}{before}</script>{tag}<script nonce="host">{after}</script></head>'
            f'<body><main><h1>The host page</h1><button id="own">Own button</button>{body}</main></body></html>'
        )

    def open(self, path: str = "/home") -> Page:
        page = self.context.new_page()
        page.set_default_timeout(PATIENCE)
        page.on("console", lambda message: self.said.append(message.text))
        page.on("pageerror", lambda error: self.said.append(f"Uncaught {error}"))
        page.goto(self.host.origin + path)
        return page

    def share_static_files(self) -> None:
        """As whitenoise does and the test server does not: everybody may read them."""

        def answer(route: Any) -> None:
            found = route.fetch()
            route.fulfill(response=found, headers={**found.headers, "access-control-allow-origin": "*"})

        self.context.route("**/static/widget.*", answer)

    def signed(self, external_id: str = "u-1") -> str:
        """The call by which the host says who is there."""
        signature = identity.sign(external_id, self.shop.secret)
        return f'npsCrm("identify",{{id:"{external_id}",signature:"{signature}",traits:{{plan:"pro"}}}});'

    @property
    def trouble(self) -> list[str]:
        return [text for text in self.said if "Content Security Policy" in text or "Uncaught" in text]


@pytest.fixture
def shop(host: Host) -> Shop:
    config.forget()
    limits.forget()
    lead = factories.user("lead@example.com", role=Role.LEAD, name="Lea Lead")
    return Shop(lead, origins=(host.origin,))


@pytest.fixture
def stage(host: Host, live_server: Any, shop: Shop, browser: Browser) -> Iterator[Stage]:
    context = browser.new_context(viewport={"width": 1100, "height": 800})
    yield Stage(host, live_server.url, shop, context)
    context.close()


def card(page: Page) -> Any:
    return page.get_by_role("dialog")


def score(page: Page, number: int) -> Any:
    return page.get_by_role("radio", name=f"{number} of 10", exact=True)


def until(condition: Callable[[], Any], page: Page) -> None:
    for _ in range(80):
        if condition():
            return
        page.wait_for_timeout(50)
    raise AssertionError("It never came true")


def scores() -> list[int]:
    return list(Response.objects.values_list("score", flat=True))


def test_a_signed_person_scores_then_comments_under_a_strict_policy(stage: Stage, shop: Shop) -> None:
    ida = person()
    shop.place()
    stage.write(before=stage.signed())
    page = stage.open()

    card(page).wait_for()
    assert "Nordlicht" in page.get_by_role("heading", level=2).inner_text()
    score(page, 9).click()
    until(lambda: scores() == [9], page)
    page.get_by_role("textbox").fill("Reports <b>quickly</b>")
    page.get_by_role("button", name="Send").click()
    page.get_by_role("heading", name="Thank you").wait_for()

    (answer,) = Response.objects.all()
    assert (answer.contact, answer.comment, answer.state) == (ida, "Reports <b>quickly</b>", "completed")
    assert Visitor.objects.get(contact=ida).traits == {"plan": "pro"}
    assert stage.trouble == []
    assert page.context.cookies() == []
    page.close()

    again = stage.open()
    again.wait_for_timeout(1200)
    assert card(again).count() == 0, "one survey a session"


@pytest.mark.parametrize("mode", ["corner", "modal"])
def test_the_keyboard_alone_is_enough(stage: Stage, shop: Shop, mode: str) -> None:
    person()
    shop.place(mode=mode)
    stage.write(before=stage.signed())
    page = stage.open()
    card(page).wait_for()
    page.locator("#own").focus() if mode == "corner" else None
    for _ in range(6):
        if page.evaluate("document.activeElement.shadowRoot?.activeElement?.getAttribute('role')") == "radio":
            break
        page.keyboard.press("Tab")
    for _ in range(3):
        page.keyboard.press("ArrowLeft")
    assert scores() == [], "moving gives no score"
    page.keyboard.press("Enter")

    until(lambda: scores() == [8], page)
    page.keyboard.press("Escape")
    expect(card(page)).to_have_count(0)


def test_a_modal_holds_the_focus_and_gives_it_back(stage: Stage, shop: Shop) -> None:
    person()
    shop.place(mode="modal", delay_seconds=1)
    stage.write(before=stage.signed())
    page = stage.open()
    page.locator("#own").focus()
    card(page).wait_for()
    for _ in range(20):
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.id") != "own"
    page.keyboard.press("Escape")

    expect(card(page)).to_have_count(0)
    assert page.evaluate("document.activeElement.id") == "own"
    until(lambda: PageVisit.objects.filter(kind="dismissed").exists(), page)
    assert Invitation.objects.get().state == "sent"


def test_a_corner_card_takes_no_focus_and_moves_nothing(stage: Stage, shop: Shop) -> None:
    person()
    shop.place(delay_seconds=1)
    stage.write(
        before=stage.signed()
        + "window.shift=0;new PerformanceObserver(l=>{for(const e of l.getEntries())window.shift+=e.value}).observe({type:'layout-shift',buffered:true});"
    )
    page = stage.open()
    page.locator("#own").focus()
    place = page.locator("#own").bounding_box()
    card(page).wait_for()

    assert page.evaluate("document.activeElement.id") == "own"
    assert page.locator("#own").bounding_box() == place
    assert page.evaluate("window.shift") == 0


def test_the_page_may_say_who_is_there_long_after_the_script_has_come(stage: Stage, shop: Shop) -> None:
    person()
    shop.place()
    stage.write(attributes="data-wait")
    page = stage.open()
    page.wait_for_load_state("networkidle")
    page.evaluate(stage.signed())
    card(page).wait_for()
    assert not any("taken" in text for text in stage.said)


def test_declining_is_recorded(stage: Stage, shop: Shop) -> None:
    person()
    shop.place()
    stage.write(before=stage.signed())
    page = stage.open()
    page.get_by_role("button", name="No, thank you").click()

    expect(card(page)).to_have_count(0)
    until(lambda: Invitation.objects.get().state == "declined", page)


def test_a_script_that_clicks_gives_no_score(stage: Stage, shop: Shop) -> None:
    person()
    shop.place()
    stage.write(before=stage.signed())
    page = stage.open()
    card(page).wait_for()
    page.evaluate(
        """() => { for (const host of document.querySelectorAll('*')) if (host.shadowRoot)
        for (const button of host.shadowRoot.querySelectorAll('button')) { button.click();
        button.dispatchEvent(new MouseEvent('click', {bubbles: true, detail: 1}));
        button.dispatchEvent(new KeyboardEvent('keydown', {key: 'Enter', bubbles: true})); } }"""
    )
    page.evaluate(
        "window.postMessage({type: 'submit', score: 10, origin: 'https://crm.example'}, '*')"
    )  # G21-G24
    page.wait_for_timeout(800)

    assert scores() == []
    assert card(page).count() == 1, "nor does it close it"


def test_two_tabs_show_it_once(stage: Stage, shop: Shop) -> None:
    person()
    shop.place(delay_seconds=1)
    stage.write(before=stage.signed())
    pages = [stage.open(), stage.open()]
    pages[0].wait_for_timeout(3000)
    assert sum(card(page).count() for page in pages) == 1
    assert Invitation.objects.count() == 1


def test_a_forged_identity_is_a_stranger_and_the_developer_reads_why(stage: Stage, shop: Shop) -> None:
    person()
    shop.place(asks_strangers=True)
    stage.write(before=f'npsCrm("identify",{{id:"u-1",signature:"{"0" * 64}"}});')
    page = stage.open()
    score(page, 4).click()

    until(lambda: scores() == [4], page)
    assert Response.objects.get().identity == "anonymous"
    assert any("not believed (forged)" in text for text in stage.said)


def test_an_event_makes_it_show_and_is_recorded(stage: Stage, shop: Shop) -> None:
    ida = person()
    shop.place(event="tour_planned")
    stage.write(before=stage.signed())
    page = stage.open()
    page.wait_for_timeout(900)
    assert card(page).count() == 0
    page.evaluate("npsCrm.track('tour_planned', {stops: 14})")

    card(page).wait_for()
    until(TrackedEvent.objects.exists, page)
    tracked = TrackedEvent.objects.get()
    assert (tracked.name, tracked.contact, tracked.data) == ("tour_planned", ida, {"stops": 14})


def test_inline_it_stands_where_the_page_says(stage: Stage, shop: Shop) -> None:
    person()
    shop.place(mode="inline")
    stage.write(before=stage.signed(), body='<div id="spot" data-nps-crm></div>')
    page = stage.open()
    page.get_by_role("group").wait_for()

    assert page.evaluate("document.querySelector('#spot').firstChild.shadowRoot !== null")
    score(page, 7).click()
    until(lambda: scores() == [7], page)


def test_on_a_phone_it_is_a_sheet_at_the_bottom(stage: Stage, shop: Shop, browser: Browser) -> None:
    person()
    shop.place(devices=["phone"])
    stage.write(before=stage.signed())
    stage.context = browser.new_context(viewport={"width": 360, "height": 740}, has_touch=True)
    page = stage.open()
    card(page).wait_for()
    page.wait_for_timeout(400)

    box = card(page).bounding_box()
    assert box is not None
    assert (box["x"], box["width"]) == (0, 360)
    assert abs(box["y"] + box["height"] - 740) < 1
    for number in range(11):
        target = score(page, number).bounding_box()
        assert target["width"] >= 24
        assert target["height"] >= 44
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    stage.context.close()


def _right_to_left(monkeypatch: pytest.MonkeyPatch) -> None:
    from surveys.widget import words

    plain = words.survey_payload
    monkeypatch.setattr(
        words, "survey_payload", lambda *a, **k: {**plain(*a, **k), "direction": "rtl", "language": "ar"}
    )


def test_right_to_left_it_turns_round(stage: Stage, shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    _right_to_left(monkeypatch)
    person()
    shop.place()
    stage.write(before=stage.signed())
    page = stage.open()
    card(page).wait_for()
    page.wait_for_timeout(400)
    box = card(page).bounding_box()
    zero, ten = score(page, 0).bounding_box(), score(page, 10).bounding_box()

    assert box["x"] < 40, "in the other corner"
    assert zero["x"] > ten["x"]
    score(page, 0).focus()
    page.keyboard.press("ArrowLeft")
    assert (
        page.evaluate("document.activeElement.shadowRoot.activeElement.getAttribute('aria-label')")
        == "1 of 10"
    )


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("mode", ["corner", "modal"])
def test_it_breaks_no_rule_of_accessibility(
    stage: Stage, shop: Shop, browser: Browser, mode: str, scheme: Any
) -> None:
    person()
    shop.place(mode=mode, survey=asking.make_survey("Pale", brand_colour="#ffee58"))
    stage.write(before=stage.signed(), strict=False)
    stage.context = browser.new_context(viewport={"width": 1100, "height": 800}, color_scheme=scheme)
    page = stage.open()
    card(page).wait_for()
    page.wait_for_timeout(400)
    before = _violations(page)
    score(page, 9).click()
    page.get_by_text(FOLLOW_UP).wait_for()

    assert before == []
    assert _violations(page) == []
    stage.context.close()


def _violations(page: Page) -> list[str]:
    found = Axe().run(page, options=RULES)
    return [f"{v['id']}: {n['html'][:160]}" for v in found.response["violations"] for n in v["nodes"]]


HOSTILE_STYLE = "<style>body * {display: none !important; font-size: 1px !important; color: red !important} dialog, section, button {opacity: 0 !important}</style>"


@pytest.mark.parametrize(
    "page_parts",
    [
        {"head": HOSTILE_STYLE},  # G30
        {
            "before": "window.fetch0=window.fetch;Array.prototype.map=Array.prototype.forEach=Array.prototype.push=()=>{throw 1};"
        },  # G29
        {
            "after": "addEventListener('load',()=>{window.fetch=()=>{throw 1};JSON.parse=JSON.stringify=()=>'{}'});"
        },  # G29, once it has run
        {"body": '<form id="npsCrm"></form><form id="nps"></form><img name="config">'},  # G31
        {"before": "delete window.npsCrm;window.npsCrm={mine:1};", "unsigned": True},  # G32
        {"twice": True},  # G33
    ],
    ids=["style", "prototypes", "natives", "clobbered", "taken", "twice"],
)
def test_hostile_pages_neither_break_it_nor_are_broken(
    stage: Stage, shop: Shop, page_parts: dict[str, Any]
) -> None:
    person()
    shop.place(asks_strangers=True)
    parts = dict(page_parts)
    twice, unsigned = parts.pop("twice", False), parts.pop("unsigned", False)
    before = ("" if unsigned else stage.signed()) + parts.pop("before", "")
    tag = f'<script async src="{stage.server}/static/widget.js" data-key="{shop.widget.key}"></script>'
    stage.write(before=before, strict=False, script=tag * (2 if twice else 1), **parts)
    page = stage.open()
    card(page).wait_for()
    page.wait_for_timeout(300)

    assert card(page).count() == 1
    score(page, 9).click()
    until(lambda: scores() == [9], page)
    if unsigned:
        assert page.evaluate("window.npsCrm.mine") == 1
    assert stage.trouble == []


@pytest.mark.parametrize("trouble", ["down", "slow", "storage"])
def test_the_host_page_does_not_feel_trouble(stage: Stage, shop: Shop, trouble: str) -> None:
    """G18 (storage blocked) and G49: the page is whole, and nothing is thrown."""
    person()
    shop.place()
    before = stage.signed()
    if trouble == "storage":
        before = (
            "for (const name of ['getItem','setItem']) Storage.prototype[name]=()=>{throw new Error('blocked')};"
            + before
        )
    stage.write(before=before)
    if trouble == "down":
        stage.context.route("**/w/**", lambda route: route.abort())
    elif trouble == "slow":
        stage.context.route("**/w/**", lambda route: None)
    page = stage.open()
    page.locator("#own").click()

    if trouble == "storage":
        score(page, 9).click()
        until(lambda: scores() == [9], page)
    else:
        page.wait_for_timeout(3600 if trouble == "slow" else 900)
        assert card(page).count() == 0
    assert [text for text in stage.trouble if "Uncaught" in text] == []


def test_what_could_not_be_sent_is_sent_later(stage: Stage, shop: Shop) -> None:
    person()
    shop.place()
    stage.write(before=stage.signed())
    page = stage.open()
    card(page).wait_for()
    stage.context.set_offline(True)
    score(page, 6).click()
    page.wait_for_timeout(300)
    assert scores() == []
    stage.context.set_offline(False)

    until(lambda: scores() == [6], page)


def test_a_comment_that_was_not_sent_is_told_when_the_page_goes(stage: Stage, shop: Shop) -> None:
    person()
    shop.place()
    stage.write(before=stage.signed())
    page = stage.open()
    score(page, 6).click()
    until(lambda: scores() == [6], page)
    page.get_by_role("textbox").fill("Half a thought")
    page.goto("about:blank")

    until(lambda: Response.objects.get().comment == "Half a thought", page)


def test_further_questions_follow_the_score(stage: Stage, shop: Shop) -> None:
    words = contents.Words(
        questions={
            "area": contents.QuestionWords(text="Which part?", options={"maps": "Maps", "bills": "Invoices"}),
            "why": contents.QuestionWords(text="What about the invoices?"),
        }
    )
    survey = asking.make_survey(
        "Branching",
        languages={"en": words},
        questions=(
            Question(key="area", kind="choice", required=True, options=("maps", "bills")),
            Question(key="why", kind="text", when=When(show="answer", question="area", values=("bills",))),
        ),
    )
    person()
    shop.place(survey=survey)
    stage.write(before=stage.signed())
    page = stage.open()
    score(page, 3).click()
    page.get_by_role("button", name="Send").click()
    page.get_by_text("Please answer this question.").wait_for()
    assert page.get_by_label("What about the invoices?").count() == 0
    page.get_by_label("Invoices", exact=True).check()
    page.get_by_label("What about the invoices?").fill("Wrong three times")
    page.get_by_role("button", name="Send").click()
    page.get_by_role("heading", name="Thank you").wait_for()

    assert Response.objects.get().answers == {"area": "bills", "why": "Wrong three times"}


def test_the_module_does_the_same(stage: Stage, shop: Shop) -> None:
    person()
    shop.place()
    code = (
        f'<script type="module" nonce="host">import {{ start }} from "{stage.server}/static/widget.mjs";'
        f'const npsCrm = start({{key: "{shop.widget.key}", server: "{stage.server}"}});{stage.signed()}</script>'
    )
    stage.write(script=code.replace('npsCrm("identify",', "npsCrm.identify("), strict=False)
    stage.share_static_files()
    page = stage.open()
    score(page, 10).click()
    until(lambda: scores() == [10], page)


@pytest.mark.parametrize("is_whole", [True, False])
def test_g50_a_script_that_was_tampered_with_does_not_run(stage: Stage, shop: Shop, is_whole: bool) -> None:
    shop.place(asks_strangers=True)
    digest = installing.integrity("widget.js") if is_whole else "sha384-" + "A" * 64
    tag = (
        f'<script async src="{stage.server}/static/widget.js" data-key="{shop.widget.key}" crossorigin="anonymous"'
        f' integrity="{digest}"></script>'
    )
    stage.write(script=tag, strict=False)
    stage.share_static_files()
    page = stage.open()
    if is_whole:
        card(page).wait_for()
    else:
        page.wait_for_timeout(1000)
    assert card(page).count() == is_whole


# --- Messages to one person --------------------------------------------------------------------------------------
LINK = "https://app.shop.example/billing"
ROOT = "document.querySelector('body > div').shadowRoot.querySelector('.root')"


def write(contact: Contact, **values: Any) -> InAppMessage:
    made = in_app_messages.queue_message(
        contact=contact, key=f"test:{contact.pk}", days=7,
        **{"title": "Your trial is <b>longer</b>", "text": "Two weeks more.\nNothing to do.", "button_label": "See your plan",
           "button_url": LINK, **values},
    )  # fmt: skip
    config.forget()
    return made


def state() -> str:
    return str(InAppMessage.objects.values_list("state", flat=True).get())


def test_it_is_read_closed_by_keyboard_and_stays_away(stage: Stage, shop: Shop) -> None:
    write(person())
    stage.write(before=stage.signed())
    # The person is at work in the page before the card comes.
    stage.context.add_init_script(
        "addEventListener('DOMContentLoaded', () => document.querySelector('#own').focus())"
    )
    page = stage.open()
    card(page).wait_for()

    expect(page.get_by_role("heading", level=2)).to_have_text("Your trial is <b>longer</b>")
    assert page.evaluate("document.activeElement.id") == "own", "it takes no focus"
    found = Axe().run(page, options=RULES)
    assert found.violations_count == 0, found.generate_report()
    until(lambda: state() == "shown", page)
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.shadowRoot.activeElement.textContent") == "See your plan"
    page.keyboard.press("Escape")

    expect(card(page)).to_have_count(0)
    assert page.evaluate("document.activeElement.id") == "own"
    until(lambda: state() == "dismissed", page)
    page.evaluate("localStorage.clear()")  # another visit
    page.reload()
    page.wait_for_timeout(1200)
    assert card(page).count() == 0
    assert stage.trouble == []


def test_its_button_opens_the_address_in_a_tab_of_its_own(stage: Stage, shop: Shop) -> None:
    write(person())
    stage.context.route(f"{LINK}*", lambda route: route.fulfill(body="Billing"))
    stage.write(before=stage.signed() + "npsCrm('on','clicked',function(){window.heard=1});")
    page = stage.open()
    card(page).wait_for()
    with page.context.expect_page() as opened:
        page.get_by_role("link", name="See your plan").click()

    assert opened.value.url == LINK
    assert opened.value.evaluate("window.opener") is None
    until(lambda: state() == "clicked", page)
    expect(card(page)).to_have_count(0)
    assert page.evaluate("window.heard") == 1


def test_a_script_neither_closes_nor_follows_it(stage: Stage, shop: Shop) -> None:
    write(person())
    stage.write(before=stage.signed())
    page = stage.open()
    card(page).wait_for()
    page.evaluate(
        """() => { const root = document.querySelector('body > div').shadowRoot;
        root.querySelector('a').addEventListener('click', (event) => event.preventDefault());
        for (const one of root.querySelectorAll('button, a')) one.click();
        root.querySelector('.card').dispatchEvent(new KeyboardEvent('keydown', {key: 'Escape', bubbles: true})); }"""
    )
    page.wait_for_timeout(500)
    assert (card(page).count(), state()) == (1, "shown")


def test_it_goes_with_the_person_it_is_for(stage: Stage, shop: Shop) -> None:
    write(person())
    stage.write(before=stage.signed())
    page = stage.open()
    card(page).wait_for()
    page.evaluate("npsCrm.identify(null)")
    expect(card(page)).to_have_count(0)
    page.wait_for_timeout(600)
    assert (card(page).count(), state()) == (0, "shown"), "signing out is not closing it"


def test_it_turns_round_for_readers_from_right_to_left(stage: Stage, shop: Shop) -> None:
    write(person(language="ar"), title="تم تمديد الفترة")
    stage.write(before=stage.signed())
    page = stage.open()
    card(page).wait_for()
    assert page.evaluate(f"{ROOT}.dir") == "rtl"
    assert page.evaluate(f"getComputedStyle({ROOT}.querySelector('h2')).direction") == "rtl"
