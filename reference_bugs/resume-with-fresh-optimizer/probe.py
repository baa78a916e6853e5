"""What is done with a program: training from given weights that is saved, taken up again and goes on."""

from probing import copy_state, record_steps

RETURNS = {
    "resume": {"epochs": "numbers", "loaded": "states", "trace": "states", "weights": "states"},
}


def _run(program, state):
    run = program.run.Run()
    run.model.load_state_dict(state)
    return run


def resume(program, state, x, y, parts, between, batch_size):
    """Trains in parts, with the run saved and loaded between each two of them.

    A run that was saved trains on for `between` epochs before what it saved is loaded. Epochs and loaded are those of each
    loaded run, weights those at the end of each part, and the trace the weights after each step of the last part.
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
            run = program.run.Run.load(data)
            epochs.append(int(run.epoch))
            loaded.append(copy_state(run.model))
    limit = 1 + parts[-1] * -(-len(y) // batch_size)
    return {"epochs": epochs, "loaded": loaded, "trace": trace[:limit], "weights": weights}
