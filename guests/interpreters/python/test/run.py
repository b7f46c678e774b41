#!/usr/bin/env python3
"""Drives the Python interpreter unit through `wasmill call`: run.py UNIT.wasm [WASMILL]. Prints what fails; the exit code says if any did.

With `--piped` whoever started this makes the calls without options: a line of JSON on stdout for each, its run document on stdin. The line
`null` is the last, and the report follows.
"""

import json
import os
import subprocess
import sys
import tempfile
import time

UNIT = sys.argv[1]
WASMILL = sys.argv[2] if len(sys.argv) > 2 else "wasmill"
PIPED = "--piped" in sys.argv
report = []
failures = 0
checks = 0


class Outcome:
    """What one call gave: `ok` has the text of ok, `error` the object of err; else the verdict says why there is neither."""

    def __init__(self, document, seconds, said=""):
        self.seconds = seconds
        document = json.loads(document) if document.strip() else {}
        attempt = document.get("steps", {}).get("call", {}).get("attempts", [{}])[-1]
        self.verdict = attempt.get("verdict", "none")
        self.log = attempt.get("log", "")
        self.usage = attempt.get("usage", {})
        self.message = attempt.get("message", said if not attempt else "")
        self.ok = self.error = None
        if self.verdict == "ok":
            self.ok = document.get("outputs", {}).get("result")
        elif self.verdict == "guest-error":
            # The host puts the last line of the log behind it.
            self.error = json.JSONDecoder().raw_decode(self.message)[0]

    def __repr__(self):
        return f"{self.verdict}: {self.ok if self.ok is not None else self.error or self.message}"[:1500]


def call(export, files, function="", input=None, options=(), main="main.py"):
    if isinstance(files, str):
        files = {main: files}
    script = json.dumps({"language": "python", "main": main, "files": files})
    if PIPED and not options:
        arguments = [script, function]
        if export == "run":
            arguments.append(input if isinstance(input, str) else json.dumps(input or {}))
        start = time.monotonic()
        print(json.dumps({"function": export, "arguments": arguments}), flush=True)
        return Outcome(sys.stdin.readline(), time.monotonic() - start)
    with tempfile.TemporaryDirectory() as folder:
        open(f"{folder}/script", "w").write(script)
        arguments = [f"@{folder}/script", function]
        if export == "run":
            open(f"{folder}/input", "w").write(input if isinstance(input, str) else json.dumps(input or {}))
            arguments.append(f"@{folder}/input")
        command = [WASMILL, "call", "--output", "json", *options, UNIT, export, *arguments]
        start = time.monotonic()
        process = subprocess.run(command, capture_output=True, text=True, timeout=120, env=os.environ | {"WASMILL_BLOBS_DIR": folder})
        return Outcome(process.stdout, time.monotonic() - start, process.stderr)


def say(*words):
    """Prints, once all calls are made where they are made through stdout."""
    if PIPED:
        report.append(" ".join(map(str, words)))
    else:
        print(*words)


def run(files, input=None, function="", **more):
    return call("run", files, function, input, **more)


def describe(files, function="", **more):
    return call("describe", files, function, **more)


def check(name, holds, outcome):
    global failures, checks
    checks += 1
    if not holds:
        failures += 1
        say(f"FAILED {name}: {outcome!r}")


def gives(name, files, expected, input=None, function="", **more):
    """The answer is this text exactly."""
    outcome = run(files, input, function, **more)
    check(name, outcome.ok == expected, outcome)
    return outcome


def fails(name, files, message, line=None, column=None, input=None, function="", **more):
    outcome = run(files, input, function, **more)
    error = outcome.error or {}
    holds = message in error.get("message", "") and (line is None or error.get("line") == line) and (column is None or error.get("column") == column)
    check(name, holds, outcome)
    return outcome


# Describing.
outcome = describe(
    "from typing import Optional\n"
    "def helper(): pass\n"
    "async def main(rows: list[dict], /, limit: 'int' = 5, *more: str, deep: Optional[str], flag=False, **rest: float) -> dict:\n    pass\n"
)
expected = {
    "kind": "function",
    "name": "main",
    "params": [
        {"name": "rows", "type": "list[dict]", "optional": False},
        {"name": "limit", "type": "int", "optional": True},
        {"name": "more", "type": "str", "optional": True, "rest": True},
        {"name": "deep", "type": "Optional[str]", "optional": False},
        {"name": "flag", "type": "any", "optional": True},
        {"name": "rest", "type": "float", "optional": True, "keywords": True},
    ],
}
check("describe a function", outcome.ok and json.loads(outcome.ok) == expected, outcome)
outcome = describe("def other(x): pass\nclass main: pass\nmain2 = lambda: 1\n")
check("describe a plain script", outcome.ok == '{"kind":"script"}', outcome)
outcome = describe("def other(x): pass\ndef another(): pass\n", "main")
check("describe names the functions", outcome.error and "`other`, `another`" in outcome.error["message"], outcome)
outcome = describe("print(1)\n1 / 0\nimport nothing\ndef main(a): pass")
check("describe runs nothing", outcome.ok and '"a"' in outcome.ok, outcome)
outcome = describe("import sys\nif sys:\n    def main(a: int): pass\nelse:\n    def main(b: int): pass\n")
check("describe a function in a block", outcome.ok and '"main"' in outcome.ok, outcome)
outcome = describe("def main[T](a: T, b: list[T] = []) -> T: return a")
check("describe a generic function", outcome.ok and '"list[T]"' in outcome.ok, outcome)

# Syntax.
for export in (describe, run):
    outcome = export("x = 1\ndef main(:\n    pass\n")
    error = outcome.error or {}
    check("syntax error", error.get("syntax") is True and error.get("line") == 2 and error.get("column") == 10 and error.get("file") == "main.py" and "SyntaxError" in error["message"], outcome)
    outcome = export("def main():\n  x = 1\n    y = 2\n")
    error = outcome.error or {}
    check("indentation error", error.get("syntax") is True and error.get("line") == 3 and "IndentationError" in error["message"], outcome)
    outcome = export("é = 'ü' + (1 +\n")
    check("unclosed bracket", outcome.error and outcome.error.get("line") == 1 and outcome.error.get("column") == 11, outcome)
    outcome = export("return 1\n")
    check("return outside a function", outcome.error and outcome.error.get("syntax") and outcome.error.get("line") == 1, outcome)
    outcome = export("x = 1\ny = '\0'\n")
    check("null in source", outcome.error and outcome.error.get("syntax"), outcome)
outcome = describe({"main.py": "import helper\ndef main(): pass", "helper.py": "x ="})
check("syntax error of another file", outcome.error and outcome.error.get("file") == "helper.py" and outcome.error.get("line") == 1, outcome)
fails("syntax error of an imported file", {"main.py": "import helper\n", "helper.py": "\nx = (\n"}, "SyntaxError", 2, 5)
outcome = run("(" * 5000 + ")" * 5000)
check("deeply nested source", outcome.error or outcome.verdict == "trap", outcome)

# Values.
echo = "def main(x): return x"
for name, text in {
    "string": '"plain"',
    "unicode": '"äöü € 𝄞 \U0001f600 日本語"',
    "escapes": '"tab\\t quote\\" back\\\\ null\\u0000"',
    "i64": "9223372036854775807",
    "negative i64": "-9223372036854775808",
    "u64": "18446744073709551615",
    "big": "1" + "0" * 400 + "7",
    "huge": "9" * 6000,
    "float": "0.1",
    "float digits": "1.7976931348623157e+308",
    "float small": "5e-324",
    "float third": "0.3333333333333333",
    "float whole": "1.0",
    "negative zero": "-0.0",
    "list": "[1,2.5,null,true,false,[]]",
    "record": '{"a":{"b":[{"c":"d"}]},"e":{}}',
    "order of keys": '{"z":1,"a":2,"m":3}',
    "null": "null",
}.items():
    gives(f"echo {name}", echo, text, input=f'{{"x": {text}}}')
gives("float of an int text", echo, "1e+22", input='{"x": 1e22}')
gives("deep input", echo, "[" * 500 + "]" * 500, input='{"x": ' + "[" * 500 + "]" * 500 + "}")
outcome = run(echo, '{"x": ' + "[" * 100000 + "]" * 100000 + "}")
check("too deep input", outcome.error or outcome.verdict == "trap", outcome)

# Results of Python's own types.
gives("tuple", "def main(): return (1, (2, 3))", "[1,[2,3]]")
gives("set", "def main(): return {3, 1, 2}", "[1,2,3]")
gives("set of strings", "def main(): return frozenset(['b', 'c', 'a'])", '["a","b","c"]')
gives("mixed set", "def main(): return {1, 'a', None}", '[null,1,"a"]')
gives("dataclass", "from dataclasses import dataclass, field\n@dataclass\nclass P:\n    x: int\n    y: list = field(default_factory=list)\ndef main(): return [P(1), P(2, [P(3)])]", '[{"x":1,"y":[]},{"x":2,"y":[{"x":3,"y":[]}]}]')
gives("slots dataclass", "import dataclasses\n@dataclasses.dataclass(slots=True, frozen=True)\nclass P:\n    x: 'int' = 1\ndef main(): return P()", '{"x":1}')
gives("namedtuple", "from typing import NamedTuple\nclass P(NamedTuple):\n    x: int\ndef main(): return P(1)", "[1]")
gives("decimal", "from decimal import Decimal\ndef main(): return [Decimal('12345678901234567890123'), Decimal('2.0')]", "[12345678901234567890123,2]")
fails("decimal fraction", "from decimal import Decimal\ndef main(): return {'a': [Decimal('1.5')]}", "result.a[0] is Decimal('1.5'), a Decimal, which JSON has no place for")
gives("datetime", "import datetime as d\ndef main(): return [d.datetime(2024,1,2,3,4,5), d.date(2024,1,2), d.time(1,2), d.datetime(2024,1,1,tzinfo=d.timezone.utc)]", '["2024-01-02T03:04:05","2024-01-02","01:02:00","2024-01-01T00:00:00+00:00"]')
gives("enum", "import enum\nclass E(enum.Enum):\n    A = 'a'\nclass I(enum.IntEnum):\n    B = 2\ndef main(): return [E.A, I.B]", '["a",2]')
gives("generator", "def main():\n    yield 1\n    yield 2", "[1,2]")
gives("views and ranges", "import collections\ndef main(): return [range(3), {'a': 1}.keys(), collections.deque([1]), map(str, [1]), collections.Counter('aab')]", '[[0,1,2],["a"],[1],["1"],{"a":2,"b":1}]')
gives("int keys", "def main(): return {1: 'a', 2: {3: None}}", '{"1":"a","2":{"3":null}}')
gives("uuid and path", "import uuid, pathlib\ndef main(): return [uuid.UUID(int=1), pathlib.PurePosixPath('a/b')]", '["00000000-0000-0000-0000-000000000001","a/b"]')
fails("bytes", "def main(): return {'a': b'x'}", "result.a is a bytes, which JSON has no place for: give `.decode()`")
fails("nan", "def main(): return {'a': [1.0, float('nan')]}", "result.a[1] is nan, and JSON has no such number")
fails("infinity", "def main(): return float('-inf')", "result is -inf")
fails("nan in a dataclass", "import dataclasses\n@dataclasses.dataclass\nclass P:\n    x: float\ndef main(): return P(float('nan'))", "result.x is nan")
fails("tuple key", "def main(): return {(1, 2): 3}", "result has the key (1, 2), a tuple")
fails("cycle", "def main():\n    a = []\n    a.append(a)\n    return a", "result[0] holds itself")
fails("object", "class Thing: pass\ndef main(): return [Thing()]", "result[0] is a Thing, which JSON has no place for")
outcome = run("def main():\n    a = []\n    for _ in range(100000): a = [a]\n    return a")
check("deep result", outcome.error or outcome.verdict == "trap", outcome)
fails("half a character", "def main(): return '\\ud800'", "half of a character (U+D800)")
fails("generator that fails", "def main():\n    yield 1\n    raise KeyError('k')", "KeyError: 'k'", 3, 5)

# Arguments.
gives("defaults", "def main(a, b=2, *, c=3): return [a, b, c]", "[1,2,9]", input={"a": 1, "c": 9})
gives("positional only", "def main(a, b=2, /, c=3): return [a, b, c]", "[1,2,9]", input={"a": 1, "c": 9})
gives("rest", "def main(a, b=2, *more, c=0): return [a, b, more, c]", "[1,2,[3,4],5]", input={"a": 1, "more": [3, 4], "c": 5})
gives("rest left out", "def main(*more): return more", "[]")
gives("keywords", "def main(a, **rest): return [a, rest]", '[1,{"b":2,"c":3}]', input={"a": 1, "b": 2, "c": 3})
gives("decorated", "import functools\ndef d(f):\n    @functools.wraps(f)\n    def inner(*args, **kwargs): return ['d', f(*args, **kwargs)]\n    return inner\n@d\ndef main(a): return a", '["d",1]', input={"a": 1})
fails("unknown name", "def main(a): return a", "main() has no parameter `x`; its parameters: `a`", input={"a": 1, "x": 2})
fails("missing name", "def main(a, *, b): return a", "main() is missing `a`, `b`")
gives("another function", "def other(a): return a + 1\ndef main(): pass", "3", input={"a": 2}, function="other")
fails("a function that is not there", "def other(a): return a + 1", "no function `mian`; its functions: `other`", function="mian")

# Printing.
outcome = gives("prints of a function", "def main():\n    print('to the log é')\n    return 1", "1")
check("they are in the log", "to the log é" in outcome.log, outcome.log)
gives("nothing", "def main(): pass", "null")
gives("plain result", "result = {'a': inputs['x']}", '{"a":1}', input={"x": 1})
gives("plain outputs", "outputs = [inputs]", '[{"x":1}]', input={"x": 1})
gives("plain result is none", "result = None\nprint(1)", "null")
gives("printed json", "import json\nprint(json.dumps({'a': 1.10}, indent=1))", '{\n "a": 1.1\n}')
gives("printed number", "print(12345678901234567890)", "12345678901234567890")
gives("printed text", "print('a')\nprint('é')", '"a\\né"')
gives("printed two documents", "print(1)\nprint(2)", '"1\\n2"')
gives("printed nan", "print('NaN')", '"NaN"')
gives("printed nothing", "x = 1", "null")
gives("printed empty line", "print()", '""')
gives("printed bytes", "import sys\nsys.stdout.buffer.write(b'{\"a\": 1}')", '{"a": 1}')
outcome = gives("printed and result", "print('seen')\nresult = 1", "1")
check("in the log", "seen" in outcome.log, outcome.log)
outcome = fails("printed and failed", "print('before')\nraise ValueError('v')", "ValueError: v", 2, 1)
check("in the log before", "before" in outcome.log, outcome.log)
gives("name of a plain script", "if __name__ == '__main__':\n    print('main')", '"main"')
gives("main guard with main", "def main(): return __name__\nif __name__ == '__main__':\n    raise SystemExit(main())", '"main"')
gives("stderr", "import sys\nprint('log', file=sys.stderr)\nprint('out')", '"out"')

# Errors.
outcome = fails("user error", "def check(rows):\n    if not rows:\n        raise ValueError('no rows')\n\ndef main(rows):\n    return [check(rows)]\n", "ValueError: no rows", 3, 9, input={"rows": []})
check("trace", outcome.error and "main.py:6:13 in main" in outcome.error["trace"] and "main.py:3:9 in check" in outcome.error["trace"] and "app" not in outcome.error["trace"], outcome)
fails("column after unicode", "é = 'ü'; 1 / 0", "ZeroDivisionError: division by zero", 1, 10)
fails("error in the library", "import json\ndef main():\n    return json.loads('{')", "JSONDecodeError: Expecting property name", 3, 12)
fails("own exception", "class Broken(Exception): pass\ndef main(): raise Broken", "Broken", 2)
fails("suggestion", "def main():\n    total = 1\n    return totl", "Did you mean: 'total'?", 3)
fails("no such module", "import numpy", "No module named 'numpy'", 1)
outcome = fails("cause", "def main():\n    try:\n        {}['a']\n    except KeyError as e:\n        raise RuntimeError('outer') from e", "RuntimeError: outer", 5)
check("cause is told", "caused by: KeyError: 'a'" in outcome.error["trace"], outcome)
fails("group", "def main(): raise ExceptionGroup('many', [ValueError('one')])", "ExceptionGroup: many (1 sub-exception)", 1)
fails("exit", "import sys\nsys.exit(3)", "exit code 3", 2)
fails("exit with text", "import sys\ndef main(): sys.exit('bad things')", "bad things", 2)
gives("exit 0", "import sys\nprint('done')\nsys.exit(0)", '"done"')
gives("exit none in a function", "import sys\ndef main(): sys.exit()", "null")
fails("recursion", "def main(n=0): return main(n + 1)", "RecursionError", 1)
fails("error without text", "def main(): assert False", "AssertionError", 1)
fails("bad __str__", "class B(Exception):\n    def __str__(self): raise ValueError\ndef main(): raise B", "B: <a B whose text", 3)
gives("input at end of file", "try:\n    input()\nexcept EOFError:\n    print('eof')", '"eof"')

# Limits.
outcome = run("while True: pass", options=("--timeout", "500ms"))
check("infinite loop by time", outcome.verdict == "timed-out", outcome)
outcome = run("while True: pass", options=("--fuel", "100_000_000"))
check("infinite loop by fuel", "fuel" in outcome.verdict, outcome)
outcome = run("x = []\nwhile True: x.append(bytearray(1 << 20))", options=("--memory", "64MiB"))
check("memory hog", "memory" in outcome.verdict or "MemoryError" in str(outcome.error), outcome)
say("memory hog:", outcome)
outcome = run("import sys\nsys.setrecursionlimit(10**9)\ndef f(n): return f(n + 1)\nf(0)", options=("--memory", "128MiB"))
check("recursion without a limit", outcome.verdict not in ("ok", "none"), outcome)
say("recursion without a limit:", outcome)
outcome = run("import sys\nsys.setrecursionlimit(10**9)\nclass A:\n    def __repr__(self): return repr(self)\nrepr(A())", options=("--memory", "128MiB"))
check("recursion in C", outcome.verdict not in ("ok", "none"), outcome)
say("recursion in C:", outcome)

# Asynchronous.
gives("async main", "import asyncio\nasync def main(x):\n    await asyncio.sleep(3600)\n    return x", "1", input={"x": 1})
gives("gather", "import asyncio\nasync def one(n):\n    await asyncio.sleep(n)\n    return n\nasync def main(): return await asyncio.gather(one(3), one(1), asyncio.wait_for(one(2), 5))", "[3,1,2]")
gives("task group", "import asyncio\nasync def main():\n    async with asyncio.TaskGroup() as g:\n        a = g.create_task(asyncio.sleep(1, 'a'))\n    return a.result()", '"a"')
gives("asyncio.run", "import asyncio\nasync def f():\n    await asyncio.sleep(1)\n    return 5\nresult = asyncio.run(f())", "5")
gives("top-level await", "import asyncio\nawait asyncio.sleep(1)\nresult = 4", "4")
gives("async generator", "async def main():\n    yield 1\n    yield 2", "[1,2]")
fails("async error", "import asyncio\nasync def main():\n    await asyncio.sleep(0)\n    raise ValueError('late')", "ValueError: late", 4, 5)
fails("waits for nothing", "import asyncio\nasync def main(): await asyncio.Event().wait()", "waits for something")

# Files.
gives("helper", {"main.py": "import helper\nfrom lib import x\nfrom lib.y import z\nimport lib.deep.w as w\ndef main(): return [helper.A, x.B, z, w.C]", "helper.py": "A = 1", "lib/x.py": "from . import y\nB = y.z + 1", "lib/y.py": "z = 2", "lib/deep/w.py": "from ..y import z\nC = z * 10"}, "[1,3,2,20]")
gives("package", {"main.py": "import lib\nresult = [lib.N, lib.__name__, lib.sub.M]", "lib/__init__.py": "from . import sub\nN = 1", "lib/sub.py": "M = 2"}, '[1,"lib",2]')
gives("main in a folder", {"src/main.py": "from helper import A\nimport top\nresult = [A, top.B]", "src/helper.py": "A = 1", "top.py": "B = 2"}, "[1,2]", main="src/main.py")
gives("own file before the library", {"main.py": "import random, statistics\nresult = [random.A, statistics.mean([1, 3])]", "random.py": "A = 1"}, "[1,2]")
gives("main named as the library", "import json\ndef main(): return json.loads('[1]')", "[1]", main="json.py")
fails("error in another file", {"main.py": "import helper\ndef main(): return helper.f()", "helper.py": "\ndef f():\n  return 1/0"}, "ZeroDivisionError", 3, 10)
gives("data beside the script", {"main.py": "import helper\nresult = helper.__file__", "helper.py": ""}, '"helper.py"')
gives("inspect", "import inspect\ndef main(): return inspect.getsource(main)", '"def main(): return inspect.getsource(main)"')

# The host's clock and randomness, and sameness.
gives("virtual clock", "import time, datetime\ndef main():\n    time.sleep(1000)\n    return [datetime.datetime.now().year, time.time() > 1735689600]", "[2025,true]")
same = "import random, uuid, secrets, os, time\ndef main(): return [random.random(), str(uuid.uuid4()), secrets.token_hex(4), os.urandom(2).hex(), list({'a', 'b', 'c', 'd'}), hash('x'), id(object()), time.time()]"
first, second = run(same), run(same)
check("deterministic", first.ok and first.ok == second.ok, (first, second))
other = run(same, options=("--random", "real"))
check("real randomness", other.ok and json.loads(other.ok)[0] != json.loads(first.ok)[0], other)
with tempfile.TemporaryDirectory() as folder:
    open(f"{folder}/a.txt", "w").write("from a file")
    gives("a granted folder", "import os\nresult = [open('/data/a.txt').read(), os.listdir('/data'), __import__('pathlib').Path('/data/a.txt').exists()]", '["from a file",["a.txt"],true]', options=("--dir", f"{folder}:/data"))
    gives("a granted variable", "import os\nresult = os.environ['NAME']", '"value"', options=("--env", "NAME=value"))

# The library.
modules = """json re math statistics datetime collections itertools functools decimal csv io base64 hashlib textwrap string dataclasses typing enum uuid
random urllib.parse html difflib heapq bisect fractions zlib gzip configparser tomllib xml.etree.ElementTree email.message zoneinfo calendar pickle shelve
struct operator copy pprint contextlib abc types inspect ast tokenize unicodedata locale gettext secrets hmac numbers cmath queue sched graphlib logging
argparse getopt shlex fnmatch glob pathlib tempfile shutil zipfile tarfile bz2 lzma ctypes sqlite3 unittest doctest http.client urllib.request socket ssl
threading concurrent.futures multiprocessing subprocess asyncio quopri binascii plistlib netrc mimetypes html.parser optparse cmd code codeop
timeit trace tracemalloc profile pstats cProfile dis pickletools string.templatelib compression.zstd array weakref errno signal select selectors wave colorsys""".split()
outcome = run("import importlib, time\nmissing = {}\nfor name in inputs['names']:\n    try:\n        importlib.import_module(name)\n    except ImportError as e:\n        missing[name] = str(e)\nresult = missing", {"names": modules})
absent = {"bz2", "compression.zstd", "ctypes", "doctest", "lzma", "multiprocessing", "pickletools", "sqlite3", "ssl"}
check("library", outcome.ok and set(json.loads(outcome.ok)) == absent, outcome)
gives("packed modules", "import pickle, configparser, xml.dom.minidom, encodings.cp1252\nresult = [pickle.loads(pickle.dumps({1: 2})), b'\\x80'.decode('cp1252')]", '[{"1":2},"€"]')
gives("memoised recursion", "import functools\n@functools.lru_cache\ndef f(n): return n if n < 2 else f(n - 1) + f(n - 2)\ndef main(): return f(150)", "9969216677189303386214405760200")
gives("library works", """
import statistics, csv, io, hashlib, base64, re, textwrap, difflib, heapq, decimal, fractions, urllib.parse, html, string, tomllib, configparser, zipfile, xml.etree.ElementTree as ET
rows = list(csv.DictReader(io.StringIO("a,b\\n1,2\\n")))
z = io.BytesIO()
zipfile.ZipFile(z, "w", zipfile.ZIP_DEFLATED).writestr("a", "b")
result = [statistics.mean([1, 2, 3, 4]), rows, hashlib.sha256(b"a").hexdigest()[:8], base64.b64encode(b"a").decode(), re.findall(r"\\d+", "a1b22"),
    textwrap.shorten("hello wide world", 11), heapq.nsmallest(2, [3, 1, 2]), str(decimal.Decimal("0.1") + 2), str(fractions.Fraction(1, 3)),
    urllib.parse.urlparse("http://a/b?c=d").query, html.escape("<"), tomllib.loads("a = 1"), ET.fromstring("<a><b>x</b></a>")[0].text]
""", '[2.5,[{"a":"1","b":"2"}],"ca978112","YQ==",["1","22"],"hello [...]",[1,2],"2.1","1/3","c=d","&lt;",{"a":1},"x"]')

# Size and time.
text = "0123456789abcdeé" * (1 << 16)
outcome = run(echo, {"x": text})
check("1 MiB", outcome.verdict == "ok", outcome)
say(f"1 MiB in and out: {outcome.usage.get('wall_us')} us a call, {outcome.seconds:.3f} s the process")
outcome = run("def main(n): return [{'id': i, 'name': 'row ' + str(i), 'x': i / 7} for i in range(n)]", {"n": 20000})
say(f"1 MiB of records out: {outcome.usage.get('wall_us')} us a call, {outcome.usage.get('bytes_out')} bytes")
outcome = run("def main():\n    for i in range(10000): print('line', i)", options=())
say(f"10,000 lines to the log: {outcome.usage.get('wall_us')} us, {outcome.verdict}")
outcome = run("for i in range(10000): print('line', i)", options=())
say(f"10,000 lines printed: {outcome.usage.get('wall_us')} us, {outcome.verdict}")
for _ in range(3):
    outcome = run(echo, {"x": 1})
say(f"small call: {outcome.usage.get('wall_us')} us a call, {outcome.seconds:.3f} s the process, {outcome.usage.get('peak_memory', 0) / 2**20:.1f} MiB, fuel {outcome.usage.get('fuel')}")

say(f"{checks - failures} of {checks} checks passed")
if PIPED:
    print("null", *report, sep="\n")
sys.exit(1 if failures else 0)
