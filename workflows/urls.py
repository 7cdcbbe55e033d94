"""Pages of this app."""

from django.urls import path

from workflows.views import alerts, rule_editor, rules, tasks

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
    path("rules/library/", rule_editor.rule_library, name="rule_library"),
    path("rules/new/", rule_editor.rule_new, name="rule_new"),
    path("rules/import/", rule_editor.rule_import, name="rule_import"),
    path("rules/<int:pk>/", rules.rule_detail, name="rule_detail"),
    path("rules/<int:pk>/edit/", rule_editor.rule_edit, name="rule_edit"),
    path("rules/<int:pk>/versions/", rule_editor.rule_versions, name="rule_versions"),
    path("rules/<int:pk>/take-back/", rule_editor.rule_take_back, name="rule_take_back"),
    path("rules/<int:pk>/copy/", rule_editor.rule_copy, name="rule_copy"),
    path("rules/<int:pk>/delete/", rule_editor.rule_delete, name="rule_delete"),
    path("rules/<int:pk>/export/", rule_editor.rule_export, name="rule_export"),
    path("rules/<int:pk>/dry-run/", rules.rule_dry_run, name="rule_dry_run"),
    path("rules/<int:pk>/switch/", rules.rule_switch, name="rule_switch"),
    path("rules/<int:pk>/switch-on/", rules.rule_switch_on, name="rule_switch_on"),
    path("runs/", rules.run_list, name="run_list"),
    path("runs/<int:pk>/", rules.run_detail, name="run_detail"),
    path("runs/<int:pk>/stop/", rules.run_stop, name="run_stop"),
    path("runs/<int:pk>/steps/<str:path>/retry/", rules.step_retry, name="step_retry"),
    path("runs/<int:pk>/steps/<str:path>/skip/", rules.step_skip, name="step_skip"),
]
