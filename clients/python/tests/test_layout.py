"""No imports form a circle, and the README's table of modules says in which order they import."""

from __future__ import annotations

import ast
import re
from pathlib import Path

PACKAGE = Path(__file__).parents[1] / "src/tickcast"
README = (Path(__file__).parents[1] / "README.md").read_text(encoding="utf-8")
LINES_MAX = 500


def needs_of(path: Path) -> set[str]:
    """The modules of the package that a module imports when it is loaded."""
    place = list(path.relative_to(PACKAGE).with_suffix("").parts)
    needed = set()
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.ImportFrom) and node.level:
            base = place[: len(place) - node.level]
            module = [*base, *(node.module or "").split(".")]
            names = [[*module, name.name] for name in node.names] if not node.module else [module]
            for name in names:
                found = PACKAGE.joinpath(*(part for part in name if part)).with_suffix(".py")
                if found.exists():
                    needed.add(str(found.relative_to(PACKAGE)))
                elif node.module:
                    needed |= {
                        str(each.relative_to(PACKAGE))
                        for part in node.names
                        if (each := found.with_suffix("") / f"{part.name}.py").exists()
                    }
    return needed


MODULES = {
    str(path.relative_to(PACKAGE)): needs_of(path)
    for path in sorted(PACKAGE.rglob("*.py"))
    if path.name != "__init__.py"
}


def row_of(module: str) -> int:
    rows = re.findall(r"^\| (`.*?`) \|", README, re.MULTILINE)
    for number, row in enumerate(rows):
        names = re.findall(r"`(.*?)`", row)
        if any(
            module == name or (name.endswith("/") and module.startswith(name)) for name in names
        ):
            return number
    raise AssertionError(f"{module} is not in the table of README.md")


def test_modules_import_only_from_their_own_row_or_rows_below() -> None:
    assert any(MODULES.values())
    for module, needed in MODULES.items():
        for other in needed:
            assert row_of(module) <= row_of(other), f"{module} imports {other}"


def test_no_imports_form_a_circle() -> None:
    left = dict(MODULES)
    while left:
        free = [module for module, needed in left.items() if not needed & left.keys()]
        assert free, f"a circle among {sorted(left)}"
        for module in free:
            del left[module]


def test_no_module_is_too_long() -> None:
    for module in MODULES:
        lines = (PACKAGE / module).read_text(encoding="utf-8").count("\n")
        assert lines <= LINES_MAX, f"{module} has {lines} lines (limit {LINES_MAX})"
