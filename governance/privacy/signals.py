"""What a model tells about one record, under the names that the attacks use; the work is in `reading`."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from governance.privacy.reading.reader import read as read
from governance.privacy.reading.readings import Readings as Readings
from governance.privacy.reading.transforms import CLIP as CLIP
from governance.privacy.reading.transforms import log_odds as log_odds
from governance.privacy.reading.transforms import transform_logits as transform_logits
from governance.privacy.reading.transforms import transform_probabilities as transform_probabilities


def confidences(model: Any, X: Any, y: ArrayLike) -> NDArray[np.float64]:
    """(n,) the likelihood that a model gives to each record's true answer; see `reading.reader.read`."""
    return read(model, X, y).confidence
