from django.urls import path

from nps_crm.demo import views

app_name = "demo"
urlpatterns = [
    path("", views.mail_list, name="mail_list"),
    path("product/", views.product, name="product"),
    path("sms/", views.sms_list, name="sms_list"),
    path("sms/<str:number>/", views.sms_detail, name="sms_detail"),
    path("<str:key>/", views.mail_detail, name="mail_detail"),
    path("<str:key>/html/", views.mail_frame, name="mail_frame"),
]
