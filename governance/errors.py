"""What can go wrong, divided by what the reader must do next.

A denied promotion is not here: it is a returned `Decision`. These are raised when the caller asked
for something that cannot be done (`UsageError`) or when no answer could be reached (`Undecided`).
"""

from __future__ import annotations

from dataclasses import dataclass


class GovernanceError(Exception):
    """A sentence a person can act on, and the command or edit that mends it."""

    def __init__(self, message: str, remedy: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.remedy = remedy

    def __str__(self) -> str:
        return f"{self.message}\n{self.remedy}" if self.remedy else self.message


class UsageError(GovernanceError):
    """The request itself is wrong: correct it and call again (exit code 2)."""


class NotFound(UsageError):
    """The thing named does not exist."""


class Conflict(UsageError):
    """The request contradicts a fact already recorded; nothing was written."""


class Forbidden(GovernanceError):
    """The request is sound, and this caller may not make it; nothing was changed (exit code 1)."""


class Undecided(GovernanceError):
    """No answer could be reached; nothing was changed (exit code 3)."""


@dataclass(frozen=True, slots=True, order=True)
class Mistake:
    """One mistake in a policy file: where it stands, what was found, what was expected."""

    file: str
    line: int
    message: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.message}"


class PolicyInvalid(UsageError):
    """The policy cannot be used; every mistake in it is named at once."""

    def __init__(self, mistakes: tuple[Mistake, ...]) -> None:
        self.mistakes = tuple(sorted(mistakes))
        super().__init__(
            "\n".join(map(str, self.mistakes)),
            "Mend the lines above, then run: governance policy validate FILE",
        )
