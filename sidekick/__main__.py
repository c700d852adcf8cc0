"""The command line: one sentence and an exit code for whatever goes wrong, never a traceback.

Exit codes: 0 done, 1 failed, 2 wrongly called, 130 interrupted.
"""

from __future__ import annotations

import io
import os
import sys
import traceback
from collections.abc import Sequence

import click

from sidekick.cli._group import Commands
from sidekick.errors import ConfigError, SidekickError

_HELP = """Routes runtime security alerts: deduplicates, scores, routes and durably delivers them.

`sidekick hub` starts it; most other commands ask a running one (see --url)."""


@click.group(
    "sidekick",
    cls=Commands,
    package="sidekick.cli",
    help=_HELP,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.option(
    "--debug", is_flag=True, envvar="SIDEKICK_DEBUG", expose_value=False, help="Show tracebacks."
)
@click.version_option(package_name="sidekick", message="%(prog)s %(version)s")
@click.pass_context
def cli(context: click.Context) -> None:
    if os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb":
        context.color = False


def main(arguments: Sequence[str] | None = None) -> None:
    """Run a command and exit."""
    sys.exit(run(sys.argv[1:] if arguments is None else arguments))


def run(arguments: Sequence[str]) -> int:
    """Run a command; gives the exit code."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # what its encoding lacks, as in a C locale
            stream.reconfigure(errors="backslashreplace")
    try:
        result = cli.main(list(arguments), prog_name="sidekick", standalone_mode=False)
    except (click.Abort, KeyboardInterrupt):
        return 130
    except BrokenPipeError:
        # Whoever read our output has gone, as with `| head`; nothing is left to say.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except Exception as error:
        return _failed(
            error, debug="--debug" in arguments or bool(os.environ.get("SIDEKICK_DEBUG"))
        )
    return result if isinstance(result, int) else 0


def _failed(error: Exception, *, debug: bool) -> int:
    if debug:
        traceback.print_exception(error)
    if isinstance(error, click.ClickException):
        error.show()
        return error.exit_code
    for sentence in _sentences(error):
        click.echo(f"Error: {sentence}", err=True)
    return 1


def _sentences(error: Exception) -> Sequence[str]:
    if isinstance(error, ConfigError):
        return error.faults
    if isinstance(error, SidekickError):
        return [str(error)]
    if isinstance(error, OSError) and error.strerror:
        place = f"{error.filename}: " if error.filename else ""
        return [f"{place}{error.strerror}"]
    kind = type(error).__name__
    return [f"this is a fault in sidekick ({kind}: {error}); --debug shows where"]


if __name__ == "__main__":
    main()
