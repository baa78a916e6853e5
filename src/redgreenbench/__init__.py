"""RedGreenBench: does an agent skill make a model better at helping people with PyTorch, and under pressure?"""

from importlib.metadata import PackageNotFoundError, version

__all__ = ["__version__"]

try:
    __version__ = version("redgreenbench")
except PackageNotFoundError:  # a bare checkout on a machine where only the programs are run
    __version__ = "0+checkout"
