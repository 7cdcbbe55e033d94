from django.apps import AppConfig


class IntegrationsConfig(AppConfig):
    name = "integrations"
    verbose_name = "Listening to other systems"

    def ready(self) -> None:
        from integrations import privacy  # noqa: F401
