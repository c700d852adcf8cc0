"""Batches for destinations that take one message at a time."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

from sidekick.errors import PartlyDelivered, Rejected, Retryable
from sidekick.model import Envelope


async def send_each(batch: Sequence[Envelope], send: Callable[[Envelope], Awaitable[None]]) -> None:
    """Send one after the other; raises what a batch of one raises, or ``PartlyDelivered``.

    After one that may be sent later none is tried: order is kept, a struggling server is spared.
    """
    if len(batch) == 1:
        return await send(batch[0])
    failed: dict[int, Retryable | Rejected] = {}
    for i, envelope in enumerate(batch):
        try:
            await send(envelope)
        except Rejected as error:
            failed[i] = error
        except Retryable as error:
            failed |= dict.fromkeys(range(i, len(batch)), error)
            break
    if failed:
        raise PartlyDelivered(failed)
