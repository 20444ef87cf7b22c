"""The table of languages: how a file is recognised, which grammar and which comments it has.

A language without a grammar is cut in windows. Nothing is loaded here: grammars come from `grammars.py`
on first use. Deliberately no content sniffing beyond the first line.
"""

import re
from dataclasses import dataclass
from functools import lru_cache
from pathlib import PurePath


@dataclass(frozen=True, slots=True)
class Language:
    """One row of the table."""

    name: str
    """Our own name, stable: it is stored in the index and given to `--lang`."""
    lsp_ids: tuple[str, ...] = ()
    """`languageId`s by which editors call it, beside `name`."""
    extensions: tuple[str, ...] = ()
    """Lower case, with the dot; compound ones (`.d.ts`) win over their tails."""
    filenames: tuple[str, ...] = ()
    """Lower-case whole file names."""
    interpreters: tuple[str, ...] = ()
    """Programs in a `#!` line, without version digits."""
    grammar: tuple[str, str] | None = None
    """Python module and function that give the tree-sitter grammar."""
    query: str = ""
    """File in `queries/` that says what is a unit; empty without a grammar."""
    line_comments: tuple[bytes, ...] = ()
    """Markers that make the rest of a line a comment; empty without a grammar."""
    block_comment: tuple[bytes, bytes] | None = None
    """Opening and closing marker of a comment over several lines."""


_SLASHES: tuple[bytes, ...] = (b"//",)
_HASH: tuple[bytes, ...] = (b"#",)
_STARS = (b"/*", b"*/")


def _grammar(
    name: str,
    module: str,
    extensions: str,
    comments: tuple[bytes, ...] = _SLASHES,
    block: tuple[bytes, bytes] | None = _STARS,
    *,
    function: str = "language",
    query: str = "",
    ids: str = "",
    filenames: str = "",
    interpreters: str = "",
) -> Language:
    """A row with a grammar; lists are written as words."""
    return Language(
        name,
        tuple(ids.split()),
        tuple(extensions.split()),
        tuple(filenames.split()),
        tuple(interpreters.split()),
        (module, function),
        query or f"{name}.scm",
        comments,
        block,
    )


def _plain(
    name: str, extensions: str = "", *, ids: str = "", filenames: str = "", interpreters: str = ""
) -> Language:
    """A row without a grammar."""
    return Language(
        name,
        tuple(ids.split()),
        tuple(extensions.split()),
        tuple(filenames.split()),
        tuple(interpreters.split()),
    )


TEXT = _plain("text", ".txt .text .log", ids="plaintext", filenames="license copying notice authors readme")

LANGUAGES: tuple[Language, ...] = (
    _grammar(
        "python",
        "tree_sitter_python",
        ".py .pyi .pyw .pyx .bzl",
        _HASH,
        None,
        filenames="sconstruct sconscript wscript",
        interpreters="python pypy",
    ),
    _grammar(
        "javascript",
        "tree_sitter_javascript",
        ".js .jsx .mjs .cjs",
        ids="javascriptreact",
        interpreters="node nodejs",
    ),
    _grammar(
        "typescript",
        "tree_sitter_typescript",
        ".ts .mts .cts",
        function="language_typescript",
        interpreters="deno bun ts-node tsx",
    ),
    _grammar(
        "tsx",
        "tree_sitter_typescript",
        ".tsx",
        function="language_tsx",
        query="typescript.scm",
        ids="typescriptreact",
    ),
    _grammar("java", "tree_sitter_java", ".java"),
    _grammar("go", "tree_sitter_go", ".go"),
    _grammar("c", "tree_sitter_c", ".c .h"),
    _grammar(
        "cpp",
        "tree_sitter_cpp",
        ".cc .cpp .cxx .c++ .hh .hpp .hxx .h++ .ipp .inl .tpp .ixx .cppm .cu .cuh",
        ids="cuda-cpp",
    ),
    _grammar("csharp", "tree_sitter_c_sharp", ".cs .csx"),
    _grammar(
        "ruby",
        "tree_sitter_ruby",
        ".rb .rake .gemspec .ru .rbi",
        _HASH,
        (b"=begin", b"=end"),
        filenames="rakefile gemfile vagrantfile podfile guardfile brewfile",
        interpreters="ruby jruby",
    ),
    _grammar(
        "php",
        "tree_sitter_php",
        ".php .phtml .php5 .inc",
        (b"//", b"#"),
        function="language_php",
        interpreters="php",
    ),
    _grammar("rust", "tree_sitter_rust", ".rs"),
    _grammar(
        "bash",
        "tree_sitter_bash",
        ".sh .bash .zsh .ksh .bats .ebuild",
        _HASH,
        None,
        ids="shellscript sh",
        filenames=".bashrc .bash_profile .profile .zshrc pkgbuild",
        interpreters="sh bash zsh dash ksh",
    ),
    TEXT,
    _plain("markdown", ".md .markdown .mdx .mdown .qmd .rmd"),
    _plain("rst", ".rst .rest", ids="restructuredtext"),
    _plain("asciidoc", ".adoc .asciidoc"),
    _plain("tex", ".tex .sty .cls .bib", ids="latex bibtex"),
    _plain("json", ".json .jsonc .json5 .geojson .webmanifest", ids="jsonc json5"),
    _plain("yaml", ".yaml .yml", ids="dockercompose"),
    _plain("toml", ".toml", filenames="pipfile"),
    _plain("ini", ".ini .cfg .conf .properties .editorconfig .env", ids="properties dotenv"),
    _plain("xml", ".xml .xsd .xsl .xslt .svg .plist .csproj .props .targets", ids="xsl"),
    _plain("html", ".html .htm .xhtml .erb .ejs .hbs .jinja .j2", ids="erb handlebars jinja-html"),
    _plain("vue", ".vue"),
    _plain("svelte", ".svelte"),
    _plain("astro", ".astro"),
    _plain("css", ".css .scss .sass .less", ids="scss sass less"),
    _plain("sql", ".sql .ddl .psql"),
    _plain("graphql", ".graphql .gql"),
    _plain("proto", ".proto", ids="proto3"),
    _plain("cmake", ".cmake", filenames="cmakelists.txt"),
    _plain("makefile", ".mk .mak", ids="make", filenames="makefile gnumakefile", interpreters="make"),
    _plain("dockerfile", ".dockerfile", filenames="dockerfile containerfile"),
    _plain("terraform", ".tf .tfvars .hcl", ids="hcl"),
    _plain("nix", ".nix"),
    _plain("starlark", ".star", ids="bazel", filenames="build workspace build.bazel workspace.bazel"),
    _plain("gradle", ".gradle"),
    _plain("groovy", ".groovy", filenames="jenkinsfile", interpreters="groovy"),
    _plain("kotlin", ".kt .kts"),
    _plain("swift", ".swift", interpreters="swift"),
    _plain("scala", ".scala .sc .sbt"),
    _plain("clojure", ".clj .cljs .cljc .edn"),
    _plain("objective-c", ".m .mm", ids="objective-cpp"),
    _plain("fsharp", ".fs .fsi .fsx"),
    _plain("vb", ".vb .bas"),
    _plain("lua", ".lua", interpreters="lua luajit"),
    _plain("perl", ".pl .pm .t", interpreters="perl"),
    _plain("r", ".r", interpreters="rscript"),
    _plain("julia", ".jl", interpreters="julia"),
    _plain("dart", ".dart"),
    _plain("elixir", ".ex .exs", interpreters="elixir"),
    _plain("erlang", ".erl .hrl", interpreters="escript"),
    _plain("haskell", ".hs .lhs", interpreters="runhaskell"),
    _plain("ocaml", ".ml .mli"),
    _plain("elm", ".elm"),
    _plain("zig", ".zig"),
    _plain("nim", ".nim"),
    _plain("d", ".d .di"),
    _plain("pascal", ".pas .pp .dpr"),
    _plain("fortran", ".f .for .f90 .f95 .f03 .f08", ids="FortranFreeForm FortranFixedForm"),
    _plain("assembly", ".asm .s", ids="asm"),
    _plain("lisp", ".lisp .lsp .cl .el", ids="emacs-lisp commonlisp"),
    _plain("scheme", ".scm .ss .rkt", ids="racket"),
    _plain("vim", ".vim", ids="viml", filenames=".vimrc"),
    _plain("powershell", ".ps1 .psm1 .psd1", interpreters="pwsh powershell"),
    _plain("fish", ".fish", interpreters="fish"),
    _plain("batch", ".bat .cmd", ids="bat"),
    _plain("solidity", ".sol"),
    _plain("glsl", ".glsl .vert .frag .comp .hlsl .wgsl", ids="hlsl wgsl"),
    _plain("csv", ".csv .tsv", ids="tsv"),
    _plain("diff", ".diff .patch"),
    _plain("notebook", ".ipynb", ids="jupyter"),
)
"""Every language that has a name; order carries no meaning."""

_BY_NAME = {language.name: language for language in LANGUAGES}
_BY_LSP_ID = _BY_NAME | {identifier: language for language in LANGUAGES for identifier in language.lsp_ids}
_BY_EXTENSION = {extension: language for language in LANGUAGES for extension in language.extensions}
_BY_FILENAME = {filename: language for language in LANGUAGES for filename in language.filenames}
_BY_INTERPRETER = {program: language for language in LANGUAGES for program in language.interpreters}

_SHEBANG = re.compile(rb"^#!\s*(?:\S*/)?(?:env(?:\s+(?:-\S+|\w+=\S*))*\s+(?:\S*/)?)?([A-Za-z_-]+)")


def language_of(path: PurePath | str, first_line: bytes = b"") -> Language:
    """The language of a file by its name, else by its `#!` line, else `text`."""
    filename = str(path).replace("\\", "/").rsplit("/", 1)[-1].lower()
    return _language_of_filename(filename) or _language_of_shebang(first_line) or TEXT


def language_by_name(name: str) -> Language | None:
    """The language of that name in our table, whatever the case."""
    return _BY_NAME.get(name.lower())


def language_by_lsp_id(identifier: str) -> Language | None:
    """The language that editors call by that `languageId`."""
    return _BY_LSP_ID.get(identifier) or _BY_LSP_ID.get(identifier.lower())


@lru_cache(maxsize=4096)
def _language_of_filename(filename: str) -> Language | None:
    if (exact := _BY_FILENAME.get(filename)) is not None:
        return exact
    if filename.startswith(("dockerfile.", "makefile.")):
        return _BY_FILENAME[filename.split(".", 1)[0]]
    start = filename.find(".", 1)
    while start != -1:
        if (found := _BY_EXTENSION.get(filename[start:])) is not None:
            return found
        start = filename.find(".", start + 1)
    return _BY_EXTENSION.get(filename)


def _language_of_shebang(first_line: bytes) -> Language | None:
    match = _SHEBANG.match(first_line)
    return _BY_INTERPRETER.get(match[1].decode().lower().rstrip("-")) if match else None
