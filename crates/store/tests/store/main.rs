//! Statements against a real PostgreSQL: a database each, with the migrations applied. `DATABASE_URL` names the server.

mod accounts;
mod agents;
mod channels;
mod discussions;
mod intake;
mod integrations;
mod leases;
mod limits;
mod namespaces;
mod notices;
mod places;
mod repositories;
mod requests;
mod rules;
mod sessions;
mod starts;
mod support;
mod templates;
mod trips;
mod values;
