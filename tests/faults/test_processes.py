"""The processes of the suite: one that ends by itself is noticed."""

from __future__ import annotations

from pathlib import Path
from random import Random

import pytest

from tests.faults.processes import Addresses, NodeProcess


async def test_node_that_ends_before_it_says_a_word_is_not_waited_for(tmp_path: Path) -> None:
    node = NodeProcess("node-1", tmp_path, Addresses("mqtt://nowhere", ""), Random(1), "no_such_program")
    await node.start()
    with pytest.raises(AssertionError, match="node-1 ended with 1"):
        await node.says(node.running, "its first word")
    await node.stop()
