-- Each run has a decoy: a credential that opens nothing. Where it turns up in what the agent sends, the run ends.
ALTER TABLE agent_runs
    ADD COLUMN decoy_sealed bytea,              -- AAD: agent_runs/<run id>/decoy; made when a pod first shows its token
    ADD COLUMN tripped_at timestamptz;          -- the decoy was seen; the first sighting is in flow_events
