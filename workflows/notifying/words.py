"""What notifications say, read from what they point at: never copied, so that an erased person is gone from them too."""

import datetime as dt

from django.urls import reverse

from team.models import User
from workflows.alerting.domain import Wake
from workflows.models import Alert, Notification
from workflows.notifying import topics
from workflows.notifying.topics import Topic, Words
from workflows.rules import merge_fields

LONGEST_QUOTE = 1500


def who_of(alert: Alert) -> str:
    return alert.contact.display_name if alert.contact else "Somebody"


def title_of(alert: Alert) -> str:
    """What an alert is about in one line: "Ann Vogt at Acme answered 3"."""
    at = f" at {alert.account.name}" if alert.account else ""
    if alert.response is not None:
        return f"{who_of(alert)}{at} answered {merge_fields.score_words(alert.response)}"
    if alert.message is not None:
        return f"{who_of(alert)}{at} wrote back"
    matter = alert.matter
    return matter.words if matter is not None else f"{alert.kind_label}{at}"


def quote_of(alert: Alert) -> str:
    """What the customer wrote, where an answer or a message is behind the alert."""
    if alert.message is not None:
        return alert.message.body[:LONGEST_QUOTE]
    if alert.response is not None:
        return (alert.response.comment or "")[:LONGEST_QUOTE]
    return ""


def of(notification: Notification) -> Words:
    """The words of one notification."""
    return topics.topic_named(notification.topic).words(notification)


def _of_alert(notification: Notification) -> Words:
    alert = notification.alert
    if alert is None:
        return Words("An alert")
    title = title_of(alert)
    count = notification.data.get("count", 0)
    woken = notification.data.get("woken")
    if woken:
        slept = f"fired {alert.muted_count} times while asleep" if alert.muted_count > 1 else ""
        slept = "fired once while asleep" if alert.muted_count == 1 else slept
        why = {Wake.WORSE: "Woken because it got worse", Wake.TIME: "Back from its sleep"}.get(woken, "Woken")
        return Words(f"{why}: {title}", _path(alert), slept)
    if notification.data.get("given"):
        return Words(f"Given to you: {title}", _path(alert))
    if count > 1:
        return Words(title, _path(alert), f"fired {count} times since it was opened")
    matter = alert.matter
    return Words(title, _path(alert), matter.more if matter is not None else "")


def _path(alert: Alert) -> str:
    return reverse("workflows:alert_detail", args=[alert.pk])


def _of_task(notification: Notification) -> Words:
    task = notification.task
    if task is None:
        return Words("A task")
    return Words(
        task.title,
        reverse("workflows:task_detail", args=[task.pk]),
        task.account.name if task.account else "",
    )


def _of_comment(notification: Notification) -> Words:
    words = _of_task(notification)
    if notification.data.get("moved"):
        return Words(f"Due on another day: {words.title}", words.path, words.more)
    author = User.objects.filter(pk=notification.data.get("author") or 0).first()
    path = f"{words.path}#comments" if words.path else ""
    return Words(f"{author or 'Somebody'} commented: {words.title}", path, words.more)


def _of_handed(notification: Notification) -> Words:
    """ "3 tasks and one alert of Carla Csm are yours while she is away"."""
    said = notification.data
    counts = [
        (int(said.get("tasks", 0)), "task", "workflows:task_list"),
        (int(said.get("alerts", 0)), "alert", "workflows:alert_list"),
        (int(said.get("loops", 0)), "answer to follow up", "workflows:loop_list"),
    ]
    parts = [_count(number, what) for number, what, _ in counts if number]
    path = next((reverse(name) for number, _, name in counts if number), "")
    user = User.objects.filter(pk=said.get("from") or 0).first()
    is_one = sum(number for number, _, _ in counts) == 1
    what = " and ".join([", ".join(parts[:-1]), parts[-1]] if len(parts) > 1 else parts)
    until = f"until {dt.date.fromisoformat(said['until']):%-d %B %Y}" if said.get("until") else ""
    title = f"{what} of {user or 'a colleague'} {'is' if is_one else 'are'} yours {until}".strip()
    return Words(title[:1].upper() + title[1:], path)


def _count(number: int, what: str) -> str:
    several = "answers to follow up" if what == "answer to follow up" else f"{what}s"
    return f"one {what}" if number == 1 else f"{number} {several}"


def _of_step(notification: Notification) -> Words:
    step = notification.step
    if step is None:
        return Words("A rule told you of something that is no longer there")
    run = step.run
    title, _, more = merge_fields.shown(str(step.settings.get("text", "")), run).strip().partition("\n")
    path = (
        reverse("accounts:account_detail", args=[run.account_id])
        if run.account_id
        else reverse("workflows:run_detail", args=[run.pk])
    )
    return Words(title or run.rule.name, path, " ".join(more.split()))


def register() -> None:
    topics.words_of_alerts(_of_alert)
    topics.register(
        Topic(
            topics.RULE_NOTICE, "A rule tells me of something", "rule", topics.EVERYWHERE, _of_step
        )
    )  # fmt: skip
    topics.register(Topic(topics.TASK_GIVEN, "A task is given to me", "task", topics.IN_THE_APP, _of_task))
    topics.register(
        Topic(topics.WORK_HANDED, "I stand in for somebody", "task", topics.EVERYWHERE, _of_handed)
    )
    topics.register(
        Topic(topics.TASK_COMMENT, "Somebody comments on my task", "task", topics.IN_THE_APP, _of_comment)
    )
