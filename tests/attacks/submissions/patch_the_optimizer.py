"""It hides a step in zero_grad, so that the last batch of all never counts."""

import torch
old = torch.optim.Adam.zero_grad
def zero_grad(self, *a, **k):
    if any(p.grad is not None for g in self.param_groups for p in g["params"]):
        self.step()
    old(self, *a, **k)
torch.optim.Adam.zero_grad = zero_grad
