"""Starting processes, watching them, and leaving none behind.

Each child has a process group of its own, so that Ctrl-C reaches only us and a dead child's own children can be
killed. On Linux a child is told to end when we die, however we die.
"""

import contextlib
import ctypes
import logging
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

logger = logging.getLogger(__name__)

PR_SET_PDEATHSIG = 1
_prctl: Any = None
with contextlib.suppress(OSError, AttributeError):  # only Linux has it
    _prctl = ctypes.CDLL(None).prctl
# Run before a child's own program, and inherited by it: end politely when the parent is gone. (Popen's preexec_fn would
# run between fork and exec, where other threads' locks may be held for ever.)
_ENDS_WITH_US = """
import ctypes, os, signal, sys
try:
    ctypes.CDLL(None).prctl(1, signal.SIGTERM, 0, 0, 0)
except (OSError, AttributeError):
    pass
if os.getppid() != int(sys.argv[1]):
    sys.exit(0)
os.execv(sys.argv[2], sys.argv[2:])
"""
LONGEST_PAUSE = 30.0
CALM_SECONDS = 60.0


def die_with_parent(number: int) -> None:
    """Have this process sent signal `number` when the process that made it is gone."""
    if _prctl is not None:
        _prctl(PR_SET_PDEATHSIG, number, 0, 0, 0)


def forks_die_with_us() -> None:
    """From now on every process forked here (and by those) is killed when its parent is gone.

    A queue worker whose guard was killed would otherwise go on taking work, without limits of time.
    """
    parent = os.getpid()

    def before() -> None:
        nonlocal parent
        parent = os.getpid()

    def after() -> None:
        die_with_parent(signal.SIGKILL)
        if os.getppid() != parent:  # gone before we could ask to be told
            os.kill(os.getpid(), signal.SIGKILL)

    os.register_at_fork(before=before, after_in_child=after)


@dataclass
class Child:
    """A command that should be running. `environment()` is asked anew for every start."""

    name: str
    command: list[str]
    environment: Callable[[], dict[str, str]] = dict
    after_death: Callable[[], None] = lambda: None
    process: "subprocess.Popen[str] | None" = None
    started: float = 0.0
    _pause: float = 0.0
    _start_at: float = 0.0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def start(self) -> None:
        self.started = time.monotonic()
        self.process = subprocess.Popen(
            [sys.executable, "-S", "-c", _ENDS_WITH_US, str(os.getpid()), *self.command],
            env={**os.environ, **self.environment(), "PYTHONUNBUFFERED": "1"},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            start_new_session=True,
        )
        threading.Thread(target=self._pass_on_output, args=(self.process,), daemon=True).start()

    @property
    def is_running(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def tend(self) -> None:
        """Start again what ended, after a pause that doubles while it keeps ending early."""
        if self.process is not None and self.process.poll() is not None:
            code = self.process.returncode
            lived = time.monotonic() - self.started
            self.kill()
            self._pause = 0.0 if lived > CALM_SECONDS else min(max(1.0, self._pause * 2), LONGEST_PAUSE)
            self._start_at = time.monotonic() + self._pause
            say(self.name, f"ended with status {code}; starting again in {self._pause:.0f} s")
        if self.process is None and time.monotonic() >= self._start_at:
            self.start()

    def terminate(self) -> None:
        if self.is_running:
            assert self.process is not None
            self.process.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """Kill what is left of the child and its own children, and forget it."""
        if self.process is None:
            return
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.process.pid, signal.SIGKILL)
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(timeout=10)
        self.process = None
        self.after_death()

    def _pass_on_output(self, process: "subprocess.Popen[str]") -> None:
        assert process.stdout is not None
        with contextlib.suppress(ValueError, OSError):
            for line in process.stdout:
                say(self.name, line.rstrip("\n"))


_output = threading.Lock()


def say(name: str, text: str) -> None:
    """One line of output, headed by who says it."""
    with _output, contextlib.suppress(OSError):
        sys.stdout.write(f"{name:<7}| {text}\n")
        sys.stdout.flush()


@dataclass
class Supervisor:
    """Keeps children running until it is told to stop, then ends them: politely first, and surely."""

    children: list[Child]
    watch: Callable[[], None] = lambda: None
    stop_seconds: float = 30.0
    _stopping: int = 0

    def run(self) -> int:
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, self._asked_to_stop)
        try:
            while not self._stopping:
                for child in self.children:
                    child.tend()
                self.watch()
                self._nap(0.25)
        finally:
            self._end_children()
        return 0

    def _asked_to_stop(self, number: int, frame: object) -> None:
        self._stopping += 1

    def _nap(self, seconds: float) -> None:
        until = time.monotonic() + seconds
        while not self._stopping and time.monotonic() < until:
            time.sleep(0.05)

    def _end_children(self) -> None:
        for child in self.children:
            child.terminate()
        deadline = time.monotonic() + self.stop_seconds
        # A second Ctrl-C means: at once. What was in hand is taken back by its lease.
        while any(child.is_running for child in self.children) and time.monotonic() < deadline:
            if self._stopping > 1:
                break
            time.sleep(0.05)
        for child in self.children:
            child.kill()
