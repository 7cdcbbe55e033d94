"""Build all kept figures anew from the answers."""

from typing import Any

from django.core.management.base import BaseCommand

from surveys.insight import rollups


class Command(BaseCommand):
    help = "Builds all kept figures anew from the answers, in the workspace's time zone."

    def handle(self, **options: Any) -> None:
        rows = rollups.rebuild()
        self.stdout.write(f"Built {rows:,} rows of figures.")
