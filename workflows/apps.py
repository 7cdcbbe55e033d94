from django.apps import AppConfig
from django.db.models.signals import post_migrate


class WorkflowsConfig(AppConfig):
    name = "workflows"
    verbose_name = "Acting"

    def ready(self) -> None:
        from core import navigation
        from workflows import extensions, privacy  # noqa: F401
        from workflows.queries import alerts, tasks
        from workflows.rules import basics, engine
        from workflows.rules.steps import work  # noqa: F401
        from workflows.services import dry_runs, loop, notices  # noqa: F401

        engine.register()
        basics.register()
        notices.register()
        loop.register()
        extensions.register()
        post_migrate.connect(_lay_down_rules, sender=self)
        navigation.register("act", "Tasks", "workflows:task_list", "tasks", "k", badge=tasks.count_due_for)
        navigation.register(
            "act", "Alerts", "workflows:alert_list", "alerts", "l", badge=alerts.count_open_for
        )
        navigation.register("act", "Rules", "workflows:rule_list", "rules", "r")


def _lay_down_rules(**_: object) -> None:
    from workflows.rules import builtin

    builtin.ensure()
