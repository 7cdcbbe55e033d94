"""Pages of this app, and the door for what other systems send."""

from django.urls import URLPattern, URLResolver, path

from integrations import door

app_name = "integrations"
urlpatterns: list[URLPattern | URLResolver] = [
    path("hooks/in/<str:token>/", door.door, name="door"),
]
