"""The emulated device behaves like a GPU where a device bug would show, and computes like the CPU."""

import pytest
import torch
from torch import nn

from redgreenbench.reference_bugs.engine.inside.probing import SecondDevice, other_device


def trained(device: str) -> torch.Tensor:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Embedding(9, 8), nn.Flatten(), nn.Linear(24, 5), nn.LayerNorm(5)).to(device)
    tokens = torch.randint(9, (16, 3), generator=torch.Generator().manual_seed(1)).to(device)
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.01)
    for _ in range(5):
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(model(tokens), torch.arange(16, device=device) % 5)
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
    return torch.cat([parameter.detach().cpu().flatten() for parameter in model.parameters()])


def test_training_there_gives_what_training_here_gives() -> None:
    with SecondDevice():
        there = trained("meta")
    torch.testing.assert_close(there, trained("cpu"))


@pytest.mark.parametrize(
    "mix",
    [
        lambda here, there: here + there,
        lambda here, there: there @ here,
        lambda here, there: torch.cat([here, there]),
        lambda here, there: nn.functional.embedding(here.long(), there),
        lambda here, there: there.mul_(here),
    ],
)
def test_mixing_two_devices_raises(mix) -> None:
    with SecondDevice(), pytest.raises(RuntimeError, match="at least two devices"):
        mix(torch.ones(2, 2), torch.ones(2, 2).to("meta"))


def test_what_a_gpu_permits_is_permitted() -> None:
    with SecondDevice():
        there = torch.arange(6.0, device="meta").view(2, 3)
        view = there[0]
        view += torch.tensor(10.0)  # a number of no dimension
        there[1] = torch.zeros(3).to("meta")
        assert there.tolist() == [[10.0, 11.0, 12.0], [0.0, 0.0, 0.0]]
        assert there[torch.tensor([0])].cpu().tolist() == [[10.0, 11.0, 12.0]]
        assert there.nonzero().cpu().shape == (3, 2)
        assert there.device.type == "meta"
        into = torch.empty(2, 3)
        into.copy_(there)
        assert into.sum() == 33
        assert bool((there == there.clone()).all())
        assert float(there.max()) == 12.0


def test_a_machine_with_a_gpu_uses_it() -> None:
    with other_device(torch.ones(1, device="meta")) as device:  # as a tensor on a GPU would
        assert device.type == "meta"
    with pytest.raises(NotImplementedError):
        torch.ones(1, device="meta").cpu()  # no mode is left on
