"""Exact interventional Shapley values of sums of scikit-learn trees, to compare with what servers sample."""

from math import factorial

import numpy as np


def tree_shap(tree, groups, rows, background, leaf_values):
    """Of one tree, by leaves: Lundberg et al. 2020, "From local explanations to global understanding with
    explainable AI for trees", and Laberge and Pequignot 2022, "Understanding Interventional TreeSHAP".

    A mixture of a row and a background row reaches a leaf when each group of columns on its path comes
    from one that passes the group's tests. Where a groups must come from the row and c from the
    background row, the leaf is a game of which the Shapley values are known.

    Args:
        tree: scikit-learn's `tree_`.
        groups: of each column the feature that it belongs to, int [columns].
        rows: float32 [rows, columns].
        background: float32 [background rows, columns].
        leaf_values: float [nodes, outputs].

    Returns:
        float [rows, features, outputs], the mean over the background.
    """
    features = int(groups.max()) + 1
    leaves, passes_row, passes_background = _paths(tree, groups, features, rows, background)
    most = int(tree.max_depth) + 1
    joins = np.zeros((most + 1, most + 1))
    stays = np.zeros((most + 1, most + 1))
    for a in range(most + 1):
        for c in range(most + 1 - a):
            if a:
                joins[a, c] = factorial(a - 1) * factorial(c) / factorial(a + c)
            if c:
                stays[a, c] = -factorial(a) * factorial(c - 1) / factorial(a + c)
    found = np.zeros((len(rows), features, leaf_values.shape[1]))
    for at in range(len(rows)):
        ours, theirs = passes_row[at][None], passes_background
        reached = np.all(ours | theirs, axis=2)
        from_row, from_background = ours & ~theirs, theirs & ~ours
        # A leaf that no mixture reaches may need more groups than the table has.
        a = np.where(reached, from_row.sum(axis=2), 0)
        c = np.where(reached, from_background.sum(axis=2), 0)
        share = from_row * joins[a, c][:, :, None] + from_background * stays[a, c][:, :, None]
        found[at] = np.einsum("blf,lo->fo", share, leaf_values[leaves]) / len(background)
    return found


def _paths(tree, groups, features, rows, background):
    """The leaves, and whether rows pass all tests on a feature on the way: bool [rows, leaves, features]."""
    leaves, tests = [], []

    def walk(node, path):
        if tree.children_left[node] == tree.children_right[node]:
            leaves.append(node)
            tests.append(path)
            return
        column, threshold = tree.feature[node], tree.threshold[node]
        walk(tree.children_left[node], [*path, (column, threshold, True)])
        walk(tree.children_right[node], [*path, (column, threshold, False)])

    walk(0, [])

    def passes(matrix):
        passed = np.ones((len(matrix), len(leaves), features), dtype=bool)
        for at, path in enumerate(tests):
            for column, threshold, is_left in path:
                passed[:, at, groups[column]] &= (matrix[:, column] <= threshold) == is_left
        return passed

    return np.array(leaves), passes(rows), passes(background)


def by_enumeration(answer, groups, row, background):
    """Shapley values of any function by all coalitions of the features.

    Args:
        answer: float [rows, columns] to float [rows].
        groups: of each column the feature that it belongs to.
        row: [columns].
        background: [background rows, columns].

    Returns:
        float [features].
    """
    features = int(groups.max()) + 1
    coalitions = (np.arange(2**features)[:, None] >> np.arange(features)) & 1 == 1
    mixed = np.where(coalitions[:, None, groups], row, background)
    worths = answer(mixed.reshape(-1, len(row))).reshape(len(coalitions), -1).mean(axis=1)
    sizes = coalitions.sum(axis=1)
    found = np.zeros(features)
    for feature in range(features):
        without = np.flatnonzero(~coalitions[:, feature])
        weights = [
            factorial(size) * factorial(features - 1 - size) / factorial(features) for size in sizes[without]
        ]
        found[feature] = np.dot(weights, worths[without + 2**feature] - worths[without])
    return found
