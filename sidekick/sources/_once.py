"""Alerts of events that may come again: offered until they are durable, and never once more.

A sender that got no answer in time sends its events again, while the first try may be under way,
may have failed, or may have become durable. So an event is only known as done when the log has its
alerts; who brings it meanwhile waits for how the first try ends.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence

from sidekick.errors import Shed
from sidekick.model import Alert
from sidekick.sources import Intake


class Once:
    """Offers alerts by the key of their event; the last ``remembered`` keys are known.

    ``repeated`` is told how many of the events that it was given had been done before.
    """

    def __init__(self, intake: Intake, remembered: int, repeated: Callable[[int], object]) -> None:
        self._intake = intake
        self._remembered = remembered
        self._done: dict[int, None] = {}
        self._under_way: dict[int, asyncio.Future[None]] = {}
        self._repeated = repeated

    async def offer(self, events: Mapping[int, Sequence[Alert]]) -> BaseException | None:
        """Return when all are durable, or why some are not; those may be offered again."""
        offered = 0
        while left := {key: alerts for key, alerts in events.items() if key not in self._done}:
            mine = {key: alerts for key, alerts in left.items() if key not in self._under_way}
            if not mine:
                await asyncio.wait([self._under_way[key] for key in left])
                continue
            error = await self._offer_together(mine)
            if error is not None:
                return error
            offered += len(mine)
        self._repeated(len(events) - offered)
        return None

    async def _offer_together(self, events: Mapping[int, Sequence[Alert]]) -> BaseException | None:
        """With one commit; where there is no room for all, each on its own."""
        ended = asyncio.get_running_loop().create_future()
        self._under_way |= dict.fromkeys(events, ended)
        try:
            error = await self._commit(events)
            if isinstance(error, Shed) and len(events) > 1:
                # What is not severe enough must not keep out the others that came with it.
                errors = [await self._commit({key: events[key]}) for key in events]
                error = next((one for one in errors if one is not None), None)
            return error
        finally:
            for key in events:
                del self._under_way[key]
            ended.set_result(None)

    async def _commit(self, events: Mapping[int, Sequence[Alert]]) -> BaseException | None:
        answer: asyncio.Future[BaseException | None] = asyncio.get_running_loop().create_future()

        def told(error: BaseException | None) -> None:
            if not answer.done():
                answer.set_result(error)

        self._intake.offer([alert for alerts in events.values() for alert in alerts], told)
        error = await answer
        if error is None:
            self._done |= dict.fromkeys(events)
            while len(self._done) > self._remembered:
                del self._done[next(iter(self._done))]
        return error
