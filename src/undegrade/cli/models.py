"""`undegrade models`: what is on this machine, what is known about it, and whether it is whole."""

from operator import itemgetter
from typing import TYPE_CHECKING, Annotated, Any

import typer

from undegrade.cli.console import json_result, note, report, reporting, result
from undegrade.cli.options import JsonOption, complete_model
from undegrade.errors import WeightsError

if TYPE_CHECKING:
    from undegrade.zoo import ModelEntry

app = typer.Typer(help="List, show, pull and verify models.", no_args_is_help=True)

ModelArgument = Annotated[
    str, typer.Argument(metavar="NAME", autocompletion=complete_model, help="Name or folder.")
]


@app.command("list")
@reporting()
def list_(as_json: JsonOption = False) -> None:
    """List the models on this machine: those that came with the package and those pulled."""
    from undegrade.zoo import scan

    found = scan()
    listed, damaged = [], {**found.damaged}
    for entry in found.entries:
        try:
            listed.append(_facts(entry))
        except WeightsError as error:
            damaged[entry.name] = error
    if as_json:
        for facts in listed:
            json_result(facts)
    elif listed:
        _print_table(listed)
    else:
        note("there are no models on this machine; `undegrade models pull NAME` fetches one")
    for name, problem in damaged.items():
        note(f"model '{name}' cannot be used: {problem}")


@app.command()
@reporting()
def show(name: ModelArgument, as_json: JsonOption = False) -> None:
    """Show what is known about a model: facts and card; with --json also its recipe."""
    from undegrade.zoo import find_model

    entry = find_model(name)
    facts = _facts(entry)
    if as_json:
        json_result(facts | {"method": entry.config.method, "recipe": entry.config.recipe})
        return
    for key, value in facts.items():
        text = ", ".join(value) if isinstance(value, tuple) else value
        result(f"{key.replace('_', ' '):<15}{'-' if text in ('', None) else text}")
    if entry.card:
        result(f"\n{entry.card.rstrip()}")


@app.command()
@reporting()
def pull(
    name: Annotated[
        str,
        typer.Argument(metavar="NAME", help="organisation/repository on the hub, or a folder."),
    ],
    revision: Annotated[
        str | None, typer.Option(help="Branch, tag or commit; the newest unless given.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Fetch a model from the Hugging Face hub, or take one from a folder."""
    from undegrade.zoo import pull_model

    entry = pull_model(name, revision=revision)
    if as_json:
        json_result(_facts(entry))
        return
    note(f"'{entry.name}' came with undegrade" if entry.bundled else f"'{entry.name}' is ready")
    result(str(entry.folder))


@app.command()
@reporting()
def verify(
    names: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="NAME",
            autocompletion=complete_model,
            help="Names or folders; all models on this machine unless given.",
        ),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Check that the weights are whole: the hash of the file is the one in its configuration."""
    checked = [_check(name) for name in dict.fromkeys(names)] if names else _check_all()
    for name, problem in checked:
        if as_json:
            reason = None if problem is None else str(problem)
            json_result({"name": name, "ok": problem is None, "error": reason})
        elif problem is None:
            result(f"{name}: whole")
        if problem is not None:
            report(problem)
    if not checked:
        note("there are no models on this machine")
    if any(problem for _, problem in checked):
        raise typer.Exit(WeightsError.exit_code)


def _check_all() -> list[tuple[str, WeightsError | None]]:
    """Return the name of every model on this machine, and what is wrong with it."""
    from undegrade.zoo import scan

    found = scan()
    whole = [(entry.name, _problem(entry)) for entry in found.entries]
    return sorted([*whole, *found.damaged.items()], key=itemgetter(0))


def _check(name_or_folder: str) -> tuple[str, WeightsError | None]:
    """Return the same of one model.

    Raises:
        UsageError: There is no such model.
    """
    from undegrade.zoo import find_model

    try:
        entry = find_model(name_or_folder)
    except WeightsError as error:
        return name_or_folder, error
    return entry.name, _problem(entry)


def _problem(entry: "ModelEntry") -> WeightsError | None:
    try:
        entry.verify()
    except WeightsError as error:
        return error
    return None


def _facts(entry: "ModelEntry") -> dict[str, Any]:
    """Return what lists and machines want to know of a model."""
    config = entry.config
    return {
        "name": entry.name,
        "summary": config.summary,
        "method": config.method_name,
        "tasks": config.tasks,
        "default_steps": config.default_steps,
        "parameters": entry.parameters,
        "bytes": entry.size,
        "base": entry.config.base and entry.config.base.name,
        "licence": config.licence,
        "training_data": config.training_data,
        "sha256": config.sha256,
        "bundled": entry.bundled,
        "folder": str(entry.folder),
    }


def _print_table(models: list[dict[str, Any]]) -> None:
    from rich import box
    from rich.console import Console
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for heading in ("name", "method", "tasks", "parameters", "size", "steps", "licence", "from"):
        numeric = heading in {"parameters", "size", "steps"}
        table.add_column(heading, justify="right" if numeric else "left", overflow="fold")
    for facts in models:
        table.add_row(
            facts["name"],
            facts["method"],
            ", ".join(facts["tasks"]),
            f"{facts['parameters'] / 1e6:.2f} M",
            f"{facts['bytes'] / 1e6:.1f} MB",
            str(facts["default_steps"] or "adaptive"),
            facts["licence"],
            "package" if facts["bundled"] else "pulled",
        )
    terminal = Console(markup=False, highlight=False)
    # Where nobody looks, lines must not be folded to a width that nobody has.
    (terminal if terminal.is_terminal else Console(width=200)).print(table)
