"""IDs, composed of fields or generated from them.

Composed: the fields joined by "/".  A "/" within a field is doubled, so that other fields never make the
same ID: Store 1, Day 14/07 is "1/14//07", Store 1/14, Day 07 would be "1//14/07".

Generated: a digest of the named fields and the number of the occurrence, counted in the file.  So two
sales that are alike stay two, and a file that repeats rows of an earlier one, in whatever order, makes
the same IDs again.  It is the fields as the file has them, without the blanks around them, that count.
"""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import blake2b
from typing import Final

from dorimportd.parse.values import BadValue, read_text, refuse_long

JOINT: Final = "/"

# Eighty bits: among a hundred million transactions two with one digest are not to be expected (4e-9).
DIGEST_BYTES: Final = 10


def read_part(text: str) -> str:
    """A field of a composed ID, ready to be joined.

    Raises BadValue, also where it begins or ends with the joint: doubled, it would stand beside another.
    """
    part = read_text(text)
    if JOINT not in part:
        return part
    if part.startswith(JOINT) or part.endswith(JOINT):
        raise BadValue(f"begins or ends with {JOINT!r}, which joins the parts of the ID")
    return part.replace(JOINT, 2 * JOINT)


def compose(fields: Sequence[str]) -> str:
    """The ID that *fields* make together.

    Raises BadValue.
    """
    joined = JOINT.join(map(read_part, fields))
    refuse_long(joined)
    return joined


class Generator:
    """Makes the IDs of one file's rows; it remembers each digest, some 120 bytes."""

    def __init__(self) -> None:
        self._occurrences: dict[bytes, int] = {}

    def generate(self, fields: Sequence[str]) -> str:
        """The ID of the next row that has these *fields*.

        Raises BadValue when they are all empty, since then nothing tells the row from others.
        """
        stripped = [field.strip() for field in fields]
        if not any(stripped):
            raise BadValue("is empty")
        # A NUL stands in no file that is read, so that other fields never make the same text.
        text = "\0".join(stripped).encode("utf-8", "surrogatepass")
        digest = blake2b(text, digest_size=DIGEST_BYTES).digest()
        occurrence = self._occurrences.get(digest, 0) + 1
        self._occurrences[digest] = occurrence
        return f"{digest.hex()}-{occurrence}"
