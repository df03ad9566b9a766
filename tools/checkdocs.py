#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Looks whether what the documents name is there: the targets of links, and files and functions that stand between backquotes.

    tools/checkdocs.py        prints what is not, and ends with status 1 then
"""
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
DOCUMENTS = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")), *sorted((ROOT / "tests").glob("*/README.md"))]
LISTS = {"programs.md", "guest-tests.md", "syscalls.md"}      # generated: names of tests, of other people's programs, of calls
LINK = re.compile(r"\]\(([^)#\s]+)(?:#[^)]*)?\)")
CODE = re.compile(r"`([^`\n]+)`")
FILE = re.compile(r"[\w.*-]+(?:/[\w.*-]+)+\.(?:c|h|S|py|md|tbl|pml|build|json|txt)")
NAME = re.compile(r"[a-z]\w*_\w+")
SOURCES = ["perigee", "meson.build", "kernel/meson.build", "kernel/**/*.[chS]", "kernel/**/*.tbl", "tests/**/*.[chp]*", "tools/**/*.py", "bench/*"]


def sources():
    return "\n".join(path.read_text(encoding="utf-8", errors="replace") for pattern in SOURCES for path in ROOT.glob(pattern) if path.is_file())


def _there(name, document):
    """A file is named from the top, from kernel/, or from where the document is."""
    return any(list(folder.glob(name)) for folder in (ROOT, ROOT / "kernel", document.parent))


def missing(document, text, code):
    """What a document names that is not there."""
    for target in LINK.findall(text):
        if not target.startswith("http") and not (document.parent / target).exists():
            yield f"link to {target}"
    if document.name in LISTS:
        return
    for word in dict.fromkeys(CODE.findall(re.sub(r"```.*?```", "", text, flags=re.S))):
        if FILE.fullmatch(word) and not word.startswith("build/") and not _there(word, document):
            yield f"file {word}"
        if NAME.fullmatch(word) and not re.search(rf"\b{word}", code):
            yield f"name {word}"


def main():
    code = sources()
    found = [f"{path.relative_to(ROOT)}: {what}" for path in DOCUMENTS for what in missing(path, path.read_text(encoding="utf-8"), code)]
    print("\n".join(found) or f"{len(DOCUMENTS)} documents: all that they name is there")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
