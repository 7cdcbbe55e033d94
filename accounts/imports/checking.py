"""From rows to decisions: what each row would do, and why not. The check and the import itself both go through here.

Rules, stated in docs/imports.md: a value is valid exactly when a form or the API would take it, but for domains that pass
for others; the first row of a file
with an address or external id stands and later ones are refused; what the person cannot see they cannot change.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from accounts import cleaning, custom, lookalikes, versions
from accounts.domain import normalise_email
from accounts.folding import Folded
from accounts.imports import words
from accounts.imports.mapping import CLEAR, LEAVE, Columns, name_of, targets_for
from accounts.imports.reading import Dialect, Row
from accounts.models import Account, Contact, CustomField, Import, LifecycleStage
from accounts.services import accounts as account_services
from accounts.services import contacts as contact_services
from core import bulk
from core.errors import Invalid, Refused
from team import queries as team_queries
from team.domain import RowScope
from team.models import User
from team.scope import scope_of

CREATED, UPDATED, UNCHANGED, REFUSED = "created", "updated", "unchanged", "refused"
KNOWN_ACCOUNTS = 20_000
# Asked of files alone: what is typed is seen by whoever types it, a list comes from somewhere.
_DOMAINS = {"email", "domain", "account_domain"}
_ACCOUNT_KEYS = ("account_external_id", "account_domain", "account_name")


@dataclass(slots=True)
class Prepared:
    """A row as far as it can be judged without the database."""

    row: Row
    values: dict[str, Any] = field(default_factory=dict)
    custom: dict[str, Any] = field(default_factory=dict)
    account: dict[str, str] = field(default_factory=dict)
    reason: str = ""


@dataclass(slots=True)
class Decision:
    """What becomes of a row. `before` holds what is stored now of each field that would change."""

    row: Row
    state: str
    reason: str = ""
    thing: Any = None
    changes: dict[str, Any] = field(default_factory=dict)
    before: dict[str, Any] = field(default_factory=dict)
    account: Account | None = None


@dataclass(slots=True)
class Plan:
    """The decisions of one batch, in the order of the file, and the accounts that have to be made for them."""

    decisions: list[Decision] = field(default_factory=list)
    new_accounts: list[Account] = field(default_factory=list)
    unmatched: int = 0
    by_name: dict[str, Account] = field(default_factory=dict)

    def count(self, state: str) -> int:
        return sum(decision.state == state for decision in self.decisions)


class Judge:
    """Judges the rows of one file for one person. `remember` must see every row before those that are judged."""

    def __init__(self, run: Import, actor: User, headers: Sequence[str]) -> None:
        self.target: str = run.target
        self.actor = actor
        self.headers = headers
        self.columns = Columns.of(run.mapping)
        self.dialect = Dialect.of(run.dialect)
        self.sees_all = scope_of(actor) is RowScope.ALL
        self.definitions = custom.definitions(run.target)
        self._seen: dict[int, int] = {}
        # Accounts that a check found to be made, by everything they are called; in a real run they exist by then.
        self._announced: dict[str, Account] = {}
        self._known: dict[str, list[Account]] = {}
        self._people = (
            {person.email.lower(): person for person in User.objects.all()} if run.target == "account" else {}
        )
        self._stages = {words.folded(stage.name): stage for stage in LifecycleStage.objects.all()}
        self._readers = self._make_readers()
        self._claimed = self._claiming_columns()
        self._currency = team_queries.workspace().currency
        self._home = contact_services.home_country()
        self._today = team_queries.today()

    def forget_accounts(self) -> None:
        """What was looked up may be out of date: somebody else has written."""
        self._known.clear()

    # --- Without the database --------------------------------------------------------------------------------
    def _make_readers(self) -> list[tuple[int, str, Callable[[str], Any]]]:
        targets = targets_for(self.target, self.definitions)
        definitions = {f"custom.{definition.key}": definition for definition in self.definitions}
        found: list[tuple[int, str, Callable[[str], Any]]] = []
        for number, key in sorted(self.columns.columns.items()):
            if key not in targets:
                continue
            read = self._reader_of(targets[key].kind)
            if key in definitions:
                found.append((number, key, _custom_reader(read, definitions[key])))
            else:
                found.append((number, key, read))
        return found

    def _reader_of(self, kind: str) -> Callable[[str], Any]:
        decimal, dates = self.dialect.decimal, self.dialect.dates
        readers: dict[str, Callable[[str], Any]] = {
            "number": lambda cell: words.number(cell, decimal),
            "date": lambda cell: words.date(cell, dates),
            "boolean": words.boolean,
            "country": words.country,
            "language": words.language,
            "role": words.role,
            "owner": self._owner,
            "stage": self._stage,
        }
        return readers.get(kind, str)

    def _owner(self, cell: str) -> Any:
        found = self._people.get(cell.lower())
        if found is None:
            same = [
                person for person in self._people.values() if words.folded(person.name) == words.folded(cell)
            ]
            found = same[0] if len(same) == 1 else None
        if found is None:
            if self.columns.unknown_owner == LEAVE:
                raise _Left
            raise ValueError(
                "names nobody here. Invite that person first, or choose that unknown owners are left out"
            )
        return found

    def _stage(self, cell: str) -> Any:
        found = self._stages.get(words.folded(cell))
        if found is None:
            if self.columns.unknown_stage == LEAVE:
                raise _Left
            known = ", ".join(stage.name for stage in self._stages.values())
            raise ValueError(f"is no lifecycle stage. The stages are: {known[:150] or 'none yet'}")
        return found

    def _claiming_columns(self) -> list[tuple[int, str]]:
        keys = {"email", "external_id"} if self.target == "contact" else {"external_id", self.columns.key}
        return [(number, key) for number, key in sorted(self.columns.columns.items()) if key in keys]

    def _claims(self, row: Row) -> list[tuple[int, str]]:
        """The keys a row lays claim to, as numbers: a million of them fit into memory."""
        found = []
        for number, key in self._claimed:
            cell = row.cells[number].strip()
            if not cell:
                continue
            if key == "email":
                try:
                    cell = normalise_email(cell)
                except ValueError:
                    continue
            elif key != "external_id":
                cell = cell.lower()
            found.append((hash((key, cell)), key))
        return found

    def remember(self, row: Row) -> None:
        """Note the keys of a row that was dealt with before this process began."""
        if not row.trouble:
            for claim, _ in self._claims(row):
                self._seen.setdefault(claim, row.line)

    def prepare(self, rows: Iterable[Row]) -> list[Prepared]:
        """Read and clean each row; what fails is refused with the column and the reason."""
        return [self._prepare(row) for row in rows]

    def _prepare(self, row: Row) -> Prepared:
        found = Prepared(row)
        if row.trouble:
            found.reason = row.trouble
            return found
        first = 0
        for claim, key in self._claims(row):
            line = self._seen.setdefault(claim, row.line)
            if line != row.line and not first:
                first = line
                what = {"email": "e-mail address", "external_id": "external id"}.get(key, key)
                found.reason = (
                    f"The same {what} stands in line {line:,}. The first row counts; remove one of them."
                )
        if first:
            return found
        try:
            self._read(found)
        except Refused as refusal:
            found.reason = refusal.message
        return found

    def _read(self, found: Prepared) -> None:
        cells, values = found.row.cells, found.values
        for number, key, read in self._readers:
            cell = cells[number].strip()
            if not cell:
                if self.columns.empty == CLEAR:
                    self._clear(found, key)
                continue
            try:
                value = read(cell)
                if key in _DOMAINS and (trouble := lookalikes.trouble_of(cell)):
                    raise Invalid(trouble)
                if key in _ACCOUNT_KEYS:
                    found.account[key] = _account_key(key, value)
                elif key.startswith("custom."):
                    found.custom[key.removeprefix("custom.")] = value
                elif key == "full_name":
                    head, _, tail = value.rpartition(" ")
                    values["first_name"], values["last_name"] = head.strip(), tail
                else:
                    values[key] = value
            except _Left:
                continue
            except ValueError as error:
                raise Invalid(f"Column {name_of(self.headers, number)}: the cell {error}.") from None
            except Refused as refusal:
                raise Invalid(f"Column {name_of(self.headers, number)}: {refusal.message}") from None
        try:
            cleaner = account_services.clean if self.target == "account" else contact_services.clean
            found.values = cleaner(values)
        except Refused as refusal:
            raise Invalid(f"{self._column(refusal.field)}{refusal.message}") from None

    def _clear(self, found: Prepared, key: str) -> None:
        """An empty cell empties the field, except where a field cannot be empty."""
        if key.startswith("custom."):
            found.custom[key.removeprefix("custom.")] = None
        elif key == "full_name":
            found.values["first_name"] = found.values["last_name"] = ""
        elif key in {"owner", "stage", "external_id"}:
            if key != self.columns.key:
                found.values[key] = None
        elif key == "name":
            raise Invalid("The name is empty, and every account needs one.")
        elif key not in {"role", "currency", self.columns.key} and key not in _ACCOUNT_KEYS:
            found.values[key] = ""

    def _column(self, name: str) -> str:
        for number, key in self.columns.columns.items():
            if key == name or (key == "full_name" and name in {"first_name", "last_name"}):
                return f"Column {name_of(self.headers, number)}: "
        return ""

    # --- With the database -----------------------------------------------------------------------------------
    def decide(self, prepared: Sequence[Prepared], *, lock: bool) -> Plan:
        """What each row does to what is stored now. `lock`: in the transaction that will write it."""
        plan = Plan()
        decide = self._decide_account if self.target == "account" else self._decide_contact
        sound = [one for one in prepared if not one.reason]
        stored = (
            self._stored_accounts(sound, lock)
            if self.target == "account"
            else self._stored_contacts(sound, lock)
        )
        for one in prepared:
            if one.reason:
                plan.decisions.append(Decision(one.row, REFUSED, one.reason))
                continue
            try:
                plan.decisions.append(decide(plan, one, stored))
            except Refused as refusal:
                plan.decisions.append(Decision(one.row, REFUSED, refusal.message))
        if not lock:
            self._announced.update(plan.by_name)
        return plan

    # Contacts
    def _stored_contacts(self, prepared: Sequence[Prepared], lock: bool) -> "_Stored":
        ids = {one.values["external_id"] for one in prepared if one.values.get("external_id")}
        keys = {one.values["email_key"] for one in prepared if one.values.get("email_key")}
        found: dict[int, Contact] = {}
        base = Contact.objects.prefetch_related("account").order_by(
            "pk"
        )  # one object for each account, not each row
        if lock:
            base = base.select_for_update(of=("self",))
        # Two statements, each by its own index; an OR of both would read the whole table.
        if ids:
            found |= {contact.pk: contact for contact in bulk.among(base, "external_id", ids)}
        if keys := keys - {contact.email_key for contact in found.values() if contact.merged_into_id is None}:
            live = bulk.among(base.filter(merged_into__isnull=True), "email_key", keys)
            found |= {contact.pk: contact for contact in live}
        stored = _Stored()
        for contact in found.values():
            if contact.external_id:
                stored.by_id[contact.external_id] = contact
            if contact.email_key and contact.merged_into_id is None:
                stored.by_email[contact.email_key] = contact
        stored.visible = self._visible(Contact, list(found))
        self._find_accounts(one.account for one in prepared)
        return stored

    def _visible(self, model: Any, keys: list[int]) -> set[int]:
        if self.sees_all or not keys:
            return set(keys)
        return set(model.objects.visible_to(self.actor).filter(pk__in=keys).values_list("pk", flat=True))

    def _decide_contact(self, plan: Plan, one: Prepared, stored: "_Stored") -> Decision:
        values = dict(one.values)
        contact = self._match_contact(values, stored)
        account = self._place(plan, one.account)
        home = account if one.account or contact is None else contact.account
        contact_services.settle_phone(values, home, home=self._home)
        if contact is None:
            if account is None and not self.sees_all:
                raise Refused(
                    "The row names no account, and without one the contact would be outside your view."
                )
            values["custom"] = {k: v for k, v in one.custom.items() if v is not None}
            contact = bulk.draft(Contact, values)
            contact_services.refuse_nameless(contact.first_name, contact.last_name, contact.email)
            contact.account = account
            return Decision(one.row, CREATED, thing=contact, account=account)
        if one.account:
            values["account"] = account
        decision = self._differences(one, contact, values)
        decision.account = account if one.account else contact.account
        if decision.state == UPDATED:
            after = {
                name: decision.changes.get(name, getattr(contact, name))
                for name in ("first_name", "last_name", "email")
            }
            contact_services.refuse_nameless(**after)
        return decision

    def _match_contact(self, values: dict[str, Any], stored: "_Stored") -> Contact | None:
        external_id, email_key = values.get("external_id"), values.get("email_key")
        if not values.get(self.columns.key):
            label = "an external id" if self.columns.key == "external_id" else "an e-mail address"
            raise Refused(
                f"The row has no {label.split(' ', 1)[1]}, by which its contact would be found. Fill it in."
            )
        by_id = stored.by_id.get(external_id) if external_id else None
        holder = stored.by_email.get(email_key) if email_key else None
        contact = by_id if self.columns.key == "external_id" else holder
        if (
            contact is None
            and self.columns.key == "external_id"
            and holder is not None
            and not holder.external_id
        ):
            contact = holder  # known by the address so far, and now by its external id too
        if contact is None and self.columns.key == "email" and by_id is not None and not by_id.email_key:
            contact = by_id
        if holder is not None and holder is not contact:
            raise self._taken("e-mail address", holder, stored)
        if by_id is not None and by_id is not contact:
            raise self._taken("external id", by_id, stored)
        if contact is None:
            return None
        if contact.pk not in stored.visible:
            raise Refused(
                "This contact is outside your view. Ask a lead or an administrator to import the row."
            )
        if contact.merged_into_id is not None or contact.erased_at is not None:
            raise Refused("This contact was merged into another or erased. It can no longer be changed.")
        return contact

    def _taken(self, what: str, other: Contact, stored: "_Stored") -> Refused:
        if other.pk not in stored.visible:
            return Refused(
                f"A contact outside your view already has this {what}. Ask a lead or an administrator."
            )
        at = f" at {other.account.name}" if other.account else ""
        return Refused(f"{other.display_name}{at} already has this {what}. Correct one of them.")

    # Accounts
    def _stored_accounts(self, prepared: Sequence[Prepared], lock: bool) -> "_Stored":
        wanted = [
            {
                f"account_{key}": str(one.values[key])
                for key in {"external_id", self.columns.key}
                if one.values.get(key)
            }
            for one in prepared
        ]
        self._known.clear()  # these rows are about to change
        self._find_accounts(wanted, lock=lock)
        return _Stored()

    def _decide_account(self, plan: Plan, one: Prepared, stored: "_Stored") -> Decision:
        values = dict(one.values)
        key = self.columns.key
        if not values.get(key):
            raise Refused(
                f"The row has no {key.replace('_', ' ')}, by which its account would be found. Fill it in."
            )
        account = self._only({f"account_{key}": values[key]}, key)
        external_id = values.get("external_id")
        if external_id and key != "external_id":
            other = self._only({"account_external_id": external_id}, "external_id")
            if other is not None and (account is None or other.pk != account.pk):
                raise Refused("Another account already has this external id. Correct one of them.")
        if account is not None:
            return self._differences(one, account, values)
        if not values.get("name"):
            raise Refused("The row has no name, and a new account needs one. Fill it in.")
        return Decision(one.row, CREATED, thing=self._new_account(values, one.custom))

    def _new_account(self, values: dict[str, Any], custom_values: dict[str, Any]) -> Account:
        account = Account(
            **{"currency": self._currency, **{k: v for k, v in values.items() if v is not None}},
            custom={k: v for k, v in custom_values.items() if v is not None},
        )
        if account.stage_id is not None:
            account.stage_since = self._today
        if account.owner_id is None and not self.sees_all:
            account.owner = self.actor  # or they would lose sight of it
        return account

    # Both
    def _differences(self, one: Prepared, thing: Any, values: dict[str, Any]) -> Decision:
        if one.custom:
            merged = dict(thing.custom)
            for key, value in one.custom.items():
                if value is None:
                    merged.pop(key, None)
                else:
                    merged[key] = value
            values["custom"] = merged
        account = values.get("account")
        changes = versions.changed(thing, values)
        if isinstance(account, Account) and account.pk is None:
            changes["account"] = account  # not made yet, so not comparable by its key
        if not changes:
            return Decision(one.row, UNCHANGED, thing=thing)
        before = {name: getattr(thing, name) for name in changes}
        return Decision(one.row, UPDATED, thing=thing, changes=changes, before=before)

    def _find_accounts(self, wanted: Iterable[dict[str, str]], *, lock: bool = False) -> None:
        """Look up the accounts named by external id, domain or name that are not known yet, one statement for each."""
        if len(self._known) > KNOWN_ACCOUNTS:
            self._known.clear()
        missing: dict[str, set[str]] = {key: set() for key in _ACCOUNT_KEYS}
        for names in wanted:
            for key, value in names.items():
                folded = _folded(key, value)
                if f"{key}:{folded}" not in self._known:
                    missing[key].add(folded)
        base = Account.objects.order_by("pk")
        if lock:
            base = base.select_for_update(of=("self",))
        by_key: dict[int, Account] = {
            account.pk: account for found in self._known.values() for account in found
        }
        for key, texts in missing.items():
            if not texts:
                continue
            rows: Iterable[Account]
            if key == "account_name":
                rows = base.annotate(folded=Folded("name")).filter(folded__in=texts)
            else:
                rows = bulk.among(base, key.removeprefix("account_"), texts)
            for account in rows:
                account = by_key.setdefault(account.pk, account)
                called = {"account_name": account.name, "account_domain": account.domain}.get(
                    key, account.external_id
                )
                self._known.setdefault(f"{key}:{_folded(key, called)}", []).append(account)
        self._seen_accounts = self._visible(Account, list(by_key)) if not self.sees_all else set()

    def _only(self, names: dict[str, str], what: str) -> Account | None:
        """The one account of that name, or None; refuses what cannot be told apart and what is outside sight."""
        for key in _ACCOUNT_KEYS:
            if not names.get(key):
                continue
            found = self._known.get(f"{key}:{_folded(key, names[key])}", [])
            external_id = names.get("account_external_id")
            if key != "account_external_id" and external_id:
                # Another company with the same name, when both have an external id and these differ.
                found = [account for account in found if account.external_id in {None, external_id}]
            if len(found) > 1:
                word = key.removeprefix("account_").replace("_", " ")
                raise Refused(
                    f"{len(found)} accounts have this {word}. Match by external id, or tell them apart first."
                )
            if found:
                if not self.sees_all and found[0].pk not in self._seen_accounts:
                    raise Refused(
                        "This account is outside your view. Ask a lead or an administrator to import the row."
                    )
                return found[0]
        return None

    def _place(self, plan: Plan, names: dict[str, str]) -> Account | None:
        """The account a contact's row names; one to be made where that was chosen."""
        if not names:
            return None
        found = self._only(names, "account")
        if found is not None:
            return found
        if not self.columns.create_accounts:
            raise Refused(
                "There is no account as named in this row. Import accounts first, or choose to create missing ones."
            )
        for key in _ACCOUNT_KEYS:
            name = f"{key}:{_folded(key, names.get(key))}"
            made = (plan.by_name.get(name) or self._announced.get(name)) if names.get(key) else None
            if made is not None and (
                made.external_id in {None, names.get("account_external_id")}
                or not names.get("account_external_id")
            ):
                return made
        account = self._new_account(
            {
                "name": names.get("account_name")
                or names.get("account_domain")
                or names["account_external_id"],
                "external_id": names.get("account_external_id"),
                "domain": names.get("account_domain", ""),
            },
            {},
        )
        plan.new_accounts.append(account)
        for key, value in names.items():
            plan.by_name.setdefault(f"{key}:{_folded(key, value)}", account)
        return account


class _Left(Exception):
    """The cell is left out on purpose."""


@dataclass(slots=True)
class _Stored:
    by_id: dict[str, Contact] = field(default_factory=dict)
    by_email: dict[str, Contact] = field(default_factory=dict)
    visible: set[int] = field(default_factory=set)


def _account_key(key: str, value: str) -> str:
    if key == "account_external_id":
        return cleaning.external_id(value) or ""
    if key == "account_domain":
        return cleaning.domain(value)
    return cleaning.text(value, field=key, label="Account", limit=200)


def _folded(key: str, value: str | None) -> str:
    return (value or "").lower() if key == "account_name" else (value or "")


def _custom_reader(read: Callable[[str], Any], definition: CustomField) -> Callable[[str], Any]:
    """How a cell becomes the value of a custom field."""
    return lambda cell: custom.clean_one(read(cell), definition)
