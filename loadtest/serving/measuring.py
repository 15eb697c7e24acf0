"""All rounds: every server has its turn in each, and is measured at every point."""

import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from loadtest.ask.corpus import Question, shuffled
from loadtest.measurement.conditions import Watch
from loadtest.scenarios.plan import rotated
from loadtest.serving import in_process, points, servers
from loadtest.serving.asking import check_labels
from loadtest.serving.bodies import write_bodies
from loadtest.serving.points import LARGE, LARGE_TEXTS
from loadtest.serving.result import Figures, Options, Result, Round, write_result
from loadtest.serving.running import NotStartedError, Running, Setting, running
from loadtest.serving.telling import Told
from loadtest.serving.wrk import Load, NoLoadError, finish, run

CHECKED = 50  # texts, of which every server gives the label first
WARM_UP_CONNECTIONS = 8
LEAD_S = 0.5  # that the large requests are ahead of those which are measured beside them


def take_rounds(result: Result, file: Path, setting: Setting, questions: Sequence[Question], told: Told) -> None:
    """Measure every round into the result, which is written after each; LoadTestError for wrong answers."""
    asked = result.options
    turns = asked.rounds * len(asked.servers)
    for number, order in enumerate(rotated(asked.servers, asked.rounds), 1):
        watch, taken = Watch(), Round(order=order)
        with _bodies(questions, f"{asked.seed}.{number}") as files:
            for place, name in enumerate(order):
                told.say(f"{name}, round {number} of {asked.rounds}", (number - 1) * len(order) + place, turns)
                if name == servers.IN_PROCESS:
                    taken.in_process = in_process.measure(setting, files, asked.seconds)
                elif name not in result.left_out:
                    try:
                        taken.servers[name] = take_turn(name, setting, files, questions, asked)
                    except (NotStartedError, NoLoadError) as problem:
                        result.left_out[name] = f"in round {number} {problem}"
        taken.disturbance = watch.share()
        result.rounds.append(taken)
        result.complete = number == asked.rounds
        write_result(file, result)


def take_turn(
    name: str, setting: Setting, files: Mapping[int, Path], questions: Sequence[Question], asked: Options
) -> dict[str, Figures]:
    """Start a server for each group of points, check its answers, warm it up, and return its figures by point."""
    server = servers.SERVERS[name]
    order = shuffled(questions, f"check {len(questions)}")
    checked = [next(order) for _ in range(min(CHECKED, len(questions)))]
    figures: dict[str, Figures] = {}
    for group in points.groups(asked.points):
        with running(server, setting, checked[0].text) as started:
            if server.answers:
                check_labels(name, started.url, setting.variant, checked)
            if asked.warm_up:
                run(Load(started.url, files[1], WARM_UP_CONNECTIONS, asked.warm_up))
            for point in group:
                figures |= take_point(point, started, files, asked.seconds)
    return figures


def take_point(name: str, started: Running, files: Mapping[int, Path], seconds: int) -> dict[str, Figures]:
    """Measure one point, and what large requests beside it came to as well.

    CPU time has no owner where two kinds of requests share it.
    """
    point = points.POINTS[name]
    load = Load(started.url, files[point.texts], point.connections, seconds, point.close)
    if not point.large:
        before = started.cpu_seconds()
        figures = run(load)
        used = started.cpu_seconds() - before
        return {name: figures.model_copy(update={"server_cpu_s": round(used, 4) if used > 0 else None})}
    with Load(started.url, files[LARGE_TEXTS], point.large, seconds + 1).start() as beside:
        try:
            time.sleep(LEAD_S)
            return {name: finish(load.start()), LARGE: finish(beside)}
        except BaseException:
            beside.kill()
            raise


@contextmanager
def _bodies(questions: Sequence[Question], seed: str) -> Iterator[dict[int, Path]]:
    sizes = {point.texts for point in points.POINTS.values()} | {LARGE_TEXTS, *in_process.TEXTS}
    with tempfile.TemporaryDirectory(prefix="bonsai-serving-") as folder:
        yield write_bodies(Path(folder), questions, sizes, seed)
