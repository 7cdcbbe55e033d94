"""Who came to be where they are by an import: rules act on them only where they include imports.

Lists and dates are looked at later than what changed them, so what they record would be live, and ten thousand imported
accounts would set off every rule that waits for a list they belong to.
"""

import datetime as dt
from collections.abc import Sequence

from accounts.models import Event
from workflows.rules.judging import IMPORTED

UNSEEN = dt.timedelta(minutes=1)
"""What was recorded this long before a look may have been committed only after it: imports write in short slices."""


def brought_in(target: str, ids: Sequence[int], *, since: dt.datetime) -> set[int]:
    """Those of these accounts or contacts (`target`) of whom something was imported or brought in since `since`."""
    told = Event.objects.filter(
        origin__in=IMPORTED, recorded_at__gte=since - UNSEEN, **{f"{target}__in": ids}
    )
    return set(told.order_by().values_list(f"{target}_id", flat=True).distinct())
