"""The packages that Sluice's own code imports, without versions, by what a process does."""

SERVER = (
    "gunicorn",
    "gunicorn-h1c",
    "uvloop",
    "httptools",
    "a2wsgi",
    "flask",
    "werkzeug",
    "msgspec",
    "prometheus-client",
    "python-json-logger",
    "numpy",
)
# Where spans are asked for (traces.endpoint).
TRACES = ("opentelemetry-sdk", "opentelemetry-exporter-otlp-proto-http")
SERVICE = (*SERVER, "cryptography", "pyyaml")
RUNTIMES = {"onnx": ("onnxruntime",), "sklearn": ("scikit-learn", "scipy", "pandas", "joblib")}
# Of a version served by scikit-learn whose frame has columns that pyarrow holds.
ARROW = ("pyarrow",)
# Of a run over files at any address.
FILES = ("msgspec", "numpy", "cryptography", "pyyaml", "pyarrow", "fsspec", "aiohttp")
# The same on this machine, or on Dask.
BATCH = (*FILES, "distributed")
# In a dyno, which keeps no file: they are in an object store.
DYNO_FILES = (*FILES, "s3fs")
ROUTER = (*SERVER, "sqlalchemy", "psycopg[binary]", "httpx", "itsdangerous", "markupsafe")
DELIVERY = (
    "scikit-learn",
    "scipy",
    "pandas",
    "numpy",
    "joblib",
    "pyarrow",
    "onnx",
    "skl2onnx",
    "onnxruntime",
    "cryptography",
    "pyyaml",
    "msgspec",
    "packaging",
    "uv",
)
