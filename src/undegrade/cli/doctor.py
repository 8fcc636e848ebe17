"""`undegrade doctor`: what this machine offers, and what to do about what is missing."""

from typing import Any

import typer

from undegrade.cli.console import json_result, reporting, result
from undegrade.cli.options import JsonOption


@reporting()
def doctor(as_json: JsonOption = False) -> None:
    """Check the installation: devices, memory, image formats, models, extras, settings."""
    from undegrade.cli.checkup import check_up

    findings = check_up()
    broken = [f"{finding.name}: {finding.text}" for finding in findings if finding.broken]
    if as_json:
        sections: dict[str, dict[str, Any]] = {}
        for finding in findings:
            sections.setdefault(finding.section, {})[finding.name] = finding.value
        advice = {finding.name: finding.advice for finding in findings if finding.advice}
        json_result({"ok": not broken} | sections | {"problems": broken, "advice": advice})
    else:
        section = None
        for finding in findings:
            if finding.section != section:
                section = finding.section
                result(f"{section}")
            mark = "!" if finding.broken else " "
            result(f" {mark} {finding.name:<24}{finding.text}")
            if finding.advice:
                result(f"   {'':<24}-> {finding.advice}")
        result(f"\n{len(broken)} problems" if broken else "\neverything that is needed works")
    if broken:
        raise typer.Exit(1)
