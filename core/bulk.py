"""Writing many rows in few statements: COPY and one UPDATE on PostgreSQL, the driver's own batches elsewhere.

Both run in the caller's transaction and know nothing of history or events: the services that use them write those too.
"""

import datetime as dt
import json
from collections.abc import Callable, Collection, Mapping, Sequence
from decimal import Decimal
from functools import cache
from typing import Any, TypeVar

import orjson
from django.core.serializers.json import DjangoJSONEncoder
from django.db import connection, models
from django.db.models.base import ModelState

M = TypeVar("M", bound=models.Model)
CHUNK = 500
_ESCAPES = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"})
_encode = json.JSONEncoder(default=DjangoJSONEncoder().default, separators=(",", ":")).encode


@cache
def _blank(model: type[models.Model]) -> tuple[dict[str, Any], list[tuple[str, Callable[[], Any]]]]:
    """What a new instance holds, and what has to be made anew for each."""
    values = {name: value for name, value in model().__dict__.items() if name != "_state"}
    made = [(f.attname, f.get_default) for f in model._meta.concrete_fields if callable(f.default)]
    return values, made


def draft(model: type[M], values: Mapping[str, Any]) -> M:
    """A new instance from values of its columns (`account_id`, not `account`), for those who write thousands.

    Django's constructor takes longer than the database takes for the row. Signals of construction are not sent.
    """
    blank, made = _blank(model)
    thing = model.__new__(model)
    thing.__dict__.update(blank, **{name: make() for name, make in made if name not in values})
    thing.__dict__.update(values, _state=ModelState())
    return thing


def insert(model: type[M], things: Sequence[M]) -> Sequence[M]:
    """Insert `things` and give each its key. A broken constraint raises IntegrityError and nothing is inserted."""
    if not things:
        return things
    if connection.vendor != "postgresql":
        return model._base_manager.bulk_create(things, batch_size=CHUNK)
    key = model._meta.pk
    if isinstance(key, models.AutoField) and things[0].pk is None:
        for thing, number in zip(things, next_ids(model, len(things)), strict=True):
            thing.pk = number
    fields: list[Any] = []
    for field in model._meta.concrete_fields:
        left = (
            {_is_left_to_database(getattr(thing, field.attname)) for thing in things}
            if field.has_db_default()
            else {False}
        )
        if len(left) > 1:
            raise ValueError(f"Set {field.name} on all of the rows or on none")
        if left == {False}:
            fields.append(field)
    columns = [(field.attname, text_of(field)) for field in fields]
    lines = ["\t".join([text(getattr(thing, name)) for name, text in columns]) for thing in things]
    copy(model._meta.db_table, [field.column for field in fields], lines)
    for thing in things:
        thing._state.adding, thing._state.db = False, "default"
    return things


def upsert(model: type[M], things: Sequence[M], *, unique: Sequence[str], update: Sequence[str]) -> None:
    """Insert `things`, or write the fields `update` of rows that have their `unique` ones already. Keys are not given."""
    if not things:
        return
    if connection.vendor != "postgresql":
        model._base_manager.bulk_create(
            things, update_conflicts=True, unique_fields=unique, update_fields=update, batch_size=CHUNK
        )
        return
    # As one JSON text: arrays of a column each, as Django sends them, take the driver longer than the database the rows.
    fields: list[Any] = [field for field in model._meta.concrete_fields if not field.primary_key]
    quote: Callable[[Any], str] = connection.ops.quote_name
    names = ", ".join(quote(field.column) for field in fields)
    kinds = ", ".join(f"{quote(field.column)} {_cast(field)}" for field in fields)
    column = {field.name: quote(field.column) for field in fields}
    keys = ", ".join(column[name] for name in unique)
    sets = ", ".join(f"{column[name]} = excluded.{column[name]}" for name in update)
    rows = [{field.column: getattr(thing, field.attname) for field in fields} for thing in things]
    with connection.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO {quote(model._meta.db_table)} ({names}) SELECT {names}"
            f" FROM jsonb_to_recordset(%s::jsonb) AS x({kinds}) ON CONFLICT ({keys}) DO UPDATE SET {sets}",
            [json_text(rows)],
        )


def json_text(rows: Sequence[Mapping[str, Any]]) -> str:
    """Rows as one JSON text, for statements that read them with `jsonb_to_recordset` or `json_each`."""
    try:
        return orjson.dumps(rows, default=str).decode()
    except TypeError:  # whole numbers beyond 64 bits
        return json.dumps(rows, default=str)


def insert_keys(model: type[M], keys: Sequence[int]) -> None:
    """Insert rows of a table whose only column is its key."""
    key: Any = model._meta.pk
    if connection.vendor != "postgresql":
        model._base_manager.bulk_create([model(**{key.attname: number}) for number in keys], batch_size=CHUNK)
    elif keys:
        quote = connection.ops.quote_name
        with connection.cursor() as cursor:
            cursor.execute(
                f"INSERT INTO {quote(model._meta.db_table)} ({quote(key.column)}) SELECT unnest(%s::bigint[])",
                [list(keys)],
            )


def update(model: type[M], things: Sequence[M], names: Sequence[str]) -> None:
    """Write the fields `names` of `things`, which have keys."""
    if not things or not names:
        return
    table: str = model._meta.db_table
    quote: Callable[[Any], str] = connection.ops.quote_name
    fields: list[Any] = [model._meta.get_field(name) for name in names]
    key: Any = model._meta.pk
    if connection.vendor == "postgresql":
        arrays = [
            [None if (value := getattr(thing, field.attname)) is None else read(value) for thing in things]
            for field, read in [(field, _plain_of(field)) for field in (key, *fields)]
        ]
        sets = ", ".join(f"{quote(f.column)} = v.c{i}::{_cast(f)}" for i, f in enumerate(fields, start=1))
        names_of = ", ".join(f"c{i}" for i in range(len(arrays)))
        values = ", ".join("%s::text[]" for _ in arrays)
        sql = (
            f"UPDATE {quote(table)} SET {sets} FROM unnest({values}) AS v({names_of})"
            f" WHERE {quote(table)}.{quote(key.column)} = v.c0::{_cast(key)}"
        )
        with connection.cursor() as cursor:
            cursor.execute(sql, arrays)
        return
    sets = ", ".join(f"{quote(field.column)} = %s" for field in fields)
    rows = [
        [*(field.get_db_prep_save(getattr(thing, field.attname), connection) for field in fields), thing.pk]
        for thing in things
    ]
    with connection.cursor() as cursor:
        cursor.executemany(f"UPDATE {quote(table)} SET {sets} WHERE {quote(key.column)} = %s", rows)


def among(rows: "models.QuerySet[M]", name: str, values: Collection[Any]) -> "models.QuerySet[M]":
    """`rows` whose field `name` is one of many texts or numbers, as one array on PostgreSQL.

    A thousand placeholders cost more to send and to plan than to answer; `= ANY(array)` under a generic plan compares
    every row with every value where the statistics are young.
    """
    if connection.vendor != "postgresql":
        return rows.filter(**{f"{name}__in": values})
    field: Any = rows.model._meta.get_field(name)
    quote = connection.ops.quote_name
    kind = "text" if isinstance(field, (models.CharField, models.TextField)) else _cast(field)
    column = f"{quote(rows.model._meta.db_table)}.{quote(field.column)}"
    return rows.extra(where=[f"{column} IN (SELECT unnest(%s::{kind}[]))"], params=[list(values)])  # noqa: S610 - own names only


def next_ids(model: type[models.Model], count: int) -> list[int]:
    """Keys for rows that are about to be copied in (PostgreSQL)."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT nextval(pg_get_serial_sequence(%s, %s)::regclass) FROM generate_series(1, %s)",
            [connection.ops.quote_name(model._meta.db_table), model._meta.pk.column, count],
        )
        return [row[0] for row in cursor.fetchall()]


def copy(table: str, columns: Sequence[str], lines: Sequence[str]) -> None:
    """COPY lines in its text form (values escaped by `text_of`) into a table (PostgreSQL)."""
    quote = connection.ops.quote_name
    names = ", ".join(quote(column) for column in columns)
    statement = f"COPY {quote(table)} ({names}) FROM STDIN"
    # Django translates the errors of `execute` only; callers wait for IntegrityError.
    with connection.cursor() as cursor, connection.wrap_database_errors, cursor.copy(statement) as sink:
        sink.write(("\n".join(lines) + "\n").encode())


def _is_left_to_database(value: object) -> bool:
    return type(value).__name__ == "DatabaseDefault"


def text_of(field: "models.Field[Any, Any]") -> Callable[[Any], str]:
    """How a field's value is written in the text form of COPY."""
    if isinstance(field, models.JSONField):
        return lambda value: _encode(value).translate(_ESCAPES)
    if isinstance(field, (models.CharField, models.TextField)):
        return _escaped
    return _plain


def _escaped(value: Any) -> str:
    if value is None:
        return "\\N"
    text = str(value)
    return text.translate(_ESCAPES) if "\\" in text or not text.isprintable() else text


def _plain(value: Any) -> str:
    if type(value) is int:
        return str(value)
    if value is None:
        return "\\N"
    if isinstance(value, (dt.date, dt.time)):
        return value.isoformat()
    if isinstance(value, Decimal):
        return f"{value:f}"
    if isinstance(value, bool):
        return "t" if value else "f"
    return str(value)


def _plain_of(field: "models.Field[Any, Any]") -> Callable[[Any], str]:
    """The same without the escapes of COPY."""
    if isinstance(field, models.JSONField):
        return _encode
    return _plain


def _cast(field: "models.Field[Any, Any]") -> str:
    return str(field.rel_db_type(connection) if field.is_relation else field.cast_db_type(connection))
