"""Log lines: a sentence and its variables; nothing a sender wrote can forge or steer."""

from __future__ import annotations

import json
import logging
import sys

import pytest

from sidekick.logs import JsonLines, LoggingConfig, TextLines, set_up


def _record(message: str, **extra: object) -> logging.LogRecord:
    return logging.makeLogRecord(
        {"msg": message, "levelname": "WARNING", "name": "sidekick.x", "created": 0.25, **extra}
    )


def test_a_text_line_has_time_level_sentence_and_variables() -> None:
    line = TextLines().format(_record("delivery failed", lane="slack", error="no answer"))
    assert line == (
        '1970-01-01T00:00:00.250Z warning: delivery failed lane=slack error="no answer"'
    )


def test_control_characters_cannot_forge_a_line_or_steer_a_terminal() -> None:
    line = TextLines().format(_record("bad", body="x\n2026 error: forged\x1b[31m"))
    assert "\n" not in line
    assert "\x1b" not in line


def test_an_overlong_value_is_cut() -> None:
    assert len(TextLines().format(_record("bad", body="x" * 10_000))) < 2200


def test_a_json_line_is_one_object_with_the_variables() -> None:
    line = json.loads(JsonLines().format(_record("delivery failed", lane="slack", count=3)))
    assert line == {
        "time": "1970-01-01T00:00:00.250Z",
        "level": "warning",
        "logger": "sidekick.x",
        "message": "delivery failed",
        "lane": "slack",
        "count": 3,
    }


@pytest.mark.parametrize("formatter", [TextLines(), JsonLines()])
def test_an_exception_is_shown_with_its_traceback(formatter: logging.Formatter) -> None:
    try:
        raise ValueError("inner")
    except ValueError:
        record = _record("failed")
        record.exc_info = sys.exc_info()
    assert "ValueError: inner" in formatter.format(record)


def test_set_up_applies_the_level_and_quietens_libraries() -> None:
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    try:
        set_up(LoggingConfig(level="error", format="json"))
        assert root.level == logging.ERROR
        assert isinstance(root.handlers[0].formatter, JsonLines)
        assert logging.getLogger("boto3").level == logging.ERROR
    finally:
        root.handlers[:] = handlers
        root.setLevel(level)


def test_a_traceback_is_indented_and_cannot_forge_a_line() -> None:
    try:
        raise ValueError("x\n1970-01-01T00:00:00.250Z error: forged\x1b[31m")
    except ValueError:
        record = _record("a sink failed", exc_info=sys.exc_info())
    first, *rest = TextLines().format(record).split("\n")
    assert first.endswith("warning: a sink failed")
    assert all(line.startswith("  ") for line in rest)
    assert "\x1b" not in "".join(rest)


@pytest.mark.parametrize(
    ("level", "library", "told"),
    [("info", "WARNING", True), ("info", "INFO", False), ("error", "WARNING", False)],
)
def test_libraries_tell_warnings_unless_less_is_wanted(
    capsys: pytest.CaptureFixture[str], level: str, library: str, told: bool
) -> None:
    root = logging.getLogger()
    before = root.handlers[:], root.level
    try:
        set_up(LoggingConfig.model_validate({"level": level}))
        logging.getLogger("aiokafka").log(getattr(logging, library), "a broker is away")
        assert ("a broker is away" in capsys.readouterr().err) == told
    finally:
        root.handlers[:], _ = before
        root.setLevel(before[1])
