"""Errors of the cloud, split by what the caller does next."""

from __future__ import annotations


class CloudError(Exception):
    """Base of every error that the cloud raises on purpose. Its text is one clear line."""


class Transient(CloudError):
    """Something that the cloud needs is away or busy: nothing was lost, try the same again later."""


class Rejected(CloudError):
    """What was asked or sent can never be taken as it is: do not try it again."""


class Misconfigured(CloudError):
    """A person has to change a setting or a file first."""
