"""Episodes of thousands of runs, from one columnar file per sweep.

Reading text is what takes time: the columns of every ``episodes.csv`` are kept in
``<sweep>/.episodes-v1.cache`` and mapped into memory from there, so that a report neither parses them again
nor holds them all. An entry counts while size and modification time of its ``episodes.csv`` are what they
were; a cache that is damaged, or of another version, is written anew. It can be deleted at any time.

Layout: magic, then per run one block per column (8-byte aligned), then the index as JSON, then its length and
checksum (two little-endian 32-bit numbers).
"""

from __future__ import annotations

import json
import os
import struct
import sys
import zlib
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import numpy.typing as npt

from analysis.episodes import DTYPES, Episodes
from harness.records import RecordError, RunRecord

CACHE_NAME = ".episodes-v1.cache"
CACHED_FROM = 4 << 20
"""Bytes of new text from which on it is worth a cache."""
PARALLEL_FROM = 32 << 20
"""Bytes of new text from which on several processes read it."""

_MAGIC = b"EPISODE1"
_TAIL = struct.Struct("<II")


@dataclass(frozen=True)
class _Stamp:
    size: int
    mtime_ns: int


@dataclass(frozen=True)
class _Block:
    stamp: _Stamp
    offset: int
    rows: int


def read_episodes(
    directory: Path, records: Sequence[RunRecord], *, cached_from: int = CACHED_FROM
) -> list[Episodes | RecordError]:
    """Episodes of each run, in order, or the error that names its damaged file.

    Args:
        directory: of the sweep, where the cache lies; where it cannot be written everything is read anew.
        records: runs below it.
        cached_from: bytes of new text from which on the cache is written.
    """
    stamps = [_stamp(record.episodes_file) for record in records]
    cache = _Cache.open(directory / CACHE_NAME)
    new = [
        index
        for index, (record, stamp) in enumerate(zip(records, stamps, strict=True))
        if stamp is not None and cache.get(_key(directory, record), stamp) is None
    ]
    size = sum(stamp.size for index in new if (stamp := stamps[index]) is not None)
    parsed = zip(new, _parse([records[index] for index in new], size), strict=True)
    found: dict[int, Episodes | RecordError] = {}
    if size >= cached_from:
        try:
            with _Writer(directory / CACHE_NAME) as writer:
                for record, stamp in zip(records, stamps, strict=True):
                    key = _key(directory, record)
                    kept = None if stamp is None else cache.get(key, stamp)
                    if kept is not None and stamp is not None:
                        writer.add(key, stamp, kept)
                for index, result in parsed:
                    stamp = stamps[index]
                    if isinstance(result, RecordError) or stamp is None:
                        found[index] = result
                    else:
                        writer.add(_key(directory, records[index]), stamp, result)
            cache = _Cache.open(directory / CACHE_NAME)
        except OSError:
            found.update(
                zip(new, _parse([records[index] for index in new], size), strict=True)
            )  # no room for a cache
    else:
        found.update(parsed)
    results: list[Episodes | RecordError] = []
    for index, (record, stamp) in enumerate(zip(records, stamps, strict=True)):
        if stamp is None:
            found[index] = Episodes.none()
        elif index not in found:
            kept = cache.get(_key(directory, record), stamp)
            # None: another report has replaced the cache since, or it cannot be mapped here.
            found[index] = _parse_one(record) if kept is None else kept
        results.append(found[index])
    return results


def _key(directory: Path, record: RunRecord) -> str:
    return str(record.directory.relative_to(directory))


def _stamp(path: Path) -> _Stamp | None:
    try:
        status = path.stat()
    except FileNotFoundError:
        return None
    return _Stamp(status.st_size, status.st_mtime_ns)


def _parse(records: Sequence[RunRecord], size: int) -> Iterator[Episodes | RecordError]:
    processes = min(os.cpu_count() or 1, 8)
    if size < PARALLEL_FROM or processes == 1:
        yield from map(_parse_one, records)
        return
    # A spawned process runs the caller's script again, which breaks scripts without a main guard.
    context = get_context("fork" if sys.platform == "linux" else "spawn")
    with ProcessPoolExecutor(processes, mp_context=context) as pool:
        yield from pool.map(_parse_one, records, chunksize=16)


def _parse_one(record: RunRecord) -> Episodes | RecordError:
    try:
        return Episodes.of_frame(record.episodes())
    except RecordError as error:
        return error


class _Cache:
    """Read side: blocks by key."""

    def __init__(self, data: npt.NDArray[np.uint8], blocks: dict[str, _Block]) -> None:
        self._data = data
        self._blocks = blocks

    @classmethod
    def open(cls, path: Path) -> _Cache:
        """The cache at ``path``, or an empty one where there is none that can be read."""
        try:
            data = np.memmap(path, dtype=np.uint8, mode="r")
            length, checksum = _TAIL.unpack(data[-_TAIL.size :].tobytes())
            text = data[-_TAIL.size - length : -_TAIL.size].tobytes()
            if data[: len(_MAGIC)].tobytes() != _MAGIC or zlib.crc32(text) != checksum:
                raise ValueError("damaged")
            blocks = {
                key: _Block(_Stamp(size, mtime), offset, rows)
                for key, size, mtime, offset, rows in json.loads(text)
            }
        except (OSError, ValueError, struct.error):
            return cls(np.empty(0, dtype=np.uint8), {})
        return cls(data, blocks)

    def get(self, key: str, stamp: _Stamp) -> Episodes | None:
        block = self._blocks.get(key)
        if block is None or block.stamp != stamp:
            return None
        columns, offset = {}, block.offset
        for name, kind in DTYPES.items():
            size = block.rows * np.dtype(kind).itemsize
            columns[name] = self._data[offset : offset + size].view(kind)
            offset += _aligned(size)
        return Episodes(**columns)


class _Writer:
    """Write side: aside, then renamed, so that a reader sees the old cache or the new one."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._aside = path.with_name(f"{path.name}.{os.getpid()}.tmp")
        self._index: list[tuple[str, int, int, int, int]] = []

    def __enter__(self) -> _Writer:
        self._file = self._aside.open("wb")
        self._file.write(_MAGIC)
        return self

    def add(self, key: str, stamp: _Stamp, episodes: Episodes) -> None:
        self._index.append((key, stamp.size, stamp.mtime_ns, self._file.tell(), len(episodes)))
        for name, kind in DTYPES.items():
            block = np.ascontiguousarray(getattr(episodes, name), dtype=kind).tobytes()
            self._file.write(block)
            self._file.write(bytes(_aligned(len(block)) - len(block)))

    def __exit__(self, kind: object, *_: object) -> None:
        try:
            if kind is None:
                text = json.dumps(self._index).encode()
                self._file.write(text + _TAIL.pack(len(text), zlib.crc32(text)))
                self._file.close()
                self._aside.replace(self._path)
        finally:
            self._file.close()
            self._aside.unlink(missing_ok=True)


def _aligned(size: int) -> int:
    return -(-size // 8) * 8
