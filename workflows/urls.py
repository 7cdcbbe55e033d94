"""Pages of this app."""

from django.urls import path

from workflows.views import alerts, health, health_settings, rules, tasks

app_name = "workflows"
urlpatterns = [
    path("alerts/", alerts.alert_list, name="alert_list"),
    path("alerts/<int:pk>/", alerts.alert_detail, name="alert_detail"),
    path("alerts/<int:pk>/seen/", alerts.alert_seen, name="alert_seen"),
    path("alerts/<int:pk>/reply/", alerts.alert_reply, name="alert_reply"),
    path("alerts/<int:pk>/log/", alerts.alert_log, name="alert_log"),
    path("alerts/<int:pk>/close/", alerts.alert_close, name="alert_close"),
    path("alerts/<int:pk>/assign/", alerts.alert_assign, name="alert_assign"),
    path("tasks/", tasks.task_list, name="task_list"),
    path("tasks/new/", tasks.task_new, name="task_new"),
    path("tasks/<int:pk>/", tasks.task_detail, name="task_detail"),
    path("tasks/<int:pk>/finish/", tasks.task_finish, name="task_finish"),
    path("rules/", rules.rule_list, name="rule_list"),
    path("rules/<int:pk>/", rules.rule_detail, name="rule_detail"),
    path("rules/<int:pk>/switch/", rules.rule_switch, name="rule_switch"),
    path("runs/<int:pk>/", rules.run_detail, name="run_detail"),
    path("health/", health.health_list, name="health_list"),
    path("health/export/", health.health_export, name="health_export"),
    path("health/how/", health.health_how, name="health_how"),
    path("accounts/<int:pk>/health/change/", health.health_change, name="health_change"),
    path("accounts/<int:pk>/health/override/", health.health_override, name="health_override"),
    path("accounts/<int:pk>/health/override/end/", health.health_override_end, name="health_override_end"),
    path("accounts/<int:pk>/health/sentiment/", health.health_sentiment, name="health_sentiment"),
    path("settings/health/", health_settings.health_settings, name="health_settings"),
    path("settings/health/bands/", health_settings.health_bands, name="health_bands"),
    path("settings/health/profiles/new/", health_settings.profile_create, name="health_profile_create"),
    path("settings/health/profiles/<slug:key>/", health_settings.profile_edit, name="health_profile"),
    path(
        "settings/health/profiles/<slug:key>/<slug:action>/",
        health_settings.profile_action,
        name="health_profile_action",
    ),
    path("settings/health/versions/", health_settings.version_list, name="health_versions"),
    path("settings/health/versions/<int:number>/", health_settings.version_detail, name="health_version"),
    path(
        "settings/health/versions/<int:number>/restore/",
        health_settings.version_restore,
        name="health_version_restore",
    ),
    path("runs/<int:pk>/stop/", rules.run_stop, name="run_stop"),
    path("runs/<int:pk>/steps/<int:position>/retry/", rules.step_retry, name="step_retry"),
]
