from dataclasses import dataclass


@dataclass(frozen=True)
class Settings:
    wavelengths: int = 36
    width: int = 40
    rate: float = 0.1
    momentum: float = 0.9
    epochs: int = 10
    batch_size: int = 25


SETTINGS = Settings()
