"""Look at landing/: which files lie there, and what each holds, by content."""

import codecs
import gzip
import hashlib
import io
import os
import shutil
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, cast

from backports import zstd

from warehouse.errors import TillageError

PACKED = (".gz", ".zst")
_HIDDEN = (".", "~")
_SHUT = (
    "the user that Tillage runs as may not list it, or not open what is in it: it takes both rights, r and x"
)
TEXTS = (".csv", ".tsv", ".txt")
JSON_LINES = (".jsonl", ".ndjson", ".json")
# So little that most chunks of a text in few accents are plain ASCII, which is told without decoding it.
CHUNK = 1 << 16
# What the engine reads as it is; text in any other encoding is copied for it.
NATIVE = ("utf-8", "latin-1")

# Characters that rows need care for; where a file holds none of them, nobody has to look.
CAREFUL = '\0\t\xa0"'
CONTROLS = bytes(range(0x80, 0xA0))
NOT_CONTROLS = bytes(set(range(256)) - set(CONTROLS))
NOT_WINDOWS = set(b"\x81\x8d\x8f\x90\x9d")  # what Windows-1252 leaves empty


@dataclass(frozen=True, slots=True)
class Found:
    """A file in landing/, as the file system tells it."""

    file: Path
    path: str
    size: int
    modified_ns: int


@dataclass(frozen=True, slots=True)
class Content:
    """What a file holds: its SHA-256, the encoding of its text, and which of `CAREFUL` stand in it."""

    file_id: str
    encoding: str
    holds: str = CAREFUL


def packed_too(endings: tuple[str, ...]) -> tuple[str, ...]:
    """The endings, and those of such files packed."""
    return (*endings, *(text + packed for text in endings for packed in PACKED))


def is_json(file: Path) -> bool:
    """Whether it holds lines of JSON, by its name."""
    return file.name.lower().endswith(packed_too(JSON_LINES))


def scan(landing: Path, source: str, kinds: tuple[str, ...]) -> Iterator[Found]:
    """Give every file below landing/<source>/ that is to be taken in, in the order of their paths.

    Left alone: hidden files, and everything whose name ends in none of `kinds`, as that of a file does
    which a browser or a copy is still writing; and links that lead out of landing/.
    """
    root, inside = landing / source, landing.resolve()
    for folder, folders, names in os.walk(root):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(names):
            file = Path(folder) / name
            if name.startswith(_HIDDEN) or not name.lower().endswith(kinds) or not _is_taken(file, inside):
                continue
            try:
                told = file.stat()
            except OSError:  # taken away, or closed to us, while the folder was read
                continue
            yield Found(file, _told(file, landing), told.st_size, told.st_mtime_ns)


def passed_over(landing: Path, kinds: Mapping[str, tuple[str, ...]]) -> Iterator[tuple[str, str]]:
    """Give what lies below landing/ and is left alone, with the reason; nothing is said of hidden files.

    Args:
        landing: The folder landing/.
        kinds: How the names of files that are taken in end, by their folder.
    """
    known = " or ".join(f"{name}/" for name in kinds)
    inside = landing.resolve()
    if _is_shut(landing):
        yield _told(landing, landing), _SHUT
    for entry in visible(landing):
        if entry.name not in kinds and (not _is(Path.is_dir, entry) or _is_shut(entry) or visible(entry)):
            yield (
                _told(entry, landing),
                f"files are taken in from {known}, each of a kind of rows; move it there",
            )
    for name, endings in kinds.items():
        if _is_shut(landing / name):
            yield _told(landing / name, landing), _SHUT
            continue
        taken = {found.file for found in scan(landing, name, endings)}
        holding = {folder for file in taken for folder in file.parents}
        for folder, folders, names in os.walk(landing / name):
            folders[:] = sorted(each for each in folders if not each.startswith("."))
            for each in sorted([*folders, *names]):
                file = Path(folder) / each
                if file in taken or file in holding or each.startswith(_HIDDEN):
                    continue
                if why := _why(file, endings, inside):
                    yield _told(file, landing), why
            # Of what lies in one that is shut nothing can be known.
            folders[:] = [each for each in folders if not _is_shut(Path(folder) / each)]


def visible(folder: Path) -> list[Path]:
    """What is in a folder and not hidden; nothing where it cannot be read, or is not there."""
    _, folders, names = next(os.walk(folder), ("", [], []))
    return [folder / name for name in sorted([*folders, *names]) if not name.startswith(_HIDDEN)]


def _why(file: Path, endings: tuple[str, ...], inside: Path) -> str | None:
    """Why nothing is taken in from a file or folder.

    None of a folder like any other, and of what came or went since files were looked for: the next look tells.
    """
    is_kind = file.name.lower().endswith(endings)
    if _is(Path.is_dir, file):
        if _is(Path.is_symlink, file):
            return "it is a link to a folder, which is not followed"
        if _is_shut(file):
            return _SHUT
        return "it is a folder with the name of a file" if is_kind else None
    if not os.path.lexists(file):
        return None
    if not is_kind:
        plain = ", ".join(ending for ending in endings if not ending.endswith(PACKED))
        return f"its name ends in none of {plain} (text and JSON also packed, {' or '.join(PACKED)})"
    if _is_taken(file, inside):
        return None
    return (
        "it is a link that leads out of landing/, or nowhere"
        if _is(Path.is_symlink, file)
        else "it is no ordinary file"
    )


def _is(kind: Callable[[Path], bool], file: Path) -> bool:
    """Whether it is of a kind; no where it may not be looked at."""
    try:
        return kind(file)
    except PermissionError:
        return False


def _is_taken(file: Path, inside: Path) -> bool:
    """Whether it is an ordinary file, or a link to one in landing/."""
    return _is(Path.is_file, file) and (
        not _is(Path.is_symlink, file) or file.resolve().is_relative_to(inside)
    )


def _is_shut(folder: Path) -> bool:
    """Whether it is a folder whose files may not be listed, or not be opened."""
    return _is(Path.is_dir, folder) and not os.access(folder, os.R_OK | os.X_OK)


def read_content(file: Path) -> Content:
    """Read the whole file once: its SHA-256, the encoding of its text, and which characters need care."""
    digest = hashlib.sha256()
    with file.open("rb") as stream:
        if _is_packed(file):
            while chunk := stream.read(CHUNK):
                digest.update(chunk)
            encoding, holds = "utf-8", CAREFUL
            # One that is damaged has a content all the same: it is refused when its rows are read.
            with suppress(TillageError), _unpacked(file) as text:
                encoding, holds = _look_at(text)
            return Content(digest.hexdigest(), encoding, holds)
        encoding, holds = _look_at(stream, digest.update)
    return Content(digest.hexdigest(), encoding, holds)


def plain_text(file: Path, encoding: str, folder: Path) -> tuple[Path, str]:
    """Give the text of a file as one that the engine reads, and its encoding: itself, or a copy in `folder`."""
    if not _is_packed(file) and encoding in NATIVE:
        return file, encoding
    copy = folder / "plain.csv"
    try:
        with (
            _unpacked(file) as packed,
            io.TextIOWrapper(packed, encoding=encoding, newline="") as text,
            copy.open("w", encoding="utf-8", newline="") as plain,
        ):
            shutil.copyfileobj(text, plain, CHUNK)
    except UnicodeDecodeError as error:
        raise TillageError(f"its text is not {encoding}, as its first bytes say: {error.reason}") from error
    return copy, "utf-8"


@contextmanager
def _unpacked(file: Path) -> Iterator[IO[bytes]]:
    """Open a file, packed or not.

    Raises:
        TillageError: If it is packed and cut or damaged.
    """
    try:
        with _open(file) as stream:
            yield stream
    except (EOFError, gzip.BadGzipFile, zlib.error, zstd.ZstdError) as error:
        kind = "zstd" if file.suffix.lower() == ".zst" else "gzip"
        raise TillageError(f"it is not whole, or no {kind} file: {error}. Pack it again.") from error


def _told(file: Path, landing: Path) -> str:
    return file.relative_to(landing).as_posix().encode(errors="backslashreplace").decode()


def _is_packed(file: Path) -> bool:
    return file.suffix.lower() in PACKED


def _open(file: Path) -> IO[bytes]:
    if not _is_packed(file):
        return file.open("rb")
    return cast("IO[bytes]", zstd.open(file) if file.suffix.lower() == ".zst" else gzip.open(file))


def _look_at(stream: IO[bytes], hear: Callable[[bytes], object] | None = None) -> tuple[str, str]:
    """Tell the encoding of a text, and which of `CAREFUL` stand in it.

    UTF-16 is known by its mark, UTF-8 if all of it is, else it is Windows-1252 or Latin-1. Those two differ
    in the bytes 80 to 9F alone: quotes, dashes and the euro in the one, control characters that nobody
    writes in the other.
    """
    decoder, is_utf8, holds = codecs.getincrementaldecoder("utf-8")(), True, set[str]()
    start = b""
    while chunk := stream.read(CHUNK):
        if hear is not None:
            hear(chunk)
        start = start or chunk[:2]
        holds |= {each for each in CAREFUL if each not in holds and each.encode("latin-1") in chunk}
        if is_utf8 and not (chunk.isascii() and not decoder.getstate()[0]):
            try:
                decoder.decode(chunk)
            except UnicodeDecodeError:
                is_utf8 = False
    if start in {codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE}:
        return "utf-16", CAREFUL
    return "utf-8" if is_utf8 else _single_byte(stream), "".join(sorted(holds))


def _single_byte(stream: IO[bytes]) -> str:
    found: set[int] = set()
    stream.seek(0)
    while chunk := stream.read(CHUNK):
        found |= set(chunk.translate(None, NOT_CONTROLS))
    return "cp1252" if found and not found & NOT_WINDOWS else "latin-1"
