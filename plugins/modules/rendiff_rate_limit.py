# Copyright: (c) 2026, Rendiff contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: rendiff_rate_limit
short_description: Limit the requests of each client at Traefik, for a time
version_added: 0.1.0
description:
  - Writes one dynamic file of its own into the folder that Traefik watches. Each router of the api gets a twin of the
    same rule and a higher priority, which limits first and then does what the router does. Labels and files of the site
    stay as they are, nothing is restarted, and without the file all is as it was.
  - Sees that the limit really holds, by requests from this host until one is refused, and that a calm client is served.
    Where it is seen not to hold, or to refuse the calm one too, the file is put back to what it was.
  - Traefik counts by router. Where a client uses several, as for HTTP and HTTPS, each counts by itself.
author:
  - Rendiff contributors (@rendiff)
extends_documentation_fragment:
  - rendiff.ops.attributes
  - rendiff.ops.stack
  - rendiff.ops.routes
attributes:
  check_mode:
    support: full
  diff_mode:
    support: full
  action_group: {}
options:
  state:
    description:
      - Whether there is a limit. V(absent) removes the file, and sees that nothing is refused any more.
    type: str
    choices: [present, absent]
    default: present
  average:
    description:
      - How many requests per second of one client are served in the long run. V(0) does not limit them.
    type: int
    default: 0
  burst:
    description:
      - How many at once. When it is not set, twice O(average).
    type: int
  in_flight:
    description:
      - How many requests of one client may be answered at the same time. V(0) does not limit them.
    type: int
    default: 0
  strict:
    description:
      - Paths that cost more than others, with a limit of their own besides.
    type: list
    elements: dict
    default: []
    suboptions:
      path_prefix:
        description:
          - How such a path begins.
        type: str
        required: true
      average:
        description:
          - How many requests per second of one client are served in the long run.
        type: int
        required: true
      burst:
        description:
          - How many at once. When it is not set, as many as O(strict[].average).
        type: int
  exempt:
    description:
      - Addresses and networks that are not limited, such as that of a monitoring service. Not with O(ip_depth), as
        Traefik would then exempt everybody behind the proxy in front.
    type: list
    elements: str
    default: []
  key_only:
    description:
      - Whether requests without an API key are refused with 403 before they reach the api.
    type: bool
    default: false
  open_paths:
    description:
      - Paths that need no key all the same, with O(key_only).
    type: list
    elements: str
    default: [/api/v1/health]
  ip_depth:
    description:
      - How many trusted proxies stand in front of Traefik. Its client is then that far from the end of
        C(X-Forwarded-For). V(0) where there is none, as the header is then whatever a client writes, or empty.
    type: int
    default: 0
  dynamic_dir:
    description:
      - Folder that Traefik watches, as its container sees it. When it is empty, its command, its environment or its
        static file tell.
    type: str
    default: ""
  prove_s:
    description:
      - Within how many seconds the limit must be seen to hold. V(0) does not look.
    type: int
    default: 30
  prove_path:
    description:
      - Path that is asked for it. It should be a cheap one.
    type: str
    default: /api/v1/health
notes:
  - Put the change into the mitigation ledger, as the role C(security_response) does, so that C(stand_down) ends it.
  - A dynamic file that is mounted by itself is refused, as Traefik does not notice when it changes. Mount its folder.
seealso:
  - module: rendiff.ops.rendiff_mitigation
"""

EXAMPLES = r"""
- name: Serve no client more than 20 requests per second
  rendiff.ops.rendiff_rate_limit:
    average: 20
    strict:
      - {path_prefix: /api/v1/convert, average: 1, burst: 5}

- name: Serve everybody again
  rendiff.ops.rendiff_rate_limit:
    state: absent
"""

RETURN = r"""
limit:
  description: The limit, and whether it was seen to hold.
  returned: success
  type: dict
  contains:
    path:
      description: The dynamic file on the host.
      type: str
      sample: /srv/rendiff/traefik/rendiff-ops.yml
    routers:
      description: Routers of the api over which it is laid.
      type: list
      elements: str
      sample: [api, api-tls]
    average:
      description: Requests per second of one client, 0 without a limit.
      type: int
      sample: 20
    burst:
      description: Requests at once.
      type: int
      sample: 40
    proof:
      description:
        - What was seen, none where nobody looked or nothing can be seen. C(proven) is true where the limit holds and a
          calm client is served, false where it was seen not to be so, and null where it was not reached.
      type: dict
      sample:
        proven: true
        path: /api/v1/health
        requests: 48
        answers: {"200": 45, "429": 3}
        calm_status: 200
        said: /api/v1/health answered 429 within 48 requests, and 200 to one after a pause.
    reverted:
      description: Whether the file was put back to what it was, as the limit did not hold or refused too many.
      type: bool
      sample: false
plan_id:
  description: Identity of the plan.
  returned: success
  type: str
  sample: 6d0b2a9c1f3e4d5a
plan:
  description: What becomes of the file.
  returned: success
  type: list
  elements: str
  sample: ["rendiff-ops.yml: is removed"]
project:
  description: Name of the Compose project.
  returned: success
  type: str
  sample: rendiff
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.rendiff.ops.plugins.module_utils._errors import OpsError
from ansible_collections.rendiff.ops.plugins.module_utils._limit_change import RATE_LIMIT_ARGUMENTS, change_limit


def main() -> None:
    module = AnsibleModule(supports_check_mode=True, **RATE_LIMIT_ARGUMENTS.to_kwargs())
    try:
        result = change_limit(module.params, module.run_command, module.check_mode)
    except OpsError as error:
        module.fail_json(msg=str(error))
    module.exit_json(**result)


if __name__ == "__main__":
    main()
