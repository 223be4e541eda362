# Copyright: (c) 2026, Rendiff contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The options of C(HTTP_ARGUMENTS) in C(module_utils/_routes.py)."""

from __future__ import annotations


class ModuleDocFragment:
    DOCUMENTATION = r"""
options:
  public_url:
    description:
      - Address of the service as its users know it, such as V(https://api.example.com).
      - When it is not given, the proxy's published port on this host is used with the name in the api's router rule.
    type: str
  ca_path:
    description:
      - File with the certificate authorities to trust for O(public_url), on the managed host.
    type: path
  validate_certs:
    description:
      - Whether to report a certificate that this host does not trust.
    type: bool
    default: true
  api_port:
    description:
      - Port on which the api listens inside its containers.
      - When it is not given, the proxy's label, the image, or V(8000) tells.
    type: int
"""
