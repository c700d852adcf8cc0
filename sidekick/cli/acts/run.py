"""``sidekick acts run``: perform some acts."""

from __future__ import annotations

import click


@click.command("run")
@click.argument("names", nargs=-1, metavar="[NAME]...")
@click.option("--all", "every", is_flag=True, help="All of them.")
@click.option("--container", is_flag=True, help="As a process of a container.")
def command(names: tuple[str, ...], every: bool, container: bool) -> None:
    """Perform the acts NAME..., one after the other.

    They change nothing on this machine: files are their own, shown in place of the real ones to
    the act alone, programs do nothing, connections lead nowhere. Most need root.
    """
    from sidekick.acts import all_acts
    from sidekick.acts.perform import NotPerformed, perform
    from sidekick.rules.case_files import near

    acts = all_acts()
    if every == bool(names):
        raise click.UsageError("name the acts, or all of them by --all")
    for name in names:
        if name not in acts:
            raise click.UsageError(f'there is no act "{name}"{near(name, acts)}')
    failed = False
    for name in acts if every else names:
        act = acts[name]
        try:
            perform(act, container=container)
        except NotPerformed as fault:
            click.echo(f"{fault}", err=True)
            failed = True
            continue
        click.echo(f"{name}: {', '.join((*act.rules, *act.falco))}")
    if failed:
        raise SystemExit(1)
