-- A host is asked about once while nobody has decided. What somebody decided and was taken back since, or ran out, is asked
-- anew when the same run tries again.
DROP INDEX egress_requests_once;
CREATE UNIQUE INDEX egress_requests_once ON egress_requests (run_id, host) WHERE decision IS NULL;
CREATE INDEX egress_requests_of_run ON egress_requests (run_id, host, requested_at DESC);
