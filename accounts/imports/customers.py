"""Accounts and contacts as targets of an import."""

from collections.abc import Mapping, Sequence
from typing import Any

from django.urls import reverse

from accounts import custom, extend
from accounts.imports import checking, mapping, summary, writing
from accounts.imports.checking import Plan, Prepared
from accounts.imports.mapping import Columns, Target
from accounts.imports.reading import Dialect, Reader
from accounts.imports.targets import ImportTarget, Judge, Look, Result
from accounts.models import Import
from team.models import User


class CustomerJudge(checking.Judge):
    """Decides as checking does; writes as writing does."""

    def preview(self, prepared: Sequence[Prepared]) -> Plan:
        return self.decide(prepared, lock=False)

    def carry_out(self, prepared: Sequence[Prepared]) -> Plan:
        plan = self.decide(prepared, lock=True)
        writing.write(plan, target=self.target, actor=self.actor)
        return plan

    def add_samples(self, checked: dict[str, Any], plan: Plan) -> None:
        summary.add_samples(checked, plan, self)


class CustomerTarget(ImportTarget):
    options_template = "accounts/_import_options.html"
    url = ""
    list_url = ""

    @property
    def key_help(self) -> str:  # type: ignore[override]  # said once for both
        return f"A row that finds {self.one} updates it, any other row creates one."

    def fields(self) -> dict[str, Target]:
        return mapping.targets_for(self.key, custom.definitions(self.key))

    def propose(self, run: Import, look: Look) -> Columns:
        return mapping.propose(self.key, look.headers, look.samples, custom.definitions(self.key))

    def check(self, run: Import, columns: Columns, *, look: Look, dialect: Dialect, actor: User) -> None:
        mapping.check(
            columns,
            target=self.key,
            headers=look.headers,
            targets=self.fields(),
            dialect=dialect,
            samples=look.samples,
        )

    def judge(self, run: Import, actor: User, reader: Reader) -> Judge:
        return CustomerJudge(run, actor, reader.headers)

    def url_of(self, key: int) -> str:
        return reverse(self.url, args=[key])

    def results(self, run: Import, user: User) -> list[Result]:
        return [Result(f"See the {self.label.lower()}", reverse(self.list_url) + "?sort=-added")]


class Contacts(CustomerTarget):
    key, label, title, one, position = "contact", "Contacts", "Contact", "a contact", 10
    keys: Mapping[str, str] = mapping.KEYS["contact"]
    url, list_url = "accounts:contact_detail", "accounts:contact_list"


class Accounts(CustomerTarget):
    key, label, title, one, position = "account", "Accounts", "Account", "an account", 20
    keys: Mapping[str, str] = mapping.KEYS["account"]
    url, list_url = "accounts:account_detail", "accounts:account_list"


def register() -> None:
    extend.import_target(Contacts())
    extend.import_target(Accounts())
