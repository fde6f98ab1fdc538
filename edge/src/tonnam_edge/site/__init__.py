"""The site file: what may stand in it, what must fit together, and the site that comes of it."""
