from dataclasses import dataclass


@dataclass(frozen=True)
class Settings:
    stitches: int = 8
    width: int = 24
    rate: float = 0.01
    epochs: int = 12
    batch_size: int = 24


SETTINGS = Settings()
