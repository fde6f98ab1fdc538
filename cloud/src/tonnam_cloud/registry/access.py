"""What the registry knows of nodes' access to the broker: password hashes, revocation, gateways."""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.orm import Session

from tonnam_cloud.broker.passwords import Hashes, fits, hashes_of
from tonnam_cloud.broker.rights import NodeAccess
from tonnam_cloud.errors import Rejected
from tonnam_cloud.registry import repository
from tonnam_cloud.registry.models import Node


def may_connect(session: Session) -> list[NodeAccess]:
    """Every node that is not revoked, by tenant and id."""
    columns = (Node.tenant, Node.id, Node.via, Node.password_bcrypt, Node.password_pbkdf2)
    rows = session.execute(select(*columns).where(Node.revoked_ms.is_(None)).order_by(Node.tenant, Node.id))
    return [
        NodeAccess(tenant, node, via, Hashes(for_nats, for_mosquitto) if for_nats and for_mosquitto else None)
        for tenant, node, via, for_nats, for_mosquitto in rows
    ]


def set_password(session: Session, tenant: str, node_id: str, password: str) -> bool:
    """Give a node this password in place of its old one; False when it has it already. Raises Rejected."""
    node = _node(session, tenant, node_id)
    if node.password_bcrypt is not None and fits(node.password_bcrypt, password):
        return False
    node.password_bcrypt, node.password_pbkdf2 = hashes_of(password)
    return True


def is_revoked(session: Session, tenant: str, node_id: str) -> bool:
    """Whether the node may not connect just now. Raises Rejected."""
    return _node(session, tenant, node_id).revoked_ms is not None


def revoke(session: Session, tenant: str, node_id: str, now_ms: int) -> bool:
    """Let the node neither connect nor send; False when that is so already. Raises Rejected.

    Its last will may never come, because some brokers publish none for a user that they do not know any more: so it
    is offline from now on, and with it the nodes behind it.
    """
    node = _node(session, tenant, node_id)
    if node.revoked_ms is not None:
        return False
    repository.presence(session, tenant, node_id, False, node.session or "", now_ms)
    node.revoked_ms = now_ms
    return True


def restore(session: Session, tenant: str, node_id: str) -> bool:
    """Let a revoked node connect again, with the password that it had; False when it was not revoked."""
    node = _node(session, tenant, node_id)
    revoked, node.revoked_ms = node.revoked_ms is not None, None
    return revoked


def _node(session: Session, tenant: str, node_id: str) -> Node:
    node = session.get(Node, (tenant, node_id), with_for_update=True)
    if node is None:
        raise Rejected(f"{tenant} {node_id} is not a node here: tonnam-cloud node add {tenant} {node_id}")
    return node
