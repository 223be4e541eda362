#!/bin/sh
# Copyright: (c) 2026, Rendiff contributors
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Write the S3 identity from the environment, then become the server.
set -eu
umask 077
cat >/tmp/s3.json <<JSON
{"identities": [{"name": "rendiff", "actions": ["Admin", "Read", "Write", "List", "Tagging"],
  "credentials": [{"accessKey": "$S3_ACCESS_KEY", "secretKey": "$S3_SECRET_KEY"}]}]}
JSON
# Named by the loopback address: the cluster of one remembers its name, and a container gets another address next time.
# Each bucket takes seven volumes; with a small maximum the second bucket can no longer be written.
exec weed server -dir=/data -ip=127.0.0.1 -ip.bind=0.0.0.0 -s3 -s3.port=8333 -s3.config=/tmp/s3.json \
    -master.electionTimeout=1s -master.heartbeatInterval=300ms -volume.max=100 -volume.preStopSeconds=1
