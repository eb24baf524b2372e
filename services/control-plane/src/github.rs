//! GitHub as the control-plane asks it about a connected repository.

use anyhow::Context;
use domain::ids::RepositoryId;
use forge::{GitHub, RepositoryName};
use secrecy::SecretString;
use store::repositories::token_aad;
use vault::Sealed;

use crate::state::App;

/// Opens a repository with its sealed token.
pub(crate) fn open(
    app: &App,
    id: RepositoryId,
    full_name: &str,
    sealed: &[u8],
) -> anyhow::Result<(GitHub, RepositoryName)> {
    let token = token(app, id, sealed)?;
    let github = GitHub::new(&app.github_api_url, &token).context("build a client of GitHub")?;
    Ok((github, full_name.parse()?))
}

/// Opens a repository's sealed token.
pub(crate) fn token(app: &App, id: RepositoryId, sealed: &[u8]) -> anyhow::Result<SecretString> {
    let sealed = Sealed::from_bytes(sealed.to_vec());
    app.keyring.open_text(&sealed, &token_aad(id)).context("opening a forge token")
}
