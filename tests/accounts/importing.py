"""Going through an import as a person does, for tests."""

from typing import Any

from django.core.files.uploadedfile import SimpleUploadedFile

from accounts import custom
from accounts.imports import mapping, services
from accounts.imports.mapping import Columns
from accounts.imports.reading import Dialect
from accounts.models import Import, ImportRow
from core import outbox
from team.models import User


def upload(content: str | bytes, *, actor: User, target: str = "contact", name: str = "people.csv") -> Import:
    data = content.encode() if isinstance(content, str) else content
    return services.upload_import(file=SimpleUploadedFile(name, data), target=target, actor=actor)


def check(run: Import, *, actor: User, dialect: dict[str, str] | None = None, **options: Any) -> Import:
    """Start the check with what was proposed, `options` laid over it, and work it off."""
    columns = Columns.of(run.mapping)
    for name, value in options.items():
        setattr(columns, name, value)
    read = Dialect.of({**run.dialect, **(dialect or {})})
    services.start_check(run=run, dialect=read, columns=columns, actor=actor)
    work()
    run.refresh_from_db()
    return run


def start(run: Import, *, actor: User) -> Import:
    services.start_import(run=run, actor=actor)
    work()
    run.refresh_from_db()
    return run


def bring_in(
    content: str | bytes,
    *,
    actor: User,
    target: str = "contact",
    dialect: dict[str, str] | None = None,
    **options: Any,
) -> Import:
    """Upload, check and import in one go."""
    run = check(upload(content, actor=actor, target=target), actor=actor, dialect=dialect, **options)
    return start(run, actor=actor) if run.state == "checked" else run


def work() -> None:
    for name in ("long_job",):
        kind = outbox.kind_named(name)
        assert kind is not None
        while outbox.work(kind):
            pass


def counts(run: Import) -> tuple[int, int, int, int]:
    return run.created_count, run.updated_count, run.unchanged_count, run.refused_count


def reasons(run: Import) -> dict[int, str]:
    return {row.line: row.reason for row in ImportRow.objects.filter(run=run)}


def targets(target: str) -> Any:
    return mapping.targets_for(target, custom.definitions(target))
