from django.apps import AppConfig
from django.db.models.signals import post_migrate


class WorkflowsConfig(AppConfig):
    name = "workflows"
    verbose_name = "Acting"

    def ready(self) -> None:
        from core import navigation
        from workflows import extensions, privacy  # noqa: F401
        from workflows.alarms import registration as alarms
        from workflows.queries import alarms as alarm_queries
        from workflows.queries import alerts, tasks
        from workflows.rules import engine
        from workflows.rules.steps import work  # noqa: F401
        from workflows.services import absences, loop, loop_clocks, notices, recurring
        from workflows.services import tasks as task_services

        engine.register()
        notices.register()
        loop.register()
        loop_clocks.register()
        task_services.register()
        recurring.register()
        absences.register()
        alarms.register()
        extensions.register()
        post_migrate.connect(_lay_down_rules, sender=self)
        navigation.register("act", "Tasks", "workflows:task_list", "tasks", "k", badge=tasks.count_due_for)
        navigation.register(
            "act", "Alerts", "workflows:alert_list", "alerts", "l", badge=alerts.count_open_for
        )
        navigation.register(
            "act", "Alarms", "workflows:alarm_list", "warning", permission=alarm_queries.may_see
        )
        navigation.register("act", "Rules", "workflows:rule_list", "rules", "r")


def _lay_down_rules(**_: object) -> None:
    from workflows.rules import builtin
    from workflows.work import library

    builtin.ensure()
    library.ensure()
