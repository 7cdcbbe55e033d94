"""Who works on a key, on one machine whose database writes one at a time."""

import subprocess
import sys
from pathlib import Path

import pytest
from pytest_django import Settings as SettingsWrapper

from core import inflight
from core import outbox_sql as sql

HOLD = """
import sys, types
from django.conf import settings
settings.configure(DATA_DIR=sys.argv[1])
from core import inflight
inflight.sql = types.SimpleNamespace(is_postgresql=lambda: False)
with inflight.held(int(sys.argv[2])) as is_ours:
    print(is_ours, flush=True)
    sys.stdin.readline()
"""


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, settings: SettingsWrapper, monkeypatch: pytest.MonkeyPatch) -> Path:
    settings.DATA_DIR = tmp_path
    monkeypatch.setattr(inflight, "_opened", {})
    monkeypatch.setattr(inflight, "_mine", set())
    monkeypatch.setattr(sql, "is_postgresql", lambda: False)
    return tmp_path


def other_process(folder: Path, number: int) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", HOLD, str(folder), str(number)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip


def test_a_key_is_held_once_and_free_again_afterwards() -> None:
    with inflight.held(-7) as first, inflight.held(-7) as second, inflight.held(8) as another:
        assert (first, second, another) == (True, False, True)
    with inflight.held(-7) as again:
        assert again


def test_a_key_is_free_again_after_a_failure() -> None:
    with pytest.raises(RuntimeError), inflight.held(1):
        raise RuntimeError
    with inflight.held(1) as again:
        assert again


def test_another_process_holds_a_key_until_it_ends_however_it_ends(folder: Path) -> None:
    process = other_process(folder, 5)
    assert process.stdout is not None
    try:
        assert process.stdout.readline() == "True\n"
        with inflight.held(5) as ours, inflight.held(6) as free:
            assert (ours, free) == (False, True)
        process.kill()
        process.wait(30)
        with inflight.held(5) as ours:
            assert ours
    finally:
        process.kill()
        process.communicate()
