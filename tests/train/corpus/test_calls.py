"""Callers and callees in small repositories of several files, in several languages."""

import pytest

from oasis_train.corpus.calls import import_words, link_calls
from oasis_train.corpus.functions import Definition, definitions_of_file

PYTHON = {
    "app/store.py": """
class Store:
    def __init__(self, path):
        self.rows = load(path)

    def find(self, key):
        return self.check(key) and self.rows[key]

    def check(self, key):
        return key in self.rows

def load(path):
    return parse(open(path).read())
""",
    "app/parser.py": """
def parse(text):
    return [row(line) for line in text]

def row(line):
    return line.split()
""",
    "app/main.py": """
from app.store import Store

def main(path, key):
    return Store(path).find(key)
""",
    "tools/other.py": """
def parse(text):
    return row(text)

def row(text):
    return text

def find(text):
    return text
""",
}
JAVA = {
    "src/app/Main.java": """package app;
import store.Shelf;
class Main {
    int run(Shelf shelf) { prepare(); return shelf.count() + new Shelf(3).size(); }
    void prepare() { Log.write("x"); }
}
""",
    "src/store/Shelf.java": """package store;
public class Shelf {
    public Shelf(int n) { this.n = n; }
    public int count() { return size() + 1; }
    public int size() { return n; }
}
""",
    "src/app/Log.java": """package app;
class Log {
    static void write(String text) { System.out.println(text); }
}
""",
    "src/net/Socket.java": """package net;
class Socket {
    void write(String text) { send(text); }
    int count() { return 0; }
}
""",
}
GO = {
    "main.go": """package main

import (
	"example.org/shop/store"
)

func main() {
	s := store.Open("x")
	s.Put(1)
	helper()
}
""",
    "helper.go": """package main

func helper() { println("x") }
""",
    "store/store.go": """package store

func Open(path string) *Store { return &Store{} }

func (s *Store) Put(n int) { s.grow(n) }
""",
    "store/grow.go": """package store

func (s *Store) grow(n int) { s.n += n }
""",
    "cache/cache.go": """package cache

func Open(path string) *Cache { return nil }

func (c *Cache) grow(n int) { c.n = n }
""",
}
TYPESCRIPT = {
    "src/app.ts": """
import { read } from './reader';
export function start(path: string) {
  return show(read(path));
}
function show(text: string) { return text; }
""",
    "src/reader.ts": """
export const read = (path: string) => {
  return decodeText(path) + names.has(path);
};
""",
    "src/writer.ts": """
export function read(path: string) { return path; }
export class Writer {
  decodeText(text: string) { return text; }
  has(text: string) { return text; }
}
""",
    "src/view.tsx": """
import { start } from './app';
export function View() { return <p>{start('x')}</p>; }
""",
}


def check(files: dict[str, str], expected: dict[str, set[str]], *, max_candidates: int = 3) -> None:
    """Compare the callees of every function that `expected` names, and all callers with the callees."""
    definitions: list[Definition] = []
    for path, text in sorted(files.items()):
        definitions += definitions_of_file(path, text.encode(), 6000)
    names = [f"{item.path.rsplit('/', 1)[-1]}:{item.name}" for item in definitions]
    links = link_calls(
        definitions,
        {path: import_words(text) for path, text in files.items()},
        max_candidates=max_candidates,
        max_callers=99,
        max_callees=99,
    )
    found = {names[n]: {names[callee] for callee in links[n].callees} for n in range(len(names))}
    assert {name: found[name] for name in expected} == expected
    pairs = {(n, callee) for n, link in enumerate(links) for callee in link.callees}
    assert {(caller, n) for n, link in enumerate(links) for caller in link.callers} == pairs


def test_python_prefers_the_own_class_then_the_file_then_imports_then_the_folder() -> None:
    check(
        PYTHON,
        {
            "main.py:main": {"store.py:__init__", "store.py:find"},
            "store.py:__init__": {"store.py:load"},
            "store.py:find": {"store.py:check"},
            "store.py:load": {"parser.py:parse"},
            "parser.py:parse": {"parser.py:row"},
            "other.py:parse": {"other.py:row"},
            "other.py:find": set(),
        },
    )


def test_java_finds_classes_by_their_names_in_code_and_imports() -> None:
    check(
        JAVA,
        {
            "Main.java:run": {
                "Main.java:prepare", "Shelf.java:count", "Shelf.java:size", "Shelf.java:Shelf",
            },
            "Main.java:prepare": {"Log.java:write"},
            "Shelf.java:count": {"Shelf.java:size"},
            "Socket.java:write": set(),
        },
    )  # fmt: skip


def test_go_finds_functions_of_the_package_and_of_imported_ones() -> None:
    check(
        GO,
        {
            "main.go:main": {"store.go:Open", "store.go:Put", "helper.go:helper"},
            "store.go:Put": {"grow.go:grow"},
        },
    )


def test_typescript_follows_imports_and_calls_across_tsx() -> None:
    check(
        TYPESCRIPT,
        {
            "app.ts:start": {"app.ts:show", "reader.ts:read"},
            "reader.ts:read": {"writer.ts:decodeText"},
            "view.tsx:View": {"app.ts:start"},
        },
    )


def test_names_with_too_many_meanings_and_other_languages_are_left_alone() -> None:
    files = {f"lib/m{n}.py": f"def run(x):\n    return x + {n}\n" for n in range(3)}
    files["main/b.py"] = "import m0, m1, m2\ndef go(x):\n    return m0.run(x)\n"
    files["main/c.rb"] = "def start(x)\n  run(x)\nend\n"
    check(files, {"b.py:go": {"m0.py:run", "m1.py:run", "m2.py:run"}, "c.rb:start": set()})
    check(files, {"b.py:go": set()}, max_candidates=2)


def test_a_function_is_no_callee_of_itself() -> None:
    check({"a.py": "def down(n):\n    return n and down(n - 1)\n"}, {"a.py:down": set()})


@pytest.mark.parametrize("limit", [0, 1, 2])
def test_only_the_nearest_are_kept(limit: int) -> None:
    text = "".join(
        f"def f{n}():\n    return far() + f{(n + 1) % 4}() + f{(n + 2) % 4}()\n\n" for n in range(4)
    )
    definitions = definitions_of_file("a.py", text.encode(), 6000)
    definitions += definitions_of_file("b.py", b"def far():\n    return f0()\n", 6000)
    links = link_calls(definitions, {}, max_candidates=3, max_callers=limit, max_callees=limit)
    assert links[0].callees == (1, 2)[:limit]
    assert links[0].callers == (2, 3)[:limit]
    assert links[4].callers == (0, 1)[:limit]
