"""What pages and the API read about reward lists: counts, and to whom codes went. Never the codes."""

from django.db.models import Count, Q, QuerySet

from accounts.models import Contact
from team.models import User
from workflows.models import RewardCode, RewardList


def list_reward_lists() -> QuerySet[RewardList]:
    """All lists by name, each with how many codes are `left` and how many were `given`. Lists belong to no account."""
    return RewardList.objects.annotate(
        left=Count("codes", filter=Q(codes__given_at__isnull=True)),
        given=Count("codes", filter=Q(codes__given_at__isnull=False)),
    ).order_by("name", "pk")


def list_given(list: RewardList, *, user: User) -> QuerySet[RewardCode]:
    """The codes of the list that went to people this person may see, the latest first."""
    return (
        RewardCode.objects.filter(
            list=list, given_at__isnull=False, contact__in=Contact.objects.visible_to(user)
        )
        .select_related("contact__account", "run__rule")
        .defer("sealed", "digest")
        .order_by("-given_at", "-pk")
    )
