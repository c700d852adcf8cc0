from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from sidekick.hub.config import LogConfig, ShutdownConfig


def test_units_are_understood() -> None:
    config = LogConfig.model_validate({"max_size": "2GiB", "max_age": "1d", "lane_memory": "1MB"})
    assert (config.max_size, config.max_age, config.lane_memory) == (2 * 1024**3, 86400, 10**6)
    assert ShutdownConfig.model_validate({"drain": "1m"}).drain == 60


@pytest.mark.parametrize(
    "values",
    [
        {"max_size": "1MiB"},  # smaller than the log needs to work
        {"max_age": "-1s"},
        {"quarantine": -1},
        {"dead_letters": 0},
        {"max_sise": "1GiB"},
    ],
)
def test_what_cannot_work_is_refused(values: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        LogConfig.model_validate(values)
