"""How much of an attack was tried, and what of it did not hold."""

from __future__ import annotations

from dataclasses import dataclass, field

__all__ = ["Tally"]


@dataclass
class Tally:
    """The cases of one attack; those that do not hold fail its test together, at the end."""

    tried: int = 0
    failures: list[str] = field(default_factory=list)

    def case(self, name: str, problem: str = "") -> None:
        """One case was tried; it held where there is no `problem` to tell."""
        self.tried += 1
        if problem:
            self.failures.append(f"{name}: {problem}")
