"""Choosing from what a source told, by the mapping that a person made or we proposed."""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from integrations import records
from integrations.contract import Role

Chosen = Mapping[Role, Sequence[str]]

# Names under which people pass on their own id of a person, in order of trust: links and forms of all systems carry them.
PERSON_IDS = (
    "external_id",
    "user_id",
    "userid",
    "customer_id",
    "customerid",
    "contact_id",
    "contactid",
    "uid",
)
EMAILS = ("email", "e_mail", "email_address", "emailaddress", "mail")
PHONES = ("phone", "phone_number", "phonenumber", "mobile")
NAMES = ("name", "full_name", "fullname", "user_name", "username")

# The question of the Net Promoter Score, by the one word that it cannot do without, in the languages of our surveys.
_RECOMMENDS = re.compile(
    r"recommend|recommand|recomend|recoman|raccomand|consigl|empfehl|weiterempf|aanbevel|aanbevol|anbefal|rekommend"
    r"|suosittel|polec|doporu|odporú|ajánl|preporu|priporo|tavsiye|öner|рекоменд|порекоменд|συστή|推奨|勧め|すすめ|薦"
    r"|推荐|推薦|추천|แนะนำ|giới thiệu|promoter",
    re.IGNORECASE,
)


def asks_to_recommend(title: Any) -> bool:
    """Whether a question's text asks for a recommendation."""
    return bool(_RECOMMENDS.search(records.text(title)))


def keys(chosen: Chosen | None, role: Role) -> Sequence[str]:
    return (chosen or {}).get(role, ())


def first(values: Mapping[str, Any], names: Iterable[str]) -> str:
    """The first of `names` that says something, as text."""
    for name in names:
        said = records.text(values.get(name))
        if said:
            return said
    return ""


def like(values: Mapping[str, Any], names: Iterable[str]) -> str:
    """As `first`, whatever way the names are written over there: `User ID`, `userId` and `user_id` are one."""
    plain: dict[str, Any] = {}
    for name, value in values.items():
        if isinstance(name, str) and records.text(value):
            plain.setdefault(_plain(name), value)
    return first(plain, (_plain(name) for name in names))


def _plain(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower())


def email(value: str) -> str:
    """`value` if it can be an address at all: forms pass placeholders ("xxxxx") where nothing was given."""
    return value if re.fullmatch(r"[^@\s]+@[^@\s]+", value) else ""


def joined(parts: Iterable[Any]) -> str | None:
    """Several texts as one comment, with a blank line between them; None when none says anything."""
    return "\n\n".join(text for part in parts if (text := records.text(part))) or None
