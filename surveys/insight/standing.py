"""Where figures stand, before and after it is said anew whose answers are whose; and what changed, in sentences.

Counted from the answers themselves at the moment of reading, so it does not wait for the kept figures to be folded. Only
NPS: the other scales follow the same way and are seen on their own pages.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from accounts.models import Account, Contact
from surveys.choices import MetricFamily
from surveys.insight import figures, rollups
from surveys.models import ContactScore
from surveys.queries import figures as queries
from team.models import User

NAMED = 20
CONTACTS = 50


def read(contacts: Iterable[int], accounts: Iterable[int], user: User | None) -> dict[str, Any]:
    """The company's NPS as `user` sees it, the mean of each account and the latest score of each contact."""
    found: dict[str, Any] = {"accounts": {}, "contacts": {}}
    for one in rollups.present_scores(accounts):
        if one.metric == MetricFamily.NPS:
            found["accounts"][str(one.account)] = {"mean": round(one.mean, 6), "people": one.people}
    chosen = sorted(set(contacts))
    if len(chosen) <= CONTACTS:
        rows = ContactScore.objects.filter(contact__in=chosen, metric=MetricFamily.NPS)
        found["contacts"] = {
            str(pk): {"score": score} for pk, score in rows.values_list("contact_id", "latest_score")
        }
    if user is not None:
        question = queries.question_of(queries.definition("company"), user)
        counts = figures.figure(question, rollups.today()).counts
        found["nps"] = {
            "score": counts.score, "n": counts.n, "promoters": counts.promoters, "detractors": counts.detractors,
            "days": question.days,
        }  # fmt: skip
    return found


def difference(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, Any]:
    """Both readings without what is the same in them: what a journal needs to keep of ten thousand accounts."""
    found: tuple[dict[str, Any], dict[str, Any]] = ({}, {})
    for part in ("accounts", "contacts"):
        ours, theirs = before.get(part, {}), after.get(part, {})
        keys = [key for key in dict.fromkeys([*ours, *theirs]) if ours.get(key) != theirs.get(key)]
        for side, values in zip(found, (ours, theirs), strict=True):
            side[part] = {key: values[key] for key in keys if key in values}
    for side, values in zip(found, (before, after), strict=True):
        if "nps" in values:
            side["nps"] = values["nps"]
    return {"before": found[0], "after": found[1]}


def words(before: Mapping[str, Any], after: Mapping[str, Any], user: User) -> list[str]:
    """What changed, one sentence each; accounts and people out of sight are only counted."""
    changed = difference(before, after)
    before, after = changed["before"], changed["after"]
    said = []
    if "nps" in before and "nps" in after:
        said.append(_nps(before["nps"], after["nps"]))
    for part, model, describe in (("accounts", Account, _account), ("contacts", Contact, _contact)):
        ours, theirs = before[part], after[part]
        keys = list(dict.fromkeys([*ours, *theirs]))
        visible = model._base_manager.filter(pk__in=_visible(model, keys[: 5 * NAMED], user))
        names = {str(thing.pk): str(thing) for thing in visible}
        shown = [key for key in keys if key in names][:NAMED]
        said += [describe(names[key], ours.get(key), theirs.get(key)) for key in shown]
        if more := len(keys) - len(shown):
            noun = "account" if part == "accounts" else "person"
            plural = "accounts" if part == "accounts" else "people"
            said.append(f"{more:,} {'more ' if shown else ''}{noun if more == 1 else plural} changed too.")
    return said


def _visible(model: Any, keys: Sequence[str], user: User) -> list[int]:
    """Tombstones count as visible when what they became is: their name is what the reader knows."""
    rows = model._base_manager.filter(pk__in=[int(key) for key in keys])
    survivors = {pk: into or pk for pk, into in rows.values_list("pk", "merged_into_id")}
    seen = set(
        model.objects.visible_to(user).filter(pk__in=set(survivors.values())).values_list("pk", flat=True)
    )
    return [pk for pk, into in survivors.items() if into in seen]


def _nps(before: Mapping[str, Any], after: Mapping[str, Any]) -> str:
    days = after["days"]
    if before["score"] == after["score"] and before["n"] == after["n"]:
        return f"NPS ({days} days): {_score(after['score'])}, as before, from {_people(after['n'])}."
    return (
        f"NPS ({days} days): {_score(before['score'])} → {_score(after['score'])},"
        f" {before['n']:,} → {_people(after['n'])}."
    )


def _score(value: int | None) -> str:
    return "no data" if value is None else str(value).replace("-", "−")


def _people(number: int) -> str:
    return f"{number:,} {'person' if number == 1 else 'people'}"


def _account(name: str, before: Mapping[str, Any] | None, after: Mapping[str, Any] | None) -> str:
    if before is None and after is not None:
        return f"Account {name}: mean {after['mean']:.1f} of {_people(after['people'])}; it had no answer before."
    if after is None and before is not None:
        return (
            f"Account {name}: no answer any more; it was {before['mean']:.1f} of {_people(before['people'])}."
        )
    assert before is not None
    assert after is not None
    people = (
        _people(after["people"])
        if before["people"] == after["people"]
        else f"{before['people']:,} → {_people(after['people'])}"
    )
    return f"Account {name}: {before['mean']:.1f} → {after['mean']:.1f}, {people}."


def _contact(name: str, before: Mapping[str, Any] | None, after: Mapping[str, Any] | None) -> str:
    if before is None and after is not None:
        return f"{name}: latest score {after['score']}; none before."
    if after is None and before is not None:
        return f"{name}: no score any more; it was {before['score']}."
    assert before is not None
    assert after is not None
    return f"{name}: latest score {before['score']} → {after['score']}."
