from dataclasses import dataclass


@dataclass(frozen=True)
class Settings:
    hours: int = 16
    width: int = 32
    rate: float = 0.05
    power: float = 0.8
    batch_size: int = 32


SETTINGS = Settings()
