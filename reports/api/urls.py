"""REST routes of this app, below /api/v1/."""

from django.urls import path

from reports.api import portfolio

urlpatterns = [path("portfolio/", portfolio.PortfolioView.as_view(), name="portfolio")]
