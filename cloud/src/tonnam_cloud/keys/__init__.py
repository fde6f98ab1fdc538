"""The keys with which the cloud signs what it tells nodes."""
