"""REST routes of this app, below /api/v1/."""

from django.urls import path
from rest_framework.routers import SimpleRouter

from workflows.api import alarms, health, views

router = SimpleRouter()
router.register("tasks", views.TaskViewSet, basename="task")
router.register("alerts", views.AlertViewSet, basename="alert")
router.register("alarms", alarms.AlarmViewSet, basename="alarm")
router.register("rules", views.RuleViewSet, basename="rule")
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
