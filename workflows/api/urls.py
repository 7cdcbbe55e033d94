"""REST routes of this app, below /api/v1/."""

from rest_framework.routers import SimpleRouter

from workflows.api import alarms, backtests, views

router = SimpleRouter()
router.register("tasks", views.TaskViewSet, basename="task")
router.register("alerts", views.AlertViewSet, basename="alert")
router.register("health/back-tests", backtests.BackTestViewSet, basename="backtest")
router.register("alarms", alarms.AlarmViewSet, basename="alarm")
router.register("rules", views.RuleViewSet, basename="rule")
urlpatterns = router.urls
