"""Pages of this app."""

from django.urls import path

from team.views import keys, people, profile, workspace

app_name = "team"
urlpatterns = [
    path("settings/", workspace.settings, name="settings"),
    path("settings/profile/", profile.profile, name="profile"),
    path("settings/company/", workspace.workspace, name="workspace"),
    path("settings/people/", people.person_list, name="person_list"),
    path("settings/people/invite/", people.person_invite, name="person_invite"),
    path("settings/people/<int:pk>/", people.person_detail, name="person_detail"),
    path("settings/people/<int:pk>/deactivate/", people.person_deactivate, name="person_deactivate"),
    path("settings/people/<int:pk>/activate/", people.person_activate, name="person_activate"),
    path("settings/people/<int:pk>/link/", people.person_link, name="person_link"),
    path("settings/people/<int:pk>/second-step/", people.person_second_step, name="person_second_step"),
    path("settings/teams/", workspace.team_list, name="team_list"),
    path("settings/teams/<int:pk>/", workspace.team_detail, name="team_detail"),
    path("settings/teams/<int:pk>/delete/", workspace.team_delete, name="team_delete"),
    path("settings/roles/", workspace.roles, name="roles"),
    path("settings/keys/", keys.key_list, name="key_list"),
    path("settings/keys/new/", keys.key_create, name="key_create"),
    path("settings/keys/<int:pk>/revoke/", keys.key_revoke, name="key_revoke"),
    path("settings/audit/", profile.audit_list, name="audit_list"),
    path("brand/logo", workspace.logo, name="logo"),
]
