//! Calling services of others: one POST to an address that was judged by its name before and by its numbers when it is
//! dialled. No redirect is followed, no proxy is used, and no connection is kept for a later call, so every call is judged
//! anew.

pub(crate) mod tries;

use std::net::IpAddr;
use std::sync::{Arc, LazyLock};

use domain::channels::places::{self, refused_range};
use ipnet::IpNet;
use reqwest::redirect::Policy;
use runtime::names::Guard;
use serde_json::Value;
use url::Url;
use vault::Redactor;

use crate::Config;

/// Bytes of an answer that are read.
const ANSWER_LIMIT: usize = 16 * 1024;

static REDACTOR: LazyLock<Redactor> = LazyLock::new(|| Redactor::new([]).with_addresses());

/// Words of the other side without what looks like a secret or somebody's address.
pub(crate) fn clean(words: &str) -> String {
    REDACTOR.redact(words).into_owned()
}

/// Why no answer came.
pub(crate) struct Unanswered {
    /// In words.
    pub(crate) words: String,
    /// Whether the call may have arrived all the same.
    pub(crate) may_have_heard: bool,
}

/// A client for services of others. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Client {
    http: reqwest::Client,
}

impl Client {
    pub(crate) fn new(config: &Config) -> reqwest::Result<Self> {
        let http = reqwest::Client::builder()
            .dns_resolver(Arc::new(guard(config)))
            .redirect(Policy::none())
            .no_proxy()
            .pool_max_idle_per_host(0)
            .timeout(config.channels.answer_within)
            .build()?;
        Ok(Self { http })
    }

    /// Posts once; status and the beginning of the answer, or why there is none.
    pub(crate) async fn post(&self, url: Url, body: &Value) -> Result<(u16, Vec<u8>), Unanswered> {
        self.posted(url, body).await.map_err(|error| {
            let may_have_heard = !error.is_connect() && !error.is_builder();
            let words = if error.is_timeout() {
                "it did not answer in time".to_owned()
            } else {
                format!("{:#}", anyhow::Error::from(error.without_url()))
            };
            Unanswered { words, may_have_heard }
        })
    }

    async fn posted(&self, url: Url, body: &Value) -> reqwest::Result<(u16, Vec<u8>)> {
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

/// Which addresses are dialled for a host.
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

/// An address, if a service of others may stand there. Judged before each call: it may have been stored when other rules
/// held.
///
/// # Errors
/// The reason, in words.
pub(crate) fn judged(config: &Config, url: &str) -> Result<Url, String> {
    let url = Url::parse(url).map_err(|error| format!("its address cannot be read: {error}"))?;
    let host = url.host_str().unwrap_or_default();
    places::judge(url.scheme(), host, &config.pods.gateway_namespace).map_err(|why| why.to_string())?;
    Ok(url)
}
