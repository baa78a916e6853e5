"""Frames between processes: their header, their bounds, and how one is written and read, without torch.

A frame is ``MAGIC``, the length of its JSON (u32), the length of its tensors (u64), both big-endian, then the two
parts. `wire` says what stands in them.
"""

from __future__ import annotations

import os
import select
import struct
import time

MAGIC = b"RGB1"
HEADER = struct.Struct(">4sIQ")

MAX_JSON = 8 * 1024 * 1024  # of a question: a program of 1 MB, escaped
MAX_ANSWER = 1024 * 1024  # of the JSON of an answer
MAX_TENSORS = 64 * 1024 * 1024
MAX_FRAME = MAX_ANSWER + MAX_TENSORS + HEADER.size  # of a whole answer
MAX_HEADER = 512 * 1024  # of the names, types and shapes of tensors
MAX_COUNT = 4000
MAX_DIMENSIONS = 8
MAX_DEPTH = 12


class WireError(Exception):
    """Bytes that are not a message: malformed, too large, too early, or missing."""


class Closed(WireError):
    """The other side is gone."""


class Late(WireError):
    """The time was over before the message was complete."""


def frame_header(json_size: int, tensor_size: int) -> bytes:
    """The header of a frame whose parts have these lengths, in bytes."""
    return HEADER.pack(MAGIC, json_size, tensor_size)


def part_sizes(header: bytes, most: int = MAX_JSON) -> tuple[int, int]:
    """Lengths of the two parts that follow a header, in bytes.

    Args:
        header: The first bytes of a frame.
        most: Bytes of JSON that are read; `MAX_ANSWER` for what comes from a submission.

    Raises:
        WireError: It is no header, or announces more than is allowed.
    """
    if len(header) != HEADER.size:
        raise WireError("a message shorter than its header")
    magic, json_size, tensor_size = HEADER.unpack(header)
    if magic != MAGIC:
        raise WireError("bytes that are not a message")
    if json_size > most or tensor_size > MAX_TENSORS:
        raise WireError(f"a message of {json_size + tensor_size} bytes, more than is allowed")
    return json_size, tensor_size


def split_frames(data: bytes) -> list[bytes]:
    """The complete frames at the start of some bytes; an incomplete last frame is left out."""
    frames: list[bytes] = []
    while len(data) >= HEADER.size:
        try:
            size = HEADER.size + sum(part_sizes(data[: HEADER.size]))
        except WireError:
            return [*frames, data]
        if len(data) < size:
            break
        frames.append(data[:size])
        data = data[size:]
    return frames


def send(descriptor: int, frame: bytes) -> None:
    """Writes a frame whole to a blocking descriptor.

    Raises:
        Closed: Nobody reads any more.
    """
    rest = memoryview(frame)
    while rest:
        try:
            rest = rest[os.write(descriptor, rest) :]
        except (BrokenPipeError, ConnectionError) as error:
            raise Closed("the other side is gone") from error


def receive(descriptor: int, deadline: float | None = None) -> bytes:
    """Reads a frame whole from a blocking descriptor.

    Args:
        descriptor: Where it comes.
        deadline: Time of `time.monotonic` after which to give up; none: wait for ever.

    Raises:
        WireError: What comes is not a frame, is too late, or the other side is gone.
    """
    header = read_exactly(descriptor, HEADER.size, deadline)
    return header + read_exactly(descriptor, sum(part_sizes(header)), deadline)


def read_exactly(descriptor: int, size: int, deadline: float | None = None) -> bytes:
    """Reads so many bytes, see `receive`."""
    parts = []
    while size:
        if deadline is not None:
            remaining = deadline - time.monotonic()
            if remaining <= 0 or not select.select([descriptor], [], [], remaining)[0]:
                raise Late("the deadline passed")
        part = os.read(descriptor, min(size, 1 << 20))
        if not part:
            raise Closed("the other side is gone")
        parts.append(part)
        size -= len(part)
    return b"".join(parts)
