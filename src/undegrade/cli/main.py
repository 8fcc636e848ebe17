"""The `undegrade` command: gathers the verbs, each of which imports what it needs when it runs."""

import sys
from typing import Annotated

import typer

from undegrade import __version__
from undegrade.cli import console, data, models, runs
from undegrade.cli.calibrate import calibrate
from undegrade.cli.degrade import degrade
from undegrade.cli.detect import detect
from undegrade.cli.doctor import doctor
from undegrade.cli.evaluate import evaluate
from undegrade.cli.restore import restore
from undegrade.cli.serve import serve
from undegrade.cli.train import train

# Help drawn by rich would take longer to import than everything else that `--help` needs.
app = typer.Typer(
    help="A photo goes in, the same photo without its degradation comes out.",
    epilog="Exit codes: 0 all done, 1 some inputs failed, 2 usage, 3 weights unavailable, "
    "4 out of memory, 130 cancelled, 143 asked to end.",
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
for verb in (restore, detect, degrade, train, evaluate, calibrate, serve, doctor):
    app.command()(verb)
app.add_typer(models.app, name="models")
app.add_typer(data.app, name="data")
app.add_typer(runs.app, name="runs")


def _print_version(wanted: bool) -> None:
    if wanted:
        console.result(f"undegrade {__version__}")
        raise typer.Exit


@app.callback()
def main(
    debug: Annotated[
        bool,
        typer.Option("--debug", envvar="UNDEGRADE_DEBUG", help="Show tracebacks of errors."),
    ] = False,
    version: Annotated[  # noqa: ARG001  (its callback does the work)
        bool,
        typer.Option(
            "--version", callback=_print_version, is_eager=True, help="Print the version."
        ),
    ] = False,
) -> None:
    """A photo goes in, the same photo without its degradation comes out."""
    console.debug.set(debug)


def run() -> None:
    """Run the command line; the entry point of the installed command."""
    for stream in (sys.stdout, sys.stderr):
        # A file's name may hold bytes that are no text; on standard output they go out as they are.
        if hasattr(stream, "reconfigure"):
            errors = "surrogateescape" if stream is sys.stdout else "backslashreplace"
            stream.reconfigure(errors=errors)
    app(prog_name="undegrade")
