//! What is posted to a channel, where, and what its answer means.

use domain::channels::ChannelKind;
use domain::channels::replies::{self, Reply};
use serde_json::Value;
use url::Url;
use vault::CallbackSecret;

use crate::Config;
use crate::outside::{Client, judged};

/// A channel: what it is for, and its address.
pub(super) type To<'a> = (ChannelKind, &'a str);

/// Asks once; `body` is told where the channel calls back, and has nothing to say when the channel is not for it.
pub(super) async fn ask(
    client: &Client,
    config: &Config,
    to: To<'_>,
    secret: &CallbackSecret,
    body: impl FnOnce(&Url) -> Option<Value>,
) -> Reply {
    let url = match target(config, to) {
        Ok(url) => url,
        Err(why) => return Reply::Refused(why),
    };
    let (kind, _) = to;
    let Some(body) = body(&callback(&config.channels.callback_url, kind, secret)) else {
        return Reply::Refused("this channel cannot ask for what is asked".to_owned());
    };
    match client.post(url, &body).await {
        Ok((status, answer)) => replies::at_once(kind, status, &answer),
        Err(unanswered) => Reply::Trouble(unanswered.words),
    }
}

/// Where it is asked.
fn target(config: &Config, (kind, url): To<'_>) -> Result<Url, String> {
    let mut url = judged(config, url)?;
    let way = match kind {
        ChannelKind::Approver => "approve",
        ChannelKind::Executor => "execute",
    };
    url.set_path(&below(url.path(), way));
    Ok(url)
}

/// Where existing clients of such a service are told its whole address, that stands here as well.
fn below(path: &str, way: &str) -> String {
    let path = path.trim_end_matches('/');
    let base = path.strip_suffix(way).filter(|base| base.ends_with('/')).unwrap_or(path);
    format!("{}/{way}", base.trim_end_matches('/'))
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
    fn the_way_there_stands_below_the_address_or_ends_it() {
        for (path, expected) in [
            ("/", "/approve"),
            ("/below/", "/below/approve"),
            ("/approve", "/approve"),
            ("/below/approve/", "/below/approve"),
            ("/disapprove", "/disapprove/approve"),
            ("/execute", "/execute/approve"),
        ] {
            assert_eq!(below(path, "approve"), expected, "{path}");
        }
    }

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
