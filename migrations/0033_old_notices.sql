-- What people were told is not kept for ever; the run's page keeps what happened.
CREATE INDEX notices_at ON notices (at);
