"""The standard library in the unit. A finished unit sees no folder: a module is there if it was imported when the unit was built, or
if its code was packed then. The first are warm, the second cost a call that imports them some milliseconds."""

import sys

# What Python has when it starts: a script's file of such a name hides none of them, as on disk.
STARTED_WITH = frozenset(sys.builtin_module_names) | {
    "_collections_abc", "_sitebuiltins", "abc", "codecs", "encodings", "genericpath", "importlib", "io", "os", "posixpath", "site",
    "stat", "zipimport", "__main__",
}  # fmt: skip

import gc
import importlib.machinery
import marshal
import os
import zlib

# What scripts use most.
WARM = """
    __future__ _strptime abc array ast asyncio base64 binascii bisect calendar cmath collections collections.abc colorsys
    contextlib contextvars copy copyreg csv dataclasses datetime decimal difflib enum errno fnmatch fractions functools gc
    glob graphlib hashlib heapq hmac html inspect io ipaddress itertools json keyword linecache locale logging math numbers
    operator os os.path pathlib pprint queue random re reprlib secrets shlex statistics string struct sys textwrap threading
    time traceback types typing unicodedata urllib.parse uuid warnings weakref zlib
""".split()

# Never of use without a screen, processes, sockets or a compiler, for developers of Python, or a copy in Python of what is there in C.
LEFT_OUT = set(
    """
    __hello__ __main__ __phello__ _aix_support _android_support _apple_support _ios_support _osx_support _py_abc _pydatetime
    _pydecimal _pyio _pyrepl antigravity bdb compileall config-3.14-wasm32-wasi ctypes curses dbm doctest ensurepip ftplib
    idlelib imaplib lib-dynload lib2to3 mailbox modulefinder msilib multiprocessing nturl2path pdb pickletools pip poplib
    proactor_events process pty py_compile pydoc pydoc_data rlcompleter server site-packages smtplib socketserver sqlite3
    ssl test this tkinter tools tty turtle turtledemo venv webbrowser windows_events windows_utils wsgiref xmlrpc
    """.split()
)

# Where the build has it. (`os.__file__` is another place, where nothing is.)
ROOT = next(folder for folder in sys.path if os.path.exists(f"{folder}/argparse.py"))


def _load():
    loader = importlib.machinery.SourceFileLoader
    loader.source_to_code = _compile
    try:
        for name in WARM:
            __import__(name)
    finally:
        del loader.source_to_code


def _compile(self, data, path):
    return compile(data, path, "exec", dont_inherit=True, optimize=2)


def _pack() -> dict[str, tuple[bool, bytes]]:
    packed = {}
    for folder, folders, files in os.walk(ROOT):
        folders[:] = sorted(one for one in folders if one not in LEFT_OUT and one not in ("__pycache__", "tests", "test"))
        inside = folder[len(ROOT) + 1 :].replace("/", ".")
        for file in sorted(files):
            stem = file.removesuffix(".py")
            if stem == file or stem in LEFT_OUT:
                continue
            package = stem == "__init__"
            name = inside if package else f"{inside}.{stem}" if inside else stem
            if not name or name in sys.modules:
                continue
            path = f"{folder}/{file}"
            with open(path, "rb") as source:
                text = source.read()
            try:
                code = _compile(None, text, path)
            except SyntaxError:
                continue
            packed[name] = (package, zlib.compress(marshal.dumps(code), 9))
    return packed


class Finder:
    """Finds what was packed."""

    def __init__(self, packed):
        self.packed = packed

    def find_spec(self, name, path=None, target=None):
        if name not in self.packed:
            return None
        package = self.packed[name][0]
        spec = importlib.machinery.ModuleSpec(name, self, origin="packed", is_package=package)
        if package:
            spec.submodule_search_locations = [f"{ROOT}/{name.replace('.', '/')}"]
        return spec

    def create_module(self, spec):
        return None

    def exec_module(self, module):
        exec(marshal.loads(zlib.decompress(self.packed[module.__name__][1])), module.__dict__)


# Before everything else is imported, since it must be there before their code is compiled.
_load()


def close() -> None:
    """The last step of building: packs what was not imported, and forgets the folders that only the build has."""
    sys.meta_path.append(Finder(_pack()))
    sys.path.clear()
    sys.path_importer_cache.clear()
    # Integers with more than the 4300 digits that Python takes for an attack: the host bounds time.
    sys.set_int_max_str_digits(0)
    gc.collect()
    # What is there now stays: the collector need not look through it in every call.
    gc.freeze()
    _wipe()


def _wipe() -> None:
    """Overwrites memory that is free: what parsers and compilers left there would be kept in the unit. A block that is asked for comes
    out of free memory as long as there is some of its size, and from the end, above all others, when there is none."""
    kept = []
    end = id(bytes(4 << 20))
    for exponent in range(21, 8, -1):
        for size in ((1 << exponent) - 64, (3 << exponent - 2) - 64):
            while id(block := bytes(size)) < end:
                kept.append(block)
    # Small objects are in arenas of their own, each size by itself; a new arena is above all others, too.
    for size in range(512, 16, -16):
        while id(block := bytes(size - 17)) < end:
            kept.append(block)
    while id(block := len(kept) + 0.5) < end:
        kept.append(block)
