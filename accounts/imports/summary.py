"""What a check tells a person: counts, and the first rows of each kind with what would change."""

import datetime as dt
from decimal import Decimal
from typing import Any

from accounts.imports import targets
from accounts.imports.checking import CREATED, REFUSED, UNCHANGED, UPDATED, Decision, Judge, Plan
from accounts.imports.mapping import targets_for
from accounts.models import Import

FIRST = 8
SHOWN_CELL = 120
_HIDDEN = {"email_key", "address_key"}


def counts_of(run: Import) -> dict[str, Any]:
    more = {"unmatched": run.unmatched_count} if targets.named(run.target).has_unmatched else {}
    return more | {
        "rows": run.rows_done,
        "created": run.created_count,
        "updated": run.updated_count,
        "unchanged": run.unchanged_count,
        "refused": run.refused_count,
        "accounts_created": run.accounts_created,
    }


def add_samples(checked: dict[str, Any], plan: Plan, judge: Judge) -> None:
    """Keep the first rows of each kind, in words."""
    samples: dict[str, list[dict[str, Any]]] = checked.setdefault("samples", {})
    labels: dict[str, str] | None = None
    for decision in plan.decisions:
        kept = samples.setdefault(decision.state, [])
        if len(kept) >= FIRST:
            continue
        labels = labels or labels_of(judge)
        kept.append(_sample(decision, labels, judge))


def labels_of(judge: Judge) -> dict[str, str]:
    found = {key: target.label for key, target in targets_for(judge.target, judge.definitions).items()}
    return {**found, "account": "Account", "owner": "Owner", "stage": "Stage"}


def _sample(decision: Decision, labels: dict[str, str], judge: Judge) -> dict[str, Any]:
    sample: dict[str, Any] = {"line": decision.row.line, "reason": decision.reason.replace("\x00", "")}
    if decision.state == REFUSED:
        sample["cells"] = [cell.replace("\x00", "")[:SHOWN_CELL] for cell in decision.row.cells[:8]]
        return sample
    sample["name"] = str(decision.thing)[:SHOWN_CELL]
    if decision.state == UNCHANGED:
        sample["pk"] = decision.thing.pk
    elif decision.state == UPDATED:
        sample["pk"] = decision.thing.pk
        sample["changes"] = _changes(decision.before, decision.changes, labels)
    elif decision.state == CREATED:
        names = [key for key in labels if key in judge.columns.columns.values() or key == "account"]
        after = {
            name: getattr(decision.thing, name, None)
            for name in names
            if not name.startswith(("custom.", "account_"))
        }
        if judge.target == "contact" and "full_name" in judge.columns.columns.values():
            after["name"] = decision.thing.full_name
        after["custom"] = decision.thing.custom
        sample["changes"] = _changes({"custom": {}}, after, {**labels, "name": "Name"})
    return sample


def _changes(before: dict[str, Any], after: dict[str, Any], labels: dict[str, str]) -> list[list[str]]:
    """[label, before, after] for every field that differs, custom fields one by one."""
    found = []
    for name, value in after.items():
        if name in _HIDDEN:
            continue
        if name == "custom":
            old, new = before.get("custom") or {}, value or {}
            for key in sorted({*old, *new}):
                if old.get(key) != new.get(key):
                    found.append(
                        [labels.get(f"custom.{key}", key), _shown(old.get(key)), _shown(new.get(key))]
                    )
        elif _shown(value) != _shown(before.get(name)):
            found.append([labels.get(name, name), _shown(before.get(name)), _shown(value)])
    return found


def _shown(value: Any) -> str:
    if value is None or value == "":
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, (dt.date, dt.datetime)):
        return value.isoformat()
    if isinstance(value, Decimal):
        return f"{value:f}"
    return str(value)[:SHOWN_CELL]
