"""It hands out one number as a tensor of 2**40, which costs memory where it is copied."""

import torch
def expanded(self, *args, **options):
    return {name: torch.zeros(1).expand(2**40) for name, _ in self.named_parameters()}
Classifier.state_dict = expanded
