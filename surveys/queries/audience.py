"""Who a campaign is addressed to, before any rule of eligibility."""

from django.db.models import QuerySet

from accounts import segments
from accounts.models import Account, Contact, Segment
from team.models import User


def audience(*, segment: Segment | None, user: User | None) -> QuerySet[Contact]:
    """The live contacts of a segment (of everyone without one) that `user` may see; "me" in it means `user`.

    A segment over accounts means everybody at those accounts. Raises `Invalid` for a segment that can no longer be read.
    """
    people = Contact.objects.live()
    if user is not None:
        people = people.visible_to(user)
    if segment is None:
        return people
    if segment.target == segments.CONTACT:
        return segments.narrow(people, segment.conditions, target=segments.CONTACT, user=user)
    accounts = segments.narrow(Account.objects.all(), segment.conditions, target=segments.ACCOUNT, user=user)
    return people.filter(account__in=accounts.values("pk"))
