"""The sandbox `jail`: inspect's view of the engine's jail, for tools such as bash, python and text_editor.

Every command runs behind bubblewrap in a sandbox of its own; what stays from one to the next are the files of the
project, of /tmp, of /var/tmp and of the home folder. Processes do not stay. Files are read and written by commands
within, so that a link leads where it leads for the agent and never to a file of this machine.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, Literal, overload

import anyio
import yaml
from inspect_ai.util import (
    ExecResult,
    OutputLimitExceededError,
    SandboxEnvironment,
    SandboxEnvironmentConfigType,
    SandboxEnvironmentLimits,
    sandboxenv,
    subprocess,
)
from inspect_ai.util._sandbox.environment import SandboxUserUnsupportedError
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from typing_extensions import override

from redgreenbench.evals.errors import InputError
from redgreenbench.reference_bugs.engine.jail import USER, Jail, JailLimits, remove_left_behind, why_not
from redgreenbench.reference_bugs.engine.jail_watch import Watch, disk_usage

__all__ = ["JailConfig", "JailSandboxEnvironment"]

_MIB = 1 << 20
_FIRST_LOOK_SECONDS = 0.03
_LOOK_SECONDS = 0.05
_FILE_SECONDS = 60
_GRACE_SECONDS = 20  # a machine too busy to look in time
# A pipe or a device as a file would block its reader for ever, so only regular files are opened.
_READ = """
if [ -d "$1" ]; then exit 121; fi
if [ ! -e "$1" ]; then exit 102; fi
if [ ! -f "$1" ] || [ ! -r "$1" ]; then exit 113; fi
if [ "$(stat -L -c %s -- "$1")" -gt "$2" ]; then exit 127; fi
exec head -c "$(($2 + 1))" < "$1"
"""
_WRITE = """
if [ -d "$1" ]; then exit 121; fi
if [ -e "$1" ] && { [ ! -f "$1" ] || [ ! -w "$1" ]; }; then exit 113; fi
mkdir -p -- "$(dirname -- "$1")" && cat > "$1"
"""
_IS_A_FOLDER, _MISSING, _REFUSED, _TOO_LARGE = 121, 102, 113, 127


class JailConfig(BaseModel):
    """Limits of a jail, as in ``sandbox=("jail", "limits.yaml")``.

    Attributes:
        disk_mb: MiB of all files together.
        files: Files, folders and links.
        memory_mb: MiB of memory of all processes of one command together.
        processes: Processes and threads at a time.
        seconds: Longest time of one command, whatever time its caller gives it.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    disk_mb: int = Field(512, ge=1)
    files: int = Field(20_000, ge=100)
    memory_mb: int = Field(2048, ge=64)
    processes: int = Field(128, ge=8)
    seconds: int = Field(600, ge=1)

    def limits(self) -> JailLimits:
        """The same for the engine."""
        return JailLimits(
            disk=self.disk_mb * _MIB,
            files=self.files,
            memory=self.memory_mb * _MIB,
            processes=self.processes,
            seconds=self.seconds,
        )


@sandboxenv(name="jail")
class JailSandboxEnvironment(SandboxEnvironment):
    """One sample's jail.

    Args:
        jail: The engine's jail.
    """

    def __init__(self, jail: Jail) -> None:
        super().__init__()
        self._jail = jail
        self._full = ""

    @override
    @classmethod
    def config_deserialize(cls, config: dict[str, Any]) -> BaseModel:
        return JailConfig.model_validate(config)

    @override
    @classmethod
    async def task_init(cls, task_name: str, config: SandboxEnvironmentConfigType | None) -> None:
        _refuse_without_walls()
        _limits(config)

    @override
    @classmethod
    async def sample_init(
        cls, task_name: str, config: SandboxEnvironmentConfigType | None, metadata: dict[str, str]
    ) -> dict[str, SandboxEnvironment]:
        _refuse_without_walls()
        return {"default": cls(Jail(_limits(config)))}

    @override
    @classmethod
    async def sample_cleanup(
        cls,
        task_name: str,
        config: SandboxEnvironmentConfigType | None,
        environments: dict[str, SandboxEnvironment],
        interrupted: bool,
    ) -> None:
        with anyio.CancelScope(shield=True):
            for environment in environments.values():
                await anyio.to_thread.run_sync(environment.as_type(cls)._jail.close)

    @override
    @classmethod
    async def cli_cleanup(cls, id: str | None) -> None:
        """Deletes what killed runs left behind. Deletes all of it, since jails have no ids."""
        for folder in remove_left_behind():
            print(f"deleted {folder}")

    @override
    async def exec(
        self,
        cmd: list[str],
        input: str | bytes | None = None,
        cwd: str | None = None,
        env: dict[str, str] | None = None,
        user: str | None = None,
        timeout: int | None = None,
        timeout_retry: bool = True,
        concurrency: bool = True,
    ) -> ExecResult[str]:
        """Runs a command, and ends all that it started.

        A command that uses more than it may is killed, and a line of its stderr says of what. After a command that
        left too many files the next ones can delete, and cannot write.
        """
        if user not in (None, USER, str(self._jail.uid)):
            raise SandboxUserUnsupportedError(f"the jail runs commands as '{USER}' only, not as {user!r}")
        done, stopped = await self._run(
            cmd,
            input,
            cwd or "",
            env or {},
            timeout,
            concurrency,
            SandboxEnvironmentLimits.MAX_EXEC_OUTPUT_SIZE,
        )
        was_full, self._full = self._full, await anyio.to_thread.run_sync(self._over)
        stdout, stderr = done.stdout.decode(errors="replace"), done.stderr.decode(errors="replace")
        if done.returncode == 126 and re.search(r"^\S*env: .*: Permission denied$", stderr, re.MULTILINE):
            raise PermissionError(stderr.strip())
        if stopped:
            stderr = f"{stderr}\nthe command was killed: {stopped}\n".lstrip("\n")
        if self._full:
            asks = "nothing could be written" if was_full else "from now on nothing can be written"
            stderr = (
                f"{stderr}\nthe disk quota is used up: {self._full}; {asks} until files are deleted\n".lstrip(
                    "\n"
                )
            )
        return ExecResult(done.success and not stopped, done.returncode, stdout, stderr)

    def _over(self) -> str:
        return disk_usage(self._jail, self._jail.limits).over(self._jail.limits)

    async def _run(
        self,
        command: list[str],
        input: str | bytes | None,
        folder: str,
        environment: dict[str, str],
        timeout: int | None,
        concurrency: bool,
        output_limit: int,
        own: bool = False,
    ) -> tuple[ExecResult[bytes], str]:
        longest = self._jail.limits.seconds
        seconds = longest if timeout is None else min(timeout, longest)
        full = bool(self._full) and not own
        run = self._jail.run(command, folder, environment, may_write=not full)
        watch = Watch(self._jail, run, full=full, files=not own)
        stopped = ""
        late = False

        async def look() -> None:
            nonlocal stopped, late
            try:
                await anyio.sleep(_FIRST_LOOK_SECONDS)
                while not (stopped or late):
                    stopped = await anyio.to_thread.run_sync(watch.look)
                    late = watch.seconds >= seconds
                    await anyio.sleep(0 if stopped or late else _LOOK_SECONDS)
            finally:
                # At once, also where the sample is cancelled: inspect's own way asks first and waits for two seconds.
                if done is None and failure is None:
                    with anyio.CancelScope(shield=True):
                        await anyio.to_thread.run_sync(watch.kill)

        done: ExecResult[bytes] | None = None
        failure: Exception | None = None
        try:
            async with anyio.create_task_group() as group:
                group.start_soon(look)
                try:
                    done = await subprocess(
                        watch.run.argv,
                        text=False,
                        input=input,
                        cwd="/",
                        timeout=seconds + _GRACE_SECONDS,
                        output_limit=output_limit,
                        concurrency=concurrency,
                    )
                # Kept, because a task group would wrap it.
                except Exception as error:
                    failure = error
                group.cancel_scope.cancel()
        finally:
            with anyio.CancelScope(shield=True):
                await anyio.to_thread.run_sync(watch.end)
        if failure is not None:
            raise failure
        if late and not stopped:
            raise TimeoutError(f"the command did not end within {seconds} s")
        assert done is not None
        return done, stopped

    @override
    async def write_file(self, file: str, contents: str | bytes) -> None:
        done = await self._run_file_command(_WRITE, [file], contents, output_limit=4096)
        self._check_file_result(done, file)

    @overload
    async def read_file(self, file: str, text: Literal[True] = True) -> str: ...

    @overload
    async def read_file(self, file: str, text: Literal[False]) -> bytes: ...

    @override
    async def read_file(self, file: str, text: bool = True) -> str | bytes:
        limit = SandboxEnvironmentLimits.MAX_READ_FILE_SIZE
        done = await self._run_file_command(_READ, [file, str(limit)], None, output_limit=limit + 1)
        if done.returncode == _TOO_LARGE or len(done.stdout) > limit:
            raise OutputLimitExceededError(
                limit_str=SandboxEnvironmentLimits.MAX_READ_FILE_SIZE_STR, truncated_output=None
            )
        self._check_file_result(done, file)
        return done.stdout.decode("utf-8") if text else done.stdout

    async def _run_file_command(
        self, script: str, arguments: list[str], contents: str | bytes | None, output_limit: int
    ) -> ExecResult[bytes]:
        # A slot of inspect's subprocesses would make a file wait for other agents' commands.
        done, _ = await self._run(
            ["/bin/sh", "-c", script, "sh", *arguments],
            contents,
            "",
            {},
            _FILE_SECONDS,
            concurrency=False,
            output_limit=output_limit,
            own=True,
        )
        return done

    def _check_file_result(self, done: ExecResult[bytes], file: str) -> None:
        if done.returncode == _IS_A_FOLDER:
            raise IsADirectoryError(f"{file} is a directory")
        if done.returncode == _MISSING:
            raise FileNotFoundError(f"there is no file {file}")
        message = done.stderr.decode(errors="replace").strip()
        if (
            done.returncode == _REFUSED
            or "Permission denied" in message
            or "Read-only file system" in message
        ):
            raise PermissionError(
                f"{file} is not a regular file, or not permitted to be used: {message}".rstrip(": ")
            )
        if not done.success:
            raise OSError(f"{file} could not be read or written: {message or done.returncode}")

    @override
    def default_polling_interval(self) -> float:
        return 0.2


def _refuse_without_walls() -> None:
    if why := why_not():
        raise InputError(f"the sandbox 'jail' does not work on this machine: {why}")


def _limits(config: SandboxEnvironmentConfigType | None) -> JailLimits:
    if config is None:
        return JailLimits()
    try:
        if isinstance(config, str):
            config = JailConfig.model_validate(yaml.safe_load(Path(config).read_text(encoding="utf-8")) or {})
        if not isinstance(config, JailConfig):
            raise InputError(f"the sandbox 'jail' takes a file of limits and no {type(config).__name__}")
    except (OSError, yaml.YAMLError) as error:
        raise InputError(f"the limits of the sandbox 'jail' cannot be read: {error}") from None
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"])) or "the file"
        fields = ", ".join(JailConfig.model_fields)
        raise InputError(
            f"limits of the sandbox 'jail': {place}: {first['msg']}; the limits are {fields}"
        ) from None
    return config.limits()
