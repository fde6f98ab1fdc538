"""The other end: what a cloud or a gateway runs for the nodes that send to it."""
