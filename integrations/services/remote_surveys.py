"""Which of our surveys the answers of one over there count for: one that stands, or a new one under its name."""

from django.db import transaction

from core.errors import Invalid
from surveys.content import Content
from surveys.models import Survey
from surveys.services import surveys as survey_services
from team import queries as team_queries
from team.models import User

NEW = "new"


@transaction.atomic
def survey_for(*, choice: str, metric: str, name: str, actor: User) -> Survey:
    """The survey with the id `choice`, or, for "new", a new one that measures `metric`; one of that name is taken as it is.

    Refuses a choice that is none of ours.
    """
    if choice == NEW:
        name = " ".join(name.split())[:100] or "Answers from elsewhere"
        known = Survey.objects.filter(name__iexact=name, metric=metric).exclude(state="archived").first()
        if known is not None:
            return known
        content = Content(metric=metric, subject_name=team_queries.workspace().name)
        return survey_services.create_survey(
            name=_free(name), content=content, actor=actor, activate_now=True
        )
    found = (
        Survey.objects.filter(pk=int(choice)).exclude(state="archived").first()
        if choice.isdecimal()
        else None
    )
    if found is None:
        raise Invalid(f"Say which of your surveys the answers of “{name}” count for.", field="surveys")
    return found


def _free(name: str) -> str:
    taken = {found.casefold() for found in Survey.objects.values_list("name", flat=True)}
    number, free = 2, name
    while free.casefold() in taken:
        free, number = f"{name} {number}", number + 1
    return free
