"""What is done with a program: training from given weights that is saved, taken up again and goes on."""

import pickle
import sys

from probing import copy_state, record_steps

RETURNS = {
    "resume": {"epochs": "numbers", "loaded": "states", "trace": "states", "weights": "states"},
}


def _run(program, state):
    run = program.run.Run()
    run.model.load_state_dict(state)
    return run


def _started_again(program):
    """The program as a new process has it, which holds nothing of what was trained before."""
    loader = program.run.__loader__
    for name in [
        name for name, module in sys.modules.items() if getattr(module, "__loader__", None) is loader
    ]:
        del sys.modules[name]
    return program


def resume(program, state, x, y, parts, between, batch_size):
    """Trains in parts, with the run saved and loaded between each two of them.

    A run that was saved trains on for `between` epochs before what it saved is loaded. Epochs and loaded are those of each
    loaded run, weights those at the end of each part, and the trace the weights after each step of the last part. What was
    saved goes through pickle to the program started again, as it would from one job to the next.
    """
    run = _run(program, state)
    epochs, loaded, weights, trace = [], [], [], []
    for i, part in enumerate(parts):
        with record_steps(run.model) as steps:
            run.train(x, y, epochs=part, batch_size=batch_size)
        weights.append(copy_state(run.model))
        trace = steps.weights
        if i + 1 < len(parts):
            data = run.save()
            if between:
                run.train(x, y, epochs=between, batch_size=batch_size)
            data = pickle.dumps(data)
            run = _started_again(program).run.Run.load(pickle.loads(data))
            epochs.append(int(run.epoch))
            loaded.append(copy_state(run.model))
    limit = 1 + parts[-1] * -(-len(y) // batch_size)
    return {"epochs": epochs, "loaded": loaded, "trace": trace[:limit], "weights": weights}
