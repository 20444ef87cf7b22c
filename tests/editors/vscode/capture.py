"""Makes the README's pictures of VS Code: a search in motion and two stills, on Python's own library.

python -m tests.editors.vscode.capture docs/images
"""

import argparse
import shutil
import sysconfig
import tempfile
from dataclasses import replace
from pathlib import Path

from PIL import Image

from tests.editors.vscode.conftest import OASIS, SETTINGS, install, opened

LEFT_OUT = ("test", "tests", "idlelib", "*-packages", "__pycache__", "*.so", "config-*")
THEMES = {"light": "Default Light Modern", "dark": "Default Dark Modern"}
COLOURS = 128


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("folder", type=Path)
    out = parser.parse_args().folder.absolute()
    tools = install()
    for name, theme in THEMES.items():
        with tempfile.TemporaryDirectory() as folder:
            base = Path(folder)
            workspace = base / "python"
            shutil.copytree(sysconfig.get_path("stdlib"), workspace, ignore=shutil.ignore_patterns(*LEFT_OUT))
            (workspace / ".venv" / "bin").mkdir(parents=True)
            (workspace / ".venv" / "bin" / "oasis").symlink_to(OASIS)
            settings = {**SETTINGS, "workbench.colorTheme": theme}
            with opened(tools, base, workspace, settings=settings) as rig:
                seen = replace(rig, shots=base).drive("capture.mjs", name)
            assert "error" not in seen, seen
            if name == "light":
                _animate(seen["frames"], out / "vscode-search.gif")
                _reduce(base / "similar-light.png", out / "vscode-similar.png")
            else:
                _reduce(base / "search-dark.png", out / "vscode-search-dark.png")


def _animate(frames: list[tuple[str, float]], file: Path) -> None:
    """One palette for all frames, so that only what changed is stored."""
    pictures = [Image.open(name).convert("RGB") for name, _ in frames]
    palette = pictures[-1].quantize(COLOURS)
    first, *rest = (picture.quantize(palette=palette, dither=Image.Dither.NONE) for picture in pictures)
    milliseconds = [round(1000 * seconds) for _, seconds in frames]
    first.save(file, save_all=True, append_images=rest, duration=milliseconds, loop=0, optimize=True)


def _reduce(picture: Path, file: Path) -> None:
    Image.open(picture).convert("RGB").quantize(COLOURS, dither=Image.Dither.NONE).save(file, optimize=True)


if __name__ == "__main__":
    main()
