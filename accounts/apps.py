from django.apps import AppConfig


class AccountsConfig(AppConfig):
    name = "accounts"
    verbose_name = "Customers"

    def ready(self) -> None:
        from accounts import privacy, timeline  # noqa: F401

        timeline.register()
