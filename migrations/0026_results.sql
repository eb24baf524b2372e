-- What an agent may do without asking is recorded and done like what somebody approved, under the same lease; and whoever
-- asked is told what came of it.
ALTER TABLE approvals
    DROP CONSTRAINT approvals_mode_check,
    ADD CONSTRAINT approvals_mode_check CHECK (mode IN ('none', 'delegated', 'owner')),
    ADD COLUMN result jsonb;                    -- of what is done, as the agent is told it; never a secret

-- Nobody is told of what nobody has to decide.
DROP TRIGGER notice_request ON approvals;
CREATE TRIGGER notice_request AFTER INSERT ON approvals FOR EACH ROW
    WHEN (NEW.state = 'requested')
    EXECUTE FUNCTION notice_request();
