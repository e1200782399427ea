"""The kind of each column of a signature."""

from service.bundle import BundleError, Column, ValueForm
from service.columns.arrays import Arrays
from service.columns.dates_and_times import Dates, Times
from service.columns.decimals import Decimals
from service.columns.encoded_bytes import EncodedBytes
from service.columns.iso_datetimes import Datetimes
from service.columns.iso_durations import Durations
from service.columns.kind import ColumnKind
from service.columns.periods import Periods
from service.columns.plain import Plain, UnsignedNumbers

PLAIN = ("float", "int", "bool", "string")


def column_kind(column: Column) -> ColumnKind:
    """How the values of a column travel and are held; raises BundleError for an unknown kind."""
    if column.dtype in PLAIN:
        return _plain(column)

    form = column.form or ValueForm()
    match column.dtype:
        case "datetime":
            return Datetimes(form.unit, form.zone is not None)
        case "duration":
            return Durations(form.unit)
        case "date":
            return Dates()
        case "time":
            return Times(form.unit)
        case "decimal":
            return Decimals(form.digits, form.scale)
        case "bytes":
            return EncodedBytes()
        case "period":
            return Periods(form.frequency)
        case "array":
            return Arrays(form, column.nullable)
        case unknown:
            raise BundleError(
                f"column {column.name!r} is {unknown}, a kind that this Sluice does not know: "
                f"serve the bundle with the Sluice that delivered it, or a newer one"
            )


def _plain(column: Column) -> ColumnKind:
    held = ""
    if column.frame is not None:
        # pandas' dtypes have numpy's names with a capital letter, or with a library: int8[pyarrow].
        held = column.frame.dtype.partition("[")[0].lower()

    if column.dtype == "int" and held == "uint64":
        return UnsignedNumbers(column.dtype, held, column.nullable)

    return Plain(column.dtype, held, column.nullable)
