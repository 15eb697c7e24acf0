"""Gathers what a running service needs and leaves out the rest: `reduce.py ENVIRONMENT ROOT`, in the image's build
stage, with its own Python and nothing but the standard library.

ENVIRONMENT is a virtual environment, made smaller in place. ROOT becomes a root file system for it: the interpreter,
its standard library, the shared libraries that any of both asks for, certificates and the names of users. So what is
in the image does not depend on what else a base image holds: no shell, no package manager, no pip.
"""

import re
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Iterable, Iterator
from importlib import metadata
from pathlib import Path

# A distribution → why the service can do without it.
NOT_INSTALLED = {
    "hf-xet": "huggingface-hub's fast downloads; nothing is downloaded at run time",
    "pip": "installs packages",
    "setuptools": "builds packages",
}
# Files and folders of the environment's site-packages → why.
LEFT_OUT = {
    "onnxruntime/capi/libonnxruntime.so.*": "ONNX Runtime for programs in C, a second one; Python has its own",
    "onnxruntime/transformers": "fuses graphs at build time",
    "onnxruntime/datasets": "examples",
    "onnx/backend/test": "conformance tests of other runtimes",
    "numpy/f2py": "compiles Fortran",
    "numpy/distutils": "builds extensions",
    "sqlalchemy/testing": "tests of databases' dialects",
    "numpy/_core/_*_tests*.so": "tests",
    "numpy/_core/_simd*.so": "tests",
    "**/tests": "tests",
    "tornado/test": "tests",
    "**/include": "headers",
    "**/*.pyi": "for type checkers",
    "**/*.[ch]": "sources",
    "**/*.cc": "sources",
    "**/*.hpp": "sources",
    "**/*.py[xd]": "sources",
    "**/*.pxi": "sources",
    "**/*.a": "for linkers",
    "**/__pycache__": "made anew for what is imported at start",
}
# Of the standard library.
LEFT_OUT_OF_PYTHON = (
    *("ensurepip", "idlelib", "lib2to3", "pydoc_data", "test", "tkinter", "turtledemo", "turtle.py", "venv"),
    *("config-*", "site-packages", "dist-packages", "**/__pycache__", "**/tests", "**/*.a"),
    *("lib-dynload/_test*", "lib-dynload/_tkinter*", "lib-dynload/_ctypes_test*", "lib-dynload/xx*"),
)
FILES = (  # each where it is there
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/os-release",
    "/usr/lib/os-release",
    "/etc/nsswitch.conf",
    "/etc/protocols",
    "/etc/services",
    "/etc/ld.so.conf",
    "/etc/ld.so.conf.d",
)
USERS = "root:x:0:0:root:/:/sbin/nologin\nbonsai:x:{user}:0:bonsai:/data:/sbin/nologin\n"
GROUPS = "root:x:0:\n"
USER = 1034  # BentoML's number for it
LOADED = re.compile(r"(/\S+) \(0x")


def reduce(environment: Path) -> None:
    """Make a virtual environment smaller."""
    (site,) = (environment / "lib").glob("python*/site-packages")
    for name in NOT_INSTALLED:
        for found in metadata.distributions(name=name, path=[str(site)]):
            for file in list(found.files or ()):
                remove(Path(str(file.locate())))
                if file.parts[0] != "..":  # a program, which lies elsewhere
                    remove(site / file.parts[0])
    for pattern in LEFT_OUT:
        for path in list(site.glob(pattern)):
            remove(path)
    for program in (environment / "bin").iterdir():
        if not program.name.startswith(("python", "bentoml")):
            remove(program)
    for library in libraries(site):
        strip(library)


def remove(path: Path) -> None:
    """Remove a file or a folder, where it is there."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def libraries(folder: Path) -> Iterator[Path]:
    """Find the shared libraries below a folder."""
    return (path for path in folder.rglob("*.so*") if path.is_file() and not path.is_symlink())


def strip(library: Path) -> None:
    """Remove a library's symbols for debuggers, which are a third of some; wheels come with them.

    Of a library whose paths were rewritten when its wheel was made, strip lays segments where no loader takes them:
    such a one stays as it was.
    """
    smaller = library.with_name(f"{library.name}.smaller")
    subprocess.run(["strip", "--strip-unneeded", "-o", str(smaller), str(library)], check=True)
    if is_loadable(smaller):
        smaller.replace(library)
    else:
        smaller.unlink()


def is_loadable(library: Path) -> bool:
    """Tell whether each segment lies in the file as it does in memory, within a page (ELF, "Program Loading")."""
    said = subprocess.run(["readelf", "-lW", str(library)], capture_output=True, text=True, check=True).stdout
    segments = [line.split() for line in said.splitlines() if line.split()[:1] == ["LOAD"]]
    return all((int(offset, 16) - int(address, 16)) % int(align, 16) == 0 for _, offset, address, *_, align in segments)


def gather(environment: Path, root: Path) -> None:
    """Fill a new root file system for a virtual environment."""
    interpreter = Path(sys.executable).resolve()
    for folder in ("lib", "lib64", "bin", "sbin"):  # Debian's are links into /usr, and an interpreter names its loader
        here = Path("/", folder)
        if here.is_symlink():
            (root / here.readlink()).mkdir(parents=True, exist_ok=True)
            (root / folder).symlink_to(here.readlink())
    for link in (environment / "bin").glob("python*"):
        if link.is_symlink() and link.readlink().is_absolute():
            put(link.readlink(), root)
    library = Path(sysconfig.get_path("stdlib"))
    leave = {path for pattern in LEFT_OUT_OF_PYTHON for path in library.glob(pattern)}

    def left(folder: str, names: list[str]) -> list[str]:
        return [name for name in names if Path(folder, name) in leave]

    shutil.copytree(library, root / library.relative_to("/"), symlinks=True, ignore=left, dirs_exist_ok=True)
    for path in list((root / library.relative_to("/")).rglob("*")):  # Debian links some files to /etc
        if path.is_symlink() and not path.exists():
            path.unlink()
    wanted = [interpreter, *libraries(environment), *libraries(root / library.relative_to("/"))]
    needed = sorted(set(asked_for(wanted, root)))
    for each in needed:
        put(Path(each), root)
    for name in FILES:
        if Path(name).exists():
            put(Path(name), root)
    debian(needed, root)
    (root / "etc/passwd").write_text(USERS.format(user=USER))
    (root / "etc/group").write_text(GROUPS)
    for folder in ("tmp", "data"):
        (root / folder).mkdir()
        (root / folder).chmod(0o1777)  # whoever the service runs as
    subprocess.run(["ldconfig", "-r", str(root)], check=True)


def asked_for(files: Iterable[Path], root: Path) -> Iterator[str]:
    """Return the libraries of the system that the loader finds for these files."""
    for file in files:
        said = subprocess.run(["ldd", str(file)], capture_output=True, text=True).stdout
        if "not found" in said:
            raise SystemExit(f"reduce: {file} asks for a library that is not here:\n{said}")
        yield from (name for name in LOADED.findall(said) if name.startswith(("/lib", "/usr")))


def put(path: Path, root: Path) -> None:
    """Copy a file or folder to its place in the root; of a link the file too, wherever that lies."""
    place = root / path.relative_to("/")
    place.parent.mkdir(parents=True, exist_ok=True)
    if path.is_symlink():
        target = path.resolve()
        put(target, root)
        if not place.exists():
            place.symlink_to(path.readlink())
    elif path.is_dir():
        shutil.copytree(path, place, symlinks=True, dirs_exist_ok=True)
    elif not place.exists():
        shutil.copy2(path, place)


def debian(files: Iterable[str], root: Path) -> None:
    """Say where scanners look of which Debian packages the libraries are, and put their licences beside them."""
    named = {str(Path(file)) for file in files} | {str(Path(file).resolve()) for file in files}
    said = subprocess.run(["dpkg", "-S", *sorted(named), sys.executable], capture_output=True, text=True).stdout
    packages = {line.split(":")[0] for line in said.splitlines() if not line.startswith("diversion")}
    status = root / "var/lib/dpkg/status.d"
    status.mkdir(parents=True)
    for package in sorted(packages | {"base-files", "ca-certificates"}):
        known = subprocess.run(["dpkg", "-s", package], capture_output=True, text=True)
        if known.returncode == 0:
            (status / package).write_text(known.stdout)
            licence = Path("/usr/share/doc", package, "copyright")
            if licence.exists():
                put(licence, root)


if __name__ == "__main__":
    reduce(Path(sys.argv[1]))
    gather(Path(sys.argv[1]), Path(sys.argv[2]))
