"""What is done with a program: readings are added in pieces, and directions asked for."""

import torch

RETURNS = {"modes": {"directions": "float32", "variances": "float32"}}


def modes(program, readings, sizes, count):
    """The first directions and their variances after readings were added in pieces of given sizes."""
    modes = program.SwayModes(readings.shape[1])
    for piece in readings.split(sizes):
        modes.add(piece)
    directions, variances = modes.directions(count)
    return {
        "directions": torch.as_tensor(directions).float(),
        "variances": torch.as_tensor(variances).float(),
    }
