"""SACRO-ML's LiRA on arrays in a file, run by the Python of an environment that has `sacroml`, not ours.

    PYTHON sacro_lira.py RECORDS.npz SHADOWS MODE

prints seconds, AUC and TPR at 1 % FPR as JSON. Importing and training the target are not timed.
"""

from __future__ import annotations

import json
import logging
import sys
import tempfile
from importlib import import_module
from time import perf_counter
from typing import Any


def main(path: str, shadows: str, mode: str) -> None:
    """Attack a forest of 50 trees as SACRO-ML's own examples do; no report is written."""
    import numpy as np
    from sklearn.ensemble import RandomForestClassifier

    attacks = import_module("sacroml.attacks.likelihood_attack")
    targets = import_module("sacroml.attacks.target")
    logging.disable(logging.CRITICAL)
    with np.load(path, allow_pickle=False) as parts:
        X, y = parts["X"], parts["y"]
    half = len(y) // 2
    model = RandomForestClassifier(n_estimators=50, random_state=0).fit(X[:half], y[:half])
    sides: dict[str, Any] = {
        "X_train": X[:half], "y_train": y[:half], "X_test": X[half:], "y_test": y[half:],
    }  # fmt: skip
    with tempfile.TemporaryDirectory() as folder:
        began = perf_counter()
        target = targets.Target(model=model, dataset_name="rand-hie", **sides)
        kind, _, fixed = mode.partition("+")
        attack = attacks.LIRAAttack(
            output_dir=folder,
            write_report=False,
            n_shadow_models=int(shadows),
            mode=kind,
            fix_variance=bool(fixed),
        )
        attack.attack(target)
        seconds = perf_counter() - began
        found = attack.attack_metrics[0]
    rate = float(np.interp(0.01, found["fpr"], found["tpr"]))
    sys.stdout.write(json.dumps({"seconds": seconds, "auc": float(found["AUC"]), "tpr": rate}) + "\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
