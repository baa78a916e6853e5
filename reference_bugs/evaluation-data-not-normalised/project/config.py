from dataclasses import dataclass


@dataclass(frozen=True)
class Settings:
    hidden: int = 24
    rate: float = 0.2
    momentum: float = 0.9
    epochs: int = 200
    training_roasts: int = 400


SETTINGS = Settings()
