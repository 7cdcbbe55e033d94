from django.urls import path

from nps_crm.demo import views

app_name = "demo"
urlpatterns = [
    path("", views.mail_list, name="mail_list"),
    path("<str:key>/", views.mail_detail, name="mail_detail"),
    path("<str:key>/html/", views.mail_frame, name="mail_frame"),
]
