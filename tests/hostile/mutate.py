"""Honest bytes made a little wrong."""

from __future__ import annotations

import random

MOST_BYTES = 1 << 18


def mutated(dice: random.Random, content: bytes, pieces: list[bytes]) -> bytes:
    """*content* with up to some dozen changes: bytes turned, cut, doubled, moved, and *pieces* put in."""
    changed = bytearray(content)
    for _ in range(int(dice.expovariate(0.3))):
        start = dice.randrange(len(changed) + 1)
        end = min(len(changed), start + int(dice.expovariate(0.05)))
        match dice.randrange(6):
            case 0:
                changed[start:end] = dice.randbytes(end - start)
            case 1:
                del changed[start:end]
            case 2:
                changed[start:start] = changed[start:end] * dice.choice((1, 2, 100))
            case 3:
                changed[start:end] = dice.choice(pieces)
            case 4:
                changed[start:start] = dice.choice(pieces) * dice.choice((1, 1, 1, 3, 1000))
            case 5 if changed:
                changed[start % len(changed)] ^= 1 << dice.randrange(8)
    return bytes(changed[:MOST_BYTES])


def cut(dice: random.Random, content: bytes) -> list[bytes]:
    """*content* in some pieces."""
    places = sorted(dice.randrange(len(content) + 1) for _ in range(dice.randrange(4)))
    return [content[a:b] for a, b in zip([0, *places], [*places, len(content)], strict=True) if a < b]
