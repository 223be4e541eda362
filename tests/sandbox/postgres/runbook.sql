-- Copyright: (c) 2026, Rendiff contributors
-- SPDX-License-Identifier: GPL-3.0-or-later
--
-- The shape that the commands of the operational runbook presuppose.

CREATE TABLE jobs (
    id uuid PRIMARY KEY,
    status varchar NOT NULL DEFAULT 'queued',
    priority varchar NOT NULL DEFAULT 'normal',
    input_path varchar NOT NULL,
    output_path varchar NOT NULL,
    operations jsonb,
    options jsonb,
    progress double precision DEFAULT 0,
    output_size bigint,
    api_key varchar(64),
    worker_id varchar,
    retry_count integer DEFAULT 0,
    error_message text,
    created_at timestamptz NOT NULL DEFAULT now(),
    started_at timestamptz,
    completed_at timestamptz,
    updated_at timestamptz
);
CREATE INDEX idx_jobs_status_created ON jobs (status, created_at);
CREATE INDEX idx_jobs_api_key_created ON jobs (api_key, created_at);

CREATE TABLE api_keys (
    id uuid PRIMARY KEY,
    api_key_hash varchar(64) NOT NULL UNIQUE,
    user_id varchar,
    name varchar,
    is_active boolean NOT NULL DEFAULT true,
    request_count bigint NOT NULL DEFAULT 0,
    created_at timestamptz NOT NULL DEFAULT now(),
    last_used_at timestamptz,
    revoked_at timestamptz,
    expires_at timestamptz
);
CREATE INDEX idx_api_keys_user ON api_keys (user_id);
