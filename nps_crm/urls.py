"""Where everything is. Guards are on the views; tests/architecture checks that none is missing."""

from django.contrib import admin
from django.urls import include, path

api = [
    path("", include("team.api.urls")),
    path("", include("accounts.api.urls")),
    path("", include("surveys.api.urls")),
    path("", include("workflows.api.urls")),
]

urlpatterns = [
    path("admin/", admin.site.urls),
    path("auth/", include("allauth.urls")),
    path("api/v1/", include((api, "api"))),
    path("", include("reports.urls")),
    path("", include("accounts.urls")),
    path("", include("surveys.urls")),
    path("", include("workflows.urls")),
    path("", include("team.urls")),
]
