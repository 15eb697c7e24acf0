"""A target of atheris (coverage-guided fuzzing): the body of a v2 inference request, as JSON and with binary tensors.

python -m tests.fuzz.binary -atheris_runs=200000 -seed=1
"""

import sys

import atheris

with atheris.instrument_imports(include=["service.routes.inference"]):
    from service.routes.inference import read_request
from service.routes.refused import Refused

HEADS = (
    b'{"inputs":[{"name":"text","datatype":"BYTES","shape":[%d],"parameters":{"binary_data_size":%d}}]}',
    b'{"inputs":[{"name":"text","datatype":"BYTES","shape":[%d,1],"parameters":{"binary_data_size":%d}}]}',
)


def read(data: bytes) -> None:
    """Read bytes as a body of their own, and as the tensor behind a head that fits them: texts, or a refusal."""
    given = atheris.FuzzedDataProvider(data)
    kind, count = given.ConsumeIntInRange(0, len(HEADS)), given.ConsumeIntInRange(0, 8)
    rest = given.ConsumeBytes(1 << 16)
    try:
        if kind == len(HEADS):
            asked = read_request(rest, given.PickValueInList([None, "0", str(count), str(len(rest) // 2)]))
        else:
            head = HEADS[kind] % (count, len(rest))
            asked = read_request(head + rest, str(len(head)))
            assert len(asked.texts) == count
    except Refused as refused:
        assert refused.status in (400, 413)
        assert len(refused.body) < 1000
    else:
        assert all(isinstance(text, str) and text.strip() for text in asked.texts)


if __name__ == "__main__":
    atheris.Setup(sys.argv, read)
    atheris.Fuzz()
