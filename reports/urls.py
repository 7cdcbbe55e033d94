"""Pages of this app."""

from django.urls import path

from reports import views

app_name = "reports"
urlpatterns = [
    path("", views.today, name="today"),
    path("portfolio/", views.portfolio, name="portfolio"),
    path("portfolio/export/", views.portfolio_export, name="portfolio_export"),
]
