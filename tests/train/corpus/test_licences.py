"""Licences: texts, metadata and headers become SPDX expressions; allowed lists understand AND, OR, WITH."""

from pathlib import Path

import pytest

from oasis_train.corpus.licences import (
    is_allowed,
    is_licence_file,
    licence_of,
    licence_of_header,
    licence_of_text,
    normalise_licence,
)

MIT = """Copyright (c) 2020 Somebody

Permission is hereby granted, free of charge, to any person obtaining a copy of this software and associated
documentation files (the "Software"), to deal in the Software without restriction. The above copyright notice
and this permission notice shall be included in all copies or substantial portions of the Software.

THE SOFTWARE IS PROVIDED "AS IS", WITHOUT WARRANTY OF ANY KIND.
"""
BSD_2 = """Redistribution and use in source and binary forms, with or without modification, are permitted:
1. Redistributions of source code must retain the above copyright notice.
2. Redistributions in binary form must reproduce the above copyright notice.
THIS SOFTWARE IS PROVIDED BY THE AUTHOR "AS IS".
"""
BSD_3 = BSD_2 + "The names may not be used to endorse or promote products derived from it.\n"
ISC = """Permission to use, copy, modify, and/or distribute this software for any purpose with or without fee
is hereby granted, provided that the above copyright notice and this permission notice appear in all copies.
"""
OWN = Path(__file__).parents[3] / "LICENSE"


@pytest.mark.parametrize(
    ("text", "licence"),
    [
        (MIT, "MIT"),
        (MIT.replace("\n", "\r\n * "), "MIT"),
        (BSD_2, "BSD-2-Clause"),
        (BSD_3, "BSD-3-Clause"),
        (ISC, "ISC"),
        (OWN.read_text(), "Apache-2.0"),
        ("GNU GENERAL PUBLIC LICENSE\nVersion 3, 29 June 2007 ... GNU Lesser General Public", "GPL-3.0-only"),
        ("GNU LESSER GENERAL PUBLIC LICENSE\n Version 3, 29 June 2007", "LGPL-3.0-only"),
        ("GNU AFFERO GENERAL PUBLIC LICENSE\n Version 3, 19 November 2007", "AGPL-3.0-only"),
        ("This is free and unencumbered software released into the public domain.", "Unlicense"),
        ("All rights reserved.", ""),
        ("", ""),
    ],
)  # fmt: skip
def test_full_texts_are_recognised(text: str, licence: str) -> None:
    assert licence_of_text(text) == licence


@pytest.mark.parametrize(
    ("path", "text", "licence"),
    [
        ("package.json", '{"license": "(MIT OR GPL-3.0)"}', "MIT OR GPL-3.0-only"),
        ("package.json", '{"licenses": [{"type": "MIT"}, {"type": "Apache-2.0"}]}', "MIT OR Apache-2.0"),
        ("composer.json", '{"license": ["BSD-3-Clause"]}', "BSD-3-Clause"),
        ("composer.json", '{"license": "proprietary"}', ""),
        ("package.json", '{"license": {}, ', ""),
        ("Cargo.toml", '[package]\nlicense = "MIT/Apache-2.0"', "MIT OR Apache-2.0"),
        ("pyproject.toml", '[project]\nlicense = "0BSD"', "0BSD"),
        ("pyproject.toml", '[project]\nlicense = {text = "MIT License"}', "MIT"),
        ("pyproject.toml", '[tool.poetry]\nlicense = "GPL-2.0+"', "GPL-2.0-or-later"),
        ("x.gemspec", 'Gem::Specification.new do |s|\n  s.license = "Ruby"\nend', "Ruby"),
        ("x.gemspec", "  spec.licenses = ['MIT']", "MIT"),
        ("pom.xml", "<licenses><license>\n<name>Apache License, Version 2.0</name>", "Apache-2.0"),
        ("x-1.dist-info/METADATA", "Name: x\nLicense-Expression: MIT\n", "MIT"),
        ("PKG-INFO", "License: BSD\nClassifier: License :: OSI Approved :: MIT License\n", "MIT"),
        ("debian/copyright", "\n\nFiles: *\nCopyright: me\nLicense: GPL-2+\n Text.\n", "GPL-2.0-or-later"),
        ("debian/copyright", "Files: *\nCopyright: me\n you\nLicense: Expat or ISC\n", "MIT OR ISC"),
    ],
)  # fmt: skip
def test_metadata_of_packages_are_read(path: str, text: str, licence: str) -> None:
    assert is_licence_file(path)
    assert licence_of({path: text.encode()}) == licence


def test_metadata_win_over_texts_and_the_nearest_over_the_deeper() -> None:
    text = MIT.encode()
    assert licence_of({"LICENSE": text, "Cargo.toml": b'[package]\nlicense = "MIT OR ISC"'}) == "MIT OR ISC"
    assert licence_of({"LICENSE": text, "package.json": b'{"name": "x"}'}) == "MIT"
    assert licence_of({"LICENSE": text, "deps/x/COPYING": BSD_3.encode()}) == "MIT"
    assert licence_of({"LICENSE-MIT": text, "LICENSE-BSD": BSD_3.encode()}) == "BSD-3-Clause AND MIT"
    assert licence_of({}) == ""


@pytest.mark.parametrize("path", ["src/license.py", "licenses.json", "a/b/c/d/LICENSE", "share/copyright"])
def test_code_and_deep_files_tell_no_licence(path: str) -> None:
    assert not is_licence_file(path)


@pytest.mark.parametrize(
    ("head", "licence"),
    [
        (b"// SPDX-License-Identifier: Apache-2.0 OR MIT\n", "Apache-2.0 OR MIT"),
        (b"/* SPDX-License-Identifier: GPL-2.0 */\n", "GPL-2.0-only"),
        (b"# SPDX-License-Identifier: LicenseRef-mine\n", ""),
        (b"print()\n", ""),
    ],
)
def test_a_header_speaks_for_its_file(head: bytes, licence: str) -> None:
    assert licence_of_header(head) == licence


@pytest.mark.parametrize(
    ("licence", "allowed"),
    [
        ("MIT", True),
        ("MIT OR GPL-3.0-only", True),
        ("MIT AND Apache-2.0", True),
        ("MIT AND GPL-3.0-only", False),
        ("(GPL-3.0-only OR MIT) AND Apache-2.0", True),
        ("Apache-2.0 WITH LLVM-exception", True),
        ("GPL-2.0-only WITH Classpath-exception-2.0", False),
        ("", False),
    ],
)
def test_allowed_licences_cover_expressions(licence: str, allowed: bool) -> None:
    assert is_allowed(licence, ["MIT", "Apache-2.0"]) is allowed


def test_normal_form_is_stable() -> None:
    for text in (
        "mit",
        "GPL-2.0+",
        "Apache-2.0 with LLVM-exception",
        "(isc or mit) and zlib",
        "3-Clause BSD",
    ):
        assert normalise_licence(normalise_licence(text)) == normalise_licence(text) != ""
