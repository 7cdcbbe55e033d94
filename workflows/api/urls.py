"""REST routes of this app, below /api/v1/."""

from django.urls import path
from rest_framework.routers import SimpleRouter

from workflows.api import alarms, alerts, backtests, health, rewards, rules, work

router = SimpleRouter()
router.register("tasks", work.TaskViewSet, basename="task")
router.register("playbooks", work.PlaybookViewSet, basename="playbook")
router.register("playbook-runs", work.PlaybookRunViewSet, basename="playbook-run")
router.register("loops", work.LoopViewSet, basename="loop")
router.register("loop-outcomes", work.LoopOutcomeViewSet, basename="loop-outcome")
router.register("leaves", work.LeaveViewSet, basename="leave")
router.register("alerts", alerts.AlertViewSet, basename="alert")
router.register("notifications", alerts.NotificationViewSet, basename="notification")
router.register("notification-preferences", alerts.PreferenceViewSet, basename="notification-preference")
router.register("alarms", alarms.AlarmViewSet, basename="alarm")
router.register("health/back-tests", backtests.BackTestViewSet, basename="backtest")
router.register("rules", rules.RuleViewSet, basename="rule")
router.register("reward-lists", rewards.RewardListViewSet, basename="reward-list")
router.register("runs", rules.RunViewSet, basename="run")
router.register("health-profiles", health.HealthProfileViewSet, basename="health-profile")
router.register("health", health.HealthViewSet, basename="health")
router.register("health-overrides", health.OverrideViewSet, basename="health-override")
router.register("health-sentiments", health.SentimentViewSet, basename="health-sentiment")
urlpatterns = [
    path(
        "accounts/<int:account>/health/",
        health.HealthViewSet.as_view({"get": "retrieve"}),
        name="account-health",
    ),
    *router.urls,
]
