"""What a confined program may do: asked of a real one."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from modelplane_trainer import confine

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="other systems confine nothing")

READABLE = [sys.prefix, sys.base_prefix]


def ask(code: str, reading: list[str] = READABLE) -> str:
    """What the code prints, or the name of what it raises."""
    program = (
        f"try:\n    import os, socket\n    {code}\nexcept Exception as error: print(type(error).__name__)"
    )
    command = confine.command([sys.executable, "-c", program], reading)
    done = subprocess.run(command, env={}, capture_output=True, text=True, check=True)
    return done.stdout.strip()


def status_of(name: str) -> str:
    code = f"print([line for line in open('/proc/self/status') if line.startswith('{name}:')][0].split()[1])"
    return ask(code)


def test_should_get_no_new_privileges_and_a_filter():
    assert status_of("NoNewPrivs") == "1"
    assert status_of("Seccomp") == "2"


@pytest.mark.parametrize(
    "code",
    [
        "socket.socket()",
        "socket.socket(socket.AF_UNIX)",
        "os.fork()",
        "os.kill(os.getppid(), 0)",
        "os.chroot('/')",
        "os.pidfd_open(os.getpid())",
        "__import__('resource').prlimit(os.getppid(), 7)",
        "__import__('subprocess').run(['/bin/true'])",
    ],
)
def test_should_be_refused(code: str):
    assert ask(code) == "PermissionError"


def test_should_start_threads():
    assert ask("__import__('threading').Thread(target=print, args=('started',)).start()") == "started"


def test_should_read_what_it_was_given_and_write_nothing(tmp_path: Path):
    given, other = tmp_path / "given", tmp_path / "other"
    for file in (given, other):
        file.write_text("content")
    tmp_path.chmod(0o755)
    reading = [*READABLE, str(given)]
    assert ask(f"print(open('{given}').read())", reading) == "content"
    assert ask(f"open('{other}')", reading) == "PermissionError"
    assert ask(f"open('{given}', 'a')", reading) == "PermissionError"
    assert ask(f"open('{tmp_path}/new', 'w')", reading) == "PermissionError"
    assert ask(f"open('/proc/{os.getpid()}/environ', 'rb').read()") == "PermissionError"
    assert ask("os.listdir('/')") == "PermissionError"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root becomes another user")
def test_should_not_run_as_root_where_nobody_can_run_it(tmp_path: Path):
    program = confine.command(["/usr/bin/id", "-u"], [])
    assert subprocess.run(program, env={}, capture_output=True, text=True).stdout.strip() == "65534"
    tmp_path.chmod(0o700)
    program = confine.command(["/usr/bin/id", "-u"], [str(tmp_path / "absent")])
    assert subprocess.run(program, env={}, capture_output=True, text=True).stdout.strip() == "0"
