"""One line about an error that somebody else's code has raised."""

from __future__ import annotations

import traceback


def describe_error(error: BaseException) -> str:
    """Return type, message and place of *error*, in one line.

    The place is where it was raised; of a syntax error, the line that cannot be read.
    """
    if isinstance(error, SyntaxError):
        return f"{type(error).__name__}: {error.msg} ({error.filename}, line {error.lineno})"
    message = " ".join(str(error).split())
    text = f"{type(error).__name__}: {message}" if message else type(error).__name__
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if not frame.filename.startswith("<frozen")]
    return f"{text} ({own[-1].filename}, line {own[-1].lineno})" if own else text
