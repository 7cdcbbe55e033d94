import datetime as dt

from django.apps import AppConfig


class CoreConfig(AppConfig):
    name = "core"
    verbose_name = "Operation"

    def ready(self) -> None:
        from core import idempotency, jobs, model_privacy, prune, ratelimit  # noqa: F401

        jobs.register_job_kinds()
        jobs.hourly("core.idempotency", minute=11, func=lambda _: idempotency.purge())
        jobs.hourly("core.ratelimit", minute=13, func=lambda _: ratelimit.purge())
        jobs.daily("core.prune", at=dt.time(3, 20), zone=lambda: "UTC", func=prune.prune)
