//! What people run on a checkout: `cargo xtask up`, `down`, `status`, `test`.

mod bench;
mod checks;
mod cli;
mod cluster;
mod codegen;
mod command;
mod daemon;
mod demo;
mod gates;
mod hashing;
mod images;
mod network;
mod node;
mod paths;
mod platform;
mod postgres;
mod prerequisites;
mod prune;
mod sources;
mod stack;
mod standins;
mod steps;
mod wheels;

fn main() -> std::process::ExitCode {
    cli::run()
}
