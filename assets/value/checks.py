"""What the models of value ask of their input, and the error that says there is too little of it."""

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]


class TooLittleData(ValueError):  # noqa: N818 - it names what is wrong
    """The input is sound, but nothing can be learned from it; the message is a reason fit for a table."""


def columns(**given: npt.ArrayLike) -> tuple[Floats, ...]:
    """The arrays as float64, of one length and without a hole.

    Raises:
        ValueError: If one is not a column of finite numbers at or above 0, or their lengths differ.
    """
    arrays = {name: np.asarray(values, dtype=np.float64) for name, values in given.items()}
    for name, values in arrays.items():
        if values.ndim != 1:
            raise ValueError(
                f"{name} must be one number a customer, and has the shape {values.shape}. Give an array of one dimension."
            )
        bad = ~(np.isfinite(values) & (values >= 0))
        if bad.any():
            at = int(bad.argmax())
            raise ValueError(
                f"{name} must be finite and not below 0, and is {values[at]} at position {at} ({bad.sum()} such). "
                "Leave those customers out, or mend them."
            )
    lengths = {name: len(values) for name, values in arrays.items()}
    if len(set(lengths.values())) > 1:
        raise ValueError(f"One number a customer is expected in each array, and their lengths are {lengths}.")
    return tuple(arrays.values())
