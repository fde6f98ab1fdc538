"""After a memory that is lost: nobody knows what was dosed, what stands in the lines, nor what is left in the tanks.

Unknown counts as used: an hour passes before the first pulse, each line is rinsed before what fights its liquids, and
each tank waits for a person at the controller who says that it is full. The day's cap begins anew: nobody could lift
it, and a zone that takes no plain water would have none for a day.
"""

from __future__ import annotations

from tonnam_edge.core.dosing.kept import Kept, Residue, Spent
from tonnam_edge.core.dosing.ledger import COPIED
from tonnam_edge.site.site import Site


def count_as_used(kept: Kept, site: Site) -> None:
    """Fill the books of dosing with the most that can have been."""
    for part in site.file.injector:
        stock = kept.stock(part.id)
        stock.used_ml = max(stock.used_ml, part.stock_l * 1000)
        stock.hour = [Spent(COPIED, 0, 0, part.max_hour_ml)]
        kept.boot = COPIED
    for line in site.file.mixing_line:
        liquids = {part.liquid for part in site.file.injector if part.line == line.id}
        kept.lines[line.id] = Residue(sorted(liquids))
