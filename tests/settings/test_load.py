from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from sidekick.errors import ConfigError
from sidekick.settings import Settings, load
from sidekick.settings.load import MAX_SINKS
from tests.settings.conftest import Loader, NotesConfig, PagesConfig

FaultsOf = Callable[..., list[str]]

BOARD = "sinks:\n  board: {type: notes}\n"


def test_a_file_becomes_settings(loads: Loader) -> None:
    settings = loads(BOARD + "log: {max_size: 2GiB, max_age: 1d}\nstate_dir: /var/lib/sidekick\n")
    assert settings.log.max_size == 2 * 1024**3
    assert settings.log.max_age == 86400
    assert settings.state_dir == Path("/var/lib/sidekick")
    assert settings.warnings == ()


def test_each_sink_and_source_has_the_section_of_its_type(loads: Loader) -> None:
    settings = loads(
        "sinks:\n  a: {type: notes, pause: 2m}\n  b: {type: notes, lane: {concurrency: 2}}\n"
        "sources:\n  c: {type: pages, topic: x}\n"
    )
    first, second, source = settings.sinks["a"], settings.sinks["b"], settings.sources["c"]
    assert isinstance(first, NotesConfig)
    assert first.pause == 120
    assert (second.lane.batch_items, second.lane.concurrency) == (50, 2)
    assert isinstance(source, PagesConfig)
    assert source.topic == "x"


def test_without_a_file_there_is_one_sink_that_prints() -> None:
    settings = load(None, {})
    assert list(settings.sinks) == ["stdout"]
    assert settings.sinks["stdout"].type == "stdout"


@pytest.mark.parametrize("text", ["sinks: {}", "sinks:", "sinks:\nlog:\n"])
def test_no_sinks_can_be_asked_for(loads: Loader, text: str) -> None:
    assert loads(text).sinks == {}


def test_a_key_with_nothing_behind_it_keeps_its_default(loads: Loader) -> None:
    settings = loads("log:\n  max_age:\nsinks:\n  a:\n    type: notes\n    url:\n    lane:\n")
    assert settings.log.max_age == 7 * 86400
    assert settings.sinks["a"].lane.batch_items == 50


def test_keys_that_begin_with_x_hold_anchors(loads: Loader) -> None:
    text = (
        "x-slow: &slow {concurrency: 1}\n"
        "sinks:\n  a: {type: notes, lane: *slow}\n  b: {type: notes, lane: {<<: *slow}}\n"
    )
    settings = loads(text)
    assert [sink.lane.concurrency for sink in settings.sinks.values()] == [1, 1]


def test_variables_and_files_fill_in_texts_of_any_type(loads: Loader, tmp_path: Path) -> None:
    (tmp_path / "token").write_text("hunter2\n")
    settings = loads(
        "log: {max_age: '${AGE}', quarantine: '${COUNT:-7}'}\n"
        "sinks:\n  a: {type: notes, token: '${file:token}', url: 'http://${HOST}/$${x}'}\n",
        AGE="3h",
        HOST="board",
    )
    sink = settings.sinks["a"]
    assert isinstance(sink, NotesConfig)
    assert (settings.log.max_age, settings.log.quarantine) == (3 * 3600, 7)
    assert sink.url == "http://board/${x}"
    assert sink.token is not None
    assert sink.token.get_secret_value() == "hunter2"


def test_the_command_line_goes_over_the_file(loads: Loader) -> None:
    settings = loads(BOARD + "log: {max_age: 1d}\n", {"log.max_age": "2d", "state_dir": "/x"})
    assert settings.log.max_age == 2 * 86400
    assert settings.state_dir == Path("/x")


def test_a_fault_of_the_command_line_says_so(faults_of: FaultsOf) -> None:
    assert faults_of(BOARD, {"log.max_agee": "1d"}) == [
        'command line: log: unknown key "max_agee"; did you mean "max_age"?'
    ]


def test_files_that_were_looked_at_are_told_also_when_the_load_fails(tmp_path: Path) -> None:
    file = tmp_path / "sidekick.yaml"
    file.write_text("state_dir: ${file:here}\nlog: {max_age: '${file:/missing/there}'}\n")
    (tmp_path / "here").write_text("x")
    files: set[Path] = set()
    with pytest.raises(ConfigError):
        load(file, {}, files=files)
    assert files == {file, tmp_path / "here", Path("/missing/there")}


def test_all_faults_are_named_at_once_in_the_order_of_the_file(faults_of: FaultsOf) -> None:
    text = """\
stat_dir: x
log:
  max_size: 5
  max_agee: 7d
  max_age: soon
sinks:
  Board: {type: notes}
  a: {type: note}
  b: {type: notes, colour: gren, lane: {batch_items: x}, token: [s3cret]}
  c: {type: notes}
  c: {type: notes}
  d: just a text
  e: {}
sources:
  f: {type: pages, url: x, topic: "${NOWHERE}"}
"""
    duration = 'wanted a duration such as "250ms", "10s", "1h30m" or "7d"'
    assert faults_of(text) == [
        'sidekick.yaml:1:1: unknown key "stat_dir"; did you mean "state_dir"?',
        "sidekick.yaml:3:13: log.max_size: wanted at least 16777216, found the number 5",
        'sidekick.yaml:4:3: log: unknown key "max_agee"; did you mean "max_age"?',
        f'sidekick.yaml:5:12: log.max_age: {duration}, found "soon"',
        'sidekick.yaml:7:3: sinks: wanted a name of a-z, 0-9, "_" and "-", 63 characters at most,'
        ' found "Board"',
        'sidekick.yaml:8:13: sinks.a.type: wanted one of notes, found "note";'
        ' did you mean "notes"?',
        'sidekick.yaml:9:28: sinks.b.colour: wanted "red" or "green", found "gren";'
        ' did you mean "green"?',
        'sidekick.yaml:9:54: sinks.b.lane.batch_items: wanted a whole number, found "x"',
        "sidekick.yaml:9:65: sinks.b.token: wanted a text,"
        " found something else (not shown: it may be secret)",
        'sidekick.yaml:11:3: the key "c" is here twice (line 10)',
        'sidekick.yaml:12:6: sinks.d: wanted a mapping of keys to values, found "just a text"',
        'sidekick.yaml:13:6: sinks.e: wanted the key "type", which is missing; wanted one of notes',
        'sidekick.yaml:15:20: sources.f: unknown key "url"',
        "sidekick.yaml:15:35: sources.f.topic: the environment variable NOWHERE is not set",
    ]


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("- a\n", "sidekick.yaml:1:1: wanted a mapping of keys to values, found a list"),
        ("hello", 'sidekick.yaml:1:1: wanted a mapping of keys to values, found "hello"'),
        ("a: b: c", "sidekick.yaml:1:5: not valid YAML: mapping values are not allowed"),
        ("log: 5", "sidekick.yaml:1:6: log: wanted a mapping of keys to values, found the number"),
        (
            "sinks: []",
            "sidekick.yaml:1:8: sinks: wanted a mapping of keys to values, found an empty",
        ),
        ("sinks: {a: {type: 5}}", "sinks.a.type: wanted one of notes, found the number 5"),
        ("sinks: {a: {type: ../x}}", 'sinks.a.type: wanted one of notes, found "../x"'),
        ("sinks: {a: {type: notes, url: 5}}", "wanted a text, found the number 5; put it in quot"),
        ("log: {quarantine: no}", 'log.quarantine: wanted a whole number, found "no"'),
        ("a: \udcff", "sidekick.yaml:1:1: wanted UTF-8 text, found other bytes"),
        ("#" * 1_100_000, "wanted at most 1048576 bytes, found more"),
        ("sinks:\n\ta: {type: notes}", "sidekick.yaml:2:1: not valid YAML: found character that"),
        ("sinks:\n\ta: {type: notes}", "YAML is indented with blanks, and here is a tab"),
        ("sinks: {a: {type: notes, lane: {age: 1s}}}", 'key "age"; did you mean "batch_age"?'),
        ("log: {max_age: '${NOWHERE}'}", "log.max_age: the environment variable NOWHERE is not"),
        ("log: {max_age: '${file:/nowhere}'}", "log.max_age: /nowhere cannot be read"),
        ("sinks: {a: {type: notes, colour: x}}\nroute: {lanes: [a]}", 'or "green", found "x"'),
        ("sinks: {a: {type: notes, fields: {}}}", "wanted a list, found an empty mapping"),
    ],
)
def test_a_single_fault_is_told_with_its_place(faults_of: FaultsOf, text: str, fault: str) -> None:
    faults = faults_of(text)
    assert len(faults) == 1
    assert fault in faults[0]


def test_a_missing_file_is_a_fault(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read: No such file or directory"):
        load(tmp_path / "none.yaml", {})


def test_there_are_at_most_62_sinks(loads: Loader, faults_of: FaultsOf) -> None:
    lines = [f"  s{n}: {{type: notes}}\n" for n in range(MAX_SINKS + 1)]
    assert len(loads("sinks:\n" + "".join(lines[:-1])).sinks) == MAX_SINKS
    assert "wanted at most 62 sinks, found 63" in faults_of("sinks:\n" + "".join(lines))[0]


def test_no_message_has_a_secret_in_it(faults_of: FaultsOf) -> None:
    text = """\
log: {max_age: '${NUMBER}', max_size: '${SHORT}'}
sinks:
  a: {type: notes, token: bad-in-the-file}
  b: {type: notes, token: '${SECRET}'}
  c: {type: notes, url: 'http://me:${SECRET}@host'}
  d: {type: notes, tokens: [1, {x: bad-in-a-list}]}
  e: {type: notes, colour: '${SECRET}', tokn: bad-under-a-typo}
  f: {type: notes, url: "http://u:bad-in-url@host/", pause: "http://u:bad-in-url@host/"}
"""
    faults = faults_of(text, SECRET="bad'\\\n hunter2", NUMBER="99-77-55", SHORT="zq")
    told = "\n".join(faults)
    assert [int(fault.split(":")[1]) for fault in faults] == [1, 1, 3, 4, 5, 6, 6, 7, 7, 8, 8]
    for secret in ("bad-in-the-file", "hunter2", "99-77", "zq", "bad-in-a-list", "under-a-typo"):
        assert secret not in told
    assert "found another text in ${SECRET}" in told
    assert 'found "http://...@host/"' in told


def test_settings_do_not_print_secrets(loads: Loader) -> None:
    settings = loads("sinks: {a: {type: notes, token: hunter2}}")
    assert "hunter2" not in repr(settings) + str(settings) + settings.model_dump_json()


WORDS = ["sinks", "a", "type", "notes", "token", "log", "max_age", "lane", "x-", "listenport"]
PUNCTUATION = [": ", "\n", "\n  ", "\n    ", "- ", "{", "}", "[", "]", ", ", "'", '"', "&a ", "*a"]
VALUES = ["${A}", "${file:b}", "5", "true", "null", "!x ", "<<", "|", "#", "\t", "\0", "é"]


@given(st.lists(st.sampled_from(WORDS + PUNCTUATION + VALUES), max_size=30).map("".join))
@hypothesis_settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=300
)
def test_any_text_gives_settings_or_faults(loads: Loader, text: str) -> None:
    try:
        assert isinstance(loads(text, A="b"), Settings)
    except ConfigError as error:
        if not all("sidekick.yaml" in fault for fault in error.faults):
            raise


@given(st.binary(max_size=40))
@hypothesis_settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=100
)
def test_any_bytes_give_settings_or_faults(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "sidekick.yaml"
    file.write_bytes(content)
    try:
        assert isinstance(load(file, {}), Settings)
    except ConfigError as error:
        if not error.faults:
            raise
