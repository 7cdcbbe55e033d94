"""Many steps of a migration taken as one, for new databases.

Django draws all models that are connected anew after each step. With as many as here that takes a quarter of a second a
step, and most of a minute for a new database. Here the steps are made known first, and then every table is created as it
is after the last of them.
"""

from collections.abc import Sequence
from typing import Any

from django.db.migrations.operations import AddConstraint, AddField, AddIndex, CreateModel
from django.db.migrations.operations.base import Operation

_KNOWN = (CreateModel, AddField, AddIndex, AddConstraint)


class AllAtOnce(Operation):
    """Create the tables of `steps`, which create models and add fields, indexes and constraints to those, nothing else."""

    reduces_to_sql = True
    reversible = True

    def __init__(self, steps: Sequence[Operation]) -> None:
        others = [step for step in steps if not isinstance(step, _KNOWN)]
        if others:
            raise ValueError(f"This cannot be done at once with others: {others[0]}")
        self.steps = list(steps)

    def state_forwards(self, app_label: str, state: Any) -> None:
        state.__dict__.pop("apps", None)  # drawn once, when all steps are known
        for step in self.steps:
            step.state_forwards(app_label, state)

    def database_forwards(self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any) -> None:
        for model in self._models(app_label, to_state):
            if self.allow_migrate_model(schema_editor.connection.alias, model):
                schema_editor.create_model(model)

    def database_backwards(self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any) -> None:
        for model in reversed(self._models(app_label, from_state)):
            if self.allow_migrate_model(schema_editor.connection.alias, model):
                schema_editor.delete_model(model)

    def describe(self) -> str:
        return f"Create {len(self._names())} tables at once"

    def _names(self) -> list[str]:
        return [step.name for step in self.steps if isinstance(step, CreateModel)]

    def _models(self, app_label: str, state: Any) -> list[Any]:
        return [state.apps.get_model(app_label, name) for name in self._names()]
