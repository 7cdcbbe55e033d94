"""How the web server is started, for `manage.py web` and `manage.py serve`."""

import socket
import sys

from django.conf import settings


def command(host: str, port: int) -> list[str]:
    """granian: half the cost of a request of gunicorn (docs/performance.md). No access log: paths hold tokens.

    A granian worker that is told to stop while it still starts does not hear it; after eight seconds it is killed.
    """
    return [
        sys.executable, "-m", "granian", "--interface", "wsgi", "--host", host, "--port", str(port),
        "--workers", str(settings.WEB_WORKERS), "--blocking-threads", str(settings.WEB_THREADS),
        "--respawn-failed-workers", "--workers-kill-timeout", "8", "--no-ws", "--http", "1",
        "--http1-header-read-timeout", "15000", "--backpressure", str(max(16, settings.WEB_THREADS * 16)),
        # It warns of more threads than cores; ours wait for the database together.
        "--log-level", "error", "nps_crm.wsgi:application",
    ]  # fmt: skip


def is_free(host: str, port: int) -> bool:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
    return True


def answers(host: str, port: int) -> bool:
    target = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 - asked of ourselves, not bound
    try:
        with socket.create_connection((target, port), timeout=0.2):
            return True
    except OSError:
        return False
