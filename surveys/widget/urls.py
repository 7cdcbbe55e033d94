"""Where the widget is: its endpoints, its settings, and where campaigns show in it. Part of surveys/urls.py."""

from django.urls import URLPattern, URLResolver, path, re_path

from surveys.views import widgets
from surveys.widget import api

urlpatterns: list[URLPattern | URLResolver] = [
    # Browsers come by surveys.widget.api.WidgetLane; this is where it says so.
    re_path(
        r"^w/(?P<key>[A-Za-z0-9_-]{8,24})/(?P<what>decide|answer|identify|track)$",
        api.door,
        name="widget_door",
    ),
    path("widgets/sample/<str:ticket>/", widgets.widget_sample, name="widget_sample"),
    path("settings/widgets/", widgets.widget_list, name="widget_list"),
    path("settings/widgets/new/", widgets.widget_new, name="widget_new"),
    path("settings/widgets/<int:pk>/", widgets.widget_detail, name="widget_detail"),
    path("settings/widgets/<int:pk>/edit/", widgets.widget_edit, name="widget_edit"),
    path("settings/widgets/<int:pk>/rotate/", widgets.widget_rotate, name="widget_rotate"),
    path("settings/widgets/<int:pk>/test/", widgets.widget_test, name="widget_test"),
    path("campaigns/<int:pk>/in-app/", widgets.campaign_in_app, name="campaign_in_app"),
    path("campaigns/<int:pk>/in-app/remove/", widgets.campaign_in_app_remove, name="campaign_in_app_remove"),
]
