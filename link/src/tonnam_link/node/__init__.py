"""The sending end: what an edge or a gateway runs."""
