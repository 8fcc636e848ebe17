"""The bar: on a terminal only, and never in the way of results."""

import io
import sys

import pytest

from undegrade.cli.progress import Bar


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


def drive(bar: Bar) -> None:
    with bar:
        for name in ("one.jpg", "two [bold].jpg"):
            bar.begin(name)
            bar.advance(1, 4)
            bar.hide()
            print(f"result {name}")
            bar.show()
            bar.finish()


def test_a_terminal_sees_names_and_time_left(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    terminal = Terminal()
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "120")
    monkeypatch.setattr(sys, "stderr", terminal)
    drive(Bar(2))
    text = terminal.getvalue()
    for part in ("one.jpg (1/2)", "two [bold].jpg (2/2)", "left", "12%", "62%"):
        assert part in text
    assert capsys.readouterr().out == "result one.jpg\nresult two [bold].jpg\n"


def test_a_file_sees_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    drive(Bar(2))
    assert capsys.readouterr().err == ""


def test_an_interrupted_bar_gives_the_terminal_back(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Terminal()
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr(sys, "stderr", terminal)

    def cancel() -> None:
        with Bar(1) as bar:
            bar.begin("x")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        cancel()
    hidden, shown = "\x1b[?25l", "\x1b[?25h"
    assert terminal.getvalue().rfind(shown) > terminal.getvalue().rfind(hidden) > -1
