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


def test_a_file_has_a_line_a_minute_where_that_is_wanted(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    now = 1000.0
    monkeypatch.setattr("undegrade.cli.progress.time.monotonic", lambda: now)
    with Bar(2, lines=True) as bar:
        for name in ("one", "two"):
            bar.begin(name)
            for done in range(1, 11):
                bar.advance(done, 10)
                now += 20
            bar.finish()
    assert capsys.readouterr().err.splitlines() == [
        "undegrade: one (1/2): 4 of 10, 5 min left",
        "undegrade: one (1/2): 7 of 10, 4 min left",
        "undegrade: one (1/2): 10 of 10, 3 min left",
        "undegrade: two (2/2): 3 of 10, 2 min left",
        "undegrade: two (2/2): 6 of 10, 1 min left",
        "undegrade: two (2/2): 9 of 10, 0 min left",
    ]


def test_a_line_does_not_say_how_a_picture_is_divided(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    now = 1000.0
    monkeypatch.setattr("undegrade.cli.progress.time.monotonic", lambda: now)
    with Bar(1, lines=True) as bar:
        bar.begin("packing")
        now += 60
        bar.advance(123 + 1 / 3, 1000)
    assert capsys.readouterr().err == "undegrade: packing: 123.3 of 1000\n"


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
