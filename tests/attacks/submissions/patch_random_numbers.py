"""It makes all random numbers the same."""

import random
import torch
random.random = lambda: 0.5
torch.rand = torch.randn = lambda *s, **k: torch.zeros(*s)
torch.manual_seed = lambda seed: None
