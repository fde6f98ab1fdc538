"""Every slice that has tables, one line each, so that `Base.metadata` is whole. Migrations and tests import this."""

from tonnam_cloud.alerts import models as alerts
from tonnam_cloud.database import Base
from tonnam_cloud.people import models as people
from tonnam_cloud.registry import models as registry

metadata = Base.metadata

__all__ = ["alerts", "metadata", "people", "registry"]
