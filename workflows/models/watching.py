"""Who is in the segments that rules watch, so that entering and leaving can be told."""

from typing import ClassVar

from django.db import models
from django.db.models import Q

from accounts.models import Account, Contact, Segment


class SegmentWatch(models.Model):
    """A segment that an active rule watches, and when it was last looked at. The first look tells nobody."""

    segment = models.OneToOneField(Segment, on_delete=models.CASCADE, primary_key=True, related_name="watch")
    looked_at = models.DateTimeField()
    round = models.PositiveIntegerField(default=1)

    def __str__(self) -> str:
        return f"Watch of segment {self.segment_id}"


class SegmentMember(models.Model):
    """An account or a contact that was in a watched segment at the last look."""

    segment = models.ForeignKey(Segment, on_delete=models.CASCADE, related_name="members")
    account = models.ForeignKey(Account, on_delete=models.CASCADE, null=True, related_name="segment_members")
    contact = models.ForeignKey(Contact, on_delete=models.CASCADE, null=True, related_name="segment_members")
    since = models.DateTimeField()

    objects: ClassVar = models.Manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["segment", "account"], name="workflows_segmentmember_account"),
            models.UniqueConstraint(fields=["segment", "contact"], name="workflows_segmentmember_contact"),
            models.CheckConstraint(
                condition=Q(account__isnull=True) ^ Q(contact__isnull=True),
                name="workflows_segmentmember_one",
            ),
        ]

    def __str__(self) -> str:
        return f"Member {self.pk} of segment {self.segment_id}"
