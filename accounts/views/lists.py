"""What the lists of accounts and contacts share: filters, order, pages, columns, downloads."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django.core.paginator import Page, Paginator
from django.db.models import QuerySet

from accounts import extend, queries
from accounts.filters import AccountFilter, ContactFilter, chosen_filters
from team.http import UserRequest

__all__ = ["Listing", "accounts", "chosen_filters", "contacts", "export_table"]

PER_PAGE = 50
EXPORT_CHUNK = 500


@dataclass(frozen=True, slots=True)
class Listing:
    """One list as it was asked for. A filter that cannot be read empties the list instead of being ignored."""

    filterset: AccountFilter | ContactFilter
    rows: QuerySet[Any]
    troubles: list[str]

    def page(self, number: object) -> Page[Any]:
        return Paginator(self.rows, PER_PAGE).get_page(number)  # type: ignore[arg-type]  # get_page takes any text


def accounts(request: UserRequest) -> Listing:
    found = AccountFilter(request.GET, queries.list_accounts(request.user), request=request)
    return _listing(request, found, queries.ACCOUNT_SORTS, "account")


def contacts(request: UserRequest) -> Listing:
    found = ContactFilter(request.GET, queries.list_contacts(request.user), request=request)
    return _listing(request, found, queries.CONTACT_SORTS, "contact")


def _listing(request: UserRequest, filterset: Any, sorts: Any, target: str) -> Listing:
    if not filterset.is_valid():
        labels = filterset.form.fields
        troubles = [
            f"{labels[name].label or name}: {error}"
            for name, all_ in filterset.errors.items()
            for error in all_
        ]
        return Listing(filterset, filterset.queryset.none(), troubles)
    rows = queries.with_columns(filterset.qs, target)
    trouble = getattr(filterset, "segment_trouble", "")
    return Listing(
        filterset,
        queries.sorted_by(rows, request.GET.get("sort", ""), sorts, target),
        [trouble] if trouble else [],
    )


ACCOUNT_EXPORT: list[tuple[str, Any]] = [
    ("id", lambda a: a.pk),
    ("external_id", lambda a: a.external_id),
    ("name", lambda a: a.name),
    ("domain", lambda a: a.domain),
    ("owner", lambda a: a.owner.email if a.owner else ""),
    ("stage", lambda a: a.stage.name if a.stage else ""),
    ("plan", lambda a: a.plan),
    ("segment", lambda a: a.segment),
    ("industry", lambda a: a.industry),
    ("country", lambda a: a.country),
    ("city", lambda a: a.city),
    ("seats", lambda a: a.seats),
    ("currency", lambda a: a.currency),
    ("arr", lambda a: a.arr),
    ("renewal_on", lambda a: a.renewal_on),
    ("customer_since", lambda a: a.customer_since),
    ("churned_on", lambda a: a.churned_on),
]
CONTACT_EXPORT: list[tuple[str, Any]] = [
    ("id", lambda c: c.pk),
    ("external_id", lambda c: c.external_id),
    ("first_name", lambda c: c.first_name),
    ("last_name", lambda c: c.last_name),
    ("email", lambda c: c.email),
    ("phone", lambda c: c.phone),
    ("job_title", lambda c: c.job_title),
    ("role", lambda c: c.role),
    ("language", lambda c: c.language),
    ("time_zone", lambda c: c.time_zone),
    ("account", lambda c: c.account.name if c.account else ""),
    ("account_external_id", lambda c: c.account.external_id if c.account else ""),
    ("owner", lambda c: c.account.owner.email if c.account and c.account.owner else ""),
]


def export_table(listing: Listing, target: str) -> tuple[list[str], Iterator[list[Any]]]:
    """Header and rows of a download: the list's own columns, custom fields, columns of higher apps."""
    plain = ACCOUNT_EXPORT if target == "account" else CONTACT_EXPORT
    custom = [field for field in queries.list_custom_fields() if field.target == target]
    columns = extend.columns_for(target)
    header = [name for name, _ in plain] + [f"custom.{f.key}" for f in custom] + [c.label for c in columns]

    def rows() -> Iterator[list[Any]]:
        for row in listing.rows.iterator(chunk_size=EXPORT_CHUNK):
            own = [read(row) for _, read in plain]
            yield own + [row.custom.get(f.key) for f in custom] + [column.export(row) for column in columns]

    return header, rows()
