def freeze(model, keep):
    """Only the part whose name is given is to learn."""
    for name, parameter in model.named_parameters():
        parameter.requires_grad = not name.startswith(keep)
