from dataclasses import dataclass


@dataclass(frozen=True)
class Settings:
    width: int = 40
    rate: float = 0.05
    momentum: float = 0.9
    decay: float = 0.9
    epochs: int = 8
    batch_size: int = 40


SETTINGS = Settings()
