"""What a study may search among, and what is refused before the first trial."""

import pytest
from cases import Store
from studies import SPACE, study_spec, trials_of

from modelplane_trainer.tuning.samplers import make_study
from modelplane_trainer.tuning.space import Space


def parameters(store: Store, space: list[dict], **changes) -> list[dict]:
    """What is suggested for twenty trials that are not run."""
    spec = study_spec(store, space=space, **{"algorithm": "random", **changes})
    searched = Space(spec)
    study, suggested = make_study(spec["search"], searched), []
    for number in range(20):
        trial = study.ask()
        suggested.append(searched.suggest(trial))
        study.tell(trial, number % 5)
    return suggested


def of(name: str, type_: str, **described) -> dict:
    return {"name": name, "type": type_, **described}


FEW = of("n_estimators", "choice", values=[3])
INTEGERS = [
    ("randint", 1, 4, {1, 2, 3}),
    ("lograndint", 1, 4, {1, 2, 3}),
    ("randint", 2, 3, {2}),
]


@pytest.mark.parametrize("type_, low, high, values", INTEGERS)
def test_max_of_whole_numbers_is_exclusive(store, type_, low, high, values):
    tried = parameters(store, [FEW, of("max_depth", type_, min=low, max=high)])
    assert {each["max_depth"] for each in tried} == values


def test_numbers_lie_between_their_bounds(store):
    space = [
        FEW,
        of("learning_rate", "loguniform", min=0.0001, max=0.1),
        of("subsample", "uniform", min=0.5, max=0.9),
        of("min_impurity_decrease", "quniform", min=0.1, max=0.65, q=0.25),
        of("min_samples_split", "quniform", min=2, max=10, q=4),
    ]
    tried = parameters(store, space)
    rates = [each["learning_rate"] for each in tried]
    assert all(0.0001 <= rate <= 0.1 for rate in rates) and sum(rate < 0.01 for rate in rates) > 5
    assert all(0.5 <= each["subsample"] <= 0.9 for each in tried)
    steps = {round(each["min_impurity_decrease"], 9) for each in tried}
    assert steps == {0.1, 0.35, 0.6}
    splits = {each["min_samples_split"] for each in tried}
    assert splits == {2, 6, 10} and all(isinstance(each, int) for each in splits)


def test_a_choice_is_among_values_of_any_kind(store):
    values = [None, 1, 0.5, "sqrt"]
    tried = parameters(store, [FEW, of("max_features", "choice", values=values)])
    assert {repr(each["max_features"]) for each in tried} == {repr(value) for value in values}


def test_a_trial_is_trained_with_values_of_any_kind(store):
    space = [
        of("hidden_layer_sizes", "choice", values=[[4], [4, 2]]),
        of("alpha", "quniform", min=0, max=1, q=0.5),
        of("batch_size", "quniform", min=32, max=64, q=32),
        of("max_iter", "lograndint", min=2, max=4),
    ]
    trials = trials_of(store.run(study_spec(store, space=space, estimator="mlp", num_trials=6)))
    assert {trial["state"] for trial in trials} == {"succeeded"}
    assert {tuple(trial["parameters"]["hidden_layer_sizes"]) for trial in trials} == {(4,), (4, 2)}


CONDITIONAL = [
    of("bootstrap", "choice", values=[True, False]),
    of("max_samples", "uniform", min=0.2, max=0.9, when={"bootstrap": True}),
    of("n_estimators", "choice", values=[3]),
]


@pytest.mark.parametrize("algorithm", ["random", "bayesian", "qmc", "cmaes"])
def test_a_parameter_is_searched_where_its_condition_holds(store, algorithm):
    tried = parameters(store, CONDITIONAL, algorithm=algorithm, estimator="random_forest")
    assert {each["bootstrap"] for each in tried} == {True, False}
    assert all(("max_samples" in each) == each["bootstrap"] for each in tried)


def test_a_grid_has_each_combination_once(store):
    space = [
        of("bootstrap", "choice", values=[True, False]),
        of("max_samples", "choice", values=[0.3, 0.6], when={"bootstrap": True}),
        of("n_estimators", "randint", min=2, max=5),
        of("max_depth", "choice", values=[2]),
    ]
    spec = study_spec(store, space=space, algorithm="grid", estimator="random_forest", num_trials=50)
    events = store.run(spec)
    tried = [tuple(sorted(trial["parameters"].items())) for trial in trials_of(events)]
    assert len(tried) == len(set(tried)) == 3 * (2 + 1)
    assert events[-1]["result"]["stopped_by"] == "grid"


def test_a_part_of_a_grid_is_drawn_from_all_of_it(store):
    depths = [of("max_depth", "randint", min=1, max=11), of("min_samples_leaf", "randint", min=1, max=11)]
    spec = study_spec(store, space=[*depths, FEW], algorithm="grid", num_trials=12)
    tried = {trial["parameters"]["max_depth"] for trial in trials_of(store.run(spec))}
    assert len(tried) > 4


UNFIT = [
    ([*SPACE, SPACE[0]], {}, "n_estimators twice"),
    (SPACE, {"hyperparameters": {"max_depth": 2}}, "max_depth twice, or it is fixed"),
    ([of("depth", "randint", min=1, max=3)], {}, "has no hyperparameter 'depth'"),
    ([of("max_depth", "choice", values=[2, 0])], {}, "search.space.max_depth: 0 is less than the minimum"),
    ([of("max_depth", "randint", min=0, max=3)], {}, "search.space.max_depth: 0 is less than the minimum"),
    ([of("max_depth", "randint", min=3, max=3)], {}, "max_depth has no values from 3 to 3"),
    ([of("learning_rate", "loguniform", min=0, max=1)], {}, "learning_rate has no values from 0 to 1"),
    ([of("max_depth", "choice", values=[])], {}, "search.space.0"),
    ([of("learning_rate", "normal", min=0.1, max=1)], {}, "search.space.0"),
    ([of("max_depth", "choice", values=[1], when={"learning_rate": 1})], {}, "stands before 'learning_rate'"),
    (SPACE, {"algorithm": "grid"}, "a grid has no points of learning_rate"),
    (
        [of("max_depth", "randint", min=1, max=200), of("min_samples_leaf", "randint", min=1, max=200)],
        {"algorithm": "grid"},
        "the grid has more than 10000 points",
    ),
    (SPACE, {"initial_trials": [{"max_depth": 4}]}, "max_depth is 4, which is none of its values"),
    (SPACE, {"initial_trials": [{"learning_rate": 0.6}]}, "not in its range from 0.001 to 0.5"),
    (SPACE, {"initial_trials": [{"n_estimators": 30}]}, "not in its range from 5 to 29"),
    (SPACE, {"initial_trials": [{"subsample": 0.5}]}, "subsample is not searched"),
]


@pytest.mark.parametrize("space, changes, said", UNFIT)
def test_what_cannot_be_searched_is_refused(store, space, changes, said):
    code, message = store.failure(study_spec(store, space=space, **changes))
    assert code == "INTERNAL_ERROR" and said in message


def test_a_hyperparameter_of_another_model_type_is_refused_before_a_trial(store):
    space = [of("class_weight", "choice", values=["balanced", None])]
    events = store.run(study_spec(store, column="price", space=space, estimator="random_forest"))
    assert events[-1]["code"] == "DATA_UNFIT"
    assert events[-1]["message"].startswith("Hyperparameter 'class_weight' is for classification")
    assert not any(event["type"] == "trial" for event in events)
