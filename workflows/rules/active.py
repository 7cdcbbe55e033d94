"""The rules that are on, read once and kept until one of them changes.

A worker asks for the stamp of the rules (one row) with every event, and reads the rules again only when it is another.
"""

import time
from collections import defaultdict
from dataclasses import dataclass, field
from functools import cache

from core.once import remembering
from workflows.models import Rule, RuleState
from workflows.models.rules import forget_rules
from workflows.rules import fields
from workflows.rules.judging import IMPORTED, Judge

KEPT_SECONDS = 60.0
"""Read again after this time in any case: conditions may speak of custom fields, which change without a rule."""
GLANCE_SECONDS = 2.0
"""For so long nobody asks for the stamp to know whether imported events are wanted."""


@dataclass(frozen=True, slots=True)
class Active:
    """`by_kind` holds the rules that listen to each kind of event, `imports` the kinds wanted also where they were
    brought in."""

    stamp: str
    read_at: float
    by_kind: dict[str, list[Judge]] = field(default_factory=dict)
    imports: frozenset[str] = frozenset()

    @property
    def rules(self) -> list[Judge]:
        found = {judge.rule.pk: judge for judges in self.by_kind.values() for judge in judges}
        return [found[pk] for pk in sorted(found)]


_kept: Active | None = None
_glanced_at = 0.0


def current() -> Active:
    """The rules that are on now. Sees every change that was committed before."""
    global _kept, _glanced_at
    stamp = RuleState.objects.filter(pk=1).values_list("stamp", flat=True).first() or ""
    now = time.monotonic()
    if _kept is None or not stamp or _kept.stamp != stamp or now - _kept.read_at > KEPT_SECONDS:
        _kept = _read(stamp, now)
    _glanced_at = now
    return _kept


def wants_imported(kind: str, origin: str) -> bool:
    """Whether a rule includes events of this kind that were brought in. A change elsewhere is seen within seconds."""
    if origin not in IMPORTED:
        return False
    if _kept is None or time.monotonic() - _glanced_at > GLANCE_SECONDS:
        return kind in current().imports
    return kind in _kept.imports


def _read(stamp: str, now: float) -> Active:
    by_kind: dict[str, list[Judge]] = defaultdict(list)
    imports: set[str] = set()
    known = cache(fields.known)
    with remembering():
        judges = [Judge(rule, known=known) for rule in Rule.objects.filter(is_active=True).order_by("pk")]
    for judge in judges:
        if judge.trigger is None:
            continue
        for kind in judge.trigger.kinds:
            by_kind[kind].append(judge)
        if judge.rule.includes_imports:
            imports |= set(judge.trigger.kinds)
    return Active(stamp, now, dict(by_kind), frozenset(imports))


def _forget() -> None:
    global _kept
    _kept = None


def register() -> None:
    """A change in this process is seen at once."""
    forget_rules.append(_forget)
