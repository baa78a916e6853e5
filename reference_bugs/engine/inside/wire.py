"""Messages between checker and child: a length-prefixed frame of JSON and safetensors, nothing executable.

Reading never trusts the sender: size, depth, names, types and number of tensors are bounded before
anything is built from them. No pickle, anywhere.

A frame is ``MAGIC``, the length of the JSON (u32), the length of the tensors (u64), both big-endian, then
the two parts. In the JSON a tensor stands as ``{"$tensor": "<name>"}``.
"""

from __future__ import annotations

import json
import os
import select
import struct
import time
from typing import TYPE_CHECKING, Any

import torch
from safetensors.torch import load, save

if TYPE_CHECKING:
    from redgreenbench.reference_bugs.engine.inside import limits
else:
    try:
        import limits
    except ImportError:  # outside the sandbox this folder is a package
        from redgreenbench.reference_bugs.engine.inside import limits

MAGIC = b"RGB1"
HEADER = struct.Struct(">4sIQ")
DTYPES = (torch.float32, torch.float64, torch.float16, torch.bfloat16, torch.int64, torch.int32, torch.bool)


class WireError(Exception):
    """Bytes that are not a message: malformed, too large, too early, or missing."""


class Closed(WireError):
    """The other side is gone."""


class Late(WireError):
    """The deadline passed before the message was complete."""


def pack(message: dict[str, Any]) -> bytes:
    """A message as a frame.

    Args:
        message: Nested dicts with string keys, lists and tuples of None, bool, int, float, str and tensors.

    Raises:
        TypeError: Something else is in it; the message says where.
    """
    tensors: dict[str, torch.Tensor] = {}
    text = json.dumps(_lower(message, tensors, "message"), separators=(",", ":")).encode()
    blob = save(tensors) if tensors else b""
    return HEADER.pack(MAGIC, len(text), len(blob)) + text + blob


def _lower(value: Any, tensors: dict[str, torch.Tensor], where: str) -> Any:
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
        return {key: _lower(item, tensors, f"{where}.{key}") for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_lower(item, tensors, f"{where}[{i}]") for i, item in enumerate(value)]
    raise TypeError(f"{where} is a {type(value).__name__}, which cannot be sent")


def unpack(frame: bytes, most: int = limits.MAX_JSON) -> dict[str, Any]:
    """The message in a frame.

    Args:
        frame: What came.
        most: Bytes of JSON that are read; `MAX_ANSWER` for what comes from a submission.

    Raises:
        WireError: The frame is not one that `pack` writes, or larger than is allowed.
    """
    json_size, tensor_size = sizes(frame[: HEADER.size], most)
    if len(frame) != HEADER.size + json_size + tensor_size:
        raise WireError("a message of another length than it says")
    try:
        tree = json.loads(frame[HEADER.size : HEADER.size + json_size])
        tensors = _tensors(frame[HEADER.size + json_size :])
    except WireError:
        raise
    except Exception as error:  # whatever a parser raises on bytes that anybody may have written
        raise WireError(f"malformed message: {type(error).__name__}") from error
    message = _raise(tree, tensors, 0)
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
    if header > limits.MAX_HEADER:
        raise WireError(f"malformed message: a header of {header} bytes, more than {limits.MAX_HEADER}")
    count = len(json.loads(blob[8 : 8 + header]))
    if count > limits.MAX_COUNT:
        raise WireError(f"{count} tensors, more than {limits.MAX_COUNT}")
    tensors: dict[str, torch.Tensor] = load(blob)
    for tensor in tensors.values():
        if tensor.dtype not in DTYPES or tensor.dim() > limits.MAX_DIMENSIONS:
            raise WireError(
                f"a tensor of {tensor.dim()} dimensions and the type {tensor.dtype}, which is not allowed"
            )
    return tensors


def _raise(value: Any, tensors: dict[str, torch.Tensor], depth: int) -> Any:
    """A value with its tensors in their places; each has one, so that no two places share one."""
    if depth > limits.MAX_DEPTH:
        raise WireError(f"nested deeper than {limits.MAX_DEPTH}")
    if isinstance(value, dict):
        if "$tensor" in value:
            name = value["$tensor"]
            if len(value) != 1 or not isinstance(name, str) or name not in tensors:
                raise WireError("a tensor that was not sent, or that stands at two places")
            return tensors.pop(name)
        return {key: _raise(item, tensors, depth + 1) for key, item in value.items()}
    if isinstance(value, list):
        return [_raise(item, tensors, depth + 1) for item in value]
    return value


def sizes(header: bytes, most: int = limits.MAX_JSON) -> tuple[int, int]:
    """Lengths of the two parts that follow a header, in bytes.

    Raises:
        WireError: It is no header, or announces more than is allowed.
    """
    if len(header) != HEADER.size:
        raise WireError("a message shorter than its header")
    magic, json_size, tensor_size = HEADER.unpack(header)
    if magic != MAGIC:
        raise WireError("bytes that are not a message")
    if json_size > most or tensor_size > limits.MAX_TENSORS:
        raise WireError(f"a message of {json_size + tensor_size} bytes, more than is allowed")
    return json_size, tensor_size


def send(descriptor: int, frame: bytes, deadline: float | None = None) -> None:
    """Writes a frame whole.

    Args:
        descriptor: A blocking one where there is no deadline, else a non-blocking one.
        frame: What to write.
        deadline: Time of `time.monotonic` after which to give up; none: wait for ever.

    Raises:
        Closed: Nobody reads any more.
        Late: The deadline passed.
    """
    rest = memoryview(frame)
    while rest:
        if deadline is not None:
            _await(descriptor, select.POLLOUT, deadline)
        try:
            rest = rest[os.write(descriptor, rest) :]
        except BlockingIOError:
            continue
        except (BrokenPipeError, ConnectionError) as error:
            raise Closed("the other side is gone") from error


def receive(descriptor: int) -> bytes:
    """Reads a frame whole from a blocking descriptor.

    Raises:
        WireError: What comes is not a frame, or the other side is gone.
    """
    header = _exactly(descriptor, HEADER.size)
    return header + _exactly(descriptor, sum(sizes(header)))


def _exactly(descriptor: int, size: int) -> bytes:
    parts = []
    while size:
        part = os.read(descriptor, min(size, 1 << 20))
        if not part:
            raise Closed("the other side is gone")
        parts.append(part)
        size -= len(part)
    return b"".join(parts)


def _await(descriptor: int, event: int, deadline: float) -> None:
    poll = select.poll()
    poll.register(descriptor, event)
    remaining = deadline - time.monotonic()
    if remaining <= 0 or not poll.poll(remaining * 1000):
        raise Late("the deadline passed")
