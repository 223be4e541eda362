# Copyright: (c) 2026, Rendiff contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: rendiff_access_log_info
short_description: Tell who sends what, from the access log
version_added: 0.1.0
description:
  - Reads the access log that the proxy of the Compose project really writes, or files that are named, and counts
    requests by address, network, API key, route, status and user agent, with their rates.
  - Lines may be Traefik's JSON, the common or combined form of Traefik, nginx and others, or those of uvicorn, also
    with what C(docker compose logs) puts before them, or inside Docker's own JSON. Each line is told by itself.
  - A log of any size is read in one pass in a few ten megabytes of memory.
  - Whatever is in the log is data. Texts in the result have control characters and what is no UTF-8 as C(\xNN), are
    cut, and are not rendered as templates. What looks like a secret is masked in them.
  - An API key is never in the result, only up to 8 of its first characters, never over a quarter of it, and its
    SHA-256.
author:
  - Rendiff contributors (@rendiff)
extends_documentation_fragment:
  - rendiff.ops.attributes
  - rendiff.ops.attributes.info
  - rendiff.ops.stack
  - rendiff.ops.access_log
options:
  baseline_s:
    description:
      - How many seconds before the window to compare it with. Needs O(since_s) or O(since).
    type: int
  only_addresses:
    description:
      - Count nothing but addresses and networks, about three times as fast. With a window, O(addresses) or O(ties)
        everything is counted all the same.
    type: bool
    default: false
  top:
    description:
      - How many of each to list, at most 1000.
    type: int
    default: 10
  max_tracked:
    description:
      - How many addresses, and as many networks, to count exactly, from 1000 to 1000000. Where there are more, those
        that come most are still found, each with the most by which it may be counted too high.
    type: int
    default: 200000
  ties:
    description:
      - Whether to tell which addresses used which API key, which asked for which jobs, and which made jobs.
    type: bool
    default: false
  ties_max:
    description:
      - How many of each of these to list, at most 20000.
    type: int
    default: 1000
  processes:
    description:
      - How many processes read large files, 1 or 2. Never more than there are processors.
    type: int
    default: 2
  timeout_s:
    description:
      - How many seconds to read. Then what was read until there is told, and RV(access_log.complete) is false.
    type: int
    default: 600
attributes:
  action_group: {}
notes:
  - Lines without a time, such as those of uvicorn by itself, are counted in every window, and in no rate.
  - Of a plain file of 8 MiB and more, where O(since_s) or O(since) is given, only what lies in that time and the
    baseline is read, and a minute before it. For this its lines must be in order of time, but for long requests
    among short ones. RV(access_log.source) says how many bytes were passed over; then C(before) is
    null, and lines without a time in that part are not counted.
  - A compressed file that is damaged or still grows is read as far as it goes, and counted under C(damaged).
  - With O(forwarded_depth=0) a client cannot choose its address, but may choose everything else in its line.
seealso:
  - module: rendiff.ops.rendiff_api_key_info
"""

EXAMPLES = r"""
- name: See who sends most in the last ten minutes, and who is new against the hour before
  rendiff.ops.rendiff_access_log_info:
    since_s: 600
    baseline_s: 3600
  register: result

- name: Say it in a sentence
  ansible.builtin.debug:
    msg: "{{ result.access_log.summary }}"

- name: Look through the log of the whole week
  rendiff.ops.rendiff_access_log_info:
    paths:
      - /var/log/traefik/access.log
      - /var/log/traefik/access.log.1.gz
    only_addresses: true

- name: See what one address did, and which keys it used
  rendiff.ops.rendiff_access_log_info:
    addresses: [203.0.113.7]
    ties: true
"""

RETURN = r"""
access_log:
  description: What the log tells.
  returned: success
  type: dict
  contains:
    summary:
      description: The most of it, in a sentence or two.
      type: str
      sample: "5310 requests from 12 addresses between 2026-11-23T03:02:45Z and 2026-11-23T03:12:44Z; the most, 4800
        (90%), came from 203.0.113.7, which is new."
    source:
      description:
        - What was read. C(kind) is V(file), V(volume) as a file of the proxy found on the host, V(container_file) as
          one read through Docker, or V(container_log) as what a container printed. C(said_by) is who says so.
          C(bytes_before) is how much was passed over as older than what is asked for.
      type: dict
      sample: {kind: volume, places: [/var/lib/docker/volumes/rendiff_traefik-logs/_data/access.log], service: traefik,
        said_by: its command line, bytes: 2480911, bytes_before: 0}
    lines:
      description: How many lines were read.
      type: int
      sample: 5316
    requests:
      description: How many requests are counted.
      type: int
      sample: 5310
    complete:
      description: Whether all of it was read in time.
      type: bool
      sample: true
    formats:
      description: How many lines came in which form, of V(json), V(clf) and V(uvicorn).
      type: dict
      sample: {json: 5312}
    skipped:
      description:
        - How many lines tell of no request, by reason, of V(empty), V(too_long), V(not_json), V(too_deep),
          V(not_a_request), V(wrong_types), V(unknown_format), V(damaged), V(no_address).
      type: dict
      sample: {not_json: 1}
    filtered:
      description: How many requests came from other addresses than O(addresses).
      type: int
      sample: 0
    window:
      description:
        - Which time is counted, how many requests lie before and after it, and how many in the baseline. C(before) is
          null where what lies before was passed over.
      type: dict
      sample: {since: "2026-11-23T03:02:45Z", until: null, baseline_since: "2026-11-23T02:02:45Z", before: 0, after: 0,
        baseline_requests: 3012}
    without_time:
      description: How many of the requests have no time.
      type: int
      sample: 0
    first_seen:
      description: Time of the first request, in UTC.
      type: str
      sample: "2026-11-23T03:02:45Z"
    last_seen:
      description: Time of the last request.
      type: str
      sample: "2026-11-23T03:12:44Z"
    log_holds_keys:
      description: Whether the log holds API keys or other credentials in clear text, so that whoever reads it has them.
      type: bool
      sample: false
    proxied:
      description:
        - In how many of the JSON lines that were read C(ClientHost) is another address than that of C(ClientAddr), and
          their share of these. Then another proxy stands in front, or clients send C(X-Forwarded-For) by themselves.
      type: dict
      sample: {requests: 0, share: 0.0}
    addresses:
      description:
        - Addresses, those that came most first.
        - The true number is not above C(requests) and not below C(requests) less C(error).
        - C(detailed) tells of how many of the requests the rest is told. It is fewer where there were very many
          addresses.
        - C(user_agents) is exact for a few and a tenth too low at a hundred. C(peak_per_second) is the most in one
          second.
        - With O(baseline_s) also C(baseline_requests), C(is_new), and C(factor), the rate against that of the baseline.
          C(is_new) is null where there were too many addresses to know.
      type: list
      elements: dict
      sample:
        - address: 203.0.113.7
          network: 203.0.113.0/24
          requests: 4800
          error: 0
          share: 0.904
          detailed: 4800
          peak_per_second: 61
          errors_share: 0.71
          statuses: {"200": 1392, "429": 3408}
          routes: [{route: POST /api/v1/convert, requests: 4799}]
          user_agents: 1
          bytes: 912000
          baseline_requests: 0
          is_new: true
          factor: null
    networks:
      description: The same by /24 of IPv4 and /64 of IPv6.
      type: list
      elements: dict
      sample: [{network: 203.0.113.0/24, requests: 4800, error: 0, share: 0.904}]
    api_keys:
      description: The same by API key, where the log tells keys.
      type: list
      elements: dict
      sample: [{prefix: Zk3vTq1b, sha256: 6ca13d52ca70c883e0f0bb101e425a89e8624de51db2d2392593af6a84118090, requests:
        12, error: 0, share: 0.0023}]
    routes:
      description: The same by method and path, without the query, and with ids, numbers and long hex as C({id}).
      type: list
      elements: dict
      sample: [{route: "GET /api/v1/jobs/{id}", requests: 402, error: 0, share: 0.0757}]
    user_agents:
      description: The same by user agent.
      type: list
      elements: dict
      sample: [{user_agent: curl/7.88.1, requests: 4800, error: 0, share: 0.904}]
    statuses:
      description: Requests by status.
      type: dict
      sample: {"200": 1902, "429": 3408}
    share_4xx:
      description: Which share was answered as a fault of the client.
      type: float
      sample: 0.6418
    share_5xx:
      description: Which share was answered as a fault of the service.
      type: float
      sample: 0.0
    limited:
      description: Who refused requests as too many (429), the proxy before they reached the api, or the api.
      type: dict
      sample: {by_proxy: 3408, by_app: 0, unknown: 0}
    rates:
      description:
        - Requests per second, from the first second to the last. C(median) is that of the seconds with any request, of
          the baseline where there is one.
        - C(bursts) are the ten largest runs of seconds that each had at least 20 requests and over 5 times the median.
      type: dict
      sample: {mean: 8.865, p95: 44, median: 4, peak: {at: "2026-11-23T03:08:01Z", requests: 66}, bursts_total: 1,
        bursts: [{start: "2026-11-23T03:07:55Z", seconds: 80, requests: 4790, peak: 66}]}
    tracked:
      description:
        - Of each sort how many different ones there were. Where C(exact) is false there were more, and C(max_error) is
          the most by which any is counted too high, and the most that one that is not listed may have sent.
      type: dict
      sample: {addresses: {distinct: 12, exact: true, max_error: 0}}
    ties:
      description:
        - With O(ties), which addresses used which API keys, which asked for which jobs, and who made jobs when. Of jobs
          only what the api granted (2xx) counts, below C(/jobs) and C(/api/v1/jobs).
        - C(totals) counts all of them, also those for which there was no more room (C(_untied)).
      type: dict
      sample: {api_keys: [], jobs: [{address: 203.0.113.7, job_id: 0b0e5a0e-8a35-4c8e-9d6c-0a52d4c1a0d7, requests: 2}],
        creations: [{address: 203.0.113.7, started_at: 1795403565.123, duration_ms: 12, status: 201}],
        totals: {keyed: 0, keyed_untied: 0, jobs: 2, jobs_untied: 0, creations: 1}}
    checked_at:
      description: When it was looked at, in UTC.
      type: str
      sample: "2026-11-23T03:12:45Z"
    seconds:
      description: How long it took.
      type: float
      sample: 0.31
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.rendiff.ops.plugins.module_utils._access_log import ACCESS_LOG_ARGUMENTS, look
from ansible_collections.rendiff.ops.plugins.module_utils._errors import OpsError


def main() -> None:
    module = AnsibleModule(supports_check_mode=True, **ACCESS_LOG_ARGUMENTS.to_kwargs())
    try:
        access_log = look(module.params, module.run_command)
    except OpsError as error:
        module.fail_json(msg=str(error))
    module.exit_json(changed=False, access_log=access_log)


if __name__ == "__main__":
    main()
