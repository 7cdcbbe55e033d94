"""`manage.py seed_demo`: fill an empty database with the demo company."""

import time
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from nps_crm.demo import company, seed


class Command(BaseCommand):
    help = "Fill an empty database with the demo company: accounts, contacts, two years of answers, work under way."

    def handle(self, *args: Any, **options: Any) -> None:
        if seed.is_filled():
            raise CommandError("The database is not empty. Demo data goes only into a new one.")
        began = time.monotonic()
        seed.fill(lambda what: self.stdout.write(f"  {what}"))
        self.stdout.write(f"Demo company ready in {time.monotonic() - began:.0f} s.")
        self.stdout.write("Sign in as:")
        for person in company.PEOPLE[:3]:
            self.stdout.write(f"  {person.email:28} {person.role}")
        self.stdout.write(f"  password for all: {company.PASSWORD}")
