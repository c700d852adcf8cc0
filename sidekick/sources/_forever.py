"""Keeping a source alive."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable

from sidekick.errors import ConfigError

log = logging.getLogger(__name__)

_FIRST_PAUSE_SECS = 1.0
_LONGEST_PAUSE_SECS = 30.0
_LONG_SECS = 60.0


async def forever(name: str, run: Callable[[], Awaitable[None]]) -> None:
    """A source that ends or fails is started again, with a growing pause."""
    pause = _FIRST_PAUSE_SECS
    while True:
        began = time.monotonic()
        try:
            await run()
        except ConfigError as error:
            reason = str(error)
            log.error(
                "a source cannot start, trying again", extra={"source": name, "error": reason}
            )
        except Exception:
            log.exception("a source failed; it is started again", extra={"source": name})
        if time.monotonic() - began > _LONG_SECS:
            pause = _FIRST_PAUSE_SECS
        await asyncio.sleep(pause)
        pause = min(2 * pause, _LONGEST_PAUSE_SECS)
