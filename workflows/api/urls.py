"""REST routes of this app, below /api/v1/."""

from rest_framework.routers import SimpleRouter

from workflows.api import alarms, rules, views

router = SimpleRouter()
router.register("tasks", views.TaskViewSet, basename="task")
router.register("alerts", views.AlertViewSet, basename="alert")
router.register("alarms", alarms.AlarmViewSet, basename="alarm")
router.register("rules", rules.RuleViewSet, basename="rule")
router.register("runs", rules.RunViewSet, basename="run")
urlpatterns = router.urls
