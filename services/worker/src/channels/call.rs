//! Calling a channel: one POST to an address that was judged by its name before and by its numbers when it is dialled. No
//! redirect is followed, no proxy is used, and no connection is kept for a later call, so every call is judged anew.

use std::net::IpAddr;
use std::sync::{Arc, LazyLock};

use domain::channels::ChannelKind;
use domain::channels::places::{self, refused_range};
use domain::channels::replies::{self, Reply};
use ipnet::IpNet;
use reqwest::redirect::Policy;
use runtime::names::Guard;
use serde_json::Value;
use store::channel_requests::ToAsk;
use url::Url;
use uuid::Uuid;
use vault::{CallbackSecret, Redactor};

use super::words;
use crate::Config;

/// Bytes of an answer that are read.
const ANSWER_LIMIT: usize = 16 * 1024;

static REDACTOR: LazyLock<Redactor> = LazyLock::new(|| Redactor::new([]).with_addresses());

/// Words of the other side without what looks like a secret or somebody's address.
pub(super) fn clean(words: &str) -> String {
    REDACTOR.redact(words).into_owned()
}

/// A client for channels.
pub(super) struct Client {
    http: reqwest::Client,
}

impl Client {
    pub(super) fn new(config: &Config) -> reqwest::Result<Self> {
        let http = reqwest::Client::builder()
            .dns_resolver(Arc::new(guard(config)))
            .redirect(Policy::none())
            .no_proxy()
            .pool_max_idle_per_host(0)
            .timeout(config.channels.answer_within)
            .build()?;
        Ok(Self { http })
    }

    /// Asks once.
    pub(super) async fn ask(&self, config: &Config, ask: &ToAsk, correlation: Uuid, secret: &CallbackSecret) -> Reply {
        let url = match target(config, ask) {
            Ok(url) => url,
            Err(why) => return Reply::Refused(why),
        };
        let callback = callback(&config.channels.callback_url, ask.kind.0, secret);
        let Some(body) = words::body(ask, &config.public_url, correlation, &callback) else {
            return Reply::Refused("this channel cannot ask for what is asked".to_owned());
        };
        match self.post(url, &body).await {
            Ok((status, answer)) => replies::at_once(ask.kind.0, status, &answer),
            Err(error) if error.is_timeout() => Reply::Trouble("it did not answer in time".to_owned()),
            Err(error) => Reply::Trouble(format!("{:#}", anyhow::Error::from(error.without_url()))),
        }
    }

    async fn post(&self, url: Url, body: &Value) -> reqwest::Result<(u16, Vec<u8>)> {
        let mut response = self.http.post(url).json(body).send().await?;
        let (status, mut answer) = (response.status().as_u16(), Vec::new());
        while let Some(chunk) = response.chunk().await? {
            let left = ANSWER_LIMIT.saturating_sub(answer.len());
            answer.extend_from_slice(&chunk[..chunk.len().min(left)]);
            if left <= chunk.len() {
                break;
            }
        }
        Ok((status, answer))
    }
}

/// Which addresses are dialled for a channel's host.
fn guard(config: &Config) -> Guard {
    let refused: Arc<[IpNet]> = config.channels.refused_ranges.clone().into();
    let allowed: Arc<[IpNet]> = config.channels.allowed_ranges.clone().into();
    let within = |ranges: &[IpNet], address: IpAddr| ranges.iter().any(|range| range.contains(&address));
    Guard::new(config.channels.names.clone(), move |host, address| {
        if within(&allowed, address) {
            return None;
        }
        if within(&refused, address) {
            return Some("kept from channels by the platform's owner");
        }
        refused_range(places::of_host(host), address)
    })
}

/// Where it is asked. The address is judged once more: it may have been stored when other rules held.
fn target(config: &Config, ask: &ToAsk) -> Result<Url, String> {
    let mut url = Url::parse(&ask.url).map_err(|error| format!("its address cannot be read: {error}"))?;
    let host = url.host_str().unwrap_or_default();
    places::judge(url.scheme(), host, &config.pods.gateway_namespace).map_err(|why| why.to_string())?;
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
