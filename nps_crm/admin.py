"""The back office: Django's admin behind the product's own sign-in."""

from allauth.account.decorators import secure_admin_login
from django.contrib import admin


class Site(admin.AdminSite):
    site_header = "NPS CRM back office"
    site_title = "NPS CRM back office"
    index_title = "Back office"
    login = secure_admin_login(admin.AdminSite.login)
