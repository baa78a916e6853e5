"""A jail for a test, without an eval around it."""

from collections.abc import Callable, Iterator

import pytest

from redgreenbench.evals.jail import JailSandboxEnvironment
from redgreenbench.reference_bugs.engine.jail import Jail, JailLimits


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def make_jail() -> Iterator[Callable[..., JailSandboxEnvironment]]:
    made: list[Jail] = []

    def make(**limits: int) -> JailSandboxEnvironment:
        made.append(Jail(JailLimits(**limits)))
        return JailSandboxEnvironment(made[-1])

    yield make
    for jail in made:
        jail.close()
