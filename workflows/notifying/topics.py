"""What there is to be told about. Each topic is a line of the preferences page.

Every kind of alert is a topic by itself ("alert.detractor"); other things that colleagues are told about are registered
here, with the words that say them.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from team.domain import Role
from workflows import alert_kinds
from workflows.notifying.domain import Way

if TYPE_CHECKING:
    from workflows.models import Alert, Notification

ALERT = "alert"
TASK_GIVEN = "task_given"
TASK_COMMENT = "task_comment"
WORK_HANDED = "work_handed"
RULE_NOTICE = "rule_notice"
EVERYWHERE = frozenset({Way.APP, Way.MAIL})
IN_THE_APP = frozenset({Way.APP})


@dataclass(frozen=True, slots=True)
class Words:
    """What a notification says: a line, the page it leads to (a path), and a little more."""

    title: str
    path: str = ""
    more: str = ""


@dataclass(frozen=True, slots=True)
class Topic:
    """`group` speaks for all of its topics where a person did not choose one by one. `default` is what is on for somebody
    who never chose; viewers, to whom no work is given, get mails of nothing by themselves."""

    key: str
    label: str
    group: str
    default: frozenset[Way]
    words: "Callable[[Notification], Words]"

    def ways_for(self, role: Role) -> frozenset[Way]:
        return self.default & IN_THE_APP if role is Role.VIEWER else self.default


_topics: dict[str, Topic] = {}
_alert_words: "list[Callable[[Notification], Words]]" = []


def register(topic: Topic) -> None:
    """Make a topic known. Call from `AppConfig.ready`."""
    _topics[topic.key] = topic


def words_of_alerts(func: "Callable[[Notification], Words]") -> None:
    """Say how notifications about alerts read."""
    _alert_words[:] = [func]


def all_topics() -> list[Topic]:
    """Alerts by kind, in the order of their registration, then the others."""
    return [_of_alert(kind.key) for kind in alert_kinds.all_kinds()] + list(_topics.values())


def topic_named(key: str) -> Topic:
    """The topic with this key. What nobody registered is in the app only and speaks for itself."""
    if key.startswith(f"{ALERT}."):
        return _of_alert(key.removeprefix(f"{ALERT}."))
    return _topics.get(key) or Topic(
        key, key.replace("_", " ").capitalize(), "", IN_THE_APP, lambda _: Words(key)
    )


def key_of(alert: "Alert") -> str:
    return f"{ALERT}.{alert.kind}"


def _of_alert(kind: str) -> Topic:
    return Topic(f"{ALERT}.{kind}", alert_kinds.label_of(kind), ALERT, EVERYWHERE, _alert_words[0])
