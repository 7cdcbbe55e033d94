"""Web server and worker under one command: for trying, and for small installations on one machine."""

import sys
from typing import Any

from django.conf import settings
from django.core.management import get_commands
from django.core.management.base import BaseCommand, CommandError, CommandParser

from core import web
from core.processes import Child, Supervisor, say
from core.watchdog import WorkerCluster


class Command(BaseCommand):
    help = "Runs the web server and the worker, keeps both running, and ends both on Ctrl-C."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--host", default="127.0.0.1")
        parser.add_argument("--port", type=int, default=8000)

    def handle(self, *args: Any, **options: Any) -> None:
        host, port = options["host"], options["port"]
        if not web.is_free(host, port):
            raise CommandError(f"Port {port} on {host} is in use. Choose another with --port.")
        cluster = WorkerCluster()
        children = [Child("web", web.command(host, port)), cluster.child]
        if settings.DEMO and "catchmail" in get_commands():
            children.append(Child("mail", [sys.executable, sys.argv[0], "catchmail"]))
        is_announced = False

        def watch() -> None:
            nonlocal is_announced
            cluster.watch()
            if not is_announced and web.answers(host, port):
                is_announced = True
                say("serve", f"Ready at {settings.BASE_URL} - stop with Ctrl-C")

        Supervisor(children, watch=watch, stop_seconds=settings.STOP_SECONDS).run()
        say("serve", "Stopped.")
