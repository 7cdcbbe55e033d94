"""Pages of this app."""

from django.urls import path

from workflows.views import alerts, loops, playbooks, rules, tasks, worktime

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
    path("tasks/bulk/", tasks.task_bulk, name="task_bulk"),
    path("tasks/<int:pk>/comment/", tasks.task_comment, name="task_comment"),
    path("tasks/<int:pk>/lines/", tasks.task_lines, name="task_lines"),
    path("tasks/<int:pk>/lines/<int:line>/", tasks.task_line, name="task_line"),
    path("tasks/<int:pk>/repeat/", tasks.task_repeat, name="task_repeat"),
    path("playbooks/", playbooks.playbook_list, name="playbook_list"),
    path("playbooks/new/", playbooks.playbook_new, name="playbook_new"),
    path("playbooks/start/", playbooks.playbook_start, name="playbook_start"),
    path("playbooks/<int:pk>/", playbooks.playbook_detail, name="playbook_detail"),
    path("playbooks/<int:pk>/archive/", playbooks.playbook_archive, name="playbook_archive"),
    path("playbooks/<int:pk>/copy/", playbooks.playbook_copy, name="playbook_copy"),
    path("playbooks/<int:pk>/tasks/new/", playbooks.playbook_task, name="playbook_task_new"),
    path("playbooks/<int:pk>/tasks/<int:task>/", playbooks.playbook_task, name="playbook_task"),
    path(
        "playbooks/<int:pk>/tasks/<int:task>/move/", playbooks.playbook_task_move, name="playbook_task_move"
    ),
    path("playbooks/runs/<int:pk>/", playbooks.playbook_run, name="playbook_run"),
    path("playbooks/runs/<int:pk>/stop/", playbooks.playbook_stop, name="playbook_stop"),
    path("loops/", loops.loop_list, name="loop_list"),
    path("loops/statistics/", loops.loop_statistics, name="loop_statistics"),
    path("loops/<int:pk>/outcome/", loops.loop_outcome, name="loop_outcome"),
    path("settings/working-time/", worktime.working_time, name="working_time"),
    path("settings/working-time/<int:pk>/", worktime.working_time_of, name="working_time_of"),
    path("settings/working-time/<int:pk>/leave/", worktime.leave_plan, name="leave_plan"),
    path("settings/working-time/<int:pk>/leave/<int:leave>/end/", worktime.leave_end, name="leave_end"),
    path("settings/promises/", worktime.promises, name="promises"),
    path("settings/promises/outcomes/", worktime.outcome_save, name="outcome_add"),
    path("settings/promises/outcomes/<int:pk>/", worktime.outcome_save, name="outcome_change"),
    path("rules/", rules.rule_list, name="rule_list"),
    path("rules/<int:pk>/", rules.rule_detail, name="rule_detail"),
    path("rules/<int:pk>/switch/", rules.rule_switch, name="rule_switch"),
    path("runs/<int:pk>/", rules.run_detail, name="run_detail"),
    path("runs/<int:pk>/stop/", rules.run_stop, name="run_stop"),
    path("runs/<int:pk>/steps/<int:position>/retry/", rules.step_retry, name="step_retry"),
]
