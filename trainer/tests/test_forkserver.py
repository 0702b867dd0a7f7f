"""The warm parent: its protocol, what it keeps from jobs, and how everything ends."""

import contextlib
import json
import os
import signal
import socket
import stat
import threading
from pathlib import Path

import numpy as np
import pytest
from cases import Store, checked, mixed, simple
from warm_parent import Server, eventually, gone

from modelplane_trainer import contracts
from modelplane_trainer.forkserver import GIVE_WAY, LONGEST_REQUEST_BYTES


def quick(store: Store, **changes) -> dict:
    random = np.random.default_rng(0)
    columns = {f"x{place}": random.normal(size=500) for place in range(5)}
    train = store.parquet(columns | {"y": (columns["x0"] > 0).astype(int)})
    return store.spec(train, "y", estimator="logistic_regression", **changes)


def endless(store: Store, **changes) -> dict:
    """A job that would train for minutes."""
    train = store.parquet(mixed(30_000))
    return store.spec(
        train, "price", estimator="random_forest", hyperparameters={"n_estimators": 5000}, **changes
    )


def first_progress(client: socket.socket) -> None:
    with client.makefile(encoding="utf-8") as lines:
        for line in lines:
            if json.loads(line)["type"] == "progress":
                return
    raise AssertionError("the job ended before it began")


def test_runs_a_job_and_says_how_it_exited(server, store):
    *lines, exited = server.run(quick(store))
    events = checked([json.dumps(line) for line in lines])
    assert events[0]["type"] == "started" and events[-1]["type"] == "succeeded"
    assert exited.keys() == {"type", "exit_code", "signal", "max_rss_bytes", "memory_ran_out"}
    assert (exited["type"], exited["exit_code"], exited["signal"]) == ("exited", 0, None)
    assert exited["memory_ran_out"] is False
    assert 50 << 20 < exited["max_rss_bytes"] < 4 << 30
    assert store.model()


def test_a_failed_job_exits_with_one(server, store):
    spec = quick(store, target_column="nothing")
    *lines, exited = server.run(spec)
    assert checked([json.dumps(line) for line in lines])[-1]["code"] == "COLUMN_NOT_FOUND"
    assert exited["exit_code"] == 1


def test_the_parent_has_one_thread_and_no_secret(server, store):
    server.run(quick(store))
    assert len(list(Path(f"/proc/{server.process.pid}/task").iterdir())) == 1
    environment = Path(f"/proc/{server.process.pid}/environ").read_bytes().decode()
    names = {entry.partition("=")[0] for entry in environment.split("\0") if entry}
    assert "SECRET" not in names and "DATABASE_URL" not in names and "postgres" not in environment
    assert names <= {
        *("PATH", "HOME", "TMPDIR", "LANG", "LC_ALL", "LC_CTYPE", "TZ", "PYTHONPATH", "VIRTUAL_ENV"),
        *("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS"),
        *("VECLIB_MAXIMUM_THREADS", "ARROW_IO_THREADS", "JE_ARROW_MALLOC_CONF", "ORT_DISABLE_TELEMETRY"),
        "MODELPLANE_FORKSERVER_SCRUBBED",
    }


def test_the_parent_holds_no_data_open(server, store):
    server.run(quick(store))
    opened = set()
    for path in Path(f"/proc/{server.process.pid}/fd").iterdir():
        with contextlib.suppress(OSError):
            opened.add(str(path.readlink()))
    assert not [name for name in opened if str(store.root) in name]


def test_the_socket_is_private(server):
    assert stat.S_IMODE(server.socket.stat().st_mode) == 0o600
    assert stat.S_IMODE(server.socket.parent.stat().st_mode) == 0o700


def test_jobs_run_at_the_same_time_with_threads(server, tmp_path):
    results = {}

    def work(number: int) -> None:
        (tmp_path / str(number)).mkdir()
        store = Store(tmp_path / str(number))
        estimator = ("lightgbm", "lightgbm") if number % 2 else ("sklearn", "hist_gradient_boosting")
        spec = store.spec(store.parquet(mixed(500)), "label", *estimator, num_workers=2, epochs=20)
        results[number] = (spec["job_id"], server.run(spec))

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for job_id, lines in results.values():
        assert [line["type"] for line in lines[-2:]] == ["succeeded", "exited"]
        assert {line["job_id"] for line in lines[:-1]} == {job_id}
        assert lines[0]["workers"] == min(2, len(os.sched_getaffinity(0)))


def test_a_client_that_leaves_ends_its_job(server, store):
    with server.connect(endless(store)) as client:
        first_progress(client)
        (child,) = server.children()
        client.shutdown(socket.SHUT_RDWR)
    assert eventually(lambda: gone(child) and not server.children())
    assert not (store.root / "modelplane").exists()
    assert server.run(quick(store))[-1]["exit_code"] == 0


def test_a_job_without_borders_that_is_asked_to_give_way_goes_on(server, store):
    with server.connect(quick(store)) as client, client.makefile(encoding="utf-8") as lines:
        assert json.loads(next(lines))["type"] == "started"
        for part in (b"x" * 100_000, b"\n", GIVE_WAY[:5], GIVE_WAY[5:], b"\n" + GIVE_WAY + b"\n"):
            client.sendall(part)
        *_, last, exited = [json.loads(line) for line in lines]
    assert (last["type"], exited["exit_code"]) == ("succeeded", 0)


def test_a_killed_job_is_reported_by_its_signal(server, store):
    with server.connect(endless(store)) as client:
        first_progress(client)
        (child,) = server.children()
        os.kill(child, signal.SIGKILL)
        with client.makefile(encoding="utf-8") as lines:
            last = json.loads(list(lines)[-1])
    assert last["type"] == "exited" and last["signal"] == 9 and last["exit_code"] is None


def test_sigterm_ends_a_job(server, store):
    with server.connect(endless(store)) as client:
        first_progress(client)
        (child,) = server.children()
        os.kill(child, signal.SIGTERM)
        assert eventually(lambda: gone(child))


def test_a_job_has_a_session_of_its_own_and_no_others_connection(server, store):
    with server.connect(endless(store)) as client, server.connect(b"") as idle:
        first_progress(client)
        (child,) = server.children()
        assert os.getsid(child) == child != os.getsid(server.process.pid)
        sockets = [str(path.readlink()) for path in Path(f"/proc/{child}/fd").iterdir()]
        assert len([name for name in sockets if name.startswith("socket:")]) == 1
        assert Path(f"/proc/{child}/fd/0").readlink() == Path(os.devnull)
        assert idle.fileno() >= 0


@pytest.mark.parametrize(
    ("framework", "estimator"),
    [("sklearn", "random_forest"), ("sklearn", "hist_gradient_boosting"), ("sklearn", "logistic_regression")],
)
def test_memory_is_limited(server, store, framework, estimator):
    wide = {f"x{place}": np.random.default_rng(place).random(30_000) for place in range(60)}
    spec = store.spec(
        store.parquet(wide | {"y": np.arange(30_000) % 2}), "y", framework, estimator, memory_bytes=20 << 20
    )
    *lines, exited = server.run(spec)
    failed = checked([json.dumps(line) for line in lines])[-1]
    assert failed["code"] == "OUT_OF_MEMORY" and "20 MiB" in failed["message"]
    assert exited["exit_code"] == 1


@pytest.mark.parametrize(
    "request_line", [b"not json\n", b"[1, 2]\n", b"\xff\xfe\n", b"\n", b"[" * 100_000 + b"\n"]
)
def test_a_malformed_request_is_refused(server, request_line):
    (failed,) = server.run(request_line)
    contracts.validator("job-event.v1").validate(failed)
    assert failed["type"] == "failed" and failed["code"] == "INTERNAL_ERROR"


def test_a_specification_that_does_not_fit_is_refused_by_the_job(server, store):
    *lines, exited = server.run({"job_id": "train-x", "attempt": "no"})
    assert checked([json.dumps(line) for line in lines])[-1]["code"] == "INTERNAL_ERROR"
    assert exited["exit_code"] == 1


def test_an_endless_request_is_cut_off(server, store):
    with server.connect(b"") as client:
        sent = 0
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            while sent < 2 * LONGEST_REQUEST_BYTES:
                sent += client.send(b"x" * 65_536)
        # The rest lay in the socket's buffers.
        assert sent < LONGEST_REQUEST_BYTES + (4 << 20)
    assert server.run(quick(store))[-1]["exit_code"] == 0


def test_a_client_that_sends_nothing_does_no_harm(server, store):
    with server.connect(b"") as idle, server.connect(b'{"half":') as half:
        assert server.run(quick(store))[-1]["exit_code"] == 0
        assert idle.fileno() >= 0 and half.fileno() >= 0


def test_the_same_seed_gives_the_same_model_in_both_ways(server, store):
    spec = quick(store)
    forked = next(line for line in server.run(spec) if line["type"] == "succeeded")
    assert store.result(spec)["files"]["model"] == forked["result"]["files"]["model"]


@pytest.mark.parametrize("how", ["stdin", "kill", "term"])
def test_all_ends_with_the_parent(tmp_path, store, how):
    server = Server(tmp_path / "server")
    with server.connect(endless(store)) as client:
        first_progress(client)
        (child,) = server.children()
        if how == "stdin":
            server.process.stdin.close()
        else:
            server.process.send_signal(signal.SIGKILL if how == "kill" else signal.SIGTERM)
        server.process.wait(5)
        assert eventually(lambda: gone(child))
    assert server.socket.exists() == (how == "kill")
    if how == "kill":  # a stale socket does not stop the next one
        again = Server(tmp_path / "server")
        assert again.run(quick(store, output_uri="s3://modelplane/again/"))[-1]["exit_code"] == 0
        again.end()
        assert again.process.returncode == 0


def test_simple_data_is_enough(server, store):
    assert server.run(store.spec(store.parquet(simple()), "y"))[-2]["type"] == "succeeded"


SECRET = b"a secret of this one job, 7f3c"
ON_S3 = {
    "kind": "s3",
    "endpoint": "http://127.0.0.1:1",
    "region": "us-east-1",
    "force_path_style": True,
    "bucket_prefix": "",
    "timeout_seconds": 1,
}


def in_memory_of(pid: int, secret: bytes) -> bool:
    with Path(f"/proc/{pid}/maps").open() as maps, Path(f"/proc/{pid}/mem").open("rb", 0) as memory:
        for line in maps:
            area, permissions = line.split()[:2]
            if not permissions.startswith("rw") or "[v" in line:
                continue
            start, end = (int(place, 16) for place in area.split("-"))
            memory.seek(start)
            with contextlib.suppress(OSError):
                if secret in memory.read(end - start):
                    return True
    return False


@pytest.mark.skipif(not Path("/proc/self/mem").exists(), reason="reads the memory of another process")
def test_keys_of_the_object_store_reach_the_job_and_not_the_parent(server, store):
    spec = quick(store, storage=ON_S3)
    with server.connect(spec) as client, client.makefile(encoding="utf-8") as lines:
        assert lines.readline() == '{"type": "credentials_wanted"}\n'
        (job,) = server.children()
        os.kill(job, signal.SIGSTOP)
        keys = {"access_key_id": "id", "secret_access_key": SECRET.decode(), "session_token": None}
        client.sendall(json.dumps({"storage": keys}).encode() + b"\n")
        # The parent serves others and could read the line before the job does.
        assert server.run(quick(store))[-1]["exit_code"] == 0
        assert in_memory_of(os.getpid(), SECRET)  # it is found where it is
        assert not in_memory_of(server.process.pid, SECRET)
        os.kill(job, signal.SIGCONT)
        *events, exited = (json.loads(line) for line in lines)
    assert exited["exit_code"] == 1
    assert events[-1]["code"] == "OBJECT_STORE_UNAVAILABLE"
    assert "could not be read from the object store" in events[-1]["message"]
    assert not in_memory_of(server.process.pid, SECRET)
    assert not any(SECRET in line for line in server.log)
    assert SECRET.decode() not in json.dumps(events)


def test_a_client_that_hangs_up_instead_of_sending_keys_ends_its_job(server, store):
    with server.connect(quick(store, storage=ON_S3)) as client:
        client.makefile().readline()
        (job,) = server.children()
    assert eventually(lambda: gone(job))
    assert server.run(quick(store))[-1]["exit_code"] == 0
