"""Days on which products were out of stock: what was not sold then was not unwanted."""

from datetime import date

import numpy as np
import numpy.typing as npt
import polars as pl

Booleans = npt.NDArray[np.bool_]


def out_days(out: pl.DataFrame, products: pl.Series, first: date, length: int) -> Booleans:
    """Which days each product was out of stock, products x days.

    Args:
        out: product_id, first_day, last_day; spells may overlap. Products that are not asked for are passed over.
        products: Codes, each once.
        first: First day.
        length: How many days.
    """
    edges = np.zeros((len(products), length + 1), dtype=np.int64)
    places = pl.DataFrame({"product_id": products, "row": np.arange(len(products))})
    known = out.filter(pl.col("first_day") <= pl.col("last_day")).join(places, on="product_id")
    for name, after, sign in (("first_day", 0, 1), ("last_day", 1, -1)):
        day = (known[name] - first).dt.total_days().to_numpy() + after
        np.add.at(edges, (known["row"].to_numpy(), np.clip(day, 0, length)), sign)
    return np.asarray(np.cumsum(edges[:, :-1], axis=1) > 0)
