"""`manage.py catchmail`: a mail server that keeps everything and delivers nothing, for the demo."""

import signal
import threading
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.handlers import Mailbox
from django.conf import settings
from django.core.management.base import BaseCommand

from nps_crm.demo import mailbox


class Command(BaseCommand):
    help = "Catch all mail on the configured SMTP port and keep it in the data folder, to be read in the browser."

    def handle(self, *args: Any, **options: Any) -> None:
        mailbox.folder().parent.mkdir(parents=True, exist_ok=True)
        controller = Controller(
            Mailbox(mailbox.folder()),
            hostname="127.0.0.1",
            port=settings.EMAIL_PORT,
            enable_SMTPUTF8=True,
        )
        stop = threading.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: stop.set())
        controller.start()
        self.stdout.write(f"catching mail on 127.0.0.1:{settings.EMAIL_PORT}")
        stop.wait()
        controller.stop()
