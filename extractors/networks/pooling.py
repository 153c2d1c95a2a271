"""What `pool` may be: how a map, or the tokens of a transformer, become one vector."""

from __future__ import annotations

POOLS = ("avg", "max", "cls", "flatten")
"""The single poolings; several are joined by `+`, as in `avg+max`."""

KNOWN = f"it is one of {', '.join(POOLS)}, or several joined, as in avg+max"


def single_pools(pool: str | tuple[str, ...]) -> tuple[str, ...]:
    """The poolings that are joined, in order: `"avg+max"` and `("avg", "max")` are both of these two.

    Raises
    ------
    ValueError
        One is not known, or is there twice.
    """
    pools = tuple(pool.split("+")) if isinstance(pool, str) else tuple(pool)
    for single in pools:
        if single not in POOLS:
            raise ValueError(f"pool={single} is not known; {KNOWN}")
    if not pools or len(set(pools)) < len(pools):
        raise ValueError(f"pool={'+'.join(pools)} joins a pooling with itself; {KNOWN}")
    return pools
