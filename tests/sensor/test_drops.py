from __future__ import annotations

import json
from typing import Any

import pytest

from sidekick.model import Priority
from sidekick.sensor.config import DropsConfig
from sidekick.sensor.drops import RULE, Drops, Loss, alert_of


def drops(**config: Any) -> Drops:
    return Drops(DropsConfig.model_validate({"rate": 0.125, **config}))


def test_without_loss_there_is_nothing_to_tell() -> None:
    assert drops().look({"busy": 0}, 100, 1.0) == ({}, None)


def test_a_loss_is_counted_and_told() -> None:
    found = drops()
    new, loss = found.look({"calls_full": 7, "busy": 0}, 93, 1.0)
    assert new == {"calls_full": 7}
    assert loss == Loss(7, 93, {"calls_full": 7})


def test_totals_are_told_once() -> None:
    found = drops()
    found.look({"calls_full": 7}, 1, 1.0)
    assert found.look({"calls_full": 7}, 1, 99.0) == ({}, None)
    assert found.look({"calls_full": 9}, 1, 100.0)[0] == {"calls_full": 2}


def test_it_is_told_no_more_often_than_the_rate_but_counted_each_time() -> None:
    found = drops()
    assert found.look({"busy": 1}, 1, 0.0)[1] is not None
    told = [found.look({"busy": 1 + n}, 1, float(n)) for n in range(1, 8)]
    assert [new for new, _ in told] == [{"busy": 1}] * 7
    assert [loss for _, loss in told] == [None] * 7
    _, loss = found.look({"busy": 9}, 1, 8.0)
    assert loss == Loss(8, 8, {"busy": 8})


def test_a_burst_is_told_at_once() -> None:
    found = drops(max_burst=3)
    told = [found.look({"busy": n}, 0, 0.0)[1] for n in range(1, 6)]
    assert [loss is not None for loss in told] == [True, True, True, False, False]


@pytest.mark.parametrize(("lost", "told"), [(10, False), (11, True)])
def test_below_the_threshold_it_is_only_counted(lost: int, told: bool) -> None:
    new, loss = drops(threshold=0.1).look({"busy": lost}, 100 - lost, 0.0)
    assert new == {"busy": lost}
    assert (loss is not None) is told


def test_a_simulated_loss_is_told_as_any_other() -> None:
    drops = Drops(DropsConfig(simulate=True, max_burst=5))
    for second in range(3):
        new, loss = drops.look({"busy": 0}, 10, float(second))
        assert new == {"simulated": 1}
        assert loss is not None
        assert (loss.lost, loss.reasons) == (1, {"simulated": 1})


def test_the_alert_has_falcos_shape() -> None:
    loss = Loss(7, 93, {"calls_full": 4, "busy": 3})
    alert = alert_of(loss, DropsConfig(), "node", 1_700_000_000_000_000_001)
    assert (alert.rule, alert.source, alert.priority) == (RULE, "internal", Priority.WARNING)
    assert alert.hostname == "node"
    assert "7 events lost (busy: 3, calls_full: 4)" in alert.output
    assert json.loads(alert.fields_json) == {
        "evt.time": 1_700_000_000_000_000_001,
        "n_drops": "7",
        "n_evts": "100",
        "n_drops_busy": "3",
        "n_drops_calls_full": "4",
    }


def test_the_priority_may_be_another_one() -> None:
    config = DropsConfig.model_validate({"priority": "Debug"})
    assert alert_of(Loss(1, 1, {}), config, "", 0).priority is Priority.DEBUG
    with pytest.raises(ValueError, match="priority"):
        DropsConfig.model_validate({"priority": "loud"})
