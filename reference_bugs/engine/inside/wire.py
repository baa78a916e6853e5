"""Messages between checker and child, in frames (see `framing`): JSON and safetensors, nothing executable.

Reading never trusts the sender: size, depth, names, types and number of tensors are bounded before
anything is built from them. No pickle, anywhere. In the JSON a tensor stands as ``{"$tensor": "<name>"}``.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import torch
from safetensors.torch import load, save

if TYPE_CHECKING:
    from redgreenbench.reference_bugs.engine.inside import framing
else:
    try:
        import framing
    except ImportError:  # outside the sandbox this folder is a package
        from redgreenbench.reference_bugs.engine.inside import framing

WireError = framing.WireError
DTYPES = (torch.float32, torch.float64, torch.float16, torch.bfloat16, torch.int64, torch.int32, torch.bool)


def pack(message: dict[str, Any]) -> bytes:
    """A message as a frame.

    Args:
        message: Nested dicts with string keys, lists and tuples of None, bool, int, float, str and tensors.

    Raises:
        TypeError: Something else is in it; the message says where.
    """
    tensors: dict[str, torch.Tensor] = {}
    text = json.dumps(_without_tensors(message, tensors, "message"), separators=(",", ":")).encode()
    blob = save(tensors) if tensors else b""
    return framing.frame_header(len(text), len(blob)) + text + blob


def _without_tensors(value: Any, tensors: dict[str, torch.Tensor], where: str) -> Any:
    if isinstance(value, torch.Tensor):
        name = f"t{len(tensors)}"
        # A copy of its own: safetensors refuses views that share storage.
        tensors[name] = value.detach().to("cpu", copy=True).contiguous()
        return {"$tensor": name}
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, dict):
        for key in value:
            if not isinstance(key, str) or key.startswith("$"):
                raise TypeError(f"{where} has the key {key!r}, which cannot be sent")
        return {key: _without_tensors(item, tensors, f"{where}.{key}") for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_without_tensors(item, tensors, f"{where}[{i}]") for i, item in enumerate(value)]
    raise TypeError(f"{where} is a {type(value).__name__}, which cannot be sent")


def unpack(frame: bytes, most: int = framing.MAX_JSON) -> dict[str, Any]:
    """The message in a frame.

    Args:
        frame: What came.
        most: Bytes of JSON that are read; `MAX_ANSWER` for what comes from a submission.

    Raises:
        WireError: The frame is not one that `pack` writes, or larger than is allowed.
    """
    json_size, tensor_size = framing.part_sizes(frame[: framing.HEADER.size], most)
    if len(frame) != framing.HEADER.size + json_size + tensor_size:
        raise WireError("a message of another length than it says")
    try:
        tree = json.loads(frame[framing.HEADER.size : framing.HEADER.size + json_size])
        tensors = _tensors(frame[framing.HEADER.size + json_size :])
    except WireError:
        raise
    except Exception as error:  # whatever a parser raises on bytes that anybody may have written
        raise WireError(f"malformed message: {type(error).__name__}") from error
    message = _with_tensors(tree, tensors, 0)
    if not isinstance(message, dict):
        raise WireError("the message is not an object")
    if tensors:
        raise WireError("tensors that the message does not mention")
    return message


def _tensors(blob: bytes) -> dict[str, torch.Tensor]:
    """The tensors of a message by name, none of which shares memory with another."""
    if not blob:
        return {}
    header = int.from_bytes(blob[:8], "little")
    if header > framing.MAX_HEADER:
        raise WireError(f"malformed message: a header of {header} bytes, more than {framing.MAX_HEADER}")
    count = len(json.loads(blob[8 : 8 + header]))
    if count > framing.MAX_COUNT:
        raise WireError(f"{count} tensors, more than {framing.MAX_COUNT}")
    tensors: dict[str, torch.Tensor] = load(blob)
    for tensor in tensors.values():
        if tensor.dtype not in DTYPES or tensor.dim() > framing.MAX_DIMENSIONS:
            raise WireError(
                f"a tensor of {tensor.dim()} dimensions and the type {tensor.dtype}, which is not allowed"
            )
    return tensors


def _with_tensors(value: Any, tensors: dict[str, torch.Tensor], depth: int) -> Any:
    """A value with its tensors in their places; each has one, so that no two places share one."""
    if depth > framing.MAX_DEPTH:
        raise WireError(f"nested deeper than {framing.MAX_DEPTH}")
    if isinstance(value, dict):
        if "$tensor" in value:
            name = value["$tensor"]
            if len(value) != 1 or not isinstance(name, str) or name not in tensors:
                raise WireError("a tensor that was not sent, or that stands at two places")
            return tensors.pop(name)
        return {key: _with_tensors(item, tensors, depth + 1) for key, item in value.items()}
    if isinstance(value, list):
        return [_with_tensors(item, tensors, depth + 1) for item in value]
    return value
