//! Who and what exists from the start: the seed file, and what the emulator is told of it.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};
use serde::Deserialize;
use serde_json::{Value, json};

use super::worlds;

/// The seed file (YAML).
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Seed {
    #[serde(default)]
    pub(super) people: Vec<Account>,
    #[serde(default)]
    pub(super) organisations: Vec<Organisation>,
    #[serde(default)]
    pub(super) repositories: Vec<Repository>,
    #[serde(default)]
    pub(super) oauth_apps: Vec<OauthApp>,
    /// How many worlds tests may ask for.
    #[serde(default)]
    pub(super) worlds: usize,
    /// Folder with the files of a world's repository, relative to the seed file.
    pub(super) world_files: PathBuf,
}

/// A person or bot with an account.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Account {
    pub(super) login: String,
    pub(super) name: String,
    pub(super) email: String,
    #[serde(default = "yes")]
    pub(super) email_verified: bool,
    /// A personal access token that exists from the start.
    pub(super) token: Option<String>,
    /// What a fine-grained token may do; without it the token may do whatever its owner may.
    pub(super) permissions: Option<BTreeMap<String, String>>,
}

/// An organisation and who belongs to it. Members administer its repositories: the emulator knows no lesser ones.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Organisation {
    pub(super) login: String,
    pub(super) members: Vec<String>,
}

/// A repository, made by `creator` with the files of a folder.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Repository {
    pub(super) owner: String,
    pub(super) name: String,
    pub(super) creator: String,
    #[serde(default = "yes")]
    pub(super) private: bool,
    /// Folder with its first commit's files, relative to the seed file.
    pub(super) files: PathBuf,
    /// Login → `pull`, `triage`, `push`, `maintain` or `admin`.
    #[serde(default)]
    pub(super) collaborators: BTreeMap<String, String>,
}

/// An application people can sign in to.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct OauthApp {
    pub(super) name: String,
    pub(super) client_id: String,
    pub(super) client_secret: String,
    /// A loopback address matches with any port, as on GitHub.
    pub(super) redirect_uris: Vec<String>,
}

impl Seed {
    /// Reads the file; folders in it become absolute.
    pub(super) fn read(path: &Path) -> Result<Self> {
        let text = std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
        let mut seed: Self =
            serde_saphyr::from_str(&text).with_context(|| format!("{} is not a seed", path.display()))?;
        let folder = path.parent().unwrap_or(Path::new("."));
        seed.world_files = folder.join(&seed.world_files);
        for repository in &mut seed.repositories {
            repository.files = folder.join(&repository.files);
        }
        Ok(seed)
    }

    /// The emulator's own seed: accounts and organisations, those of the worlds included. Repositories are made through
    /// the API afterwards, and sign-in applications are the front's business.
    pub(super) fn for_emulator(&self) -> Value {
        let mut users: Vec<Value> = self
            .people
            .iter()
            .map(|person| json!({"login": person.login, "name": person.name, "email": person.email}))
            .collect();
        let mut organisations: Vec<Value> =
            self.organisations.iter().map(|one| organisation(&one.login, &one.members)).collect();
        for number in 0..self.worlds {
            let world = worlds::name(number);
            users.extend(worlds::ROLES.iter().map(|role| {
                json!({"login": worlds::login(&world, role), "name": role, "email": worlds::email(&world, role)})
            }));
            let members: Vec<String> = worlds::MEMBERS.iter().map(|role| worlds::login(&world, role)).collect();
            organisations.push(organisation(&world, &members));
        }
        json!({"tokens": {"unused": {"login": "admin", "scopes": []}}, "github": {"users": users, "orgs": organisations}})
    }

    /// Full names of the repositories that exist from the start; they keep their ids when the stand-in starts again.
    pub(super) fn repository_names(&self) -> Vec<String> {
        self.repositories.iter().map(|one| format!("{}/{}", one.owner, one.name)).collect()
    }

    /// Whether the person's address counts as verified.
    pub(super) fn email_verified(&self, login: &str) -> bool {
        self.people.iter().find(|person| person.login == login).is_none_or(|person| person.email_verified)
    }
}

fn organisation(login: &str, members: &[String]) -> Value {
    let members: Vec<Value> = members.iter().map(|member| json!({"login": member, "role": "admin"})).collect();
    json!({"login": login, "name": login, "members": members})
}

fn yes() -> bool {
    true
}
