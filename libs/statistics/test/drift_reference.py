"""Prints samples and what scipy says of them as JSON, for the tests of drift."""

import json
import math
import warnings

import numpy as np
from scipy import stats
from scipy.spatial.distance import jensenshannon

random = np.random.default_rng(7)


def plain(values: np.ndarray) -> list[float | str]:
    return [float(value) if math.isfinite(value) else str(value) for value in values]


def pairs() -> list[tuple[np.ndarray, np.ndarray]]:
    normal = random.standard_normal
    with_ends = np.concatenate([normal(50), [math.inf, math.inf, -math.inf]])
    sizes = [
        (1, 1),
        (1, 2),
        (2, 3),
        (5, 5),
        (7, 13),
        (20, 20),
        (40, 60),
        (100, 350),
        (1000, 1000),
        (997, 3001),
    ]
    found = [(normal(n), normal(m) + shift) for n, m in sizes for shift in (0.0, 0.2, 3.0)]
    found += [
        (random.integers(0, 4, 300).astype(float), random.integers(0, 5, 200).astype(float)),
        (random.integers(0, 2, 30).astype(float), random.integers(0, 2, 31).astype(float)),
        (np.zeros(40), np.zeros(60)),
        (np.zeros(40), np.ones(60)),
        (with_ends, normal(80)),
        (with_ends, np.array([-math.inf, math.inf, 0.0, 1.0])),
        (normal(20_000), normal(10)),
        (normal(20_000), normal(100) + 0.1),
        (normal(12_000), normal(12_000)),
        (normal(12_000), normal(11_000) + 0.03),
        (normal(30_000), normal(140_000) + 0.005),
        (normal(30_000), normal(140_000) + 0.2),
        (np.round(normal(15_000), 1), np.round(normal(15_000) * 1.02, 1)),
    ]
    return found


def tails() -> list[dict]:
    sizes = [1, 2, 3, 9, 10, 50, 139, 140, 141, 500, 5000, 100_000, 250_000, 5_000_000]
    cases = []
    for n in sizes:
        for z in (0.2, 0.4, 0.6, 0.8, 1.0, 1.3, 1.48, 1.6, 2.0, 3.0, 5.0, 20.0):
            d = min(z / math.sqrt(n), 1.0)
            cases.append({"n": n, "d": d, "tail": float(stats.kstwo.sf(d, n))})
        cases += [
            {"n": n, "d": d, "tail": float(stats.kstwo.sf(d, n))}
            for d in (0.4 / n, 0.6 / n, 1 / n, 0.5, 0.7, 1 - 0.5 / n)
        ]
    return cases


def sample_tests() -> list[dict]:
    cases = []
    for a, b in pairs():
        ks = stats.ks_2samp(a, b)
        case = {"a": plain(np.sort(a)), "b": plain(np.sort(b)), "ks": [ks.statistic, ks.pvalue]}
        if np.isfinite(a).all() and np.isfinite(b).all():
            case["wasserstein"] = stats.wasserstein_distance(a, b)
        if len(a) + len(b) >= 4 and len(np.unique(np.concatenate([a, b]))) > 1:
            with warnings.catch_warnings(action="ignore"):
                anderson = stats.anderson_ksamp([a, b], variant="midrank")
            case["anderson"] = [anderson.statistic, anderson.pvalue]
        cases.append(case)
    return cases


def tables() -> list[dict]:
    cases = []
    for width, rows in ((2, 30), (2, 5000), (3, 40), (8, 300), (60, 100_000), (400, 2000)):
        for skew in (0.0, 0.3):
            shares = random.dirichlet(np.ones(width))
            other = (1 - skew) * shares + skew * random.dirichlet(np.ones(width))
            a, b = random.multinomial(rows, shares), random.multinomial(rows // 2, other)
            used = a + b > 0
            both = np.stack([a, b])[:, used]
            chi2 = stats.chi2_contingency(both)
            g = stats.chi2_contingency(both, lambda_="log-likelihood")
            p, q = np.maximum(a / a.sum(), 1e-4), np.maximum(b / b.sum(), 1e-4)
            cases.append(
                {
                    "a": a.tolist(),
                    "b": b.tolist(),
                    "chi2": [chi2.statistic, chi2.pvalue],
                    "g": [g.statistic, g.pvalue],
                    "jensen_shannon": float(jensenshannon(a, b, base=2)),
                    "psi": float(((q - p) * np.log(q / p)).sum()),
                }
            )
    return cases


def adjusted() -> list[dict]:
    lists = [
        [0.04],
        [0.01, 0.04, 0.03, 0.5],
        [0.2, 0.2, 0.2],
        random.uniform(size=200).tolist(),
        [0.0, 1.0, 0.05],
    ]
    return [{"p": p, "adjusted": stats.false_discovery_control(p).tolist()} for p in lists]


print(
    json.dumps(
        {
            "tails": tails(),
            "samples": sample_tests(),
            "tables": tables(),
            "adjusted": adjusted(),
            "chi2": [
                {"x": x, "degrees": degrees, "tail": float(stats.chi2.sf(x, degrees))}
                for degrees in (1, 2, 3, 10, 99, 1000, 50_000)
                for x in (0.0, 1e-6, 0.5, 1.0, 5.0, 90.0, 1000.0, 1200.0, 49_000.0, 51_000.0)
            ],
        }
    )
)
