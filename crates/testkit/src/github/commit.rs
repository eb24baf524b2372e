//! A commit's content, between git's raw form and the API's.

use anyhow::{Context, Result, bail};
use chrono::{DateTime, FixedOffset};
use serde_json::{Value, json};

use super::mirror::text;

/// All a commit says; two with equal content have equal ids.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Commit {
    pub(super) tree: String,
    pub(super) parents: Vec<String>,
    author: Signature,
    committer: Signature,
    message: String,
}

#[derive(Debug, PartialEq, Eq)]
struct Signature {
    name: String,
    email: String,
    at: DateTime<FixedOffset>,
}

impl Commit {
    pub(super) fn parse(raw: &[u8]) -> Result<Self> {
        let text = std::str::from_utf8(raw).context("a commit is not UTF-8")?;
        let (head, message) = text.split_once("\n\n").context("a commit without a message")?;
        let (mut tree, mut parents, mut author, mut committer) = (None, Vec::new(), None, None);
        for line in head.lines() {
            match line.split_once(' ') {
                Some(("tree", sha)) => tree = Some(sha.to_owned()),
                Some(("parent", sha)) => parents.push(sha.to_owned()),
                Some(("author", who)) => author = Some(Signature::parse(who)?),
                Some(("committer", who)) => committer = Some(Signature::parse(who)?),
                _ => bail!("a commit carries {line:?}, which the stand-in cannot keep (signed commits, encodings)"),
            }
        }
        Ok(Self {
            tree: tree.context("a commit without a tree")?,
            parents,
            author: author.context("a commit without an author")?,
            committer: committer.context("a commit without a committer")?,
            message: message.to_owned(),
        })
    }

    pub(super) fn to_api(&self) -> Value {
        json!({
            "message": self.message, "tree": self.tree, "parents": self.parents,
            "author": self.author.to_api(), "committer": self.committer.to_api(),
        })
    }

    pub(super) fn from_api(commit: &Value) -> Result<Self> {
        let parents = commit["parents"].as_array().context("a commit without parents")?;
        let mut message = text(&commit["message"])?.to_owned();
        // The emulator hashes every message with a newline at its end, but keeps it as it came.
        if !message.ends_with('\n') {
            message.push('\n');
        }
        Ok(Self {
            tree: text(&commit["tree"]["sha"])?.to_owned(),
            parents: parents.iter().map(|parent| Ok(text(&parent["sha"])?.to_owned())).collect::<Result<_>>()?,
            author: Signature::from_api(&commit["author"])?,
            committer: Signature::from_api(&commit["committer"])?,
            message,
        })
    }

    pub(super) fn to_raw(&self) -> Vec<u8> {
        let mut raw = format!("tree {}\n", self.tree);
        for parent in &self.parents {
            raw.push_str(&format!("parent {parent}\n"));
        }
        raw.push_str(&format!("author {}\ncommitter {}\n\n", self.author.to_raw(), self.committer.to_raw()));
        raw.push_str(&self.message);
        raw.into_bytes()
    }
}

impl Signature {
    fn parse(line: &str) -> Result<Self> {
        let (name, rest) = line.split_once(" <").context("a signature without an address")?;
        let (email, when) = rest.rsplit_once("> ").context("a signature without a time")?;
        let (seconds, zone) = when.split_once(' ').context("a signature without a zone")?;
        let at = DateTime::from_timestamp(seconds.parse()?, 0).context("a time out of range")?;
        let zone: FixedOffset = zone.parse().map_err(|_| anyhow::anyhow!("unknown zone {zone}"))?;
        Ok(Self { name: name.to_owned(), email: email.to_owned(), at: at.with_timezone(&zone) })
    }

    fn to_raw(&self) -> String {
        format!("{} <{}> {} {}", self.name, self.email, self.at.timestamp(), self.at.format("%z"))
    }

    fn to_api(&self) -> Value {
        json!({"name": self.name, "email": self.email, "date": self.at.to_rfc3339()})
    }

    fn from_api(value: &Value) -> Result<Self> {
        Ok(Self {
            name: text(&value["name"])?.to_owned(),
            email: text(&value["email"])?.to_owned(),
            at: DateTime::parse_from_rfc3339(text(&value["date"])?)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RAW: &str = "tree 4b825dc642cb6eb9a060e54bf8d69288fbee4904\nparent 953249cc4685106b4fa856e49188957993adfdde\n\
        author Änne O'Neil <a@b.test> 1795316821 +0530\ncommitter C <c@d.test> 1795316822 -0800\n\nTitle\n\nBody\n";

    #[test]
    fn a_commit_survives_both_directions() {
        let commit = Commit::parse(RAW.as_bytes()).unwrap();
        assert_eq!(String::from_utf8(commit.to_raw()).unwrap(), RAW);
        let mut api = commit.to_api();
        api["tree"] = json!({"sha": commit.tree});
        api["parents"] = json!([{"sha": commit.parents[0]}]);
        assert_eq!(Commit::from_api(&api).unwrap(), commit);
    }

    #[test]
    fn a_signed_commit_is_refused() {
        let signed = RAW.replace("\n\nTitle", "\ngpgsig -----BEGIN\n\nTitle");
        assert!(Commit::parse(signed.as_bytes()).unwrap_err().to_string().contains("gpgsig"));
    }
}
