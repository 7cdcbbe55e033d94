"""The web server for production; put a proxy with TLS before it."""

import os
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from core import web


class Command(BaseCommand):
    help = "Serves the pages and the API."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--host", default="127.0.0.1")
        parser.add_argument("--port", type=int, default=8000)

    def handle(self, *args: Any, **options: Any) -> None:
        host, port = options["host"], options["port"]
        if not web.is_free(host, port):
            raise CommandError(f"Port {port} on {host} is in use. Choose another with --port.")
        command = web.command(host, port)
        os.execv(command[0], command)  # noqa: S606 - this process becomes the server
