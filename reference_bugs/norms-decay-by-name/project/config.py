from dataclasses import dataclass


@dataclass(frozen=True)
class Settings:
    words: int = 200
    width: int = 24
    teams: int = 5
    rate: float = 0.003
    weight_decay: float = 0.3
    epochs: int = 40
    batch_size: int = 50


SETTINGS = Settings()
