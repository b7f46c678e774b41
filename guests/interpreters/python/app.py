"""The world `interpreter` in Python: what componentize-py calls. One instance runs one call, so nothing is cleaned up after it.

The imports below happen when the unit is built: what they leave in memory is the unit's first memory, so a call starts with all of
it in place."""

import library  # first: it decides from where the modules below come

import json

import wit_world
from componentize_py_types import Err

import answers
import failures
import scripts


class WitWorld(wit_world.WitWorld):
    def describe(self, script: str, function: str) -> str:
        return _answer(lambda files: scripts.describe(files, function), script)

    def run(self, script: str, function: str, input: str) -> str:
        return _answer(lambda files: scripts.run(files, function, answers.read(input)), script)


def _answer(work, script: str) -> str:
    """The text of ok, or raises `Err` with the JSON of what went wrong."""
    files = {}
    try:
        parsed = scripts.Script(json.loads(script))
        files = parsed.files
        return answers.encodable(work(parsed))
    except BaseException as error:
        # `from None`: the glue prints nothing of its own, and the cause is told in the text.
        raise Err(failures.describe(error, files)) from None


def _warm_up() -> None:
    """Runs the ways that every call takes, so that the interpreter has specialised their code in the snapshot."""
    source = 'import helper\ndef main(rows: list[int], scale: float = 1.5) -> dict:\n    return {"sum": helper.total(rows), "x": [scale, "é", None]}\n'
    helper = "def total(rows):\n    return sum(rows)\n"
    broken = "def main():\n    return 1 / 0\n"
    for _ in range(3):
        for main in (source, broken, "result = inputs['x']", "print(1)", "print('text')"):
            script = scripts.Script({"language": "python", "main": "main.py", "files": {"main.py": main, "helper.py": helper}})
            function = "main" if "def main" in main else ""
            with scripts.restored():
                try:
                    scripts.describe(script, function)
                    value = {"rows": [1, 2]} if main is source else {} if function else {"x": {"a": 2.5}}
                    scripts.run(script, function, value)
                except ZeroDivisionError as error:
                    failures.describe(error, script.files)


_warm_up()
library.close()
