"""The same over a cluster, through Ray Data: one task cuts the input, actors classify, and their results come back in
order.

The task that cuts runs on the machine that asked, so that the files have to be there alone, and the variant is sent to
the others. These need this project and its run-time libraries.
"""

import json
import logging
import tempfile
from collections.abc import Generator, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow
import ray
from ray.data import ActorPoolStrategy, DataContext, read_datasource
from ray.data.block import BlockMetadata
from ray.data.datasource import Datasource, ReadTask
from ray.exceptions import RayError

from models.predict.formats import LEAST_WINDOW, Window
from models.predict.variant import Variant
from models.predict.work import Done, Work, classify, windows
from models.runtime.card import CARD_FILE, CONTENT_FILES
from models.runtime.errors import BonsaiError

Files = dict[str, dict[str, bytes]]  # of every folder that a variant is loaded from


def over_ray(work: Work, at: int, line: int, processes: int | None) -> Generator[Done, None, None]:
    """Yield what comes of every window from there on, in their order (BonsaiError); one actor a CPU of the cluster
    unless told otherwise.
    """
    own = not ray.is_initialized()
    try:
        if own:
            ray.init(log_to_driver=False, include_dashboard=False, logging_level="ERROR")
        logging.getLogger("ray.data").setLevel(logging.ERROR)  # its plans and its progress: ours is shown
        context = DataContext.get_current().copy()
        context.execution_options.preserve_order = True
        context.enable_progress_bars = False
        context.target_max_block_size = LEAST_WINDOW  # or hundreds of windows become one block, for one actor
        with DataContext.current(context):
            rows = _dataset(work, at, line, processes or max(1, int(ray.cluster_resources().get("CPU", 1))))
            for block in rows.iter_batches(batch_size=None, batch_format="pyarrow"):
                for row in block.to_pylist():
                    if row["fault"]:
                        raise BonsaiError(row["fault"])
                    count, unusable, *place = json.loads(row["about"])
                    yield Done(row["data"], count, [(where, why) for where, why in unusable], *place)
    except (RayError, ConnectionError) as error:
        said = " ".join(str(error).split())[:200]
        raise BonsaiError(
            f"the cluster gave up ({type(error).__name__}: {said}); what is done is kept: run the same command again "
            "to go on"
        ) from error
    finally:
        if own:
            ray.shutdown()


def _dataset(work: Work, at: int, line: int, actors: int) -> Any:
    cut = read_datasource(Windows(work, at, line), override_num_blocks=1, num_cpus=0)
    return cut.map_batches(
        Classify,
        fn_constructor_args=(work, ray.put(_read(work.variant))),
        batch_size=1,
        batch_format="pyarrow",
        compute=ActorPoolStrategy(size=actors),
        num_cpus=1,
    )


class Windows(Datasource):  # type: ignore[misc,unused-ignore]
    """An input, cut into windows by one task, as fast as they are taken."""

    def __init__(self, work: Work, at: int, line: int) -> None:
        super().__init__()
        self._begin = work, at, line

    def estimate_inmemory_data_size(self) -> int | None:
        """Tell nothing: it is never in memory as a whole."""
        return None

    @property
    def supports_distributed_reads(self) -> bool:
        """The input lies on the machine that asks."""
        return False

    def get_read_tasks(
        self, parallelism: int, per_task_row_limit: int | None = None, data_context: Any = None
    ) -> list[Any]:
        """Return one task, which gives a block a window."""
        begin = self._begin
        about = BlockMetadata(num_rows=None, size_bytes=None, exec_stats=None, input_files=None)
        return [ReadTask(lambda: _blocks(*begin), about)]


def _blocks(work: Work, at: int, line: int) -> Iterator[Any]:
    try:
        for window in windows(work.source, at, line):
            yield _block(window.data, window[1:])
    except BonsaiError as error:
        yield _block(fault=str(error))


class Classify:
    """An actor that has the variant open."""

    def __init__(self, work: Work, files: Any) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="bonsai-predict-")
        variant = _write(work.variant, ray.get(files), Path(self._folder.name))
        self._work = replace(work, variant=variant)

    def __call__(self, block: Any) -> Any:
        """Classify the rows of a window."""
        (row,) = block.to_pylist()
        if row["fault"]:
            return block
        try:
            done = classify(self._work, Window(row["data"], *json.loads(row["about"])))
        except BonsaiError as error:
            return _block(fault=str(error))
        return _block(done.data, done[1:])


def _block(data: bytes = b"", about: Sequence[Any] = (), fault: str = "") -> Any:
    binary = pyarrow.array([data], pyarrow.large_binary())
    return pyarrow.table({"data": binary, "about": [json.dumps(about)], "fault": [fault]})


def _read(variant: Variant) -> Files:
    return {
        name: {file: (folder / file).read_bytes() for file in (CARD_FILE, *CONTENT_FILES) if (folder / file).exists()}
        for name, folder in variant.folders
    }


def _write(variant: Variant, files: Files, place: Path) -> Variant:
    for name, contents in files.items():
        (place / name).mkdir()
        for file, content in contents.items():
            (place / name / file).write_bytes(content)
    return variant._replace(folders=tuple((name, place / name) for name in files))
