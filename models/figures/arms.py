"""What the students of the dark-knowledge experiment learn from: hard labels, or teachers' soft ones (no torch)."""

from dataclasses import dataclass
from typing import NamedTuple


@dataclass(frozen=True, order=True)
class Arm:
    """Hard labels, or the mean logits of so many teachers at a temperature."""

    teachers: int = 0  # 0: hard labels
    temperature: float = 1.0

    @property
    def name(self) -> str:
        """Return what tables call it, and the key under which its students are stored."""
        if not self.teachers:
            return "hard labels"
        return f"{'one teacher' if self.teachers == 1 else f'{self.teachers} teachers'}, T = {self.temperature:g}"


class Cell(NamedTuple):
    """One student: the share of the training rows that it sees, what it learns from, and its seed."""

    share: float
    arm: Arm
    seed: int


HARD = Arm().name


def arm_of(name: str) -> Arm:
    """Return the arm that bears a name."""
    if name == HARD:
        return Arm()
    teachers, _, temperature = name.partition(", T = ")
    return Arm(1 if teachers == "one teacher" else int(teachers.split()[0]), float(temperature))
