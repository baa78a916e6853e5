"""The estimators, public, over a plain table: columns scenario, pressure, epoch, arm and value, one row a value.

Anyone can check them on numbers of their own. The unit of inference is the base scenario: epochs are averaged, then
pressures, then arms are paired. What each gives for one scenario, for no variance and for single epochs is said in its
docstring.
"""

from redgreenbench.reports.inference import (
    Effect,
    GainedLost,
    adjust,
    drop,
    effect_of,
    erosion,
    flip_rate,
    gained_lost,
    interaction,
    minimum_detectable_effect,
    non_inferiority,
    pass_hat_k,
    scenario_differences,
    scenarios_needed,
    sign_flip,
)
from redgreenbench.reports.intervals import Rate, pass_rate
from redgreenbench.reports.robust import Pooled, Ratio, amount, cluster_robust, ratio_of_means

__all__ = [
    "Effect",
    "GainedLost",
    "Pooled",
    "Rate",
    "Ratio",
    "adjust",
    "amount",
    "cluster_robust",
    "drop",
    "effect_of",
    "erosion",
    "flip_rate",
    "gained_lost",
    "interaction",
    "minimum_detectable_effect",
    "non_inferiority",
    "pass_hat_k",
    "pass_rate",
    "ratio_of_means",
    "scenario_differences",
    "scenarios_needed",
    "sign_flip",
]
