"""Writing to a real Redis that is ended, emptied of scripts, full or without a file in mid-stream."""

from contextlib import contextmanager

import pytest
from feature_scene import Redis, at

from modelplane_trainer.failures import JobFailure
from modelplane_trainer.features import online_store, rendering
from modelplane_trainer.features.database import Database
from modelplane_trainer.features.online_store import OnlineStore, Written

ENTITIES = 9_000
VIEW = {"keys": [{"name": "id", "type": "int64"}], "layout": ["n"], "ttl_seconds": None}
# Braces are how a cluster is told which keys stay together.
PREFIX = "{m's}:acme:features:9:"


@pytest.fixture
def server(tmp_path):
    started = Redis(tmp_path / "redis")
    yield started
    started.end()


def written(server, between=lambda number: None, seconds=1, warnings=None) -> Written:
    """Put so many entities online; `between` is called before each batch but the first of a stream."""
    query = rendering.commands(
        OnlineStore(server.url, print).sha,
        rendering.online_key(VIEW, PREFIX),
        rendering.online_value(VIEW, [{"name": "n", "type": "int64"}]),
        rendering.forget_at(VIEW),
        f"(SELECT range AS k0, range AS f0, {at(seconds)} AS event, NULL AS created, NULL AS expires "
        f"FROM range({ENTITIES}))",
    )
    warned = [] if warnings is None else warnings
    with Database(1 << 29, 2) as database, OnlineStore(server.url, warned.append) as online:

        @contextmanager
        def commands():
            def disturbed(batches):
                for number, batch in enumerate(batches):
                    if number:
                        between(number)
                    yield batch

            with database.reader(query, 2_048) as batches:
                yield disturbed(batches)

        return online.write(commands, lambda _: None)


def undisturbed(seconds=1):
    return {str(each): [at(seconds), None, None, each] for each in range(ENTITIES)}


def once(disturb):
    """Calls it the first time only."""
    pending = [disturb]
    return lambda _: pending and pending.pop()()


def test_values_are_durable_when_the_writing_ends(server):
    assert written(server) == Written(ENTITIES, 0, 0)
    server.kill()
    server.start()
    assert server.values(PREFIX) == undisturbed()
    assert written(server, seconds=0) == Written(0, 0, ENTITIES)


def test_a_server_that_is_killed_and_comes_back(server):
    def restart():
        server.kill()
        server.start()

    counts = written(server, once(restart))
    assert counts.total == ENTITIES and counts.kept_newer == 0
    assert server.values(PREFIX) == undisturbed()


def test_a_server_that_has_lost_its_file_as_well(server, tmp_path):
    def lose():
        server.kill()
        for file in (tmp_path / "redis").rglob("*.aof*"):
            file.unlink()
        server.start()

    assert written(server, once(lose)) == Written(ENTITIES, 0, 0)
    assert server.values(PREFIX) == undisturbed()


def test_a_server_that_forgets_the_script(server):
    written(server, once(server.client.script_flush))
    assert server.values(PREFIX) == undisturbed()


def test_a_writer_that_dies_in_mid_stream_and_is_run_again(server):
    class Killed(Exception):
        pass

    def die():
        raise Killed

    with pytest.raises(Killed):
        written(server, once(die))
    assert 0 < server.client.dbsize() < ENTITIES
    written(server)
    assert server.values(PREFIX) == undisturbed()


def test_a_server_without_an_append_only_file_is_warned_of_once(tmp_path):
    server = Redis(tmp_path / "redis", "--appendonly", "no")
    try:
        warnings = []
        written(server, warnings=warnings)
        assert len(warnings) == 1 and "append-only file" in warnings[0]
    finally:
        server.end()


def test_a_server_that_stays_away(server, monkeypatch):
    monkeypatch.setattr(online_store, "_AWAY_SECONDS", 0.2)
    with pytest.raises(JobFailure, match="does not answer") as failure:
        written(server, once(server.kill))
    assert failure.value.code == "ONLINE_STORE_UNAVAILABLE" and "secret" not in failure.value.message


def test_a_server_that_is_full(server):
    server.client.config_set("maxmemory", server.client.info("memory")["used_memory"] + 100_000)
    with pytest.raises(JobFailure, match="its memory is full") as failure:
        written(server)
    assert failure.value.code == "ONLINE_STORE_UNAVAILABLE"


def test_a_wrong_password(server):
    server.url = server.url.replace("secret", "guessed")
    with pytest.raises(JobFailure, match="refuses the name or the password") as failure:
        written(server)
    assert "guessed" not in failure.value.message
