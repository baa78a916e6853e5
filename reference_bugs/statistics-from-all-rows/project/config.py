from dataclasses import dataclass


@dataclass(frozen=True)
class Settings:
    inputs: int = 7
    hidden: int = 16
    train_share: float = 0.75
    rate: float = 0.05
    steps: int = 300


SETTINGS = Settings()
