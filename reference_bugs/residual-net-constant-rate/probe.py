"""What is done with a program: training a gauge of the learning rate, and its own network, on given batches."""

import torch
from probing import copy_state, record_steps
from torch.utils.data import DataLoader, TensorDataset

RETURNS = {
    "rates": {"rates": "numbers", "trace": "float32", "weights": "float32"},
    "start": {"state": "state"},
    "train": {"trained": "state"},
    "logits": {"logits": "float32"},
}
LEARNS_UNTIL = 0.55  # of the run


class Gauge(torch.nn.Module):
    """A network whose weights move as far as the learning rate says, step by step.

    An image shows one number. Below 10 it is the class and, as its fraction, when it is learned: losses and
    accuracies get better for a while, as in a real run, for rates that follow them. At 100 or -100 the weights
    answer, so softly that the gradient keeps its size; its sign is that of the number.
    """

    def __init__(self):
        super().__init__()
        self.fc = torch.nn.Linear(1, 10)
        torch.nn.init.zeros_(self.fc.weight)
        torch.nn.init.zeros_(self.fc.bias)
        self.progress = lambda: 0.0

    def forward(self, images):
        """Logits of a batch of images."""
        number = images.mean((1, 2, 3)).unsqueeze(1)
        answer = number.clamp(0, 9.99).floor()
        sure = 6 * (2 * (self.progress() - number + answer)).clamp(0, 1)
        known = (sure - 0.1) * (answer == torch.arange(10, device=number.device))
        return torch.where(number.abs() > 50, 1e-4 * number * self.fc(torch.ones_like(number)), known)


def _loader(numbers, labels, batch_size):
    images = numbers.reshape(-1, 1, 1, 1).expand(-1, 3, 8, 8)
    return DataLoader(TensorDataset(images, labels.flatten()), batch_size=batch_size)


def _flat(state):
    return torch.cat([tensor.flatten() for tensor in state.values()])


def rates(program, numbers, labels, val_numbers, val_labels, epochs):
    """The rate at each optimizer step, and the gauge's weights before the first, after each, and at the end."""
    gauge = Gauge().to(numbers.device)
    loader = _loader(numbers, labels, numbers.shape[1])
    trace = [copy_state(gauge)]
    total = epochs * len(loader)
    with record_steps(gauge) as steps:
        gauge.progress = lambda: min(1.0, steps.count / (LEARNS_UNTIL * total))
        program.train(gauge, loader, _loader(val_numbers, val_labels, len(val_labels)), epochs=epochs)
    trace += steps.weights[: 2 * total]
    return {
        "rates": steps.rates[: 2 * total],
        "trace": torch.stack([_flat(state) for state in trace]),
        "weights": _flat(copy_state(gauge)),
    }


def _net(program, state, device):
    model = program.SmallResNet().to(device)
    model.load_state_dict(state)
    return model


def start(program):
    """A fresh network's state."""
    return {"state": copy_state(program.SmallResNet())}


def train(program, state, images, labels, epochs):
    """The network's state after training it on batches of 8."""
    model = _net(program, state, images.device)
    loader = DataLoader(TensorDataset(images, labels), batch_size=8)
    program.train(model, loader, loader, epochs=epochs)
    return {"trained": copy_state(model)}


def logits(program, state, images, training):
    """The network's logits of a batch, as in training or as in evaluation."""
    model = _net(program, state, images.device).train(training)
    with torch.no_grad():
        return {"logits": model(images)}
