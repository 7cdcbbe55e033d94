"""Comparing texts without regard to capitals, on both databases and beyond ASCII."""

from typing import Any

from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import CharField, Func, Value
from django.db.models.functions import Coalesce


class Folded(Func):
    """A text in small letters, nothing counted as the empty text. SQLite's own LOWER knows ASCII only."""

    function = "LOWER"
    output_field = CharField()

    def __init__(self, expression: Any, **extra: Any) -> None:
        super().__init__(Coalesce(expression, Value(""), output_field=CharField()), **extra)

    def as_sqlite(self, compiler: Any, connection: Any, **extra: Any) -> Any:
        return self.as_sql(compiler, connection, function="nps_fold", **extra)


def add_function(sender: Any, connection: BaseDatabaseWrapper, **_: Any) -> None:
    """Give each new SQLite connection the function that `Folded` calls."""
    if connection.vendor == "sqlite":
        connection.connection.create_function(
            "nps_fold", 1, lambda text: text.lower() if isinstance(text, str) else text, deterministic=True
        )
