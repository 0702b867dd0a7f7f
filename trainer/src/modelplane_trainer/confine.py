"""Becomes another program, with less than this process may do: run as a file, and by the API too.

    python confine.py READABLE... -- PROGRAM ARGUMENT...

The program gets no new privileges. Where it would run as root and the user `nobody` can run it, it runs as
that one. Where the kernel has Landlock, it opens what is READABLE and the system's libraries, to read them,
executes itself alone, and connects to nothing by TCP. On x86-64 and arm64 a seccomp filter refuses sockets,
other processes and what is for administrators (EPERM). What the kernel lacks is left out.
"""

from __future__ import annotations

import ctypes
import os
import platform
import struct
import sys

_PR_SET_NO_NEW_PRIVS, _PR_SET_SECCOMP, _SECCOMP_MODE_FILTER = 38, 22, 2
_NOBODY = 65534
_LIBC = ctypes.CDLL(None, use_errno=True)

# linux/landlock.h
_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446
_EXECUTE, _WRITE_FILE, _READ_FILE, _READ_DIR = 1, 2, 4, 8
_RULE_PATH_BENEATH, _RULESET_VERSION = 1, 1
# How many rights on files each version of the interface knows; what is not handled would be allowed.
_FILE_RIGHTS = {1: 13, 2: 14, 3: 15, 4: 15}
_NEWEST_FILE_RIGHTS = 16
_READABLE = (
    *("/lib", "/lib64", "/usr/lib", "/usr/lib64", "/usr/local/lib", "/etc/ld.so.cache", "/etc/localtime"),
    "/etc/ssl/openssl.cnf",
    *("/usr/share/zoneinfo", "/dev/null", "/dev/urandom", "/proc/self", "/proc/cpuinfo", "/proc/meminfo"),
    *("/sys/devices/system", "/sys/fs/cgroup"),
)
# Of ELF programs: the kernel executes the loader with the program.
_LOADERS = ("/lib64/ld-linux-x86-64.so.2", "/lib/ld-linux-aarch64.so.1")

# Numbers of system calls: x86-64, arm64; None where there is no such call.
_CLONE, _CLONE3 = (56, 220), (435, 435)
# Allowed for this process alone, which their first argument names by its number or 0.
_OF_ITSELF = {"tgkill": (234, 131), "prlimit64": (302, 261)}
_REFUSED = {
    "socket": (41, 198),
    "fork": (57, None),
    "vfork": (58, None),
    "kill": (62, 129),
    "tkill": (200, 130),
    "rt_sigqueueinfo": (129, 138),
    "rt_tgsigqueueinfo": (297, 240),
    "pidfd_open": (434, 434),
    "pidfd_getfd": (438, 438),
    "pidfd_send_signal": (424, 424),
    "ptrace": (101, 117),
    "process_vm_readv": (310, 270),
    "process_vm_writev": (311, 271),
    "process_madvise": (440, 440),
    "kcmp": (312, 272),
    "mount": (165, 40),
    "umount2": (166, 39),
    "pivot_root": (155, 41),
    "chroot": (161, 51),
    "open_tree": (428, 428),
    "move_mount": (429, 429),
    "fsopen": (430, 430),
    "mount_setattr": (442, 442),
    "unshare": (272, 97),
    "setns": (308, 268),
    "open_by_handle_at": (304, 265),
    "name_to_handle_at": (303, 264),
    "add_key": (248, 217),
    "request_key": (249, 218),
    "keyctl": (250, 219),
    "bpf": (321, 280),
    "perf_event_open": (298, 241),
    "userfaultfd": (323, 282),
    "io_uring_setup": (425, 425),
    "io_uring_enter": (426, 426),
    "io_uring_register": (427, 427),
    "init_module": (175, 105),
    "finit_module": (313, 273),
    "delete_module": (176, 106),
    "kexec_load": (246, 104),
    "kexec_file_load": (320, 294),
    "reboot": (169, 142),
    "swapon": (167, 224),
    "swapoff": (168, 225),
    "acct": (163, 89),
    "quotactl": (179, 60),
    "syslog": (103, 116),
    "personality": (135, 92),
    "iopl": (172, None),
    "ioperm": (173, None),
    "settimeofday": (164, 170),
    "clock_settime": (227, 112),
    "adjtimex": (159, 171),
    "clock_adjtime": (305, 266),
    "fanotify_init": (300, 262),
}
# platform.machine() to the column of these numbers and AUDIT_ARCH of linux/audit.h.
_MACHINES = {"x86_64": (0, 0xC000003E), "aarch64": (1, 0xC00000B7)}

# linux/bpf_common.h, linux/seccomp.h
_LOAD, _IF_EQUAL, _IF_AT_LEAST, _IF_BITS, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
_ALLOW, _KILL, _EPERM, _ENOSYS = 0x7FFF0000, 0x80000000, 0x00050001, 0x00050026
_AT_NUMBER, _AT_ARCHITECTURE, _AT_FIRST_ARGUMENT = 0, 4, 16
_CLONE_THREAD = 0x10000
_X32 = 0x40000000


def command(program: list[str], reading: list[str]) -> list[str]:
    """The command that confines itself and becomes a program, which reads these files and folders."""
    return [sys.executable, "-I", "-S", __file__, *reading, "--", *program]


def main() -> None:
    divider = sys.argv.index("--")
    readable, program = sys.argv[1:divider], sys.argv[divider + 1 :]
    if sys.platform == "linux":
        if _LIBC.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0:
            raise OSError(ctypes.get_errno(), "no_new_privs")
        if os.geteuid() == 0 and _nobody_can_run(readable, program[0]):
            _become_nobody()
        _restrict_files(readable, program[0])
        _restrict_calls()
    # The interpreter has set it for itself (PEP 538).
    os.environ.pop("LC_CTYPE", None)
    os.execv(program[0], program)


def _become_nobody() -> None:
    os.setgroups([])
    os.setgid(_NOBODY)
    os.setuid(_NOBODY)


def _nobody_can_run(readable: list[str], program: str) -> bool:
    """Asks in another process, as nobody becomes root again."""
    child = os.fork()
    if child == 0:
        try:
            _become_nobody()
            can_run = os.access(program, os.X_OK) and all(os.access(path, os.R_OK) for path in readable)
            os._exit(0 if can_run else 1)
        finally:
            os._exit(1)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def _restrict_files(readable: list[str], program: str) -> None:
    version = _LIBC.syscall(_CREATE_RULESET, None, ctypes.c_size_t(0), _RULESET_VERSION)
    if version < 1:
        return
    files = (1 << _FILE_RIGHTS.get(version, _NEWEST_FILE_RIGHTS)) - 1
    # Connecting and listening by TCP; abstract sockets and signals of other processes.
    handled = [files, *([0b11] if version >= 4 else []), *([0b11] if version >= 6 else [])]
    attributes = struct.pack(f"={len(handled)}Q", *handled)
    rules = _LIBC.syscall(_CREATE_RULESET, attributes, ctypes.c_size_t(len(attributes)), 0)
    if rules < 0:
        raise OSError(ctypes.get_errno(), "landlock_create_ruleset")
    executable = [os.path.realpath(path) for path in (program, *_LOADERS)]
    rights = [(path, _READ_FILE | _READ_DIR) for path in (*_READABLE, *readable)]
    rights += [(path, _READ_FILE | _EXECUTE) for path in executable]
    for path, allowed in rights:
        try:
            at = os.open(path, os.O_PATH | os.O_CLOEXEC)
        except OSError:
            continue
        if not os.path.isdir(path):  # noqa: PTH112
            allowed &= ~_READ_DIR
        if path == "/dev/null":
            allowed |= _WRITE_FILE
        rule = struct.pack("=Qi", allowed, at)
        if _LIBC.syscall(_ADD_RULE, rules, _RULE_PATH_BENEATH, rule, 0) != 0:
            raise OSError(ctypes.get_errno(), f"landlock_add_rule {path}")
        os.close(at)
    if _LIBC.syscall(_RESTRICT_SELF, rules, 0) != 0:
        raise OSError(ctypes.get_errno(), "landlock_restrict_self")
    os.close(rules)


def _restrict_calls() -> None:
    if platform.machine() not in _MACHINES:
        return
    column, architecture = _MACHINES[platform.machine()]
    program = [
        (_LOAD, 0, 0, _AT_ARCHITECTURE),
        (_IF_EQUAL, 1, 0, architecture),
        (_RETURN, 0, 0, _KILL),
        (_LOAD, 0, 0, _AT_NUMBER),
        # The same calls of x86-64 under other numbers.
        (_IF_AT_LEAST, 0, 1, _X32),
        (_RETURN, 0, 0, _EPERM),
        # Flags of clone3 lie in memory, where a filter cannot look; without it clone is called instead.
        (_IF_EQUAL, 0, 1, _CLONE3[column]),
        (_RETURN, 0, 0, _ENOSYS),
        (_IF_EQUAL, 0, 4, _CLONE[column]),
        (_LOAD, 0, 0, _AT_FIRST_ARGUMENT),
        (_IF_BITS, 0, 1, _CLONE_THREAD),
        (_RETURN, 0, 0, _ALLOW),
        (_RETURN, 0, 0, _EPERM),
    ]
    for numbers in _OF_ITSELF.values():
        program += [
            (_IF_EQUAL, 0, 5, numbers[column]),
            (_LOAD, 0, 0, _AT_FIRST_ARGUMENT),
            (_IF_EQUAL, 1, 0, 0),
            (_IF_EQUAL, 0, 1, os.getpid()),
            (_RETURN, 0, 0, _ALLOW),
            (_RETURN, 0, 0, _EPERM),
        ]
    for numbers in _REFUSED.values():
        if numbers[column] is not None:
            program += [(_IF_EQUAL, 0, 1, numbers[column]), (_RETURN, 0, 0, _EPERM)]
    program.append((_RETURN, 0, 0, _ALLOW))
    code = b"".join(struct.pack("=HBBI", *instruction) for instruction in program)
    buffer = ctypes.create_string_buffer(code, len(code))
    # struct sock_fprog: a length, padding, and an address.
    filter_ = struct.pack("@HP", len(program), ctypes.addressof(buffer))
    if _LIBC.prctl(_PR_SET_SECCOMP, _SECCOMP_MODE_FILTER, filter_, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "seccomp")


if __name__ == "__main__":
    main()
