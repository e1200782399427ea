"""The interpreter that a version will run on, in which it is proved before it exists."""

import sys
from pathlib import Path

from delivery.errors import DeliveryError
from delivery.request import DeliveryRequest, Report
from environments.environment_store import EnvironmentStore
from environments.errors import EnvironmentFailure
from environments.installed_packages import markers_here
from environments.installer import ROOT
from environments.lockfile import locked
from environments.specification import serving
from service.bundle import Manifest


def serving_python(request: DeliveryRequest, manifest: Manifest, report: Report) -> Path:
    """The interpreter of the stack, or of an environment with what the manifest requires.

    Raises DeliveryError where that cannot be built.
    """
    if request.stack is None or request.stack_python is None or request.environments is None:
        return Path(sys.executable)

    needs = manifest.requirements
    fits = all(request.stack.get(name) == version for name, version in needs.items())
    if fits or manifest.runtime.certified == "onnx":
        return request.stack_python

    try:
        lock = locked(ROOT / "requirements.txt", markers_here())
        specification = serving(needs, {}, lock, request.version)
        store = EnvironmentStore(request.environments)
        if store.find(specification) is None:
            report("building the environment that it is served in")
        return store.built(specification, report).python
    except EnvironmentFailure as error:
        raise DeliveryError(
            f"the environment that serves {request.version} cannot be built: {error}"
        ) from error
