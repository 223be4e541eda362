# Copyright: (c) 2026, Rendiff contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Add an API key, read from standard input so that it is on no command line: python -m service.add_key NAME USER."""

from __future__ import annotations

import sys

from service import database

if __name__ == "__main__":
    database.add_key(sys.stdin.readline().strip(), sys.argv[1], sys.argv[2])
