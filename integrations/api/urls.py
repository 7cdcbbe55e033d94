"""REST routes of this app, below /api/v1/."""

from django.urls import re_path
from rest_framework.routers import SimpleRouter

from integrations import door
from integrations.api import chat, views
from integrations.outgoing import api as webhooks

router = SimpleRouter()
router.register("connections", views.ConnectionViewSet, basename="connection")
router.register("chat-channels", chat.ChatChannelViewSet, basename="chat-channel")
router.register("sync-runs", views.RunViewSet, basename="sync-run")
router.register("sync-run-lines", views.LineViewSet, basename="sync-run-line")
router.register("webhooks", webhooks.WebhookViewSet, basename="webhook")
router.register("webhook-deliveries", webhooks.DeliveryViewSet, basename="webhook-delivery")
router.register("webhook-events", webhooks.EventTypeViewSet, basename="webhook-event")
router.register("hooks", webhooks.HookViewSet, basename="hook")
urlpatterns = [*router.urls, re_path(r"^ingest/(?P<token>[^/]+)/?$", door.door, name="ingest")]
