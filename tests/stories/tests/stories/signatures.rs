//! Deliveries that are not GitHub's, or not what their headers say.

use anyhow::Result;
use stories::{Delivery, Story, labelled};

/// A change that makes a delivery bad, and the status that it is answered with.
type Spoil = (&'static str, u16, fn(&mut Delivery));

#[tokio::test]
async fn what_is_not_signed_by_github_is_refused_and_not_stored() -> Result<()> {
    let mut t = Story::begin().await?;
    let payload = labelled(&t, 1, "run:dev", "2026-11-22T10:00:00Z").await?;
    let good = Delivery::issues("by-hand", &payload);
    let spoils: [Spoil; 8] = [
        ("no signature", 401, |d| d.signature = None),
        ("malformed", 401, |d| d.signature = Some("sha256=zz".into())),
        ("truncated", 401, |d| d.signature = d.signature.take().map(|s| s[..60].to_owned())),
        ("sha-1", 401, |d| d.signature = Some("sha1=da39a3ee5e6b4b0d3255bfef95601890afd80709".into())),
        ("another body", 401, |d| d.body.push(b' ')),
        ("no event", 400, |d| d.event = None),
        ("no delivery id", 400, |d| d.guid = None),
        ("another event", 400, |d| d.event = Some("push".into())),
    ];
    for (what, status, spoil) in spoils {
        let mut delivery = good.clone();
        spoil(&mut delivery);
        assert_eq!(delivery.send(&t).await?.status.as_u16(), status, "{what}");
    }
    assert_eq!(t.ledger().await?, "", "nothing of it was stored");
    t.platform.still_runs()
}
