from dataclasses import dataclass


@dataclass(frozen=True)
class Settings:
    gauges: int = 12
    width: int = 24
    rate: float = 0.02
    momentum: float = 0.9
    epochs: int = 12
    batch_size: int = 32


SETTINGS = Settings()
