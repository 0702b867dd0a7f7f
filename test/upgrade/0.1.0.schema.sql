SET statement_timeout = 0;
SET lock_timeout = 0;
SET idle_in_transaction_session_timeout = 0;
SET client_encoding = 'UTF8';
SET standard_conforming_strings = on;
SELECT pg_catalog.set_config('search_path', '', false);
SET check_function_bodies = false;
SET xmloption = content;
SET client_min_messages = warning;
SET row_security = off;
CREATE FUNCTION public.add_stored_bytes() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
      begin
        -- In one order, so that two statements that change sums of the same tenants do not wait for each other.
        if tg_op = 'INSERT' then
          insert into public.stored_bytes as sums
          select tenant_id, kind, sum(bytes) from added group by 1, 2 order by 1, 2
          on conflict (tenant_id, kind) do update set bytes = sums.bytes + excluded.bytes;
        elsif tg_op = 'DELETE' then
          insert into public.stored_bytes as sums
          select tenant_id, kind, -sum(bytes) from removed group by 1, 2 order by 1, 2
          on conflict (tenant_id, kind) do update set bytes = sums.bytes + excluded.bytes;
        else
          insert into public.stored_bytes as sums
          select tenant_id, kind, sum(bytes) from (
            select tenant_id, kind, bytes from added union all select tenant_id, kind, -bytes from removed
          ) changed group by 1, 2 order by 1, 2
          on conflict (tenant_id, kind) do update set bytes = sums.bytes + excluded.bytes;
        end if;
        return null;
      end $$;
CREATE FUNCTION public.check_filled_version() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
      declare
        changed constant jsonb := to_jsonb(coalesce(new, old));
        checked constant uuid := coalesce(changed ->> 'version_id', changed ->> 'id');
      begin
        if exists (
          select from public.model_versions v
          where v.tenant_id = changed ->> 'tenant_id' and v.id = checked
            and (v.filled_at is not null and v.origin <> 'combined') <> exists (
              select from public.version_files f
              where f.tenant_id = v.tenant_id and f.version_id = v.id and f.name = 'model'))
        then
          raise exception 'version % is filled and has no model file, or the other way round', checked
            using errcode = 'check_violation', constraint = 'version_files_filled_check';
        end if;
        return null;
      end $$;
CREATE FUNCTION public.count_logged() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
      begin
        if tg_op = 'INSERT' then
          insert into public.stored_items as item (tenant_id, kind, name, bytes)
          select tenant_id, 'log', public.prediction_log_day(request_id),
                 sum(octet_length(features::text) + octet_length(output::text))
          from added group by 1, 3 order by 1, 3
          on conflict (tenant_id, kind, name) do update
          set bytes = item.bytes + excluded.bytes;
        else
          update public.stored_items item set bytes = greatest(0, item.bytes - gone.bytes)
          from (select tenant_id, public.prediction_log_day(request_id) as day,
                       sum(octet_length(features::text) + octet_length(output::text)) as bytes
                from removed group by 1, 2) gone
          where item.tenant_id = gone.tenant_id and item.kind = 'log' and item.name = gone.day;
        end if;
        return null;
      end $$;
CREATE FUNCTION public.count_version_file() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
      begin
        if tg_op = 'INSERT' then
          insert into public.stored_items (tenant_id, kind, name, bytes)
          values (new.tenant_id, 'artifact', new.sha256, new.size)
          on conflict (tenant_id, kind, name) do update set bytes = excluded.bytes;
          return null;
        end if;
        -- Locked first: whoever adds another version with this file is waited for, and seen by the next statement.
        perform from public.stored_items
        where tenant_id = old.tenant_id and kind = 'artifact' and name = old.sha256 for update;
        delete from public.stored_items
        where tenant_id = old.tenant_id and kind = 'artifact' and name = old.sha256
          and not exists (select from public.version_files file
                          where file.tenant_id = old.tenant_id and file.sha256 = old.sha256);
        return null;
      end $$;
CREATE FUNCTION public.delete_ended_jobs(of_kind text, kept_seconds integer) RETURNS integer
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
      declare
        deleted integer;
      begin
        if of_kind is null or kept_seconds is null or kept_seconds not between 1 and 315360000 then
          raise exception 'jobs of the kind % are kept for % seconds', of_kind, kept_seconds using errcode = '22023';
        end if;
        delete from public.jobs where id in (
          select id from public.jobs job
          where kind = of_kind and ended_at < now() - make_interval(secs => kept_seconds)
            and not exists (select from public.model_versions version
                            where version.tenant_id = job.tenant_id and version.job_id = job.id)
          order by ended_at limit 1000 for update skip locked);
        get diagnostics deleted = row_count;
        return deleted;
      end $$;
CREATE FUNCTION public.make_prediction_log_partitions(first date, last date) RETURNS integer
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET lock_timeout TO '2s'
    AS $$
      declare
        today constant date := (now() at time zone 'UTC')::date;
        day date;
        name text;
        made integer := 0;
      begin
        if first < today - 3650 or last > today + 31 or last - first not between 0 and 62 then
          raise exception 'no partitions from % to %', first, last using errcode = '22023';
        end if;
        perform pg_advisory_xact_lock(hashtext('prediction_log partitions'));
        for day in select generate_series(first, last, interval '1 day')::date loop
          name := 'prediction_log_' || to_char(day, 'YYYYMMDD');
          continue when to_regclass('public.' || name) is not null;
          -- Attached and not made in place, which would wait for every reader of the log.
          execute format('create table public.%I (like public.prediction_log including constraints)', name);
          execute format('alter table public.%I enable row level security', name);
          execute format('alter table public.%I force row level security', name);
          execute format('create policy tenant_isolation on public.%I to modelplane_app
                            using (tenant_id = nullif(current_setting(''app.tenant_id'', true), ''''))', name);
          execute format('create policy owner_access on public.%I to %I using (true) with check (true)',
                         name, current_user);
          execute format('alter table public.prediction_log attach partition public.%I for values from (%L) to (%L)',
                         name, public.prediction_log_floor(day), public.prediction_log_floor(day + 1));
          made := made + 1;
        end loop;
        return made;
      end $$;
CREATE FUNCTION public.number_event() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
      declare
        number bigint;
      begin
        insert into public.outbox_sequences as s (tenant_id, last) values (new.tenant_id, 1)
        on conflict (tenant_id) do update set last = s.last + 1 returning s.last into number;
        update public.outbox set sequence = number where id = new.id;
        return null;
      end $$;
CREATE FUNCTION public.prediction_log_day(request_id uuid) RETURNS text
    LANGUAGE sql IMMUTABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    RETURN to_char((to_timestamp((((((('x'::text || lpad("left"(replace((request_id)::text, '-'::text, ''::text), 12), 16, '0'::text)))::bit(64))::bigint)::numeric / 1000.0))::double precision) AT TIME ZONE 'UTC'::text), 'YYYYMMDD'::text);
CREATE FUNCTION public.prediction_log_floor(day date) RETURNS uuid
    LANGUAGE sql IMMUTABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    RETURN ((lpad(to_hex(((EXTRACT(epoch FROM (day)::timestamp without time zone) * (1000)::numeric))::bigint), 12, '0'::text) || repeat('0'::text, 20)))::uuid;
CREATE FUNCTION public.prune_prediction_log(default_days integer, OUT dropped integer, OUT deleted integer, OUT counts_deleted integer) RETURNS record
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET lock_timeout TO '2s'
    AS $_$
      declare
        today constant date := (now() at time zone 'UTC')::date;
        longest integer;
        shortest integer;
        name text;
      begin
        if default_days not between 1 and 3650 then
          raise exception 'no retention of % days', default_days using errcode = '22023';
        end if;
        dropped := 0;
        select greatest(default_days, max(retention_days)), least(default_days, min(retention_days))
        into longest, shortest from public.prediction_log_settings;
        for name in
          select c.relname from pg_inherits i join pg_class c on c.oid = i.inhrelid
          where i.inhparent = 'public.prediction_log'::regclass and c.relname ~ '^prediction_log_[0-9]{8}$'
            and to_date(right(c.relname, 8), 'YYYYMMDD') < today - longest
        loop
          execute format('drop table public.%I', name);
          dropped := dropped + 1;
        end loop;
        with old as (
          (select l.tenant_id, l.request_id
           from public.prediction_log_settings s
           join public.prediction_log l on l.tenant_id = s.tenant_id and l.model_id = s.model_id
           where s.retention_days < longest and l.request_id < public.prediction_log_floor(today - s.retention_days)
           limit 10000)
          union all
          (select l.tenant_id, l.request_id from public.prediction_log l
           where default_days < longest and l.request_id < public.prediction_log_floor(today - default_days)
             and not exists (select from public.prediction_log_settings s
                             where s.tenant_id = l.tenant_id and s.model_id = l.model_id
                               and s.retention_days is not null)
           limit 10000)
          limit 10000
        )
        delete from public.prediction_log l using old
        where l.tenant_id = old.tenant_id and l.request_id = old.request_id;
        get diagnostics deleted = row_count;
        with old as (
          select c.tenant_id, c.model_id, c.window_start, c.version, c.code from public.prediction_counts c
          left join public.prediction_log_settings s on s.tenant_id = c.tenant_id and s.model_id = c.model_id
          where c.window_start < (today - shortest)::timestamp at time zone 'UTC'
            and c.window_start < (today - coalesce(s.retention_days, default_days))::timestamp at time zone 'UTC'
          limit 10000
        )
        delete from public.prediction_counts c using old
        where (c.tenant_id, c.model_id, c.window_start, c.version, c.code)
          = (old.tenant_id, old.model_id, old.window_start, old.version, old.code);
        get diagnostics counts_deleted = row_count;
      end $_$;
SET default_tablespace = '';
SET default_table_access_method = heap;
CREATE TABLE public.api_keys (
    id uuid NOT NULL,
    tenant_id text NOT NULL,
    name text NOT NULL,
    prefix text NOT NULL,
    last_four text NOT NULL,
    roles text[] NOT NULL,
    digest bytea NOT NULL,
    previous_digest bytea,
    previous_until timestamp with time zone,
    created_by text NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    rotated_at timestamp with time zone,
    last_used_at timestamp with time zone,
    expires_at timestamp with time zone,
    revoked_at timestamp with time zone,
    CONSTRAINT api_keys_digest_check CHECK (((length(digest) = 32) AND (length(previous_digest) = 32))),
    CONSTRAINT api_keys_previous_check CHECK (((previous_digest IS NULL) = (previous_until IS NULL))),
    CONSTRAINT api_keys_roles_check CHECK (((cardinality(roles) > 0) AND (roles <@ ARRAY['viewer'::text, 'predictor'::text, 'scientist'::text, 'admin'::text, 'service'::text])))
);
ALTER TABLE ONLY public.api_keys FORCE ROW LEVEL SECURITY;
CREATE TABLE public.catalog_revision (
    id smallint DEFAULT 1 NOT NULL,
    revision bigint DEFAULT 0 NOT NULL,
    pruned_to bigint DEFAULT 0 NOT NULL,
    CONSTRAINT catalog_revision_single_row_check CHECK ((id = 1))
);
CREATE TABLE public.changes (
    tenant_id text NOT NULL,
    kind text NOT NULL,
    key text NOT NULL,
    revision bigint NOT NULL,
    changed_at timestamp with time zone NOT NULL
);
ALTER TABLE ONLY public.changes FORCE ROW LEVEL SECURITY;
CREATE TABLE public.idempotency_keys (
    tenant_id text NOT NULL,
    key text NOT NULL,
    fingerprint text NOT NULL,
    status integer NOT NULL,
    body json,
    created_at timestamp with time zone DEFAULT now() NOT NULL
);
ALTER TABLE ONLY public.idempotency_keys FORCE ROW LEVEL SECURITY;
CREATE TABLE public.job_events (
    tenant_id text NOT NULL,
    job_id text NOT NULL,
    attempt integer NOT NULL,
    seq integer NOT NULL,
    type text NOT NULL,
    data jsonb NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL
);
ALTER TABLE ONLY public.job_events FORCE ROW LEVEL SECURITY;
CREATE TABLE public.jobs (
    id text NOT NULL,
    tenant_id text NOT NULL,
    kind text NOT NULL,
    parent_id text,
    status text DEFAULT 'submitted'::text NOT NULL,
    spec jsonb NOT NULL,
    request jsonb,
    rerun_of text,
    submitted_by text NOT NULL,
    api_key text,
    trace_parent text,
    needs_cpus real,
    needs_memory_bytes bigint,
    attempt integer DEFAULT 0 NOT NULL,
    uncounted_attempts integer DEFAULT 0 NOT NULL,
    crashed_by text,
    lease_until timestamp with time zone,
    claimed_at timestamp with time zone,
    worker text,
    cancel_requested_at timestamp with time zone,
    pause_requested_at timestamp with time zone,
    engine text NOT NULL,
    engine_job_id text,
    progress jsonb,
    metrics jsonb DEFAULT '{}'::jsonb NOT NULL,
    resources jsonb DEFAULT '{}'::jsonb NOT NULL,
    warnings jsonb DEFAULT '[]'::jsonb NOT NULL,
    result jsonb,
    error_code text,
    error_message text,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    started_at timestamp with time zone,
    updated_at timestamp with time zone DEFAULT now() NOT NULL,
    ended_at timestamp with time zone,
    CONSTRAINT jobs_ended_check CHECK (((ended_at IS NOT NULL) = (status = ANY (ARRAY['succeeded'::text, 'failed'::text, 'cancelled'::text])))),
    CONSTRAINT jobs_status_check CHECK ((status = ANY (ARRAY['submitted'::text, 'running'::text, 'paused'::text, 'succeeded'::text, 'failed'::text, 'cancelled'::text])))
);
ALTER TABLE ONLY public.jobs FORCE ROW LEVEL SECURITY;
CREATE TABLE public.migrations (
    id integer NOT NULL,
    "timestamp" bigint NOT NULL,
    name character varying NOT NULL
);
CREATE SEQUENCE public.migrations_id_seq
    AS integer
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE public.migrations_id_seq OWNED BY public.migrations.id;
CREATE TABLE public.model_versions (
    id uuid NOT NULL,
    tenant_id text NOT NULL,
    model_id uuid NOT NULL,
    major integer NOT NULL,
    minor integer NOT NULL,
    patch integer NOT NULL,
    stage text DEFAULT 'development'::text NOT NULL,
    origin text DEFAULT 'trained'::text NOT NULL,
    framework text NOT NULL,
    framework_version text,
    signature jsonb,
    importance jsonb,
    metrics jsonb DEFAULT '{}'::jsonb NOT NULL,
    parameters jsonb DEFAULT '{}'::jsonb NOT NULL,
    data jsonb DEFAULT '{}'::jsonb NOT NULL,
    job_id text,
    created_by text NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    filled_at timestamp with time zone,
    CONSTRAINT model_versions_combined_check CHECK (((origin <> 'combined'::text) OR (framework = 'ensemble'::text))),
    CONSTRAINT model_versions_filled_check CHECK ((((signature IS NULL) = (filled_at IS NULL)) AND ((filled_at IS NOT NULL) OR (stage = 'development'::text)))),
    CONSTRAINT model_versions_framework_check CHECK ((framework = ANY (ARRAY['sklearn'::text, 'xgboost'::text, 'lightgbm'::text, 'onnx'::text, 'tensorflow'::text, 'ensemble'::text]))),
    CONSTRAINT model_versions_origin_check CHECK ((origin = ANY (ARRAY['trained'::text, 'uploaded'::text, 'combined'::text]))),
    CONSTRAINT model_versions_stage_check CHECK ((stage = ANY (ARRAY['development'::text, 'staging'::text, 'production'::text, 'archived'::text])))
);
ALTER TABLE ONLY public.model_versions FORCE ROW LEVEL SECURITY;
CREATE TABLE public.models (
    id uuid NOT NULL,
    tenant_id text NOT NULL,
    name text NOT NULL,
    description text DEFAULT ''::text NOT NULL,
    model_type text NOT NULL,
    framework text NOT NULL,
    tags jsonb DEFAULT '{}'::jsonb NOT NULL,
    had_production boolean DEFAULT false NOT NULL,
    revision bigint DEFAULT 0 NOT NULL,
    created_by text NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    updated_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT models_framework_check CHECK ((framework = ANY (ARRAY['sklearn'::text, 'xgboost'::text, 'lightgbm'::text, 'onnx'::text, 'tensorflow'::text, 'ensemble'::text]))),
    CONSTRAINT models_model_type_check CHECK ((model_type = ANY (ARRAY['classification'::text, 'regression'::text])))
);
ALTER TABLE ONLY public.models FORCE ROW LEVEL SECURITY;
CREATE TABLE public.outbox (
    id uuid NOT NULL,
    tenant_id text NOT NULL,
    sequence bigint,
    type text NOT NULL,
    data jsonb NOT NULL,
    created_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL
);
ALTER TABLE ONLY public.outbox FORCE ROW LEVEL SECURITY;
CREATE TABLE public.outbox_sequences (
    tenant_id text NOT NULL,
    last bigint NOT NULL
);
ALTER TABLE ONLY public.outbox_sequences FORCE ROW LEVEL SECURITY;
CREATE TABLE public.prediction_counts (
    tenant_id text NOT NULL,
    model_id uuid NOT NULL,
    window_start timestamp with time zone NOT NULL,
    version text NOT NULL,
    code text NOT NULL,
    requests bigint NOT NULL,
    row_count bigint NOT NULL
);
ALTER TABLE ONLY public.prediction_counts FORCE ROW LEVEL SECURITY;
CREATE TABLE public.prediction_log (
    tenant_id text NOT NULL,
    request_id uuid NOT NULL,
    model_id uuid NOT NULL,
    version text NOT NULL,
    row_count integer NOT NULL,
    latency_ms double precision NOT NULL,
    features json NOT NULL,
    output json NOT NULL,
    batch json,
    deployment text,
    arm text,
    shadow boolean,
    ensemble json,
    entity_keys json
)
PARTITION BY RANGE (request_id);
ALTER TABLE ONLY public.prediction_log FORCE ROW LEVEL SECURITY;
CREATE TABLE public.prediction_log_settings (
    tenant_id text NOT NULL,
    model_id uuid NOT NULL,
    sample_rate double precision,
    retention_days integer,
    redacted_features jsonb DEFAULT '[]'::jsonb NOT NULL,
    CONSTRAINT prediction_log_settings_retention_days_check CHECK (((retention_days >= 1) AND (retention_days <= 3650))),
    CONSTRAINT prediction_log_settings_sample_rate_check CHECK (((sample_rate >= (0)::double precision) AND (sample_rate <= (1)::double precision)))
);
ALTER TABLE ONLY public.prediction_log_settings FORCE ROW LEVEL SECURITY;
CREATE TABLE public.schedules (
    id uuid NOT NULL,
    tenant_id text NOT NULL,
    name text NOT NULL,
    kind text NOT NULL,
    request jsonb NOT NULL,
    cron text NOT NULL,
    time_zone text NOT NULL,
    enabled boolean NOT NULL,
    next_run_at timestamp with time zone,
    last_run jsonb,
    created_by text NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    updated_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT schedules_enabled_check CHECK ((enabled = (next_run_at IS NOT NULL)))
);
ALTER TABLE ONLY public.schedules FORCE ROW LEVEL SECURITY;
CREATE TABLE public.stage_changes (
    id uuid NOT NULL,
    tenant_id text NOT NULL,
    model_id uuid NOT NULL,
    version text NOT NULL,
    from_stage text NOT NULL,
    to_stage text NOT NULL,
    reason text DEFAULT ''::text NOT NULL,
    changed_by text NOT NULL,
    changed_at timestamp with time zone DEFAULT now() NOT NULL
);
ALTER TABLE ONLY public.stage_changes FORCE ROW LEVEL SECURITY;
CREATE TABLE public.stored_bytes (
    tenant_id text NOT NULL,
    kind text NOT NULL,
    bytes bigint NOT NULL
);
ALTER TABLE ONLY public.stored_bytes FORCE ROW LEVEL SECURITY;
CREATE TABLE public.stored_items (
    tenant_id text NOT NULL,
    kind text NOT NULL,
    name text NOT NULL,
    bytes bigint NOT NULL,
    target text,
    until timestamp with time zone,
    CONSTRAINT stored_items_bytes_check CHECK ((bytes >= 0)),
    CONSTRAINT stored_items_kind_check CHECK ((kind = ANY (ARRAY['object'::text, 'artifact'::text, 'log'::text, 'reservation'::text, 'presigned'::text]))),
    CONSTRAINT stored_items_until_check CHECK (((until IS NOT NULL) = (kind = ANY (ARRAY['reservation'::text, 'presigned'::text]))))
);
ALTER TABLE ONLY public.stored_items FORCE ROW LEVEL SECURITY;
CREATE TABLE public.tasks (
    name text NOT NULL,
    next_at timestamp with time zone DEFAULT now() NOT NULL,
    holder text,
    attempt integer DEFAULT 0 NOT NULL,
    lease_until timestamp with time zone,
    last_started_at timestamp with time zone,
    last_ended_at timestamp with time zone,
    last_succeeded_at timestamp with time zone,
    last_outcome text,
    last_error text,
    CONSTRAINT tasks_holder_check CHECK (((holder IS NULL) = (lease_until IS NULL))),
    CONSTRAINT tasks_last_outcome_check CHECK ((last_outcome = ANY (ARRAY['succeeded'::text, 'failed'::text])))
);
CREATE TABLE public.tenant_usage (
    tenant_id text NOT NULL,
    day date NOT NULL,
    requests bigint DEFAULT 0 NOT NULL,
    row_count bigint DEFAULT 0 NOT NULL,
    job_seconds double precision DEFAULT 0 NOT NULL,
    stored_bytes bigint
);
ALTER TABLE ONLY public.tenant_usage FORCE ROW LEVEL SECURITY;
CREATE TABLE public.version_certainties (
    tenant_id text NOT NULL,
    version_id uuid NOT NULL,
    calibration jsonb,
    threshold_curve jsonb,
    threshold jsonb
);
ALTER TABLE ONLY public.version_certainties FORCE ROW LEVEL SECURITY;
CREATE TABLE public.version_files (
    tenant_id text NOT NULL,
    version_id uuid NOT NULL,
    name text NOT NULL,
    sha256 text NOT NULL,
    size bigint NOT NULL,
    CONSTRAINT version_files_name_check CHECK ((name = ANY (ARRAY['model'::text, 'core'::text, 'baseline'::text, 'background'::text, 'card'::text, 'card_markdown'::text]))),
    CONSTRAINT version_files_sha256_check CHECK ((sha256 ~ '^[0-9a-f]{64}$'::text)),
    CONSTRAINT version_files_size_check CHECK ((size > 0))
);
ALTER TABLE ONLY public.version_files FORCE ROW LEVEL SECURITY;
ALTER TABLE ONLY public.migrations ALTER COLUMN id SET DEFAULT nextval('public.migrations_id_seq'::regclass);
INSERT INTO public.catalog_revision VALUES (1, 0, 0);
INSERT INTO public.migrations VALUES (1, 1760000000001, 'Jobs1760000000001');
INSERT INTO public.migrations VALUES (2, 1760000000002, 'Models1760000000002');
INSERT INTO public.migrations VALUES (3, 1760000000003, 'IdempotencyKeys1760000000003');
INSERT INTO public.migrations VALUES (4, 1760000000004, 'PredictionLog1760000000004');
INSERT INTO public.migrations VALUES (5, 1760000000005, 'Tasks1760000000005');
INSERT INTO public.migrations VALUES (6, 1760000000006, 'Outbox1760000000006');
INSERT INTO public.migrations VALUES (7, 1760000000007, 'ApiKeys1760000000007');
INSERT INTO public.migrations VALUES (8, 1760000000008, 'Quotas1760000000008');
INSERT INTO public.migrations VALUES (9, 1760000000009, 'VersionCertainties1760000000009');
SELECT pg_catalog.setval('public.migrations_id_seq', 9, true);
ALTER TABLE ONLY public.migrations
    ADD CONSTRAINT "PK_8c82d7f526340ab734260ea46be" PRIMARY KEY (id);
ALTER TABLE ONLY public.api_keys
    ADD CONSTRAINT api_keys_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.api_keys
    ADD CONSTRAINT api_keys_tenant_id_id_key UNIQUE (tenant_id, id);
ALTER TABLE ONLY public.catalog_revision
    ADD CONSTRAINT catalog_revision_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.changes
    ADD CONSTRAINT changes_pkey PRIMARY KEY (tenant_id, kind, key);
ALTER TABLE ONLY public.idempotency_keys
    ADD CONSTRAINT idempotency_keys_pkey PRIMARY KEY (tenant_id, key);
ALTER TABLE ONLY public.job_events
    ADD CONSTRAINT job_events_pkey PRIMARY KEY (tenant_id, job_id, attempt, seq);
ALTER TABLE ONLY public.jobs
    ADD CONSTRAINT jobs_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.jobs
    ADD CONSTRAINT jobs_tenant_id_id_key UNIQUE (tenant_id, id);
ALTER TABLE ONLY public.model_versions
    ADD CONSTRAINT model_versions_job_key UNIQUE (model_id, job_id);
ALTER TABLE ONLY public.model_versions
    ADD CONSTRAINT model_versions_number_key UNIQUE (tenant_id, model_id, major, minor, patch);
ALTER TABLE ONLY public.model_versions
    ADD CONSTRAINT model_versions_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.model_versions
    ADD CONSTRAINT model_versions_tenant_id_id_key UNIQUE (tenant_id, id);
ALTER TABLE ONLY public.models
    ADD CONSTRAINT models_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.models
    ADD CONSTRAINT models_tenant_id_id_key UNIQUE (tenant_id, id);
ALTER TABLE ONLY public.models
    ADD CONSTRAINT models_tenant_id_name_key UNIQUE (tenant_id, name);
ALTER TABLE ONLY public.outbox
    ADD CONSTRAINT outbox_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.outbox
    ADD CONSTRAINT outbox_sequence_key UNIQUE (tenant_id, sequence);
ALTER TABLE ONLY public.outbox_sequences
    ADD CONSTRAINT outbox_sequences_pkey PRIMARY KEY (tenant_id);
ALTER TABLE ONLY public.outbox
    ADD CONSTRAINT outbox_tenant_id_id_key UNIQUE (tenant_id, id);
ALTER TABLE ONLY public.prediction_counts
    ADD CONSTRAINT prediction_counts_pkey PRIMARY KEY (tenant_id, model_id, window_start, version, code);
ALTER TABLE ONLY public.prediction_log
    ADD CONSTRAINT prediction_log_pkey PRIMARY KEY (tenant_id, request_id);
ALTER TABLE ONLY public.prediction_log_settings
    ADD CONSTRAINT prediction_log_settings_pkey PRIMARY KEY (tenant_id, model_id);
ALTER TABLE ONLY public.schedules
    ADD CONSTRAINT schedules_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.schedules
    ADD CONSTRAINT schedules_tenant_id_id_key UNIQUE (tenant_id, id);
ALTER TABLE ONLY public.stage_changes
    ADD CONSTRAINT stage_changes_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.stage_changes
    ADD CONSTRAINT stage_changes_tenant_id_id_key UNIQUE (tenant_id, id);
ALTER TABLE ONLY public.stored_bytes
    ADD CONSTRAINT stored_bytes_pkey PRIMARY KEY (tenant_id, kind);
ALTER TABLE ONLY public.stored_items
    ADD CONSTRAINT stored_items_pkey PRIMARY KEY (tenant_id, kind, name);
ALTER TABLE ONLY public.tasks
    ADD CONSTRAINT tasks_pkey PRIMARY KEY (name);
ALTER TABLE ONLY public.tenant_usage
    ADD CONSTRAINT tenant_usage_pkey PRIMARY KEY (tenant_id, day);
ALTER TABLE ONLY public.version_certainties
    ADD CONSTRAINT version_certainties_pkey PRIMARY KEY (tenant_id, version_id);
ALTER TABLE ONLY public.version_files
    ADD CONSTRAINT version_files_pkey PRIMARY KEY (tenant_id, version_id, name);
CREATE INDEX api_keys_usable_idx ON public.api_keys USING btree (tenant_id) WHERE (revoked_at IS NULL);
CREATE INDEX changes_revision_idx ON public.changes USING btree (revision);
CREATE INDEX idempotency_keys_age_idx ON public.idempotency_keys USING btree (created_at);
CREATE UNIQUE INDEX jobs_batch_output_key ON public.jobs USING btree (tenant_id, ((spec ->> 'output_path'::text))) WHERE ((kind = 'batch'::text) AND (ended_at IS NULL));
CREATE UNIQUE INDEX jobs_calibration_key ON public.jobs USING btree (tenant_id, ((spec ->> 'model_id'::text)), ((spec ->> 'version'::text))) WHERE ((kind = 'calibration'::text) AND (ended_at IS NULL));
CREATE INDEX jobs_children_idx ON public.jobs USING btree (tenant_id, parent_id, "right"(id, 36)) WHERE (parent_id IS NOT NULL);
CREATE INDEX jobs_ended_idx ON public.jobs USING btree (kind, ended_at);
CREATE INDEX jobs_list_idx ON public.jobs USING btree (tenant_id, kind, id);
CREATE INDEX jobs_newest_by_status_idx ON public.jobs USING btree (tenant_id, status, "right"(id, 36));
CREATE INDEX jobs_newest_idx ON public.jobs USING btree (tenant_id, "right"(id, 36));
CREATE INDEX jobs_open_idx ON public.jobs USING btree (kind, tenant_id, created_at, id) WHERE (ended_at IS NULL);
CREATE INDEX jobs_status_idx ON public.jobs USING btree (kind, status);
CREATE INDEX jobs_training_model_idx ON public.jobs USING btree (tenant_id, ((spec ->> 'model_name'::text)), id) WHERE (kind = 'training'::text);
CREATE INDEX jobs_turn_idx ON public.jobs USING btree (kind, tenant_id, claimed_at);
CREATE INDEX model_versions_job_idx ON public.model_versions USING btree (tenant_id, job_id);
CREATE INDEX model_versions_members_idx ON public.model_versions USING gin (parameters jsonb_path_ops) WHERE (framework = 'ensemble'::text);
CREATE UNIQUE INDEX model_versions_one_production_idx ON public.model_versions USING btree (tenant_id, model_id) WHERE (stage = 'production'::text);
CREATE INDEX models_tags_idx ON public.models USING gin (tags);
CREATE INDEX outbox_age_idx ON public.outbox USING btree (created_at);
CREATE INDEX outbox_type_idx ON public.outbox USING btree (tenant_id, type, sequence);
CREATE INDEX prediction_counts_window_idx ON public.prediction_counts USING btree (window_start);
CREATE INDEX prediction_log_model_idx ON ONLY public.prediction_log USING btree (tenant_id, model_id, request_id);
CREATE INDEX schedules_due_idx ON public.schedules USING btree (next_run_at);
CREATE INDEX stage_changes_model_idx ON public.stage_changes USING btree (tenant_id, model_id, id);
CREATE UNIQUE INDEX stored_items_object_key ON public.stored_items USING btree (name) WHERE (kind = 'object'::text);
CREATE INDEX stored_items_until_idx ON public.stored_items USING btree (until) WHERE (until IS NOT NULL);
CREATE INDEX version_files_sha256_idx ON public.version_files USING btree (tenant_id, sha256);
CREATE CONSTRAINT TRIGGER model_versions_filled AFTER INSERT OR UPDATE OF filled_at ON public.model_versions DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION public.check_filled_version();
CREATE CONSTRAINT TRIGGER outbox_number AFTER INSERT ON public.outbox DEFERRABLE INITIALLY DEFERRED FOR EACH ROW WHEN ((new.sequence IS NULL)) EXECUTE FUNCTION public.number_event();
CREATE TRIGGER prediction_log_added AFTER INSERT ON public.prediction_log REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION public.count_logged();
CREATE TRIGGER prediction_log_removed AFTER DELETE ON public.prediction_log REFERENCING OLD TABLE AS removed FOR EACH STATEMENT EXECUTE FUNCTION public.count_logged();
CREATE TRIGGER stored_items_added AFTER INSERT ON public.stored_items REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION public.add_stored_bytes();
CREATE TRIGGER stored_items_changed AFTER UPDATE ON public.stored_items REFERENCING OLD TABLE AS removed NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION public.add_stored_bytes();
CREATE TRIGGER stored_items_removed AFTER DELETE ON public.stored_items REFERENCING OLD TABLE AS removed FOR EACH STATEMENT EXECUTE FUNCTION public.add_stored_bytes();
CREATE TRIGGER version_files_counted AFTER INSERT OR DELETE ON public.version_files FOR EACH ROW EXECUTE FUNCTION public.count_version_file();
CREATE CONSTRAINT TRIGGER version_files_filled AFTER INSERT OR DELETE OR UPDATE ON public.version_files DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION public.check_filled_version();
ALTER TABLE ONLY public.job_events
    ADD CONSTRAINT job_events_job_fkey FOREIGN KEY (tenant_id, job_id) REFERENCES public.jobs(tenant_id, id) ON DELETE CASCADE;
ALTER TABLE ONLY public.jobs
    ADD CONSTRAINT jobs_parent_fkey FOREIGN KEY (tenant_id, parent_id) REFERENCES public.jobs(tenant_id, id) ON DELETE SET NULL (parent_id) DEFERRABLE;
ALTER TABLE ONLY public.model_versions
    ADD CONSTRAINT model_versions_job_fkey FOREIGN KEY (tenant_id, job_id) REFERENCES public.jobs(tenant_id, id);
ALTER TABLE ONLY public.model_versions
    ADD CONSTRAINT model_versions_model_fkey FOREIGN KEY (tenant_id, model_id) REFERENCES public.models(tenant_id, id) ON DELETE CASCADE;
ALTER TABLE ONLY public.prediction_log_settings
    ADD CONSTRAINT prediction_log_settings_model_fkey FOREIGN KEY (tenant_id, model_id) REFERENCES public.models(tenant_id, id) ON DELETE CASCADE;
ALTER TABLE ONLY public.stage_changes
    ADD CONSTRAINT stage_changes_model_fkey FOREIGN KEY (tenant_id, model_id) REFERENCES public.models(tenant_id, id) ON DELETE CASCADE;
ALTER TABLE ONLY public.version_certainties
    ADD CONSTRAINT version_certainties_version_fkey FOREIGN KEY (tenant_id, version_id) REFERENCES public.model_versions(tenant_id, id) ON DELETE CASCADE;
ALTER TABLE ONLY public.version_files
    ADD CONSTRAINT version_files_version_fkey FOREIGN KEY (tenant_id, version_id) REFERENCES public.model_versions(tenant_id, id) ON DELETE CASCADE;
ALTER TABLE public.api_keys ENABLE ROW LEVEL SECURITY;
ALTER TABLE public.changes ENABLE ROW LEVEL SECURITY;
CREATE POLICY claims ON public.jobs TO modelplane_system USING (true) WITH CHECK (true);
CREATE POLICY counting ON public.stored_bytes FOR SELECT TO modelplane_system USING (true);
CREATE POLICY counting ON public.stored_items TO modelplane_system USING (true) WITH CHECK (true);
CREATE POLICY counting ON public.tenant_usage TO modelplane_system USING (true) WITH CHECK (true);
CREATE POLICY due ON public.schedules FOR SELECT TO modelplane_system USING (true);
CREATE POLICY flush ON public.prediction_counts TO modelplane_system USING (true) WITH CHECK (true);
CREATE POLICY flush ON public.prediction_log FOR INSERT TO modelplane_system WITH CHECK (true);
ALTER TABLE public.idempotency_keys ENABLE ROW LEVEL SECURITY;
ALTER TABLE public.job_events ENABLE ROW LEVEL SECURITY;
ALTER TABLE public.jobs ENABLE ROW LEVEL SECURITY;
ALTER TABLE public.model_versions ENABLE ROW LEVEL SECURITY;
ALTER TABLE public.models ENABLE ROW LEVEL SECURITY;
ALTER TABLE public.outbox ENABLE ROW LEVEL SECURITY;
ALTER TABLE public.outbox_sequences ENABLE ROW LEVEL SECURITY;
CREATE POLICY owner_access ON public.api_keys TO modelplane_owner USING (true) WITH CHECK (true);
CREATE POLICY owner_access ON public.changes TO modelplane_owner USING (true) WITH CHECK (true);
CREATE POLICY owner_access ON public.idempotency_keys TO modelplane_owner USING (true) WITH CHECK (true);
CREATE POLICY owner_access ON public.job_events TO modelplane_owner USING (true) WITH CHECK (true);
CREATE POLICY owner_access ON public.jobs TO modelplane_owner USING (true) WITH CHECK (true);
CREATE POLICY owner_access ON public.model_versions TO modelplane_owner USING (true) WITH CHECK (true);
CREATE POLICY owner_access ON public.models TO modelplane_owner USING (true) WITH CHECK (true);
CREATE POLICY owner_access ON public.outbox TO modelplane_owner USING (true) WITH CHECK (true);
CREATE POLICY owner_access ON public.outbox_sequences TO modelplane_owner USING (true) WITH CHECK (true);
CREATE POLICY owner_access ON public.prediction_counts TO modelplane_owner USING (true) WITH CHECK (true);
CREATE POLICY owner_access ON public.prediction_log TO modelplane_owner USING (true) WITH CHECK (true);
CREATE POLICY owner_access ON public.prediction_log_settings TO modelplane_owner USING (true) WITH CHECK (true);
CREATE POLICY owner_access ON public.schedules TO modelplane_owner USING (true) WITH CHECK (true);
CREATE POLICY owner_access ON public.stage_changes TO modelplane_owner USING (true) WITH CHECK (true);
CREATE POLICY owner_access ON public.stored_bytes TO modelplane_owner USING (true) WITH CHECK (true);
CREATE POLICY owner_access ON public.stored_items TO modelplane_owner USING (true) WITH CHECK (true);
CREATE POLICY owner_access ON public.tenant_usage TO modelplane_owner USING (true) WITH CHECK (true);
CREATE POLICY owner_access ON public.version_certainties TO modelplane_owner USING (true) WITH CHECK (true);
CREATE POLICY owner_access ON public.version_files TO modelplane_owner USING (true) WITH CHECK (true);
ALTER TABLE public.prediction_counts ENABLE ROW LEVEL SECURITY;
ALTER TABLE public.prediction_log ENABLE ROW LEVEL SECURITY;
ALTER TABLE public.prediction_log_settings ENABLE ROW LEVEL SECURITY;
ALTER TABLE public.schedules ENABLE ROW LEVEL SECURITY;
CREATE POLICY settings ON public.prediction_log_settings FOR SELECT TO modelplane_system USING (true);
CREATE POLICY sign_in ON public.api_keys FOR SELECT TO modelplane_system USING (true);
ALTER TABLE public.stage_changes ENABLE ROW LEVEL SECURITY;
ALTER TABLE public.stored_bytes ENABLE ROW LEVEL SECURITY;
ALTER TABLE public.stored_items ENABLE ROW LEVEL SECURITY;
CREATE POLICY sweep ON public.idempotency_keys TO modelplane_system USING (true);
CREATE POLICY sweep ON public.outbox TO modelplane_system USING (true);
CREATE POLICY tenant_isolation ON public.api_keys TO modelplane_app USING ((tenant_id = NULLIF(current_setting('app.tenant_id'::text, true), ''::text))) WITH CHECK ((tenant_id = NULLIF(current_setting('app.tenant_id'::text, true), ''::text)));
CREATE POLICY tenant_isolation ON public.changes TO modelplane_app USING ((tenant_id = NULLIF(current_setting('app.tenant_id'::text, true), ''::text))) WITH CHECK ((tenant_id = NULLIF(current_setting('app.tenant_id'::text, true), ''::text)));
CREATE POLICY tenant_isolation ON public.idempotency_keys TO modelplane_app USING ((tenant_id = NULLIF(current_setting('app.tenant_id'::text, true), ''::text))) WITH CHECK ((tenant_id = NULLIF(current_setting('app.tenant_id'::text, true), ''::text)));
CREATE POLICY tenant_isolation ON public.job_events TO modelplane_app USING ((tenant_id = NULLIF(current_setting('app.tenant_id'::text, true), ''::text))) WITH CHECK ((tenant_id = NULLIF(current_setting('app.tenant_id'::text, true), ''::text)));
CREATE POLICY tenant_isolation ON public.jobs TO modelplane_app USING ((tenant_id = NULLIF(current_setting('app.tenant_id'::text, true), ''::text))) WITH CHECK ((tenant_id = NULLIF(current_setting('app.tenant_id'::text, true), ''::text)));
CREATE POLICY tenant_isolation ON public.model_versions TO modelplane_app USING ((tenant_id = NULLIF(current_setting('app.tenant_id'::text, true), ''::text))) WITH CHECK ((tenant_id = NULLIF(current_setting('app.tenant_id'::text, true), ''::text)));
CREATE POLICY tenant_isolation ON public.models TO modelplane_app USING ((tenant_id = NULLIF(current_setting('app.tenant_id'::text, true), ''::text))) WITH CHECK ((tenant_id = NULLIF(current_setting('app.tenant_id'::text, true), ''::text)));
CREATE POLICY tenant_isolation ON public.outbox TO modelplane_app USING ((tenant_id = NULLIF(current_setting('app.tenant_id'::text, true), ''::text))) WITH CHECK ((tenant_id = NULLIF(current_setting('app.tenant_id'::text, true), ''::text)));
CREATE POLICY tenant_isolation ON public.outbox_sequences TO modelplane_app USING ((tenant_id = NULLIF(current_setting('app.tenant_id'::text, true), ''::text))) WITH CHECK ((tenant_id = NULLIF(current_setting('app.tenant_id'::text, true), ''::text)));
CREATE POLICY tenant_isolation ON public.prediction_counts TO modelplane_app USING ((tenant_id = NULLIF(current_setting('app.tenant_id'::text, true), ''::text))) WITH CHECK ((tenant_id = NULLIF(current_setting('app.tenant_id'::text, true), ''::text)));
CREATE POLICY tenant_isolation ON public.prediction_log TO modelplane_app USING ((tenant_id = NULLIF(current_setting('app.tenant_id'::text, true), ''::text))) WITH CHECK ((tenant_id = NULLIF(current_setting('app.tenant_id'::text, true), ''::text)));
CREATE POLICY tenant_isolation ON public.prediction_log_settings TO modelplane_app USING ((tenant_id = NULLIF(current_setting('app.tenant_id'::text, true), ''::text))) WITH CHECK ((tenant_id = NULLIF(current_setting('app.tenant_id'::text, true), ''::text)));
CREATE POLICY tenant_isolation ON public.schedules TO modelplane_app USING ((tenant_id = NULLIF(current_setting('app.tenant_id'::text, true), ''::text))) WITH CHECK ((tenant_id = NULLIF(current_setting('app.tenant_id'::text, true), ''::text)));
CREATE POLICY tenant_isolation ON public.stage_changes TO modelplane_app USING ((tenant_id = NULLIF(current_setting('app.tenant_id'::text, true), ''::text))) WITH CHECK ((tenant_id = NULLIF(current_setting('app.tenant_id'::text, true), ''::text)));
CREATE POLICY tenant_isolation ON public.stored_bytes TO modelplane_app USING ((tenant_id = NULLIF(current_setting('app.tenant_id'::text, true), ''::text))) WITH CHECK ((tenant_id = NULLIF(current_setting('app.tenant_id'::text, true), ''::text)));
CREATE POLICY tenant_isolation ON public.stored_items TO modelplane_app USING ((tenant_id = NULLIF(current_setting('app.tenant_id'::text, true), ''::text))) WITH CHECK ((tenant_id = NULLIF(current_setting('app.tenant_id'::text, true), ''::text)));
CREATE POLICY tenant_isolation ON public.tenant_usage TO modelplane_app USING ((tenant_id = NULLIF(current_setting('app.tenant_id'::text, true), ''::text))) WITH CHECK ((tenant_id = NULLIF(current_setting('app.tenant_id'::text, true), ''::text)));
CREATE POLICY tenant_isolation ON public.version_certainties TO modelplane_app USING ((tenant_id = NULLIF(current_setting('app.tenant_id'::text, true), ''::text))) WITH CHECK ((tenant_id = NULLIF(current_setting('app.tenant_id'::text, true), ''::text)));
CREATE POLICY tenant_isolation ON public.version_files TO modelplane_app USING ((tenant_id = NULLIF(current_setting('app.tenant_id'::text, true), ''::text))) WITH CHECK ((tenant_id = NULLIF(current_setting('app.tenant_id'::text, true), ''::text)));
ALTER TABLE public.tenant_usage ENABLE ROW LEVEL SECURITY;
CREATE POLICY use ON public.api_keys FOR UPDATE TO modelplane_system USING (true) WITH CHECK (true);
ALTER TABLE public.version_certainties ENABLE ROW LEVEL SECURITY;
ALTER TABLE public.version_files ENABLE ROW LEVEL SECURITY;
CREATE POLICY watch ON public.changes TO modelplane_system USING (true) WITH CHECK (false);
GRANT USAGE ON SCHEMA public TO modelplane_app;
GRANT USAGE ON SCHEMA public TO modelplane_system;
REVOKE ALL ON FUNCTION public.add_stored_bytes() FROM PUBLIC;
REVOKE ALL ON FUNCTION public.count_logged() FROM PUBLIC;
REVOKE ALL ON FUNCTION public.count_version_file() FROM PUBLIC;
REVOKE ALL ON FUNCTION public.delete_ended_jobs(of_kind text, kept_seconds integer) FROM PUBLIC;
GRANT ALL ON FUNCTION public.delete_ended_jobs(of_kind text, kept_seconds integer) TO modelplane_system;
REVOKE ALL ON FUNCTION public.make_prediction_log_partitions(first date, last date) FROM PUBLIC;
GRANT ALL ON FUNCTION public.make_prediction_log_partitions(first date, last date) TO modelplane_system;
REVOKE ALL ON FUNCTION public.number_event() FROM PUBLIC;
REVOKE ALL ON FUNCTION public.prediction_log_day(request_id uuid) FROM PUBLIC;
REVOKE ALL ON FUNCTION public.prediction_log_floor(day date) FROM PUBLIC;
REVOKE ALL ON FUNCTION public.prune_prediction_log(default_days integer, OUT dropped integer, OUT deleted integer, OUT counts_deleted integer) FROM PUBLIC;
GRANT ALL ON FUNCTION public.prune_prediction_log(default_days integer, OUT dropped integer, OUT deleted integer, OUT counts_deleted integer) TO modelplane_system;
GRANT SELECT,INSERT,UPDATE ON TABLE public.api_keys TO modelplane_app;
GRANT SELECT(id) ON TABLE public.api_keys TO modelplane_system;
GRANT SELECT(tenant_id) ON TABLE public.api_keys TO modelplane_system;
GRANT SELECT(prefix) ON TABLE public.api_keys TO modelplane_system;
GRANT SELECT(roles) ON TABLE public.api_keys TO modelplane_system;
GRANT SELECT(digest) ON TABLE public.api_keys TO modelplane_system;
GRANT SELECT(previous_digest) ON TABLE public.api_keys TO modelplane_system;
GRANT SELECT(previous_until) ON TABLE public.api_keys TO modelplane_system;
GRANT SELECT(last_used_at),UPDATE(last_used_at) ON TABLE public.api_keys TO modelplane_system;
GRANT SELECT(expires_at) ON TABLE public.api_keys TO modelplane_system;
GRANT SELECT(revoked_at) ON TABLE public.api_keys TO modelplane_system;
GRANT SELECT ON TABLE public.catalog_revision TO modelplane_app;
GRANT SELECT ON TABLE public.catalog_revision TO modelplane_system;
GRANT UPDATE(revision) ON TABLE public.catalog_revision TO modelplane_app;
GRANT UPDATE(pruned_to) ON TABLE public.catalog_revision TO modelplane_system;
GRANT SELECT,INSERT,UPDATE ON TABLE public.changes TO modelplane_app;
GRANT SELECT,DELETE ON TABLE public.changes TO modelplane_system;
GRANT SELECT,INSERT,DELETE ON TABLE public.idempotency_keys TO modelplane_app;
GRANT DELETE ON TABLE public.idempotency_keys TO modelplane_system;
GRANT SELECT(created_at) ON TABLE public.idempotency_keys TO modelplane_system;
GRANT SELECT,INSERT ON TABLE public.job_events TO modelplane_app;
GRANT SELECT,INSERT,UPDATE ON TABLE public.jobs TO modelplane_app;
GRANT SELECT(id) ON TABLE public.jobs TO modelplane_system;
GRANT SELECT(tenant_id) ON TABLE public.jobs TO modelplane_system;
GRANT SELECT(kind) ON TABLE public.jobs TO modelplane_system;
GRANT SELECT(status),UPDATE(status) ON TABLE public.jobs TO modelplane_system;
GRANT SELECT(needs_cpus) ON TABLE public.jobs TO modelplane_system;
GRANT SELECT(needs_memory_bytes) ON TABLE public.jobs TO modelplane_system;
GRANT SELECT(attempt),UPDATE(attempt) ON TABLE public.jobs TO modelplane_system;
GRANT SELECT(uncounted_attempts) ON TABLE public.jobs TO modelplane_system;
GRANT SELECT(lease_until),UPDATE(lease_until) ON TABLE public.jobs TO modelplane_system;
GRANT SELECT(claimed_at),UPDATE(claimed_at) ON TABLE public.jobs TO modelplane_system;
GRANT UPDATE(worker) ON TABLE public.jobs TO modelplane_system;
GRANT SELECT(cancel_requested_at) ON TABLE public.jobs TO modelplane_system;
GRANT SELECT(pause_requested_at) ON TABLE public.jobs TO modelplane_system;
GRANT SELECT(created_at) ON TABLE public.jobs TO modelplane_system;
GRANT SELECT(started_at),UPDATE(started_at) ON TABLE public.jobs TO modelplane_system;
GRANT SELECT(updated_at),UPDATE(updated_at) ON TABLE public.jobs TO modelplane_system;
GRANT SELECT(ended_at) ON TABLE public.jobs TO modelplane_system;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.model_versions TO modelplane_app;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.models TO modelplane_app;
GRANT SELECT,INSERT ON TABLE public.outbox TO modelplane_app;
GRANT DELETE ON TABLE public.outbox TO modelplane_system;
GRANT SELECT(id) ON TABLE public.outbox TO modelplane_system;
GRANT SELECT(created_at) ON TABLE public.outbox TO modelplane_system;
GRANT SELECT ON TABLE public.outbox_sequences TO modelplane_app;
GRANT SELECT,INSERT ON TABLE public.prediction_counts TO modelplane_app;
GRANT SELECT,INSERT ON TABLE public.prediction_counts TO modelplane_system;
GRANT UPDATE(requests) ON TABLE public.prediction_counts TO modelplane_app;
GRANT UPDATE(requests) ON TABLE public.prediction_counts TO modelplane_system;
GRANT UPDATE(row_count) ON TABLE public.prediction_counts TO modelplane_app;
GRANT UPDATE(row_count) ON TABLE public.prediction_counts TO modelplane_system;
GRANT SELECT,INSERT ON TABLE public.prediction_log TO modelplane_app;
GRANT INSERT ON TABLE public.prediction_log TO modelplane_system;
GRANT SELECT,INSERT,UPDATE ON TABLE public.prediction_log_settings TO modelplane_app;
GRANT SELECT ON TABLE public.prediction_log_settings TO modelplane_system;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.schedules TO modelplane_app;
GRANT SELECT(id) ON TABLE public.schedules TO modelplane_system;
GRANT SELECT(tenant_id) ON TABLE public.schedules TO modelplane_system;
GRANT SELECT(next_run_at) ON TABLE public.schedules TO modelplane_system;
GRANT SELECT,INSERT ON TABLE public.stage_changes TO modelplane_app;
GRANT SELECT ON TABLE public.stored_bytes TO modelplane_app;
GRANT SELECT ON TABLE public.stored_bytes TO modelplane_system;
GRANT SELECT ON TABLE public.stored_items TO modelplane_app;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.stored_items TO modelplane_system;
GRANT SELECT,INSERT,UPDATE ON TABLE public.tasks TO modelplane_system;
GRANT SELECT ON TABLE public.tenant_usage TO modelplane_app;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.tenant_usage TO modelplane_system;
GRANT SELECT,INSERT,UPDATE ON TABLE public.version_certainties TO modelplane_app;
GRANT SELECT,INSERT ON TABLE public.version_files TO modelplane_app;
