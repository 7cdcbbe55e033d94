from django.apps import AppConfig


class CoreConfig(AppConfig):
    name = "core"
    verbose_name = "Operation"

    def ready(self) -> None:
        from core import jobs, model_privacy  # noqa: F401

        jobs.register_job_kinds()
