"""Wootric CXI (InMoment): the second product of Wootric, with the same sign-in. Facts and doubts: docs/connectors/wootric.md."""

import datetime as dt
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, ClassVar

from integrations import reading, records
from integrations.contract import (
    Ask,
    Input,
    Link,
    Page,
    RemoteField,
    RemoteSurvey,
    Role,
    Setting,
    System,
    Unusable,
)
from integrations.records import Metric, Person, Record
from integrations.systems.wootric import SCALES, SIGN_IN_SETTINGS, metric_of_mode, sign_in, token

CXI_BASE = "https://cxi-api.wootric.com"
PAGE_SIZE = 50
MAX_PAGES = 30

_BASIC_FIELDS = (
    RemoteField(key="score", label="Score", role=Role.SCORE),
    RemoteField(key="feedback", label="Feedback", role=Role.COMMENT),
    RemoteField(key="user_id", label="User (an e-mail or an id)", role=Role.EMAIL),
)


def read_response(
    payload: Any,
    *,
    chosen: Mapping[Role, Sequence[str]] | None = None,
    scale: tuple[int, int] | None = None,
    zone: str = "UTC",
) -> Record:
    """One item of the CXI list. Its id is that of the same answer in the main product where it has one there.

    Raises `Unusable` for what is no object, or an empty one.
    """
    if not isinstance(payload, Mapping):
        raise Unusable("An item of Wootric CXI must be an object.")
    metric = metric_of_mode(payload.get("metric_type"), Metric.OTHER)
    low, high = SCALES[metric] if metric is Metric.NPS or scale is None else scale
    score, trouble = reading.scored(payload.get("score"), low=low, high=high)
    properties = {
        records.text(each.get("key")): each.get("value")
        for each in records.items(payload.get("custom_properties"))
        if isinstance(each, Mapping) and records.text(each.get("key"))
    }
    user = records.text(payload.get("user_id"))
    person_keys = [key.removeprefix("properties.") for key in (chosen or {}).get(Role.PERSON_ID, ())]
    person_id = next((records.text(properties.get(key)) for key in person_keys if properties.get(key)), "")
    main = records.text(payload.get("wootric_response_id"))
    return Record(
        external_id=main or f"cxi-{reading.identity(payload)}",
        metric=metric,
        score=score,
        scale_min=low,
        scale_max=high,
        comment=records.comment(payload.get("feedback")),
        responded_at=records.moment(payload.get("feedback_date"), zone=zone),
        person=Person(
            email=user if "@" in user else "", external_id=person_id or (user if "@" not in user else "")
        ),
        properties=properties,
        raw=payload,
        trouble=trouble,
    )


class WootricCxi(System):
    key: ClassVar[str] = "wootric_cxi"
    name: ClassVar[str] = "Wootric CXI (InMoment)"
    about: ClassVar[str] = (
        "The newest 1,500 pieces of feedback in Wootric CXI. For NPS surveys connect Wootric itself."
    )
    verified: ClassVar[str] = "vendor documentation"
    settings: ClassVar[tuple[Setting, ...]] = (
        *SIGN_IN_SETTINGS,
        reading.scale_setting(where="The survey's settings in Wootric show it."),
        Setting(
            key="cxi_url", label="Address", input=Input.URL, default=CXI_BASE, is_required=False,
            where="Leave it as it is, unless Wootric gave you the address of another region.",
        ),
        Setting(
            key="base_url", label="Address to sign in at", input=Input.URL, default="https://api.wootric.com",
            is_required=False, where="The same as for Wootric itself.",
        ),
    )  # fmt: skip
    per_minute: ClassVar[int] = 90
    roles: ClassVar[tuple[Role, ...]] = (Role.PERSON_ID,)

    def headers(self, link: Link) -> Mapping[str, str]:
        return {"Authorization": f"Bearer {token(link)}"}

    def renew(self, link: Link) -> bool:
        sign_in(link)
        return True

    def check(self, link: Link) -> str:
        _, total = self._page(link, 1, size=1)
        return "Wootric CXI" if total is None else f"Wootric CXI, {total:,} pieces of feedback"

    def surveys(self, link: Link) -> Sequence[RemoteSurvey]:
        _, total = self._page(link, 1, size=1)
        return [RemoteSurvey(id="", name="All feedback", count=total)]

    def fields(self, link: Link, survey_id: str) -> Sequence[RemoteField]:
        found, _ = self._page(link, 1)
        return reading.described([_fields_of(each) for each in found], always=_BASIC_FIELDS)

    def pull(self, link: Link, ask: Ask) -> Page:
        """Newest first, down to the beginning of the window. Nothing can be asked for by time, and page 30 is the last."""
        number = int((ask.cursor or {}).get("page", 1))
        items, _ = self._page(link, number)
        found: list[Record] = []
        unreadable = 0
        for each in items:
            try:
                found.append(
                    read_response(each, chosen=link.mapping, scale=reading.scale_set(link), zone=link.zone)
                )
            except Unusable:
                unreadable += 1
        notes = [f"{unreadable} entries of the page were no answers and were left out."] if unreadable else []
        times = [each.responded_at for each in found if each.responded_at is not None]
        is_before = bool(times) and ask.since is not None and min(times) < ask.since
        if len(items) < PAGE_SIZE or is_before:
            onto = None
        elif number >= MAX_PAGES:
            onto = None
            notes.append(
                f"Wootric CXI lists its newest {MAX_PAGES * PAGE_SIZE:,} pieces of feedback only; older ones cannot be read."
            )
        else:
            onto = {"page": number + 1}
        return Page(records=[each for each in found if _is_within(each, ask.since)], cursor=onto, notes=notes)

    def _page(self, link: Link, number: int, *, size: int = PAGE_SIZE) -> tuple[list[Any], int | None]:
        said = link.read(
            "GET",
            f"{reading.base_url(link, CXI_BASE, key='cxi_url')}/v1/responses",
            params={"page": number, "per_page": size, "sort_order": "desc"},
        )
        items, total = records.mapping(said).get("items"), records.mapping(said).get("total_count")
        if not isinstance(items, list):
            raise Unusable("Wootric CXI answered without a list. Check the address; it must be the API's.")
        return items, total if isinstance(total, int) else None


SYSTEM = WootricCxi()


def _is_within(record: Record, since: dt.datetime | None) -> bool:
    return since is None or record.responded_at is None or record.responded_at >= since


def _fields_of(item: Any) -> Iterator[tuple[str, str, Role | None, Any]]:
    if not isinstance(item, Mapping):
        return
    for each in _BASIC_FIELDS:
        yield each.key, each.label, each.role, item.get(each.key)
    for each in records.items(item.get("custom_properties")):
        if isinstance(each, Mapping) and records.text(each.get("key")):
            name = records.text(each["key"])
            yield f"properties.{name}", name, None, each.get("value")
