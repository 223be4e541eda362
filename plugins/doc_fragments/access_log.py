# Copyright: (c) 2026, Rendiff contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which lines of which log: options of C(ACCESS_LOG_ARGUMENTS) in C(module_utils/_access_log.py) for both modules."""

from __future__ import annotations


class ModuleDocFragment:
    DOCUMENTATION = r"""
options:
  path:
    description:
      - A file on the managed host, plain or compressed by gzip, in place of the log of the project.
    type: path
  paths:
    description:
      - Several such files, for one the log and those it was rotated to. No project is looked for.
    type: list
    elements: path
    default: []
  role:
    description:
      - Whose log to read where no file is named. The V(api) sees only its own requests, those of the V(proxy) where it
        is told whom they came from.
    type: str
    choices: [proxy, api]
    default: proxy
  since_s:
    description:
      - Only the last so many seconds before O(until), or before now.
    type: int
  since:
    description:
      - Only from this time on, such as V(2026-11-23T03:12:45Z). Without a zone it is UTC.
    type: str
  until:
    description:
      - Only up to this time.
    type: str
  addresses:
    description:
      - Only requests from these addresses.
    type: list
    elements: str
    default: []
  forwarded_depth:
    description:
      - Which address of a line counts. V(0) is whoever connected to the proxy, C(ClientAddr) in Traefik's JSON,
        whatever C(X-Forwarded-For) says. In a line that tells only one address, as the common form, it is that one.
      - V(1) and more are for a proxy behind others that it trusts. Then it is C(ClientHost), which Traefik takes from
        C(X-Forwarded-For), and of that list the entry so far from the right. Where Traefik takes that header from
        anybody, a client may choose what stands there.
    type: int
    default: 0
"""
