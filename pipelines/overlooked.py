"""What a person put into landing/ and seeds/ and nothing reads: passed over in silence it is looked for in vain."""

from collections.abc import Iterator
from difflib import get_close_matches

from pipelines.settings import Settings
from warehouse.intake import SOURCES
from warehouse.intake.files import passed_over, visible
from warehouse.tables import TABLES


def overlooked(settings: Settings) -> list[str]:
    """Say of each file of landing/ and seeds/ that nothing reads why, a line each."""
    landed = passed_over(settings.landing, {source.name: source.kinds for source in SOURCES})
    return [*(f"landing/{path} is passed over: {why}" for path, why in landed), *_seeds(settings)]


def _seeds(settings: Settings) -> Iterator[str]:
    known = sorted(f"{table.name}.csv" for table in TABLES.values() if table.schema == "seeds")
    for file in visible(settings.seeds):
        if file.name not in known:
            nearest = get_close_matches(file.name.lower(), known, 1)
            meant = f"is {nearest[0]} meant?" if nearest else f"there are {', '.join(known)}"
            name = file.name.encode(errors="backslashreplace").decode()
            yield f"seeds/{name} is passed over: no seed is called so; {meant}"
