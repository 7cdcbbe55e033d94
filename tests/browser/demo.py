"""The demo, running for real: web server, worker and mail catcher as processes, and a Chromium to look at it."""

import http.client
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Browser, Page, sync_playwright

ROOT = Path(__file__).resolve().parent.parent.parent
PASSWORD = "fleetdesk-demo"
START_SECONDS = 90
CHROMIUM_FLAGS = [
    "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
]  # fmt: skip


def chromium_path() -> str | None:
    for name in ("chromium", "chromium-browser", "google-chrome"):
        if found := shutil.which(name):
            return found
    return None


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Demo:
    """One running demo company, with its own folder and ports."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="nps_demo_"))
        self.tokens: dict[tuple[str, int], str] = {}
        self.port = _free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.environment = {
            **{k: v for k, v in os.environ.items() if not k.startswith("NPS_") and k != "DATABASE_URL"},
            "DJANGO_SETTINGS_MODULE": "nps_crm.settings",
            "NPS_DEMO": "1",
            "NPS_SECRET_KEY": "only-for-browser-tests-" + "b" * 40,
            "NPS_FIELD_KEYS": "dGVzdHMtb25seS10ZXN0cy1vbmx5LXRlc3RzLW9ubHk=",
            "NPS_ADDRESS_KEY": "only-for-browser-tests",
            "NPS_DATA_DIR": str(self.folder),
            "NPS_BASE_URL": self.url,
            "NPS_EMAIL_PORT": str(_free_port()),
            "NPS_SMS_PROVIDER": "catcher",
            "NPS_INSTANCE_ID": "browser-tests",
        }
        for command in (["migrate", "-v", "0"], ["collectstatic", "--noinput", "-v", "0"], ["seed_demo"]):
            subprocess.run(
                [sys.executable, "manage.py", *command], cwd=ROOT, env=self.environment, check=True,
                stdout=subprocess.DEVNULL,
            )  # fmt: skip
        self._stage()
        self.log = (self.folder / "log").open("wb")
        self.process = subprocess.Popen(
            [sys.executable, "manage.py", "serve", "--port", str(self.port)], cwd=ROOT, env=self.environment,
            stdout=self.log, stderr=subprocess.STDOUT,
        )  # fmt: skip
        self._wait()

    def _stage(self) -> None:
        """What otherwise is there for a moment only, to be looked at: an import on its way."""
        code = (
            "from accounts.models import Import; from core import clock; run = Import.objects.get(state='checked');"
            " run.pk = None; run.state = 'running'; run.file_name = 'all-users.csv'; run.rows_total = 48_200;"
            " run.rows_done = run.position = 17_350; run.created_count = 16_900; run.refused_count = 450;"
            " run.started_at = run.created_at = clock.now(); run.save()"
        )
        subprocess.run(
            [sys.executable, "manage.py", "shell", "--no-imports", "-c", code],
            cwd=ROOT, env=self.environment, check=True, stdout=subprocess.DEVNULL,
        )  # fmt: skip

    def token(self, purpose: str, ident: int) -> str:
        """The token of a row, as a respondent has it in a mail."""
        if (purpose, ident) not in self.tokens:
            code = f"from surveys import tokens; print(tokens.make(tokens.Purpose({purpose!r}), {ident}))"
            made = subprocess.run(
                [sys.executable, "manage.py", "shell", "--no-imports", "-c", code],
                cwd=ROOT, env=self.environment, check=True, capture_output=True, text=True,
            )  # fmt: skip
            self.tokens[purpose, ident] = made.stdout.split()[-1]
        return self.tokens[purpose, ident]

    def _wait(self) -> None:
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            try:
                connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=2)
                connection.request("GET", "/auth/login/")
                if connection.getresponse().status == 200:
                    return
            except OSError:
                pass
            if self.process.poll() is not None:
                break
            time.sleep(0.2)
        raise RuntimeError(f"The demo did not start:\n{(self.folder / 'log').read_text()[-4000:]}")

    def stop(self) -> None:
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(timeout=40)
        except subprocess.TimeoutExpired:
            self.process.kill()
        self.log.close()
        shutil.rmtree(self.folder, ignore_errors=True)


@contextmanager
def chromium() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium_path(), args=CHROMIUM_FLAGS)
        yield browser
        browser.close()


def sign_in(page: Page, url: str, email: str) -> None:
    """Sign in through the product's own page."""
    page.goto(f"{url}/auth/login/")
    page.fill("input[name=login]", email)
    page.fill("input[name=password]", PASSWORD)
    page.click("main button[type=submit]")
    page.wait_for_url(f"{url}/")
