"""`surgeplan`: every command of every package under one name."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib import import_module
from itertools import pairwise
from typing import TYPE_CHECKING

from campaign.language import LANGUAGES, _, ask_for

if TYPE_CHECKING:
    import typer

LANES = (
    "surgeplan.commands",
    "metrics.cli",
    "forecast.cli",
    "loadtest.cli",
    "playbooks.cli",
    "warroom.cli",
    "warroom.live.cli",
    "warroom.export.cli",
    "warroom.retrospective.cli",
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code; refusals and bugs are reported here and nowhere else."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    _speak_as_asked(given)
    from campaign.errors import ExitCode, UserError

    try:
        _app()(given, prog_name="surgeplan")
    except KeyboardInterrupt:  # while the commands are still being loaded
        return _interrupted()
    except SystemExit as stop:
        code = stop.code if isinstance(stop.code, int) else ExitCode.YES
        return _interrupted() if code == ExitCode.INTERRUPTED else code
    except UserError as error:
        from campaign.console import show_problems

        show_problems(error, as_json="--json" in given)
        return error.exit_code
    except Exception:
        import traceback

        traceback.print_exc()
        sys.stderr.write(_("this is a bug in surgeplan: please report it with the lines above") + "\n")
        return ExitCode.BUG
    return ExitCode.YES


def _interrupted() -> int:
    from campaign.errors import ExitCode

    sys.stderr.write(_("interrupted; earlier results are untouched") + "\n")
    return ExitCode.INTERRUPTED


def _speak_as_asked(given: Sequence[str]) -> None:
    """Choose the language before the commands' help is made, wherever among the arguments it is asked for."""
    asked = (one for one in LANGUAGES if f"--lang={one}" in given or ("--lang", one) in pairwise(given))
    ask_for(next(asked, None))


def _app() -> typer.Typer:
    import typer

    app = typer.Typer(
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
        help=_("From a campaign plan to a traffic model, load test, capacity plan and war room."),
    )
    for lane in LANES:
        import_module(lane).mount(app)
    return app


if __name__ == "__main__":
    sys.exit(main())
