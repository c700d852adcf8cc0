"""Options that several commands have."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Any, TypeVar

import click

from sidekick.cli._api import Api

F = TypeVar("F", bound=Callable[..., Any])

DEFAULT_URL = "http://127.0.0.1:2802"

json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON.")
limit_option = click.option(
    "--limit",
    type=click.IntRange(1, 10_000),
    default=100,
    show_default=True,
    help="At most so many.",
)
config_option = click.option(
    "-c",
    "--config",
    type=click.Path(path_type=Path),
    envvar="SIDEKICK_CONFIG",
    show_envvar=True,
    help="Configuration file, sidekick's or falcosidekick's; without it: falcosidekick's "
    "variables, or the defaults.",
)
state_dir_option = click.option(
    "--state",
    type=click.Path(path_type=Path, file_okay=False),
    help="Directory of the alert log; goes over state_dir of the file.",
)
state_option = click.option(
    "--state",
    type=click.Path(path_type=Path, file_okay=False),
    help="Read the log in this folder instead of asking a hub.",
)


def api_options(function: F) -> F:
    """Give the command ``api``, made of --url, --token and --ca."""

    @click.option(
        "--url",
        envvar="SIDEKICK_URL",
        show_envvar=True,
        default=DEFAULT_URL,
        show_default=True,
        help="The hub's admin API.",
    )
    @click.option(
        "--token",
        envvar="SIDEKICK_TOKEN",
        show_envvar=True,
        default="",
        help="Its token; rather in the environment or a file: others see a command line.",
    )
    @click.option(
        "--token-file",
        type=click.File(),
        envvar="SIDEKICK_TOKEN_FILE",
        show_envvar=True,
        help="File with the token.",
    )
    @click.option(
        "--ca",
        envvar="SIDEKICK_CA",
        show_envvar=True,
        default="",
        help="PEM file of the authority that signed its certificate.",
    )
    @wraps(function)
    def command(url: str, token: str, token_file: Any, ca: str, **arguments: Any) -> Any:
        if token_file is not None:
            token = token_file.read()
        return function(api=Api(url, token.strip(), ca), **arguments)

    return command  # type: ignore[return-value]


def sensor_options(function: F) -> F:
    """Give the command ``config``, ``state``, ``node`` and ``rules``."""
    for option in (
        click.option(
            "--rules",
            type=click.Path(path_type=Path, exists=True),
            multiple=True,
            help="A rule file or a folder of them, in place of the configured ones; repeatable.",
        ),
        click.option(
            "--node",
            envvar=["NODE_NAME", "FALCO_HOSTNAME"],
            default="",
            help="Name of this machine in alerts, else NODE_NAME of the environment or the host"
            " name.",
        ),
        state_dir_option,
        config_option,
    ):
        function = option(function)
    return function


def sensor_overrides(state: Path | None, node: str) -> dict[str, Any]:
    """What ``--state`` and ``--node`` say, as settings."""
    found = {} if state is None else {"state_dir": str(state)}
    return found | ({"sensor.node": node} if node else {})
