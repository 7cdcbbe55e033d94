"""Pages of webhooks, part of the app's URLs."""

from django.urls import URLPattern, path

from integrations.outgoing import views

urlpatterns: list[URLPattern] = [
    path("webhooks/", views.webhook_list, name="webhook_list"),
    path("webhooks/new/", views.webhook_create, name="webhook_create"),
    path("webhooks/events/", views.event_list, name="webhook_events"),
    path("webhooks/<int:pk>/", views.webhook_detail, name="webhook_detail"),
    path("webhooks/<int:pk>/edit/", views.webhook_edit, name="webhook_edit"),
    path("webhooks/<int:pk>/pause/", views.webhook_pause, name="webhook_pause"),
    path("webhooks/<int:pk>/resume/", views.webhook_resume, name="webhook_resume"),
    path("webhooks/<int:pk>/take-over/", views.webhook_take_over, name="webhook_take_over"),
    path("webhooks/<int:pk>/test/", views.webhook_test, name="webhook_test"),
    path("webhooks/<int:pk>/replay/", views.webhook_replay, name="webhook_replay"),
    path("webhooks/<int:pk>/clear/", views.webhook_clear, name="webhook_clear"),
    path("webhooks/<int:pk>/secret/", views.webhook_secret, name="webhook_secret"),
    path("webhooks/<int:pk>/delete/", views.webhook_delete, name="webhook_delete"),
    path("webhooks/<int:pk>/messages/<int:delivery>/", views.delivery_detail, name="webhook_delivery"),
    path(
        "webhooks/<int:pk>/messages/<int:delivery>/replay/",
        views.delivery_replay,
        name="webhook_delivery_replay",
    ),
]
