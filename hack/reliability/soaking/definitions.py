"""The definitions of the soak, and their guard rails as numbers: the oracle reads no annotation."""

from collections.abc import Mapping
from dataclasses import dataclass

Subject = tuple[str, ...]


@dataclass(frozen=True)
class Definition:
    """What is to be done about alerts of one name in one status; times in seconds."""

    alertname: str
    status: str = "firing"
    subject: tuple[str, ...] = ()
    cooldown: int = 0
    max_runs: int = 0
    window: int = 0
    cancels: bool = False

    @property
    def name(self) -> str:
        return f"openfero-{self.alertname.lower()}-{self.status}"

    @property
    def holds_back(self) -> bool:
        """Not every episode gets a Job."""
        return bool(self.cooldown or self.max_runs)

    @property
    def annotations(self) -> dict[str, str]:
        told = {
            "subject": ", ".join(self.subject),
            "cooldown": f"{self.cooldown}s" if self.cooldown else "",
            "max-runs": f"{self.max_runs}/{self.window}s" if self.max_runs else "",
            "on-resolved": "cancel" if self.cancels else "",
        }
        return {f"openfero.io/{name}": text for name, text in told.items() if text}

    def subject_of(self, labels: Mapping[str, str]) -> Subject:
        """Return what is repaired: the values of these labels, or of all."""
        return tuple(labels[name] for name in self.subject or sorted(labels))


_APP = ("namespace", "app")

DEFINITIONS = (
    Definition("SoakPlain"),
    Definition("SoakPlain", "resolved"),
    Definition("SoakCancelled", cancels=True),
    Definition("SoakCooling", subject=_APP, cooldown=10),
    Definition("SoakCounted", subject=_APP, max_runs=2, window=20),
    Definition("SoakGuarded", subject=_APP, cooldown=5, max_runs=3, window=60, cancels=True),
)
