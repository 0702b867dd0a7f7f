"""Plain views put online, by a real Redis."""

import json
import math

import pyarrow as pa
import pytest
from feature_scene import DAY, at, feature, iso, materialization, read, result_of, source, times, view


def plain(store, columns, features, created=None, expires=None, **changes):
    files = store.parquet(columns, "s3://data/view.parquet")
    names = [each["name"] for each in features]
    keys = changes.get("keys", (("id", "string"),))
    given = source(files, names, keys=[name for name, _ in keys], created=created, expires=expires)
    return view([given], features, **changes)


def simple(store, ids, seconds, values, created=None, **changes):
    columns = {"id": ids, "ts": times([at(each) for each in seconds]), "total": values}
    if created is not None:
        columns["created"] = times([None if each is None else at(each) for each in created])
    return plain(
        store,
        columns,
        [feature("total", "float64")],
        created=None if created is None else "created",
        **changes,
    )


def ran(store, online, given, **interval):
    (found,) = result_of(store, materialization(store, given, **interval), online)["views"]
    return found


def refused(store, online, given, **interval):
    return store.failure(materialization(store, given, **interval), {"redis_url": online.url})


def test_the_newest_row_of_an_entity_goes_online(store, online):
    found = ran(
        store, online, simple(store, ["a", "b", "a", "a", None], [1, 2, 5, 3, 4], [1.5, 2.5, 3.5, 4.5, 5.5])
    )
    assert online.values() == {"a": [at(5), None, None, 3.5], "b": [at(2), None, None, 2.5]}
    assert found["rows_read"] == 5 and found["rows_skipped_null_key"] == 1
    assert (found["entities"], found["written"], found["replaced"], found["kept_newer"]) == (2, 2, 0, 0)
    assert found["newest_event_time"] == iso(at(5))
    assert found["bytes_per_entity"] > 40
    total = found["statistics"]["total"]
    assert (total["rows"], total["missing"], total["min"], total["max"], total["mean"]) == (4, 0, 1.5, 4.5, 3)


def test_equal_times_go_by_created_and_then_by_place(store, online):
    found = simple(
        store,
        ["a", "a", "a", "b", "b", "c", "c"],
        [1, 1, 1, 1, 1, 2, 2],
        [1, 2, 3, 4, 5, 6, 7],
        created=[5, 9, 7, None, None, None, 3],
    )
    ran(store, online, found)
    assert {key: value[3] for key, value in online.values().items()} == {"a": 2, "b": 5, "c": 7}


def test_a_late_row_of_a_later_run_does_not_overwrite_a_newer_one(store, online):
    ran(
        store,
        online,
        simple(store, ["a", "b", "c"], [10, 10, 10], [1, 2, 3], created=[11, 11, 11]),
        end=at(20),
    )
    late = simple(store, ["a", "b", "c", "d"], [5, 10, 10, 4], [10, 20, 30, 40], created=[25, 25, 9, 26])
    found = ran(store, online, late, start=at(20), end=at(30))
    # Of the last, neither time is in the interval.
    assert {key: value[3] for key, value in online.values().items()} == {"a": 1, "b": 20, "c": 3, "d": 40}
    assert (found["rows_read"], found["written"], found["replaced"], found["kept_newer"]) == (3, 1, 1, 1)


def test_nothing_of_the_future_of_an_interval_is_used(store, online):
    given = simple(store, ["a", "a", "b"], [1, 30, 2], [1, 2, 3], created=[1, 30, 31])
    assert ran(store, online, given, end=at(20))["entities"] == 1
    assert {key: value[3] for key, value in online.values().items()} == {"a": 1}


def test_the_bounds_of_an_interval(store, online):
    given = simple(store, ["a", "b", "c"], [10, 20, 21], [1, 2, 3])
    found = ran(store, online, given, start=at(10), end=at(20))
    assert list(online.values()) == ["b"] and found["rows_read"] == 1


def test_every_type_in_its_json_form(store, online):
    huge = "ü" * 2_000_000
    columns = {
        "id": ["a", "b"],
        "ts": times([at(1), at(2)]),
        "i": pa.array([2**53 - 1, -(2**63)], pa.int64()),
        "f": pa.array([0.1, math.inf]),
        "g": pa.array([math.nan, 5e-324]),
        "b": pa.array([True, None]),
        "s": ['é"\\\n\u2028\0😀', huge],
        "t": times([at(1.000001), None]),
        "li": pa.array([[1, None, 2**60], None], pa.list_(pa.int64())),
        "lf": pa.array([[1.5, math.nan, -math.inf], []], pa.list_(pa.float64())),
        "lb": pa.array([[True], [None]], pa.list_(pa.bool_())),
        "ls": pa.array([["a,]", 'b"'], [None]], pa.list_(pa.string())),
        "lt": pa.array([[at(1)], []], pa.list_(pa.timestamp("us", "UTC"))),
    }
    kinds = ("int64", "float64", "float64", "boolean", "string", "timestamp")
    lists = ("int64_list", "float64_list", "boolean_list", "string_list", "timestamp_list")
    features = [feature(name, kind) for name, kind in zip(list(columns)[2:], (*kinds, *lists), strict=True)]
    given = plain(store, columns, features)
    given["layout"] = ["gone", *given["layout"]]
    found = ran(store, online, given)
    values = online.values()
    assert values["a"][3:] == [
        *(None, 2**53 - 1, 0.1, None, True, 'é"\\\n\u2028\0😀', iso(at(1.000001))),
        *([1, None, str(2**60)], [1.5, None, None], [True], ["a,]", 'b"'], [iso(at(1))]),
    ]
    assert values["b"][3:] == [
        *(None, str(-(2**63)), None, 5e-324, None, huge, None),
        *(None, [], [None], [None], []),
    ]
    assert found["non_finite"] == {"f": 1, "lf": 1}
    statistics = found["statistics"]
    assert (statistics["i"]["min"], statistics["i"]["max"]) == (str(-(2**63)), 2**53 - 1)
    assert statistics["s"]["min"] == 'é"\\\n\u2028😀' and statistics["s"]["max"] == "ü" * 64
    assert statistics["b"] | {"distinct": 1} == {
        "rows": 2,
        "missing": 1,
        "min": None,
        "max": None,
        "mean": None,
        "stddev": None,
        "distinct": 1,
        "true_share": 1,
        "top": [{"value": True, "count": 1}],
    }
    assert statistics["li"]["missing"] == 1 and statistics["li"]["distinct"] is None


def test_keys_of_several_parts_tell_apart_what_they_are_made_of(store, online):
    columns = {
        "id": ["ü:1", "ü", "a\n}", "", None, "x" * 600],
        "n": pa.array([2, 12, -(2**63), 1, 1, 1], pa.int64()),
        "ts": times([at(1)] * 6),
        "total": [1.0, 2, 3, 4, 5, 6],
    }
    given = plain(store, columns, [feature("total", "float64")], keys=(("id", "string"), ("n", "int64")))
    spec = materialization(store, given)
    warnings = [
        each["message"] for each in store.run(spec, {"redis_url": online.url}) if each["type"] == "warning"
    ]
    assert set(online.values()) == {"4:ü:12", "2:ü12", f"3:a\n}}{-(2**63)}", "0:1"}
    assert any("1 rows have a key that is empty or longer than 512 bytes" in each for each in warnings)


def test_values_expire_by_ttl_and_by_their_own_time(store, online):
    columns = {
        "id": ["a", "b", "c"],
        "ts": times([at(1)] * 3),
        "until": times([None, at(50), at(10)]),
        "total": [1.0, 2, 3],
    }
    given = plain(store, columns, [feature("total", "float64")], expires="until", ttl_seconds=30)
    ran(store, online, given)
    assert {key: value[2] for key, value in online.values().items()} == {"a": None, "b": at(50), "c": at(10)}
    # A day longer than they count, so that readers still learn that they have expired.
    ends = {key: online.client.execute_command("PEXPIRETIME", f"m:acme:features:1:{key}") for key in "abc"}
    assert ends == {key: (at(end) + DAY) // 1000 for key, end in (("a", 31), ("b", 31), ("c", 10))}
    given = plain(store, columns, [feature("total", "float64")])
    online.client.flushall()
    ran(store, online, given)
    assert online.client.pttl("m:acme:features:1:a") == -1


def test_doing_it_again_changes_nothing(store, online):
    given = simple(store, ["a", "b"], [1, 2], [1, 2])
    ran(store, online, given)
    before = online.values()
    found = ran(store, online, given)
    assert online.values() == before and (found["written"], found["replaced"]) == (0, 2)


@pytest.mark.parametrize("rows", [0, None])
def test_sources_without_rows(store, online, rows):
    given = simple(store, pa.array([], pa.string()), [], pa.array([], pa.float64()))
    if rows is None:
        given["sources"][0]["uris"] = []
    found = ran(store, online, given)
    assert (found["rows_read"], found["entities"], found["newest_event_time"]) == (0, 0, None)
    assert found["bytes_per_entity"] is None and found["statistics"]["total"]["rows"] == 0


def test_pushed_rows_come_after_those_of_the_tenant_and_count_once(store, online):
    given = simple(store, ["a", "b"], [1, 5], [1, 2])
    lines = [
        {"id": "a", "@event_timestamp": iso(at(1)), "total": 10},
        {"id": "b", "@event_timestamp": iso(at(4)), "total": 20},
        {"id": "c", "@event_timestamp": iso(at(3)), "total": 29},
        {"id": "c", "@event_timestamp": iso(at(3)), "total": 30},
    ]
    files = store.text("\n".join(map(json.dumps, lines)), "s3://data/pushed.jsonl")
    pushed = source(files, ["total"], created="@created") | {
        "timestamp_column": "@event_timestamp",
        "distinct": True,
    }
    given["sources"].append(pushed)
    found = ran(store, online, given)
    assert {key: value[3] for key, value in online.values().items()} == {"a": 10, "b": 2, "c": 30}
    assert found["rows_read"] == 5


class TestRules:
    def given(self, store, how, **rules):
        columns = {
            "id": ["a", "a", "b", "c"],
            "ts": times([at(each) for each in (1, 2, 3, 4)]),
            "total": pa.array([1.0, -5.0, None, 7.0]),
        }
        return plain(store, columns, [feature("total", "float64", **rules)], on_failure=how)

    def test_block(self, store, online):
        given = self.given(store, "block", between=[0, None], not_null=True)
        code, message = refused(store, online, given)
        assert code == "DATA_UNFIT" and online.values() == {}
        assert "orders (version 1)" in message and "total breaks not_null in 1 rows (25.00%)" in message
        assert "total breaks between [0, None] in 1 rows (25.00%)" in message

    def test_quarantine(self, store, online):
        found = ran(store, online, self.given(store, "quarantine", between=[0, 9], not_null=True))
        # The older row of `a` counts where the newer one is put aside.
        assert {key: value[3] for key, value in online.values().items()} == {"a": 1, "c": 7}
        assert found["quarantined"] == 2
        assert [each["rule"] for each in found["violations"]] == ["not_null", "between"]
        file = read(store, f"s3://modelplane/jobs/attempts/1/{found['quarantine_file']['name']}").to_pylist()
        assert sorted((each["id"], each["total"], each["broken_rules"]) for each in file) == [
            ("a", -5, ["total: between"]),
            ("b", None, ["total: not_null"]),
        ]

    def test_quarantine_does_not_hide_that_too_much_is_missing(self, store, online):
        code, message = refused(store, online, self.given(store, "quarantine", max_missing_share=0.2))
        assert code == "DATA_UNFIT" and "total breaks max_missing_share 0.2 in 1 rows (25.00%)" in message
        assert online.values() == {}

    def test_warn(self, store, online):
        spec = materialization(store, self.given(store, "warn", **{"in": [1, 7]}))
        events = store.run(spec, {"redis_url": online.url})
        assert [each["message"] for each in events if each["type"] == "warning"] == [
            "View orders: total breaks in [1, 7] in 1 rows (25.00%)."
        ]
        assert {key: value[3] for key, value in online.values().items()} == {"a": -5, "b": None, "c": 7}

    def test_rules_of_other_types(self, store, online):
        columns = {
            "id": ["a", "b"],
            "ts": times([at(1), at(2)]),
            "i": pa.array([2**60, 2**60 + 1], pa.int64()),
            "s": ["it's", "other"],
            "b": [True, False],
            "t": times([at(5), at(6)]),
        }
        features = [
            feature("i", "int64", between=[None, str(2**60)]),
            feature("s", "string", **{"in": ["it's"]}),
            feature("b", "boolean", **{"in": [True]}),
            feature("t", "timestamp", between=[iso(at(5)), iso(at(5))]),
        ]
        found = ran(store, online, plain(store, columns, features, on_failure="warn"))
        assert [(each["feature"], each["rows"]) for each in found["violations"]] == [
            (each, 1) for each in "isbt"
        ]
