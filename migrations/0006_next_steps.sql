-- What people start at the console goes through the same ledger as what they start on GitHub.
ALTER TABLE webhook_deliveries DROP CONSTRAINT webhook_deliveries_source_check;
ALTER TABLE webhook_deliveries ADD CONSTRAINT webhook_deliveries_source_check
    CHECK (source IN ('webhook', 'delivery_log', 'console'));
