"""Where everything is. Guards are on the views; tests/architecture checks that none is missing."""

from django.conf import settings
from django.contrib import admin
from django.urls import include, path, re_path

from team.api import docs

api = [
    path("", include("team.api.urls")),
    path("", include("accounts.api.urls")),
    path("", include("surveys.api.urls")),
    path("", include("workflows.api.urls")),
    path("", include("integrations.api.urls")),
    path("", include("reports.api.urls")),
]

urlpatterns = [
    path("admin/", admin.site.urls),
    path("auth/", include("allauth.urls")),
    path("api/v1/schema/", docs.SchemaView.as_view(), name="api_schema"),
    path("api/v1/docs/", docs.docs, name="api_docs"),
    path("api/v1/", include((api, "api"))),
    re_path(r"^api/", docs.unknown),
    path("", include("reports.urls")),
    path("", include("accounts.urls")),
    path("", include("surveys.urls")),
    path("", include("workflows.urls")),
    path("", include("integrations.urls")),
    path("", include("team.urls")),
]

if settings.DEMO:
    urlpatterns.append(path("mail/", include("nps_crm.demo.urls")))
