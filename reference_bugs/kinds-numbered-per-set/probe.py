"""What is done with a program: its network is trained on some teas and tastes others."""

from probing import copy_state

RETURNS = {"taste": {"shares": "numbers", "weights": "states"}}


def taste(program, states, teas, names, tests, epochs, lr):
    """Trains one network after the other, then has each taste sets of teas: shares, and weights after that."""
    nets = []
    for state, x, y in zip(states, teas, names, strict=True):
        net = program.TeaTaster()
        net.load_state_dict(state, strict=False)  # a network may keep more than weights in its state
        program.train(net, x, list(y), epochs=epochs, lr=lr)
        nets.append(net)
    shares = [
        float(program.taste(net, test["teas"], list(test["names"])))
        for net, own in zip(nets, tests, strict=True)
        for test in own
    ]
    return {"shares": shares, "weights": [copy_state(net) for net in nets]}
