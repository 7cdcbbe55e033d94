"""Rules of the house that a reader would otherwise have to remember (docs/decisions)."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.apps import apps
from django.contrib import admin
from django.db import models

from core.privacy import declarations

ROOT = Path(__file__).resolve().parent.parent.parent
APPS = ["core", "team", "accounts", "surveys", "workflows", "integrations", "reports", "nps_crm"]
OURS = {"core", "team", "accounts", "surveys", "workflows", "integrations", "reports"}


def sources(*patterns: str) -> Iterator[Path]:
    for app in APPS:
        for pattern in patterns:
            yield from (path for path in (ROOT / app).glob(pattern) if "migrations" not in path.parts)


def lines_with(pattern: str, paths: Iterator[Path]) -> list[str]:
    """`file:line text` of every hit outside comments."""
    wanted = re.compile(pattern)
    return [
        f"{path.relative_to(ROOT)}:{number} {line.strip()}"
        for path in paths
        for number, line in enumerate(path.read_text().splitlines(), 1)
        if wanted.search(line.split("  # ")[0]) and not line.strip().startswith("#")
    ]


def our_models() -> list[type[models.Model]]:
    return [model for model in apps.get_models() if model._meta.app_label in OURS]


def test_doors_ask_services_and_queries_instead_of_the_database() -> None:
    doors = sources("views.py", "views/*.py", "api/*.py", "admin.py", "admin/*.py", "tasks.py")
    found = lines_with(
        r"\.objects\b(?!\.none\(\))|_base_manager\b|\.save\(|\.bulk_create\(|\bform\.save\b", doors
    )
    assert found == []


def test_nothing_listens_to_models_being_saved() -> None:
    """What happens to a customer is on the timeline; a signal would be a second, hidden way."""
    assert lines_with(r"\b(pre|post)_(save|delete|init)\b|m2m_changed", sources("**/*.py")) == []


def test_the_queue_of_django_q_is_not_in_the_admin() -> None:
    """Whoever may edit a schedule there runs any function."""
    assert [model for model in admin.site._registry if model._meta.app_label == "django_q"] == []


def test_only_the_queue_module_knows_django_q() -> None:
    allowed = {"core/jobs.py", "core/broker.py", "core/management/commands/cluster.py"}
    found = lines_with(r"^\s*(from|import) django_q\b", sources("**/*.py"))
    assert {hit.split(":")[0] for hit in found} <= allowed


def test_only_core_fetch_goes_out_to_the_network() -> None:
    found = lines_with(
        r"^\s*(from|import) (requests|requests_hardened|httpx|urllib3|http\.client|urllib\.request|aiohttp)\b",
        sources("**/*.py"),
    )
    assert {hit.split(":")[0] for hit in found} <= {"core/fetch.py"}


def test_time_comes_from_one_place() -> None:
    """Code that asks the system for the time cannot be tested at another."""
    paths = (
        path for path in sources("**/*.py") if path.relative_to(ROOT).as_posix() not in {"core/clock.py"}
    )
    found = lines_with(
        r"\btimezone\.now\(|\bdatetime\.now\(|\bdt\.date\.today\(|\bdate\.today\(|utcnow\(", paths
    )
    # The queue's own rows follow the real clock, whatever business time a test or demo pretends.
    assert [hit for hit in found if not hit.startswith(("core/jobs.py", "core/broker.py"))] == []


@pytest.mark.parametrize("model", our_models(), ids=lambda model: model._meta.label)
def test_every_field_is_declared_personal_or_not(model: type[models.Model]) -> None:
    fields = {field.name for field in (*model._meta.local_fields, *model._meta.local_many_to_many)}
    label = model._meta.label
    if model.__name__.startswith("Historical"):
        # A history holds what its model holds, and the record of the change.
        label = label.replace(".Historical", ".", 1)
        fields -= {"history_id", "history_date", "history_change_reason", "history_type", "history_user"}
    assert label in declarations, f"Declare {label} in its app's privacy.py."
    declared = declarations[label].personal | declarations[label].neutral
    assert fields - declared == set(), f"Declare these fields of {label}."
    if label == model._meta.label:
        assert declared - fields == set(), f"{label} has no such fields."


def test_whoever_points_at_a_customer_takes_part_in_merge_erase_and_export() -> None:
    from accounts import extend
    from accounts.models import Account, Contact

    pointing = {
        model._meta.label
        for model in our_models()
        if model._meta.app_label != "accounts" and not model.__name__.startswith("Historical")
        for field in model._meta.local_fields
        if field.is_relation and field.related_model in {Account, Contact}
    }
    assert pointing - set(extend.registered.relations) == set(), (
        "Register an accounts.extend.Relation for each."
    )
    assert all(apps.get_model(label) for label in extend.registered.relations)


def test_constraints_and_indexes_bear_their_table() -> None:
    odd = [
        f"{model._meta.label}: {named.name}"
        for model in our_models()
        for named in (*model._meta.constraints, *model._meta.indexes)
        if not named.name.startswith(f"{model._meta.app_label}_")
    ]
    assert odd == []


def test_no_model_has_an_order_that_its_readers_did_not_ask_for() -> None:
    ordered = [
        model._meta.label
        for model in our_models()
        if model._meta.ordering and not model.__name__.startswith("Historical")
    ]
    assert ordered == []


def test_pages_keep_to_the_content_security_policy() -> None:
    """No inline script, style or handler: the browser would refuse them. (Mails have no other way to look like anything.)"""
    pages = [path for path in sources("**/templates/**/*.html") if not {"mail", "mails"} & set(path.parts)]
    inline = lines_with(
        r"""\sstyle=["']|\son[a-z]+=["']|hx-on|javascript:|<style|<script(?![^>]*(\b(src|nonce)=|type=\"application/json\"))""",
        iter(pages),
    )
    assert inline == []
