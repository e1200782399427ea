"""Proves a version where it is going to run: loads its bundle and predicts its golden rows.

`python -m service.proof.self_test` reads the service's environment. It prints how many rows were
answered, or one line that names the file or row at fault and exits with 1: then the platform keeps
the release that served before.
"""

import sys

from service.bundle import BundleError, verify_bundle
from service.config import ServiceMisconfigured, from_environment
from service.proof.golden_rows import prove
from service.runtimes.load_model import load_model


def main() -> int:
    """Run the proof; returns the exit code."""
    try:
        config = from_environment()
        bundle = verify_bundle(config.bundle, config.public_key)
        model = load_model(bundle, config.runtime)
        answered = prove(bundle, model)
    except (BundleError, ServiceMisconfigured, ImportError) as error:
        print(error, file=sys.stderr)
        return 1

    print(f"{bundle.manifest.version}: {answered} golden rows answered by {model.name}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
