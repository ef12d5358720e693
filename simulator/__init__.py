"""A shop whose truth is known: ordinary files for the landing folder, and what they were drawn from.

`write` makes a shop. `PRESETS` names the kinds there are, `simulator.oracles` holds what nobody could do
better than. The package reads no clock and no environment, and knows nothing of the warehouse.
"""

from simulator.files import Written, write
from simulator.parameters import PRESETS, Parameters

__all__ = ["PRESETS", "Parameters", "Written", "write"]
