from django.apps import AppConfig


class WorkflowsConfig(AppConfig):
    name = "workflows"
    verbose_name = "Acting"

    def ready(self) -> None:
        from workflows import privacy  # noqa: F401
