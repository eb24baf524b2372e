-- A system of others may know what was decided although it says that it waits for nothing: the answer to a call was lost.
ALTER TABLE integration_requests
    ADD COLUMN answer_lost boolean NOT NULL DEFAULT false,
    DROP CONSTRAINT integration_requests_telling_check,
    ADD CONSTRAINT integration_requests_telling_check CHECK (telling IN ('queued', 'told', 'unclear', 'failed'));

-- Which try of a request in a channel is the newest.
CREATE INDEX channel_tries_newest ON channel_tries (channel_request_id, at DESC);
