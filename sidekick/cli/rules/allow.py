"""``sidekick rules allow``: the exception that lets alerts like one of the log pass."""

from __future__ import annotations

from pathlib import Path

import click

from sidekick.cli._api import Api
from sidekick.cli._options import api_options, config_option


@click.command("allow")
@click.argument("id", metavar="ALERT_ID")
@click.argument("files", nargs=-1, type=click.Path(path_type=Path), metavar="[FILE]...")
@config_option
@click.option(
    "--field", "chosen", multiple=True, help="A field to name; without: chosen from the rule's."
)
@api_options
def command(
    api: Api, id: str, files: tuple[Path, ...], config: Path | None, chosen: tuple[str, ...]
) -> None:
    """Print the exception to add to a rule file, so that alerts like ALERT_ID do not come again.

    \b
      sidekick rules allow 0198c0de1f... falco_rules.yaml >> local_rules.yaml

    The alert is looked up in the log of the hub; FILE, the configuration or our own packs have the
    rule. Read what it allows before you use it: it holds for whoever can imitate it.
    """
    from sidekick import document
    from sidekick.cli._log import log_of
    from sidekick.cli._text import safe, safe_json
    from sidekick.cli.rules._load import load_rules, section_of, sound
    from sidekick.cli.rules.show import find
    from sidekick.rules.allow import allowing
    from sidekick.rules.load import load

    with log_of(api, None) as log:
        found = document.read(bytes(log.find(id).document))
    rules = sound(load_rules(section_of(files, config)))
    rule = find(rules, found.rule)
    item = allowing(rules, rule, found.output_fields, chosen)
    sound(load([*rules.contents.items(), ("the exception", item)]))
    click.echo(f"# {safe(found.time)} {safe(found.priority)} {safe(found.rule)}")
    for line in item.splitlines():
        click.echo(safe_json(line))
