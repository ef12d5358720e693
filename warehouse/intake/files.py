"""Look at landing/: which files lie there, and what each holds, by content."""

import codecs
import hashlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

KINDS = (".csv", ".parquet")


@dataclass(frozen=True, slots=True)
class Found:
    """A file in landing/, as the file system tells it."""

    file: Path
    path: str
    size: int
    modified_ns: int


@dataclass(frozen=True, slots=True)
class Content:
    """What a file holds: its SHA-256, and the encoding of its text."""

    file_id: str
    encoding: str


def scan(landing: Path, source: str) -> Iterator[Found]:
    """Give every file below landing/<source>/ that is to be taken in, in the order of their paths.

    Left alone: hidden files, and everything whose name ends in none of `KINDS`, as that of a file does
    which a browser or a copy is still writing; and links that lead out of landing/.
    """
    root, inside = landing / source, landing.resolve()
    for folder, folders, names in os.walk(root):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(names):
            file = Path(folder) / name
            if name.startswith((".", "~")) or not name.lower().endswith(KINDS) or not file.is_file():
                continue
            if file.is_symlink() and not file.resolve().is_relative_to(inside):
                continue
            try:
                told = file.stat()
            except FileNotFoundError:  # taken away while the folder was read
                continue
            path = file.relative_to(landing).as_posix().encode(errors="backslashreplace").decode()
            yield Found(file, path, told.st_size, told.st_mtime_ns)


def read_content(file: Path) -> Content:
    """Read the whole file once: its SHA-256, and whether its text is UTF-8 (else it is Latin-1)."""
    digest, decoder = hashlib.sha256(), codecs.getincrementaldecoder("utf-8")()
    is_utf8 = True
    with file.open("rb") as stream:
        while chunk := stream.read(1 << 20):
            digest.update(chunk)
            if is_utf8:
                try:
                    decoder.decode(chunk)
                except UnicodeDecodeError:
                    is_utf8 = False
    return Content(digest.hexdigest(), "utf-8" if is_utf8 else "latin-1")
