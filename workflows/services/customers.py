"""What work does when people change: it follows an answer that turned out to be somebody else's, and forgets the erased."""

from django.db.models import DateTimeField, F, Q, Value
from django.db.models.functions import Coalesce

from accounts.models import Contact, Event
from core import clock
from surveys.models import Response
from workflows.loop.domain import LoopPause
from workflows.models import Alert, AlertCause, ChecklistItem, Loop, Run, Task, TaskComment
from workflows.services import gathering

ERASED = "About a person who was erased"


def follow_answer(event: Event) -> None:
    """Alerts, tasks and runs about an answer belong where the answer belongs now. Idempotent: it reads the present."""
    if event.data.get("change") not in {"relinked", "unlinked"} or event.subject_id is None:
        return
    response = Response.objects.filter(pk=event.subject_id).first()
    if response is None:
        return
    place = {"contact_id": response.contact_id, "account_id": response.account_id}
    gathering.follow(response)
    Task.objects.filter(response=response).update(**place)
    runs = AlertCause.objects.filter(response=response, run__isnull=False).values("run")
    Run.objects.filter(pk__in=runs).update(**place)
    Loop.objects.filter(response=response).update(**place)


def forget_alerts(contact: Contact) -> None:
    """That there was an alert stays; what was noted about it goes."""
    about = Q(contact=contact) | Q(causes__contact=contact)
    theirs = Alert.objects.filter(about).values_list("pk", flat=True)
    Alert.objects.filter(pk__in=list(theirs)).update(outcome="", snooze_reason="")


def forget_tasks(contact: Contact) -> None:
    """That there was work stays, with who did it and when; its words go, since they name the person."""
    theirs = Task.objects.filter(contact=contact)
    ChecklistItem.objects.filter(task__in=theirs).update(text=ERASED)
    TaskComment.objects.filter(task__in=theirs).update(body=ERASED)
    theirs.update(title=ERASED, description="", outcome="")


def end_loops(contact: Contact) -> None:
    """Nobody can be called any more: what was still to be done about the person's answers is not due."""
    Loop.objects.filter(contact=contact, resolved_at__isnull=True).update(
        paused_at=Coalesce(F("paused_at"), Value(clock.now(), DateTimeField())), pause=LoopPause.ERASED
    )


def forget_past_tasks(contact: Contact) -> None:
    """Earlier wordings of tasks about the person, also of tasks that are about somebody else by now."""
    theirs = Task.history.filter(contact=contact).values_list("id", flat=True)
    Task.history.filter(id__in=list(theirs)).delete()
