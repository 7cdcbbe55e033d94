"""`python -m tests.browser.screenshots FOLDER [NAME…]`: pictures of every page, desktop and phone, light and dark.

Runs a demo of its own. With names, only the pages whose name begins with one of them.
"""

import re
import sqlite3
import sys
from pathlib import Path

from playwright.sync_api import Browser

from tests.browser import demo, pages

SIZES = {"desktop": (1360, 900), "phone": (390, 844)}
SCHEMES = ("light", "dark")


def fill(path: str, running: demo.Demo) -> str:
    """`path` with the ids and tokens of the running demo."""

    def found(place: re.Match[str]) -> str:
        (ident,) = connection.execute(pages.QUERIES[place["name"]]).fetchone()
        return running.token(place["purpose"], ident) if place["purpose"] else str(ident)

    with sqlite3.connect(f"file:{running.folder / 'nps_crm.sqlite3'}?mode=ro", uri=True) as connection:
        return re.sub(r"\{(?:(?P<purpose>\w+):)?(?P<name>\w+)\}", found, path)


def shoot(browser: Browser, running: demo.Demo, folder: Path, wanted: list[str]) -> None:
    for size, (width, height) in SIZES.items():
        for scheme in SCHEMES:
            context = browser.new_context(
                viewport={"width": width, "height": height}, color_scheme=scheme, device_scale_factor=1
            )
            page = context.new_page()
            todo = [("public", entry) for entry in pages.PUBLIC]
            todo += [("signed in", entry) for entry in pages.SIGNED_IN]
            is_signed_in = False
            for kind, (name, path) in todo:
                if wanted and not any(name.startswith(w) for w in wanted):
                    continue
                if kind == "signed in" and not is_signed_in:
                    demo.sign_in(page, running.url, "admin@fleetdesk.example")
                    is_signed_in = True
                page.goto(running.url + fill(path, running))
                page.wait_for_load_state("networkidle")
                page.screenshot(path=folder / f"{name}-{size}-{scheme}.png", full_page=True)
            context.close()


def main() -> None:
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    running = demo.Demo()
    try:
        with demo.chromium() as browser:
            shoot(browser, running, folder, sys.argv[2:])
    finally:
        running.stop()


if __name__ == "__main__":
    main()
