"""RedGreenBench: does an agent skill make a model better at helping people with PyTorch, and under pressure?"""

from importlib.metadata import version

__all__ = ["__version__"]

__version__ = version("redgreenbench")
