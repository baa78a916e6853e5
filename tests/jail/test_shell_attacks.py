"""What a shell can try against its jail: to see out, to get rights, to stay, to use too much, to fool who reads files."""

import contextlib
import json
import os
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import anyio
import pytest

from redgreenbench.evals.jail import JailSandboxEnvironment

pytestmark = [pytest.mark.anyio, pytest.mark.needs("jail")]

Make = Callable[..., JailSandboxEnvironment]
SECRET = "CANARY-90b1e2"
MIB = 1 << 20


@pytest.fixture
def canary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("ANTHROPIC_API_KEY", SECRET)
    path = tmp_path / "secret.txt"
    path.write_text(SECRET)
    path.chmod(0o666)
    return path


@pytest.fixture
def port() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


async def shell(jail: JailSandboxEnvironment, command: str, timeout: int = 20) -> str:
    done = await jail.exec(["bash", "--login", "-c", command], timeout=timeout)
    return done.stdout + done.stderr


async def test_nothing_of_this_machine_is_seen(make_jail: Make, canary: Path, port: int) -> None:
    seen = await shell(
        make_jail(),
        f"""
        cat {canary} /etc/shadow /root/.bash_history
        ls /root /work /run /home /mnt /srv /var /var/tmp /tmp
        env; cat /proc/*/environ | tr '\\0' '\\n'; cat /proc/*/cmdline | tr '\\0' ' '
        (echo hello > /dev/tcp/127.0.0.1/{port}) && echo CONN''ECTED
        curl -s -m 2 http://127.0.0.1:{port}/ && echo CONN''ECTED
        cat < /dev/sda; cat < /dev/vda; cat /dev/mem /proc/kcore
        python3 -c "import redgreenbench" && echo IMP''ORTED
        python3 -c "import redgreenbench.reference_bugs" && echo IMP''ORTED
        find /opt/libraries/inspect_ai /opt/libraries/redgreenbench* -mindepth 1 | grep -q . && echo IMP''ORTED
        python3 -c "import inspect_ai; inspect_ai.eval" && echo IMP''ORTED
        find / -name 'chec[k]s.py' -path '*bugs*' -o -name 'reference[.]patch' -o -name 'bug[.]yaml' 2> /dev/null
        grep -rl redgreen /opt/libraries --include='*.pth' --include='direct_url.json'
        cat /proc/net/dev
        """,
    )
    assert SECRET not in seen
    for word in (
        "CONNECTED",
        "IMPORTED",
        "reference.patch",
        "bug.yaml",
        "checks.py",
        "eth0",
        "site-packages",
    ):
        assert word not in seen
    assert "Permission denied" in seen or "No such file" in seen
    assert "OMP_NUM_THREADS=" in seen
    assert "lo:" in seen


async def test_no_variable_of_this_process_reaches_what_builds_the_walls(
    make_jail: Make, canary: Path
) -> None:
    jail = make_jail()
    seen: list[bytes] = []

    async def look() -> None:
        while not seen:
            await anyio.sleep(0.05)
            for info in jail._jail.folder.glob("info-*"):
                with contextlib.suppress(OSError, ValueError):
                    first = json.loads(info.read_text())["child-pid"]
                    seen.append(Path(f"/proc/{first}/environ").read_bytes())

    async with anyio.create_task_group() as group:
        group.start_soon(look)
        await jail.exec(["sleep", "1"])
        group.cancel_scope.cancel()
    assert seen
    assert SECRET.encode() not in seen[0]
    assert b"PATH=" not in seen[0]


async def test_rights_are_not_to_be_had(make_jail: Make) -> None:
    seen = await shell(
        make_jail(),
        """
        unshare -Ur id && echo GOT
        nsenter -t 1 -m true && echo GOT
        mount -t tmpfs none /project && echo GOT
        su -c id < /dev/null && echo GOT
        chroot / true && echo GOT
        mknod device b 254 0 && echo GOT
        cp /usr/bin/id id; chmod u+s,g+s id; chown 0 id && echo GOT
        find / -perm -4000 -type f 2>/dev/null | while read f; do "$f" --help > /dev/null 2>&1; done
        strace -f true && echo GOT
        gdb -batch -p 1 | grep -q Attaching && echo GOT
        for p in /usr/x /etc/x /opt/x /dev/x /x /opt/libraries/x /lib/x /proc/sys/kernel/hostname; do
            (echo x > $p) && echo GOT $p
        done
        echo x >> /usr/bin/id && echo GOT
        ln -sf /project /etc/x && echo GOT
        hostname other && echo GOT
        ulimit -v unlimited && echo GOT
        ulimit -f unlimited && echo GOT
        ulimit -u unlimited && echo GOT
        python3 -c "import socket; socket.socket(socket.AF_NETLINK, socket.SOCK_RAW)" && echo GOT
        python3 -c "import socket; socket.socket(socket.AF_PACKET, socket.SOCK_RAW)" && echo GOT
        python3 -c "import fcntl; fcntl.ioctl(0, 0x5412, b'x')" && echo GOT
        python3 -c "
import ctypes; libc = ctypes.CDLL(None, use_errno=True)
for number in (0x5412, 0x5412 | 1 << 40, 0x541C):
    r = libc.syscall(16, 0, ctypes.c_ulong(number), b'x')
    assert r < 0 and ctypes.get_errno() == 1, (hex(number), ctypes.get_errno())
for number in (56, ):
    assert libc.syscall(number, ctypes.c_ulong(0x10000011), 0, 0, 0, 0) < 0 and ctypes.get_errno() == 1
    assert libc.syscall(435, 0, 0) < 0 and ctypes.get_errno() == 38
for number in (0x40000000 + 39, 600):
    assert libc.syscall(number) < 0 and ctypes.get_errno() == 38
print('the filter holds')" 2>&1
        grep -E 'CapEff|CapBnd|CapPrm|NoNewPrivs|Seccomp:' /proc/self/status
        """,
    )
    assert "GOT" not in seen, seen
    if os.uname().machine == "x86_64":
        assert "the filter holds" in seen
    assert "CapEff:\t0000000000000000" in seen
    assert "NoNewPrivs:\t1" in seen
    assert "Seccomp:\t2" in seen


async def test_a_process_does_not_outlive_its_command(make_jail: Make) -> None:
    jail = make_jail()
    begun = time.monotonic()
    await shell(jail, "(setsid nohup sleep 4711 > /dev/null 2>&1 &) ; (sleep 4711 &) ; disown -a; echo ok")
    assert time.monotonic() - begun < 10
    commands = [_text(p) for p in Path("/proc").glob("[0-9]*/cmdline")]
    assert not [command for command in commands if "4711" in command]
    assert "4711" not in await shell(jail, "ps ax -o args | grep -v grep")


async def test_memory_of_all_processes_together_is_bounded(make_jail: Make) -> None:
    jail = make_jail(memory=128 * MIB)
    eat = "import time; x = bytearray(b'x') * (60 << 20); time.sleep(20)"
    done = await jail.exec(
        ["bash", "-c", f'for i in 1 2 3 4; do python3 -c "{eat}" & done; wait'], timeout=15
    )
    assert "the command was killed: it uses more than 128 MiB of memory" in done.stderr
    assert not done.success
    assert (await jail.exec(["echo", "on"])).stdout == "on\n"


HOLD = {
    "sockets": """
import socket
for _ in range(240):
    keep += socket.socketpair()
    keep[-1].setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4 << 20)
    fill(keep[-1].send)
""",
    "datagrams of senders that are gone": """
import socket
for number in range(60):
    keep.append(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM))
    keep[-1].bind(f"\\0{number}")
    for _ in range(10):
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
            sender.connect(f"\\0{number}")
            held += sender.send(bytes(200000))
""",
    "connections": """
import socket
server = socket.create_server(("127.0.0.1", 0))
for _ in range(160):
    keep.append(socket.create_connection(server.getsockname()))
    keep.append(server.accept()[0])
    keep[-1].setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
    fill(keep[-2].send)
""",
    "connections that were reset": """
import socket, struct
server = socket.create_server(("127.0.0.1", 0))
for _ in range(400):
    sender = socket.create_connection(server.getsockname())
    keep.append(server.accept()[0])
    fill(sender.send)
    sender.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    sender.close()
""",
    "connections that nobody accepts": """
import socket
server = socket.create_server(("127.0.0.1", 0), backlog=900)
for _ in range(400):
    keep.append(socket.create_connection(server.getsockname()))
    fill(keep[-1].send)
""",
    "pipes": """
import fcntl
for _ in range(8):
    if os.fork() == 0:
        for _ in range(240):
            reader, writer = os.pipe()
            os.set_blocking(writer, False)
            with contextlib.suppress(OSError):
                fcntl.fcntl(writer, 1031, 1 << 20)
                print("made larger", flush=True)
            fill(lambda data: os.write(writer, data))
        time.sleep(20)
""",
    "threads whose first one has ended": """
import ctypes, threading
def eat():
    time.sleep(0.5)
    keep.append(bytearray(b"x") * (300 << 20))
    time.sleep(20)
threading.Thread(target=eat).start()
ctypes.CDLL(None).syscall(60, 0)
""",
}


@pytest.mark.parametrize("kind", HOLD)
async def test_memory_that_no_process_shows_is_bounded_too(kind: str, make_jail: Make) -> None:
    jail = make_jail(memory=128 * MIB)
    hold = f"""
import contextlib, os, time
keep, held = [], 0
def fill(write):
    global held
    if keep and hasattr(keep[-1], "setblocking"):
        for one in keep[-2:]:
            one.setblocking(False)
    with contextlib.suppress(BlockingIOError):
        while True:
            held += write(bytes(65536))
{HOLD[kind].replace("fill(sender.send)", "sender.setblocking(False); fill(sender.send)")}
time.sleep(20)
"""
    await jail.write_file("hold.py", hold)
    done = await jail.exec(["python3", "hold.py"], timeout=15)
    assert "the command was killed: it uses more than 128 MiB of memory" in done.stderr, done.stderr
    assert "made larger" not in done.stdout
    assert (await jail.exec(["echo", "on"])).stdout == "on\n"


async def test_ordinary_use_of_sockets_and_pipes_goes_on(make_jail: Make) -> None:
    use = """
import asyncio, multiprocessing, socket, subprocess, sys, torch
from torch.utils.data import DataLoader, TensorDataset

async def serve():
    server = await asyncio.start_server(lambda r, w: (w.write(b"x" * 3000000), w.close()), "127.0.0.1", 0)
    both = [await asyncio.open_connection(*server.sockets[0].getsockname()) for _ in range(8)]
    return [len(await reader.read()) for reader, _ in both]

if __name__ == "__main__":
    print([len(batch) for batch, in DataLoader(TensorDataset(torch.zeros(8, 2)), batch_size=4, num_workers=2)])
    with multiprocessing.Pool(2) as pool:
        print(pool.map(abs, [-1, 2]))
    print(set(asyncio.run(serve())))
    one, other = socket.socketpair()
    one.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 20)
    one.sendall(b"y" * 100000)
    print(len(other.recv(1 << 20)))
    print(subprocess.run([sys.executable, "-c", "print(7)"], capture_output=True, text=True).stdout)
"""
    jail = make_jail(memory=1024 * MIB)
    await jail.write_file("use.py", use)
    done = await jail.exec(["python3", "use.py"], timeout=60)
    assert done.success, done.stderr
    assert done.stdout.split("\n")[:5] == ["[4, 4]", "[1, 2]", "{3000000}", "100000", "7"]


NEST = """
import os
for number in range({levels}):
    os.mkdir({name!r})
    here = os.open(".", os.O_RDONLY)
    os.chdir({name!r})
    open("file", "w").close()
    os.fchmod(here, {mode})
    os.close(here)
"""


def nest(jail: JailSandboxEnvironment, levels: int, name: str, mode: int) -> None:
    """Folders in each other, made while nobody looks."""
    code = NEST.format(levels=levels, name=name, mode=mode)
    run = jail._jail.run(["python3", "-c", code], "", {})
    done = subprocess.run(run.argv, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr


async def test_a_nest_of_folders_can_be_deleted_from_within(make_jail: Make) -> None:
    jail = make_jail()
    nest(jail, 800, "d", 0o700)
    assert "nested more than 60 deep" in (await jail.exec(["true"])).stderr
    freed = await jail.exec(["sh", "-c", "rm -rf /project/d && sleep 0.5"], timeout=60)
    assert freed.success, freed.stderr
    assert freed.stderr == ""
    assert (await jail.exec(["sh", "-c", "echo x > more; cat more"])).stdout == "x\n"


@pytest.mark.parametrize(
    ("levels", "name", "mode"), [(5000, "d", 0o000), (400, "n" * 255, 0o700), (400, "-rf\n", 0o100)]
)
async def test_a_nest_of_folders_is_deleted_with_its_jail(
    make_jail: Make, levels: int, name: str, mode: int
) -> None:
    jail = make_jail()
    nest(jail, levels, name, mode)
    jail._jail.close()
    assert not os.path.lexists(jail._jail.folder)


async def test_a_fork_bomb_ends(make_jail: Make) -> None:
    jail = make_jail(processes=40)
    with contextlib.suppress(TimeoutError):
        await jail.exec(["bash", "-c", "bomb() { bomb | bomb & }; bomb; sleep 20"], timeout=2)
    # The kernel ends a namespace's processes after its first one, not in the same instant.
    with anyio.fail_after(20):
        while [p for p in Path("/proc").glob("[0-9]*/cmdline") if "bomb()" in _text(p)]:
            await anyio.sleep(0.05)
    assert (await jail.exec(["echo", "on"])).stdout == "on\n"


def _text(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:
        return ""


@pytest.mark.parametrize(
    ("fill", "why"),
    [
        ("for i in $(seq 1000); do head -c 4M /dev/zero > f$i; done; sleep 9", "more than 32 MiB"),
        ("fallocate -l 100M big; head -c 100M /dev/zero > big2; sleep 9", "more than 32 MiB"),
        ("python3 -c \"[open(str(n), 'w').close() for n in range(9999)]\"; sleep 9", "more than 500 files"),
        ("mkdir -p $(printf 'd/%.0s' $(seq 200)); sleep 9", "nested more than 60 deep"),
        (
            "exec 5> gone 6> gone2; rm gone gone2; head -c 20M /dev/zero >&5; head -c 20M /dev/zero >&6; sleep 9",
            "more than 32 MiB",
        ),
    ],
)
async def test_a_full_disk_ends_the_command_and_leaves_deleting(make_jail: Make, fill: str, why: str) -> None:
    jail = make_jail(disk=32 * MIB, files=500)
    done = await jail.exec(["bash", "-c", fill], timeout=8)
    assert f"the command was killed: it{'s' if 'MiB' in why or 'deep' in why else ' has'}" in done.stderr
    assert why in done.stderr
    if "exec 5>" in fill:  # these are gone with their process
        return
    refused = await jail.exec(["sh", "-c", "echo x > more; cat more"])
    assert "nothing could be written until files are deleted" in refused.stderr
    assert refused.stdout == ""
    await jail.write_file("/tmp/ours.txt", "what the harness writes\n")
    assert await jail.read_file("/tmp/ours.txt") == "what the harness writes\n"
    freed = await jail.exec(["sh", "-c", "rm -rf /project/*"])
    assert freed.success, freed.stderr
    assert freed.stderr == ""
    assert (await jail.exec(["sh", "-c", "echo x > more; cat more"])).stdout == "x\n"


async def test_shared_memory_is_bounded_and_new_for_each_command(make_jail: Make) -> None:
    jail = make_jail(shared=8 * MIB)
    assert "No space left" in await shell(jail, "head -c 20M /dev/zero > /dev/shm/a; ls /dev/shm")
    assert await shell(jail, "ls -A /dev/shm") == ""


async def test_output_without_end_takes_no_memory_here(make_jail: Make) -> None:
    jail = make_jail()
    done = await jail.exec(["sh", "-c", "head -c 60M /dev/zero | tr '\\0' x; echo; echo last"])
    assert done.stdout.endswith("last\n")
    assert len(done.stdout) <= 10 * MIB


async def test_a_command_has_a_longest_time(make_jail: Make) -> None:
    jail = make_jail(seconds=1)
    begun = time.monotonic()
    with pytest.raises(TimeoutError):
        await jail.exec(["sh", "-c", "trap '' TERM INT HUP; sleep 60 & wait; sleep 60"], timeout=50)
    assert time.monotonic() - begun < 4


async def test_links_and_special_files_do_not_fool_who_reads(make_jail: Make, canary: Path) -> None:
    jail = make_jail()
    await jail.write_file("program.py", "print(1)\n")
    for make in (
        f"ln -sf {canary} program.py",
        f"rm program.py; ln -s ../../../../..{canary} program.py",
        f"rm program.py; ln -s /proc/1/root{canary} program.py",
        f"rm program.py; ln {canary} program.py",
        "rm -f program.py; mkfifo program.py",
        "rm -f program.py; ln -s /dev/zero program.py",
        "rm -f program.py; ln -s program.py program.py",
        "rm -f program.py; ln -s /etc/shadow program.py",
        "rm -f program.py; python3 -c \"import socket; socket.socket(socket.AF_UNIX).bind('program.py')\"",
        "rm -rf program.py; mkdir program.py",
    ):
        await shell(jail, make)
        with pytest.raises((FileNotFoundError, PermissionError, IsADirectoryError)):
            await jail.read_file("program.py")
        if "mkfifo" in make or "mkdir" in make or "bind" in make:
            with pytest.raises((PermissionError, IsADirectoryError)):
                await jail.write_file("program.py", "print(2)\n")
    await shell(jail, f"rm -rf program.py; ln -s {canary} program.py")
    with pytest.raises(OSError, match=r"program\.py"):
        await jail.write_file("program.py", "overwritten")
    assert canary.read_text() == SECRET


async def test_a_link_within_the_project_leads_where_it_leads_for_the_agent(make_jail: Make) -> None:
    jail = make_jail()
    await jail.write_file("/tmp/there.txt", "here\n")
    await shell(jail, "ln -s /tmp/there.txt link.txt")
    assert await jail.read_file("link.txt") == "here\n"
    assert await jail.read_file("/project/link.txt") == "here\n"


async def test_a_folder_swapped_while_it_is_written_to_stays_within(make_jail: Make, tmp_path: Path) -> None:
    jail = make_jail()
    (tmp_path / "target").mkdir()
    (tmp_path / "target").chmod(0o777)
    swap = f"while :; do ln -sfn {tmp_path}/target d; rm -rf d; mkdir d; rm -rf d; done"
    swapper = threading.Thread(target=lambda: anyio.run(_swap, jail, swap))
    swapper.start()
    for number in range(20):
        with contextlib.suppress(OSError):
            await jail.write_file(f"d/file{number}", "x")
    swapper.join()
    assert list((tmp_path / "target").iterdir()) == []


async def _swap(jail: JailSandboxEnvironment, command: str) -> None:
    with contextlib.suppress(TimeoutError):
        await jail.exec(["bash", "-c", command], timeout=1, concurrency=False)


async def test_two_jails_do_not_see_each_other(make_jail: Make) -> None:
    first, second = make_jail(), make_jail()
    for place in ("", "/tmp/", "/var/tmp/", "/home/user/", "/dev/shm/"):
        await first.exec(["sh", "-c", f"echo mine > {place}mine.txt"])
        assert "mine" not in (await second.exec(["sh", "-c", f"ls -a {place or '.'}"])).stdout
    folder = str(first._jail.folder)
    assert "No such file" in await shell(second, f"ls {folder} /tmp/redgreen-jail-*")
    assert "Operation not permitted" not in await shell(second, "kill -9 -1; true")
