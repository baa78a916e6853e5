"""What is done with a program: encoding texts, training on reviews, and passes through its classifier."""

import torch
import torch.nn as nn
from probing import copy_state
from torch.nn.modules.module import register_module_forward_pre_hook

RETURNS = {
    "encode": {"ids": "lists"},
    "train": {"loss": "number", "ids": "states", "known": "int64", "start": "state", "end": "state"},
    "logits": {"logits": "float32"},
}


def encode(program, texts):
    """Ids of the words of each text."""
    tokenizer = program.Tokenizer(program.VOCAB)
    return {"ids": [[int(i) for i in tokenizer.encode(text)] for text in texts]}


def _sample(model, rows):
    # The whole table would be 5 MB; rows that no text uses do not matter.
    state = copy_state(model)
    table = state.pop("embedding.weight")
    inside = rows[(rows >= 0) & (rows < len(table))]
    return state | {"embedding.weight": table[inside]}, inside


def train(program, texts, labels, torch_seed, batch_size):
    """The loss that training returns, the ids that reached the table, and weights of these ids before and after."""
    models, ids = [], []

    def look(module, args):
        if isinstance(module, program.TextClassifier) and not models:
            models.append((module, copy_state(module)))
        elif isinstance(module, nn.Embedding):
            ids.append({"ids": args[0].detach().clone()})

    handle = register_module_forward_pre_hook(look)
    try:
        loss = program.train(list(zip(texts, labels, strict=True)), seed=torch_seed, batch_size=batch_size)
    finally:
        handle.remove()
    if not models:
        raise RuntimeError("training never calls a TextClassifier")
    model, before = models[0]
    rows = torch.cat([step["ids"].flatten() for step in ids]).unique()
    end, inside = _sample(model, rows)
    start = {
        name: tensor[inside] if name == "embedding.weight" else tensor for name, tensor in before.items()
    }
    return {"loss": float(loss), "ids": ids, "known": inside, "start": start, "end": end}


def logits(program, table, weight, bias, ids):
    """Logits of texts, by a classifier whose first rows and last layer are given."""
    model = program.TextClassifier(table.size(0), table.size(1), bias.size(0)).to(table.device)
    with torch.no_grad():
        model.embedding.weight[: table.size(0)] = table
        model.fc.weight.copy_(weight)
        model.fc.bias.copy_(bias)
        return {"logits": model(ids)}
