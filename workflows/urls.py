"""Pages of this app."""

from django.urls import path

from workflows.views import alarms, alerts, backtests, notifications, rules, tasks

app_name = "workflows"
urlpatterns = [
    path("health/back-tests/", backtests.backtest_list, name="backtest_list"),
    path("health/back-tests/<int:pk>/", backtests.backtest_detail, name="backtest_detail"),
    path("alarms/", alarms.alarm_list, name="alarm_list"),
    path("alarms/new/", alarms.alarm_create, name="alarm_create"),
    path("alarms/<int:pk>/", alarms.alarm_detail, name="alarm_detail"),
    path("alarms/<int:pk>/edit/", alarms.alarm_edit, name="alarm_edit"),
    path("alarms/<int:pk>/delete/", alarms.alarm_delete, name="alarm_delete"),
    path("alerts/", alerts.alert_list, name="alert_list"),
    path("alerts/<int:pk>/", alerts.alert_detail, name="alert_detail"),
    path("alerts/<int:pk>/seen/", alerts.alert_seen, name="alert_seen"),
    path("alerts/<int:pk>/reply/", alerts.alert_reply, name="alert_reply"),
    path("alerts/<int:pk>/log/", alerts.alert_log, name="alert_log"),
    path("alerts/<int:pk>/close/", alerts.alert_close, name="alert_close"),
    path("alerts/<int:pk>/assign/", alerts.alert_assign, name="alert_assign"),
    path("alerts/bulk/", alerts.alert_bulk, name="alert_bulk"),
    path("alerts/<int:pk>/snooze/", alerts.alert_snooze, name="alert_snooze"),
    path("alerts/<int:pk>/wake/", alerts.alert_wake, name="alert_wake"),
    path("notifications/", notifications.notification_list, name="notification_list"),
    path("notifications/bell/", notifications.bell, name="bell"),
    path("notifications/read/", notifications.notifications_read, name="notifications_read"),
    path("notifications/<int:pk>/open/", notifications.notification_open, name="notification_open"),
    path("settings/notifications/", notifications.preferences, name="notification_preferences"),
    path("settings/notifications/digest/", notifications.digest_now, name="digest_now"),
    path("tasks/", tasks.task_list, name="task_list"),
    path("tasks/new/", tasks.task_new, name="task_new"),
    path("tasks/<int:pk>/", tasks.task_detail, name="task_detail"),
    path("tasks/<int:pk>/finish/", tasks.task_finish, name="task_finish"),
    path("rules/", rules.rule_list, name="rule_list"),
    path("rules/<int:pk>/", rules.rule_detail, name="rule_detail"),
    path("rules/<int:pk>/switch/", rules.rule_switch, name="rule_switch"),
    path("runs/<int:pk>/", rules.run_detail, name="run_detail"),
    path("runs/<int:pk>/stop/", rules.run_stop, name="run_stop"),
    path("runs/<int:pk>/steps/<int:position>/retry/", rules.step_retry, name="step_retry"),
]
