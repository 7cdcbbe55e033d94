"""Who would be left without a message because a merge tag of it is empty for them and has no words to stand in.

The same judgement as when a message is made (surveys.merge, surveys.channels), taken from the columns before a launch.
Data of an event is left out: nobody knows it before the event happens.
"""

from collections.abc import Mapping
from functools import reduce
from operator import or_

from django.db.models import Case, CharField, Q, QuerySet, Value, When
from django.db.models.functions import Lower, Replace, Trim

from accounts.models import Contact
from surveys import merge
from surveys.choices import Channel
from surveys.content import MAIL_TEXTS, Content
from surveys.models import Campaign
from team import queries as team_queries

_NO_FIRST, _NO_LAST = Q(said_first=""), Q(said_last="")
_NO_OWNER = Q(account__owner__isnull=True) | Q(account__owner__name="")
_EMPTY: Mapping[str, Q] = {
    "first_name": _NO_FIRST,
    "last_name": _NO_LAST,
    "full_name": _NO_FIRST & _NO_LAST,
    "account_name": Q(account__isnull=True),
    "owner_name": _NO_OWNER,
    "owner_first_name": _NO_OWNER,
}


def needed(content: Content, language: str, channel: Channel, *, company: str) -> frozenset[str]:
    """The tags that have to be known of a person before a message in `language` can be made for them."""
    wording = content.wording(language, company=company)
    texts: list[str] = []
    if channel == Channel.EMAIL:
        texts = [*(getattr(wording, name) for name in MAIL_TEXTS), wording.question]
    elif channel == Channel.SMS:
        texts = [wording.sms.replace("{link}", "") or wording.question]
    found: set[str] = set()
    for text in texts:
        try:
            found |= merge.parse(text).required()
        except merge.MergeError:
            continue
    return frozenset(found & _EMPTY.keys())


def lacking(campaign: Campaign, contacts: QuerySet[Contact]) -> dict[Channel, QuerySet[Contact]]:
    """Those of `contacts` whom the survey cannot be sent to by a channel; a channel that needs nothing is not named."""
    version = campaign.survey.current
    if version is None:
        return {}
    content = Content.from_json(version.content)
    company = team_queries.workspace().name
    found: dict[Channel, QuerySet[Contact]] = {}
    for channel in map(Channel, campaign.channels):
        by_language = {tag: needed(content, tag, channel, company=company) for tag in content.languages}
        if not any(by_language.values()):
            continue
        conditions = [
            Q(asked_in=tag) & reduce(or_, (_EMPTY[name] for name in sorted(names)))
            for tag, names in by_language.items()
            if names
        ]
        people = contacts.annotate(
            tag=Lower(Replace("language", Value("_"), Value("-"))),
            said_first=Trim("first_name"),
            said_last=Trim("last_name"),
        ).annotate(asked_in=_language(content))
        found[channel] = people.filter(reduce(or_, conditions))
    return found


def _language(content: Content) -> Case:
    """The language each person is asked in, as planning chooses it."""
    longest_first = sorted(content.languages, key=len, reverse=True)
    return Case(
        *(
            When(Q(tag=tag.lower()) | Q(tag__startswith=f"{tag.lower()}-"), then=Value(tag))
            for tag in longest_first
        ),
        default=Value(content.default_language),
        output_field=CharField(),
    )
