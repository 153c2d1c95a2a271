"""Values of `pool`: how a feature map, or the tokens of a transformer, become one vector."""

from __future__ import annotations

OWN = "default"
"""The pooling that a network was published with: the default of its library."""

POOLS = ("avg", "max", "cls", "flatten")
"""The other single poolings; several are joined by `+`, as in `avg+max`."""

KNOWN = f"it is {OWN}, one of {', '.join(POOLS)}, or several of these joined, as in avg+max"


def single_pools(pool: str | tuple[str, ...]) -> tuple[str, ...]:
    """Split a joined pooling, in order: `"avg+max"` and `("avg", "max")` give the same two.

    Raises
    ------
    ValueError
        A pooling is unknown or repeated, or the default is joined with another.
    """
    pools = tuple(pool.split("+")) if isinstance(pool, str) else pool
    if not (isinstance(pools, tuple | list) and all(isinstance(single, str) for single in pools)):
        raise ValueError(f"pool={pool} is not known; {KNOWN}")
    pools = tuple(pools)
    if pools == (OWN,):
        return pools
    if OWN in pools:
        raise ValueError(f"pool={'+'.join(pools)} joins a network's own pooling with another; {KNOWN}")
    for single in pools:
        if single not in POOLS:
            raise ValueError(f"pool={single} is not known; {KNOWN}")
    if not pools or len(set(pools)) < len(pools):
        raise ValueError(f"pool={'+'.join(pools)} joins a pooling with itself; {KNOWN}")
    return pools
