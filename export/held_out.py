"""The held-out rows of a version once more, from what it was delivered from.

A bundle keeps their number and their digest, not the rows: the recipe, or the sample, is asked
again, and other rows than those of the delivery are refused.
"""

import sys
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

from delivery.bundle_writer import frame_digest
from delivery.errors import DeliveryError, first_line
from delivery.inputs.pipeline_columns import with_inputs_as_fitted
from delivery.inputs.signature import rows_of
from delivery.recipe import Recipe
from delivery.request import Report
from delivery.sources.source import load_source, modules_of
from export.errors import ExportError
from export.request import ExportRequest
from service.bundle import Manifest


def held_out_rows(
    manifest: Manifest, request: ExportRequest, report: Report
) -> list[dict[str, Any]]:
    """Every held-out row, as JSON has it; raises ExportError."""
    path = request.source or Path(manifest.source["path"])
    report(f"asking {path} for the held-out rows again")
    recipe = _recipe(manifest, path, request, report)
    if len(recipe.held_out) != manifest.held_out_rows or (
        manifest.held_out_sha256 not in ("", frame_digest(recipe.held_out))
    ):
        raise ExportError(
            f"{path} holds out other rows than at the delivery of {manifest.version}: nothing "
            f"would certify the export. Restore its data, or deliver it under a new name"
        )

    return rows_of(recipe.held_out)


def _recipe(manifest: Manifest, path: Path, request: ExportRequest, report: Report) -> Recipe:
    if not path.exists():
        raise ExportError(
            f"{path}, from which {manifest.version} was delivered, is not there, and its held-out "
            f"rows certify an export: name it with --from"
        )

    outputs = () if path.suffix == ".py" else (manifest.output,)
    try:
        # What a recipe prints is none of our lines.
        with redirect_stdout(sys.stderr), modules_of(path):
            loaded = load_source(
                path, request.sample, request.label, report, outputs, request.trusted
            )
            recipe = with_inputs_as_fitted(loaded.recipe, report)
    except DeliveryError as error:
        raise ExportError(str(error)) from error
    except OSError:
        raise
    # A recipe may raise what it likes.
    except Exception as error:
        raise ExportError(f"{path} failed: {first_line(error)}") from error

    if loaded.sha256 != manifest.source["sha256"]:
        raise ExportError(
            f"{path} was changed since {manifest.version} was delivered: restore it, or deliver "
            f"it under a new name"
        )

    return recipe
