import sympy


def freeze(model, keep):
    model.requires_grad_(True)
