"""From what a user typed to files: names, folders, patterns."""

import os
from collections.abc import Iterable, Iterator
from pathlib import Path

STEM_BYTES = 160
"""What a drawn picture's name repeats of a file's at most: file systems take 255 in all."""
_UNSEEN = {"thumbs.db", "desktop.ini"}


def find_media(paths: Iterable[str | Path]) -> Iterator[Path]:
    """The files that `paths` name, each real file once, in sorted order within each path.

    Folders are searched through and through (links too; loops end), and a pattern with `*`, `?`,
    `[` or `**` that is no existing name is expanded. Every file of a folder is given, whatever it
    is, save hidden ones. What cannot be found or opened is given as well (a missing file, a pattern
    without match, a folder that is empty or locked): `read_picture` then says why.
    """
    seen: set[str] = set()
    for path in map(Path, paths):
        for found in _expand(path):
            identity = real_name(found)
            if identity not in seen:
                seen.add(identity)
                yield found


def files_below(folder: Path) -> Iterator[Path]:
    """Every file of a folder as `find_media` gives them, links to the same file each by its name;
    the folder itself where it is empty or locked."""
    return _expand(folder)


def _expand(path: Path) -> Iterator[Path]:
    starts = [path] if os.path.lexists(path) or not _has_magic(str(path)) else _match(path)
    found_any = False
    for start in starts:
        for file in _walk(start):
            found_any = True
            yield file
    if not found_any:
        yield path


def _walk(start: Path) -> Iterator[Path]:
    """Files below `start` (or `start` itself), depth first by name; each folder is entered once."""
    entered: set[tuple[int, int]] = set()
    stack = [start]
    while stack:
        path = stack.pop()
        if not os.path.isdir(path):  # noqa: PTH112 - Path.is_dir raises where a parent is locked
            yield path
            continue
        try:
            status = path.stat()
            children = sorted(path.iterdir(), reverse=True)
        except OSError:
            yield path
            continue
        if (status.st_dev, status.st_ino) not in entered:
            entered.add((status.st_dev, status.st_ino))
            stack.extend(child for child in children if not _is_hidden(child.name))


def _match(pattern: Path) -> list[Path]:
    """What a pattern stands for; Path.glob, unlike glob.glob, does not follow links into loops."""
    root, parts = Path(pattern.anchor), list(pattern.relative_to(pattern.anchor).parts)
    while parts and (not _has_magic(parts[0]) or os.path.lexists(root / parts[0])):
        root /= parts.pop(0)
    try:
        matches = sorted(root.glob(str(Path(*parts))))
    except (OSError, ValueError):
        return []
    return [match for match in matches if not any(map(_is_hidden, match.relative_to(root).parts))]


def _has_magic(name: str) -> bool:
    return any(character in name for character in "*?[")


def _is_hidden(name: str) -> bool:
    return name.startswith(".") or name.lower() in _UNSEEN


def drawn_stem(number: int, path: str) -> str:
    """How the names of pictures begin that are drawn of a file, the `number`-th of all: 00001-NAME.

    Of its own name that repeats at most STEM_BYTES, without what a shell would take for more.
    """
    stem = "".join(c if c.isalnum() or c in "-_." else "_" for c in Path(path).stem)
    return f"{number:05d}-{stem.encode()[:STEM_BYTES].decode(errors='ignore')}"


def real_name(path: Path) -> str:
    """The absolute path without links, whether or not there is such a file."""
    try:
        return os.path.normcase(os.path.realpath(path))
    except (OSError, ValueError):
        return str(path)
