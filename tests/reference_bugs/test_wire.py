"""Messages: what is written comes back, and nothing else is believed."""

import contextlib
import json
import os
import struct

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from redgreenbench.reference_bugs.engine.inside import framing, wire
from redgreenbench.reference_bugs.engine.inside.framing import (
    MAX_ANSWER,
    MAX_COUNT,
    MAX_DEPTH,
    MAX_HEADER,
    MAX_JSON,
    MAX_TENSORS,
)


def frame(text: bytes, blob: bytes = b"") -> bytes:
    return struct.pack(">4sIQ", b"RGB1", len(text), len(blob)) + text + blob


def tensors(header: dict, data: bytes = b"", padding: int = 0) -> bytes:
    text = json.dumps(header).encode() + b" " * padding
    return struct.pack("<Q", len(text)) + text + data


def empty(count: int, shape: list[int]) -> dict:
    return {f"t{i}": {"dtype": "F32", "shape": shape, "data_offsets": [0, 0]} for i in range(count)}


def test_a_message_survives_the_way() -> None:
    message = {
        "n": 1.5,
        "nan": float("nan"),
        "text": "ü\ud800",
        "list": [1, [True, None]],
        "weights": {"a": torch.randn(2, 3), "b": torch.arange(4), "empty": torch.zeros(0)},
    }
    again = wire.unpack(wire.pack(message))
    assert torch.equal(again["weights"]["a"], message["weights"]["a"])
    assert torch.equal(again["weights"]["b"], message["weights"]["b"])
    assert again["weights"]["empty"].shape == (0,)
    assert again["list"] == [1, [True, None]]
    assert again["nan"] != again["nan"]
    assert again["text"] == message["text"]


def test_views_that_share_storage_can_be_sent() -> None:
    whole = torch.arange(6.0)
    again = wire.unpack(wire.pack({"a": whole[:3], "b": whole[3:], "t": whole.view(2, 3).T}))
    assert again["t"].tolist() == [[0, 3], [1, 4], [2, 5]]
    assert again["b"].tolist() == [3, 4, 5]


@pytest.mark.parametrize("value", [object(), {1: 2}, {"$tensor": "t0"}, {3.0}, b"x", 1j])
def test_what_cannot_be_sent_is_named(value: object) -> None:
    with pytest.raises(TypeError, match="message"):
        wire.pack({"key": value})


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"RGB1",
        frame(b"{"),
        frame(b"[]"),
        frame(b"1"),
        frame(b'{"a":{"$tensor":"t0"}}'),
        frame(b'{"a":{"$tensor":["t0"]}}'),
        frame(b"{}", b"x" * 100),
        frame(b'{"a":1}', wire.save({"t0": torch.ones(1)})),
        frame(b'{"a":{"$tensor":"t0"}}', wire.save({"t0": torch.ones(1, dtype=torch.complex64)})),
        frame(b'{"a":' + b"9" * 5000 + b"}"),
        frame(b"[" * 10000 + b"]" * 10000),
        frame(b'{"a":' * (MAX_DEPTH + 2) + b"1" + b"}" * (MAX_DEPTH + 2)),
        frame(b'{"a":{"$tensor":"t0"},"b":{"$tensor":"t0"}}', wire.save({"t0": torch.ones(1)})),
        frame(b"{}", tensors(empty(MAX_COUNT + 1, [0]))),
        frame(b'{"a":{"$tensor":"t0"}}', tensors(empty(1, [0]), padding=MAX_HEADER)),
        frame(b'{"a":{"$tensor":"t0"}}', tensors(empty(1, [0] * 100))),
        frame(b'{"a":{"$tensor":"t0"}}', tensors(empty(1, [0, 2**70]))),
        frame(b'{"a":{"$tensor":"t0"}}', tensors([1])),
        frame(b'{"a":{"$tensor":"t0"}}', b"[" * 100_000),
        frame(b'{"a":1}')[:-1],
        frame(b'{"a":1}') + b"more",
        struct.pack(">4sIQ", b"RGB1", MAX_JSON + 1, 0),
        struct.pack(">4sIQ", b"RGB1", 1, MAX_TENSORS + 1),
    ],
)  # fmt: skip
def test_what_is_no_message_is_refused(data: bytes) -> None:
    with pytest.raises(wire.WireError):
        wire.unpack(data)


def test_too_many_tensors_are_refused_before_one_is_built(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wire, "load", lambda _: pytest.fail("it was built"))
    for blob in (tensors(empty(MAX_COUNT + 1, [0])), tensors({}, padding=MAX_HEADER)):
        with pytest.raises(wire.WireError, match="more than"):
            wire.unpack(frame(b"{}", blob))


def test_an_answer_may_be_shorter_than_a_question_alone() -> None:
    message = frame(json.dumps({"a": "x" * MAX_ANSWER}).encode())
    assert wire.unpack(message)
    with pytest.raises(wire.WireError, match="more than is allowed"):
        wire.unpack(message, MAX_ANSWER)


@given(st.binary(max_size=200), st.binary(max_size=60))
def test_any_bytes_are_refused_or_understood(text: bytes, blob: bytes) -> None:
    with contextlib.suppress(wire.WireError):
        assert isinstance(wire.unpack(frame(text, blob)), dict)


def test_a_reader_notices_that_the_other_side_is_gone() -> None:
    read, write = os.pipe()
    os.write(write, b"RGB1\0")
    os.close(write)
    with pytest.raises(framing.Closed):
        framing.receive(read)
    os.close(read)
