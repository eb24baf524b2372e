//! The public listener, tried from outside: a real gateway on real sockets, between an HTTP client and stand-ins of the
//! control-plane and GitHub's sign-in.

#![expect(clippy::unwrap_used, reason = "a stand-in that cannot be set up fails its test")]

mod console;
mod github;
mod platform;
mod sign_in;
mod stack;
mod staff;
mod tokens;
mod webhooks;
