"""Inspect's own list of what a sandbox has to do, run on the jail."""

from collections.abc import AsyncIterator

import pytest
from inspect_ai.util import SandboxEnvironment
from inspect_ai.util._sandbox.self_check import *  # noqa: F403 - its documented use

from redgreenbench.evals.jail import JailSandboxEnvironment

pytestmark = [pytest.mark.anyio, pytest.mark.needs("jail")]

EXCEPTIONS = {
    "test_exec_as_user": "all commands run as one user without rights, who can add no other",
}


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
async def sandbox_env(request: pytest.FixtureRequest) -> AsyncIterator[SandboxEnvironment]:
    if reason := EXCEPTIONS.get(request.node.originalname):
        request.node.add_marker(pytest.mark.xfail(reason=reason, strict=True))
    made = await JailSandboxEnvironment.sample_init("self-check", None, {})
    yield made["default"]
    await JailSandboxEnvironment.sample_cleanup("self-check", None, made, False)
