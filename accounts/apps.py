from django.apps import AppConfig


class AccountsConfig(AppConfig):
    name = "accounts"
    verbose_name = "Customers"

    def ready(self) -> None:
        from accounts import privacy, registration, timeline  # noqa: F401

        timeline.register()
        registration.register()
