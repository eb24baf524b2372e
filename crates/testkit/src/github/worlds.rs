//! Worlds: an organisation, a repository and people of its own for each test. The emulator cannot make accounts while it
//! runs, so a stock of them is in its seed and handed out one by one.

use std::{collections::BTreeMap, sync::atomic::Ordering};

use anyhow::{Context, Result};
use http::Method;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{mirror, server::State};
use crate::git::BareRepository;

/// Everybody in a world.
pub(super) const ROLES: [&str; 5] = ["bot", "owner", "writer", "reader", "stranger"];
/// Those who administer its organisation.
pub(super) const MEMBERS: [&str; 2] = ["bot", "owner"];

/// What a world consists of.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct WorldView {
    /// The organisation's login.
    pub organisation: String,
    /// The repository's numeric id.
    pub repository_id: u64,
    /// The repository's name.
    pub repository: String,
    /// `bot`, `owner` (both administer), `writer`, `reader` and `stranger` (no access).
    pub people: BTreeMap<String, Person>,
}

/// Somebody in a world.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Person {
    /// GitHub's numeric id.
    pub id: u64,
    /// The login.
    pub login: String,
    /// The primary address.
    pub email: String,
    /// A token that may do all its owner may.
    pub token: String,
}

pub(super) fn name(number: usize) -> String {
    format!("w{number:04}")
}

pub(super) fn login(world: &str, role: &str) -> String {
    format!("{world}-{role}")
}

pub(super) fn email(world: &str, role: &str) -> String {
    format!("{role}@{world}.test")
}

/// Whether the login belongs to a world rather than to the seed file's people.
pub(super) fn is_inhabitant(login: &str) -> bool {
    login.split_once('-').is_some_and(|(world, role)| {
        world.strip_prefix('w').is_some_and(|digits| digits.len() >= 4 && digits.bytes().all(|b| b.is_ascii_digit()))
            && ROLES.contains(&role)
    })
}

/// Hands out the next world, its repository filled.
pub(super) async fn create(state: &State) -> Result<WorldView> {
    let number = state.next_world.fetch_add(1, Ordering::Relaxed);
    anyhow::ensure!(number < state.seed.worlds, "all {} worlds are taken; start the stand-in anew", state.seed.worlds);
    let world = name(number);
    let mut people = BTreeMap::new();
    for role in ROLES {
        let (login, token) = (login(&world, role), format!("github_pat_{}", uuid::Uuid::new_v4().simple()));
        let caller = state.tokens.add(&state.emulator, &token, &login, None).await?;
        people.insert(role.to_owned(), Person { id: caller.id, login, email: email(&world, role), token });
    }
    let repository_id = add_repository(state, &world, "sample", &people).await?;
    Ok(WorldView { organisation: world, repository_id, repository: "sample".to_owned(), people })
}

/// Makes a private repository in a world and returns its id.
pub(super) async fn add_repository(
    state: &State,
    world: &str,
    repository: &str,
    people: &BTreeMap<String, Person>,
) -> Result<u64> {
    let owner = people.get("owner").context("a world without an owner")?;
    let new = NewRepository {
        owner: world,
        name: repository,
        private: true,
        creator: &owner.login,
        files: &state.seed.world_files,
        collaborators: [("writer", "push"), ("reader", "pull")]
            .into_iter()
            .map(|(role, right)| (login(world, role), right.to_owned()))
            .collect(),
    };
    new.create(state).await
}

/// A repository about to be made.
#[derive(Debug)]
pub(super) struct NewRepository<'a> {
    pub(super) owner: &'a str,
    pub(super) name: &'a str,
    pub(super) private: bool,
    pub(super) creator: &'a str,
    pub(super) files: &'a std::path::Path,
    pub(super) collaborators: BTreeMap<String, String>,
}

impl NewRepository<'_> {
    /// Makes it in the emulator, commits its files in git and mirrors them.
    pub(super) async fn create(&self, state: &State) -> Result<u64> {
        let token = state.emulator.mint(self.creator, "repo").await?;
        let body = json!({"name": self.name, "private": self.private, "auto_init": false});
        let path = format!("/orgs/{}/repos", self.owner);
        let made = state.emulator.must(Method::POST, &path, Some(&token), &body).await?;
        for (login, permission) in &self.collaborators {
            let path = format!("/repos/{}/{}/collaborators/{login}", self.owner, self.name);
            state.emulator.must(Method::PUT, &path, Some(&token), &json!({"permission": permission})).await?;
        }
        let git = BareRepository::open(state.repository_folder(self.owner, self.name)).await?;
        let email = format!("{}@users.noreply.github.test", self.creator);
        git.import(self.files, "main", (self.creator, &email)).await?;
        let upstream = mirror::Upstream::new(&state.emulator, self.owner, self.name, Some(&token));
        mirror::push(&git, &upstream, &BTreeMap::new()).await?;
        made["id"].as_u64().context("a repository without id")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn inhabitants_are_told_from_people() {
        assert!(is_inhabitant("w0012-bot"));
        assert!(!is_inhabitant("olga"));
        assert!(!is_inhabitant("codex-k8s-bot"));
        assert!(!is_inhabitant("web-bot"));
    }
}
