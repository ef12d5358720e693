"""Which files of landing/ are looked at, and what is known of each."""

import hashlib
import os
from pathlib import Path

import pytest

from warehouse.intake import orders
from warehouse.intake.files import read_content, scan


def _paths(landing: Path) -> list[str]:
    return [found.path for found in scan(landing, "orders", orders.SOURCE.kinds)]


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
