"""REST routes of this app, below /api/v1/."""

from typing import Any

from django.urls import URLPattern, URLResolver, path, re_path
from rest_framework.routers import SimpleRouter

from surveys.api import asks, campaigns, identity, in_app, surveys, views

urlpatterns: list[URLPattern | URLResolver] = []

# Answers. The collection takes a plain post through a fast door of its own.
_response: dict[str, Any] = {"get": "retrieve", "patch": "partial_update"}
urlpatterns += [
    re_path(r"^responses/?$", views.response_collection, name="response-list"),
    re_path(
        r"^responses/bulk/?$",
        views.ResponseViewSet.as_view({"post": "bulk"}, detail=False),
        name="response-bulk",
    ),
    re_path(r"^nps/?$", views.NpsView.as_view(), name="nps"),
    re_path(r"^scores/(?P<metric>csat|ces)/?$", views.ScaleView.as_view(), name="scale-score"),
    path(
        "responses/<int:pk>/", views.ResponseViewSet.as_view(_response, detail=True), name="response-detail"
    ),
]

_survey: dict[str, Any] = {"get": "retrieve", "patch": "partial_update"}
urlpatterns += [
    re_path(
        r"^surveys/?$", surveys.SurveyViewSet.as_view({"get": "list", "post": "create"}), name="survey-list"
    ),
    path("surveys/<int:pk>/", surveys.SurveyViewSet.as_view(_survey, detail=True), name="survey-detail"),
]

_asking = SimpleRouter()
_asking.register("campaigns", campaigns.CampaignViewSet, basename="campaign")
_asking.register("invitations", campaigns.InvitationViewSet, basename="invitation")
_asking.register("suppressions", campaigns.SuppressionViewSet, basename="suppression")
_asking.register("in-app-messages", in_app.InAppMessageViewSet, basename="in-app-message")
_asking.register("asks", asks.AskViewSet, basename="ask")
urlpatterns += _asking.urls
urlpatterns += [
    path(
        "contacts/<int:pk>/asks/",
        asks.ContactAskViewSet.as_view({"get": "retrieve", "post": "create"}, detail=True),
        name="contact-asks",
    ),
]

# Whose answers are whose, and what was known when.
_identity = SimpleRouter()
_identity.register("inbox", identity.InboxViewSet, basename="inbox")
_identity.register("inbox-decisions", identity.DecisionViewSet, basename="inbox-decision")
urlpatterns += _identity.urls
urlpatterns += [
    re_path(r"^nps/restatement/?$", identity.RestatementView.as_view(), name="nps-restatement"),
]
