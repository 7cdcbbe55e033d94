"""Pages of this app, and the door for what other systems send."""

from django.urls import URLPattern, URLResolver, path

from integrations import door
from integrations.outgoing.urls import urlpatterns as webhooks
from integrations.views import chat, connections, setup

app_name = "integrations"
urlpatterns: list[URLPattern | URLResolver] = [
    path("hooks/in/<str:token>/", door.door, name="door"),
    path("settings/chat/", chat.chat_list, name="chat_list"),
    path("settings/chat/new/", chat.chat_new, name="chat_new"),
    path("settings/chat/<int:pk>/", chat.chat_detail, name="chat_detail"),
    path("settings/chat/<int:pk>/test/", chat.chat_test, name="chat_test"),
    path("settings/chat/<int:pk>/pause/", chat.chat_pause, name="chat_pause"),
    path("settings/chat/<int:pk>/resume/", chat.chat_resume, name="chat_resume"),
    path("settings/chat/<int:pk>/delete/", chat.chat_delete, name="chat_delete"),
    path("connections/", connections.connection_list, name="connection_list"),
    path("connections/new/", setup.system_list, name="system_list"),
    path("connections/create/", setup.connection_create, name="connection_create"),
    path("connections/consent/", setup.consent, name="consent"),
    path("connections/<int:pk>/", connections.connection_detail, name="connection_detail"),
    path("connections/<int:pk>/access/", setup.setup_access, name="setup_access"),
    path("connections/<int:pk>/surveys/", setup.setup_surveys, name="setup_surveys"),
    path("connections/<int:pk>/fields/", setup.setup_fields, name="setup_fields"),
    path("connections/<int:pk>/history/", setup.setup_history, name="setup_history"),
    path("connections/<int:pk>/start/", setup.setup_start, name="setup_start"),
    path("connections/<int:pk>/pause/", connections.connection_pause, name="connection_pause"),
    path("connections/<int:pk>/resume/", connections.connection_resume, name="connection_resume"),
    path("connections/<int:pk>/run/", connections.connection_run, name="connection_run"),
    path("connections/<int:pk>/rerun/", connections.connection_rerun, name="connection_rerun"),
    path("connections/<int:pk>/try/", connections.connection_try, name="connection_try"),
    path("connections/<int:pk>/check/", connections.connection_check, name="connection_check"),
    path("connections/<int:pk>/hook/secret/", connections.hook_secret, name="hook_secret"),
    path("connections/<int:pk>/hook/address/", connections.hook_address, name="hook_address"),
    path("connections/<int:pk>/disconnect/", connections.connection_disconnect, name="connection_disconnect"),
    path("connections/<int:pk>/delete/", connections.connection_delete, name="connection_delete"),
    path("connections/<int:pk>/runs/<int:run>/", connections.run_detail, name="run_detail"),
    path("connections/<int:pk>/runs/<int:run>/cancel/", connections.run_cancel, name="run_cancel"),
    path("connections/<int:pk>/runs/<int:run>/carry-on/", connections.run_carry_on, name="run_carry_on"),
    *webhooks,
]
