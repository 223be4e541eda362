# Copyright: (c) 2026, Rendiff contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""PRIVATE to this collection: addresses and networks that people name. Pure."""

from __future__ import annotations

import ipaddress

from ._errors import OpsError


def network_of(act: str, text: str) -> ipaddress.IPv4Network | ipaddress.IPv6Network:
    """Return an address or a network as a network, or refuse what is neither, such as the name of a host."""
    try:
        return ipaddress.ip_network(text, strict=False)
    except ValueError:
        raise OpsError(act, f"'{text[:80]}' is no address and no network", "Write it as 203.0.113.0/24") from None
