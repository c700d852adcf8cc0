from __future__ import annotations

from pathlib import Path

from click.testing import CliRunner

from sidekick.__main__ import cli

RULES = """
- rule: Marked
  desc: d
  condition: >
    evt.type in (open, openat) and evt.is_open_read=true and fd.num>=0 and fd.name startswith /etc/
    and proc.name != cat and container.id = host
  output: o
  priority: INFO
- rule: Anything
  desc: d
  condition: evt.type = connect and proc.pname = x
  output: o
  priority: INFO
"""


def test_each_rule_says_what_the_kernel_is_asked(tmp_path: Path) -> None:
    file = tmp_path / "rules.yaml"
    file.write_text(RULES)
    result = CliRunner().invoke(cli, ["rules", "prefilter", str(file)])
    assert result.exit_code == 0, result.output
    assert result.output.splitlines() == [
        "Marked",
        "  open, openat",
        "    succeeded; on the host; to read or read and write; not by cat; path /etc/*",
        "Anything",
        "  connect",
        "    everything",
    ]
