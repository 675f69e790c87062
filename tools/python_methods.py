#!/usr/bin/env python3
"""Makes python/pirushka/methods.py from the description of all methods:

    pirushka rpc --openrpc | tools/python_methods.py > python/pirushka/methods.py
"""

import json
import keyword
import sys

HEAD = '''"""The methods of the engine. Made by tools/python_methods.py from `pirushka rpc --openrpc`; not to be changed by hand."""

from __future__ import annotations

from typing import Any, Literal, NotRequired, TypedDict, Union
'''
PLAIN = {"string": "str", "integer": "int", "number": "float", "boolean": "bool", "null": "None", "object": "dict[str, Any]"}


def a_type(schema):
    """The hint for a schema that is not defined by name."""
    if schema is True or not schema:
        return "Any"
    if "$ref" in schema:
        return f'"{schema["$ref"].rsplit("/", 1)[1]}"'
    if "const" in schema:
        return f"Literal[{schema['const']!r}]"
    if "enum" in schema:
        return f"Literal[{', '.join(repr(value) for value in schema['enum'])}]"
    for several in ("anyOf", "oneOf", "allOf"):
        if several in schema:
            return union(a_type(one) for one in schema[several])
    kind = schema.get("type", "object")
    if isinstance(kind, list):
        return union(a_type({**schema, "type": one}) for one in kind)
    if kind == "array":
        return f"list[{a_type(schema.get('items', {}))}]"
    return PLAIN[kind]


def union(hints):
    apart = (one for hint in hints for one in (hint[6:-1].split(", ") if hint.startswith("Union[") else [hint]))
    hints = list(dict.fromkeys(apart))
    return hints[0] if len(hints) == 1 else f"Union[{', '.join(hints)}]"


def definition(name, schema):
    """A named type: an object, one of several objects, or something simple."""
    if "oneOf" in schema and any("properties" in one for one in schema["oneOf"]):
        shared = {key: schema[key] for key in ("properties", "required") if key in schema}
        parts = []
        for n, one in enumerate(schema["oneOf"]):
            if "properties" in one:
                part = f"_{name}{n}"
                yield from an_object(part, merged(one, shared))
                parts.append(f'"{part}"')
            else:
                parts.append(a_type(one))
        yield f"{name} = {union(parts)}"
    elif "properties" in schema:
        yield from an_object(name, schema)
    else:
        yield f"{name} = {a_type(schema)}"


def merged(one, shared):
    properties = {**shared.get("properties", {}), **one["properties"]}
    return {"properties": properties, "required": shared.get("required", []) + one.get("required", [])}


def an_object(name, schema):
    fields = []
    for field, kind in schema["properties"].items():
        hint = a_type(kind)
        fields.append(f"{field!r}: {hint if field in schema.get('required', []) else f'NotRequired[{hint}]'}")
    yield f'{name} = TypedDict("{name}", {{{", ".join(fields)}}})'


def a_method(method):
    params = sorted(method["params"], key=lambda param: not param["required"])
    names = {param["name"]: param["name"] + "_" * keyword.iskeyword(param["name"]) for param in params}
    arguments = ["self"] + (["*"] if params else [])
    for param in params:
        hint = a_type(param["schema"])
        arguments.append(f"{names[param['name']]}: " + (hint if param["required"] else f"{union([hint, 'None'])} = None"))
    result = a_type(method["result"]["schema"])
    yield f"    def {method['name']}({', '.join(arguments)}) -> {result}:"
    yield f'        """{method["description"]}"""'
    given = ", ".join(f"{name!r}: {argument}" for name, argument in names.items())
    yield f"        result: {result} = self.call({method['name']!r}, _given({{{given}}}))"
    yield "        return result"
    yield ""


def main():
    document = json.load(sys.stdin)
    print(HEAD)
    for name, schema in sorted(document["components"]["schemas"].items()):
        print("\n".join(definition(name, schema)))
    print("\n\ndef _given(params: dict[str, Any]) -> dict[str, Any]:")
    print("    return {name: value for name, value in params.items() if value is not None}")
    print("\n\nclass Methods:")
    print('    """One method for each of the engine."""\n')
    print("    def call(self, method: str, params: dict[str, Any]) -> Any:")
    print("        raise NotImplementedError\n")
    lines = [line for method in document["methods"] for line in a_method(method)]
    print("\n".join(lines).rstrip())


main()
