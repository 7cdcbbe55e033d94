"""REST routes of this app, below /api/v1/."""

from rest_framework.routers import SimpleRouter

from accounts.api import views

router = SimpleRouter()
router.register("accounts", views.AccountViewSet, basename="account")
router.register("contacts", views.ContactViewSet, basename="contact")
router.register("segments", views.SegmentViewSet, basename="segment")
router.register("events", views.EventViewSet, basename="event")
router.register("contracts", views.ContractViewSet, basename="contract")
router.register("interactions", views.InteractionViewSet, basename="interaction")
router.register("metrics", views.MetricViewSet, basename="metric")
router.register("metric-points", views.MetricPointViewSet, basename="metric-point")
router.register("stages", views.StageViewSet, basename="stage")
router.register("custom-fields", views.CustomFieldViewSet, basename="custom-field")
urlpatterns = router.urls
