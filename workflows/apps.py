from django.apps import AppConfig
from django.db.models.signals import post_migrate


class WorkflowsConfig(AppConfig):
    name = "workflows"
    verbose_name = "Acting"

    def ready(self) -> None:
        from core import navigation
        from team import places
        from team.permissions import can_work
        from team.places import Place
        from workflows import extensions, privacy  # noqa: F401
        from workflows.queries import alerts, loops, tasks
        from workflows.rules import engine
        from workflows.rules.steps import playbooks as playbook_steps
        from workflows.rules.steps import work  # noqa: F401
        from workflows.services import absences, loop, loop_clocks, notices, recurring
        from workflows.services import tasks as task_services

        engine.register()
        notices.register()
        loop.register()
        playbook_steps.register()
        loop_clocks.register()
        task_services.register()
        recurring.register()
        absences.register()
        extensions.register()
        post_migrate.connect(_lay_down_rules, sender=self)
        navigation.register("act", "Tasks", "workflows:task_list", "tasks", "k", badge=tasks.count_due_for)
        navigation.register(
            "act", "Alerts", "workflows:alert_list", "alerts", "l", badge=alerts.count_open_for
        )
        navigation.register("act", "Loops", "workflows:loop_list", "feedback", badge=loops.count_late_for)
        navigation.register("act", "Playbooks", "workflows:playbook_list", "file")
        navigation.register("act", "Rules", "workflows:rule_list", "rules", "r")
        places.register(
            Place(
                "You", "Working time and leave", "Your days, hours and holidays; who stands in for you", "clock",
                "workflows:working_time", can_work,
            )
        )  # fmt: skip
        places.register(
            Place(
                "Customers and surveys", "Promises", "How fast unhappy people hear from us, and what came of it", "flag",
                "workflows:promises",
            )
        )  # fmt: skip


def _lay_down_rules(**_: object) -> None:
    from workflows.rules import builtin
    from workflows.work import library

    builtin.ensure()
    library.ensure()
