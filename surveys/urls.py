"""Pages of this app."""

from django.urls import URLPattern, path, re_path

from surveys.views import respond, unsubscribe

app_name = "surveys"
urlpatterns: list[URLPattern] = []

# What respondents open. Their addresses are short: they stand in mails.
urlpatterns += [
    path("r/<str:token>/", respond.respond, name="respond"),
    path("r/<str:token>/o.gif", respond.opened, name="respond_opened"),
    path("r/<str:token>/all/", respond.hidden_link, name="respond_hidden"),
    path("r/<str:token>/confirm/", respond.confirm, name="respond_confirm"),
    path("r/<str:token>/thanks/", respond.thanks, name="respond_thanks"),
    path("r/<str:token>/<int:score>/", respond.score_link, name="score_link"),
    path("u/<str:token>/", unsubscribe.unsubscribe, name="unsubscribe"),
    path("u/<str:token>/undo/", unsubscribe.unsubscribe_undo, name="unsubscribe_undo"),
    re_path(r"^b/(?P<colour>[0-9a-f]{6})\.css$", respond.brand_css, name="brand_css"),
    path("b/<str:name>", respond.brand_logo, name="brand_logo"),
]
