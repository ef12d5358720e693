"""Which files of landing/ are looked at, and what is known of each."""

import hashlib
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from warehouse.intake import orders as source
from warehouse.intake.files import passed_over, read_content, scan


def _paths(landing: Path) -> list[str]:
    return [found.path for found in scan(landing, "orders", source.SOURCE.kinds)]


def test_files_are_found_in_folders_in_the_order_of_their_paths(orders: Path) -> None:
    for name in ["b.csv", "2011/a.CSV", "a.parquet", "x.csv/part-0.parquet"]:
        (orders / name).parent.mkdir(parents=True, exist_ok=True)
        (orders / name).write_text("")
    assert _paths(orders.parent) == [
        "orders/a.parquet", "orders/b.csv", "orders/2011/a.CSV", "orders/x.csv/part-0.parquet"
    ]  # fmt: skip


def test_what_is_still_being_written_or_no_orders_file_is_left_alone(orders: Path) -> None:
    for name in [".a.csv", "~a.csv", "a.csv.part", "a.crdownload", "notes.md", ".git/a.csv", "_SUCCESS"]:
        (orders / name).parent.mkdir(parents=True, exist_ok=True)
        (orders / name).write_text("")
    (orders / "empty.csv").mkdir()
    os.mkfifo(orders / "pipe.csv")
    assert _paths(orders.parent) == []


def test_a_landing_without_the_source_holds_nothing(tmp_path: Path) -> None:
    assert _paths(tmp_path) == []


def test_a_link_out_of_landing_is_not_followed(orders: Path, tmp_path: Path) -> None:
    """Whoever may drop files would read what the warehouse may read."""
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "secret.csv").write_text("")
    (orders / "secret.csv").symlink_to(outside / "secret.csv")
    (orders / "folder").symlink_to(outside)
    (orders / "dangling.csv").symlink_to(outside / "none.csv")
    assert _paths(orders.parent) == []


def test_what_is_left_alone_is_told_with_the_reason_and_what_is_hidden_is_not(
    orders: Path, tmp_path: Path
) -> None:
    """A month that lies in landing/ and is in no table is looked for in the code."""
    landing, outside = orders.parent, tmp_path / "outside"
    for folder in (
        outside,
        landing / "order",
        landing / "empty",
        landing / ".git",
        orders / "2011" / "a.csv",
    ):
        folder.mkdir(parents=True)
    for file in (
        landing / "till.csv", landing / ".DS_Store", landing / "order" / "a.csv", landing / "order" / "b.csv",
        orders / "a.csv", orders / "A.ZIP", orders / "2011" / "b.csv.part", orders / ".hidden", orders / "~$a.xlsx",
        orders / "2011" / "c.csv.gz", orders / "2011" / "notes.md", landing / "reviews.csv",
    ):  # fmt: skip
        file.write_text("")
    spark = orders / "export.csv"  # a folder of files, as Spark writes
    spark.mkdir()
    (spark / "part-0000.csv").write_text("")
    (orders / "out.csv").symlink_to(outside / "none.csv")
    (orders / "linked").symlink_to(outside)
    os.mkfifo(orders / "pipe.csv")
    kinds = {"orders": source.SOURCE.kinds, "reviews": (".csv", ".json")}
    ends = (
        "its name ends in none of .csv, .tsv, .txt, .parquet, .xlsx (text and JSON also packed, .gz or .zst)"
    )
    folder = "files are taken in from orders/ or reviews/, each of a kind of rows; move it there"
    assert dict(passed_over(landing, kinds)) == {
        "order": folder,
        "reviews.csv": folder,
        "till.csv": folder,
        "orders/A.ZIP": ends,
        "orders/linked": "it is a link to a folder, which is not followed",
        "orders/out.csv": "it is a link that leads out of landing/, or nowhere",
        "orders/pipe.csv": "it is no ordinary file",
        "orders/2011/a.csv": "it is a folder with the name of a file",
        "orders/2011/b.csv.part": ends,
        "orders/2011/notes.md": ends,
    }
    assert list(passed_over(tmp_path / "none", kinds)) == []


def test_what_came_or_went_while_it_was_looked_at_is_not_told(orders: Path) -> None:
    """A good file that is dropped at the wrong moment is no bad one, and one that is gone is none."""
    (orders / "sub").mkdir()
    (orders / "a.md").write_text("")
    os.mkfifo(orders / "b.csv")
    os.mkfifo(orders / "c.csv")
    (orders / "d.md").write_text("")
    told = passed_over(orders.parent, {"orders": (".csv",)})
    assert next(told)[0] == "orders/a.md"
    (orders / "b.csv").unlink()
    (orders / "d.md").unlink()
    (orders / "sub" / "good.csv").write_text("")
    (orders / "sub" / "linked.csv").symlink_to(orders / "sub" / "good.csv")
    assert list(told) == [("orders/c.csv", "it is no ordinary file")]
    assert _paths(orders.parent) == ["orders/sub/good.csv", "orders/sub/linked.csv"]


LOOK = """
import json, os, sys
from pathlib import Path
from warehouse.intake.files import passed_over, scan
if os.geteuid() == 0:  # who may enter everywhere
    os.setresgid(65534, 65534, 65534)
    os.setresuid(65534, 65534, 65534)
landing = Path(sys.argv[1])
kinds = {"orders": (".csv",), "reviews": (".csv",)}
found = [found.path for name, of in kinds.items() for found in scan(landing, name, of)]
print(json.dumps([found, dict(passed_over(landing, kinds))]))
"""


@pytest.mark.parametrize("mode", [0o744, 0o711, 0o700], ids=["listed only", "entered only", "shut"])
def test_a_folder_that_may_not_be_entered_is_told_and_stops_nothing_else(mode: int) -> None:
    """A folder that came with the rights of another machine would hold up every file beside it."""
    with tempfile.TemporaryDirectory() as folder:
        landing = Path(folder) / "landing"
        shut = [
            landing / "orders" / "2011",
            landing / "orders" / "x.csv",
            landing / "reviews",
            landing / "other",
        ]
        for each in (*shut, landing / "orders" / "2011" / "below"):
            each.mkdir(parents=True)
        for each in (*shut, shut[0] / "below"):
            (each / "a.csv").write_text("")
        (landing / "orders" / "good.csv").write_text("")
        (landing / "orders" / "in.csv").symlink_to(shut[0] / "a.csv")
        Path(folder).chmod(0o755)
        # The owner's rights are those of who runs the test, where it is not root.
        rights = mode if os.geteuid() == 0 else (mode & 0o7) << 6
        for each in shut:
            each.chmod(rights)
        said = subprocess.run(
            [sys.executable, "-c", LOOK, landing], cwd=Path(__file__).parents[4], capture_output=True, text=True,
            check=False,
        )  # fmt: skip
        for each in shut:
            each.chmod(0o755)
    assert said.returncode == 0, said.stderr
    found, told = json.loads(said.stdout)
    # Whoever may enter, and knows the name, may read: a link has it.
    is_entered = mode == 0o711
    assert found == ["orders/good.csv"] + ["orders/in.csv"] * is_entered
    why = "the user that Tillage runs as may not list it, or not open what is in it: it takes both rights, r and x"
    linked = {} if is_entered else {"orders/in.csv": "it is a link that leads out of landing/, or nowhere"}
    assert told == {
        **dict.fromkeys(("orders/2011", "orders/x.csv", "reviews"), why),
        **linked,
        "other": "files are taken in from orders/ or reviews/, each of a kind of rows; move it there",
    }


def test_a_link_within_landing_is_followed_and_landing_may_be_a_link_itself(
    orders: Path, tmp_path: Path
) -> None:
    (orders / "a.csv").write_text("")
    (orders / "b.csv").symlink_to(orders / "a.csv")
    (tmp_path / "elsewhere").symlink_to(orders.parent)
    assert _paths(tmp_path / "elsewhere") == ["orders/a.csv", "orders/b.csv"]


@pytest.mark.parametrize(
    ("content", "encoding"),
    [
        (b"", "utf-8"),
        ("é😀".encode(), "utf-8"),
        ("£".encode("latin-1"), "latin-1"),
        (b"a" * ((1 << 20) - 1) + "😀".encode(), "utf-8"),
        (b"a" * (1 << 20) + b"\xff", "latin-1"),
    ],
)
def test_content_is_known_by_its_hash_and_encoding(tmp_path: Path, content: bytes, encoding: str) -> None:
    """A character may stand across the end of what is read at once."""
    (tmp_path / "a.csv").write_bytes(content)
    found = read_content(tmp_path / "a.csv")
    assert (found.file_id, found.encoding) == (hashlib.sha256(content).hexdigest(), encoding)
