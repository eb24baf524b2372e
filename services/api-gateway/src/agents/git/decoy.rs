//! The run's decoy in a push: in any object that the forge does not have yet, be it a file, the name of one, or what a
//! commit says, also when a later commit takes it out again.

use std::collections::{HashMap, HashSet};

use domain::scope::{NO_OBJECT, RefUpdate};
use vault::{Lookout, LookoutStream, Sighting};

use super::command::GitError;
use super::inspect::{Inspected, PATIENCE};

/// Objects up to this size are read once more to show what stood around the decoy.
const SHOWN: u64 = 1024 * 1024;
/// The longest first line of an object: id, kind and size.
const HEAD: usize = 200;

/// Where the decoy was found.
pub(super) struct Found {
    pub(super) sighting: Sighting,
    /// The file's path, or which object it is.
    pub(super) subject: String,
    /// What stood around it.
    pub(super) excerpt: String,
}

impl Inspected<'_> {
    /// The first object of a push that holds the run's decoy.
    pub(super) async fn decoy(&self, updates: &[RefUpdate], lookout: &Lookout) -> Result<Option<Found>, GitError> {
        let news: Vec<_> = updates.iter().map(|update| update.new.as_str()).filter(|new| *new != NO_OBJECT).collect();
        if news.is_empty() {
            return Ok(None);
        }
        let listing = self.git("rev-list").args(["--objects"]).args(news).args(["--not", "--all"]);
        let listing = String::from_utf8_lossy(&listing.stdout(PATIENCE).await?).into_owned();
        let names: HashMap<&str, &str> =
            listing.lines().map(|line| line.split_once(' ').unwrap_or((line, ""))).collect();
        let input: String =
            listing.lines().map(|line| format!("{}\n", line.split(' ').next().unwrap_or_default())).collect();
        let mut objects = Objects::new(lookout);
        let batch = self.git("cat-file").args(["--batch=%(objectname) %(objecttype) %(objectsize)"]);
        let Some(seen) = batch.shown(input.into_bytes(), PATIENCE, |piece| objects.read(piece)).await? else {
            return Ok(None);
        };
        let subject = match names.get(seen.id.as_str()).copied().unwrap_or_default() {
            "" => format!("{} {}", seen.kind, seen.id),
            path => path.to_owned(),
        };
        let excerpt = if seen.size <= SHOWN {
            let contents = self.contents(HashSet::from([seen.id.clone()])).await?;
            contents.get(&seen.id).map(|bytes| lookout.excerpt(bytes, seen.sighting)).unwrap_or_default()
        } else {
            String::new()
        };
        Ok(Some(Found { sighting: seen.sighting, subject, excerpt }))
    }
}

/// An object with the decoy in it.
#[derive(Debug, PartialEq, Eq)]
struct Seen {
    id: String,
    kind: String,
    size: u64,
    sighting: Sighting,
}

/// Reads what `git cat-file --batch` prints, piece by piece: a line about an object, its bytes, a line break.
struct Objects<'a> {
    lookout: &'a Lookout,
    head: Vec<u8>,
    open: Option<Open>,
}

/// An object whose bytes are coming.
struct Open {
    id: String,
    kind: String,
    size: u64,
    left: u64,
    stream: LookoutStream,
}

impl<'a> Objects<'a> {
    fn new(lookout: &'a Lookout) -> Self {
        Self { lookout, head: Vec::new(), open: None }
    }

    fn read(&mut self, mut piece: &[u8]) -> Result<Option<Seen>, GitError> {
        while !piece.is_empty() {
            let Some(open) = &mut self.open else {
                piece = self.read_head(piece)?;
                continue;
            };
            if open.left == 0 {
                // The line break after the object.
                piece = &piece[1..];
                self.open = None;
                continue;
            }
            let most = usize::try_from(open.left).unwrap_or(usize::MAX).min(piece.len());
            let (content, rest) = piece.split_at(most);
            open.left -= most as u64;
            if let Some(sighting) = open.stream.push(content) {
                let Open { id, kind, size, .. } = open;
                return Ok(Some(Seen { id: id.clone(), kind: kind.clone(), size: *size, sighting }));
            }
            piece = rest;
        }
        Ok(None)
    }

    fn read_head<'p>(&mut self, piece: &'p [u8]) -> Result<&'p [u8], GitError> {
        let unread = || GitError::Unread("cat-file");
        let end = piece.iter().position(|byte| *byte == b'\n');
        self.head.extend_from_slice(&piece[..end.unwrap_or(piece.len())]);
        if self.head.len() > HEAD {
            return Err(unread());
        }
        let Some(end) = end else { return Ok(&[]) };
        let head = String::from_utf8(std::mem::take(&mut self.head)).map_err(|_| unread())?;
        let mut words = head.split(' ').map(str::to_owned);
        let (Some(id), Some(kind), Some(size)) = (words.next(), words.next(), words.next()) else {
            return Err(unread());
        };
        let size = size.parse().map_err(|_| unread())?;
        self.open = Some(Open { id, kind, size, left: size, stream: self.lookout.stream() });
        Ok(&piece[end + 1..])
    }
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret;
    use vault::Decoy;

    use super::*;

    #[test]
    fn objects_are_read_wherever_the_pieces_are_cut() {
        let decoy = Decoy::generate();
        let (file, lookout) = (decoy.file().expose_secret().to_owned(), decoy.lookout());
        let batch = format!("aa commit 6\nFirst\n\nbb blob 0\n\ncc blob {}\n{file}\n", file.len());
        for cut in 0..batch.len() {
            let mut objects = Objects::new(&lookout);
            let (first, second) = batch.as_bytes().split_at(cut);
            let seen = objects.read(first).unwrap().or_else(|| objects.read(second).unwrap());
            assert_eq!(seen.map(|seen| (seen.id, seen.kind)), Some(("cc".into(), "blob".into())), "cut at {cut}");
        }
        let clean = batch.replace(&file, &"x".repeat(file.len()));
        assert_eq!(Objects::new(&lookout).read(clean.as_bytes()).unwrap(), None);
        assert!(Objects::new(&lookout).read(b"aa missing\n").is_err());
    }
}
