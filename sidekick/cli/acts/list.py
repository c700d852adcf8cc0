"""``sidekick acts list``: what can be performed, and which rules it is for."""

from __future__ import annotations

import click

from sidekick.cli._options import json_option


@click.command("list")
@json_option
def command(as_json: bool) -> None:
    """List the acts, with the rules that they fire."""
    from sidekick.acts import all_acts
    from sidekick.cli._text import print_json, print_table

    acts = all_acts().values()
    if as_json:
        for act in acts:
            print_json(
                {
                    "name": act.name,
                    "rules": list(act.rules),
                    "falco": list(act.falco),
                    "container": act.container,
                }
            )
        return
    rows = [
        (act.name, ", ".join(act.rules), ", ".join(act.falco), "yes" if act.container else "")
        for act in acts
    ]
    print_table(("ACT", "RULES OF THE PACKS", "RULES OF FALCO", "IN A CONTAINER"), rows)
