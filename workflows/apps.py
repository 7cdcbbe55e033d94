from django.apps import AppConfig
from django.db.models.signals import post_migrate


class WorkflowsConfig(AppConfig):
    name = "workflows"
    verbose_name = "Acting"

    def ready(self) -> None:
        from workflows import extensions, privacy  # noqa: F401

        _rules()
        _tasks()
        _alerts()
        _alarms()
        _health()
        _rewards()
        extensions.register()
        post_migrate.connect(_lay_down, sender=self)
        _navigation()


def _rules() -> None:
    from workflows.rules import dates, engine, leaving, metric_thresholds, reports, triggers, watching
    from workflows.rules.steps import changes, flow, outreach, rewards, work

    triggers.register()
    flow.register()
    work.register()
    outreach.register()
    changes.register()
    rewards.register()
    engine.register()
    metric_thresholds.register()
    leaving.register()
    reports.register()
    dates.register()
    watching.register()


def _tasks() -> None:
    from team import places
    from team.permissions import can_work
    from workflows import alert_kinds
    from workflows.rules.steps import playbooks
    from workflows.services import absences, loop, loop_clocks, recurring, renewals, tasks

    loop.register()
    playbooks.register()
    loop_clocks.register()
    tasks.register()
    recurring.register()
    absences.register()
    renewals.register()
    alert_kinds.register(loop_clocks.LATE, label="A promise to a customer was broken")
    places.register(
        places.Place(
            "You", "Working time and leave", "Your days, hours and holidays; who stands in for you", "clock",
            "workflows:working_time", can_work,
        )
    )  # fmt: skip
    places.register(
        places.Place(
            "Customers and surveys", "Promises", "How fast unhappy people hear from us, and what came of it", "flag",
            "workflows:promises",
        )
    )  # fmt: skip


def _alerts() -> None:
    from core import jobs
    from team import places
    from team.permissions import can_view
    from workflows import alert_kinds, digest_sections
    from workflows.notifying import words
    from workflows.services import alerts, digests, notices

    notices.register()
    alert_kinds.register("detractor", label="A detractor answered")
    alert_kinds.register("reply", label="A customer wrote back")
    alert_kinds.register("health", label="The health of an account changed")
    words.register()
    digests.register()
    digest_sections.register()
    places.register(
        places.Place(
            "You", "Notifications", "What reaches you in the app and by mail, quiet hours, the daily digest", "inbox",
            "workflows:notification_preferences", can_view,
        )
    )  # fmt: skip
    jobs.on_tick("alerts_wake", alerts.wake_due)


def _alarms() -> None:
    from workflows import list_fields
    from workflows.alarms import registration

    registration.register()
    list_fields.register()


def _health() -> None:
    from team import places
    from workflows.health import compute, extensions, panels
    from workflows.queries import backtests as backtest_queries
    from workflows.services import backtests

    places.register(
        places.Place(
            "Customers and surveys", "Back-tests", "Whether health told in advance who would leave", "health",
            "workflows:backtest_list", backtest_queries.may_see,
        )
    )  # fmt: skip
    compute.register()
    extensions.register()
    panels.register()
    backtests.register()


def _rewards() -> None:
    from team import places
    from team.permissions import can_lead
    from workflows.services import reward_alerts

    reward_alerts.register()
    places.register(
        places.Place(
            "Customers and surveys", "Reward codes", "Lists of vouchers that rules give away, and what is left",
            "star", "workflows:reward_lists", can_lead,
        )
    )  # fmt: skip


def _navigation() -> None:
    from django.urls import reverse

    from core.navigation import register
    from workflows.queries import alarms, alerts, loops, notifications, tasks

    register("act", "Tasks", "workflows:task_list", "tasks", "k", badge=tasks.count_due_for)
    register("act", "Alerts", "workflows:alert_list", "alerts", "l", badge=alerts.count_open_for)
    register("act", "Alarms", "workflows:alarm_list", "warning", permission=alarms.may_see)
    register("act", "Loops", "workflows:loop_list", "feedback", badge=loops.count_late_for)
    register("act", "Playbooks", "workflows:playbook_list", "file")
    register(
        "act", "Rules", "workflows:rule_list", "rules", "r", inside=lambda: [reverse("surveys:in_app_message_list")]
    )  # fmt: skip
    register("act", "Health", "workflows:health_list", "health", "h")
    register(
        "main", "Notifications", "workflows:notification_list", "inbox", "b",
        badge=notifications.count_unread, live="workflows:bell",
    )  # fmt: skip


def _lay_down(**_: object) -> None:
    from workflows.health import defaults
    from workflows.rules import builtin
    from workflows.work import library

    builtin.ensure()
    library.ensure()
    defaults.ensure()
