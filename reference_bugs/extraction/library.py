"""Knows which import a name of a library needs, so that an answer which uses `LinearLR` need not spell it out.

It refuses a name that could come from somewhere else: only the schedulers of `torch.optim.lr_scheduler`, the
functions of `torch.nn.utils` that work on gradients and parameters, the modules `optim` and `lr_scheduler`, and
`math`, `gc` and `copy` of the standard library, each under its own name. `F`, `np` and the like are customs and
stay missing. A full program is never completed: it claims to run as it stands.
"""

import ast

from redgreenbench.reference_bugs.extraction.source import Source, read

_SCHEDULERS = [
    "LambdaLR",
    "MultiplicativeLR",
    "StepLR",
    "MultiStepLR",
    "ConstantLR",
    "LinearLR",
    "ExponentialLR",
    "SequentialLR",
    "PolynomialLR",
    "CosineAnnealingLR",
    "ChainedScheduler",
    "ReduceLROnPlateau",
    "CyclicLR",
    "OneCycleLR",
    "CosineAnnealingWarmRestarts",
]
_UTILS = ["clip_grad_norm_", "clip_grad_value_", "parameters_to_vector", "vector_to_parameters"]
_IMPORTS = {
    **{name: f"from torch.optim.lr_scheduler import {name}" for name in _SCHEDULERS},
    **{name: f"from torch.nn.utils import {name}" for name in _UTILS},
    "lr_scheduler": "from torch.optim import lr_scheduler",
    "optim": "from torch import optim",
    "math": "import math",
    "gc": "import gc",
    "copy": "import copy",
}


def library_imports(names: list[str], after: str) -> Source | None:
    """The imports that bring in names of the library.

    Args:
        names: Names that a changed program reads and does not have.
        after: The changed program.

    Returns:
        The imports of those that are known, as a source; None if there are none.
    """
    tree = ast.parse(after)
    bases = {id(n.value) for n in ast.walk(tree) if isinstance(n, ast.Attribute)}
    # A module is only ever read for what is in it: `copy.deepcopy`, and not `copy + 1`.
    bare = {n.id for n in ast.walk(tree) if isinstance(n, ast.Name) and id(n) not in bases}
    lines = [
        _IMPORTS[name]
        for name in names
        if name in _IMPORTS and not (name in bare and name in ("math", "gc", "copy", "optim", "lr_scheduler"))
    ]
    return read("".join(f"{line}\n" for line in lines)) if lines else None
