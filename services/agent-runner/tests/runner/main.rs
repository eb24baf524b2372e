//! The runner's binary with the real codex, real git and the scripted model.
//!
//! Takes codex from `CODEXK8S_TEST_CODEX`, else from the development stack's cache.

mod launch;
mod resume;
mod support;
