"""Keeps a start lean. Imported before anything else by what starts processes; owns no behaviour."""

import sys


def import_without(blocked: str, wanted: str) -> None:
    """Import `wanted` as if `blocked` were not installed; afterwards `blocked` can be imported as ever."""
    if blocked in sys.modules or wanted in sys.modules:
        return
    # None in sys.modules makes an import fail at once (importlib's documented behaviour).
    sys.modules[blocked] = None  # type: ignore[assignment]
    try:
        __import__(wanted)
    finally:
        del sys.modules[blocked]


# structlog imports rich, where there is one, to draw tracebacks: 55 ms of every start, for what is not wanted here.
import_without("rich", "structlog")
