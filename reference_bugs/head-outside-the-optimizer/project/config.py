from dataclasses import dataclass


@dataclass(frozen=True)
class Settings:
    brightnesses: int = 48
    pretraining_rate: float = 3e-3
    pretraining_steps: int = 150
    body_rate: float = 1e-5
    head_rate: float = 0.05
    momentum: float = 0.9
    epochs: int = 8
    batch_size: int = 20


SETTINGS = Settings()
