# SPDX-License-Identifier: MIT
"""What the generators of documents have in common: the file is written, or with --check compared with what would be written."""
import argparse
import pathlib
import sys


def main(script, about, document, up_to_date=None):
    """script: how the generator is started, for the message; document(): the text; up_to_date(text of the file): when that says more than that
    both are the same."""
    parser = argparse.ArgumentParser(description=about.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="only says whether it is up to date")
    parser.add_argument("file", type=pathlib.Path)
    words = parser.parse_args()
    if not words.check:
        words.file.write_text(document(), encoding="utf-8")
        return
    said = words.file.read_text(encoding="utf-8")
    if not (up_to_date(said) if up_to_date else said == document()):
        sys.exit(f"{words.file} is not up to date: {script} {words.file}")
