-- Agents comment on their own issue and pull request.
ALTER TABLE outbound_actions DROP CONSTRAINT outbound_actions_kind_check;
ALTER TABLE outbound_actions ADD CONSTRAINT outbound_actions_kind_check
    CHECK (kind IN ('service_comment', 'refusal_comment', 'review_comment', 'answer_comment', 'agent_comment',
                    'reaction', 'labels'));
