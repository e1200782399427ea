"""The projects of the tests of deployment, for the targets too."""

from tests.deployment.conftest import _bytecode, project, running
from tests.postgres import postgres_server, postgres_url

__all__ = ["_bytecode", "postgres_server", "postgres_url", "project", "running"]
