-- Notes that an account is about to write on GitHub, if it may: $2 writes, at most $3 a minute and $4 an hour. Answers
-- when it may, or NULL: now. Two who ask at once may both be let through; the limits leave room for that.
WITH lately AS (
    SELECT COALESCE(sum(writes) FILTER (WHERE at > app_now() - interval '1 minute'), 0) + $2::int > $3::bigint AS minute_is_full,
           COALESCE(sum(writes), 0) + $2 > $4::bigint AS hour_is_full,
           min(at) FILTER (WHERE at > app_now() - interval '1 minute') + interval '1 minute' AS minute_ends,
           min(at) + interval '1 hour' AS hour_ends
    FROM forge_writes WHERE account = $1 AND at > app_now() - interval '1 hour'
), spent AS (
    INSERT INTO forge_writes (account, at, writes)
    SELECT $1, app_now(), $2::int FROM lately WHERE NOT (minute_is_full OR hour_is_full)
)
SELECT CASE WHEN hour_is_full THEN hour_ends WHEN minute_is_full THEN minute_ends END AS until FROM lately
