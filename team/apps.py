from django.apps import AppConfig


class TeamConfig(AppConfig):
    name = "team"
    verbose_name = "Team"

    def ready(self) -> None:
        from core import navigation
        from team import mails, places, privacy, receivers, schema  # noqa: F401

        navigation.register("foot", "Settings", "team:settings", "settings", ",", inside=places.addresses)
