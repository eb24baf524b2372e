//! Faults on the way of a webhook: what was acknowledged is a row, whatever broke meanwhile. Each test has a PostgreSQL
//! and processes of its own, and prints its counts.

mod crash;
mod database;
mod hang_up;
mod world;
