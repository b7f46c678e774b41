"""What went wrong, as the JSON of err: in the user's words and places, with nothing of the glue."""

import json
import linecache
import traceback

from answers import Unanswerable


class Refused(Exception):
    """What the caller asked for cannot be done. Its text is the whole message."""


# Of a deep recursion the first and the last frames are shown.
FIRST_FRAMES = 5
LAST_FRAMES = 10


def describe(error: BaseException, files: dict) -> str:
    """`{"message", "file", "line", "column", "trace"}`, and `"syntax": true` where it does not compile."""
    report = {"message": _message(error)}
    frames = _user_frames(error.__traceback__, files)
    if isinstance(error, SyntaxError) and error.filename in files:
        report |= _syntax_place(error)
        report["syntax"] = True
        report["trace"] = _syntax_trace(error, frames)
    else:
        if frames:
            file, line, column, _ = frames[-1]
            report |= _place(file, line, column)
        trace = _trace(frames) + _causes(error, files)
        if trace:
            report["trace"] = trace
    text = json.dumps(report, ensure_ascii=False)
    return text.encode("utf-8", "backslashreplace").decode()


def _message(error: BaseException) -> str:
    if isinstance(error, (Unanswerable, Refused)):
        return str(error)
    if isinstance(error, SystemExit):
        if isinstance(error.code, int):
            return f"the script ended with exit code {error.code}"
        return f"the script ended itself: {_text(error.code)}"
    name = type(error).__qualname__
    if isinstance(error, SyntaxError):
        return f"{name}: {error.msg}"
    text = _text(error)
    if isinstance(error, (NameError, AttributeError, ImportError)):
        text = _with_suggestion(error, text)
    if isinstance(error, ModuleNotFoundError) and error.name:
        text += "; a script can import the standard library and its own files"
    message = f"{name}: {text}" if text else name
    for note in getattr(error, "__notes__", None) or ():
        message += f"\n{_text(note)}"
    return message


def _text(value) -> str:
    try:
        return str(value)
    except BaseException:
        return f"<a {type(value).__qualname__} whose text cannot be had>"


def _with_suggestion(error: BaseException, text: str) -> str:
    """The text with Python's own "Did you mean"."""
    try:
        told = traceback.TracebackException(type(error), error, error.__traceback__)._str
    except Exception:
        return text
    return told if told.startswith(text) else text


def _place(file: str, line: int | None, column: int | None) -> dict:
    place = {"file": file}
    if line:
        place["line"] = line
    if column:
        place["column"] = column
    return place


def _user_frames(tb, files: dict) -> list:
    """`(file, line, column, name)` of each frame that is of the script's own files, outermost first."""
    frames = []
    while tb is not None:
        code = tb.tb_frame.f_code
        if code.co_filename in files:
            frames.append((code.co_filename, tb.tb_lineno, _column(code, tb.tb_lasti, tb.tb_lineno), code.co_qualname))
        tb = tb.tb_next
    return frames


def _column(code, instruction: int, line: int | None) -> int | None:
    """1-based, in characters; Python counts bytes of UTF-8."""
    if instruction < 0:
        return None
    for index, (start, _, column, _) in enumerate(code.co_positions()):
        if index == instruction // 2:
            if start != line or column is None:
                return None
            source = linecache.getline(code.co_filename, line)
            return len(source.encode("utf-8", "surrogatepass")[:column].decode("utf-8", "replace")) + 1
    return None


def _line(frame) -> str:
    file, line, column, name = frame
    place = f"{file}:{line}" + (f":{column}" if column else "")
    source = linecache.getline(file, line).strip() if line else ""
    text = f"{place} in {name}" if name != "<module>" else place
    return f"{text}\n    {source[:200]}" if source else text


def _trace(frames: list) -> str:
    lines = [_line(frame) for frame in frames[:FIRST_FRAMES]]
    left = frames[FIRST_FRAMES:]
    if len(left) > LAST_FRAMES:
        lines.append(f"… {len(left) - LAST_FRAMES} frames more …")
        left = left[-LAST_FRAMES:]
    lines += [_line(frame) for frame in left]
    return "\n".join(lines)


def _causes(error: BaseException, files: dict) -> str:
    """What the error was raised from, and the errors of a group."""
    told = ""
    seen = {id(error)}
    for _ in range(5):
        if isinstance(error, BaseExceptionGroup):
            for part in error.exceptions[:10]:
                told += f"\nin the group: {_message(part)}" + _under(_trace(_user_frames(part.__traceback__, files)))
        cause = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
        # What answers.write() found is told by its own message.
        if cause is None or id(cause) in seen or isinstance(error, Unanswerable):
            break
        seen.add(id(cause))
        word = "caused by" if error.__cause__ else "while handling"
        told += f"\n{word}: {_message(cause)}" + _under(_trace(_user_frames(cause.__traceback__, files)))
        error = cause
    return told


def _under(trace: str) -> str:
    return "".join(f"\n  {line}" for line in trace.split("\n")) if trace else ""


def _syntax_place(error: SyntaxError) -> dict:
    return _place(error.filename, error.lineno, error.offset)


def _syntax_trace(error: SyntaxError, frames: list) -> str:
    place = f"{error.filename}:{error.lineno}" + (f":{error.offset}" if error.offset else "")
    source = (error.text or linecache.getline(error.filename, error.lineno or 0)).rstrip("\n").expandtabs(1)
    lines = [_line(frame) for frame in frames] + [place]
    if source.strip():
        indent = len(source) - len(source.lstrip())
        lines.append(f"    {source.strip()[:200]}")
        if error.offset and indent < error.offset <= indent + 200:
            lines.append(" " * (4 + error.offset - 1 - indent) + "^")
    return "\n".join(lines)
