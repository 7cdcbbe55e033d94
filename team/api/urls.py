"""REST routes of this app, below /api/v1/."""

from rest_framework.routers import SimpleRouter

from team.api import views

router = SimpleRouter()
router.register("users", views.UserViewSet, basename="user")
router.register("audit-entries", views.AuditEntryViewSet, basename="audit_entry")
urlpatterns = router.urls
