"""What the options of ``sidekick sensor`` mean."""

from __future__ import annotations

from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from sidekick.cli._options import sensor_overrides
from sidekick.cli.sensor import address_and_port, command
from sidekick.settings import load


@pytest.mark.parametrize(
    ("text", "address", "port"),
    [
        ("2803", "127.0.0.1", 2803),
        (":2803", "127.0.0.1", 2803),
        ("0.0.0.0:1", "0.0.0.0", 1),
        ("[::1]:65535", "::1", 65535),
        ("fd00::7:2803", "fd00::7", 2803),  # as `$(POD_IP):2803` gives it
    ],
)
def test_metrics_are_where_the_option_says(text: str, address: str, port: int) -> None:
    context = click.Context(command)
    settings = load(None, {}, dict(address_and_port(context, command.params[0], text)))
    assert settings.sensor.listen is not None
    assert (settings.sensor.listen.address, settings.sensor.listen.port) == (address, port)


@pytest.mark.parametrize("text", ["", "x", "127.0.0.1", "127.0.0.1:", ":70000", "1:-1"])
def test_what_is_no_address_is_refused(text: str) -> None:
    done = CliRunner().invoke(command, ["--metrics", text])
    assert done.exit_code == 2
    assert f"wanted PORT or ADDRESS:PORT, found {text!r}" in done.output


def test_without_the_option_nobody_listens(tmp_path: Path) -> None:
    assert load(None, {}, sensor_overrides(tmp_path, "")).sensor.listen is None


def test_a_node_has_the_name_that_it_is_given() -> None:
    assert load(None, {}, sensor_overrides(None, "n1")).sensor.node == "n1"
    (option,) = [one for one in command.params if one.name == "node"]
    assert isinstance(option, click.Option)
    assert option.envvar == ["NODE_NAME", "FALCO_HOSTNAME"]
