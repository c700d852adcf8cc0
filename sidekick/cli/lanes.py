"""``sidekick lanes``: what each lane does."""

from __future__ import annotations

import click

from sidekick.cli._api import Api
from sidekick.cli._options import api_options, json_option


@click.command("lanes")
@json_option
@api_options
def command(api: Api, as_json: bool) -> None:
    """List the lanes: what each delivers and has yet to deliver."""
    from sidekick.cli._text import length, print_json, print_table
    from sidekick.web.replies import Lanes

    found = api.get("/lanes", Lanes)
    if as_json:
        print_json(found)
        return
    print_table(
        (
            "LANE",
            "TYPE",
            "STATE",
            "WAITING",
            "OLDEST",
            "DELIVERED",
            "RETRIED",
            "DEAD",
            "LAST ERROR",
        ),
        [
            (
                lane.name,
                lane.type,
                lane.state,
                lane.depth,
                length(lane.oldest_age_secs) if lane.depth else "-",
                lane.delivered,
                lane.retried,
                lane.dead,
                lane.last_error,
            )
            for lane in found.lanes
        ],
        clip=True,
    )
