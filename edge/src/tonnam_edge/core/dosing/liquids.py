"""Which liquids may stand in a line together, and in which groups a recipe is dosed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from tonnam_edge.site.dosing_file import Liquid

# Never in a line without a rinse between. A has calcium and B sulphate and phosphate: together they fall out as
# stone. Acid and hypochlorite make chlorine gas, hypochlorite with ammonium chloramine. What a "fertiliser" has in it
# is not known, so it is kept apart from A and from B.
INCOMPATIBLE: frozenset[frozenset[Liquid]] = frozenset(
    frozenset(pair)
    for pair in (
        ("a", "b"),
        ("a", "base"),
        ("a", "fertiliser"),
        ("b", "fertiliser"),
        ("acid", "base"),
        ("acid", "hypochlorite"),
        ("hypochlorite", "a"),
        ("hypochlorite", "b"),
        ("hypochlorite", "fertiliser"),
    )
)


def compatible(liquid: str, others: Iterable[str]) -> bool:
    """Whether a liquid may come into a line in which these are."""
    return all(liquid == other or frozenset((liquid, other)) not in INCOMPATIBLE for other in others)


def groups(injectors: Sequence[str], liquids: Mapping[str, str]) -> tuple[tuple[str, ...], ...]:
    """The injectors in groups that may dose without a rinse between, in the order in which they are named.

    What fights nothing of a group has its part in that, too: acid goes with A, and again with B.
    """
    found: list[list[str]] = []
    for injector in injectors:
        home = next((g for g in found if compatible(liquids[injector], (liquids[each] for each in g))), None)
        if home is None:
            found.append([injector])
        else:
            home.append(injector)
    for injector in injectors:
        for group in found:
            if injector not in group and compatible(liquids[injector], (liquids[each] for each in group)):
                group.append(injector)
    return tuple(tuple(group) for group in found)
