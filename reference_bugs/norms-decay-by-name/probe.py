"""What is done with a program: steps of its optimizer with given gradients, and its training."""

from probing import copy_state

RETURNS = {"steps": {"trace": "states"}, "train": {"weights": "state"}}


def _net(program, state, device):
    model = program.model.TicketNet().to(device)
    model.load_state_dict(state)
    return model


def steps(program, state, gradients, settings):
    """The weights after each step with these gradients; settings are those that are given to make_optimizer."""
    model = _net(program, state, state["out.bias"].device)
    optimizer = program.optimizers.make_optimizer(model, **settings)
    trace = []
    for given in gradients:
        optimizer.zero_grad()
        for name, parameter in model.named_parameters():
            parameter.grad = given[name].clone()
        optimizer.step()
        trace.append(copy_state(model))
    return {"trace": trace}


def train(program, state, tokens, team, epochs, batch_size):
    """The weights after training."""
    model = _net(program, state, tokens.device)
    program.train.train(model, tokens, team, epochs=epochs, batch_size=batch_size)
    return {"weights": copy_state(model)}
