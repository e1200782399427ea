"""What a direct form of a step is: one function of an array."""

from collections.abc import Callable

import numpy as np

# Takes an array of shape [rows, columns] and changes nothing in it.
Transform = Callable[[np.ndarray], np.ndarray]
