from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from sidekick.sensor.config import SensorConfig


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"ignore_calls": ["sendot"]}, "found 'sendot'; did you mean \"sendto\"?"),
        ({"ignore_calls": ["!sendto"]}, "wanted a system call such as sendto"),
        ({"drops": {"priority": "loud"}}, "wanted a priority such as warning"),
        ({"drops": {"actions": ["shout"]}}, "'ignore', 'log', 'alert' or 'exit'"),
        ({"queue": 0}, "greater than or equal to 100"),
        ({"snaplen": 5000}, "less than or equal to 4096"),
        ({"listen": {"port": 70000}}, "less than or equal to 65535"),
    ],
    ids=lambda one: str(one)[:40],
)
def test_what_cannot_work_is_refused(settings: dict[str, Any], told: str) -> None:
    with pytest.raises(ValidationError) as caught:
        SensorConfig.model_validate(settings)
    assert told in str(caught.value)


def test_by_default_nobody_can_reach_it_and_it_has_its_bounds() -> None:
    config = SensorConfig()
    assert config.listen is None
    assert SensorConfig.model_validate({"listen": {}}).listen.address == "127.0.0.1"  # type: ignore[union-attr]
    assert (config.queue, config.outbox) == (20_000, 64 << 20)
    assert config.drops.actions == ("log", "alert")
    assert not config.drops.simulate
