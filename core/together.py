"""Requests of one process that wait for the same kind of work, done together by one of them.

Whoever finds nobody at work leads: it takes all that wait and settles them while the next ones gather. Who comes alone
waits for nobody.
"""

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

Asked = TypeVar("Asked")
Said = TypeVar("Said")


@dataclass(slots=True, eq=False)
class _Slot:
    asked: Any
    said: Any = None
    error: BaseException | None = None
    is_settled: bool = False


class Together(Generic[Asked, Said]):
    """`work` is given what waits, at most `at_most` that `choose` lets go together, and answers in the same order. What it
    raises is raised to all of them."""

    def __init__(
        self,
        work: Callable[[Sequence[Asked]], Sequence[Said]],
        *,
        at_most: int,
        goes_with: Callable[[Sequence[Asked], Asked], bool],
    ) -> None:
        self._work, self._at_most, self._goes_with = work, at_most, goes_with
        self._settled = threading.Condition()
        self._waiting: list[_Slot] = []
        self._is_led = False

    def submit(self, asked: Asked) -> Said:
        slot = _Slot(asked)
        with self._settled:
            self._waiting.append(slot)
            self._settled.wait_for(lambda: slot.is_settled or not self._is_led)
            self._is_led = self._is_led or not slot.is_settled
            leads = not slot.is_settled
        while leads and not slot.is_settled:
            self._lead()
        if leads:
            with self._settled:
                self._is_led = False
                self._settled.notify_all()
        if slot.error is not None:
            raise slot.error
        said: Said = slot.said
        return said

    def _lead(self) -> None:
        taken = self._take()
        try:
            for slot, said in zip(taken, self._work([slot.asked for slot in taken]), strict=True):
                slot.said = said
        except BaseException as error:
            for slot in taken:
                slot.error = error
        with self._settled:
            for slot in taken:
                slot.is_settled = True
            self._settled.notify_all()

    def _take(self) -> list[_Slot]:
        with self._settled:
            taken: list[_Slot] = []
            for slot in self._waiting:
                if len(taken) < self._at_most and self._goes_with([one.asked for one in taken], slot.asked):
                    taken.append(slot)
            self._waiting = [slot for slot in self._waiting if slot not in taken]
            return taken
