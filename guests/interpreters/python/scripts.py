"""A script: its files, its functions, and how it is run."""

import ast
import contextlib
import importlib.machinery
import io
import json
import linecache
import posixpath
import sys
import types
import warnings

import answers
import loops
from failures import Refused
from library import STARTED_WITH

_TOP_LEVEL_AWAIT = ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
_FUNCTION_NODES = (ast.FunctionDef, ast.AsyncFunctionDef)
_DEFINING_NODES = (*_FUNCTION_NODES, ast.ClassDef, ast.Import, ast.ImportFrom, ast.TypeAlias, ast.Pass)
_CONSTANT_NODES = (
    *(ast.Constant, ast.Name, ast.Attribute, ast.Tuple, ast.List, ast.Set, ast.Dict, ast.Starred, ast.Subscript, ast.Slice),
    *(ast.UnaryOp, ast.BinOp, ast.BoolOp, ast.Compare, ast.IfExp, ast.JoinedStr, ast.FormattedValue),
)
# Of a code object: a function has locals that are its own, a class's body has not.
_OPTIMIZED, _VARARGS, _VARKEYWORDS, _GENERATOR, _COROUTINE, _ASYNC_GENERATOR = 0x1, 0x4, 0x8, 0x20, 0x80, 0x200


class Script:
    """`{"language": "python", "main": "main.py", "files": {"main.py": "source", …}}`."""

    def __init__(self, parsed: dict):
        self.main: str = parsed["main"]
        # A byte order mark is no part of the program.
        self.files: dict[str, str] = {name: text.removeprefix("\ufeff") for name, text in parsed["files"].items()}
        if self.main not in self.files:
            raise Refused(f"the script has no file `{self.main}`")
        for name, text in self.files.items():
            # Where traceback, inspect and warnings look for a line of source.
            linecache.cache[name] = (len(text), None, text.splitlines(True), name)

    def compile(self, file: str, flags: int = 0):
        """The code of a file; a SyntaxError has the file's name and a position."""
        source = self.files[file]
        try:
            return compile(source, file, "exec", flags, dont_inherit=True)
        except (SyntaxError, ValueError) as error:
            if isinstance(error, SyntaxError) and error.filename == file:
                raise
            # A null character has no position of its own.
            position = source.find("\0")
            line = source.count("\n", 0, position) + 1 if position >= 0 else 1
            column = position - source.rfind("\n", 0, position) if position >= 0 else 1
            raise SyntaxError(getattr(error, "msg", str(error)), (file, line, column, None)) from None
        except (RecursionError, MemoryError):
            raise SyntaxError("too deeply nested to compile", (file, 1, 1, None)) from None


def describe(script: Script, function: str) -> str:
    """JSON of what the script is: a function and its parameters, or a plain script. Runs nothing of it."""
    with warnings.catch_warnings():
        # `run` tells them.
        warnings.simplefilter("ignore")
        for file in script.files:
            if file.endswith(".py") and file != script.main:
                script.compile(file)
        flags = _TOP_LEVEL_AWAIT
        code = script.compile(script.main, flags)
        name = _wanted(script, code, function)
        if name is None:
            return '{"kind":"script"}'
        tree = script.compile(script.main, flags | ast.PyCF_ONLY_AST)
    node = _definition(tree.body, name)
    return json.dumps({"kind": "function", "name": name, "params": _parameters(node, script)}, ensure_ascii=False)


def run(script: Script, function: str, input: dict) -> str:
    """Runs it once, and gives JSON of its answer."""
    code = script.compile(script.main, _TOP_LEVEL_AWAIT)
    name = _wanted(script, code, function)
    module = _prepare(script, name)
    if name is not None:
        return _run_function(code, module, name, input)
    return _run_plain(code, module, input)


def _run_function(code, module, name: str, input: dict) -> str:
    # What a function prints is for the log.
    sys.stdout = sys.stderr
    try:
        _execute(code, module)
        function = module.__dict__.get(name)
        if not callable(function):
            raise Refused(f"`{name}` is not a function once the script has run")
        positional, named = _arguments(function, name, input)
        value = function(*positional, **named)
        return answers.write(loops.finish(value))
    except SystemExit as ended:
        if ended.code in (None, 0):
            return "null"
        raise


def _run_plain(code, module, input: dict) -> str:
    module.__dict__["inputs"] = input
    kept = io.BytesIO()
    sys.stdout = io.TextIOWrapper(kept, encoding="utf-8", errors="surrogateescape", newline="\n", write_through=True)
    answered = False
    try:
        try:
            _execute(code, module)
        except SystemExit as ended:
            if ended.code not in (None, 0):
                raise
        names = module.__dict__
        if "result" in names:
            return answers.write(loops.finish(names["result"]))
        if "outputs" in names:
            return answers.write(loops.finish(names["outputs"]))
        answered = True
        return answers.printed(kept.getvalue().decode("utf-8", "replace"))
    finally:
        if not answered and kept.tell():
            sys.stderr.write(kept.getvalue().decode("utf-8", "replace"))
            sys.stderr.flush()


def _execute(code, module) -> None:
    if code.co_flags & _COROUTINE:
        loops.finish(types.FunctionType(code, module.__dict__)())
    else:
        exec(code, module.__dict__)


def _prepare(script: Script, function: str | None):
    """The module that the script's main file becomes, and the way to its other files."""
    stem = posixpath.splitext(posixpath.basename(script.main))[0]
    if function is None:
        name = "__main__"
    elif stem in sys.stdlib_module_names or stem in sys.modules:
        # Such a name would hide a module of the standard library from the script.
        name = "__script__"
    else:
        name = stem
    finder = _Finder(script)
    loader = _Loader(script, script.main)
    module = types.ModuleType(name)
    module.__file__ = script.main
    module.__loader__ = loader
    module.__spec__ = None if function is None else importlib.machinery.ModuleSpec(name, loader, origin=script.main)
    module.__builtins__ = __builtins__
    sys.modules[name] = module
    sys.argv[:] = [script.main]
    if len(script.files) > 1:
        # A file of the script stands before a module of the standard library, as it does beside a script on disk.
        for own in finder.top_level():
            if own in sys.modules and own not in STARTED_WITH and own != name:
                for loaded in [other for other in sys.modules if other == own or other.startswith(own + ".")]:
                    del sys.modules[loaded]
        sys.meta_path.insert(0, finder)
    return module


class _Finder:
    """Finds the script's own files: beside its main file, then from the top."""

    def __init__(self, script: Script):
        self.script = script
        self.roots = list(dict.fromkeys([posixpath.dirname(script.main), ""]))
        self.folders = set()
        for file in script.files:
            while file := posixpath.dirname(file):
                self.folders.add(file)

    def top_level(self):
        for file in self.script.files:
            if file == self.script.main:
                continue
            for root in self.roots:
                inner = file[len(root) :].lstrip("/") if file.startswith(root) else ""
                if inner.endswith(".py"):
                    yield inner.split("/")[0].removesuffix(".py")

    def find_spec(self, name, path=None, target=None):
        last = name.rpartition(".")[2]
        for root in self.roots if path is None else path:
            base = posixpath.join(root, last)
            for file in (f"{base}/__init__.py", f"{base}.py"):
                if file in self.script.files:
                    package = file.endswith("/__init__.py")
                    spec = importlib.machinery.ModuleSpec(name, _Loader(self.script, file), origin=file, is_package=package)
                    spec.has_location = True
                    if package:
                        spec.submodule_search_locations = [base]
                    return spec
        # A folder without an `__init__.py`, unless the standard library has a module of the name.
        folders = [posixpath.join(root, last) for root in (self.roots if path is None else path)]
        folders = [folder for folder in folders if folder in self.folders]
        if folders and name not in sys.stdlib_module_names:
            spec = importlib.machinery.ModuleSpec(name, None, is_package=True)
            spec.submodule_search_locations = folders
            return spec
        return None


class _Loader:
    def __init__(self, script: Script, file: str):
        self.script = script
        self.file = file

    def create_module(self, spec):
        return None

    def exec_module(self, module):
        exec(self.script.compile(self.file), module.__dict__)

    def get_source(self, name):
        return self.script.files[self.file]

    def get_data(self, path):
        return self.script.files[path].encode()


def _functions(code) -> list[str]:
    """The names of the functions at the top level, read from the compiled module."""
    found = {}
    for constant in code.co_consts:
        if type(constant) is types.CodeType:
            if constant.co_name.startswith("<generic parameters of "):
                # `def main[T](…)`
                found |= dict.fromkeys(_functions(constant))
            elif constant.co_flags & _OPTIMIZED and "<" not in constant.co_name and constant.co_name != "__annotate__":
                found[constant.co_name] = None
    return list(found)


def _wanted(script: Script, code, function: str) -> str | None:
    """The function to call, or none for a plain script."""
    names = _functions(code)
    if function:
        if function not in names:
            there = "its functions: " + _listed(names) if names else "it has no functions"
            raise Refused(f"the script has no function `{function}`; {there}")
        return function
    if "main" in names:
        return "main"
    return _only_function(script) if names else None


def _only_function(script: Script) -> str | None:
    """The function of a script that does nothing but define: run as a whole it would answer nothing, for its `main` has another name."""
    with warnings.catch_warnings():
        # Compiling told them.
        warnings.simplefilter("ignore")
        body = script.compile(script.main, _TOP_LEVEL_AWAIT | ast.PyCF_ONLY_AST).body
    names = list(dict.fromkeys(node.name for node in body if isinstance(node, _FUNCTION_NODES)))
    if not names or not all(map(_only_defines, body)):
        return None
    if len(names) > 1:
        raise Refused(f"there is no function `main`; its functions: {_listed(names)}")
    return names[0]


def _listed(names: list[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)


def _only_defines(node) -> bool:
    """Whether a statement gives a name to something and has no other effect."""
    if isinstance(node, ast.Expr):
        return isinstance(node.value, ast.Constant)
    if isinstance(node, (ast.Assign, ast.AnnAssign)):
        targets = node.targets if isinstance(node, ast.Assign) else [node.target]
        return all(map(_is_own_name, targets)) and (node.value is None or _is_constant(node.value))
    return isinstance(node, _DEFINING_NODES)


def _is_own_name(target) -> bool:
    """Whether an assignment to it sets variables, and not the answer."""
    if isinstance(target, (ast.Tuple, ast.List)):
        return all(map(_is_own_name, target.elts))
    return isinstance(target, ast.Name) and target.id not in ("result", "outputs")


def _is_constant(node) -> bool:
    """Whether an expression calls nothing and depends on no input."""
    pending = [node]
    while pending:
        node = pending.pop()
        if isinstance(node, ast.Lambda):
            continue
        if not isinstance(node, _CONSTANT_NODES) or isinstance(node, ast.Name) and node.id == "inputs":
            return False
        pending += [inner for inner in ast.iter_child_nodes(node) if isinstance(inner, ast.expr)]
    return True


def _definition(body: list, name: str):
    """The last definition of a function in a module, whatever block it stands in."""
    found = None
    for node in body:
        if isinstance(node, _FUNCTION_NODES):
            if node.name == name:
                found = node
        elif not isinstance(node, ast.ClassDef):
            for field in ("body", "handlers", "orelse", "finalbody", "cases"):
                inner = getattr(node, field, None)
                if isinstance(inner, list):
                    found = _definition(inner, name) or found
    return found


def _parameters(node, script: Script) -> list[dict]:
    def parameter(argument, **more):
        return {"name": argument.arg, "type": _annotation(argument.annotation, script), "optional": False, **more}

    given = node.args
    positional = given.posonlyargs + given.args
    params = [parameter(argument) for argument in positional]
    for one in params[len(positional) - len(given.defaults) :]:
        one["optional"] = True
    if given.vararg:
        # A caller gives it by name or in its place, as one list.
        params.append({"name": given.vararg.arg, "type": "list", "optional": True})
    for argument, default in zip(given.kwonlyargs, given.kw_defaults):
        params.append(parameter(argument, optional=default is not None))
    if given.kwarg:
        params.append(parameter(given.kwarg, optional=True, keywords=True))
    return params


def _annotation(node, script: Script) -> str:
    """The annotation as it is written."""
    if node is None:
        return "any"
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    text = ast.get_source_segment(script.files[script.main], node)
    return text if text and "\n" not in text else ast.unparse(node)


def _arguments(function, name: str, input: dict) -> tuple[list, dict]:
    """How the input becomes a call: by name, but for what Python takes by position only."""
    if type(function) is not types.FunctionType or function.__code__.co_name != name:
        # Decorated: only the function itself knows.
        return [], input
    code = function.__code__
    count, keyword_only = code.co_argcount, code.co_kwonlyargcount
    variables = code.co_varnames
    positional, by_keyword = variables[:count], variables[count : count + keyword_only]
    rest = variables[count + keyword_only] if code.co_flags & _VARARGS else None
    named = dict(input)
    known = positional + by_keyword
    if not code.co_flags & _VARKEYWORDS:
        for key in named:
            if key not in known and key != rest:
                has = "its parameters: " + ", ".join(f"`{one}`" for one in known + ((rest,) if rest else ())) if known or rest else "it has none"
                raise Refused(f"{name}() has no parameter `{key}`; {has}")
    defaults = function.__defaults__ or ()
    missing = [one for one in positional[: count - len(defaults)] if one not in named]
    missing += [one for one in by_keyword if one not in named and one not in (function.__kwdefaults__ or ())]
    if missing:
        raise Refused(f"{name}() is missing " + ", ".join(f"`{one}`" for one in missing))
    if rest in named:
        more = named.pop(rest)
        if type(more) is not list:
            raise Refused(f"`{rest}` of {name}() takes the rest of its arguments: give a list")
        by_position = positional
    else:
        more, by_position = [], positional[: code.co_posonlyargcount]
    given = dict(zip(positional[count - len(defaults) :], defaults)) | named
    arguments = [given[one] for one in by_position] + more
    for one in by_position:
        named.pop(one, None)
    return arguments, named


@contextlib.contextmanager
def restored():
    """For what runs while the unit is built: leaves nothing of a script behind."""
    modules, path, cache, out = dict(sys.modules), list(sys.meta_path), dict(linecache.cache), sys.stdout
    try:
        yield
    finally:
        sys.modules.clear()
        sys.modules.update(modules)
        sys.meta_path[:] = path
        linecache.cache.clear()
        linecache.cache.update(cache)
        sys.stdout = out
