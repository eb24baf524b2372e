//! What users would notice, told through the front door.

mod access;
mod labels;
mod runs;
mod signatures;
