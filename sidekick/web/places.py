"""Where the hub is to be reached, and what is in the way."""

from __future__ import annotations

import asyncio
import errno
import logging
import os
import socket

from sidekick.listener.config import ListenerConfig
from sidekick.web.admin import AdminConfig
from sidekick.web.asgi import open_listener

log = logging.getLogger(__name__)

_AGAIN_SECS = 2.0
_NO_ADMIN = (
    "the admin API cannot listen, so no command reaches this hub: stop what uses the port, or set "
    "admin.port"
)
_LISTEN_ADVICE = {
    errno.EADDRINUSE: "another program uses the port: stop it, or set listen.port",
    errno.EADDRNOTAVAIL: "no interface of this machine has that address: set listen.address",
    errno.EACCES: "a port below 1024 needs CAP_NET_BIND_SERVICE: set listen.port",
}


def url(place: ListenerConfig | AdminConfig) -> str:
    """How a client on this machine calls it."""
    host = "localhost" if place.address in ("", "0.0.0.0", "::") else place.address
    shown = f"[{host}]" if ":" in host else host
    return f"{'https' if place.tls else 'http'}://{shown}:{place.port}"


async def admin_listener(config: AdminConfig) -> socket.socket:
    """Its port may be taken, for a while or for good: alerts are taken all the same."""
    told = False
    while True:
        try:
            listener = open_listener(config.address, config.port)
        except OSError as error:
            about = {"address": config.address, "port": config.port, "error": _said(error)}
            if not told:
                log.error(_NO_ADMIN, extra=about)
            told = True
            await asyncio.sleep(_AGAIN_SECS)
        else:
            if told:
                log.info("the admin API can be reached now")
            return listener


def cannot_listen(listen: ListenerConfig, error: OSError) -> str:
    """What is in the way of the listener for alerts, and what to do."""
    if error.errno is None and "could not bind on any address" in str(error):
        # From Python 3.12 on, asyncio tries all addresses of a name and then says only this.
        error = OSError(errno.EADDRNOTAVAIL, "")
    if (error.errno or 0) < 0:  # getaddrinfo's
        advice = "listen.address is neither an address nor a name that is known here"
    else:
        advice = _LISTEN_ADVICE.get(error.errno or 0, "set listen.address and listen.port")
    return f"cannot listen on {listen.address}:{listen.port}: {_said(error)}; {advice}"


def _said(error: OSError) -> str:
    """What the system says, without what asyncio and socket put around it."""
    known = error.errno in errno.errorcode
    return os.strerror(error.errno or 0) if known else str(error.strerror or error)
