"""Print how much of the code the last `coverage run` reached, and every file below a share: `python -m tests.covered
[SHARE]`.
"""

import json
import sys
import tempfile
from pathlib import Path

from coverage import Coverage

SHARE = 85.0  # percent of lines and branches


def main() -> None:
    """Print the files, the worst first, and the total."""
    share = float(sys.argv[1]) if len(sys.argv) > 1 else SHARE
    measured = Coverage()
    measured.load()
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "coverage.json"
        measured.json_report(outfile=str(file))
        report = json.loads(file.read_text(encoding="utf-8"))
    shares = {name: found["summary"]["percent_covered"] for name, found in report["files"].items()}
    for name, reached in sorted(shares.items(), key=lambda item: item[1]):
        if reached < share:
            print(f"{reached:5.1f} %  {name}")
    print(
        f"coverage: {report['totals']['percent_covered']:.1f} % of lines and branches in {len(shares)} files; above "
        f"stands what has less than {share:g} %"
    )


if __name__ == "__main__":
    main()
