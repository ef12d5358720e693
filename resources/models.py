"""The model store: files that skops writes under the home, and the record of each in models.registry.

skops writes what an object is made of, and reads back only what it is told to trust; a pickle would run
whatever a file says.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

from warehouse.errors import TillageError
from warehouse.lake import open_lake
from warehouse.records import Fitted


@dataclass(frozen=True, slots=True)
class Model:
    """A fitted estimator of scikit-learn, what it was fitted with, and how good it is."""

    estimator: Any
    parameters: Mapping[str, Any] = field(default_factory=dict)
    metrics: Mapping[str, Any] = field(default_factory=dict)


def packed(month: date, model: Model) -> Fitted:
    """Make of a model what is published with its month."""
    import skops.io

    written = (json.dumps(dict(told), sort_keys=True) for told in (model.parameters, model.metrics))
    return Fitted(month, skops.io.dumps(model.estimator), *written)


def load(home: Path, name: str, as_of: date) -> Model:
    """Read the newest model of a table and month.

    Args:
        home: Folder of the shop.
        name: Table, as schema.name.
        as_of: Any day of the month.

    Raises:
        TillageError: If there is none, its file is gone, or the file holds what is not to be trusted.
    """
    import skops.io

    month = as_of.replace(day=1)
    with open_lake(home / "lake", read_only=True) as lake:
        found = lake.execute(
            "SELECT path, parameters, metrics FROM models.registry WHERE name = ? AND as_of = ? "
            "ORDER BY snapshot_id DESC LIMIT 1",
            [name, month],
        ).fetchone()
        if found is None:
            months = lake.execute(
                "SELECT DISTINCT strftime(as_of, '%Y-%m') FROM models.registry WHERE name = ? ORDER BY ALL",
                [name],
            ).fetchall()
            raise TillageError(
                f"There is no model of {name} as of {month:%Y-%m}. There are some of "
                f"{', '.join(at for (at,) in months) or 'no month'}; `tillage run` makes what is out of date."
            )
    path, parameters, metrics = found
    file = home / path
    if not file.exists():
        raise TillageError(
            f"The model {file} is not there. Restore it from a backup, or make it anew with "
            f'`tillage run --select "key:{name.replace(".", "/")}" --force --from {month:%Y-%m}`.'
        )
    if strange := skops.io.get_untrusted_types(file=file):
        raise TillageError(
            f"The model {file} holds {', '.join(strange)}, which no model of Tillage does: it is not read. "
            "Restore it from a backup."
        )
    return Model(skops.io.load(file), json.loads(parameters), json.loads(metrics))
