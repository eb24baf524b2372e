//! GitHub's log of deliveries: how often it is read, from where on, and what in it is to be taken in. GitHub keeps three
//! days of it and never repeats a delivery by itself.

use std::collections::HashMap;

use chrono::{DateTime, TimeDelta, Utc};

/// How far the log goes back, with a margin.
const KEPT: TimeDelta = TimeDelta::hours(70);
/// What GitHub says it has delivered and is younger may still be on its way to the ledger.
const ON_ITS_WAY: TimeDelta = TimeDelta::seconds(20);
/// The log is read again from this much before where it was read up to: its entries are not strictly in order.
const OVERLAP: TimeDelta = TimeDelta::minutes(10);

/// Readings that one account makes in an hour. GitHub allows an account 5,000 calls of all kinds
/// (<https://docs.github.com/en/rest/using-the-rest-api/rate-limits-for-the-rest-api>), and runs need theirs.
const READS_AN_HOUR: usize = 2_400;

/// How often each log of an account is read that has so many: as wished, or as GitHub's limit allows.
#[must_use]
pub fn period(wished: TimeDelta, logs: usize) -> TimeDelta {
    let floor = (logs * 3600).div_ceil(READS_AN_HOUR);
    wished.max(TimeDelta::seconds(i64::try_from(floor).unwrap_or(i64::MAX / 1000)))
}

/// A repository's log, seen from when it is to be read.
#[derive(Debug, Clone, Copy)]
pub struct Log {
    /// Numeric id of the account that reads it.
    pub account: i64,
    /// When it was last read, or tried.
    pub read_at: Option<DateTime<Utc>>,
    /// GitHub wants to be left alone with it for now.
    pub held: bool,
}

/// Which of the logs are read now: of each account one at most, the one that has waited longest, so that an account's
/// logs are read one behind another.
#[must_use]
pub fn due(wished: TimeDelta, logs: &[Log], now: DateTime<Utc>) -> Vec<usize> {
    let counts = counts(logs);
    let is_due = |log: &Log| {
        let period = period(wished, counts.get(&log.account).copied().unwrap_or_default());
        // A reading in the future was noted before the clock was set back.
        !log.held && log.read_at.is_none_or(|at| at > now || now - at >= period)
    };
    let mut waiting: Vec<_> = (0..logs.len()).filter(|&place| is_due(&logs[place])).collect();
    waiting.sort_by_key(|&place| logs[place].read_at);
    let mut seen = std::collections::HashSet::new();
    waiting.retain(|&place| seen.insert(logs[place].account));
    waiting
}

/// How many logs each account reads.
#[must_use]
pub fn counts(logs: &[Log]) -> HashMap<i64, usize> {
    let mut counts = HashMap::new();
    for log in logs {
        *counts.entry(log.account).or_default() += 1;
    }
    counts
}

/// What one reading of a log covers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reading {
    /// Entries from here on are looked at.
    pub since: DateTime<Utc>,
    /// Up to here the ledger is whole afterwards.
    pub until: DateTime<Utc>,
    /// From here to `since` the log has forgotten what nobody has read.
    pub lost_since: Option<DateTime<Utc>>,
}

/// What to read, of a repository that was connected then and whose log was read up to there.
#[must_use]
pub fn reading(connected_at: DateTime<Utc>, seen_until: Option<DateTime<Utc>>, now: DateTime<Utc>) -> Reading {
    let (oldest, whole_until) = (now - KEPT, seen_until.unwrap_or(connected_at));
    let since = seen_until.map_or(connected_at, |until| until - OVERLAP);
    Reading {
        since: since.max(oldest).min(now - OVERLAP),
        until: now - ON_ITS_WAY,
        lost_since: (whole_until < oldest).then_some(whole_until),
    }
}

/// Whether an entry that the ledger lacks is taken in now: one that could not be delivered at once, one that seems
/// delivered when it has had time to arrive. `status` is what GitHub was answered; it makes one up when there was no answer.
#[must_use]
pub fn is_lost(status: u16, delivered_at: DateTime<Utc>, now: DateTime<Utc>) -> bool {
    !(200..300).contains(&status) || delivered_at <= now - ON_ITS_WAY
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(1_000_000 + seconds, 0).unwrap()
    }

    #[test]
    fn an_account_reads_no_more_than_its_share_of_githubs_limit() {
        let table = [
            (60, 0, 60),
            (60, 1, 60),
            (60, 40, 60),
            (60, 41, 62),
            (60, 400, 600),
            (10, 6, 10),
            (10, 7, 11),
            (10, 10, 15),
            (3, 2, 3),
            (1, 1, 2),
        ];
        for (wished, logs, expected) in table {
            let period = period(TimeDelta::seconds(wished), logs).num_seconds();
            assert_eq!(period, expected, "{wished} s, {logs} repositories");
            assert!(logs * 3600 <= READS_AN_HOUR * usize::try_from(period).unwrap());
        }
    }

    #[test]
    fn an_accounts_logs_are_read_one_behind_another() {
        let log = |account, read_at: Option<i64>| Log { account, read_at: read_at.map(at), held: false };
        let table: [(&str, Vec<Log>, &[usize]); 7] = [
            ("none", vec![], &[]),
            ("never read", vec![log(1, None)], &[0]),
            ("not yet", vec![log(1, Some(-9))], &[]),
            ("due", vec![log(1, Some(-10))], &[0]),
            (
                "the longest waiting of each account",
                vec![log(1, Some(-10)), log(1, Some(-30)), log(2, Some(-11))],
                &[1, 2],
            ),
            ("the clock was set back", vec![log(1, Some(50))], &[0]),
            ("ten have fifteen seconds", (0..10).map(|n| log(1, Some(-14 + n))).collect(), &[]),
        ];
        for (what, logs, expected) in table {
            assert_eq!(due(TimeDelta::seconds(10), &logs, at(0)), expected, "{what}");
        }
        let held = [Log { held: true, ..log(1, None) }, log(1, Some(-20))];
        assert_eq!(due(TimeDelta::seconds(10), &held, at(0)), [1], "one that is held keeps no other waiting");
    }

    #[test]
    fn ten_logs_of_one_account_are_read_in_turn() {
        let mut logs = vec![Log { account: 1, read_at: None, held: false }; 10];
        let mut reads = Vec::new();
        for second in 0..45 {
            for place in due(TimeDelta::seconds(10), &logs, at(second)) {
                logs[place].read_at = Some(at(second));
                reads.push((second, place));
            }
        }
        let of_first: Vec<_> = reads.iter().filter(|(_, place)| *place == 0).map(|(second, _)| *second).collect();
        assert_eq!((reads.len(), of_first), (30, vec![0, 15, 30]));
    }

    #[test]
    fn what_the_log_has_forgotten_is_lost() {
        let hours = |hours: i64| at(-hours * 3600);
        let table = [
            // connected, seen until, since, lost since; in hours ago
            (100, Some(1), 1, None),
            (2, None, 2, None),
            (100, Some(70), 70, None),
            (200, Some(71), 70, Some(71)),
            (120, None, 70, Some(120)),
        ];
        for (connected, seen, since, lost) in table {
            let reading = reading(hours(connected), seen.map(hours), at(0));
            let overlap = if seen.is_some() && since < 70 { OVERLAP } else { TimeDelta::zero() };
            assert_eq!(
                (reading.since, reading.lost_since),
                (hours(since) - overlap, lost.map(hours)),
                "{connected} {seen:?}"
            );
            assert_eq!(reading.until, at(-20));
        }
        let ahead = reading(hours(9), Some(at(9000)), at(0));
        assert_eq!((ahead.since, ahead.lost_since), (at(-600), None), "the clock was set back");
    }

    #[test]
    fn what_could_not_be_delivered_is_lost_at_once() {
        let table = [
            (200, -1, false),
            (202, -19, false),
            (202, -20, true),
            (0, 0, true),
            (502, 0, true),
            (401, -1, true),
            (504, -90, true),
        ];
        for (status, seconds, expected) in table {
            assert_eq!(is_lost(status, at(seconds), at(0)), expected, "{status} {seconds}");
        }
    }
}
