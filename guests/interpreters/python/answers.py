"""Values between JSON and Python."""

import array
import collections.abc
import dataclasses
import datetime
import decimal
import enum
import ipaddress
import json
import math
import pathlib
import re
import types
import uuid


class Unanswerable(Exception):
    """A value that JSON has no place for. Its text is the whole message."""


def read(text: str) -> dict:
    """The input of a call, an object."""
    value = json.loads(text) if text else {}
    if type(value) is not dict:
        raise Unanswerable(f"the input is a JSON object, not {_kind(value)}")
    return value


def write(value) -> str:
    """JSON of what a script gave. The encoder in C does all of it; only where it fails is the value walked, to say where and why."""
    try:
        text = _ENCODER.encode(value)
    except (TypeError, ValueError, RecursionError) as error:
        complaint = _find(value, "result", set(), 0)
        if complaint is None:
            raise
        raise Unanswerable(complaint) from error
    return _bounded(text)


def _bounded(text: str) -> str:
    """JSON of which no integer is beyond 64 bits: others read those as floats, without their last digits."""
    # Most answers have no 19 digits in a row, which this finds out faster than a pattern does.
    if _NINETEEN not in text.encode("utf-8", "surrogatepass").translate(_DIGITS_AS_ZERO) or not _LONG.search(text):
        return text
    # What the text says is walked, and not the value: a generator in it gives its items once.
    if complaint := _find(json.loads(text), "result", set(), 0):
        raise Unanswerable(complaint)
    return text


def printed(text: str) -> str:
    """JSON of what a script printed: itself where it is one JSON document, else the text."""
    if not text:
        return "null"
    document = text.strip(" \t\r\n")
    # A document begins with one of these: most text is told apart without the parser.
    if document[:1] in '{["-0123456789tfn' and document:
        try:
            value = _STRICT.decode(document)
        except (ValueError, RecursionError):
            pass
        else:
            # As it was printed, so that no digit changes; but escapes may hold halves of characters.
            return write(value) if "\\u" in document else _bounded(document)
    return write(text.removesuffix("\n").removesuffix("\r"))


def encodable(text: str) -> str:
    """Text that can leave as UTF-8."""
    try:
        text.encode()
    except UnicodeEncodeError as error:
        code = ord(error.object[error.start])
        raise Unanswerable(f"a string of the result holds half of a character (U+{code:04X}), which no UTF-8 text can") from None
    return text


def _no_constant(name: str):
    raise ValueError(name)


def _default(value):
    """What stands in JSON for a value of another type than JSON's own."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
    if isinstance(value, enum.Enum):
        return value.value
    if isinstance(value, (datetime.datetime, datetime.date, datetime.time)):
        return value.isoformat()
    if isinstance(value, decimal.Decimal):
        if value.is_finite() and value == value.to_integral_value():
            return int(value)
        raise TypeError
    if isinstance(value, (uuid.UUID, pathlib.PurePath, ipaddress._IPAddressBase)):
        return str(value)
    if isinstance(value, collections.abc.Mapping):
        return dict(value)
    if isinstance(value, types.SimpleNamespace):
        return vars(value)
    if isinstance(value, collections.abc.Set):
        try:
            return sorted(value)
        except TypeError:
            return sorted(value, key=lambda item: (type(item).__name__, repr(item)))
    if isinstance(value, (bytes, bytearray, memoryview)):
        raise TypeError
    # Generators, ranges, views, deques.
    if isinstance(value, collections.abc.Iterable) and not isinstance(value, type):
        return list(value)
    raise TypeError


_ENCODER = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":"), default=_default)
_NINETEEN = b"0" * 19
_DIGITS_AS_ZERO = bytes.maketrans(b"123456789", b"000000000")
# Not within a word, nor behind the point of a float.
_LONG = re.compile(r"(?<![\w.])\d{19}")
_STRICT = json.JSONDecoder(parse_constant=_no_constant)

_HELP = {
    bytes: "give `.decode()` of it, or `base64.b64encode(…).decode()`",
    bytearray: "give `.decode()` of it, or `base64.b64encode(…).decode()`",
    memoryview: "give `base64.b64encode(…).decode()` of it",
    decimal.Decimal: "give `str(…)` or `float(…)` of it",
    complex: "give its `.real` and `.imag`",
    datetime.timedelta: "give its `.total_seconds()`",
}


def _kind(value) -> str:
    return type(value).__qualname__


def _find(value, path: str, above: set, depth: int) -> str | None:
    """What of a value has no place in JSON, with the path to it."""
    if isinstance(value, (str, types.NoneType)):
        return None
    if isinstance(value, int):
        return None if -(2**63) <= value < 2**64 else f"{path}: an integer beyond 64 bits; give it as text (str(x))"
    if isinstance(value, float):
        if math.isfinite(value):
            return None
        return f"{path} is {float.__repr__(value)}, and JSON has no such number"
    if depth > 900:
        return f"{path[:60]}… is nested too deeply"
    if id(value) in above:
        return f"{path} holds itself, and JSON cannot"
    above.add(id(value))
    try:
        if isinstance(value, dict):
            for key, item in value.items():
                if not isinstance(key, (str, int, float, types.NoneType)):
                    return f"{path} has the key {_short(key)}, a {_kind(key)}; keys of JSON are strings"
                if isinstance(key, float) and not math.isfinite(key):
                    return f"{path} has the key {key}; keys of JSON are strings"
                if found := _find(item, f"{path}.{key}", above, depth + 1):
                    return found
            return None
        if isinstance(value, (list, tuple)):
            for index, item in enumerate(value):
                if found := _find(item, f"{path}[{index}]", above, depth + 1):
                    return found
            return None
        try:
            other = _default(value)
        except TypeError:
            help = _HELP.get(type(value))
            what = f"{_short(value)}, " if isinstance(value, decimal.Decimal) else ""
            return f"{path} is {what}a {_kind(value)}, which JSON has no place for" + (f": {help}" if help else "")
        return _find(other, path, above, depth + 1)
    finally:
        above.discard(id(value))


def _short(value) -> str:
    text = repr(value)
    return text if len(text) <= 40 else text[:39] + "…"
