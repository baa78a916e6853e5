from dataclasses import dataclass


@dataclass(frozen=True)
class Settings:
    steps: int = 30
    width: int = 12
    rate: float = 0.01
    epochs: int = 30
    batch_size: int = 20
    scale: float = 10.0


SETTINGS = Settings()
