//! What is posted to a channel, where, and what its answer means.

use domain::channels::ChannelKind;
use domain::channels::replies::{self, Reply};
use store::channel_requests::ToAsk;
use url::Url;
use uuid::Uuid;
use vault::CallbackSecret;

use super::words;
use crate::Config;
use crate::outside::{Client, judged};

/// Asks once.
pub(super) async fn ask(
    client: &Client,
    config: &Config,
    ask: &ToAsk,
    correlation: Uuid,
    secret: &CallbackSecret,
) -> Reply {
    let url = match target(config, ask) {
        Ok(url) => url,
        Err(why) => return Reply::Refused(why),
    };
    let callback = callback(&config.channels.callback_url, ask.kind.0, secret);
    let Some(body) = words::body(ask, &config.public_url, correlation, &callback) else {
        return Reply::Refused("this channel cannot ask for what is asked".to_owned());
    };
    match client.post(url, &body).await {
        Ok((status, answer)) => replies::at_once(ask.kind.0, status, &answer),
        Err(why) => Reply::Trouble(why),
    }
}

/// Where it is asked.
fn target(config: &Config, ask: &ToAsk) -> Result<Url, String> {
    let mut url = judged(config, &ask.url)?;
    let way = match ask.kind.0 {
        ChannelKind::Approver => "approve",
        ChannelKind::Executor => "execute",
    };
    url.set_path(&format!("{}/{way}", url.path().trim_end_matches('/')));
    Ok(url)
}

/// Where it calls back.
fn callback(base: &Url, kind: ChannelKind, secret: &CallbackSecret) -> Url {
    let way = match kind {
        ChannelKind::Approver => "approvers",
        ChannelKind::Executor => "executors",
    };
    let mut url = base.clone();
    url.set_path(&format!("{}/api/v1/{way}/callback", base.path().trim_end_matches('/')));
    url.query_pairs_mut().clear().append_pair("token", secret.expose());
    url
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_way_back_carries_the_secret_and_nothing_else() {
        let secret = CallbackSecret::generate();
        for (base, expected) in [
            ("http://gateway.svc:8083", "http://gateway.svc:8083/api/v1/approvers/callback?token="),
            ("https://in.test/below/?x=1", "https://in.test/below/api/v1/approvers/callback?token="),
        ] {
            let url = callback(&base.parse().unwrap(), ChannelKind::Approver, &secret);
            assert_eq!(url.as_str(), format!("{expected}{}", secret.expose()));
        }
    }
}
