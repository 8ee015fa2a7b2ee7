"""What can be wrong with a template or a deploy, as facts with the line that caused them.

Owns the exceptions of this room. Never words an HTTP answer and never decides an exit status.
"""

import difflib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

Step = str | int
Path = tuple[Step, ...]
"""Where a node is in a template: keys and positions from the root."""


class StackError(Exception):
    """Base of everything this room raises on purpose."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing to put right: `template.yaml:42: message; advice`. Line 0 means the file as a whole."""

    file: str
    line: int
    message: str
    advice: str = ""

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}" if self.line else self.file
        return f"{place}: {self.message}" + (f"; {self.advice}" if self.advice else "")


class Fault(Exception):
    """A problem whose place is known as a path into the template; `Source.problem` gives it its line."""

    def __init__(self, path: Path, message: str, advice: str = "") -> None:
        super().__init__(message)
        self.path = path
        self.message = message
        self.advice = advice


class TemplateInvalid(StackError):
    """The template cannot be deployed as it is; nothing was changed."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__("\n".join(str(problem) for problem in problems))
        self.problems = tuple(problems)


class DeployRefused(StackError):
    """The change would lose something that cannot be brought back, or breaks another stack; nothing was changed."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__("\n".join(str(problem) for problem in problems))
        self.problems = tuple(problems)


class DeployFailed(StackError):
    """A resource could not be made or changed. `restored` tells whether the stack is as it was before."""

    def __init__(self, problem: Problem, *, restored: bool) -> None:
        ending = "the stack was rolled back" if restored else "rolling back failed too; deploy again to finish it"
        super().__init__(f"{problem} ({ending})")
        self.problem = problem
        self.restored = restored


class CannotServe(StackError):
    """A piece of what the stack would serve cannot be; `steps` lead into its resource's properties."""

    def __init__(self, kind: str, name: str, message: str, steps: Path = ()) -> None:
        super().__init__(f"{kind} {name}: {message}")
        self.kind = kind
        self.name = name
        self.message = message
        self.steps = steps


class StackBusy(StackError):
    """Another deploy of the same stack is under way, or has just won the race."""

    def __init__(self, stack_name: str, detail: str) -> None:
        super().__init__(f"stack {stack_name}: {detail}")
        self.stack_name = stack_name


class StackNotFound(StackError):
    """No stack has this name."""

    def __init__(self, stack_name: str) -> None:
        super().__init__(f"there is no stack named {stack_name}")
        self.stack_name = stack_name


class NameTaken(StackError):
    """Another stack already serves something under this name."""

    def __init__(self, kind: str, name: str) -> None:
        super().__init__(f"another stack already has {kind} {name}")
        self.kind = kind
        self.name = name


def nearest(word: str, known: Iterable[str], likeness: float = 0.6) -> str:
    """Advice that names the closest known word, or all of them when they are few; empty when nothing helps."""
    names = sorted(known)
    folded = {name.lower(): name for name in names}
    close = difflib.get_close_matches(word.lower(), folded, n=1, cutoff=likeness)
    if close:
        return f"did you mean {folded[close[0]]}?"
    if 0 < len(names) <= 12:
        return "known: " + ", ".join(names)
    return ""
