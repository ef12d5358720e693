"""Tables that Python computes: which they are, and what the code of each is.

The query of such a table gives what its module reads; `assets/<schema>/<table>.py` has a pure function
`compute(rows, months)` that makes the table's rows of it, and may have `models(rows, made)`, which gives for
months a `resources.models.Model` to store with them. Importing this imports none of them.
"""

import ast
import importlib
from collections.abc import Iterator, Sequence
from datetime import date
from functools import cache
from pathlib import Path

from assets.threads import allowed, pools_at_most
from resources.models import packed
from warehouse.contract import Table, fingerprint
from warehouse.publish import Compute
from warehouse.records import Fitted

ASSETS_DIR = Path(__file__).parent


def module_of(table: Table) -> str | None:
    """Name the module that computes the table, if one does."""
    file = ASSETS_DIR / table.schema / f"{table.name}.py"
    return f"assets.{table.schema}.{table.name}" if file.exists() else None


@cache
def code_of(module: str) -> str:
    """Fingerprint the code of a module and of those of assets/ that it imports, comments and docstrings aside."""
    parts: dict[str, str] = {}
    todo = [module]
    while todo:
        name = todo.pop()
        found = None if name in parts else _read(name)
        if found is not None:
            parts[name], imported = found
            todo += imported
    return fingerprint(*(parts[name] for name in sorted(parts)))


@cache
def _read(module: str) -> tuple[str, tuple[str, ...]] | None:
    """Fingerprint one module, and name those of assets/ that it may import; None if there is none of that name."""
    file = ASSETS_DIR.parent.joinpath(*module.split(".")).with_suffix(".py")
    if not file.exists():
        return None
    tree = ast.parse(file.read_text(encoding="utf-8"))
    imported = tuple(_imported(tree))
    return fingerprint(ast.dump(_Bare().visit(tree))), imported


def step_of(table: Table, months: Sequence[date]) -> Compute | None:
    """Give the function that makes the table's rows of what its query gives, from Parquet to Parquet."""
    module = module_of(table)
    if module is None:
        return None

    def compute(given: Path, made: Path) -> Sequence[Fitted]:
        import polars as pl

        code, rows = importlib.import_module(module), pl.read_parquet(given)
        # BLAS and OpenMP of what is loaded; what the step loads itself was told by the environment.
        with pools_at_most(allowed()):
            found: pl.DataFrame = code.compute(rows, sorted(months))
            found.write_parquet(made)
            if not hasattr(code, "models"):
                return ()
            return [packed(month, model) for month, model in code.models(rows, found).items()]

    return compute


class _Bare(ast.NodeTransformer):
    """Takes out the docstrings: they change nothing that is computed."""

    def visit(self, node: ast.AST) -> ast.AST:
        self.generic_visit(node)
        body = getattr(node, "body", None)
        if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef)) and isinstance(body, list):
            node.body = [each for each in body if not _is_text(each)]
        return node


def _is_text(node: ast.stmt) -> bool:
    return (
        isinstance(node, ast.Expr)
        and isinstance(node.value, ast.Constant)
        and isinstance(node.value.value, str)
    )


def _imported(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (each.name for each in node.names if each.name.startswith("assets."))
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("assets"):
            yield str(node.module)
            yield from (f"{node.module}.{each.name}" for each in node.names)
