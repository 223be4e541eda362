# Copyright: (c) 2026, Rendiff contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest

from ansible_collections.rendiff.ops.plugins.module_utils._errors import OpsError
from ansible_collections.rendiff.ops.plugins.module_utils._proxy_routers import (
    dynamic_folder,
    routers_of,
    static_path,
)

from .builders import replica, stack

RULE = "Host(`api.example.com`)"
MOUNT = {"Type": "bind", "Source": "/srv/traefik/dynamic", "Destination": "/etc/traefik/dynamic", "RW": False}


def routers(labels, service="api"):
    site = stack(replica(service, labels=labels))
    return routers_of(site.by_role("api"), "rendiff-prod")


def proxy(*args, mounts=(MOUNT,), **changes):
    return replica("traefik", args=list(args), mounts=list(mounts), **changes)


def test_a_router_has_what_its_labels_say():
    (router,) = routers(
        {
            "traefik.http.routers.api.rule": RULE,
            "traefik.http.routers.api.entryPoints": "web, websecure",
            "traefik.http.routers.api.middlewares": "guard@file,plain",
            "traefik.http.routers.api.tls.certresolver": "le",
            "traefik.http.routers.api.priority": "70",
            "traefik.http.services.rendiff.loadbalancer.server.port": "8000",
        }
    )
    assert (router.name, router.rule, router.entry_points) == ("api", RULE, ("web", "websecure"))
    assert router.middlewares == ("guard@file", "plain@docker")
    assert (router.service, router.tls, router.priority) == ("rendiff@docker", {"certResolver": "le"}, 70)


def test_what_labels_leave_out_is_as_traefik_makes_it():
    (router,) = routers({"traefik.http.routers.api.rule": RULE, "traefik.http.routers.api.tls": "false"})
    assert (router.service, router.tls, router.priority) == ("api-rendiff-prod@docker", None, len(RULE))


def test_a_named_service_wins_and_several_routers_are_in_order():
    found = routers(
        {
            "traefik.http.routers.b.rule": RULE,
            "traefik.http.routers.b.service": "other@file",
            "traefik.http.routers.a.rule": RULE,
            "traefik.http.services.one.loadbalancer.server.port": "1",
            "traefik.http.services.two.loadbalancer.server.port": "2",
        }
    )
    assert [router.name for router in found] == ["a", "b"] and found[1].service == "other@file"


def test_without_a_router_nothing_can_be_laid_over_one():
    with pytest.raises(OpsError, match="no container of the api has a label with a router's rule"):
        routers({"traefik.enable": "true"})


@pytest.mark.parametrize(
    "found",
    [
        dynamic_folder(proxy("--providers.file.directory=/etc/traefik/dynamic"), []),
        dynamic_folder(proxy("--providers.File.Directory=/etc/traefik/dynamic/"), []),
        dynamic_folder(proxy(env=["TRAEFIK_PROVIDERS_FILE_DIRECTORY=/etc/traefik/dynamic"]), []),
        dynamic_folder(proxy(), ["providers:\n  docker: {}\n  file:\n    directory: '/etc/traefik/dynamic'\n"]),
        dynamic_folder(proxy(), [], "/etc/traefik/dynamic"),
    ],
    ids=["command", "other letters", "environment", "static file", "given"],
)
def test_the_folder_is_where_the_host_has_it(found):
    assert found == "/srv/traefik/dynamic"


def test_a_folder_below_a_mount_is_found_in_it():
    whole = {**MOUNT, "Source": "/srv/traefik", "Destination": "/etc/traefik"}
    command = "--providers.file.directory=/etc/traefik/dynamic"
    assert dynamic_folder(proxy(command, mounts=[whole]), []) == "/srv/traefik/dynamic"


@pytest.mark.parametrize(
    "traefik, static, words",
    [
        (proxy(), [], "reads no dynamic files"),
        (
            proxy("--providers.file.filename=/etc/traefik/dynamic.yml"),
            [],
            "does not notice when a mounted file changes",
        ),
        (proxy(), ["providers:\n  file:\n    filename: /etc/traefik/dynamic.yml"], "directory=/etc/traefik"),
        (proxy("--providers.file.directory=/elsewhere"), [], "is not mounted from the host"),
    ],
    ids=["none", "one file", "one file in the static one", "not mounted"],
)
def test_where_it_cannot_work_it_says_what_to_do(traefik, static, words):
    with pytest.raises(OpsError, match=words):
        dynamic_folder(traefik, static)


def test_the_static_file_is_where_the_command_says():
    assert static_path(proxy("--configFile=/etc/t.yml")) == "/etc/t.yml"
    assert static_path(proxy()) == "/etc/traefik/traefik.yml"
