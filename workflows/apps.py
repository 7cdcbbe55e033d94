from django.apps import AppConfig
from django.db.models.signals import post_migrate


class WorkflowsConfig(AppConfig):
    name = "workflows"
    verbose_name = "Acting"

    def ready(self) -> None:
        from core import jobs, navigation
        from team import places
        from team.permissions import can_view
        from workflows import alert_kinds, digest_sections, extensions, list_fields, privacy  # noqa: F401
        from workflows.alarms import registration as alarms
        from workflows.health import compute, panels
        from workflows.health import extensions as health
        from workflows.notifying import words
        from workflows.queries import alarms as alarm_queries
        from workflows.queries import alerts, notifications, tasks
        from workflows.queries import backtests as backtest_queries
        from workflows.rules import engine
        from workflows.rules.steps import work  # noqa: F401
        from workflows.services import alerts as alert_services
        from workflows.services import backtests, digests, loop, notices

        engine.register()
        notices.register()
        loop.register()
        alarms.register()
        alert_kinds.register("detractor", label="A detractor answered")
        alert_kinds.register("reply", label="A customer wrote back")
        words.register()
        digests.register()
        digest_sections.register()
        places.register(
            places.Place(
                "You", "Notifications", "What reaches you in the app and by mail, quiet hours, the daily digest", "inbox",
                "workflows:notification_preferences", can_view,
            )
        )  # fmt: skip
        places.register(
            places.Place(
                "Customers and surveys", "Back-tests", "Whether health told in advance who would leave", "health",
                "workflows:backtest_list", backtest_queries.may_see,
            )
        )  # fmt: skip
        jobs.on_tick("alerts_wake", alert_services.wake_due)
        extensions.register()
        compute.register()
        list_fields.register()
        backtests.register()
        health.register()
        panels.register()
        post_migrate.connect(_lay_down_rules, sender=self)
        navigation.register("act", "Tasks", "workflows:task_list", "tasks", "k", badge=tasks.count_due_for)
        navigation.register(
            "act", "Alerts", "workflows:alert_list", "alerts", "l", badge=alerts.count_open_for
        )
        navigation.register(
            "act", "Alarms", "workflows:alarm_list", "warning", permission=alarm_queries.may_see
        )
        navigation.register(
            "main", "Notifications", "workflows:notification_list", "inbox", "i",
            badge=notifications.count_unread, live="workflows:bell",
        )  # fmt: skip
        navigation.register("act", "Rules", "workflows:rule_list", "rules", "r")


def _lay_down_rules(**_: object) -> None:
    from workflows.health import defaults
    from workflows.rules import builtin

    builtin.ensure()
    defaults.ensure()
