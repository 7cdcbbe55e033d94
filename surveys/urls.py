"""Pages of this app."""

from django.urls import URLPattern, path, re_path

from surveys.views import intents, respond, surveys, unsubscribe

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

# Surveys and the clicks that are no answers yet.
urlpatterns += [
    path("surveys/", surveys.survey_list, name="survey_list"),
    path("surveys/new/", surveys.survey_new, name="survey_new"),
    path("surveys/new/preview/", surveys.survey_preview, name="survey_new_preview"),
    path("surveys/<int:pk>/", surveys.survey_detail, name="survey_detail"),
    path("surveys/<int:pk>/edit/", surveys.survey_edit, name="survey_edit"),
    path("surveys/<int:pk>/preview/", surveys.survey_preview, name="survey_preview"),
    path("surveys/<int:pk>/test/", surveys.survey_test, name="survey_test"),
    path("surveys/<int:pk>/activate/", surveys.survey_activate, name="survey_activate"),
    path("surveys/<int:pk>/archive/", surveys.survey_archive, name="survey_archive"),
    path("surveys/<int:pk>/copy/", surveys.survey_copy, name="survey_copy"),
    path("surveys/<int:pk>/versions/<int:number>/", surveys.survey_version, name="survey_version"),
    path(
        "surveys/<int:pk>/versions/<int:number>/preview/",
        surveys.survey_version_preview,
        name="survey_version_preview",
    ),
    path("feedback/clicks/", intents.intent_list, name="intent_list"),
    path("feedback/clicks/<int:pk>/accept/", intents.intent_accept, name="intent_accept"),
    path("feedback/clicks/<int:pk>/dismiss/", intents.intent_dismiss, name="intent_dismiss"),
]
