"""Reads pickled data, without running anything that is in it."""

import io
import pickletools
import warnings

from tfdml.data.archives.pickled_arrays import Array, DType, Name, call
from tfdml.data.archives.trust import Refused, existing_file, named

_LARGEST = 2**31
_MOST_INSTRUCTIONS = 20_000_000
_DEEPEST = 20
_LARGEST_KEY = 2**60  # beyond, integers can be chosen so that a dict takes them for equal and is slow


def read_pickle(path_or_bytes):
    """Reads a pickle of plain values and NumPy arrays, such as a batch of CIFAR-10.

    A pickle is a program that may call anything, so none is run here: the few instructions that plain
    values and arrays of numbers consist of are interpreted, and any other instruction or name is refused.

    Args:
        path_or_bytes: The file, or its content; at most 2 GiB.

    Returns:
        What was pickled: dicts, lists, tuples, strings, bytes, numbers, booleans, `None` and NumPy arrays of
        numbers or strings, which are read-only. Strings of Python 2 are bytes: `batch[b"data"]`.

    Raises:
        ValueError: The pickle is damaged or has anything else in it.

    Example:

    ```python
    import pickle
    from tfdml.data.archives import read_pickle

    batch = read_pickle(pickle.dumps({"data": np.zeros((2, 3072), "uint8"), "labels": [6, 9]}, protocol=2))
    assert batch["data"].shape == (2, 3072) and batch["labels"] == [6, 9]
    ```
    """
    if isinstance(path_or_bytes, bytes):
        where, file = "path_or_bytes", io.BytesIO(path_or_bytes)
    else:
        where = existing_file(path_or_bytes)
        file = where.open("rb")
    with file, named(where, "a pickle of plain values and arrays"), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # text of protocol 0 may have escapes that Python is to drop
        if file.seek(0, io.SEEK_END) > _LARGEST:
            raise Refused(f"more than {_LARGEST} bytes")
        file.seek(0)
        return _plain(_interpret(file), _DEEPEST, {})


def _interpret(stream):
    """The value of a pickle, in which arrays, types and names are still what stands for them."""
    stack, marks, memo = [], [], {}

    def since_mark():
        start = marks.pop()
        items = stack[start:]
        del stack[start:]
        return items

    for count, (instruction, argument, _) in enumerate(pickletools.genops(stream)):
        if count > _MOST_INSTRUCTIONS:
            raise Refused(f"more than {_MOST_INSTRUCTIONS} instructions")
        match instruction.name:
            case "BINPUT" | "LONG_BINPUT" | "PUT":
                memo[argument] = stack[-1]
            case "MEMOIZE":
                memo[len(memo)] = stack[-1]
            case "BINGET" | "LONG_BINGET" | "GET":
                stack.append(memo[argument])
            case "BININT" | "BININT1" | "BININT2" | "INT" | "LONG" | "LONG1" | "LONG4" | "FLOAT" | "BINFLOAT":
                stack.append(argument)
            case "UNICODE" | "BINUNICODE" | "SHORT_BINUNICODE" | "BINUNICODE8":
                stack.append(argument)
            case "BINBYTES" | "SHORT_BINBYTES" | "BINBYTES8":
                stack.append(argument)
            case "STRING" | "BINSTRING" | "SHORT_BINSTRING":  # of Python 2, where text was bytes
                stack.append(argument.encode("latin-1"))
            case "NONE" | "NEWTRUE" | "NEWFALSE":
                stack.append({"NONE": None, "NEWTRUE": True, "NEWFALSE": False}[instruction.name])
            case "MARK":
                marks.append(len(stack))
            case "EMPTY_TUPLE":
                stack.append(())
            case "TUPLE1" | "TUPLE2" | "TUPLE3":
                stack.append(tuple(reversed([stack.pop() for _ in range(int(instruction.name[-1]))])))
            case "TUPLE":
                stack.append(tuple(since_mark()))
            case "EMPTY_LIST":
                stack.append([])
            case "LIST":
                stack.append(since_mark())
            case "APPEND":
                item = stack.pop()
                _only(list, stack[-1]).append(item)
            case "APPENDS":
                items = since_mark()
                _only(list, stack[-1]).extend(items)
            case "EMPTY_DICT":
                stack.append({})
            case "DICT":
                stack.append(_pairs(since_mark()))
            case "SETITEM":
                items = [stack.pop(-2), stack.pop()]
                _only(dict, stack[-1]).update(_pairs(items))
            case "SETITEMS":
                items = since_mark()
                _only(dict, stack[-1]).update(_pairs(items))
            case "GLOBAL":
                stack.append(Name.checked(argument))
            case "STACK_GLOBAL":
                name, module = stack.pop(), stack.pop()
                stack.append(Name.checked(f"{_only(str, module)} {_only(str, name)}"))
            case "REDUCE":
                arguments, name = stack.pop(), stack.pop()
                stack.append(call(_only(Name, name), _only(tuple, arguments)))
            case "BUILD":
                state, value = _only(tuple, stack.pop()), stack[-1]
                if not isinstance(value, Array | DType):
                    raise Refused(f"a state for a {type(value).__name__}")
                value.build(state)
            case "PROTO" | "FRAME":
                pass
            case "STOP":
                return stack.pop()
            case other:
                raise Refused(f"the instruction {other}, which plain values have no need of")
    raise Refused("a pickle that ends too early")


def _only(kind, value):
    if type(value) is not kind:
        raise Refused(f"a {type(value).__name__} where a {kind.__name__} belongs")
    return value


def _pairs(items):
    keys, values = items[::2], items[1::2]
    for key in keys:
        if type(key) not in (str, bytes, int) or (type(key) is int and abs(key) >= _LARGEST_KEY):
            raise Refused(f"a key of the type {type(key).__name__}, or too large")
    return dict(zip(keys, values, strict=True))


def _plain(value, depth, done):
    """`value` with the arrays in the places of what stands for them. `done` has what is in several places."""
    if depth == 0:
        raise Refused(f"values more than {_DEEPEST} deep")
    if isinstance(value, Array):
        return value.finished()
    if isinstance(value, Name | DType):
        raise Refused(f"a {type(value).__name__.lower()} where a value belongs")
    if not isinstance(value, dict | list | tuple):
        return value
    if id(value) not in done:
        if isinstance(value, dict):
            plain = {key: _plain(item, depth - 1, done) for key, item in value.items()}
        else:
            plain = type(value)(_plain(item, depth - 1, done) for item in value)
        done[id(value)] = plain
    return done[id(value)]
