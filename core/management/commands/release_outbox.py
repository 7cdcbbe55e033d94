"""After a restore or on a copy: decide what becomes of the work that the database holds."""

from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from core import outbox


class Command(BaseCommand):
    help = (
        "Lets the worker act on this database after it was restored or copied. Messages that were due are marked as in "
        "doubt, because they may have been sent before; they can be sent again one by one. --hold stops all work."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--hold", action="store_true", help="stop all background work until it is released"
        )
        parser.add_argument(
            "--resend", action="store_true", help="leave due messages pending: none was sent before"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        if options["hold"]:
            outbox.hold()
            self.stdout.write("Held: nothing is sent or done until `manage.py release_outbox`.")
            return
        for name, count in outbox.release(resend=options["resend"]).items():
            self.stdout.write(f"{name}: {count} in doubt")
        self.stdout.write("Released: the worker acts on this database from now on.")
