"""Whether models of a kind can be trained again, and by whom."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from governance.errors import UsageError
from governance.privacy.reading.boosters import library_of, xgboost_matrix
from governance.privacy.reading.networks import module_of
from governance.privacy.training import Trainer, sklearn_trainer

SEEDS = ("seed", "random_state")
"""XGBoost's names of the one seed."""


def trainer_for(model: Any) -> Trainer:
    """A trainer that fits the model's kind anew from the model's own parameters.

    scikit-learn estimators, pipelines, and the scikit-learn wrappers of XGBoost and LightGBM are
    cloned; native boosters are trained with their own parameters for their own number of rounds. A
    booster that XGBoost read from its own file has lost them.

    Raises:
        UsageError: it cannot be: a PyTorch module holds no optimizer and no schedule, an MLflow pyfunc
            holds only `predict`, and an XGBoost file holds only trees.
    """
    library = library_of(model)
    if library is None and hasattr(model, "get_booster") and _was_loaded(_learner(model.get_booster())):
        raise _forgotten()
    if library == "xgboost":
        return XgboostTrainer(*_xgboost_parameters(model), model.feature_names)
    if library == "lightgbm":
        return LightgbmTrainer(*_lightgbm_parameters(model))
    if module_of(model) is not None:
        raise UsageError(
            "A PyTorch module does not say how it was trained",
            "Pass trainer=: torch_training.torch_trainer(module, epochs=…), or a function (X, y, seed).",
        )
    if not hasattr(model, "get_params"):
        raise UsageError(
            f"{type(model).__name__} cannot be trained again: it holds no parameters of a training",
            "Pass trainer=, a function (X, y, seed) that returns a fitted model.",
        )
    return sklearn_trainer(model)


@dataclass(frozen=True, slots=True)
class XgboostTrainer:
    """Trains an XGBoost booster with the parameters and the rounds of another."""

    parameters: Mapping[str, Any]
    rounds: int
    names: list[str] | None
    """Of the columns, where records come without."""

    def __call__(self, X: Any, y: Any, seed: int) -> Any:
        """The fitted booster."""
        import xgboost

        # Shadows are trained side by side, each on one core.
        parameters = {**self.parameters, "seed": seed, "nthread": 1}
        return xgboost.train(parameters, xgboost_matrix(X, self.names, y), self.rounds)


@dataclass(frozen=True, slots=True)
class LightgbmTrainer:
    """Trains a LightGBM booster with the parameters and the rounds of another."""

    parameters: Mapping[str, Any]
    rounds: int

    def __call__(self, X: Any, y: Any, seed: int) -> Any:
        """The fitted booster."""
        import lightgbm

        # A parameter that a version of the library no longer has is told, and does no harm.
        parameters = {**self.parameters, "seed": seed, "num_threads": 1, "verbosity": -1}
        return lightgbm.train(parameters, lightgbm.Dataset(X, y), self.rounds)


def _xgboost_parameters(booster: Any) -> tuple[dict[str, Any], int]:
    """Everything that the saved configuration says of the training, and the number of rounds.

    What was *learned* is left out: the intercept `base_score` where it came from the data, and the
    number of trees and of features.
    """
    learner = _learner(booster)
    if _was_loaded(learner) or learner["gradient_booster"]["name"] == "gblinear":
        raise _forgotten()
    booster_part, fitted = learner["gradient_booster"], learner["learner_model_param"]
    found: dict[str, Any] = {}
    for part in (
        learner["generic_param"],
        learner["learner_train_param"],
        booster_part,
        learner["objective"],
    ):
        found.update(_flat(part))
    found["num_class"] = fitted["num_class"]
    if fitted.get("boost_from_average") == "0":
        found["base_score"] = fitted["base_score"].strip("[]")
    found["booster"] = learner["learner_train_param"]["booster"]
    for own in ("name", "num_trees", "num_feature", "updater", "updater_seq", "n_jobs", *SEEDS):
        found.pop(own, None)
    if found["num_class"] == "0":
        del found["num_class"]
    kept = {key: value for key, value in found.items() if value not in ("", "()")}
    return kept | {"verbosity": 0}, booster.num_boosted_rounds()


def _learner(booster: Any) -> Any:
    return json.loads(booster.save_config())["learner"]


def _was_loaded(learner: Mapping[str, Any]) -> bool:
    """Whether a booster came from XGBoost's own file, which holds the trees and none of the parameters.

    Its configuration then shows XGBoost's defaults as if they were the training's. What gives it away
    is the metric, which every training sets and no file keeps.
    """
    return not learner["metrics"] and learner["learner_train_param"]["disable_default_eval_metric"] == "0"


def _forgotten() -> UsageError:
    return UsageError(
        "An XGBoost model from a file, or a linear one, no longer knows the parameters of its training",
        "Pass trainer=, a function (X, y, seed) that returns a fitted model; or log the scikit-learn wrapper"
        " with mlflow.sklearn, which keeps them.",
    )


def _flat(part: Mapping[str, Any]) -> dict[str, str]:
    """The text values of a saved configuration, at whatever depth."""
    found: dict[str, str] = {}
    for key, value in part.items():
        if isinstance(value, dict):
            found.update(_flat(value))
        elif isinstance(value, str):
            found[key] = value
    return found


def _lightgbm_parameters(booster: Any) -> tuple[dict[str, Any], int]:
    import lightgbm

    # A booster from a file knows every parameter, one that was just trained those that were given.
    given = dict(booster.params) or dict(lightgbm.Booster(model_str=booster.model_to_string()).params)
    found = {key: value for key, value in given.items() if not _of_one_training(key)}
    if callable(found.get("objective")):
        raise UsageError(
            "A booster with an objective of its own cannot be trained again from its parameters",
            "Pass trainer=, a function (X, y, seed) that returns a fitted booster.",
        )
    return found, booster.current_iteration()


def _of_one_training(key: str) -> bool:
    """Whether a parameter belongs to the run and not to the kind of model."""
    rounds = {"num_iterations", "num_iteration", "n_iter", "num_tree", "num_trees", "num_round", "num_rounds",
              "num_boost_round", "nrounds", "n_estimators", "max_iter"}  # fmt: skip
    stopping = {"early_stopping_round", "early_stopping_rounds", "early_stopping", "n_iter_no_change"}
    return key.endswith(("seed", "random_state")) or key in rounds | stopping | {
        "verbose",
        "verbosity",
        "num_threads",
        "n_jobs",
    }
