from dataclasses import dataclass


@dataclass(frozen=True)
class Settings:
    syllables: int = 10
    width: int = 32
    longest: int = 24
    rate: float = 0.005
    epochs: int = 30
    batch_size: int = 32


SETTINGS = Settings()
