"""What befalls one node besides its link: its disk, its clock, its power."""

from __future__ import annotations

import asyncio
import signal
from random import Random

from tests.faults import disk
from tests.faults.cases import ClockJump, Damage, DiskFull, NodeFault, Outage, ReadOnly, Reboot, wrong_ms
from tests.faults.link_faults import Refuse
from tests.faults.processes import Boot, NodeProcess
from tests.faults.proxy import Proxy
from tonnam_link.clock import system_clock

LONGEST_AWAY_S = 60.0


class Trouble:
    """One node's. A fault is over when `befall` returns."""

    def __init__(self, node: NodeProcess, proxy: Proxy, dice: Random) -> None:
        self._node = node
        self._proxy = proxy
        self._dice = dice

    async def befall(self, fault: NodeFault) -> None:
        """Let it happen, from beginning to end."""
        self._node.check()
        match fault:
            case DiskFull():
                await self._fill(fault)
            case ReadOnly():
                await self._freeze(fault)
            case Damage():
                await self._damage(fault)
            case Outage():
                await self._proxy.strike(Refuse(fault.for_s)).over.wait()
            case Reboot():
                await self._reboot(fault)
            case ClockJump():
                await self._node.tell(f"wrong {wrong_ms(fault.clock, system_clock())}")

    async def _fill(self, fault: DiskFull) -> None:
        if fault.at_start:
            await self._node.kill()
            await self._node.start(disk_full=True)
            await self._node.says(self._node.running, "its first word")
            await asyncio.sleep(fault.for_s)
        else:
            disk.fill(self._node.pid, full=True)
            await asyncio.sleep(fault.for_s)
        disk.fill(self._node.pid, full=False)

    async def _freeze(self, fault: ReadOnly) -> None:
        if fault.at_start:
            await self._node.kill()
            with disk.locked_out(self._node.outbox):
                await self._node.start()
                await self._node.says(self._node.running, "its first word")
                await asyncio.sleep(fault.for_s)
        else:
            await self._node.tell("read-only on")
            await asyncio.sleep(fault.for_s)
            await self._node.tell("read-only off")

    async def _damage(self, fault: Damage) -> None:
        if fault.running:
            self._node.signal(signal.SIGSTOP)
            self._node.remark(disk.harm(self._node.outbox, fault.how, self._dice))
            self._node.signal(signal.SIGCONT)
        else:
            await self._node.kill()
            self._node.remark(disk.harm(self._node.outbox, fault.how, self._dice))
            await self._node.start()

    async def _reboot(self, fault: Reboot) -> None:
        """Without a link nobody tells the time."""
        await self._node.kill()
        away = self._proxy.strike(Refuse(LONGEST_AWAY_S))
        self._node.boot = Boot(wrong_ms(fault.clock, system_clock()))
        await self._node.start()
        await self._node.says(self._node.running, "its first word")
        await asyncio.sleep(fault.away_s)
        if fault.ends_untold:
            await self._node.kill()
            self._node.boot = Boot(wrong_ms("in time", system_clock()))
            await self._node.start()
        self._proxy.end(away)
        await self._node.says(self._node.synced, "the time")
