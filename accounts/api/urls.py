"""REST routes of this app, below /api/v1/."""

from django.urls import path
from rest_framework.routers import SimpleRouter

from accounts.api import merges, views

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
router.register("merges", merges.MergeViewSet, basename="merge")
urlpatterns = [
    *router.urls,
    path("contacts/<int:pk>/erasure/", merges.ErasureView.as_view(), name="contact-erasure"),
    path("contacts/<int:pk>/export/", merges.PersonExportView.as_view(), name="contact-export"),
]
