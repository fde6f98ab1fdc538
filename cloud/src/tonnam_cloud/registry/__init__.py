"""What the cloud knows of tenants, sites, nodes and datastreams, and what nodes have told of them."""
