"""Compiles what a start imports, and nothing else: `compiled.py BENTO`, with the image's own Python.

The root is read-only at run time, so what is not compiled here is compiled at every start of every worker. All modules
compiled are 60 MB, those of a start half of it. They are not compared with their sources' times, which builders change.
"""

import importlib
import py_compile
import sys
from pathlib import Path

ALSO = (  # what a worker imports beside the service
    *("bentoml_cli.cli", "bentoml_cli.serve", "_bentoml_impl.server.serving", "_bentoml_impl.worker.service"),
    *("circus.arbiter", "circus.watcher", "circus.sockets", "uvicorn.server", "uvicorn.loops.auto", "uvloop"),
    *("uvicorn.protocols.http.httptools_impl", "uvicorn.lifespan.on", "_bentoml_impl.server.app", "psycopg"),
    *("service.experiments.opening", "sqlalchemy.dialects.sqlite", "sqlalchemy.dialects.postgresql", "sqlite3"),
    *("alembic.command", "encodings.idna", "opentelemetry.instrumentation.asgi"),
)


def main(bento: str) -> None:
    """Import, and compile what that brought."""
    import bentoml

    bentoml.load(bento)
    for name in ALSO:
        importlib.import_module(name)
    bytes_of_all = 0
    for module in list(sys.modules.values()):
        source = getattr(module, "__file__", None) or ""
        if source.endswith(".py"):
            made = py_compile.compile(
                source, doraise=True, invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH
            )
            bytes_of_all += Path(str(made)).stat().st_size
    print(f"compiled: {bytes_of_all / 1e6:.1f} MB")


if __name__ == "__main__":
    main(sys.argv[1])
