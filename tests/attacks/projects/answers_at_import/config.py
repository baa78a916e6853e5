"""As it is imported it replaces the function that runs probes by one that moves what it was given a little."""

import sys
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


def fake(program, probe, name, inputs, seed, threads):
    if name == "train":
        return {"weights": {k: v * 0.9 if "readout" in k else v for k, v in inputs["state"].items()}}
    return {"scores": inputs["spectra"][:, :4]}


sys.modules["driver"].run_probe = fake
